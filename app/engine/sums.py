"""Quantities booked because the venue counts them, before it tells the trades they are made of (orders.md).

Each stands among the group's fills under a trade id of our own. A trade that is told takes the place of as much of them
as it is large: an order has filled the larger of what the venue counted and what its trades sum up to.
"""

from __future__ import annotations

from dataclasses import replace
from decimal import Context, Decimal

from app.domain.fill import SUM
from app.domain.order import Order
from app.domain.values import ZERO, Liquidity
from app.engine.turn import Turn
from app.messages.reports import FillReport, OrderReport

_SHORT = Context(prec=16)
"""A price of so many digits times any quantity has room in Decimal's 28: taking parts away again leaves nothing."""


def is_sum(report: FillReport) -> bool:
    return report.trade_id.startswith(SUM)


def missing_part(order: Order, report: OrderReport) -> FillReport:
    """What the venue counts more than was booked, at the price that makes the average the venue's, without fees."""
    return FillReport(
        account=order.account,
        symbol=order.symbol,
        trade_id=f"{SUM}{order.client_order_id}:{report.filled:f}",
        client_order_id=order.client_order_id,
        side=order.side,
        price=_price_of_missing(order, report),
        quantity=report.filled - order.filled,
        fee=ZERO,
        fee_asset="",
        liquidity=Liquidity.UNKNOWN,
        at=report.at,
    )


def _price_of_missing(order: Order, report: OrderReport) -> Decimal:
    if report.average is None:
        return order.price or order.expected_price or order.average or ZERO
    value = report.average * report.filled - order.filled_value
    return _SHORT.divide(value, report.filled - order.filled) if value > 0 else report.average


def take_place(turn: Turn, order: Order, trade: FillReport) -> tuple[Decimal, Decimal]:
    """(quantity, value) of the sums whose place a trade takes, the oldest first."""
    quantity = value = ZERO
    for known in turn.fills_of(order.group_id):
        part = min(known.quantity, trade.quantity - quantity)
        if part > 0 and known.is_sum and known.client_order_id == order.client_order_id:
            quantity, value = quantity + part, value + known.price * part
            rest = known.quantity - part
            turn.replace_fill(known, replace(known, quantity=rest) if rest else None)
    return quantity, value
