"""The computer's clock was set; where back, what waits for a moment, or counts from one, must not wait as long anew."""

from __future__ import annotations

from collections import deque
from dataclasses import fields
from datetime import datetime
from typing import Any

from app.base.changing import changed
from app.domain.order import Order
from app.engine import close_all
from app.engine.turn import Turn


def clock_stepped(turn: Turn) -> None:
    """By how much it was off is not known any more; each session measures it anew by itself."""
    for account in turn.state.accounts.values():
        account.clock_skew_ms = None
    bring_back(turn)


def bring_back(turn: Turn) -> None:
    """Have no moment that is kept of what is open or waits lie ahead of now; where none does, nothing changes."""
    for group in turn.open_groups():
        turn.touch(group.id)
        if ahead := moments_ahead(group, turn.now):
            turn.put_group(changed(group, **ahead))
    orders = [order for group in turn.open_groups() for order in turn.orders_of(group.id)]
    for order in (*orders, *turn.orders_that_live()):
        _bring_order_back(turn, order)
    for entry in list(turn.queue.values()):
        if ahead := moments_ahead(entry, turn.now):
            turn.queue.put(entry.signal_id, changed(entry, **ahead))
    for action in list(turn.actions.values()):
        if ahead := moments_ahead(action, turn.now):
            turn.actions.put(action.id, changed(action, **ahead))
    close_all.bring_back(turn)
    _bring_memory_back(turn)


def _bring_order_back(turn: Turn, order: Order) -> None:
    """One in doubt is looked up as if it had just become so."""
    ahead = moments_ahead(order, turn.now)
    if "unknown_since" in ahead:
        ahead["look_ups"] = 0
    if ahead:
        turn.put_order(changed(order, **ahead))


def _bring_memory_back(turn: Turn) -> None:
    """What the disk does not have."""
    state, now = turn.state, turn.now
    for account in state.accounts.values():
        for name, moment in moments_ahead(account, now).items():
            setattr(account, name, moment)
        account.stop_moves = deque((min(at, now) for at in account.stop_moves), account.stop_moves.maxlen)
    state.suspicions = {
        book: changed(suspicion, **moments_ahead(suspicion, now)) for book, suspicion in state.suspicions.items()
    }
    state.entry_times = deque(min(at, now) for at in state.entry_times)


def moments_ahead(item: Any, now: datetime) -> dict[str, Any]:
    """The fields of a dataclass that hold a moment after `now`, each with `now`."""
    values = ((field.name, getattr(item, field.name)) for field in fields(item))
    return {name: now for name, value in values if isinstance(value, datetime) and value > now}
