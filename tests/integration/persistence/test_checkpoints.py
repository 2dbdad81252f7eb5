from __future__ import annotations

import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event

import pytest

from app.messages.records import Changes
from app.persistence import checkpoints
from app.persistence.checkpoints import ENOUGH_ROWS, MOST_ROWS, Checkpointer
from app.persistence.connections import MOST_PAGES_IN_LOG, back_up, connect
from app.persistence.database import open_database
from app.persistence.writer import transact
from tests.unit.persistence.entities import T0

PAGES_A_COMMIT = 20
KILLED_AFTER = 150

_PROGRAM = """
import asyncio, sys
from pathlib import Path
from app.messages.records import Changes
from app.persistence import checkpoints
from app.persistence.database import open_database
from tests.unit.persistence.entities import an_event

checkpoints.LOOK_SEC = 0
checkpoints.MOST_ROWS = 4

async def main():
    database = open_database(Path(sys.argv[1]))
    number = 0
    while True:
        number += 1
        await database.store.commit(Changes(facts={"number": str(number)}, events=(an_event(number),)))
        print(number, flush=True)

asyncio.run(main())
"""


class Books:
    """A file written in commits of `PAGES_A_COMMIT` pages, with a checkpointer that looks when told to."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self.log = file.with_name(file.name + "-wal")
        self.connection = connect(file)
        self.connection.execute("CREATE TABLE texts (id INTEGER PRIMARY KEY, value TEXT)")
        self.connection.execute("PRAGMA synchronous = OFF")  # nothing here loses its power
        self.checkpointer = Checkpointer(file, lambda: self.connection.total_changes)
        self.number = 0

    def commit(self, times: int = 1) -> None:
        for _ in range(times):
            self.number += 1
            transact(self.connection, self._write)

    def _write(self, connection: sqlite3.Connection) -> None:
        rows = [(row, f"{self.number} {'x' * 3000}") for row in range(PAGES_A_COMMIT)]
        connection.executemany("INSERT OR REPLACE INTO texts VALUES (?, ?)", rows)

    @property
    def pages_in_log(self) -> int:
        """As long as the file has ever been."""
        return self.log.stat().st_size // 4096

    def copied(self) -> str | None:
        """What stands in the database when nobody has the log."""
        with closing(sqlite3.connect(f"{self.file.as_uri()}?immutable=1", uri=True)) as alone:
            row = alone.execute("SELECT value FROM texts").fetchone()
        return str(row[0]).split()[0] if row else None


@pytest.fixture
def books(tmp_path: Path) -> Iterator[Books]:
    made = Books(tmp_path / "plain.db")
    made.commit()
    made.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    yield made
    made.checkpointer.stop()
    made.connection.close()


def test_the_log_stays_short_under_thousands_of_commits_with_readers_now_and_then(books: Books) -> None:
    for _ in range(6):
        with closing(sqlite3.connect(books.file, isolation_level=None)) as reader:
            reader.execute("BEGIN")
            reader.execute("SELECT * FROM texts").fetchone()
            for _ in range(4):
                books.commit(25)
                books.checkpointer.look()
        for _ in range(16):
            books.commit(25)
            books.checkpointer.look()
    assert books.number > 3000
    assert books.pages_in_log < 3 * MOST_ROWS < MOST_PAGES_IN_LOG


def test_a_commit_leaves_the_copying_to_the_checkpointer(books: Books) -> None:
    books.commit(MOST_ROWS // PAGES_A_COMMIT)
    assert books.copied() == "1"
    books.checkpointer.look()
    assert books.copied() == str(books.number)


def test_a_calm_moment_is_waited_for(books: Books) -> None:
    books.commit(ENOUGH_ROWS // PAGES_A_COMMIT)
    books.checkpointer.look()
    books.commit()
    books.checkpointer.look()
    assert books.copied() == "1"
    books.checkpointer.look()
    assert books.copied() == str(books.number)


def test_a_little_is_not_worth_a_checkpoint(books: Books) -> None:
    books.commit(ENOUGH_ROWS // PAGES_A_COMMIT // 2)
    for _ in range(3):
        books.checkpointer.look()
    assert books.copied() == "1"


def test_a_commit_under_way_neither_waits_nor_is_waited_for(books: Books) -> None:
    books.commit(MOST_ROWS // PAGES_A_COMMIT)
    last = str(books.number)
    books.connection.execute("BEGIN IMMEDIATE")
    books.connection.execute("UPDATE texts SET value = 'later'")
    books.checkpointer.look()
    assert books.copied() == last
    books.connection.execute("COMMIT")
    books.checkpointer.look()
    assert books.copied() == "later"


def test_a_log_that_nobody_copies_is_copied_by_a_commit_before_it_fills_the_disk(books: Books) -> None:
    books.commit(2 * MOST_PAGES_IN_LOG // PAGES_A_COMMIT)
    assert books.pages_in_log < MOST_PAGES_IN_LOG + 5 * PAGES_A_COMMIT


def test_a_copy_made_in_the_midst_of_it_is_whole(books: Books, tmp_path: Path) -> None:
    target = tmp_path / "copy.db"
    books.commit(MOST_ROWS // PAGES_A_COMMIT)
    books.checkpointer.look()
    books.commit()
    back_up(books.file, target)
    books.commit(MOST_ROWS // PAGES_A_COMMIT)
    books.checkpointer.look()
    with closing(sqlite3.connect(target)) as copy:
        found = {row[0].split()[0] for row in copy.execute("SELECT value FROM texts")}
    assert found == {str(2 + MOST_ROWS // PAGES_A_COMMIT)}


def test_the_thread_goes_on_looking_after_a_failure(books: Books, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoints, "LOOK_SEC", 0)
    looks = iter(range(3))
    enough = Event()

    def look() -> None:
        if next(looks, None) is None:
            enough.set()
        raise sqlite3.OperationalError("disk I/O error")

    checkpointer = Checkpointer(books.file, lambda: 0)
    monkeypatch.setattr(checkpointer, "look", look)
    checkpointer.start()
    assert enough.wait(10)
    checkpointer.stop()


async def test_what_is_written_to_an_open_database_is_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copied = Event()
    monkeypatch.setattr(checkpoints, "LOOK_SEC", 0)
    monkeypatch.setattr(checkpoints, "MOST_ROWS", 2)

    def copy_all(_: Checkpointer) -> bool:
        copied.set()
        return True

    monkeypatch.setattr(Checkpointer, "_copy_all", copy_all)
    database = open_database(tmp_path)
    await database.store.commit(Changes(facts={"a": "1", "b": "2"}))
    assert copied.wait(10)
    await database.close()


def _killed_amid_checkpoints(data_dir: Path) -> int:
    """How many commits a process acknowledged until it was killed."""
    command = [sys.executable, "-c", _PROGRAM, str(data_dir)]
    root = Path(__file__).parents[3]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for _ in range(KILLED_AFTER):
            process.stdout.readline()
        process.kill()
        return KILLED_AFTER + process.stdout.read().count("\n")


async def test_dying_amid_checkpoints_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    told = _killed_amid_checkpoints(tmp_path)
    database = open_database(tmp_path)
    state = await database.store.load(T0)
    assert state.last_sequence in {told, told + 1}
    assert state.facts == {"number": str(state.last_sequence)}
    assert await database.integrity_check() == ()
    await database.close()
