"""After a stop-loss close the queue waits (pool-queue.md, Promotion)."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.base.clock import iso
from app.engine.turn import Turn

_LAST_STOP = "last_stop_at"
"""The fact that holds when a stop-loss last closed a group."""


def waits_until(turn: Turn) -> datetime | None:
    """When the queue goes on after a stop-loss close; None where it does not wait."""
    at = turn.fact(_LAST_STOP)
    if at is None:
        return None
    over = datetime.fromisoformat(at) + timedelta(seconds=turn.config.queue.pause_after_stop_sec)
    return over if turn.now < over else None


def note_stop(turn: Turn) -> None:
    """A group was closed by its stop-loss: the queue waits."""
    turn.facts.put(_LAST_STOP, iso(turn.now))
    turn.wake("queue", turn.now + timedelta(seconds=turn.config.queue.pause_after_stop_sec))
