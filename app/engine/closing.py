"""The two ways in which an open group is told to shrink: it closes, or its entries end."""

from __future__ import annotations

from app.base.changing import changed
from app.domain.group import Group, end_entry
from app.domain.values import ZERO, CloseReason
from app.engine.turn import Turn

_FORCED = frozenset({CloseReason.LIQUIDATED, CloseReason.ADL})


def begin_close(turn: Turn, group: Group, reason: CloseReason) -> Group:
    """The group on its way out: its entries end, nothing else may exit it. The first reason stands, unless the venue
    took what was to be sold."""
    if group.closing is not None and reason not in _FORCED:
        return group
    closing = changed(
        group.with_legs(end_entry),
        closing=reason,
        closing_at=turn.now,
        hybrid_active=False,
        reduce_quantity=ZERO,
    )
    turn.put_group(closing)
    return closing


def end_entries(turn: Turn, group: Group) -> None:
    """Cancel what has not filled; a group with nothing open ends with it."""
    if group.open_quantity > 0:
        turn.put_group(group.with_legs(end_entry))
    else:
        begin_close(turn, group, CloseReason.CANCELLED)
