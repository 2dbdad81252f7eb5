"""Position groups: one running trade with its pyramids and legs, and how fills are booked into it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from app.base.changing import changed
from app.base.config.grid import GridSettings
from app.domain.values import WIDE, ZERO, CloseReason, Identity, OrderRole, OrderType, Side

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


@dataclass(frozen=True)
class Leg:
    """One rung of a pyramid's grid; all quantities in contracts.

    `filled`, `filled_value` (Σ price × quantity) count what the entry executed, `open_quantity`, `open_value` what
    of it, net of fees taken in the base coin, is still open; `exited` and `exit_value` what was sold again.
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


@dataclass(frozen=True)
class Group:
    """One running trade. Immutable: every change makes a new one.

    `realized_gross` is Σ (exit − entry) × quantity × side in quote before fees and funding. `fees` are in quote.
    `stop_price` is the tightest stop that trailing or break-even has reached so far, `manual_stop` one that a person
    set: it counts instead of the configured one. `reduce_quantity` is what is still to be sold of a partial close.
    `estimated` marks a close whose exit price is a mark, not a fill. `open_costs` are the fees less the funding of what
    is open, `closed_costs` those of what was closed, `exit_fees` the fees of the exits. `offset_timer_at` is when the
    offset engine's timer was started; `blocked` keeps the group out of that engine, `offset_skipped` out of its next
    action.
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
        filled = sum((leg.filled for leg in self.legs), ZERO)
        return sum((leg.filled_value for leg in self.legs), ZERO) / filled if filled else None

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

    def with_leg(self, new: Leg) -> Group:
        return changed(self, legs=tuple(new if leg.key == new.key else leg for leg in self.legs))

    def with_legs(self, change: Callable[[Leg], Leg]) -> Group:
        return changed(self, legs=tuple(change(leg) for leg in self.legs))


def end_entry(leg: Leg) -> Leg:
    """The leg with its entry over, whatever of it was filled."""
    return leg if leg.entry is EntryState.ENDED else changed(leg, entry=EntryState.ENDED)


def book_entry(
    group: Group,
    place: tuple[int, int],
    price: Decimal,
    quantity: Decimal,
    fee_quote: Decimal,
    base_fee: Decimal,
    at: datetime,
) -> Group:
    """The group with an entry fill booked to leg `place`; `base_fee` is what of the quantity was taken as a fee.

    The best price counts from the newest entry on: a high from before the average fell would set off the trailing stop
    at once. Where nothing was open, what tightened the stop of the position before is forgotten with it.
    """
    leg = group.leg(*place)
    is_fresh = group.open_quantity < group.step_size
    acquired = quantity - base_fee
    leg = changed(
        leg,
        filled=leg.filled + quantity,
        filled_value=leg.filled_value + price * quantity,
        open_quantity=leg.open_quantity + acquired,
        open_value=leg.open_value + price * acquired,
        take_profit_triggered=False,
    )
    if leg.is_whole:
        leg = changed(leg, entry=EntryState.ENDED)
    return changed(
        group.with_leg(leg),
        fees=group.fees + fee_quote,
        open_costs=group.open_costs + fee_quote,
        first_fill_at=group.first_fill_at or at,
        best_price=price,
        stop_price=None if is_fresh else group.stop_price,
        manual_stop=None if is_fresh else group.manual_stop,
        exit_fills=0 if is_fresh else group.exit_fills,
    )


def book_exit(
    group: Group,
    pyramid: int | None,
    leg: int | None,
    price: Decimal,
    quantity: Decimal,
    fee_quote: Decimal,
    role: OrderRole = OrderRole.TAKE_PROFIT,
) -> tuple[Group, Decimal]:
    """The group with an exit fill booked, and the quantity that no leg had open.

    The fill is taken from the legs the order belongs to: one leg, a pyramid's legs or all, in proportion with the last
    absorbing the rounding (grid.md); what those do not have open is taken from the others. Only a take-profit's fill
    counts for break-even.
    """
    own = [item for item in group.legs if pyramid in (None, item.pyramid) and leg in (None, item.index)]
    taken = _in_proportion(own, quantity, group.step_size)
    rest = quantity - sum(taken.values(), ZERO)
    for other in group.legs:
        extra = min(rest, other.open_quantity - taken.get(other.key, ZERO))
        if extra > 0:
            taken[other.key] = taken.get(other.key, ZERO) + extra
            rest -= extra
    realized = ZERO
    legs: list[Leg] = []
    for item in group.legs:
        left, gain = _take(item, taken.get(item.key, ZERO), price, group.side)
        legs.append(left)
        realized += gain
    closed = changed(
        _with_costs_closed(group, quantity - rest),
        legs=tuple(legs),
        realized_gross=group.realized_gross + realized * group.contract_size,
        fees=group.fees + fee_quote,
        exit_fees=group.exit_fees + fee_quote,
        exit_fills=group.exit_fills + (role is OrderRole.TAKE_PROFIT),
    )
    return closed, rest


def _with_costs_closed(group: Group, quantity: Decimal) -> Group:
    """The group with the costs of `quantity` moved from what is open to what is closed."""
    held = group.open_quantity
    if held <= 0 or quantity <= 0:
        return group
    costs = share_of_value(group.open_costs, min(quantity, held), held)
    return changed(group, open_costs=group.open_costs - costs, closed_costs=group.closed_costs + costs)


def book_funding(group: Group, amount: Decimal) -> Group:
    """The group with a funding payment; a negative `amount` was paid."""
    paid = changed(group, funding=group.funding + amount)
    if group.open_quantity == 0:
        return changed(paid, closed_costs=group.closed_costs - amount)
    return changed(paid, open_costs=group.open_costs - amount)


def shrink(group: Group, quantity: Decimal, price: Decimal) -> Group:
    """The group after `quantity` was lost at the venue: newest leg first, valued at `price` (orders.md)."""
    rest = quantity
    realized = ZERO
    legs: list[Leg] = []
    for item in reversed(group.legs):
        part = min(rest, item.open_quantity)
        left, gain = _take(item, part, price, group.side)
        legs.append(left)
        realized += gain
        rest -= part
    return changed(
        _with_costs_closed(group, quantity - rest),
        legs=tuple(reversed(legs)),
        realized_gross=group.realized_gross + realized * group.contract_size,
    )


def share_of_value(value: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    """The value of `part` of a `whole` worth `value`, to 16 digits behind the point.

    The rounding leaves room in Decimal's 28 digits, so that the shares of a whole taken bit by bit sum up exactly.
    """
    return value if part == whole else (value * part / whole).quantize(_VALUE_UNIT, context=WIDE)


def write_off_dust(group: Group) -> Group:
    """The group with what is open booked as dust: it stays in the account and no longer belongs to the trade."""
    dust = group.open_quantity
    legs = tuple(changed(leg, open_quantity=ZERO, open_value=ZERO) for leg in group.legs)
    return changed(_with_costs_closed(group, dust), legs=legs, dust=group.dust + dust)


def _in_proportion(legs: Iterable[Leg], quantity: Decimal, step: Decimal) -> dict[tuple[int, int], Decimal]:
    holders = [leg for leg in legs if leg.open_quantity > 0]
    total = sum((leg.open_quantity for leg in holders), ZERO)
    if quantity >= total:
        return {leg.key: leg.open_quantity for leg in holders}
    taken: dict[tuple[int, int], Decimal] = {}
    rest = quantity
    for leg in holders[:-1]:
        share = (quantity * leg.open_quantity / total / step).to_integral_value(rounding=ROUND_FLOOR) * step
        taken[leg.key] = min(share, leg.open_quantity)
        rest -= taken[leg.key]
    for leg in reversed(holders):
        room = min(rest, leg.open_quantity - taken.get(leg.key, ZERO))
        taken[leg.key] = taken.get(leg.key, ZERO) + room
        rest -= room
    return taken


def _take(leg: Leg, quantity: Decimal, price: Decimal, side: Side) -> tuple[Leg, Decimal]:
    if quantity <= 0:
        return leg, ZERO
    cost = share_of_value(leg.open_value, quantity, leg.open_quantity)
    left = changed(
        leg,
        open_quantity=leg.open_quantity - quantity,
        open_value=leg.open_value - cost,
        exited=leg.exited + quantity,
        exit_value=leg.exit_value + price * quantity,
    )
    return left, side.gain(cost, price * quantity)
