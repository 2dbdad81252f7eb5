"""How fills, funding and losses are booked into a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from app.base.changing import changed
from app.domain.group import EntryState, Group, Leg, share_of_value
from app.domain.order import Order
from app.domain.values import ZERO, OrderRole, Side


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
    at once. Where nothing was open, what tightened the stop of the position before is forgotten with it, and what was
    still to be sold of it.
    """
    leg = _fresh(group.leg(*place))
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
    grown = changed(
        group.with_leg(leg),
        fees=group.fees + fee_quote,
        open_costs=group.open_costs + fee_quote,
        first_fill_at=group.first_fill_at or at,
        best_price=price,
        stop_price=None if is_fresh else group.stop_price,
        manual_stop=None if is_fresh else group.manual_stop,
        exit_fills=0 if is_fresh else group.exit_fills,
        reduce_quantity=ZERO if is_fresh else group.reduce_quantity,
    )
    return _set_off(grown, leg) if group.oversold else grown


def _set_off(group: Group, leg: Leg) -> Group:
    """The group with what was sold before it was told to be bought taken from the leg that now has it."""
    quantity = min(group.oversold, leg.open_quantity)
    value = share_of_value(group.oversold_value, quantity, group.oversold)
    left, gain = _take(leg, quantity, value, group.side)
    return changed(
        _with_costs_closed(group, quantity).with_leg(left),
        realized_gross=group.realized_gross + gain * group.contract_size,
        oversold=group.oversold - quantity,
        oversold_value=group.oversold_value - value,
    )


def book_exit(
    group: Group,
    pyramid: int | None,
    leg: int | None,
    price: Decimal,
    quantity: Decimal,
    fee_quote: Decimal,
    role: OrderRole = OrderRole.TAKE_PROFIT,
    *,
    base_fee: Decimal = ZERO,
    is_first: bool = True,
) -> Group:
    """The group with an exit fill booked; what no leg had open is `oversold`. What is left has paid `base_fee`, the fee
    in its own coin, as far as it has so much: as if that were sold too, to pay for the fee in quote.

    The fill is taken from the legs the order belongs to: one leg, a pyramid's legs or all, in proportion with the last
    absorbing the rounding (grid.md); what those do not have open is taken from the others. Only a take-profit's fill
    counts for break-even, and only the first of an order's; only a close's for what a partial close has still to sell.
    """
    gone = quantity + min(base_fee, max(group.open_quantity - quantity, ZERO))
    own = {item.key: item for item in _begun(group.legs_at(pyramid, leg), group.step_size)}
    taken = _shares(list(own.values()), gone, group.step_size)
    rest = gone - sum(taken.values(), ZERO)
    reduced = quantity if role is OrderRole.CLOSE else ZERO
    realized = ZERO
    legs: list[Leg] = []
    for item in group.legs:
        if item.key not in own and (extra := min(rest, item.open_quantity)) > 0:
            own[item.key], taken[item.key] = _fresh(item), extra
            rest -= extra
        part = taken.get(item.key, ZERO)
        left, gain = _take(own.get(item.key, item), part, price * part, group.side)
        legs.append(left)
        realized += gain
    return changed(
        _with_costs_closed(group, gone - rest),
        legs=tuple(legs),
        realized_gross=group.realized_gross + realized * group.contract_size,
        fees=group.fees + fee_quote,
        exit_fees=group.exit_fees + fee_quote,
        exit_fills=group.exit_fills + (role is OrderRole.TAKE_PROFIT and is_first),
        reduce_quantity=max(group.reduce_quantity - reduced, ZERO),
        oversold=group.oversold + rest,
        oversold_value=group.oversold_value + price * rest,
    )


def without_owed_exits(group: Group, orders: Iterable[Order]) -> Group:
    """The group without what exits that are over have sold by the venue's count, though the trades are still to be
    told: no other exit may be over it."""
    for order in orders:
        if order.owed > 0 and not order.is_live and order.role is not OrderRole.ENTRY:
            is_first = order.filled == 0
            group = book_exit(group, order.pyramid, order.leg, ZERO, order.owed, ZERO, order.role, is_first=is_first)
    return group


def correct_entry(
    group: Group, place: tuple[int, int], more: Decimal, fee_quote: Decimal, base_fee: Decimal, price: Decimal
) -> Group:
    """The group once an entry fill that was booked at an estimate is known: `more` quote value than was thought, its
    fees, and the quantity taken as a fee at `price`.

    What of the leg is open has its share of the correction in its cost, what was sold again in its result.
    """
    leg = _fresh(group.leg(*place))
    acquired = leg.open_quantity + leg.exited
    open_fee = share_of_value(fee_quote, leg.open_quantity, acquired) if acquired else ZERO
    lost = min(base_fee, leg.open_quantity)
    left = leg.open_quantity - lost
    open_more = share_of_value(more, leg.open_quantity, acquired) if left else -leg.open_value + price * lost
    leg = changed(
        leg,
        filled_value=leg.filled_value + more,
        open_quantity=left,
        open_value=leg.open_value + open_more - price * lost,
    )
    return changed(
        group.with_leg(leg),
        realized_gross=group.realized_gross + group.side.gain(more - open_more, ZERO) * group.contract_size,
        fees=group.fees + fee_quote,
        open_costs=group.open_costs + open_fee,
        closed_costs=group.closed_costs + fee_quote - open_fee,
    )


