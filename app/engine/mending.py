"""Wanted minus live: what of a group's orders must be sent, amended, cancelled, or asked for."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.changing import changed
from app.domain import client_order_id
from app.domain.booking import without_owed_exits
from app.domain.client_order_id import OrderAddress
from app.domain.difference import Amendment, Means, difference
from app.domain.group import EntryState, Group, Leg, end_entry
from app.domain.order import RESTING, Order, OrderStatus, bound_by_exits
from app.domain.values import ZERO, OrderRole, OrderType, TimeInForce
from app.domain.wanted import (
    wanted_orders,
)
from app.domain.wishes import Terrain, Wanted
from app.engine.late_entries import came_to_nothing, waits
from app.engine.pairs import make_room, tie
from app.engine.retrying import attempt_of, failures, forget_failures
from app.engine.state import AccountState
from app.engine.turn import Turn
from app.messages.effects import AmendOrder, CancelOrder, LookUpOrder, SubmitOrders

LOOK_UP_DELAYS = (0, 1, 3, 7, 15)
"""Seconds after the outcome became unknown: at once, then 1, 2, 4, 8 s apart (orders.md)."""
LOOK_UP_EVERY = 8
CANCEL_RETRY_SEC = 2
LIMIT_EVERY = 3
"""Of the tries of a close that keeps failing, every third goes as a limit (hazard 15)."""


def mend_orders(
    turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain, account: AccountState
) -> list[Wanted]:
    """Ask for what is missing and end what is too much; all that is wanted."""
    live, left = live_ones(orders), without_owed_exits(group, orders)
    wishes = wanted_orders(left, live, terrain)
    room = None if terrain.reduce_only else left.open_quantity - bound_by_exits(orders)
    stops = [wish for wish in wishes if wish.place.role is OrderRole.STOP_LOSS]
    beside = bool(stops) and terrain.is_guarded
    gap = difference(wishes, live, Means(account.capabilities.amend_types, room, terrain.rules.max_qty, beside))
    _place(turn, group, gap.place, terrain)
    for amendment in gap.amend:
        _amend(turn, amendment)
    for order in gap.cancel:
        _cancel(turn, order)
    _repeat_cancels(turn, group)
    return wishes


def live_ones(orders: Iterable[Order]) -> list[Order]:
    return [order for order in orders if order.is_live]


def _place(turn: Turn, group: Group, wishes: list[Wanted], terrain: Terrain) -> None:
    if not wishes:
        return
    placed: list[Order] = []
    failed = failures(turn, group)
    attempts = {wish.place: attempt_of(turn, wish, failed) for wish in wishes}
    if _gave_up(turn, group, [wish for wish in wishes if (attempts[wish.place] or 1) > 1]):
        return  # the group is looked at again without them
    for wish in wishes:
        attempt = attempts[wish.place]
        if attempt is None or (wish.paired_with is not None and attempts[wish.paired_with] is None):
            continue
        if waits(turn, group, wish):
            continue
        asked = _within_bound(turn, group, wish, terrain) if attempt % LIMIT_EVERY == 0 else wish
        for quantity in terrain.rules.split(asked.quantity, asked.expected_price or ZERO):
            placed.append(_record(turn, group, asked, quantity, attempt, group.next_number + len(placed)))
    if placed:
        if failed:
            forget_failures(turn, placed, failed)
        tie(turn, wishes, placed)
        make_room(turn, group, placed)
        _note_placed(turn, group, placed)
        turn.effect(SubmitOrders(group.account, tuple(order.client_order_id for order in placed)))


def _gave_up(turn: Turn, group: Group, again: list[Wanted]) -> bool:
    """Whether entries among those that go again were ended, told by one alert: theirs is another moment."""
    reasons = {wish.place: came_to_nothing(turn, group, wish) for wish in again if not waits(turn, group, wish)}
    late = {(place.pyramid, place.leg): why for place, why in reasons.items() if why is not None}
    if not late:
        return False
    turn.put_group(group.with_legs(lambda leg: end_entry(leg) if leg.key in late else leg))
    why = next(iter(late.values()))
    turn.alert("warning", f"an entry of {group.symbol} was lost and is not sent again: {why}", group=group)
    return True


def _note_placed(turn: Turn, group: Group, placed: list[Order]) -> None:
    entries = {(order.pyramid, order.leg) for order in placed if order.role is OrderRole.ENTRY}

    def working(leg: Leg) -> Leg:
        is_new = leg.key in entries and leg.entry is EntryState.PLANNED
        return changed(leg, entry=EntryState.WORKING) if is_new else leg

    legs = tuple(map(working, group.legs))
    turn.keep_group(changed(group, legs=legs, next_number=group.next_number + len(placed)))


def _within_bound(turn: Turn, group: Group, wish: Wanted, terrain: Terrain) -> Wanted:
    """A close as a limit that takes what is there within the slippage bound, for venues that refuse it at market."""
    if wish.place.role is not OrderRole.CLOSE or terrain.quote is None:
        return wish
    best = terrain.quote.executable(wish.side)
    worst = group.side.shifted(best, -turn.config.risk.max_slippage_percent)
    price = terrain.rules.quantize_stop(worst, group.side, best)
    return changed(wish, type=OrderType.LIMIT, price=price, time_in_force=TimeInForce.IOC)


def _record(turn: Turn, group: Group, wish: Wanted, quantity: Decimal, attempt: int, number: int) -> Order:
    role, pyramid, leg = wish.place
    address = OrderAddress(turn.namespace, group.id, pyramid, leg, role, number)
    order = Order(
        client_order_id=client_order_id.encode(address),
        account=group.account,
        symbol=group.symbol,
        group_id=group.id,
        pyramid=pyramid,
        leg=leg,
        role=role,
        side=wish.side,
        type=wish.type,
        quantity=quantity,
        price=wish.price,
        trigger_price=wish.trigger_price,
        reduce_only=wish.reduce_only,
        time_in_force=wish.time_in_force,
        number=number,
        attempt=attempt,
        status=OrderStatus.PENDING,
        created_at=turn.now,
        updated_at=turn.now,
        expected_price=wish.expected_price,
    )
    turn.put_order(order)
    return order


def _amend(turn: Turn, amendment: Amendment) -> None:
    order = changed(
        amendment.order, amend_quantity=amendment.quantity, amend_price=amendment.price, updated_at=turn.now
    )
    turn.put_order(order)
    turn.effect(AmendOrder(order.account, order.client_order_id))


def _cancel(turn: Turn, order: Order) -> None:
    if order.status is OrderStatus.PENDING:
        turn.put_order(changed(order.moved(OrderStatus.ABANDONED, turn.now, "no longer wanted"), retry_at=None))
        turn.touch(order.group_id)
        return
    if order.status not in RESTING or (order.is_amending and order.retry_at is None):
        return
    cancelled = order.without_amendment().moved(OrderStatus.PENDING_CANCEL, turn.now)
    turn.put_order(changed(cancelled, retry_at=turn.now + timedelta(seconds=CANCEL_RETRY_SEC), look_ups=0))
    turn.effect(CancelOrder(order.account, order.client_order_id))


def _repeat_cancels(turn: Turn, group: Group) -> None:
    """Cancels are idempotent: one that was not answered is sent again."""
    for order in turn.orders_of(group.id):
        if order.status is not OrderStatus.PENDING_CANCEL or ("cancel", order.client_order_id) in turn.state.in_flight:
            continue
        if order.retry_at is not None and turn.now < order.retry_at:
            turn.wake(f"group/{group.id}", order.retry_at)
            continue
        turn.put_order(changed(order, retry_at=turn.now + timedelta(seconds=CANCEL_RETRY_SEC)))
        turn.effect(CancelOrder(order.account, order.client_order_id))


def look_up_unknown(turn: Turn, group: Group) -> None:
    for order in turn.orders_of(group.id):
        if order.status is not OrderStatus.UNKNOWN or order.unknown_since is None:
            continue
        if ("look_up", order.client_order_id) in turn.state.in_flight:
            continue
        due = _next_look_up(order)
        if turn.now < due:
            turn.wake(f"group/{group.id}", due)
            continue
        turn.put_order(changed(order, look_ups=order.look_ups + 1, retry_at=None))
        turn.effect(LookUpOrder(order.account, order.client_order_id))


def _next_look_up(order: Order) -> datetime:
    """When an order of unknown outcome is asked for next."""
    asked, since = order.look_ups, order.unknown_since
    if since is None:
        raise ValueError(f"{order.client_order_id} is not unknown")
    later = max(asked - len(LOOK_UP_DELAYS) + 1, 0) * LOOK_UP_EVERY
    due = since + timedelta(seconds=LOOK_UP_DELAYS[min(asked, len(LOOK_UP_DELAYS) - 1)] + later)
    return due if order.retry_at is None else max(due, order.retry_at)
