"""What is kept: signals, the queue, events, findings, and the unit of work that writes them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.fill import Fill
from app.domain.group import Group, Leg, Pyramid
from app.domain.order import Order
from app.domain.values import Identity

Json = None | bool | int | str | list["Json"] | dict[str, "Json"]


class SignalOutcome(StrEnum):
    PENDING = "pending"
    """Recorded, not acted on yet."""
    EXECUTED = "executed"
    QUEUED = "queued"
    IGNORED = "ignored"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One step of a signal's decision trace; `result` is passed, failed, adjusted or not_reached."""

    check: str
    result: str
    detail: str


@dataclass(frozen=True)
class SignalRecord:
    """A validated webhook with what became of it. `payload` is its canonical JSON without the secret."""

    id: str
    received_at: datetime
    source: str
    key_name: str | None
    payload: str
    content_key: str
    bar_key: str | None
    http_status: int
    outcome: SignalOutcome
    account: str | None = None
    symbol: str | None = None
    timeframe: str | None = None
    side: str | None = None
    strategy_id: str = ""
    intent: str | None = None
    price: Decimal | None = None
    size: Decimal | None = None
    signal_at: datetime | None = None
    reason: str | None = None
    detail: str | None = None
    group_id: str | None = None
    decided_at: datetime | None = None
    checks: tuple[CheckResult, ...] = ()
    replay_of: str | None = None


class QueueReason(StrEnum):
    POOL_FULL = "pool_full"
    OPPOSITE_SIDE_OPEN = "opposite_side_open"
    MISSING_MARKET_RULES = "missing_market_rules"
    ACCOUNT_STALE = "account_stale"
    GROUP_CLOSING = "group_closing"
    SYMBOL_LIMIT = "symbol_limit"
    BREAKER_OPEN = "breaker_open"
    ORDER_RATE = "order_rate"
    """Too many entries within a minute: held briefly."""


@dataclass(frozen=True, slots=True)
class QueueEntry:
    """A signal that waits for a slot, or for what `reason` names.

    `reserved_group` is the group whose slot is kept for this entry (a reverse waiting for the exit to finish).
    `expected_profit` is Σ leg quantity × distance to its take-profit at the signal's price, in quote; None while the
    market's rules are not known.
    """

    signal_id: str
    identity: Identity
    entry_price: Decimal
    payload: str
    reason: QueueReason
    first_queued_at: datetime
    last_replaced_at: datetime
    replacement_count: int = 0
    reserved_group: str | None = None
    expected_profit: Decimal | None = None


@dataclass(frozen=True, slots=True)
class EventRecord:
    """A fact for the event stream; `sequence` counts all events of a data directory from 1."""

    sequence: int
    at: datetime
    type: str
    account: str | None
    symbol: str | None
    group_id: str | None
    signal_id: str | None
    order_id: str | None
    data: Mapping[str, Json]


@dataclass(frozen=True, slots=True)
class FundingPayment:
    """A group's share of a funding payment; unique by (account, payment_id, group_id)."""

    account: str
    symbol: str
    payment_id: str
    group_id: str
    amount: Decimal
    rate: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class EquitySample:
    """An account's worth at a moment, in quote; `realized` is the sum of all that was realised until then."""

    at: datetime
    account: str
    equity: Decimal
    realized: Decimal


@dataclass(frozen=True, slots=True)
class Finding:
    """A difference that a reconciliation found, and what was done about it."""

    account: str
    symbol: str | None
    kind: str
    before: str
    after: str
    action: str
    at: datetime
    group_id: str | None = None
    order_id: str | None = None


class ActionStatus(StrEnum):
    """How far an offset action is: the winners' closes, then the loser's, then over."""

    WINNERS = "winners"
    LOSER = "loser"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Payer:
    """A winner of an offset action. `expected` and `realized` are before, `fees` of the close; all in quote.

    The counters are the group's when the action began: Group.closed_result and .exit_fees in quote, and in contracts
    `exited_before`, what had left its legs in whatever way, and `sold_before`, what of that our orders had sold.
    """

    group_id: str
    symbol: str
    timeframe: str
    quantity: Decimal
    expected: Decimal
    gross_before: Decimal
    fees_before: Decimal
    exited_before: Decimal
    sold_before: Decimal
    realized: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    done: bool = False


