"""Which orders of a group should be live now. Everything sent is the difference between this and what is live."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from decimal import Decimal

from app.domain.exits import can_sell, limit_exits, market_exit, open_quantity_of, take_profit_place
from app.domain.group import Group, Leg
from app.domain.order import Order, OrderStatus
from app.domain.spot_exits import (
    is_too_far,
    left_resting,
    paired_exits,
    sales,
    stop_locks_coins,
    without_sales,
)
from app.domain.stop_loss import current_stop, is_through, resting_stop
from app.domain.take_profit import group_target
from app.domain.values import HUNDRED, ZERO, CloseReason, OrderRole, OrderType, TimeInForce
from app.domain.wishes import Place, Terrain, Wanted, place_of

HYBRID_TRIES = 3
REDUCE_ONLY = "reduce_only"
"""The code of a refusal that says that the position is gone or too small."""


def wanted_orders(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """Every order that should be live for this group as it stands; asking again changes nothing."""
    if not group.is_open:
        return []
    stop = _stop(group, live, terrain)
    reduction = _reduction(group, live, terrain)
    if group.closing is not None:
        return [*stop, *_close(group, live, terrain)]
    if group.hybrid_active:
        return [*stop, *_hybrid_close(group, live, terrain)]
    limits = [*_entries(group), *_take_profits(group, live, terrain)]
    held = _held_back(limits, live, terrain)
    stops = paired_exits(group, live, terrain) or stop
    wishes = [*(wish for wish in limits if wish.place not in held), *stops, *reduction]
    wishes += left_resting(group, live, wishes, terrain)
    if terrain.is_shared and terrain.reduce_only and _rests_more(live, wishes):
        return [wish for wish in wishes if wish not in reduction]
    return wishes


def _rests_more(live: Iterable[Order], wishes: Iterable[Wanted]) -> bool:
    """Whether exits are over more than they are to be, where reduce-only would not keep a partial close besides from
    selling what is not the group's. One that is on its way goes on."""
    rests: defaultdict[Place, Decimal] = defaultdict(Decimal)
    for order in live:
        rests[place_of(order)] += order.remaining
    wanted = {wish.place: wish.quantity for wish in wishes}
    is_selling = any(place.role is OrderRole.CLOSE for place in rests)
    return not is_selling and any(
        place.role is not OrderRole.ENTRY and quantity > wanted.get(place, ZERO) for place, quantity in rests.items()
    )


def held_back(group: Group, live: Sequence[Order], terrain: Terrain) -> dict[Place, Decimal]:
    """Entries and take-profits too far from the price for the venue to let them rest, with the price from which on it
    does. What rests already stays, however far the price has gone from it."""
    if not group.is_open or group.closing is not None or group.hybrid_active:
        return {}
    return _held_back([*_entries(group), *_take_profits(group, live, terrain)], live, terrain)


def _held_back(limits: Iterable[Wanted], live: Sequence[Order], terrain: Terrain) -> dict[Place, Decimal]:
    held: dict[Place, Decimal] = {}
    band = terrain.rules.band
    if band is None:
        return held
    for wish in limits:
        opens = None if wish.price is None else band.opens_at(wish.side, wish.price)
        if opens is not None and is_too_far(wish, live, terrain):
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


