"""Opening the database file: pragmas, permissions, the schema of a database in memory."""

from __future__ import annotations

import os
import sqlite3
from functools import cache
from pathlib import Path

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from app.persistence.failures import plain
from app.persistence.tables import metadata

BUSY_TIMEOUT_MS = 5000
"""How long a writer waits for a lock: nobody but a backup or a person's own tool should hold one."""


def connect_writer(file: Path) -> sqlite3.Connection:
    """The held connection of the one writer, usable from its thread; makes a missing file. StoreFailed.

    Every commit is synced to disk before it returns (`synchronous=FULL`).
    """
    try:
        _make_private(file)
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        try:
            connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
            connection.execute("PRAGMA journal_mode = WAL")
            connection.execute("PRAGMA synchronous = FULL")
            connection.execute("PRAGMA foreign_keys = ON")
        except BaseException:
            connection.close()
            raise
    except (sqlite3.Error, OSError) as error:
        raise plain(error) from error
    return connection


def connect_memory() -> sqlite3.Connection:
    """A database that lives as long as its connection, with every table made from the metadata."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA foreign_keys = ON")
    connection.executescript(schema_sql())
    return connection


@cache
def schema_sql() -> str:
    """The DDL of every table and index."""
    dialect = sqlite.dialect()
    made = [CreateTable(table).compile(dialect=dialect) for table in metadata.sorted_tables]
    indices = sorted(
        (index for table in metadata.sorted_tables for index in table.indexes), key=lambda ix: str(ix.name)
    )
    made += [CreateIndex(index).compile(dialect=dialect) for index in indices]
    return ";\n".join(str(one).strip() for one in made) + ";"


def _make_private(file: Path) -> None:
    """The file and its directory are for their owner only; SQLite gives the file's mode to its journals."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)
