"""Opening the database file: pragmas, permissions, the schema of a database in memory."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from functools import cache
from pathlib import Path
from typing import Final

from sqlalchemy.dialects import sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from app.persistence.failures import plain
from app.persistence.tables import metadata
from app.ports.store import StoreFailed

BUSY_TIMEOUT_MS: Final = 5000
"""How long a writer waits for a lock: nobody but a person's own tool should hold one."""
MOST_PAGES_IN_LOG: Final = 16_000
"""At how many pages a commit copies the log itself: the end of its growth should `Checkpointer` never get to do it."""


def connect(file: Path) -> sqlite3.Connection:
    """A writing connection, usable from any one thread; makes a missing file, for its owner only. StoreFailed.

    Every commit is synced to disk before it returns (`synchronous=FULL`). Transactions are begun by hand.
    """
    try:
        _make_private(file)
        connection = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    except (sqlite3.Error, OSError) as error:
        raise plain(error) from error
    try:
        connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA fullfsync = ON")  # macOS: through the drive's own cache too; nothing elsewhere
        connection.execute(f"PRAGMA wal_autocheckpoint = {MOST_PAGES_IN_LOG}")
        connection.execute("PRAGMA foreign_keys = ON")
    except sqlite3.Error as error:
        connection.close()
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


def problems_of(file: Path, *, thorough: bool) -> tuple[str, ...]:
    """What SQLite's own check finds wrong, empty where all is well. StoreFailed where it cannot even be read.

    The thorough check compares indices with tables and looks for dangling references too.
    """
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            check = "integrity_check" if thorough else "quick_check"
            found = [row[0] for row in connection.execute(f"PRAGMA {check}(20)") if row[0] != "ok"]
            if thorough:
                dangling = connection.execute("PRAGMA foreign_key_check").fetchmany(20)
                found += [f"a row of {row[0]} refers to a missing row of {row[2]}" for row in dangling]
    except sqlite3.Error as error:
        raise plain(error) from error
    return tuple(found)


def back_up(file: Path, target: Path) -> None:
    """Copy a database, open or not, to `target`, which appears whole or not at all. StoreFailed."""
    unfinished = target.with_name(target.name + ".part")
    try:
        target.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        unfinished.unlink(missing_ok=True)
        _make_private(unfinished)
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(unfinished)) as copy:
            source.backup(copy)
        unfinished.replace(target)
    except (sqlite3.Error, OSError) as error:
        raise StoreFailed(f"The database could not be copied to {target}: {error}") from error


def _make_private(file: Path) -> None:
    """SQLite gives the file's mode to its journals."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
    file.chmod(0o600)
