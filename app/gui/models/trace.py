"""A group's decision trace: signal, route, checks, grid, orders, fills, exits, in order of time. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.fill import Fill
from app.gui import formats
from app.gui.models.signals import intent_text
from app.messages.records import CheckResult, SignalRecord
from app.messages.snapshots import GroupSnapshot, OrderSnapshot


@dataclass(frozen=True, slots=True)
class TraceLine:
    at: datetime
    icon: str
    color: str
    title: str
    text: str


def trace_of(group: GroupSnapshot, signals: Sequence[SignalRecord], fills: Iterable[Fill]) -> tuple[TraceLine, ...]:
    lines: list[TraceLine] = []
    for number, record in enumerate(signals):
        lines += _of_signal(group, record, number)
    lines += _of_fills(group, fills)
    lines += [line for order in group.orders if (line := _of_exit(group, order)) is not None]
    return tuple(sorted(lines, key=lambda line: line.at))


def _of_signal(group: GroupSnapshot, record: SignalRecord, number: int) -> list[TraceLine]:
    price = f", reference {formats.price(record.price, group.tick_size)}" if record.price is not None else ""
    received = f"{intent_text(record)}, {record.timeframe or group.timeframe}{price}"
    lines = [TraceLine(record.received_at, "radio", "text_secondary", "Signal accepted", received)]
    at = record.decided_at or record.received_at
    route = f"{record.account or group.account}, {'a new group' if number == 0 else 'the open group'}"
    lines.append(TraceLine(at, "route", "text_secondary", "Routed", route))
    failed = [check for check in record.checks if check.result == "failed"]
    passed = [check for check in record.checks if check.result in {"passed", "adjusted"}]
    notes = "; ".join(_said(group, check) for check in passed if check.detail)
    if failed:
        lines.append(TraceLine(at, "ban", "warning", "Checks decided against it", _said(group, failed[0])))
    elif passed:
        lines.append(TraceLine(at, "check", "positive", f"{len(passed)} checks passed", notes))
    return lines + _of_grid(group, record, at)


def _said(group: GroupSnapshot, check: CheckResult) -> str:
    return formats.with_markets(check.detail, group.symbol)


def _of_grid(group: GroupSnapshot, record: SignalRecord, at: datetime) -> list[TraceLine]:
    pyramid = next((entry for entry in group.entries if entry.signal_id == record.id), None)
    if pyramid is None:
        return []
    legs = [leg for leg in group.legs if leg.pyramid == pyramid.index]
    plan = " \u00b7 ".join(_at(group, leg.quantity, leg.price) for leg in legs)
    orders = [order for order in group.orders if order.role == "entry" and order.pyramid == pyramid.index]
    lines = [
        TraceLine(at, "sliders-horizontal", "text_secondary", "Grid", f"{_count(len(legs), 'leg')}: {plan}"),
    ]
    if orders:
        said = f"{orders[0].client_order_id}\u2026 then sent together" if len(orders) > 1 else orders[0].client_order_id
        recorded = f"{_count(len(orders), 'order')} recorded"
        lines.append(TraceLine(orders[0].created_at, "database", "text_secondary", recorded, said))
    return lines


def _of_fills(group: GroupSnapshot, fills: Iterable[Fill]) -> list[TraceLine]:
    orders = {order.client_order_id: order for order in group.orders}
    lines: list[TraceLine] = []
    for fill in fills:
        order = orders.get(fill.client_order_id)
        title = f"{_place(order)} filled" if order is not None and order.role == "entry" else f"{_role(order)} filled"
        text = f"{_at(group, fill.quantity, fill.price)}, fee {formats.money(fill.fee_quote)}"
        lines.append(TraceLine(fill.at, "check", "positive", title, text))
    return lines


def _of_exit(group: GroupSnapshot, order: OrderSnapshot) -> TraceLine | None:
    if order.status == "rejected":
        return TraceLine(order.updated_at, "ban", "warning", f"{_role(order)} refused", order.reason or "")
    if order.role == "entry" or order.filled > 0:
        return None
    at = formats.price(order.trigger_price or order.price, group.tick_size)
    text = f"{formats.quantity(order.quantity, group.step_size)} @ {at}"
    if order.role == "stop_loss":
        return TraceLine(order.created_at, "shield-check", "text_secondary", f"Stop {_state(order)}", text)
    return TraceLine(order.created_at, "target", "positive", f"{_role(order)} {_state(order)}", text)


def _state(order: OrderSnapshot) -> str:
    return "resting" if order.status in {"open", "partially_filled"} else order.status.replace("_", " ")


def _at(group: GroupSnapshot, quantity: Decimal, price: Decimal) -> str:
    return f"{formats.quantity(quantity, group.step_size)} @ {formats.price(price, group.tick_size)}"


def _place(order: OrderSnapshot) -> str:
    return f"Leg {order.leg}" if not order.pyramid else f"Pyramid {order.pyramid}, leg {order.leg}"


def _role(order: OrderSnapshot | None) -> str:
    words = {
        "take_profit": "Take-profit",
        "stop_loss": "Stop",
        "close": "Close",
        "entry": "Entry",
        "reduce": "Reduction",
    }
    return words.get(order.role, order.role.replace("_", " ").capitalize()) if order is not None else "Order"


def _count(number: int, word: str) -> str:
    return f"{number} {word}" if number == 1 else f"{number} {word}s"
