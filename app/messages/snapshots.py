"""The engine's state as others may read it: frozen, with the names of the API and of replay.md."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.offset import Assessment, Plan
from app.domain.order import Order
from app.messages.records import Finding, RiskAction


@dataclass(frozen=True, slots=True)
class LegSnapshot:
    pyramid: int
    index: int
    gap_percent: Decimal
    weight_percent: Decimal
    tp_percent: Decimal
    type: str
    price: Decimal
    quantity: Decimal
    status: str
    filled: Decimal
    average_fill: Decimal | None
    open_quantity: Decimal
    tp_price: Decimal | None
    exit_price: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_percent: Decimal | None
    waits_for: Decimal | None = None
    """The market's price from which on the exchange lets the entry rest; None where it need not wait for one."""
    tp_waits_for: Decimal | None = None
    """The same of the take-profit."""
    watched: bool = False
    """Whether the take-profit of what is open works only while the program runs: a stop binds its coins (spot)."""


@dataclass(frozen=True, slots=True)
class PyramidSnapshot:
    """`next_tp` is the nearest take-profit of what is open; the P&L is None without a price or an open quantity."""

    index: int
    signal_id: str
    entry_price: Decimal
    capital: Decimal
    created_at: datetime
    legs_total: int
    legs_filled: int
    open_quantity: Decimal
    average_entry: Decimal | None
    unrealized_pnl: Decimal | None
    unrealized_percent: Decimal | None
    next_tp: Decimal | None


@dataclass(frozen=True, slots=True)
class OrderSnapshot:
    client_order_id: str
    group: str
    account: str
    symbol: str
    pyramid: int | None
    leg: int | None
    role: str
    side: str
    type: str
    price: Decimal | None
    trigger_price: Decimal | None
    quantity: Decimal
    filled: Decimal
    average: Decimal | None
    status: str
    reduce_only: bool
    attempts: int
    reason: str | None
    created_at: datetime
    updated_at: datetime


def order_snapshot(order: Order) -> OrderSnapshot:
    """An order as lists and groups show it."""
    return OrderSnapshot(
        client_order_id=order.client_order_id,
        group=order.group_id,
        account=order.account,
        symbol=order.symbol,
        pyramid=order.pyramid,
        leg=order.leg,
        role=order.role.value,
        side=order.side.value,
        type=order.type.value,
        price=order.price,
        trigger_price=order.trigger_price,
        quantity=order.quantity,
        filled=order.filled,
        average=order.average,
        status=order.status.value,
        reduce_only=order.reduce_only,
        attempts=order.attempt,
        reason=order.reason,
        created_at=order.created_at,
        updated_at=order.updated_at,
    )


@dataclass(frozen=True, slots=True)
class GroupSnapshot:
    """A group; P&L in quote. `unrealized_pnl`, `mark` are None without a price; `stop_price` is the stop wanted now.

    `reserved` is what its resting entries would still invest, `pnl_at_stop` the result of what is open at the stop
    before fees, `next_tp` the nearest take-profit of what is open.
    """

    id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    strategy_id: str
    status: str
    close_reason: str | None
    pyramids: int
    max_pyramids: int
    legs_total: int
    legs_filled: int
    open_quantity: Decimal
    average_entry: Decimal | None
    invested: Decimal
    realized_pnl: Decimal
    unrealized_pnl: Decimal | None
    unrealized_percent: Decimal | None
    reserved: Decimal
    fees: Decimal
    funding: Decimal
    dust: Decimal
    mark: Decimal | None
    mark_at: datetime | None
    tick_size: Decimal | None
    step_size: Decimal
    quote_currency: str
    leverage: Decimal
    tp_mode: str
    tp_aggregate_percent: Decimal
    stop_price: Decimal | None
    pnl_at_stop: Decimal | None
    next_tp: Decimal | None
    next_tp_distance_percent: Decimal | None
    protected: bool | None
    """None where no stop is configured."""
    unprotected_since: datetime | None
    estimated: bool
    forced: bool
    blocked: bool
    opened_at: datetime
    closed_at: datetime | None
    legs: tuple[LegSnapshot, ...]
    entries: tuple[PyramidSnapshot, ...]
    orders: tuple[OrderSnapshot, ...]


@dataclass(frozen=True, slots=True)
class QueueSnapshot:
    """A waiting entry. `decided_by` is the rule that put it before the next one (None for the last), `decisive` the
    value by which it did; `loss_percent` is the price's move since the signal in its favour, negative against it."""

    signal_id: str
    account: str
    symbol: str
    side: str
    timeframe: str
    strategy_id: str
    entry_price: Decimal
    replacement_count: int
    rank: int
    reason: str
    first_queued_at: datetime
    last_replaced_at: datetime
    expires_at: datetime
    price: Decimal | None
    loss_percent: Decimal | None
    expected_profit: Decimal | None
    is_continuation: bool
    is_reserved: bool
    """A reverse that takes the place of the group it closes."""
    decided_by: str | None
    decisive: str | None


