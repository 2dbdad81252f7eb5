"""Tells the log what happens: every event is a line of its category, with what it is about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from itertools import groupby
from queue import SimpleQueue
from threading import Thread
from typing import Any, Final

from app.base.clock import Clock
from app.base.log import tell_together
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
GATHERED_SEC: Final = 0.1
"""How long a line may wait for others: the lines of one alert take the thread milliseconds."""


class EventLog:
    """Writes in a thread of its own, which is woken rarely: whenever it runs, the loop waits for the interpreter."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._gathered: list[EventRecord] = []
        self._batches: SimpleQueue[list[EventRecord] | None] = SimpleQueue()
        self._thread = Thread(target=self._work, name="event-log", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def on_event(self, event: EventRecord) -> None:
        if not self._gathered:
            self._clock.call_later(GATHERED_SEC, self._hand_over)
        self._gathered.append(event)

    def _hand_over(self) -> None:
        gathered, self._gathered = self._gathered, []
        self._batches.put(gathered)

    async def stop(self) -> None:
        """Write what waits."""
        self._hand_over()
        self._batches.put(None)
        if self._thread.is_alive():
            await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        while (batch := self._batches.get()) is not None:
            _tell(batch)


def _tell(events: Iterable[EventRecord]) -> None:
    """In their order, each at its level."""
    for level, alike in groupby(events, lambda event: "debug" if event.type in QUIET else "info"):
        tell_together(level, ((_category(event), event.type, line(event)) for event in alike))


def _category(event: EventRecord) -> str:
    return CATEGORIES.get(event.type.partition(".")[0], "engine")


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
