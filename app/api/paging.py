"""Lists from memory, page by page: a cursor is the key of a page's last row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

from app.base.clock import to_microseconds
from app.messages.snapshots import GroupSnapshot, QueueSnapshot
from app.ports.queries import BadCursor, Page, PageRequest

Row = TypeVar("Row")
DIGITS = "0123456789"


def position_key(group: GroupSnapshot) -> str:
    """By opening; every key has the same length up to the id."""
    return f"{to_microseconds(group.opened_at):017d}.{group.id}"


def queue_key(entry: QueueSnapshot) -> str:
    return f"{entry.rank:017d}.{entry.signal_id}"


def page_of(
    rows: Sequence[Row], key: Callable[[Row], str], page: PageRequest, *, descending: bool = False
) -> Page[Row]:
    """The rows after the cursor, in the order of their keys. BadCursor where it is none of these lists'."""
    ordered = sorted(((key(row), row) for row in rows), key=lambda pair: pair[0], reverse=descending)
    if page.cursor is not None:
        after = _checked(page.cursor)
        ordered = [pair for pair in ordered if (pair[0] < after if descending else pair[0] > after)]
    shown = ordered[: page.limit]
    return Page(tuple(row for _, row in shown), shown[-1][0] if len(ordered) > page.limit else None)


def _checked(cursor: str) -> str:
    number, dot, identity = cursor.partition(".")
    if len(number) != 17 or set(number) - set(DIGITS) or not dot or not identity.isalnum():
        raise BadCursor("this is not a cursor of this list")
    return cursor
