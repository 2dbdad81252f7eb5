"""Whether what is open has its stop, since when not, and what follows from that (orders.md, Protection)."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.changing import changed
from app.domain.group import Group
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.stop_loss import needs_stop
from app.domain.values import ZERO, CloseReason, OrderRole, OrderType
from app.domain.wanted import stop_can_rest
from app.domain.wishes import Place, Terrain, Wanted, place_of
from app.engine.closing import begin_close
from app.engine.emergency import note_protection_failure
from app.engine.turn import Turn


def last_at(turn: Turn, group: Group, place: Place) -> Order | None:
    """The newest order of a place, live or not."""
    same = [order for order in turn.orders_of(group.id) if place_of(order) == place]
    return max(same, key=lambda order: order.number, default=None)


def guard_protection(turn: Turn, group: Group, wishes: list[Wanted], terrain: Terrain) -> None:
    """Follow how long open quantity has been without its stop, and act when the grace has run out.

    A stop on its way counts as present until it is known to rest, but does not end an unprotected spell before; one
    that is in doubt after others were lost counts as missing; one that is watched here is present while it can be.
    """
    is_over = group.closing is not None or not needs_stop(group)
    if not is_over and terrain.stop_type is None and not _can_watch(turn, group, terrain):
        _miss_watch(turn, group)
        return
    if is_over or not stop_can_rest(group, terrain):
        if group.unprotected_since is not None:
            turn.keep_group(changed(group, unprotected_since=None))
            if not is_over:
                turn.emit("protection.restored", group=group)
        return
    live = [order for order in turn.live_orders(group.id) if order.is_present and _guards(order)]
    stops = [order for order in live if order.role is OrderRole.STOP_LOSS]
    wanted = {wish.place: wish.quantity for wish in wishes if wish.place.role is OrderRole.STOP_LOSS}
    if not wanted and live:
        return  # all is being sold at market
    needed = min(sum(wanted.values(), ZERO), terrain.rules.quantize_quantity(group.open_quantity))
    covered = ZERO if _are_lost_again(turn, group, stops) else sum(map(_will_cover, stops), ZERO)
    if not wanted or (covered < needed and not any(_was_just_asked(turn, order) for order in stops)):
        missing = wanted.keys() - {place_of(order) for order in stops}
        _miss(turn, group, missing or wanted.keys() or {Place(OrderRole.STOP_LOSS)})
    elif group.unprotected_since is not None and _resting(stops) >= needed:
        turn.keep_group(changed(group, unprotected_since=None))
        turn.emit("protection.restored", group=group)


def _guards(order: Order) -> bool:
    return order.role is OrderRole.STOP_LOSS or (order.role is not OrderRole.ENTRY and order.type is OrderType.MARKET)


def _will_cover(stop: Order) -> Decimal:
    """What it protects, or does as soon as it is known that its first amendment has arrived."""
    is_in_doubt = stop.amend_quantity is not None and stop.look_ups == 0
    return (stop.amend_quantity or ZERO) - stop.filled if is_in_doubt else stop.remaining


def _are_lost_again(turn: Turn, group: Group, stops: list[Order]) -> bool:
    """Whether what may be on its way is in doubt like the try before it, which a venue that can be asked never saw."""
    if not turn.state.accounts[group.account].connected or _resting(stops):
        return False
    in_doubt = {place_of(stop): stop.attempt for stop in stops if stop.status is OrderStatus.UNKNOWN}
    orders = turn.orders_of(group.id) if in_doubt else ()
    return any(
        order.status is OrderStatus.LOST and in_doubt.get(place_of(order)) == order.attempt + 1 for order in orders
    )


def _was_just_asked(turn: Turn, stop: Order) -> bool:
    """Whether the answer to its first request is awaited, with which it is brought to what is wanted by then."""
    unanswered = {OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.PENDING_CANCEL}
    is_asked = (stop.status in unanswered or stop.is_amending) and stop.look_ups == 0
    return is_asked and turn.now < stop.updated_at + timedelta(seconds=turn.config.order.timeout_sec)


def _resting(stops: list[Order]) -> Decimal:
    return sum((stop.remaining for stop in stops if stop.status in RESTING), ZERO)


def _is_reached(turn: Turn, group: Group) -> bool:
    account = turn.state.accounts[group.account]
    return account.connected and account.breaker_since is None


def _can_watch(turn: Turn, group: Group, terrain: Terrain) -> bool:
    return _is_reached(turn, group) and terrain.quote is not None


def _miss_watch(turn: Turn, group: Group) -> None:
    """The policy waits for the exchange, which cannot be sold at meanwhile: once it answers, the watch decides."""
    group, over = _missed(turn, group)
    if turn.now < over:
        turn.wake(f"group/{group.id}", over)
        return
    is_reached = _is_reached(turn, group)
    why = "its price is not told" if is_reached else "the exchange cannot be reached"
    _tell_unprotected(turn, group, f"be watched: {why}", is_outage=not is_reached)
    if is_reached and turn.config.protection.on_failure == "close_position":
        begin_close(turn, group, CloseReason.PROTECTION_FAILED)


def _missed(turn: Turn, group: Group) -> tuple[Group, datetime]:
    """The group in its unprotected spell, and when its grace is over."""
    if group.unprotected_since is None:
        group = changed(group, unprotected_since=turn.now)
        turn.keep_group(group)
        turn.emit("protection.missing", group=group)
    return group, (group.unprotected_since or turn.now) + timedelta(seconds=turn.config.protection.grace_sec)


def _miss(turn: Turn, group: Group, missing: Set[Place]) -> None:
    group, over = _missed(turn, group)
    last = [order for order in (last_at(turn, group, place) for place in missing) if order and order.retry_at]
    failed = [order for order in last if order.waits_to_be_sent or not order.is_live]
    spent = any(order.attempt >= turn.config.protection.max_attempts for order in failed)
    if turn.now < over and not spent:
        turn.wake(f"group/{group.id}", over)
        return
    _tell_unprotected(turn, group, _failure(turn, group, failed))
    if turn.config.protection.on_failure == "close_position":
        begin_close(turn, group, CloseReason.PROTECTION_FAILED)
    else:
        turn.wake(f"group/{group.id}", turn.now + timedelta(seconds=turn.config.protection.monitor_interval_sec))


def _tell_unprotected(turn: Turn, group: Group, failure: str, *, is_outage: bool = False) -> None:
    """Once a spell, and again every hour that it lasts."""
    if not note_protection_failure(turn, group, is_outage=is_outage):
        return
    turn.emit("protection.failed", group=group, policy=turn.config.protection.on_failure)
    turn.alert("critical", f"the stop of {group.symbol} {group.timeframe} could not {failure}", group=group)


def _failure(turn: Turn, group: Group, failed: list[Order]) -> str:
    reason = next((order.reason for order in failed if order.reason), None)
    why = f": {reason}" if reason else ""
    rests = _resting([order for order in turn.live_orders(group.id) if order.role is OrderRole.STOP_LOSS])
    what = f"be made larger than {rests:f} of {group.open_quantity:f}" if rests else "be placed"
    return f"{what}{why}"
