"""Take-profits as limits, sales at market, and what of them a venue takes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import Decimal
from itertools import groupby

from app.base.config.grid import TakeProfitMode
from app.domain.group import Group, Leg
from app.domain.market import MarketRules
from app.domain.order import Order
from app.domain.take_profit import exit_target
from app.domain.values import ZERO, OrderRole, OrderType
from app.domain.wishes import Place, Terrain, Wanted, place_of


def limit_exits(group: Group, live: Iterable[Order], terrain: Terrain) -> list[Wanted]:
    """A limit at its target for everything that is open, by the group's way of taking profit.

    What is too small to rest alone waits while its entries may fill more, then joins the next exit, or the last one.
    Where such a rest is what its own exit has left, it stays there: `left_resting`.
    """
    kept, begun = kept_fraction(group), places_begun(live)
    exits: list[tuple[Place, list[Leg], Decimal]] = []
    joining: list[Leg] = []
    held = (leg for leg in group.legs if leg.open_quantity > 0)
    for place, own in groupby(held, lambda leg: take_profit_place(group, leg)):
        legs = list(own)
        target = exit_target(legs[-1], group, terrain.rules)
        if target is None:
            continue
        is_enough = _is_enough(legs, kept, target, terrain)
        if not is_enough and place in begun:
            continue
        joined = [*joining, *legs]
        if is_enough or _is_enough(joined, kept, target, terrain):
            exits.append((place, joined, target))
            joining = []
        elif not _may_grow(group, place):
            joining = joined
    if exits:
        exits[-1][1].extend(joining)
    return [
        _limit_exit(group, place, terrain.rules.quantize_quantity(open_quantity_of(legs) * kept), target, terrain)
        for place, legs, target in exits
    ]


def kept_fraction(group: Group) -> Decimal:
    """How much of what is open is not already on its way out by a partial close."""
    if group.reduce_quantity <= 0:
        return Decimal(1)
    return max(group.open_quantity - group.reduce_quantity, ZERO) / group.open_quantity if group.open_quantity else ZERO


def take_profit_place(group: Group, leg: Leg) -> Place:
    """Of the exit that sells what the leg has open."""
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            return Place(OrderRole.TAKE_PROFIT)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return Place(OrderRole.TAKE_PROFIT, leg.pyramid)
        case _:
            return Place(OrderRole.TAKE_PROFIT, leg.pyramid, leg.index)


def open_quantity_of(legs: Iterable[Leg]) -> Decimal:
    """What they have open, in contracts."""
    return sum((leg.open_quantity for leg in legs), ZERO)


def places_begun(live: Iterable[Order]) -> set[Place]:
    """Where a take-profit has filled in part and has the rest at the venue."""
    return {place_of(order) for order in live if has_begun(order)}


def has_begun(order: Order) -> bool:
    """Whether it is a take-profit that has filled in part."""
    return order.role is OrderRole.TAKE_PROFIT and order.filled > 0


def _may_grow(group: Group, place: Place) -> bool:
    return any(leg.wants_entry and take_profit_place(group, leg) == place for leg in group.legs)


def _is_enough(legs: Sequence[Leg], kept: Decimal, target: Decimal, terrain: Terrain) -> bool:
    """Whether an exit of them is large enough to rest. Where the venue takes any exit, a leg that was large enough to
    be entered is so too, though a short's target is worth less."""
    price = max(target, *(leg.price for leg in legs)) if terrain.exits_below_minimum else target
    return terrain.rules.meets_minimum(price, terrain.rules.quantize_quantity(open_quantity_of(legs) * kept))


def _limit_exit(group: Group, place: Place, quantity: Decimal, target: Decimal, terrain: Terrain) -> Wanted:
    trigger = group.grid.tp_order == "trigger" and terrain.take_profit_trigger
    return Wanted(
        place=place,
        side=group.side.exit_order_side,
        type=OrderType.TAKE_PROFIT_MARKET if trigger else OrderType.LIMIT,
        quantity=quantity,
        price=None if trigger else target,
        trigger_price=target if trigger else None,
        reduce_only=terrain.reduce_only,
        expected_price=target,
    )


def market_exit(group: Group, place: Place, quantity: Decimal, terrain: Terrain) -> Wanted:
    """A sale of `quantity` at market."""
    side = group.side.exit_order_side
    return Wanted(
        place=place,
        side=side,
        type=OrderType.MARKET,
        quantity=terrain.rules.quantize_quantity(quantity),
        reduce_only=terrain.reduce_only,
        expected_price=None if terrain.quote is None else terrain.quote.executable(side),
    )


def can_sell(quantity: Decimal, terrain: Terrain) -> bool:
    """Whether the venue takes a market exit of this quantity."""
    if quantity <= 0 or quantity < terrain.rules.min_qty:
        return False
    if terrain.exits_below_minimum:
        return True
    return terrain.quote is not None and terrain.rules.meets_minimum(terrain.quote.last, quantity)


def is_sold_out(legs: Iterable[Leg], rules: MarketRules) -> bool:
    """Whether no leg has a step left to sell: on spot the fee comes out of what was bought, and exits leave a rest."""
    return all(rules.quantize_quantity(leg.open_quantity) == 0 for leg in legs)
