"""What a replay shows: one object of plain values, as JSON or as text."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.base.clock import iso
from app.messages.records import Finding, RiskAction, SignalRecord
from app.messages.snapshots import GroupSnapshot, OrderSnapshot, QueueSnapshot

_GROUP = (
    "id", "account", "symbol", "timeframe", "side", "strategy_id", "status", "close_reason", "pyramids", "legs_total",
    "legs_filled", "open_quantity", "average_entry", "invested", "realized_pnl", "unrealized_pnl", "fees", "funding",
    "dust", "leverage", "stop_price", "protected", "estimated", "forced", "blocked",
)  # fmt: skip
_LEG = (
    "pyramid", "index", "price", "quantity", "status", "filled", "average_fill", "tp_price", "exit_price",
)  # fmt: skip
_ORDER = (
    "client_order_id", "group", "role", "side", "type", "price", "trigger_price", "quantity", "filled", "average",
    "status", "reduce_only", "attempts", "symbol", "account", "reason",
)  # fmt: skip
_QUEUE = (
    "symbol", "side", "timeframe", "entry_price", "replacement_count", "rank", "reason", "account", "expected_profit",
    "decided_by", "decisive",
)  # fmt: skip


def group_document(group: GroupSnapshot) -> dict[str, Any]:
    document = {name: getattr(group, name) for name in _GROUP}
    document["legs"] = [{name: getattr(leg, name) for name in _LEG} for leg in group.legs]
    return document


def order_document(order: OrderSnapshot) -> dict[str, Any]:
    document = {name: getattr(order, name) for name in _ORDER}
    document["price"] = shown_price(order.price, order.trigger_price)
    return document


def shown_price(price: Decimal | None, trigger_price: Decimal | None) -> Decimal | None:
    """The price an order is known by: its own, else its trigger's, as `place_order` takes it too."""
    return trigger_price if price is None else price


def queue_document(entry: QueueSnapshot) -> dict[str, Any]:
    return {name: getattr(entry, name) for name in _QUEUE}


def signal_document(record: SignalRecord) -> dict[str, Any]:
    return {
        "id": record.id,
        "outcome": record.outcome.value,
        "reason": record.reason,
        "http": record.http_status,
        "symbol": record.symbol,
        "intent": record.intent,
        "group": record.group_id,
        "detail": record.detail,
    }


def action_document(action: RiskAction) -> dict[str, Any]:
    return {
        "id": action.id,
        "status": action.status.value,
        "started_by": action.started_by,
        "loser": action.loser,
        "timeframe": action.timeframe,
        "account": action.account,
        "winners": [payer.symbol for payer in action.winners],
        "payments": [
            {"symbol": payer.symbol, "quantity": payer.quantity, "expected": payer.expected, "realized": payer.realized}
            for payer in action.winners
        ],
        "loss": action.loss,
        "required": action.required,
        "expected": action.expected,
        "realized": action.realized,
        "loser_quantity": action.loser_quantity,
        "loser_realized": action.loser_realized,
        "detail": action.detail,
    }


def finding_document(finding: Finding) -> dict[str, Any]:
    return asdict(finding)


def to_json(document: Mapping[str, Any]) -> str:
    """Deterministic: keys in the order made, decimals as plain strings, moments as ISO 8601."""
    return json.dumps(_plain(document), ensure_ascii=False, indent=1)


def _plain(value: Any) -> Any:
    if isinstance(value, Decimal):
        return f"{value:f}"
    if isinstance(value, datetime):
        return iso(value)
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def to_text(document: Mapping[str, Any], timeline: Sequence[str]) -> str:
    """A timeline, then groups, P&L and findings, for a person."""
    lines = [f"Replay: {document['name']}", "", *timeline, "", "Groups"]
    for group in document["groups"]:
        reason = f" ({group['close_reason']})" if group["close_reason"] else ""
        lines.append(
            f"  {group['symbol']} {group['timeframe']} {group['side']}: {group['status']}{reason}, "
            f"{group['legs_filled']} of {group['legs_total']} legs, open {group['open_quantity']:f}, "
            f"realised {group['realized_pnl']:f}"
        )
    total = sum((group["realized_pnl"] for group in document["groups"]), Decimal(0))
    lines += ["", f"Realised P&L: {total:f}"]
    lines += [f"Finding: {item['kind']} {item['symbol'] or ''} {item['action']}" for item in document["findings"]]
    lines += [f"FAILED: {text}" for text in document["failed_checks"]]
    lines += [f"INVARIANT VIOLATED: {text}" for text in document["invariant_violations"]]
    lines.append("ok" if document["ok"] else "not ok")
    return "\n".join(lines)
