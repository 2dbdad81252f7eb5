"""How long the stages of a signal took, read from a turn's events."""

from __future__ import annotations

from datetime import datetime

from app.domain.values import OrderType
from app.engine.turn import Turn
from app.messages.records import EventRecord
from app.ports.meter import Meter, Stage

MARKET_WAIT_SEC = 1.0
"""The fetching of a market's rules takes less."""


def measure(turn: Turn, meter: Meter, now: datetime) -> None:
    """After a turn that was applied."""
    for event in turn.ledger.events:
        match event.type:
            case "signal.received":
                received_at = turn.state.recent_signals[event.signal_id or ""].received_at
                meter.observe(Stage.SIGNAL_RECORDED, (now - received_at).total_seconds())
            case "signal.promoted":
                meter.observe(Stage.QUEUE_WAIT, _waited_sec(event))
            case "order.filled":
                order = turn.state.orders[event.order_id or ""]
                if order.type is OrderType.MARKET:
                    meter.observe(Stage.ORDER_FILLED, (now - order.created_at).total_seconds())


def that_waited(turn: Turn) -> list[str]:
    """Signals that were promoted after longer than it takes to fetch a market's rules."""
    promoted = [event for event in turn.ledger.events if event.type == "signal.promoted"]
    return [event.signal_id for event in promoted if event.signal_id and _waited_sec(event) >= MARKET_WAIT_SEC]


def _waited_sec(event: EventRecord) -> float:
    return float(str(event.data.get("waited_sec", 0)))
