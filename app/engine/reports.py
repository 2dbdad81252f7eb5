"""What the venue tells of orders, however it comes."""

from __future__ import annotations

from datetime import datetime, timedelta

import structlog

from app.base.changing import changed
from app.domain.group import EntryState, Group, end_entry
from app.domain.order import RESTING, TERMINAL, Order, OrderStatus, may_become
from app.domain.values import OrderRole, OrderType
from app.domain.wanted import REDUCE_ONLY
from app.domain.wishes import place_of
from app.engine.altered import doubt, is_otherwise
from app.engine.fills import apply_fill, is_of_unknown_size, named_in, recall
from app.engine.late_entries import not_wanted_any_more
from app.engine.pairs import partner_of
from app.engine.state import EngineState
from app.engine.sums import missing_part
from app.engine.turn import Turn
from app.messages.reports import OrderReport

log = structlog.get_logger("order")
EXIT_BACKOFF_SEC = 0.5
MOST_BACKOFF_SEC = 30.0
MOST_WATCHED_BACKOFF_SEC = 300.0
"""For a take-profit whose price is watched meanwhile: what reaches it is sold at market."""


def exit_retry_at(turn: Turn, order: Order) -> datetime:
    """The quick tries first, then after a scan, then ever more rarely: a market may be halted for days."""
    protection, slow = turn.config.protection, order.attempt - turn.config.protection.max_attempts
    if slow >= 0:
        most = MOST_WATCHED_BACKOFF_SEC if _is_watched(order) else MOST_BACKOFF_SEC
        scan = protection.monitor_interval_sec
        return turn.now + timedelta(seconds=max(scan, min(scan * 2 ** min(slow, 10), most)))
    pause = EXIT_BACKOFF_SEC * 2 ** (order.attempt - 1)
    return turn.now + timedelta(seconds=pause * (1 + turn.jitter() / 10))


def _is_watched(failed: Order) -> bool:
    """Whether `reached_though_refused` looks after it: not while the venue says that there is nothing to sell."""
    would_rest = failed.role is OrderRole.TAKE_PROFIT and failed.type is not OrderType.MARKET
    return would_rest and not failed.was_refused_for(REDUCE_ONLY)


def tell_failing_exit(turn: Turn, order: Order, reason: str | None) -> None:
    """Once, when an exit's quick tries are used up; what a missing stop brings about is `care`'s business."""
    if order.role in {OrderRole.CLOSE, OrderRole.TAKE_PROFIT} and order.attempt == turn.config.protection.max_attempts:
        severity = "critical" if order.role is OrderRole.CLOSE else "error"
        what = f"an exit of {order.symbol} failed {order.attempt} times and is tried on: {reason}"
        turn.alert(severity, what, group=turn.group(order.group_id))


def is_known(state: EngineState, report: OrderReport) -> bool:
    """Whether the disk has the order exactly so: streams repeat what the answer to a request has told."""
    order = named_in(state.orders, report)
    if order is None or order.is_amending or report.fills:
        return False
    told = (report.status, report.filled, report.venue_order_id)
    return told == (order.status, order.filled, order.venue_order_id) and not is_otherwise(state, order, report)


def is_awaited(state: EngineState, report: OrderReport) -> bool:
    """Whether it only says that an order rests whose answer, which says the same, is on its way."""
    order = named_in(state.orders, report)
    is_on_its_way = order is not None and order.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED}
    return is_on_its_way and report.status is OrderStatus.OPEN and not report.filled and not report.fills


def mark_sent(turn: Turn, order: Order) -> None:
    """A request for an order of its group has left, or must have: the venue knows of it."""
    group = turn.groups.get(order.group_id)
    if group is not None and not group.sent:
        turn.groups.put(group.id, changed(group, sent=True))


def take_report(turn: Turn, report: OrderReport) -> None:
    """What a stream or a list tells of an order, which may be older than what was answered."""
    apply_report(turn, report)
    order = named_in(turn.orders, report)
    if order is not None:
        doubt(turn, order, report)


def apply_report(turn: Turn, report: OrderReport, *, looked_up: bool = False) -> None:
    """Bring an order to what the venue tells, booking the fills it carries first."""
    if report.client_order_id is None:
        return
    order = named_in(turn.orders, report)
    if order is None:
        recall(turn, report.account, report.client_order_id)
        return
    mark_sent(turn, order)
    for fill in report.fills:
        apply_fill(turn, fill)
    before, order = order, turn.orders.get(report.client_order_id) or order
    if report.filled > order.filled:
        order = _owed(turn, order, report, looked_up=looked_up)
    elif looked_up and report.status in TERMINAL and order.owed > 0:
        order = _owed_no_more(turn, order)
    if report.venue_order_id and report.venue_order_id != order.venue_order_id:
        order = changed(order, venue_order_id=report.venue_order_id)
        turn.put_order(order)
    _move(turn, order, report)
    if turn.orders.get(order.client_order_id) is not before:
        turn.touch(order.group_id)


def _owed(turn: Turn, order: Order, report: OrderReport, *, looked_up: bool) -> Order:
    """The venue counts more than was booked: ask for the fills, or book the difference where it gives none."""
    order = changed(order, seen_filled=max(order.seen_filled, report.filled))
    turn.put_order(order)
    if not looked_up:
        turn.wake(f"lookup/{order.client_order_id}", turn.now + timedelta(milliseconds=500))
        return order
    apply_fill(turn, missing_part(order, report))
    return turn.orders.get(order.client_order_id) or order


