"""Which orders of a group should be live now. Everything sent is the difference between this and what is live."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import groupby

from app.base.config.grid import TakeProfitMode
from app.domain.group import Group, Leg
from app.domain.market import MarketRules, Quote
from app.domain.order import Order, OrderStatus
from app.domain.stop_loss import current_stop, is_through, resting_stop
from app.domain.take_profit import group_target, leg_target, pyramid_target
from app.domain.values import HUNDRED, ZERO, CloseReason, OrderRole, OrderSide, OrderType, TimeInForce

HYBRID_TRIES = 3
PAIR_STAYS = timedelta(seconds=3)
HARDLY_OFF_PERCENT = Decimal("0.2")
"""So far off the stop of a pair may be for `PAIR_STAYS` after it was placed."""


@dataclass(frozen=True, slots=True)
class Place:
    """What an order is for: there is at most one wish for each place of a group."""

    role: OrderRole
    pyramid: int | None = None
    leg: int | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """An order that should be live. `quantity` is what should be left to fill, in contracts."""

    place: Place
    side: OrderSide
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expected_price: Decimal | None = None
    paired_with: Place | None = None
    """The wish with which it shares one quantity: both are placed and kept together. Where that one is not wished, this
    is what a pair has left, and only stays."""


@dataclass(frozen=True, slots=True)
class Terrain:
    """What the rules need to know of the market and the venue around a group."""

    rules: MarketRules
    quote: Quote | None
    now: datetime
    taker_fee: Decimal
    reduce_only: bool
    exits_below_minimum: bool
    stop_type: OrderType | None
    """How a stop rests at the venue; None where it has none and the engine watches."""
    take_profit_trigger: bool
    close_without_waiting_sec: float
    """How long a close waits for take-profits to be cancelled where reduce-only guards it."""
    pairs: int = 0
    """How many pairs of a take-profit and a stop the group may have at the venue."""


def place_of(order: Order) -> Place:
    return Place(order.role, order.pyramid, order.leg)


def wanted_orders(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """Every order that should be live for this group as it stands; asking again changes nothing."""
    if not group.is_open:
        return []
    stop = _stop(group, live, terrain)
    reduction = _reduction(group, terrain)
    if group.closing is not None:
        return [*stop, *_close(group, live, terrain)]
    if group.hybrid_active:
        return [*stop, *_hybrid_close(group, live, terrain)]
    limits = [*_entries(group), *_take_profits(group, terrain)]
    held = held_back(group, live, terrain)
    stops = paired_exits(group, live, terrain) or stop
    wishes = [*(wish for wish in limits if wish.place not in held), *stops, *reduction]
    return [*wishes, *_left_resting(group, live, wishes, terrain)]


def held_back(group: Group, live: Sequence[Order], terrain: Terrain) -> dict[Place, Decimal]:
    """Entries and take-profits too far from the price for the venue to let them rest, with the price from which on it
    does. What rests already stays, however far the price has gone from it."""
    band = terrain.rules.band
    if band is None or not group.is_open or group.closing is not None or group.hybrid_active:
        return {}
    held: dict[Place, Decimal] = {}
    for wish in (*_entries(group), *_take_profits(group, terrain)):
        opens = None if wish.price is None else band.opens_at(wish.side, wish.price)
        if opens is not None and _is_too_far(wish, live, terrain):
            held[wish.place] = opens
    return held


def _entries(group: Group) -> Iterator[Wanted]:
    for pyramid in group.pyramids:
        legs = [leg for leg in group.legs if leg.pyramid == pyramid.index and leg.wants_entry]
        for leg in legs[: group.grid.max_resting_legs]:
            yield Wanted(
                place=Place(OrderRole.ENTRY, leg.pyramid, leg.index),
                side=group.side.entry_order_side,
                type=leg.order_type,
                quantity=leg.unfilled,
                price=None if leg.order_type is OrderType.MARKET else leg.price,
                expected_price=leg.price,
            )


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
    held = _without_sales(group, terrain)
    profits = _with_rest(_limit_exits(held, terrain), held.open_quantity * kept_fraction(held), terrain.rules)
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
    return fits and not _is_too_far(profit, live, terrain)


def _is_too_far(wish: Wanted, live: Iterable[Order], terrain: Terrain) -> bool:
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
    return replace(profit, role=OrderRole.STOP_LOSS)


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


def _take_profits(group: Group, terrain: Terrain) -> list[Wanted]:
    if stop_locks_coins(group, terrain):
        return [_market_exit(group, place, _open_quantity(legs), terrain) for place, legs in _sales(group, terrain)]
    return _limit_exits(group, terrain)


def _left_resting(group: Group, live: Iterable[Order], wishes: Sequence[Wanted], terrain: Terrain) -> Iterator[Wanted]:
    """Take-profits that have begun to fill, as far as no other exit is over what they have left: on spot that could not
    rest anew, so it stays where it is."""
    if terrain.reduce_only:
        return
    exits = [wish for wish in wishes if wish.place.role is not OrderRole.ENTRY]
    places = {wish.place for wish in exits}
    once = (wish for wish in exits if wish.paired_with is None or wish.place.role is OrderRole.STOP_LOSS)
    left = group.open_quantity - sum((wish.quantity for wish in once), ZERO)
    for order in live:
        has_begun = order.role is OrderRole.TAKE_PROFIT and order.filled > 0
        if has_begun and place_of(order) not in places and order.remaining <= left:
            left -= order.remaining
            yield _as_it_rests(order)


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


def _sales(group: Group, terrain: Terrain) -> list[tuple[Place, list[Leg]]]:
    return sold_together(group, lambda leg: leg.take_profit_triggered, terrain)


def _without_sales(group: Group, terrain: Terrain) -> Group:
    """The group without what is being sold at market."""
    sold = {leg.key for _, legs in _sales(group, terrain) for leg in legs}
    if not sold:
        return group
    return group.with_legs(lambda leg: replace(leg, open_quantity=ZERO, open_value=ZERO) if leg.key in sold else leg)


def sold_together(group: Group, is_reached: Callable[[Leg], bool], terrain: Terrain) -> list[tuple[Place, list[Leg]]]:
    """Which legs orders at market sell now, by order: one for each take-profit that is reached, or was so for all that
    it has open, save that what is too small alone joins the next. Legs that are too small even together are in none."""
    sales: list[tuple[Place, list[Leg]]] = []
    joining: list[Leg] = []
    held = (leg for leg in group.legs if leg.open_quantity > 0)
    for place, own in groupby(held, lambda leg: _take_profit_place(group, leg)):
        legs = list(own)
        if not (all(leg.take_profit_triggered for leg in legs) or all(map(is_reached, legs))):
            continue
        joining.extend(legs)
        if can_sell(terrain.rules.quantize_quantity(_open_quantity(joining)), terrain):
            sales.append((place, joining))
            joining = []
    if sales:
        sales[-1][1].extend(joining)
    return sales


def _take_profit_place(group: Group, leg: Leg) -> Place:
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            return Place(OrderRole.TAKE_PROFIT)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return Place(OrderRole.TAKE_PROFIT, leg.pyramid)
        case _:
            return Place(OrderRole.TAKE_PROFIT, leg.pyramid, leg.index)


def _open_quantity(legs: Iterable[Leg]) -> Decimal:
    return sum((leg.open_quantity for leg in legs), ZERO)


def _limit_exits(group: Group, terrain: Terrain) -> list[Wanted]:
    kept = kept_fraction(group)
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            target = group_target(group, terrain.rules)
            return _limit_exit(group, Place(OrderRole.TAKE_PROFIT), group.open_quantity * kept, target, terrain)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return [
                item
                for pyramid in group.pyramids
                for item in _limit_exit(
                    group,
                    Place(OrderRole.TAKE_PROFIT, pyramid.index),
                    kept * sum((leg.open_quantity for leg in group.legs if leg.pyramid == pyramid.index), ZERO),
                    pyramid_target(group, pyramid.index, terrain.rules),
                    terrain,
                )
            ]
        case _:
            return _leg_exits(group, terrain, kept)


def kept_fraction(group: Group) -> Decimal:
    """How much of what is open is not already on its way out by a partial close."""
    if group.reduce_quantity <= 0:
        return Decimal(1)
    return max(group.open_quantity - group.reduce_quantity, ZERO) / group.open_quantity if group.open_quantity else ZERO


def _leg_exits(group: Group, terrain: Terrain, kept: Decimal) -> list[Wanted]:
    """One exit a leg; what is too small to rest alone and will not grow joins the next one (grid.md, per_leg)."""
    exits: list[tuple[Leg, Decimal, Decimal]] = []
    joining = ZERO
    for leg in group.legs:
        target = leg_target(leg, group, terrain.rules)
        if leg.open_quantity <= 0 or target is None:
            continue
        quantity = leg.open_quantity * kept
        if terrain.rules.meets_minimum(target, terrain.rules.quantize_quantity(quantity)):
            exits.append((leg, quantity + joining, target))
            joining = ZERO
        elif not leg.wants_entry:
            joining += quantity
    if joining and exits:
        leg, quantity, target = exits[-1]
        exits[-1] = (leg, quantity + joining, target)
    return [
        item
        for leg, quantity, target in exits
        for item in _limit_exit(group, Place(OrderRole.TAKE_PROFIT, leg.pyramid, leg.index), quantity, target, terrain)
    ]


def _limit_exit(
    group: Group, place: Place, quantity: Decimal, target: Decimal | None, terrain: Terrain
) -> list[Wanted]:
    on_step = terrain.rules.quantize_quantity(quantity)
    if target is None or not terrain.rules.meets_minimum(target, on_step):
        return []
    trigger = group.grid.tp_order == "trigger" and terrain.take_profit_trigger
    return [
        Wanted(
            place=place,
            side=group.side.exit_order_side,
            type=OrderType.TAKE_PROFIT_MARKET if trigger else OrderType.LIMIT,
            quantity=on_step,
            price=None if trigger else target,
            trigger_price=target if trigger else None,
            reduce_only=terrain.reduce_only,
            expected_price=target,
        )
    ]


def _market_exit(group: Group, place: Place, quantity: Decimal, terrain: Terrain) -> Wanted:
    side = group.side.exit_order_side
    return Wanted(
        place=place,
        side=side,
        type=OrderType.MARKET,
        quantity=terrain.rules.quantize_quantity(quantity),
        reduce_only=terrain.reduce_only,
        expected_price=None if terrain.quote is None else terrain.quote.executable(side),
    )


def _stop(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """The stop at the venue: until the group is flat, also while it closes where reduce-only guards it."""
    if terrain.stop_type is None or (group.closing is not None and not terrain.reduce_only):
        return []
    price = resting_stop(group, terrain.rules)
    if price is None:
        return []
    quantity = group.open_quantity
    if group.grid.stop_sizing == "planned" and terrain.reduce_only:
        quantity += sum((leg.unfilled for leg in group.legs if leg.wants_entry), ZERO)
    if not terrain.reduce_only:
        quantity = _without_sales(group, terrain).open_quantity - group.reduce_quantity
    on_step = terrain.rules.quantize_quantity(quantity)
    resting = [order for order in live if order.role is OrderRole.STOP_LOSS]
    if on_step <= 0:
        return []
    if not resting and not _stop_can_rest(price, on_step, terrain):
        return []
    limit = price if terrain.stop_type is OrderType.STOP_LIMIT else None
    return [
        Wanted(
            place=Place(OrderRole.STOP_LOSS),
            side=group.side.exit_order_side,
            type=terrain.stop_type,
            quantity=on_step,
            price=limit,
            trigger_price=price,
            reduce_only=terrain.reduce_only,
            expected_price=price,
        )
    ]


def stop_can_rest(group: Group, terrain: Terrain) -> bool:
    """Whether the venue takes a stop over all that is open."""
    price = resting_stop(group, terrain.rules)
    if terrain.stop_type is None or price is None:
        return False
    return _stop_can_rest(price, terrain.rules.quantize_quantity(group.open_quantity), terrain)


def _stop_can_rest(price: Decimal, quantity: Decimal, terrain: Terrain) -> bool:
    return terrain.exits_below_minimum or terrain.rules.meets_minimum(price, quantity)


def _close(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """The market order that ends a closing group, once nothing else can still sell the same quantity."""
    if group.open_quantity <= 0 or not _way_is_clear(group, live, terrain):
        return []
    stopping = sum((order.remaining for order in live if _is_triggered_stop(order)), ZERO)
    wanted = _market_exit(group, Place(OrderRole.CLOSE), group.open_quantity - stopping, terrain)
    return [wanted] if can_sell(wanted.quantity, terrain) else []


def _way_is_clear(group: Group, live: Sequence[Order], terrain: Terrain) -> bool:
    in_the_way = [order for order in live if order.role is OrderRole.TAKE_PROFIT]
    if not terrain.reduce_only:
        in_the_way += [order for order in live if order.role is OrderRole.STOP_LOSS and not _is_triggered_stop(order)]
    if not in_the_way:
        return True
    waited = (terrain.now - group.closing_at).total_seconds() if group.closing_at else 0.0
    return terrain.reduce_only and waited >= terrain.close_without_waiting_sec


def _is_triggered_stop(order: Order) -> bool:
    return order.role is OrderRole.STOP_LOSS and order.filled > 0 and order.status is not OrderStatus.PENDING_CANCEL


def can_sell(quantity: Decimal, terrain: Terrain) -> bool:
    """Whether the venue takes a market exit of this quantity."""
    if quantity <= 0 or quantity < terrain.rules.min_qty:
        return False
    if terrain.exits_below_minimum:
        return True
    return terrain.quote is not None and terrain.rules.meets_minimum(terrain.quote.last, quantity)


def _reduction(group: Group, terrain: Terrain) -> list[Wanted]:
    if group.reduce_quantity <= 0:
        return []
    quantity = min(group.reduce_quantity, group.open_quantity)
    wanted = _market_exit(group, Place(OrderRole.CLOSE), quantity, terrain)
    return [wanted] if can_sell(wanted.quantity, terrain) else []


def _hybrid_close(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    target = group_target(group, terrain.rules)
    quantity = terrain.rules.quantize_quantity(group.open_quantity)
    legs_still_exit = any(order.role is OrderRole.TAKE_PROFIT and order.leg is not None for order in live)
    if target is None or quantity <= 0 or legs_still_exit:
        return []
    worst = group.side.shifted(target, -group.grid.hybrid_tolerance_percent)
    price = terrain.rules.quantize_stop(worst, group.side, target)
    return [
        Wanted(
            place=Place(OrderRole.TAKE_PROFIT),
            side=group.side.exit_order_side,
            type=OrderType.LIMIT,
            quantity=quantity,
            price=price,
            reduce_only=terrain.reduce_only,
            time_in_force=TimeInForce.IOC,
            expected_price=target,
        )
    ]


def stop_locks_coins(group: Group, terrain: Terrain) -> bool:
    """Whether a take-profit can rest only paired with the stop, which binds the coins (spot, grid.md)."""
    if terrain.reduce_only or terrain.stop_type is None:
        return False
    return current_stop(group, terrain.rules, terrain.taker_fee) is not None


def is_sold_out(legs: Iterable[Leg], rules: MarketRules) -> bool:
    """Whether no leg has a step left to sell: on spot the fee comes out of what was bought, and exits leave a rest."""
    return all(rules.quantize_quantity(leg.open_quantity) == 0 for leg in legs)


def leftover_cannot_be_sold(group: Group, live: Iterable[Order], terrain: Terrain) -> bool:
    """Whether what is open is dust: nothing will add to it and no venue order can sell it."""
    if group.open_quantity <= 0 or group.wants_entries or any(True for _ in live) or terrain.quote is None:
        return False
    quantity = terrain.rules.quantize_quantity(group.open_quantity)
    return not can_sell(quantity, terrain) and not terrain.rules.meets_minimum(terrain.quote.last, quantity)


def leftover_must_be_sold(group: Group, live: Sequence[Order], terrain: Terrain) -> bool:
    """Whether what is open is too small to wait for its take-profit, but can be sold at market now."""
    if group.closing is not None or group.open_quantity <= 0 or group.wants_entries or live or group.hybrid_active:
        return False
    if stop_locks_coins(group, terrain) or group.reduce_quantity > 0:
        return False
    return not wanted_exits_exist(group, terrain) and can_sell(
        terrain.rules.quantize_quantity(group.open_quantity), terrain
    )


def wanted_exits_exist(group: Group, terrain: Terrain) -> bool:
    return bool(_take_profits(group, terrain))


def take_profit_rests(leg: Leg, live: Iterable[Order]) -> bool:
    """Whether an order at the venue sells the leg at its target."""
    return any(
        order.role is OrderRole.TAKE_PROFIT
        and order.type is not OrderType.MARKET
        and order.pyramid in {None, leg.pyramid}
        and order.leg in {None, leg.index}
        for order in live
    )


def hybrid_target_reached(group: Group, terrain: Terrain) -> bool | None:
    """Whether the executable price is at or past the aggregate target; None where either is unknown."""
    target = group_target(group, terrain.rules)
    if target is None or terrain.quote is None:
        return None
    return not group.side.is_better(target, than=terrain.quote.executable(group.side.exit_order_side))


def watched_stop_is_hit(group: Group, terrain: Terrain) -> bool:
    """Whether a stop that cannot rest at the venue, or has not been placed, is through."""
    price = current_stop(group, terrain.rules, terrain.taker_fee)
    if price is None or terrain.quote is None:
        return False
    return is_through(group.side, price, terrain.quote)


def last_leg_price(group: Group) -> Decimal | None:
    """The deepest price of all legs."""
    prices = [leg.price for leg in group.legs]
    if not prices:
        return None
    return min(prices) if group.side.sign > 0 else max(prices)


def beyond_last_leg(group: Group) -> Decimal | None:
    """The price at which unfilled entries are given up (`cancel_beyond_percent`)."""
    percent = group.grid.cancel_beyond_percent
    deepest = last_leg_price(group)
    if percent is None or deepest is None:
        return None
    return deepest * (HUNDRED - percent * group.side.sign) / HUNDRED


def closed_by(orders: Iterable[Order]) -> CloseReason | None:
    """The reason of the last exit that filled."""
    exits = [order for order in orders if order.role is not OrderRole.ENTRY and order.filled > 0]
    if not exits:
        return None
    last = max(exits, key=lambda order: (order.updated_at, order.number))
    return {
        OrderRole.TAKE_PROFIT: CloseReason.TAKE_PROFIT,
        OrderRole.STOP_LOSS: CloseReason.STOP_LOSS,
    }.get(last.role, CloseReason.MANUAL)
