"""A data directory's database: the one writer, the store on it, and the read-only queries."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from app.persistence.connections import connect_memory, connect_writer
from app.persistence.store import SqliteStore
from app.persistence.writer import InlineWriter, ThreadWriter, Writer

FILE_NAME = "ziggurat.db"


@dataclass(frozen=True, slots=True)
class Database:
    """What was opened. `file` is None for a database in memory."""

    file: Path | None
    writer: Writer
    store: SqliteStore

    async def close(self) -> None:
        await self.writer.close()


def open_database(data_dir: Path | None) -> Database:
    """The database of `data_dir`, or a new one in memory, which is written in the caller's own turn. StoreFailed."""
    if data_dir is None:
        memory = InlineWriter(connect_memory())
        return Database(None, memory, SqliteStore(memory))
    file = data_dir / FILE_NAME
    writer = ThreadWriter(connect_writer(file))
    return Database(file, writer, SqliteStore(writer))
