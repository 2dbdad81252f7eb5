"""What is sent again later: requests that never left, and those that wait and are not wanted any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.base.changing import changed
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.values import OrderRole
from app.engine import answers
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
    if _drop_forbidden(turn, order):
        return
    missed = has_missed_its_price(turn, order)
    if missed is not None:
        answers.abandon_entry(turn, order, missed)
        turn.touch(order.group_id)
        return
    partner = partner_of(turn, order)
    going = [order] if partner is None or partner.status is not OrderStatus.PENDING else [order, partner]
    for each in going:
        turn.put_order(changed(each, retry_at=None))
    turn.effect(SubmitOrders(order.account, tuple(each.client_order_id for each in going)))


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
