"""The write-ahead log copied into the database beside the loop, so that no commit has to stop for it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import Final

from app.persistence.connections import connect

LOOK_SEC: Final = 0.25
ENOUGH_ROWS: Final = 400
"""Written rows, of about a page each, that are worth a checkpoint. A file that is written over syncs in two thirds of
the time of one that grows; the first commit of every log pays for its header."""
MOST_ROWS: Final = 2000
"""Written rows after which a calm moment is no longer waited for."""
PASSES: Final = 2


class Checkpointer:
    """Copies the log of `file` now and then, on a connection and in a thread of its own.

    A PASSIVE checkpoint waits for nobody and nobody waits for it. The writer starts the log over by itself with the
    first commit after one that copied everything, unless a reader still looks into it; then a later one is needed.
    `rows_written` is the writer's own count, read without disturbing it.
    """

    def __init__(self, file: Path, rows_written: Callable[[], int]) -> None:
        self._connection = connect(file)
        self._connection.execute("PRAGMA busy_timeout = 0")
        self._rows_written = rows_written
        self._seen = self._copied = rows_written()
        self._stopping = Event()
        self._thread = Thread(target=self._work, name="database-checkpoints", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Finish the checkpoint that runs, then let the file go. Blocks; the writer's connection must still be open."""
        self._stopping.set()
        if self._thread.is_alive():
            self._thread.join()
        self._connection.close()

    def look(self) -> None:
        """Checkpoint where enough was written and nothing since the last look, or where much was written."""
        written = self._rows_written()
        due = written - self._copied
        if (due >= MOST_ROWS or (due >= ENOUGH_ROWS and written == self._seen)) and self._copy_all():
            self._copied = written
        self._seen = written

    def _copy_all(self) -> bool:
        """Whether nothing is left in the log that is not copied, so that it will be started over.

        Each PASSIVE pass copies what was committed during the one before. Whether a commit is under way tells only
        FULL, which keeps others from writing for as long as it copies what little may be left.
        """
        for _ in range(PASSES):
            self._connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
        busy, *_ = self._connection.execute("PRAGMA wal_checkpoint(FULL)").fetchone()
        return not busy

    def _work(self) -> None:
        while not self._stopping.wait(LOOK_SEC):
            with suppress(sqlite3.Error):  # tried again at the next look; what ails the disk the commits tell
                self.look()
