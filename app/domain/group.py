"""Position groups: one running trade with its pyramids and legs."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.base.changing import changed, quick_dataclass
from app.base.config.grid import GridSettings
from app.domain.values import WIDE, ZERO, CloseReason, Identity, OrderType, Side

_VALUE_UNIT = Decimal("1e-16")


class GroupStatus(StrEnum):
    WAITING = "waiting"
    LIVE = "live"
    PARTIALLY_FILLED = "partially_filled"
    ACTIVE = "active"
    CLOSING = "closing"
    CLOSED = "closed"
    FAILED = "failed"


class LegStatus(StrEnum):
    PENDING = "pending"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    FILLED = "filled"
    CLOSED = "closed"
    CANCELLED = "cancelled"


class EntryState(StrEnum):
    """How far a leg's entry is: not sent, at the venue, or ended (filled whole, cancelled, refused, lost)."""

    PLANNED = "planned"
    WORKING = "working"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Pyramid:
    """One entry into a group. `capital` is in quote; legs' gaps count from `entry_price`."""

    index: int
    signal_id: str
    entry_price: Decimal
    capital: Decimal
    created_at: datetime


@quick_dataclass(frozen=True)
class Leg:
    """One rung of a pyramid's grid; all quantities in contracts.

    `filled`, `filled_value` (Σ price × quantity) count what the entry executed, `open_quantity`, `open_value` what
    of it, net of fees taken in the base coin, is still open; `exited` and `exit_value` what was sold again.
    `begun_quantity`, `begun_value` are what was open when the exits that sell it began; 0 where anything else has
    changed it since.
    """

    pyramid: int
    index: int
    gap_percent: Decimal
    weight_percent: Decimal
    tp_percent: Decimal
    order_type: OrderType
    price: Decimal
    quantity: Decimal
    entry: EntryState = EntryState.PLANNED
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    open_quantity: Decimal = ZERO
    open_value: Decimal = ZERO
    exited: Decimal = ZERO
    exit_value: Decimal = ZERO
    begun_quantity: Decimal = ZERO
    begun_value: Decimal = ZERO
    take_profit_triggered: bool = False
    """The engine watches this leg's exit and its price was reached by all that is open."""

    @property
    def key(self) -> tuple[int, int]:
        return self.pyramid, self.index

    @property
    def is_whole(self) -> bool:
        """Whether its entry filled whole."""
        return self.filled >= self.quantity

    @property
    def unfilled(self) -> Decimal:
        return max(self.quantity - self.filled, ZERO)

    @property
    def average_fill(self) -> Decimal | None:
        return self.filled_value / self.filled if self.filled else None

    @property
    def average_open(self) -> Decimal | None:
        return self.open_value / self.open_quantity if self.open_quantity else None

    @property
    def exit_price(self) -> Decimal | None:
        return self.exit_value / self.exited if self.exited else None

    @property
    def wants_entry(self) -> bool:
        return self.entry is not EntryState.ENDED

    def status(self, step: Decimal) -> LegStatus:
        if self.filled == 0:
            if self.entry is EntryState.ENDED:
                return LegStatus.CANCELLED
            return LegStatus.OPEN if self.entry is EntryState.WORKING else LegStatus.PENDING
        if self.open_quantity < step and self.exited > 0 and not self.wants_entry:
            return LegStatus.CLOSED
        if self.wants_entry and not self.is_whole:
            return LegStatus.PARTIALLY_FILLED
        return LegStatus.FILLED


