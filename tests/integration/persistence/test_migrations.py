from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine

from app.messages.records import Changes
from app.persistence import migrate
from app.persistence.connections import connect_memory
from app.persistence.database import open_database
from app.persistence.tables import metadata
from app.ports.store import StoreFailed
from tests.unit.persistence.entities import T0, a_change, a_fill, a_group

Schema = dict[str, list[str]]


def schema_of(connection: sqlite3.Connection) -> Schema:
    """Every table and index by name, as its lines in no order: columns, keys, CHECKs, conditions."""
    found = connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%' AND name <> 'alembic_version'"
    )
    return {name: sorted(line.strip().rstrip(",") for line in sql.splitlines() if line.strip()) for name, sql in found}


def schema_in(file: Path) -> Schema:
    with closing(sqlite3.connect(file)) as connection:
        return schema_of(connection)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    made = tmp_path / "ziggurat.db"
    migrate.up(made)
    return made


def test_the_migrations_make_what_the_tables_say(file: Path) -> None:
    engine = create_engine(f"sqlite:///{file}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, metadata) == []
    engine.dispose()


def test_the_migrations_make_every_check_index_and_reference_too(file: Path) -> None:
    with closing(connect_memory()) as memory:
        wanted = schema_of(memory)
    assert schema_in(file) == wanted
    assert any("CONSTRAINT ck_orders_status CHECK" in line for line in wanted["orders"])
    assert any("ON DELETE CASCADE" in line for line in wanted["legs"])


def test_the_columns_stand_in_the_same_order(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        for table in metadata.sorted_tables:
            columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table.name})")]
            assert columns == [column.name for column in table.columns]


def test_up_down_up_leaves_the_same_schema(file: Path) -> None:
    first = schema_in(file)
    assert migrate.down(file, "base").current is None
    assert schema_in(file) == {}
    assert migrate.up(file).current == migrate.HEAD
    assert schema_in(file) == first


def test_the_head_is_the_newest_revision() -> None:
    assert ScriptDirectory.from_config(migrate._config()).get_heads() == [migrate.HEAD]


def test_the_status_tells_what_is_pending(tmp_path: Path) -> None:
    file = tmp_path / "ziggurat.db"
    assert migrate.status(file) == migrate.SchemaStatus(None, migrate.HEAD, ("0001", migrate.HEAD))
    assert not file.exists()
    assert migrate.up(file) == migrate.SchemaStatus(migrate.HEAD, migrate.HEAD, ())


async def test_a_file_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    await database.store.commit(Changes(groups=(a_change(a_group()),)))
    await database.close()
    file = tmp_path / "ziggurat.db"
    assert not (tmp_path / "backups").exists()
    migrate.down(file, "base")
    copy = migrate.backup_path(file, migrate.HEAD)
    assert copy == tmp_path / "backups" / f"ziggurat-{migrate.HEAD}.db"
    assert copy.stat().st_mode & 0o777 == 0o600
    assert copy.parent.stat().st_mode & 0o777 == 0o700
    copy.replace(file)
    again = open_database(tmp_path)
    assert [item.group for item in (await again.store.load(T0)).groups] == [a_group()]
    await again.close()


async def test_fills_of_an_earlier_schema_are_kept_in_their_order(tmp_path: Path) -> None:
    database = open_database(tmp_path)
    fills = tuple(replace(a_fill(a_group()), trade_id=trade_id) for trade_id in ("t2", "t1", "t3"))
    await database.store.commit(Changes(groups=(a_change(a_group()),), fills=fills))
    await database.close()
    file = tmp_path / "ziggurat.db"
    assert migrate.down(file, "0001").pending == ("0002",)
    again = open_database(tmp_path)
    assert (await again.store.load(T0)).groups[0].fills == fills
    await again.close()


def test_a_database_of_a_later_version_is_refused_and_left_alone(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    for attempt in (lambda: open_database(file.parent), lambda: migrate.status(file), lambda: migrate.up(file)):
        with pytest.raises(StoreFailed, match="later version"):
            attempt()
    assert migrate.revision_of(file) == "9999"
    assert not (file.parent / "backups").exists()


def test_a_migration_that_fails_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "ziggurat.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE queue (mine TEXT)")
    before = schema_in(file)
    with pytest.raises(StoreFailed, match="already exists"):
        migrate.up(file)
    assert schema_in(file) == before
    assert migrate.revision_of(file) is None


def test_the_folder_of_a_database_may_have_any_name(tmp_path: Path) -> None:
    file = tmp_path / "50% of #1? ü" / "ziggurat.db"
    assert migrate.up(file).current == migrate.HEAD
    assert migrate.revision_of(file) == migrate.HEAD
