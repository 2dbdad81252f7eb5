"""What a reading found of our orders that nobody had told: a difference, each of which is a finding (orders.md)."""

from __future__ import annotations

from datetime import timedelta

from app.domain.order import RESTING, TERMINAL, Order, OrderStatus
from app.domain.values import ZERO, OrderRole
from app.engine.fills import apply_fill
from app.engine.inbox import AccountRead
from app.engine.pairs import partner_of
from app.engine.turn import Turn
from app.messages.effects import LookUpOrder
from app.messages.records import Finding

ON_ITS_WAY = timedelta(seconds=2)
"""What happened so shortly before a reading may just not have been told yet."""


def book_missed_fills(turn: Turn, read: AccountRead) -> None:
    """Those of orders thought to rest, or to be over, are differences; those of one in doubt are its answer."""
    missed: dict[str, Order] = {}
    for fill in sorted(read.fills, key=lambda item: item.at):
        before = turn.orders.get(fill.client_order_id) if fill.client_order_id else None
        apply_fill(turn, fill)
        if before is None or (turn.orders.get(before.client_order_id) or before).filled == before.filled:
            continue
        if fill.at < read.started_at - ON_ITS_WAY and not _is_in_doubt(before):
            missed.setdefault(before.client_order_id, before)
    for before in missed.values():
        filled = (turn.orders.get(before.client_order_id) or before).filled
        find(turn, before, "missed_fill", f"{before.filled:f}", f"{filled:f}", "booked")


def _is_in_doubt(order: Order) -> bool:
    return order.status is OrderStatus.PENDING or order.is_unsettled or order.is_amending


def ask_for_unlisted(turn: Turn, order: Order) -> None:
    """An order is not among the open ones: it is looked up; one that is not being cancelled may be gone."""
    if order.status in RESTING:
        turn.state.unlisted.add(order.client_order_id)
    turn.effect(LookUpOrder(order.account, order.client_order_id))


def judge_unlisted(turn: Turn, before: Order) -> None:
    """The look-up has answered: gone is what the venue ended by itself while it was still wanted."""
    order = turn.orders.get(before.client_order_id) or before
    if before.client_order_id not in turn.state.unlisted or order.status is OrderStatus.UNKNOWN:
        return
    turn.state.unlisted.discard(before.client_order_id)
    was_held = before.is_live and before.status is not OrderStatus.PENDING_CANCEL
    if was_held and order.status in _GONE and was_wanted(turn, order):
        done = "entry ended" if order.role is OrderRole.ENTRY else "replaced"
        find(turn, order, "order_gone", order.client_order_id, "", done)


_GONE = TERMINAL - {OrderStatus.FILLED}


def was_wanted(turn: Turn, order: Order) -> bool:
    """The venue ends the other of a pair by itself, and exits with their position."""
    group, partner = turn.group(order.group_id), partner_of(turn, order)
    is_running = group.is_open and group.closing is None
    return is_running and (partner is None or partner.filled == ZERO)


def find(turn: Turn, order: Order, kind: str, before: str, after: str, action: str) -> None:
    turn.find(
        Finding(
            order.account, order.symbol, kind, before, after, action, turn.now, order.group_id, order.client_order_id
        )
    )
