"""Orders of ours that an open group's records lack: an older database was put back. They go to their group (orders.md,
Reconciliation, 4)."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.domain.order import Order, OrderStatus
from app.domain.values import ZERO, OrderRole, OrderType, TimeInForce
from app.engine.fills import owner_of
from app.engine.inbox import AccountRead
from app.engine.reports import apply_report
from app.engine.turn import Turn
from app.messages.records import Finding
from app.messages.reports import FillReport, OrderReport


def adopt(turn: Turn, report: OrderReport) -> bool:
    """Take an order up that rests where an open group has a place for it."""
    if not _take_up(turn, report):
        return False
    apply_report(turn, report)
    return True


def adopt_filled(turn: Turn, read: AccountRead) -> None:
    """Take up what filled without a record, before its fills are taken for somebody else's. They are booked among all
    others, each at its time: an exit's own entry may be among those."""
    listed = {report.client_order_id: report for report in read.open_orders}
    fills: dict[str, list[FillReport]] = {}
    for fill in sorted(read.fills, key=lambda item: item.at):
        if fill.client_order_id and owner_of(turn, fill) is not None:
            fills.setdefault(fill.client_order_id, []).append(fill)
    for order_id, told in fills.items():
        report = listed.get(order_id)
        if report is None:
            _take_up_in_doubt(turn, told)
        else:
            _take_up(turn, report)


def _take_up(turn: Turn, report: OrderReport, most: Decimal | None = None) -> bool:
    """Record it; with `most`, which it is not larger than, it is in doubt until it has been looked up."""
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
        status=OrderStatus.SUBMITTED if most is None else OrderStatus.UNKNOWN,
        created_at=report.at,
        updated_at=turn.now,
        unknown_since=None if most is None else turn.now,
        amend_quantity=most,
    )
    turn.put_order(order)
    turn.put_group(replace(group, next_number=max(group.next_number, address.number + 1)))
    turn.emit("order.adopted", order=order, role=order.role)
    turn.find(
        Finding(
            report.account, report.symbol, "order_adopted", "", order.client_order_id, "adopted", turn.now, group.id
        )
    )
    return True


def _take_up_in_doubt(turn: Turn, fills: list[FillReport]) -> None:
    """An order that rests no more. How large it was only the venue knows, which is asked: not all that it filled need
    have been told. Until then it counts as what was to be bought, or as all that there is to sell."""
    told, last = sum((fill.quantity for fill in fills), ZERO), fills[-1]
    owner = owner_of(turn, last)
    if owner is None:
        return
    address, group = owner
    legs = group.legs_at(address.pyramid, address.leg)
    is_entry = address.role is OrderRole.ENTRY
    quantity = max(told, sum((leg.quantity if is_entry else leg.open_quantity for leg in legs), ZERO))
    most = quantity if is_entry else max(quantity, sum((max(leg.quantity, leg.filled) for leg in group.legs), ZERO))
    _take_up(turn, _gone(last, quantity), most)


def _gone(fill: FillReport, quantity: Decimal) -> OrderReport:
    return OrderReport(
        account=fill.account,
        symbol=fill.symbol,
        client_order_id=fill.client_order_id,
        venue_order_id="",
        side=fill.side,
        type=OrderType.LIMIT,
        status=OrderStatus.UNKNOWN,
        quantity=quantity,
        filled=ZERO,
        average=None,
        price=fill.price,
        trigger_price=None,
        reduce_only=False,
        at=fill.at,
    )
