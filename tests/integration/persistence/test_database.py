from __future__ import annotations

import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from app.messages.records import Changes
from app.persistence.connections import connect
from app.persistence.database import Database, open_database
from app.persistence.writer import InlineWriter
from app.ports.store import StoreFailed
from tests.unit.persistence.entities import T0, a_change, a_group, a_signal


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[InlineWriter]:
    open_file = tmp_path / "plain.db"
    connection = connect(open_file)
    connection.execute("CREATE TABLE texts (value TEXT)")
    connection.execute("PRAGMA busy_timeout = 0")
    made = InlineWriter(connection)
    yield made
    await made.close()


async def test_a_fresh_directory_gets_a_private_file_with_journals_and_no_backup(tmp_path: Path) -> None:
    data_dir = tmp_path / "data"
    database = open_database(data_dir)
    await database.store.commit(Changes(facts={"epoch": "1"}))
    files = {path.name: path.stat().st_mode & 0o777 for path in data_dir.iterdir()}
    assert files == {"ziggurat.db": 0o600, "ziggurat.db-shm": 0o600, "ziggurat.db-wal": 0o600}
    assert data_dir.stat().st_mode & 0o777 == 0o700
    await database.close()
    assert [path.name for path in data_dir.iterdir()] == ["ziggurat.db"]


async def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    await open_database(tmp_path).close()
    (tmp_path / "ziggurat.db").chmod(0o644)
    await open_database(tmp_path).close()
    assert (tmp_path / "ziggurat.db").stat().st_mode & 0o777 == 0o600


async def test_the_pragmas_are_set(database: Database) -> None:
    def ask(connection: sqlite3.Connection) -> list[object]:
        names = ("journal_mode", "synchronous", "fullfsync", "foreign_keys")
        return [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in names]

    assert await database.writer.run(ask) == ["wal", 2, 1, 1]


async def test_a_start_on_the_right_schema_does_not_load_alembic(tmp_path: Path) -> None:
    await open_database(tmp_path).close()
    hidden = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "alembic"}
    try:
        await open_database(tmp_path).close()
        await open_database(None).close()
        assert not [name for name in sys.modules if name.split(".")[0] == "alembic"]
    finally:
        sys.modules.update(hidden)


async def test_a_database_in_memory_keeps_everything_until_it_is_closed() -> None:
    database = open_database(None)
    await database.store.commit(Changes(groups=(a_change(a_group()),)))
    assert [item.group for item in (await database.store.load(T0)).groups] == [a_group()]
    assert (database.file, database.queries, await database.integrity_check()) == (None, None, ())
    await database.close()


async def test_two_databases_in_memory_know_nothing_of_each_other() -> None:
    first, second = open_database(None), open_database(None)
    await first.store.commit(Changes(facts={"epoch": "1"}))
    assert (await second.store.load(T0)).facts == {}
    await first.close()
    await second.close()


async def test_a_sound_file_has_no_problems(database: Database) -> None:
    await database.store.commit(Changes(groups=(a_change(a_group()),)))
    assert await database.integrity_check() == ()


async def test_dangling_rows_are_found(database: Database) -> None:
    assert database.file is not None
    with closing(sqlite3.connect(database.file)) as other:
        other.execute("INSERT INTO pyramids VALUES ('g9999999', 0, 's1', '1', '1', 0)")
        other.commit()
    assert await database.integrity_check() == ("a row of pyramids refers to a missing row of groups",)


async def test_a_damaged_file_is_told_at_the_start(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    await database.store.commit(Changes(signals=tuple(a_signal(number) for number in range(500))))
    await database.close()
    file = tmp_path / "ziggurat.db"
    content = bytearray(file.read_bytes())
    content[4096 * 20 : 4096 * 60] = b"\xa5" * 4096 * 40
    file.write_bytes(content)
    with pytest.raises(StoreFailed, match="damaged; restore a backup"):
        open_database(tmp_path)


async def test_a_file_that_is_no_database_is_told_at_the_start(tmp_path: Path) -> None:
    (tmp_path / "ziggurat.db").write_text("a letter to my grandmother " * 100)
    with pytest.raises(StoreFailed, match="is not a database; restore a backup"):
        open_database(tmp_path)


def test_a_directory_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreFailed):
        open_database(tmp_path / "file")


def write(connection: sqlite3.Connection) -> None:
    connection.executemany("INSERT INTO texts VALUES (?)", [("x" * 4000,)] * 20)


async def test_a_full_disk_is_told(writer: InlineWriter) -> None:
    await writer.run(lambda connection: None)
    writer._connection.execute("PRAGMA max_page_count = 5")  # type: ignore[union-attr]
    with pytest.raises(StoreFailed, match=r"The disk is full.*Free some space"):
        await writer.run(write)


async def test_a_locked_file_is_told(writer: InlineWriter, tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "plain.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreFailed, match="locked by another program"):
            await writer.run(write)
        other.execute("ROLLBACK")
    await writer.run(write)


async def test_a_read_only_file_is_told(writer: InlineWriter) -> None:
    writer._connection.execute("PRAGMA query_only = ON")  # type: ignore[union-attr]
    with pytest.raises(StoreFailed, match="The database is read-only"):
        await writer.run(write)


async def test_an_unknown_failure_is_told_in_sqlites_words(writer: InlineWriter) -> None:
    with pytest.raises(StoreFailed, match=r"could not be used.*no such table: nowhere"):
        await writer.run(lambda connection: connection.execute("SELECT * FROM nowhere"))
