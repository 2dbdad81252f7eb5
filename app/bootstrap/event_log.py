"""Tells the log what happens: every event is a line of its category, with what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

import structlog

from app.messages.records import EventRecord

CATEGORIES: Final[Mapping[str, str]] = {
    "signal": "signal",
    "queue": "signal",
    "order": "order",
    "trade": "order",
    "position": "order",
    "protection": "order",
    "reconcile": "order",
    "risk": "risk",
    "ess": "risk",
}
"""By the family of the event; all others are the engine's."""
QUIET: Final = frozenset({"position.updated", "reconcile.started", "risk.checked"})
"""Only for who looks closely: they come by the second, say little, or are long."""
_LOGGERS: Final = {name: structlog.get_logger(name) for name in (*CATEGORIES.values(), "engine")}


class EventLog:
    """Writes in a thread of its own: the lines of one alert take a millisecond, for which the next would wait."""

    def __init__(self) -> None:
        self._events: SimpleQueue[EventRecord | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="event-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def on_event(self, event: EventRecord) -> None:
        self._events.put(event)

    async def stop(self) -> None:
        """Write what waits."""
        self._events.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (event := self._events.get()) is not None:
            log = _LOGGERS[CATEGORIES.get(event.type.partition(".")[0], "engine")]
            tell = log.debug if event.type in QUIET else log.info
            tell(event.type, **line(event))


def line(event: EventRecord) -> dict[str, Any]:
    """What the event's line says."""
    about = {
        "account": event.account,
        "symbol": event.symbol,
        "group": event.group_id,
        "signal": event.signal_id,
        "order": event.order_id,
    }
    known = {name: value for name, value in about.items() if value is not None}
    return {"happened_at": event.at.isoformat(), **known, **event.data}
