from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from threading import Event, current_thread

import pytest

from app.persistence.writer import QUICK_SEC, InlineWriter, Job, QuickWriter, Result, ThreadWriter, Writer
from app.ports.store import StoreFailed


def connection() -> sqlite3.Connection:
    made = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    made.execute("CREATE TABLE numbers (value INTEGER PRIMARY KEY)")
    return made


@pytest.fixture(params=[InlineWriter, ThreadWriter, QuickWriter])
async def writer(request: pytest.FixtureRequest) -> AsyncIterator[Writer]:
    made: Writer = request.param(connection())
    yield made
    await made.close()


def add(value: int) -> Callable[[sqlite3.Connection], None]:
    def job(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO numbers VALUES (?)", (value,))

    return job


def read(connection: sqlite3.Connection) -> list[int]:
    return [row[0] for row in connection.execute("SELECT value FROM numbers ORDER BY rowid")]


async def handed_over(writer: Writer, job: Job[Result]) -> asyncio.Task[Result]:
    """The job in the writer's hands, not waited for."""
    task = asyncio.create_task(writer.run(job))
    turn = asyncio.Event()
    asyncio.get_running_loop().call_soon(turn.set)
    await turn.wait()
    return task


async def test_a_job_answers_and_is_kept(writer: Writer) -> None:
    await writer.run(add(1))
    assert await writer.run(read) == [1]


async def test_jobs_run_in_the_order_they_were_handed_over(writer: Writer) -> None:
    seen: list[int] = []

    def note(number: int) -> Job[None]:
        return lambda _: seen.append(number)

    await asyncio.gather(*(writer.run(note(number)) for number in range(200)))
    assert seen == list(range(200))


async def test_every_job_has_a_transaction_of_its_own(writer: Writer) -> None:
    assert await writer.run(lambda connection: connection.in_transaction)
    await writer.run(add(1))
    with pytest.raises(StoreFailed):
        await writer.run(add(1))
    await writer.run(add(2))
    assert await writer.run(read) == [1, 2]


async def test_what_a_job_raises_reaches_its_caller_and_nothing_of_it_is_kept(writer: Writer) -> None:
    def job(connection: sqlite3.Connection) -> None:
        add(1)(connection)
        raise LookupError("no such thing")

    with pytest.raises(LookupError, match="no such thing"):
        await writer.run(job)
    assert await writer.run(read) == []


async def test_what_sqlite_raises_is_a_sentence(writer: Writer) -> None:
    await writer.run(add(1))
    with pytest.raises(StoreFailed, match="contradicts what it holds"):
        await writer.run(add(1))


async def test_a_closed_writer_refuses(writer: Writer) -> None:
    await writer.close()
    await writer.close()
    with pytest.raises(StoreFailed, match="closed"):
        await writer.run(read)


async def test_the_loop_goes_on_while_the_thread_works() -> None:
    writer = ThreadWriter(connection())
    go = Event()
    waiting = await handed_over(writer, lambda _: (go.wait(10), current_thread().name))
    go.set()
    assert await waiting == (True, "database-writer")
    await writer.close()


async def test_closing_finishes_what_waits() -> None:
    writer = ThreadWriter(connection())
    go = Event()
    first = await handed_over(writer, lambda _: go.wait(10))
    last = await handed_over(writer, read)
    closing = asyncio.create_task(writer.close())
    go.set()
    await closing
    assert (await first, await last) == (True, [])


async def test_a_job_whose_caller_gave_up_is_done_all_the_same() -> None:
    writer = ThreadWriter(connection())
    go = Event()
    waiting = await handed_over(writer, lambda _: go.wait(10))
    given_up = await handed_over(writer, add(7))
    given_up.cancel()
    go.set()
    await waiting
    assert await writer.run(read) == [7]
    await writer.close()


def test_a_loop_that_ended_does_not_stop_the_thread() -> None:
    go = Event()

    async def leave() -> ThreadWriter:
        writer = ThreadWriter(connection())
        task = await handed_over(writer, lambda _: go.wait(10))
        task.cancel()
        return writer

    writer = asyncio.run(leave())
    go.set()

    async def come_back() -> list[int]:
        found = await writer.run(read)
        await writer.close()
        return found

    assert asyncio.run(come_back()) == []


class Disk:
    """A clock that each job moves by what the disk takes."""

    def __init__(self) -> None:
        self.at = 0.0
        self.takes = 0.0

    def now(self) -> float:
        return self.at

    def job(self, _: sqlite3.Connection) -> str:
        self.at += self.takes
        return current_thread().name


async def test_a_quick_disk_is_written_in_the_callers_turn_and_a_slow_one_beside_the_loop() -> None:
    disk = Disk()
    writer = QuickWriter(connection(), disk.now)
    here = current_thread().name

    disk.takes = QUICK_SEC / 2
    assert {await writer.run(disk.job) for _ in range(20)} == {here}
    disk.takes = QUICK_SEC * 20
    assert await writer.run(disk.job) == here
    assert await writer.run(disk.job) == "database-writer"
    disk.takes = QUICK_SEC / 2
    names = [await writer.run(disk.job) for _ in range(100)]

    assert (names[0], names[-1]) == ("database-writer", here)
    await writer.close()


async def test_a_disk_that_is_slow_now_and_then_is_tried_in_the_turn_ever_more_rarely() -> None:
    disk = Disk()
    writer = QuickWriter(connection(), disk.now)
    here = current_thread().name
    stalls = 0
    for number in range(3000):
        disk.takes = QUICK_SEC * 10 if number % 5 == 0 else QUICK_SEC / 4
        if await writer.run(disk.job) == here:
            stalls += disk.takes > QUICK_SEC
    assert stalls < 60
    await writer.close()


async def test_a_job_waits_for_one_whose_caller_gave_up() -> None:
    disk = Disk()
    writer = QuickWriter(connection(), disk.now)
    disk.takes = QUICK_SEC * 20
    await writer.run(disk.job)
    go = Event()
    given_up = await handed_over(writer, lambda connection: (add(1)(connection), go.wait(10)))
    given_up.cancel()
    after = await handed_over(writer, read)
    go.set()
    assert await after == [1]
    await writer.close()


async def test_the_lock_of_another_program_is_waited_for_beside_the_loop(tmp_path: Path) -> None:
    file = tmp_path / "numbers.db"
    ours, theirs = (sqlite3.connect(file, isolation_level=None, check_same_thread=False) for _ in range(2))
    ours.execute("CREATE TABLE numbers (value INTEGER PRIMARY KEY)")
    writer = QuickWriter(ours)
    theirs.execute("BEGIN IMMEDIATE")
    waiting = await handed_over(writer, lambda connection: (add(1)(connection), current_thread().name)[1])
    assert not waiting.done()
    theirs.execute("ROLLBACK")
    assert await waiting == "database-writer"
    assert await writer.run(lambda _: current_thread().name) == current_thread().name
    assert await writer.run(read) == [1]
    await writer.close()
    theirs.close()
