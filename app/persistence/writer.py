"""The one writer: every job has a transaction of its own, one after the other, on one held connection."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from threading import Thread
from time import perf_counter
from typing import Any, Protocol, TypeVar

from app.persistence.connections import BUSY_TIMEOUT_MS
from app.persistence.failures import plain
from app.ports.store import StoreFailed

QUICK_SEC = 0.004
"""What the loop may be stopped for."""
QUICK_WAIT_MS = 2
"""How long a lock is waited for in the caller's turn."""
WEIGHT_OF_LAST = 0.1
FIRST_PAUSE = 8
"""For how many jobs the caller's turn is spared once the disk was slow."""
LONGEST_PAUSE = 1024
STEADY = 32
"""So many quick jobs in a row make a quick disk."""
Result = TypeVar("Result")
Job = Callable[[sqlite3.Connection], Result]


class Writer(Protocol):
    """Runs jobs in the order of the calls, each between BEGIN IMMEDIATE and COMMIT.

    What a job raises rolls its transaction back and reaches the caller; sqlite3's errors become StoreFailed. A job
    that was handed over runs to its end even where its caller no longer waits.
    """

    async def run(self, job: Job[Result]) -> Result: ...

    async def close(self) -> None:
        """Finish what waits, then close the connection. Later jobs are a StoreFailed."""
        ...


def transact(connection: sqlite3.Connection, job: Job[Result]) -> Result:
    """What `job` answers, committed; on any exception everything is rolled back. It may have been begun already."""
    try:
        if not connection.in_transaction:
            connection.execute("BEGIN IMMEDIATE")
        result = job(connection)
        connection.execute("COMMIT")
    except sqlite3.Error as error:
        _roll_back(connection)
        raise plain(error) from error
    except BaseException:
        _roll_back(connection)
        raise
    return result


def _roll_back(connection: sqlite3.Connection) -> None:
    with suppress(sqlite3.Error):  # the first error is the one to tell; SQLite rolls back at closing if not here
        if connection.in_transaction:
            connection.execute("ROLLBACK")


def _closed() -> StoreFailed:
    return StoreFailed("The database is closed.")


class InlineWriter:
    """Runs each job in its caller, at once: for replays and tests, where order must be the same every time."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection: sqlite3.Connection | None = connection

    async def run(self, job: Job[Result]) -> Result:
        if self._connection is None:
            raise _closed()
        return transact(self._connection, job)

    async def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


class ThreadWriter:
    """Runs the jobs in one thread of its own, so that the loop goes on while the disk syncs.

    `connection` must be usable from another thread (`check_same_thread=False`); it belongs to the writer from now on.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._jobs: SimpleQueue[tuple[Job[Any], asyncio.Future[Any]] | None] = SimpleQueue()
        self._closing: asyncio.Future[None] | None = None
        self._handed = 0
        self._finished = 0
        self._thread = Thread(target=self._work, name="database-writer", daemon=True)
        self._thread.start()

    async def run(self, job: Job[Result]) -> Result:
        if self._closing is not None:
            raise _closed()
        answer: asyncio.Future[Result] = asyncio.get_running_loop().create_future()
        self._handed += 1
        self._jobs.put((job, answer))
        return await answer

    @property
    def is_closed(self) -> bool:
        return self._closing is not None

    @property
    def is_idle(self) -> bool:
        """Whether every job that was handed over has been done: nobody uses the connection then."""
        return self._finished == self._handed

    async def close(self) -> None:
        if self._closing is None:
            self._closing = asyncio.get_running_loop().create_future()
            self._jobs.put(None)
        await asyncio.shield(self._closing)
        self._thread.join()

    def _work(self) -> None:
        while (handed := self._jobs.get()) is not None:
            job, answer = handed
            try:
                result = transact(self._connection, job)
            except BaseException as error:  # noqa: BLE001 - it is raised again where the job came from
                self._finished += 1
                _tell(answer, _fail, error)
            else:
                self._finished += 1
                _tell(answer, _answer, result)
            del handed, job, answer
        with suppress(sqlite3.Error):
            self._connection.close()
        if self._closing is not None:
            _tell(self._closing, _answer, None)


class QuickWriter:
    """Runs jobs in the caller's turn while the disk is quick, and in a thread of its own while it is slow.

    To hand a job to a thread and back costs as much as a quick disk's sync, and far more while the loop is busy, for
    the two contend for the interpreter. A slow disk must not stop the loop. How quick it is shows in the caller's turn
    only: in the thread a busy loop looks like a slow disk. So it is tried there again now and then, ever more rarely
    while it stays slow. `now` tells seconds, for durations.
    """

    def __init__(self, connection: sqlite3.Connection, now: Callable[[], float] = perf_counter) -> None:
        self._connection = connection
        self._now = now
        self._thread = ThreadWriter(connection)
        self._usual_sec = 0.0
        """How long jobs have taken in the caller's turn lately, the last ones counting most."""
        self._beside = 0
        """How many jobs still go to the thread."""
        self._pause = FIRST_PAUSE
        self._quick = 0
        """How many jobs in a row were quick."""

    async def run(self, job: Job[Result]) -> Result:
        if self._thread.is_closed:
            raise _closed()
        if self._beside == 0 and self._thread.is_idle and not self._is_locked():
            return self._run_here(job)
        self._beside = max(self._beside - 1, 0)
        if self._beside == 0:
            self._usual_sec = 0.0
        return await self._thread.run(job)

    def _is_locked(self) -> bool:
        """Begin the transaction, unless another program holds the database: for that only the thread may wait."""
        self._connection.execute(f"PRAGMA busy_timeout = {QUICK_WAIT_MS}")
        try:
            self._connection.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            return getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_BUSY
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
        return False

    def _run_here(self, job: Job[Result]) -> Result:
        started = self._now()
        try:
            return transact(self._connection, job)
        finally:
            self._note(self._now() - started)

    def _note(self, seconds: float) -> None:
        self._usual_sec += (seconds - self._usual_sec) * WEIGHT_OF_LAST
        self._quick = self._quick + 1 if seconds <= QUICK_SEC else 0
        if self._usual_sec > QUICK_SEC:
            self._beside, self._pause = self._pause, min(self._pause * 2, LONGEST_PAUSE)
        elif self._quick >= STEADY:
            self._pause = FIRST_PAUSE

    async def close(self) -> None:
        await self._thread.close()


def _tell(answer: asyncio.Future[Any], how: Callable[[asyncio.Future[Any], Any], None], what: object) -> None:
    with suppress(RuntimeError):  # the loop is closed, nobody waits any more
        answer.get_loop().call_soon_threadsafe(how, answer, what)


def _answer(answer: asyncio.Future[Any], result: object) -> None:
    if not answer.done():
        answer.set_result(result)


def _fail(answer: asyncio.Future[Any], error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