@quick_dataclass(frozen=True)
class Group:
    """One running trade. Immutable: every change makes a new one.

    `realized_gross` is Σ (exit − entry) × quantity × side in quote before fees and funding. `fees` are in quote.
    `stop_price` is the tightest stop that trailing or break-even has reached so far, `manual_stop` one that a person
    set: it counts instead of the configured one. `reduce_quantity` is what is still to be sold of a partial close,
    `closing_at` since when the group closes, in part or whole.
    `estimated` marks a close whose exit price is a mark, not a fill. `open_costs` are the fees less the funding of what
    is open, `closed_costs` those of what was closed, `exit_fees` the fees of the exits. `offset_timer_at` is when the
    offset engine's timer was started; `blocked` keeps the group out of that engine, `offset_skipped` out of its next
    action. `oversold`, at `oversold_value` (Σ price × quantity), is what its exits sold beyond what was open: the fills
    of the entries that it came from have not been told yet.
    """

    id: str
    account: str
    symbol: str
    timeframe: str
    side: Side
    strategy_id: str
    quote: str
    base: str
    step_size: Decimal
    contract_size: Decimal
    grid: GridSettings
    leverage: Decimal
    margin_mode: str
    opened_at: datetime
    pyramids: tuple[Pyramid, ...]
    legs: tuple[Leg, ...]
    signal_stop: Decimal | None = None
    signal_take_profit: Decimal | None = None
    first_fill_at: datetime | None = None
    closing: CloseReason | None = None
    closing_at: datetime | None = None
    closed_at: datetime | None = None
    close_reason: CloseReason | None = None
    failed: bool = False
    sent: bool = False
    next_number: int = 1
    exit_fills: int = 0
    best_price: Decimal | None = None
    stop_price: Decimal | None = None
    trailed_at: datetime | None = None
    reduce_quantity: Decimal = ZERO
    realized_gross: Decimal = ZERO
    fees: Decimal = ZERO
    funding: Decimal = ZERO
    dust: Decimal = ZERO
    estimated: bool = False
    forced: bool = False
    unprotected_since: datetime | None = None
    manual_stop: Decimal | None = None
    open_costs: Decimal = ZERO
    closed_costs: Decimal = ZERO
    exit_fees: Decimal = ZERO
    offset_timer_at: datetime | None = None
    offset_skipped: bool = False
    blocked: bool = False
    hybrid_active: bool = False
    hybrid_armed: bool = True
    hybrid_tries: int = 0
    oversold: Decimal = ZERO
    oversold_value: Decimal = ZERO

    @property
    def identity(self) -> Identity:
        return Identity(self.account, self.symbol, self.timeframe, self.side, self.strategy_id)

    @property
    def market_key(self) -> tuple[str, str]:
        return self.account, self.symbol

    @property
    def is_open(self) -> bool:
        """Whether it holds a slot."""
        return self.closed_at is None

    @property
    def is_selling(self) -> bool:
        """Whether something of it is to be sold at market."""
        return self.closing is not None or self.reduce_quantity > 0

    @property
    def open_quantity(self) -> Decimal:
        total = ZERO
        for leg in self.legs:  # asked for very often: a loop takes half the time of a sum over a generator
            total += leg.open_quantity
        return total

    @property
    def open_value(self) -> Decimal:
        total = ZERO
        for leg in self.legs:
            total += leg.open_value
        return total

    @property
    def average_entry(self) -> Decimal | None:
        quantity = self.open_quantity
        return self.open_value / quantity if quantity else None

    @property
    def average_of_all_fills(self) -> Decimal | None:
        return _average_fill(self.legs)

    @property
    def newest_entry(self) -> Decimal:
        """At what the newest pyramid was entered, on average, or is to be."""
        newest = self.pyramids[-1]
        return _average_fill(self.legs_at(newest.index, None)) or newest.entry_price

    @property
    def invested(self) -> Decimal:
        """Quote spent on what is open now, or on everything once nothing is."""
        value = self.open_value or sum((leg.filled_value for leg in self.legs), ZERO)
        return value * self.contract_size

    @property
    def realized_pnl(self) -> Decimal:
        return self.realized_gross - self.fees + self.funding

    @property
    def closed_result(self) -> Decimal:
        """What was realised by what is closed, net of its entries' fees and its funding, before the exits' fees."""
        return self.realized_gross - self.closed_costs

    @property
    def was_filled(self) -> bool:
        return any(leg.filled for leg in self.legs)

    @property
    def wants_entries(self) -> bool:
        return any(leg.wants_entry for leg in self.legs)

    @property
    def status(self) -> GroupStatus:
        if self.closed_at is not None:
            return GroupStatus.FAILED if self.failed else GroupStatus.CLOSED
        if self.closing is not None:
            return GroupStatus.CLOSING
        if self.open_quantity > 0:
            return GroupStatus.PARTIALLY_FILLED if self.wants_entries else GroupStatus.ACTIVE
        return GroupStatus.LIVE if self.sent else GroupStatus.WAITING

    def unrealized_pnl(self, price: Decimal) -> Decimal:
        return self.side.gain(self.open_value, price * self.open_quantity) * self.contract_size

    def leg(self, pyramid: int, index: int) -> Leg:
        for leg in self.legs:
            if leg.key == (pyramid, index):
                return leg
        raise KeyError((pyramid, index))

    def legs_at(self, pyramid: int | None, index: int | None) -> list[Leg]:
        """Those that an order of this place belongs to: one leg, a pyramid's or all."""
        return [leg for leg in self.legs if pyramid in (None, leg.pyramid) and index in (None, leg.index)]

    def with_leg(self, new: Leg) -> Group:
        return changed(self, legs=tuple(new if leg.key == new.key else leg for leg in self.legs))

    def with_legs(self, change: Callable[[Leg], Leg]) -> Group:
        return changed(self, legs=tuple(change(leg) for leg in self.legs))


def _average_fill(legs: Iterable[Leg]) -> Decimal | None:
    quantity = value = ZERO
    for leg in legs:
        quantity, value = quantity + leg.filled, value + leg.filled_value
    return value / quantity if quantity else None


def end_entry(leg: Leg) -> Leg:
    """The leg with its entry over, whatever of it was filled."""
    return leg if leg.entry is EntryState.ENDED else changed(leg, entry=EntryState.ENDED)


def share_of_value(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The value of `part` of a `whole` worth `value`, to 16 digits behind the point.

    The rounding leaves room in Decimal's 28 digits, so that the shares of a whole taken bit by bit sum up exactly.
    """
    return value if part == whole else (value * part / whole).quantize(_VALUE_UNIT, context=WIDE)
