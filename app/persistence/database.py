"""A data directory's database: the one writer, what writes through it, and the read-only queries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from app.persistence import migrate
from app.persistence.checkpoints import Checkpointer
from app.persistence.connections import connect, connect_memory, problems_of
from app.persistence.paper_store import SqlitePaperStore
from app.persistence.queries import SqliteQueries
from app.persistence.store import SqliteStore
from app.persistence.writer import InlineWriter, QuickWriter, Writer
from app.ports.store import StoreFailed

FILE_NAME: Final = "ziggurat.db"


@dataclass(frozen=True, slots=True)
class Database:
    """What was opened. In memory there is no `file`, and nothing but the stores can read it."""

    file: Path | None
    writer: Writer
    store: SqliteStore
    paper: SqlitePaperStore
    queries: SqliteQueries | None
    checkpointer: Checkpointer | None

    async def integrity_check(self) -> tuple[str, ...]:
        """What is wrong with the file, empty where all is well; takes its time, beside the loop. StoreFailed."""
        return await asyncio.to_thread(problems_of, self.file, thorough=True) if self.file else ()

    async def close(self) -> None:
        """Finish what waits to be written, then let the file go."""
        if self.queries is not None:
            await self.queries.close()
        if self.checkpointer is not None:
            await asyncio.to_thread(self.checkpointer.stop)
        await self.writer.close()


def open_database(data_dir: Path | None) -> Database:
    """The database of `data_dir`, brought to this version's schema after a backup; or a new one in memory.

    The one in memory writes in the caller's own turn, so that a replay is the same every time. Blocks; the caller holds
    the directory's lock. StoreFailed where the file is damaged, cannot be used, or is of a later version.
    """
    if data_dir is None:
        memory = InlineWriter(connect_memory())
        return Database(None, memory, SqliteStore(memory), SqlitePaperStore(memory), None, None)
    file = data_dir / FILE_NAME
    if file.exists() and file.stat().st_size > 0:
        _refuse_damage(file)
    if migrate.revision_of(file) != migrate.HEAD:
        migrate.up(file)
    connection = connect(file)
    checkpointer = Checkpointer(file, lambda: connection.total_changes)
    checkpointer.start()
    writer = QuickWriter(connection)
    return Database(file, writer, SqliteStore(writer), SqlitePaperStore(writer), SqliteQueries(file), checkpointer)


def _refuse_damage(file: Path) -> None:
    problems = problems_of(file, thorough=False)
    if problems:
        raise StoreFailed(f"The database {file} is damaged; restore a backup. ({problems[0]})")