def _owed_no_more(turn: Turn, order: Order) -> Order:
    """It is over with less than had been told of it, and nothing can fill it any more: what it seemed to have sold
    is open still."""
    log.warning("an order had filled less than was told", order=order.client_order_id, owed=f"{order.owed:f}")
    settled = changed(order, seen_filled=order.filled)
    turn.put_order(settled)
    return settled


_ENDED = {
    OrderStatus.CANCELLED: "order.cancelled",
    OrderStatus.EXPIRED: "order.cancelled",
    OrderStatus.REJECTED: "order.rejected",
    OrderStatus.FILLED: None,
}


def fits(order: Order, told: OrderStatus) -> bool:
    """Whether the order can have become that; what cannot be is stale, a late `open` after `filled` say."""
    can_be = may_become(order.status, told)
    if not can_be:
        log.debug("stale news of an order are left out", order=order.client_order_id, status=order.status, told=told)
    return can_be


def _move(turn: Turn, order: Order, report: OrderReport) -> None:
    status = report.status
    if is_of_unknown_size(order):
        return  # the look-up tells
    if status is OrderStatus.FILLED and order.filled < max(report.quantity, report.filled):
        return  # it counts as filled when its fills are booked
    if not fits(order, status) or status is order.status:
        return
    if order.status is OrderStatus.PENDING_CANCEL and status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
        # told before our cancel arrived: the cancel's own answer decides, but the venue has it
        turn.put_order(changed(order, unknown_since=None, look_ups=0))
        return
    if status in _ENDED:
        end_order(turn, _as_filled(turn, order) if status is OrderStatus.FILLED else order, status, report.reason)
        return
    retry_at = order.retry_at if order.is_amending else None
    moved = changed(order, status=status, updated_at=turn.now, unknown_since=None, look_ups=0, retry_at=retry_at)
    turn.put_order(moved)
    if status is OrderStatus.OPEN:
        turn.emit("order.placed", order=order, role=order.role, price=order.price, quantity=order.quantity)


def _as_filled(turn: Turn, order: Order) -> Order:
    """The order as large as the venue made it: a reduce-only one is cut to the position, any by a person there. An
    entry's leg does without what was cut."""
    group = turn.group(order.group_id)
    if order.role is OrderRole.ENTRY and order.pyramid is not None and order.leg is not None:
        leg = group.leg(order.pyramid, order.leg)
        turn.put_group(group.with_leg(changed(leg, quantity=leg.quantity - order.remaining)))
    return changed(order, quantity=order.filled)


def end_order(turn: Turn, order: Order, status: OrderStatus, reason: str | None) -> None:
    """An order over: its leg's entry may be over with it, an exit is placed again by what is still wanted."""
    was = order.status
    over = changed(order.moved(status, turn.now, reason).without_amendment(), unknown_since=None, retry_at=None)
    if order.role is not OrderRole.ENTRY and status is not OrderStatus.FILLED:
        over = changed(over, retry_at=_next_exit_at(turn, order, was))
    turn.put_order(over)
    name = _ENDED.get(status)
    if name is not None:
        turn.emit(name, order=over, role=order.role, reason=reason, filled=order.filled)
    if order.role is OrderRole.ENTRY:
        end_leg(turn, over)
    if was is not OrderStatus.PENDING_CANCEL:
        _doubt_partner(turn, over)
    turn.touch(order.group_id)


def _doubt_partner(turn: Turn, over: Order) -> None:
    """The venue ended one of a pair: the other is happening or gone too, and is asked for before it is touched."""
    partner = partner_of(turn, over)
    if over.status is not OrderStatus.FILLED and partner is not None and partner.status in RESTING:
        doubted = partner.moved(OrderStatus.UNKNOWN, turn.now)
        turn.put_order(changed(doubted, unknown_since=turn.now, look_ups=0, retry_at=None))


def _next_exit_at(turn: Turn, order: Order, was: OrderStatus) -> datetime | None:
    """None, a new start, where our own cancel or amendment ended it or it had rested for as long as the grace; else the
    first time at once, then with pauses."""
    lived = (turn.now - order.created_at).total_seconds()
    has_rested = order.venue_order_id is not None and lived >= turn.config.protection.grace_sec
    if was is OrderStatus.PENDING_CANCEL or order.filled > 0 or has_rested:
        return None
    if order.attempt == 1:
        return turn.now
    tell_failing_exit(turn, order, order.reason)
    return exit_retry_at(turn, order)


def _has_tries_left(turn: Turn, order: Order, group: Group) -> bool:
    return order.status is OrderStatus.LOST and order.attempt < turn.config.order.max_attempts and not group.closing


def end_leg(turn: Turn, order: Order) -> None:
    """End a leg's entry with its order, or do without what one of several had left; a lost one is tried again while
    tries are left."""
    group = turn.group(order.group_id)
    if order.pyramid is None or order.leg is None or not group.is_open:
        return
    leg = group.leg(order.pyramid, order.leg)
    if not leg.wants_entry:
        return
    others = [other for other in turn.live_orders(group.id) if place_of(other) == place_of(order)]
    has_tries = _has_tries_left(turn, order, group)
    why_not = not_wanted_any_more(turn, order) if has_tries else None
    if why_not is not None:
        turn.alert("warning", f"an entry of {order.symbol} was lost and is not sent again: {why_not}", group=group)
    if has_tries and why_not is None:
        turn.put_order(changed(order, retry_at=turn.now))
        again = leg if others else changed(leg, entry=EntryState.PLANNED)
    elif others:
        never = order.quantity - max(order.filled, order.seen_filled)
        again = changed(leg, quantity=leg.quantity - never)
    elif order.status is not OrderStatus.FILLED or leg.is_whole:
        again = end_entry(leg)
    else:
        return
    turn.put_group(group.with_leg(again))