@dataclass(frozen=True, slots=True)
class EmergencySnapshot:
    """`level` is normal, warning or critical; `code` names what tripped it, `warnings` what is near a limit."""

    level: str
    code: str | None
    reason: str | None
    since: datetime | None
    warnings: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LimitSnapshot:
    """How near a configured limit is: `used` of `limit`, both in `unit` (quote currency, `%` or `groups`)."""

    name: str
    used: Decimal
    limit: Decimal
    unit: str

    @property
    def share(self) -> Decimal:
        """Used part of the limit, in percent."""
        return self.used * 100 / self.limit if self.limit else Decimal(0)


@dataclass(frozen=True, slots=True)
class ClosingSnapshot:
    """One group of *Close all*; `status` is closing, closed or failed, `detail` says why it is not closed yet."""

    group_id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    status: str
    detail: str | None
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True)
class CloseAllSnapshot:
    """`verified` maps each account to whether a reading after the last close found it flat; None before it was read."""

    started_at: datetime
    groups: tuple[ClosingSnapshot, ...]
    verified: Mapping[str, bool | None]
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class RiskSnapshot:
    """`held_by` says why no offset action may start now, None where one may; `plan` is what would be done.

    `actions` are the last ones, newest first; the one under way is among them.
    """

    emergency: EmergencySnapshot
    limits: tuple[LimitSnapshot, ...]
    mode: str
    held_by: str | None
    groups: tuple[Assessment, ...]
    blocked: frozenset[str]
    skipped: frozenset[str]
    plan: Plan | None
    actions: tuple[RiskAction, ...]
    actions_today: int
    max_actions_per_day: int
    close_all: CloseAllSnapshot | None


@dataclass(frozen=True, slots=True)
class ExternalOrderSnapshot:
    symbol: str
    side: str
    type: str
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None


@dataclass(frozen=True, slots=True)
class AccountSnapshot:
    id: str
    venue: str
    market_type: str
    environment: str
    connected: bool
    stale: bool
    stale_since: datetime | None
    reason: str | None
    last_reconciled_at: datetime | None
    balances: Mapping[str, Decimal]
    external: Mapping[str, Decimal]
    """Position quantity that is not ours, by symbol, signed."""
    position_mode: str = "one_way"
    taker_fee: Decimal | None = None
    """What the account pays for a market order, as a fraction of its worth."""
    armed: bool | None = None
    """Whether a live account takes entries; None where it needs no arming."""
    free: Decimal = Decimal(0)
    """What the exchange calls free, in dollars of any kind."""
    breaker_since: datetime | None = None
    """Since when requests fail at once because the exchange does not answer."""
    clock_skew_ms: int | None = None
    """By how much this machine's clock is ahead of the exchange's."""
    external_orders: tuple[ExternalOrderSnapshot, ...] = ()
    """Live orders that are not ours, as of the last reading."""
    conditional_refused: str | None = None
    """What the exchange said when it took no conditional order of this account: stops are watched here then."""
    hold: str | None = None
    """What takes its entries until a person chooses: `foreign` (another instance's orders), `difference` (groups that
    seem to be gone); `reason` says it in words."""


@dataclass(frozen=True, slots=True)
class MoneySnapshot:
    """The accounts of one `environment` together: live where real money is at work or was today, else the first of
    testnet, paper and live that has an account. In their quote currency (dollars of any kind are added up as they are).

    `equity` is None before the balances came, `started_with` before the first sample. `deployed` and `reserved` are
    what open and resting legs bind, by leverage; `free` is what the venues call free. Days are UTC.
    """

    environment: str
    currency: str
    equity: Decimal | None
    started_with: Decimal | None
    realized_today: Decimal
    realized_total: Decimal
    trades_today: int
    unrealized: Decimal
    invested: Decimal
    deployed: Decimal
    reserved: Decimal
    free: Decimal


@dataclass(frozen=True, slots=True)
class EngineSnapshot:
    """`state` is starting, running, paused, halted or stopping; the emergency stop stands beside it."""

    revision: int
    state: str
    paused_reason: str | None
    halted_reason: str | None
    open_groups: int
    max_open_groups: int
    queued: int
    last_signal_at: datetime | None
    last_reconciled_at: datetime | None
    unknown_orders: int
    last_sequence: int
    emergency: EmergencySnapshot
    slots_used: int
    promotions_wait_until: datetime | None
    """After a stop-loss close, when the queue goes on."""
    offset_mode: str
    last_action: RiskAction | None
    """The offset engine's, under way or done."""
    accounts: tuple[AccountSnapshot, ...]
    money: MoneySnapshot


@dataclass(frozen=True, slots=True)
class ReconcileReport:
    """What one reconciliation of the named accounts found; `failed` holds the accounts that could not be reached."""

    accounts: tuple[str, ...]
    failed: Mapping[str, str]
    findings: tuple[Finding, ...]
    finished_at: datetime