def _take_profits(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    if stop_locks_coins(group, terrain):
        return [market_exit(group, place, open_quantity_of(legs), terrain) for place, legs in sales(group, terrain)]
    reached = {take_profit_place(group, leg) for leg in group.legs if leg.take_profit_triggered}
    sold = _sold_at_market(live)
    return [
        market_exit(group, wish.place, wish.quantity, terrain)
        if wish.place in sold or (wish.place in reached and can_sell(wish.quantity, terrain))
        else wish
        for wish in limit_exits(group, live, terrain)
    ]


def _sold_at_market(live: Iterable[Order]) -> set[Place]:
    """Where a take-profit is being sold at market: it stays so, whatever the price does then."""
    return {
        place_of(order)
        for order in live
        if order.role is OrderRole.TAKE_PROFIT and order.type is OrderType.MARKET and not order.waits_to_be_sent
    }


def reached_though_refused(group: Group, orders: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """Take-profits that are not at the venue, since it did not take them, and whose price is there."""
    waiting = [order for order in orders if order.retry_at is not None and terrain.now < order.retry_at]
    if not waiting or terrain.quote is None or group.hybrid_active:
        return []
    price = terrain.quote.executable(group.side.exit_order_side)
    return [
        wish
        for wish in limit_exits(group, [order for order in orders if order.is_live], terrain)
        if wish.expected_price is not None
        and not group.side.is_better(wish.expected_price, price)
        and (failed := failed_exit(wish.place, orders)) is not None
        and failed.retry_at is not None
        and terrain.now < failed.retry_at
    ]


def failed_exit(place: Place, orders: Iterable[Order]) -> Order | None:
    """The last order of an exit that could not be placed and waits to be tried again, if that is so. It is not where
    the venue says that there is nothing to sell: the position is read first."""
    own = [order for order in orders if order.role is place.role and place_of(order) == place]
    if not own or any(order.is_live and not order.waits_to_be_sent for order in own):
        return None
    last = max(own, key=lambda order: order.number)
    is_gone = last.was_refused_for(REDUCE_ONLY)
    return None if last.retry_at is None or is_gone else last


def _stop(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """The stop at the venue: until the group is flat, also while it closes where reduce-only guards it. Where that
    guards the book but not the group, the stop ends last before the sale, save one that has triggered and takes any
    price."""
    resting = [order for order in live if order.role is OrderRole.STOP_LOSS]
    if terrain.stop_type is None or (group.closing is not None and not _stays_while_closing(live, terrain)):
        return []
    price = _stop_price(group, resting, terrain)
    if price is None:
        return []
    on_step = terrain.rules.quantize_quantity(_stop_quantity(group, resting, live, terrain))
    if on_step <= 0 or _is_too_small(group, price, on_step, resting, terrain):
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


def _stays_while_closing(live: Iterable[Order], terrain: Terrain) -> bool:
    return terrain.is_guarded or (terrain.reduce_only and any(map(_is_waited_for, live)))


def _is_waited_for(order: Order) -> bool:
    """Whether the sale waits for it beside a stop that rests."""
    triggered = order.type.takes_any_price and _is_triggered_stop(order)
    return triggered or order.role is OrderRole.TAKE_PROFIT


def _stop_quantity(group: Group, resting: Sequence[Order], live: Sequence[Order], terrain: Terrain) -> Decimal:
    """What the stop is to be over. One that has triggered is left to sell what it is over, and a close what is open
    besides: no venue changes it any more."""
    if not terrain.reduce_only:
        return without_sales(group, terrain).open_quantity - group.reduce_quantity
    quantity = group.open_quantity - (group.reduce_quantity if terrain.is_shared else ZERO)
    if group.grid.stop_sizing == "planned":
        quantity += sum((order.remaining for order in live if _may_fill_unseen(order)), ZERO) - group.oversold
    if quantity > 0 and any(map(_is_triggered_stop, resting)):
        return sum((order.remaining for order in resting), ZERO)
    return quantity


def _is_too_small(group: Group, price: Decimal, quantity: Decimal, resting: Iterable[Order], terrain: Terrain) -> bool:
    """Whether no stop is to be over `quantity`. One that rests is kept longer, to the end where it has triggered."""
    if any(map(_is_triggered_stop, resting)):
        return False
    if group.closing is not None:
        return terrain.quote is not None and not can_sell(quantity, terrain)
    if resting:
        return quantity < terrain.rules.min_qty
    return not _stop_can_rest(price, quantity, terrain)


def _stop_price(group: Group, resting: Sequence[Order], terrain: Terrain) -> Decimal | None:
    """While the group closes, the stop stays where it rests: it may have triggered, and its fills are what closes."""
    if group.closing is not None and resting:
        return resting[0].trigger_price
    return resting_stop(group, terrain.rules)


def _may_fill_unseen(order: Order) -> bool:
    """Whether it is an entry at the venue. What has not been sent cannot fill, and a stop over it would sell what
    others hold on the same book."""
    return order.role is OrderRole.ENTRY and order.status is not OrderStatus.PENDING


def stop_can_rest(group: Group, terrain: Terrain) -> bool:
    """Whether the venue takes a stop over all that is open."""
    price = resting_stop(group, terrain.rules)
    if terrain.stop_type is None or price is None:
        return False
    return _stop_can_rest(price, terrain.rules.quantize_quantity(group.open_quantity), terrain)


def _stop_can_rest(price: Decimal, quantity: Decimal, terrain: Terrain) -> bool:
    rules = terrain.rules
    return quantity >= rules.min_qty and (terrain.exits_below_minimum or rules.meets_minimum(price, quantity))


def _close(group: Group, live: Sequence[Order], terrain: Terrain) -> list[Wanted]:
    """The market order that ends a closing group, once nothing else can still sell the same quantity."""
    if group.open_quantity <= 0 or not _way_is_clear(group, live, terrain):
        return []
    stopping = sum((order.remaining for order in live if _is_triggered_stop(order)), ZERO)
    sold = sum((order.owed for order in live if order.role is OrderRole.TAKE_PROFIT), ZERO)
    return _sale(group, group.open_quantity - stopping - sold, live, terrain)


def _sale(group: Group, quantity: Decimal, live: Iterable[Order], terrain: Terrain) -> list[Wanted]:
    """At market, where the venue takes an order over `quantity` or has one: what that has left may be too little for
    another."""
    wanted = market_exit(group, Place(OrderRole.CLOSE), quantity, terrain)
    is_there = wanted.quantity > 0 and any(order.role is OrderRole.CLOSE for order in live)
    return [wanted] if is_there or can_sell(wanted.quantity, terrain) else []


def _way_is_clear(group: Group, live: Sequence[Order], terrain: Terrain) -> bool:
    """Whether nothing else is left that could sell the same; a sale that is on its way goes on."""
    if any(order.role is OrderRole.CLOSE and not order.waits_to_be_sent for order in live):
        return True
    in_the_way = [order for order in live if order.role is OrderRole.TAKE_PROFIT]
    if not terrain.is_guarded:
        in_the_way += [order for order in live if order.role is OrderRole.STOP_LOSS and not _is_triggered_stop(order)]
    if not in_the_way:
        return True
    waited = (terrain.now - group.closing_at).total_seconds() if group.closing_at else 0.0
    return terrain.is_guarded and waited >= terrain.close_without_waiting_sec


def _is_triggered_stop(order: Order) -> bool:
    return order.role is OrderRole.STOP_LOSS and order.filled > 0 and order.status is not OrderStatus.PENDING_CANCEL


def _reduction(group: Group, live: Iterable[Order], terrain: Terrain) -> list[Wanted]:
    if group.reduce_quantity <= 0:
        return []
    return _sale(group, min(group.reduce_quantity, group.open_quantity), live, terrain)


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


def leftover_cannot_be_sold(group: Group, live: Iterable[Order], terrain: Terrain) -> bool:
    """Whether what is open is dust: nothing will add to it and no venue order can sell it, now or at its target."""
    if group.open_quantity <= 0 or group.wants_entries or any(True for _ in live) or terrain.quote is None:
        return False
    if group.closing is None and limit_exits(group, (), terrain):
        return False
    quantity = terrain.rules.quantize_quantity(group.open_quantity)
    return not can_sell(quantity, terrain) and not terrain.rules.meets_minimum(terrain.quote.last, quantity)


def leftover_must_be_sold(group: Group, live: Sequence[Order], terrain: Terrain) -> bool:
    """Whether what is open is too small to wait for its take-profit, but can be sold at market now."""
    if group.closing is not None or group.open_quantity <= 0 or group.wants_entries or group.hybrid_active:
        return False
    if stop_locks_coins(group, terrain) or group.reduce_quantity > 0:
        return False
    if any(order.role is not OrderRole.STOP_LOSS for order in live) or _take_profits(group, live, terrain):
        return False
    return can_sell(terrain.rules.quantize_quantity(group.open_quantity), terrain)


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
    price = current_stop(group, terrain.rules)
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
    deepest = None if percent is None else last_leg_price(group)
    if percent is None or deepest is None:
        return None
    return deepest * (HUNDRED - percent * group.side.sign) / HUNDRED


def closed_by(orders: Iterable[Order]) -> CloseReason | None:
    """The reason of the last take-profit or stop that filled; what was reduced besides gives no reason."""
    exits = [order for order in orders if order.role is not OrderRole.ENTRY and order.filled > 0]
    planned = [order for order in exits if order.role in _REASONS]
    if not planned:
        return CloseReason.MANUAL if exits else None
    return _REASONS[max(planned, key=lambda order: (order.updated_at, order.number)).role]


_REASONS = {OrderRole.TAKE_PROFIT: CloseReason.TAKE_PROFIT, OrderRole.STOP_LOSS: CloseReason.STOP_LOSS}
