"""What is sent again later: requests that never left, and those that wait and are not wanted any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.base.changing import changed
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.values import OrderRole
from app.engine import answers
from app.engine.inbox import LeverageSet
from app.engine.late_entries import forbidden, has_missed_its_price
from app.engine.pairs import partner_of
from app.engine.turn import Turn
from app.messages.effects import LookUpOrder, SubmitOrders


def send_again(turn: Turn, order_id: str) -> None:
    """A request that never left goes again with the same id, if it is still wanted."""
    order = turn.orders.get(order_id)
    if order is None or order.status is not OrderStatus.PENDING or order.retry_at is None:
        return
    if turn.now < order.retry_at:
        turn.wake(f"send/{order_id}", order.retry_at)
        return
    if _is_given_up(turn, order):
        return
    partner = partner_of(turn, order)
    going = [order] if partner is None or partner.status is not OrderStatus.PENDING else [order, partner]
    for each in going:
        turn.put_order(changed(each, retry_at=None))
    turn.effect(SubmitOrders(order.account, tuple(each.client_order_id for each in going)))


def send_prepared(turn: Turn, message: LeverageSet) -> None:
    """Setting the leverage took its time: what was decided meanwhile counts."""
    known = (turn.orders.get(order_id) for order_id in message.client_order_ids)
    waiting = [order for order in known if order is not None and order.status is OrderStatus.PENDING]
    going = [order for order in waiting if not _is_unwanted(turn, order) and not _is_given_up(turn, order)]
    if going:
        ids = tuple(order.client_order_id for order in going)
        turn.effect(SubmitOrders(message.account, ids, leverage_is_set=True))


def _is_unwanted(turn: Turn, entry: Order) -> bool:
    """End an entry whose leg was ended meanwhile."""
    group = turn.group(entry.group_id)
    if entry.pyramid is None or entry.leg is None or group.leg(entry.pyramid, entry.leg).wants_entry:
        return False
    turn.put_order(entry.moved(OrderStatus.ABANDONED, turn.now, "no longer wanted"))
    turn.touch(entry.group_id)
    return True


def then_drop_entries(handler: Callable[[Turn, Any], Any]) -> Callable[[Turn, Any], Any]:
    """After a command that forbids entries, those that wait to be sent are given up at once."""

    def handle(turn: Turn, command: Any) -> Any:
        answer = handler(turn, command)
        for group in turn.open_groups():
            for order in turn.live_orders(group.id):
                if order.waits_to_be_sent:
                    _drop_forbidden(turn, order)
        return answer

    return handle


def _is_given_up(turn: Turn, order: Order) -> bool:
    """Give up an entry that must not be sent any more, or is too late."""
    if _drop_forbidden(turn, order):
        return True
    missed = has_missed_its_price(turn, order)
    if missed is None:
        return False
    answers.abandon_entry(turn, order, missed)
    turn.touch(order.group_id)
    return True


def _drop_forbidden(turn: Turn, order: Order) -> bool:
    """Give up an entry that must not be sent any more."""
    why = forbidden(turn, order.account) if order.role is OrderRole.ENTRY else None
    if why is None:
        return False
    answers.abandon_entry(turn, order, why, OrderStatus.ABANDONED)
    turn.touch(order.group_id)
    return True


def amend_again(turn: Turn, order_id: str) -> None:
    """An amendment never left: what is wanted by now is decided anew."""
    order = turn.orders.get(order_id)
    if order is None or order.status not in RESTING or not order.is_amending or order.retry_at is None:
        return
    if turn.now < order.retry_at:
        turn.wake(f"amend/{order_id}", order.retry_at)
        return
    turn.put_order(changed(order.without_amendment(), retry_at=None))
    turn.touch(order.group_id)


def tell_late(turn: Turn, order_id: str) -> None:
    """A close that cannot be sent leaves open what should be closed."""
    order = turn.orders.get(order_id)
    if order is not None and order.is_live and not order.is_present:
        what = f"the close of {order.symbol} cannot be sent and is tried on: {order.reason}"
        turn.alert("critical", what, group=turn.group(order.group_id))


def look_up(turn: Turn, order_id: str) -> None:
    order = turn.orders.get(order_id)
    if order is not None and (order.is_live or order.is_unsettled):
        turn.effect(LookUpOrder(order.account, order_id))
