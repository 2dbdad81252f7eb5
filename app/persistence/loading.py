"""What the engine goes on with after a start, read back from its rows."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from app.base.clock import from_microseconds, to_microseconds
from app.domain.fill import Fill
from app.domain.group import Group, Leg, Pyramid
from app.domain.order import Order
from app.domain.values import Identity
from app.messages.records import QueueEntry, RiskAction, SeenSignal, SignalRecord, StoredGroup, StoredState
from app.persistence import rows
from app.persistence.codec import Row
from app.persistence.statements import select_sql
from app.persistence.tables import trading
from app.ports.store import ACTIONS_REMEMBERED

_RECENT = (
    "id IN (SELECT id FROM groups WHERE closed_at IS NULL OR closed_at >= ?"
    " OR id IN (SELECT reserved_group FROM queue))"
)
_ONE = "id = ?"


def load_state(connection: sqlite3.Connection, recent_since: datetime) -> StoredState:
    """Everything that is open or waiting, and what ended or was seen since `recent_since`."""
    since = to_microseconds(recent_since)
    return StoredState(
        groups=_groups(connection, _RECENT, since),
        queue=_queue(connection),
        pending_signals=_pending(connection),
        seen_signals=_seen(connection, since),
        last_exits=_last_exits(connection),
        funding_ids=_payments(connection, since),
        facts=dict(connection.execute("SELECT name, value FROM facts").fetchall()),
        last_sequence=connection.execute("SELECT coalesce(max(sequence), 0) FROM events").fetchone()[0],
        actions=_actions(connection),
    )


def load_group(connection: sqlite3.Connection, group_id: str) -> StoredGroup | None:
    """One group, however old."""
    found = _groups(connection, _ONE, group_id)
    return found[0] if found else None


def group_of(row: Row, pyramids: Sequence[Pyramid], legs: Sequence[Leg]) -> Group:
    """A group from its own row and its children."""
    return rows.GROUP.decode(row, pyramids=tuple(pyramids), legs=tuple(legs))


def _groups(connection: sqlite3.Connection, which: str, value: object) -> tuple[StoredGroup, ...]:
    """The groups that `which`, a condition on their id, selects, in the order of their creation."""

    def select(table: Any, order: str, key: str = "group_id") -> list[Row]:
        where = f"WHERE {table.name}.{key} {which.removeprefix('id ')} ORDER BY {order}"
        return connection.execute(select_sql(table, where), (value,)).fetchall()

    pyramids: dict[str, list[Pyramid]] = defaultdict(list)
    for row in select(trading.pyramids, '"index"'):
        pyramids[row[0]].append(rows.PYRAMID.decode(row))
    legs: dict[str, list[Leg]] = defaultdict(list)
    for row in select(trading.legs, 'pyramid, "index"'):
        legs[row[0]].append(rows.LEG.decode(row))
    orders: dict[str, list[Order]] = defaultdict(list)
    for row in select(trading.orders, "orders.rowid"):
        order = rows.ORDER.decode(row)
        orders[order.group_id].append(order)
    fills: dict[str, list[Fill]] = defaultdict(list)
    for row in select(trading.fills, "fills.rowid"):
        fill = rows.FILL.decode(row)
        fills[fill.group_id].append(fill)
    return tuple(
        StoredGroup(group_of(row, pyramids[row[0]], legs[row[0]]), tuple(orders[row[0]]), tuple(fills[row[0]]))
        for row in select(trading.groups, "groups.rowid", "id")
    )


def _queue(connection: sqlite3.Connection) -> tuple[QueueEntry, ...]:
    found = connection.execute(select_sql(trading.queue, "ORDER BY queue.rowid")).fetchall()
    return tuple(rows.QUEUE.decode(row, identity=rows.identity_of(row, rows.QUEUE)) for row in found)


def _pending(connection: sqlite3.Connection) -> tuple[SignalRecord, ...]:
    rest = "WHERE outcome IN ('pending', 'queued') ORDER BY signals.rowid"
    return tuple(map(rows.SIGNAL.decode, connection.execute(select_sql(trading.signals, rest)).fetchall()))


def _seen(connection: sqlite3.Connection, since: int) -> tuple[SeenSignal, ...]:
    found = connection.execute(
        "SELECT id, received_at, content_key, bar_key FROM signals WHERE received_at >= ? ORDER BY rowid", (since,)
    )
    return tuple(SeenSignal(row[0], from_microseconds(row[1]), row[2], row[3]) for row in found)


def _payments(connection: sqlite3.Connection, since: int) -> Mapping[tuple[str, str], datetime]:
    found = connection.execute(
        "SELECT account, payment_id, at FROM funding_payments WHERE at >= ? ORDER BY at", (since,)
    )
    return {(row[0], row[1]): from_microseconds(row[2]) for row in found}


def _actions(connection: sqlite3.Connection) -> tuple[RiskAction, ...]:
    rest = f"ORDER BY risk_actions.at DESC, risk_actions.rowid DESC LIMIT {ACTIONS_REMEMBERED}"
    newest = connection.execute(select_sql(trading.risk_actions, rest)).fetchall()
    return tuple(rows.ACTION.decode(row) for row in reversed(newest))


def _last_exits(connection: sqlite3.Connection) -> Mapping[Identity, datetime]:
    found = connection.execute(select_sql(trading.last_exits, "ORDER BY rowid")).fetchall()
    return {rows.identity_of(row, rows.LAST_EXIT): rows.LAST_EXIT.values(row)["at"] for row in found}
