"""Exits on spot, where a stop and a take-profit rest over the same coins only as a pair (ADR 4)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from itertools import groupby

from app.base.config.grid import TakeProfitMode
from app.domain.exits import can_sell, has_begun, kept_fraction, limit_exits, open_quantity_of, take_profit_place
from app.domain.group import Group, Leg
from app.domain.market import MarketRules
from app.domain.order import Order
from app.domain.stop_loss import current_stop, resting_stop
from app.domain.values import HUNDRED, ZERO, OrderRole, OrderType
from app.domain.wishes import Place, Terrain, Wanted, place_of

PAIR_STAYS = timedelta(seconds=3)
HARDLY_OFF_PERCENT = Decimal("0.2")
"""So far off the stop of a pair may be for `PAIR_STAYS` after it was placed."""


def paired_exits(group: Group, live: Iterable[Order], terrain: Terrain) -> list[Wanted]:
    """Take-profits that each share their coins with a stop, over all that is open; empty where that cannot be (ADR 4).

    A stop that trails moves too often, and each step would replace every pair.
    """
    stop_loss = group.grid.stop_loss
    trails = stop_loss is not None and stop_loss.trailing is not None
    if terrain.pairs <= 0 or terrain.stop_type is None or trails or group.grid.tp_mode is TakeProfitMode.HYBRID:
        return []
    stop = resting_stop(group, terrain.rules)
    if stop is None:
        return []
    held = without_sales(group, terrain)
    profits = _with_rest(limit_exits(held, (), terrain), held.open_quantity * kept_fraction(held), terrain.rules)
    if len(profits) > terrain.pairs or not all(_can_be_paired(profit, stop, live, terrain) for profit in profits):
        return []
    return [wish for profit in profits for wish in _pair(profit, _where_it_rests(profit, stop, live, terrain), terrain)]


def _with_rest(profits: list[Wanted], quantity: Decimal, rules: MarketRules) -> list[Wanted]:
    """The exits over `quantity` in all: what is chipped off by steps, or too small to rest alone, joins the last."""
    if not profits:
        return []
    *others, last = profits
    rest = rules.quantize_quantity(quantity) - sum((profit.quantity for profit in others), ZERO)
    return [*others, replace(last, quantity=rest)]


def _can_be_paired(profit: Wanted, stop: Decimal, live: Iterable[Order], terrain: Terrain) -> bool:
    largest = terrain.rules.max_qty
    fits = terrain.rules.meets_minimum(stop, profit.quantity) and (largest is None or profit.quantity <= largest)
    return fits and not is_too_far(profit, live, terrain)


def is_too_far(wish: Wanted, live: Iterable[Order], terrain: Terrain) -> bool:
    """Whether the venue does not let it rest at its price, and it does not rest there already."""
    band, quote = terrain.rules.band, terrain.quote
    if wish.price is None or band is None or quote is None or band.admits(wish.side, wish.price, quote):
        return False
    return all((place_of(order), order.price) != (wish.place, wish.price) for order in live)


def _where_it_rests(profit: Wanted, stop: Decimal, live: Iterable[Order], terrain: Terrain) -> Decimal:
    """`stop`, or for a while where the stop of such a pair has just been placed, if that is hardly off: moving it
    replaces the pair, and an entry that fills bit by bit would have all others replaced with every bit (hazard 20)."""
    place, most = _stop_place(profit.place), stop * HARDLY_OFF_PERCENT / HUNDRED
    placed = [
        order.trigger_price
        for order in live
        if place_of(order) == place
        and order.remaining == profit.quantity
        and order.trigger_price is not None
        and terrain.now - order.created_at < PAIR_STAYS
    ]
    return next((price for price in placed if abs(price - stop) < most), stop)


def _stop_place(profit: Place) -> Place:
    return profit._replace(role=OrderRole.STOP_LOSS)


def _pair(profit: Wanted, stop: Decimal, terrain: Terrain) -> tuple[Wanted, Wanted]:
    place = _stop_place(profit.place)
    other = replace(
        profit,
        place=place,
        type=terrain.stop_type or OrderType.STOP_MARKET,
        price=stop if terrain.stop_type is OrderType.STOP_LIMIT else None,
        trigger_price=stop,
        expected_price=stop,
        paired_with=profit.place,
    )
    return replace(profit, paired_with=place), other


def left_resting(group: Group, live: Iterable[Order], wishes: Sequence[Wanted], terrain: Terrain) -> Iterator[Wanted]:
    """Take-profits that have begun to fill, as far as no other exit is over what they have left: too small to rest
    anew, it stays where it is."""
    exits = [wish for wish in wishes if wish.place.role is not OrderRole.ENTRY]
    places = {wish.place for wish in exits}
    left = group.open_quantity - sum((wish.quantity for wish in exits if _takes_alone(wish, terrain)), ZERO)
    for order in live:
        if has_begun(order) and place_of(order) not in places and order.remaining <= left:
            left -= order.remaining
            yield _as_it_rests(order)


def _takes_alone(exit_: Wanted, terrain: Terrain) -> bool:
    """Whether what it sells is not also another exit's: the stop's on perpetuals, which is over all that is open, or
    its partner's in a pair."""
    is_stop = exit_.place.role is OrderRole.STOP_LOSS
    return not is_stop if terrain.reduce_only else is_stop or exit_.paired_with is None


def _as_it_rests(order: Order) -> Wanted:
    place = place_of(order)
    return Wanted(
        place=place,
        side=order.side,
        type=order.type,
        quantity=order.remaining,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        time_in_force=order.time_in_force,
        expected_price=order.expected_price,
        paired_with=None if order.paired_with is None else _stop_place(place),
    )


def sales(group: Group, terrain: Terrain) -> list[tuple[Place, list[Leg]]]:
    """Which legs are being sold at market, by order."""
    return sold_together(group, lambda leg: leg.take_profit_triggered, terrain)


def without_sales(group: Group, terrain: Terrain) -> Group:
    """The group without what is being sold at market."""
    sold = {leg.key for _, legs in sales(group, terrain) for leg in legs}
    if not sold:
        return group
    return group.with_legs(lambda leg: replace(leg, open_quantity=ZERO, open_value=ZERO) if leg.key in sold else leg)


def sold_together(group: Group, is_reached: Callable[[Leg], bool], terrain: Terrain) -> list[tuple[Place, list[Leg]]]:
    """Which legs orders at market sell now, by order: one for each take-profit that is reached, or was so for all that
    it has open, save that what is too small alone joins the next. Legs that are too small even together are in none."""
    sales: list[tuple[Place, list[Leg]]] = []
    joining: list[Leg] = []
    held = (leg for leg in group.legs if leg.open_quantity > 0)
    for place, own in groupby(held, lambda leg: take_profit_place(group, leg)):
        legs = list(own)
        if not (all(leg.take_profit_triggered for leg in legs) or all(map(is_reached, legs))):
            continue
        joining.extend(legs)
        if can_sell(terrain.rules.quantize_quantity(open_quantity_of(joining)), terrain):
            sales.append((place, joining))
            joining = []
    if sales:
        sales[-1][1].extend(joining)
    return sales


def stop_locks_coins(group: Group, terrain: Terrain) -> bool:
    """Whether a take-profit can rest only paired with the stop, which binds the coins (spot, grid.md)."""
    if terrain.reduce_only or terrain.stop_type is None:
        return False
    return current_stop(group, terrain.rules) is not None
