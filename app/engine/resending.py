"""What is sent again later: requests that never left, and those that wait and are not wanted any more."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from app.base.changing import changed
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.values import HUNDRED, OrderRole, OrderType
from app.engine import answers, arming, emergency
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
    worse = _has_run_away(turn, order)
    if worse is not None:
        answers.abandon_entry(turn, order, worse)
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
    why = _forbidden(turn, order.account) if order.role is OrderRole.ENTRY else None
    if why is None:
        return False
    answers.abandon_entry(turn, order, why, OrderStatus.ABANDONED)
    turn.touch(order.group_id)
    return True


def _forbidden(turn: Turn, account: str) -> str | None:
    """Why no entry is sent now, one that was accepted before included."""
    forbidden = emergency.forbidden(turn)
    if forbidden is not None:
        return forbidden.detail
    return None if arming.may_enter(turn, account) else f"{account} is not armed"


def _has_run_away(turn: Turn, order: Order) -> str | None:
    """Why a market entry that waited is not bought any more: the price is beyond the slippage bound."""
    quote = turn.state.quote(order.account, order.symbol)
    if order.role is not OrderRole.ENTRY or order.type is not OrderType.MARKET:
        return None
    if quote is None or order.pyramid is None or order.leg is None:
        return None
    group = turn.group(order.group_id)
    planned = group.leg(order.pyramid, order.leg).price
    price, bound = quote.executable(order.side), turn.config.risk.max_slippage_percent
    worse = group.side.gain(planned, price) * HUNDRED / planned
    if worse <= bound:
        return None
    return f"the price {price:f} is {worse:.2f} % worse than {planned:f}, the bound is {bound} %"


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
