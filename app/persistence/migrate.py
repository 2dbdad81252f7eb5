"""The schema's versions: forward, back, and how things stand. A backup precedes every change of an existing file."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from sqlalchemy import NullPool, create_engine, event
from sqlalchemy.exc import DBAPIError

from app.persistence.connections import back_up, connect
from app.persistence.failures import plain
from app.ports.store import StoreFailed

if TYPE_CHECKING:
    from alembic.config import Config

HEAD: Final = "0002"
"""The revision that this version's tables are; known here so that a start without migrations need not load Alembic."""

_SCRIPTS: Final = Path(__file__).parent / "migrations"


@dataclass(frozen=True, slots=True)
class SchemaStatus:
    """`current` is None for a file without tables; `pending` are the revisions still to come, first the next."""

    current: str | None
    head: str
    pending: tuple[str, ...]


def revision_of(file: Path) -> str | None:
    """The revision of a file's schema, None where it has none or there is no file. StoreFailed."""
    if not file.exists():
        return None
    try:
        with closing(sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = connection.execute("SELECT name FROM sqlite_master WHERE name = 'alembic_version'").fetchone()
            row = connection.execute("SELECT version_num FROM alembic_version").fetchone() if found else None
    except sqlite3.Error as error:
        raise plain(error) from error
    return str(row[0]) if row else None


def status(file: Path) -> SchemaStatus:
    """How a file's schema stands; nothing is changed. StoreFailed where it is of a later version."""
    current = _known(revision_of(file))
    return SchemaStatus(current, HEAD, tuple(_revisions_after(current)))


def up(file: Path) -> SchemaStatus:
    """Bring a file, made where there is none, to this version's schema. StoreFailed; the file is then as it was."""
    from alembic import command  # noqa: PLC0415 - a start without migrations need not load Alembic

    _change(file, lambda config: command.upgrade(config, "head"))
    return status(file)


def down(file: Path, revision: str) -> SchemaStatus:
    """Take a file back to an earlier revision, `base` for no tables at all. StoreFailed; the file is then as it was."""
    from alembic import command  # noqa: PLC0415 - a start without migrations need not load Alembic

    _change(file, lambda config: command.downgrade(config, revision))
    return status(file)


def backup_path(file: Path, revision: str) -> Path:
    """Where the copy of a file of `revision` is put before it is migrated."""
    return file.parent / "backups" / f"{file.stem}-{revision}.db"


def _change(file: Path, go: Callable[[Config], None]) -> None:
    current = _known(revision_of(file))
    if current is not None:
        back_up(file, backup_path(file, current))
    engine = create_engine("sqlite://", creator=lambda: connect(file), poolclass=NullPool)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.connect() as connection:
            # a table is altered by making it anew; the old one's removal must not cascade
            raw = connection.connection.driver_connection
            raw.execute("PRAGMA foreign_keys = OFF")  # type: ignore[union-attr]  # it is connected
            config = _config()
            config.attributes["connection"] = connection
            go(config)
    except DBAPIError as error:
        raise plain(error.orig if isinstance(error.orig, Exception) else error) from error
    finally:
        engine.dispose()


def _config() -> Config:
    from alembic.config import Config  # noqa: PLC0415 - a start without migrations need not load Alembic

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    return config


def _revisions_after(current: str | None) -> list[str]:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - a start without migrations need not load Alembic

    scripts = ScriptDirectory.from_config(_config())
    return [script.revision for script in scripts.iterate_revisions("head", current or "base")][::-1]


def _known(revision: str | None) -> str | None:
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - a start without migrations need not load Alembic

    if revision is not None:
        known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
        if revision not in known:
            raise StoreFailed(
                f"The database was made by a later version of Ziggurat (schema {revision}, this one knows {HEAD}); "
                "install that version, or restore a backup made by this one."
            )
    return revision
