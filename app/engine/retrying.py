"""Which try of a wish is next, and whether it must wait."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.base.changing import changed
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import ZERO, OrderRole, OrderType, TimeInForce
from app.domain.wanted import REDUCE_ONLY
from app.domain.wishes import Wanted, place_of
from app.engine.forgetting import watermark_fact
from app.engine.pairs import partner_of
from app.engine.turn import Turn

_BACKED_OFF = frozenset({OrderStatus.REJECTED, OrderStatus.LOST, OrderStatus.EXPIRED, OrderStatus.CANCELLED})


def failures(turn: Turn, group: Group) -> list[Order]:
    """The orders of a group that are over and whose wish waits to be tried again: nothing was placed there since.
    Of an order split in pieces that is one piece, or some."""
    orders = turn.orders_of(group.id)
    return [order for order in orders if order.status in _BACKED_OFF and order.retry_at is not None]


def attempt_of(turn: Turn, wish: Wanted, failures: Sequence[Order]) -> int | None:
    """Which try this is, None where it must wait (a timer is set) or the tries are used up."""
    failed = [order for order in failures if place_of(order) == wish.place]
    last = max(failed, key=lambda order: (order.attempt, order.number), default=None)
    if last is None or last.retry_at is None or _is_hybrid_try(last):
        return 1
    partner = partner_of(turn, last)
    if partner is not None and partner.filled > 0:
        return 1  # the venue ended it because the other of the pair came first
    if wish.place.role is OrderRole.TAKE_PROFIT and wish.type is OrderType.MARKET and last.type is not wish.type:
        return last.attempt  # its price is there: it goes another way, and at once
    due = _due(turn, wish, last, failed)
    if turn.now < due:
        turn.wake(f"group/{last.group_id}", due)
        return None
    return None if _waits_for_reading(turn, last) else last.attempt + 1


def _due(turn: Turn, wish: Wanted, last: Order, failed: Sequence[Order]) -> datetime:
    """When it is tried again: after a scan at the latest where it asks for another quantity than what failed."""
    after_scan = last.updated_at + timedelta(seconds=turn.config.protection.monitor_interval_sec)
    due = last.retry_at or after_scan
    return due if sum((order.quantity for order in failed), ZERO) == wish.quantity else min(due, after_scan)


def forget_failures(turn: Turn, placed: Iterable[Order], failures: Sequence[Order]) -> None:
    """What was placed is the next try of what failed there before."""
    places = {place_of(order) for order in placed}
    for order in failures:
        if place_of(order) in places:
            turn.put_order(changed(order, retry_at=None))


def _waits_for_reading(turn: Turn, refused: Order) -> bool:
    """Whether the venue said that there is nothing to sell, and no reading has told since that there is (hazard 16)."""
    if not refused.was_refused_for(REDUCE_ONLY):
        return False
    read_at = turn.fact(watermark_fact(refused.account))
    is_read = read_at is not None and datetime.fromisoformat(read_at) >= refused.updated_at
    return not is_read or turn.state.accounts[refused.account].mass_difference is not None


def _is_hybrid_try(order: Order) -> bool:
    return order.role is OrderRole.TAKE_PROFIT and order.time_in_force is TimeInForce.IOC