def correct_exit(group: Group, pyramid: int | None, leg: int | None, more: Decimal, fee_quote: Decimal) -> Group:
    """The group once an exit fill that was booked at an estimate is known: it brought `more` quote value, and its fees.

    The legs that the order belongs to share it by what they have sold.
    """
    own = group.legs_at(pyramid, leg)
    sold = sum((item.exited for item in own), ZERO)
    for item in own:
        if item.exited > 0:
            value = item.exit_value + share_of_value(more, item.exited, sold)
            group = group.with_leg(changed(item, exit_value=value))
    return changed(
        group,
        realized_gross=group.realized_gross + group.side.gain(ZERO, more) * group.contract_size,
        fees=group.fees + fee_quote,
        exit_fees=group.exit_fees + fee_quote,
    )


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
        left, gain = _take(item, part, price * part, group.side)
        legs.append(_fresh(left) if part else left)
        realized += gain
        rest -= part
    return changed(
        _with_costs_closed(group, quantity - rest),
        legs=tuple(reversed(legs)),
        realized_gross=group.realized_gross + realized * group.contract_size,
    )


def write_off_dust(group: Group) -> Group:
    """The group with what is open booked as dust: it stays in the account and no longer belongs to the trade."""
    dust = group.open_quantity
    legs = tuple(changed(_fresh(leg), open_quantity=ZERO, open_value=ZERO) for leg in group.legs)
    return changed(_with_costs_closed(group, dust), legs=legs, dust=group.dust + dust)


def exit_average(group: Group) -> Decimal | None:
    """As `Group.average_entry`, and not moved by exits of the whole group that fill in parts."""
    return average_for_exit(group.legs, group.step_size)


def average_for_exit(legs: Iterable[Leg], step: Decimal) -> Decimal | None:
    """The average entry from which exits of all these legs are priced; None with nothing open.

    Exits of them all that fill in parts do not move it, though rounding takes more of one leg than of another.
    """
    held = [leg for leg in legs if leg.open_quantity or leg.begun_quantity]
    quantity = value = ZERO
    for leg in held:
        quantity, value = quantity + leg.open_quantity, value + leg.open_value
    if not quantity:
        return None
    if not _only_shared(held, step):
        return value / quantity
    return sum((leg.begun_value for leg in held), ZERO) / sum((leg.begun_quantity for leg in held), ZERO)


def _begun(legs: Sequence[Leg], step: Decimal) -> Sequence[Leg]:
    """The legs as an exit of them all goes on from: with what was open when such exits began, where they go on, else
    with what is open now."""
    if _only_shared(legs, step):
        return legs
    return [changed(leg, begun_quantity=leg.open_quantity, begun_value=leg.open_value) for leg in legs]


def _only_shared(legs: Sequence[Leg], step: Decimal) -> bool:
    """Whether only exits of all these legs have changed what they have open since such exits began.

    What is shared bit by bit may differ by single steps from what is shared at once.
    """
    if any(leg.begun_quantity < leg.open_quantity for leg in legs):
        return False
    sold = [leg.begun_quantity - leg.open_quantity for leg in legs]
    shares = _in_proportion(legs, sum(sold, ZERO), step)
    return all(abs(one - share) < len(legs) * step for one, share in zip(sold, shares, strict=True))


def _fresh(leg: Leg) -> Leg:
    """The leg for which no exit has begun: the next goes by what is open then."""
    return changed(leg, begun_quantity=ZERO, begun_value=ZERO) if leg.begun_quantity else leg


def _shares(begun: Sequence[Leg], quantity: Decimal, step: Decimal) -> dict[tuple[int, int], Decimal]:
    """What an exit of all these legs takes from each; less than `quantity` where they have less open."""
    sold = [leg.begun_quantity - leg.open_quantity for leg in begun]
    taken: dict[tuple[int, int], Decimal] = {}
    rest = quantity
    for leg, before, then in zip(begun, sold, _in_proportion(begun, sum(sold, ZERO) + quantity, step), strict=True):
        taken[leg.key] = min(max(then - before, ZERO), rest)
        rest -= taken[leg.key]
    return taken


def _in_proportion(legs: Sequence[Leg], quantity: Decimal, step: Decimal) -> list[Decimal]:
    """`quantity` shared among the legs by what they began with: rounded down to the step, the last absorbing the rest,
    as far as it has so much (grid.md, Averages)."""
    whole = sum((leg.begun_quantity for leg in legs), ZERO)
    quantity = rest = min(quantity, whole)
    after = whole
    shares: list[Decimal] = []
    for leg in legs:
        part = quantity * leg.begun_quantity // (whole * step) * step if whole else ZERO
        after -= leg.begun_quantity
        shares.append(max(min(part, rest), rest - after))
        rest -= shares[-1]
    return shares


def _take(leg: Leg, quantity: Decimal, value: Decimal, side: Side) -> tuple[Leg, Decimal]:
    """The leg after `quantity` of it was sold for `value`, and the gain."""
    if quantity <= 0:
        return leg, ZERO
    cost = share_of_value(leg.open_value, quantity, leg.open_quantity)
    left = changed(
        leg,
        open_quantity=leg.open_quantity - quantity,
        open_value=leg.open_value - cost,
        exited=leg.exited + quantity,
        exit_value=leg.exit_value + value,
    )
    return left, side.gain(cost, value)
