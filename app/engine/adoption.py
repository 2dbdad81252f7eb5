"""Orders of ours that an open group's records lack: an older database was put back. They go to their group (orders.md,
Reconciliation, 4)."""

from __future__ import annotations

from dataclasses import replace

from app.domain.order import Order, OrderStatus
from app.domain.values import ZERO, OrderType, TimeInForce
from app.engine.fills import owner_of
from app.engine.inbox import AccountRead
from app.engine.reports import apply_report
from app.engine.turn import Turn
from app.messages.records import Finding
from app.messages.reports import FillReport, OrderReport


def adopt(turn: Turn, report: OrderReport) -> bool:
    """Take an order up where an open group has a place for it, with the fills that `report` carries."""
    owner = owner_of(turn, report)
    if owner is None:
        return False
    address, group = owner
    order = Order(
        client_order_id=report.client_order_id or "",
        account=report.account,
        symbol=report.symbol,
        group_id=group.id,
        pyramid=address.pyramid,
        leg=address.leg,
        role=address.role,
        side=report.side,
        type=report.type,
        quantity=report.quantity,
        price=report.price,
        trigger_price=report.trigger_price,
        reduce_only=report.reduce_only,
        time_in_force=TimeInForce.GTC,
        number=address.number,
        attempt=1,
        status=OrderStatus.SUBMITTED,
        created_at=report.at,
        updated_at=turn.now,
    )
    turn.put_order(order)
    turn.put_group(replace(group, next_number=max(group.next_number, address.number + 1)))
    apply_report(turn, report)
    turn.emit("order.adopted", order=order, role=order.role)
    turn.find(
        Finding(
            report.account, report.symbol, "order_adopted", "", order.client_order_id, "adopted", turn.now, group.id
        )
    )
    return True


def adopt_filled(turn: Turn, read: AccountRead) -> None:
    """Take up what filled without a record, before its fills are taken for somebody else's."""
    listed = {report.client_order_id: report for report in read.open_orders}
    fills: dict[str, list[FillReport]] = {}
    for fill in sorted(read.fills, key=lambda item: item.at):
        if fill.client_order_id and owner_of(turn, fill) is not None:
            fills.setdefault(fill.client_order_id, []).append(fill)
    for order_id, told in fills.items():
        report = listed.get(order_id) or _over(told)
        adopt(turn, replace(report, fills=tuple(told)))


def _over(fills: list[FillReport]) -> OrderReport:
    """An order that rests no more, from all that it filled; how large it was nobody need know."""
    last, quantity = fills[-1], sum((fill.quantity for fill in fills), ZERO)
    return OrderReport(
        account=last.account,
        symbol=last.symbol,
        client_order_id=last.client_order_id,
        venue_order_id="",
        side=last.side,
        type=OrderType.LIMIT,
        status=OrderStatus.FILLED,
        quantity=quantity,
        filled=quantity,
        average=None,
        price=last.price,
        trigger_price=None,
        reduce_only=False,
        at=last.at,
    )
