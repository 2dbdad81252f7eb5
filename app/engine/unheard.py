"""A message that came to nothing by a fault here: what it told, only the venue knows now."""

from __future__ import annotations

from app.domain.order import OrderStatus
from app.engine.answers import in_doubt
from app.engine.inbox import (
    AccountRead,
    AccountUnreachable,
    AmendAnswered,
    CancelAnswered,
    LeverageSet,
    LookUpAnswered,
    OrdersSent,
    SubmitAnswered,
    TimerDue,
)
from app.engine.troubles import account_unreachable
from app.engine.turn import Turn
from app.messages.effects import Reconcile
from app.messages.reports import ConnectionReport, FillReport, FundingReport, OrderReport

_ANSWERS = SubmitAnswered | CancelAnswered | AmendAnswered | LookUpAnswered
_TOLD_BY_READING = OrderReport | FillReport | FundingReport | ConnectionReport


def orders_of(message: object) -> tuple[str, ...]:
    """The client ids of the orders that wait for what the message told."""
    if isinstance(message, OrdersSent | LeverageSet):
        return message.client_order_ids
    if isinstance(message, TimerDue):
        return (message.key.partition("/")[2],)
    return (message.client_order_id,) if isinstance(message, _ANSWERS) else ()


def doubt(turn: Turn, message: object) -> None:
    """Those orders are in doubt until they have been looked up; an account of which something was told is read.

    What is asked for anyway, a look-up or a reading, is not hurried: it may come to nothing as well.
    """
    known = [order for order_id in orders_of(message) if (order := turn.orders.get(order_id)) is not None]
    for order in known:
        if order.status is not OrderStatus.UNKNOWN:
            turn.put_order(in_doubt(order, turn.now))
    accounts = {order.account for order in known}
    if isinstance(message, _TOLD_BY_READING):
        accounts.add(message.account)
    for account in sorted(accounts):
        turn.effect(Reconcile(account, turn.config.reconcile.confirm_after_sec))
    if isinstance(message, AccountRead) and message.account in turn.state.accounts:
        account_unreachable(turn, AccountUnreachable(message.account, "what was read of it could not be kept"))