@dataclass(frozen=True, slots=True)
class RiskAction:
    """One offset action, kept from its decision to its end; money in quote.

    `required`, `expected` are the plan's, `realized` what the winners' closes brought before their fees,
    `loser_realized` what the loser's close cost. `started_by` is auto or hand. `orders` are client ids of its closes.
    """

    id: str
    at: datetime
    status: ActionStatus
    started_by: str
    loser_id: str
    account: str
    loser: str
    """The loser's symbol."""
    timeframe: str
    loser_quantity: Decimal
    """What is to be closed of it: the plan's until the winners have paid, then what was paid for."""
    loss: Decimal
    required: Decimal
    expected: Decimal
    winners: tuple[Payer, ...]
    loser_before: Decimal
    realized: Decimal = Decimal(0)
    loser_realized: Decimal = Decimal(0)
    orders: tuple[str, ...] = ()
    finished_at: datetime | None = None
    detail: str | None = None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """A group to be written with those of its legs and pyramids that changed."""

    group: Group
    legs: tuple[Leg, ...]
    pyramids: tuple[Pyramid, ...]


@dataclass(frozen=True, slots=True)
class Changes:
    """One unit of work: written whole in one transaction, or not at all."""

    signals: tuple[SignalRecord, ...] = ()
    groups: tuple[GroupChange, ...] = ()
    orders: tuple[Order, ...] = ()
    fills: tuple[Fill, ...] = ()
    fills_removed: tuple[tuple[str, str, str], ...] = ()
    """(account, symbol, trade_id) of sums, or of parts of them, in whose place trades are among `fills`."""
    funding: tuple[FundingPayment, ...] = ()
    queue_put: tuple[QueueEntry, ...] = ()
    queue_removed: tuple[str, ...] = ()
    """Signal ids of the entries that left the queue."""
    last_exits: tuple[tuple[Identity, datetime], ...] = ()
    events: tuple[EventRecord, ...] = ()
    findings: tuple[Finding, ...] = ()
    facts: Mapping[str, str] = field(default_factory=dict)
    """Named single values: instance tag, epoch, paused, watermarks, what was realised on a day."""
    equity: tuple[EquitySample, ...] = ()
    actions: tuple[RiskAction, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not any(
            (self.signals, self.groups, self.orders, self.fills, self.funding, self.queue_put, self.queue_removed)
        ) and not any((self.last_exits, self.events, self.findings, self.facts, self.equity, self.actions))


@dataclass(frozen=True, slots=True)
class StoredGroup:
    """A group with everything that hangs on it."""

    group: Group
    orders: tuple[Order, ...]
    fills: tuple[Fill, ...]


@dataclass(frozen=True, slots=True)
class SeenSignal:
    """What the duplicate check remembers of a signal received in the last 24 hours."""

    signal_id: str
    received_at: datetime
    content_key: str
    bar_key: str | None


@dataclass(frozen=True, slots=True)
class StoredState:
    """Everything that the engine needs to go on after a start."""

    groups: tuple[StoredGroup, ...]
    """Open groups, and those closed within the last 24 hours."""
    queue: tuple[QueueEntry, ...]
    pending_signals: tuple[SignalRecord, ...]
    """Those whose outcome is pending or queued, in order of arrival."""
    seen_signals: tuple[SeenSignal, ...]
    last_exits: Mapping[Identity, datetime]
    funding_ids: Mapping[tuple[str, str], datetime]
    """When the payments booked in the last 24 hours were made, by account and payment id."""
    facts: Mapping[str, str]
    last_sequence: int
    actions: tuple[RiskAction, ...] = ()
    """The last offset actions, oldest first; one that is not done goes on."""
