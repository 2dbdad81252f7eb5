"""The codec and the statements of every table that units of work write, made once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from app.domain.fill import Fill
from app.domain.group import Group, Leg, Pyramid
from app.domain.order import Order
from app.domain.values import Identity
from app.messages.records import (
    EquitySample,
    EventRecord,
    Finding,
    FundingPayment,
    QueueEntry,
    RiskAction,
    SignalRecord,
)
from app.persistence.codec import Codec, Row
from app.persistence.statements import insert_sql, upsert_sql
from app.persistence.tables import keeping, trading


@dataclass(frozen=True, slots=True)
class LastExit:
    """When an identity's last position ended."""

    identity: Identity
    at: datetime


_IDENTITY = {name: f"identity.{name}" for name in ("account", "symbol", "timeframe", "side", "strategy_id")}
_BORN = frozenset({"account", "symbol", "group_id", "opened_at", "created_at"})  # fixed when the row is made

GROUP = Codec(Group, trading.groups)
PYRAMID = Codec(Pyramid, trading.pyramids, owners=["group_id"])
LEG = Codec(Leg, trading.legs, owners=["group_id"])
SIGNAL = Codec(SignalRecord, trading.signals)
ORDER = Codec(Order, trading.orders)
FILL = Codec(Fill, trading.fills)
FUNDING = Codec(FundingPayment, trading.funding_payments)
QUEUE = Codec(QueueEntry, trading.queue, paths=_IDENTITY)
LAST_EXIT = Codec(LastExit, trading.last_exits, paths=_IDENTITY)
ACTION = Codec(RiskAction, trading.risk_actions)
EVENT = Codec(EventRecord, keeping.events)
EQUITY = Codec(EquitySample, keeping.equity_samples)
FINDING = Codec(Finding, keeping.findings, owners=["id"])

PUT_GROUP = upsert_sql(trading.groups, _BORN)
PUT_PYRAMID = upsert_sql(trading.pyramids)
PUT_LEG = upsert_sql(trading.legs)
PUT_SIGNAL = upsert_sql(trading.signals, frozenset({"received_at"}))
PUT_ORDER = upsert_sql(trading.orders, _BORN)
PUT_QUEUE = upsert_sql(trading.queue)
PUT_LAST_EXIT = upsert_sql(trading.last_exits)
PUT_FACT = upsert_sql(keeping.facts)
PUT_ACTION = upsert_sql(trading.risk_actions, frozenset({"at"}))
ADD_FILL = insert_sql(trading.fills)
ADD_FUNDING = insert_sql(trading.funding_payments)
ADD_EVENT = insert_sql(keeping.events)
PUT_EQUITY = upsert_sql(keeping.equity_samples)
ADD_FINDING = insert_sql(keeping.findings)
DROP_FILL = "DELETE FROM fills WHERE account = ? AND symbol = ? AND trade_id = ?"
DROP_QUEUE = "DELETE FROM queue WHERE signal_id = ?"


def identity_of(row: Row, codec: Codec[QueueEntry] | Codec[LastExit]) -> Identity:
    """The identity that a row's columns spell."""
    values = codec.values(row)
    return Identity(*(values[name] for name in _IDENTITY))
