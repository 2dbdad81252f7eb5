"""Trading truth on disk: one unit of work is one transaction."""

from __future__ import annotations

import sqlite3
from datetime import datetime

from app.messages.records import Changes, StoredGroup, StoredState
from app.persistence import rows
from app.persistence.loading import load_group, load_state
from app.persistence.rows import LastExit
from app.persistence.writer import Writer
from app.ports.store import ChangeRefused

_UNWRITABLE = (ArithmeticError, AttributeError, LookupError, TypeError, ValueError)


class SqliteStore:
    """`app.ports.store.Store` in SQLite, through the one writer."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def load(self, recent_since: datetime) -> StoredState:
        return await self._writer.run(lambda connection: load_state(connection, recent_since))

    async def load_group(self, group_id: str) -> StoredGroup | None:
        return await self._writer.run(lambda connection: load_group(connection, group_id))

    async def commit(self, changes: Changes) -> None:
        """Write all of `changes` durably, or nothing: StoreFailed; ChangeRefused, too, where a value fits no row."""
        try:
            await self._writer.run(lambda connection: write(connection, changes))
        except _UNWRITABLE as error:
            raise ChangeRefused(
                f"The change could not be written; nothing of it was kept ({type(error).__name__}: {error})"
            ) from error


def write(connection: sqlite3.Connection, changes: Changes) -> None:
    """Execute every row of `changes`, parents before children; the caller owns the transaction."""
    _write_groups(connection, changes)
    if changes.signals:
        connection.executemany(rows.PUT_SIGNAL, rows.SIGNAL.encode_all(changes.signals))
    if changes.orders:
        connection.executemany(rows.PUT_ORDER, rows.ORDER.encode_all(changes.orders))
    if changes.fills_removed:
        connection.executemany(rows.DROP_FILL, changes.fills_removed)
    if changes.fills:
        connection.executemany(rows.ADD_FILL, rows.FILL.encode_all(changes.fills))
    if changes.funding:
        connection.executemany(rows.ADD_FUNDING, rows.FUNDING.encode_all(changes.funding))
    _write_queue(connection, changes)
    _write_records(connection, changes)


def _write_groups(connection: sqlite3.Connection, changes: Changes) -> None:
    if not changes.groups:
        return
    connection.executemany(rows.PUT_GROUP, [rows.GROUP.encode(change.group) for change in changes.groups])
    pyramids = [rows.PYRAMID.encode(item, change.group.id) for change in changes.groups for item in change.pyramids]
    if pyramids:
        connection.executemany(rows.PUT_PYRAMID, pyramids)
    legs = [rows.LEG.encode(item, change.group.id) for change in changes.groups for item in change.legs]
    if legs:
        connection.executemany(rows.PUT_LEG, legs)


def _write_queue(connection: sqlite3.Connection, changes: Changes) -> None:
    if changes.queue_removed:
        connection.executemany(rows.DROP_QUEUE, [(signal_id,) for signal_id in changes.queue_removed])
    if changes.queue_put:
        connection.executemany(rows.PUT_QUEUE, rows.QUEUE.encode_all(changes.queue_put))


def _write_records(connection: sqlite3.Connection, changes: Changes) -> None:
    if changes.last_exits:
        exits = [rows.LAST_EXIT.encode(LastExit(*pair)) for pair in changes.last_exits]
        connection.executemany(rows.PUT_LAST_EXIT, exits)
    if changes.events:
        connection.executemany(rows.ADD_EVENT, rows.EVENT.encode_all(changes.events))
    if changes.findings:
        findings = [rows.FINDING.encode(item, None) for item in changes.findings]
        connection.executemany(rows.ADD_FINDING, findings)
    if changes.actions:
        connection.executemany(rows.PUT_ACTION, rows.ACTION.encode_all(changes.actions))
    if changes.equity:
        connection.executemany(rows.PUT_EQUITY, rows.EQUITY.encode_all(changes.equity))
    if changes.facts:
        connection.executemany(rows.PUT_FACT, list(changes.facts.items()))
