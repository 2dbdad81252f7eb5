"""Funding: what a book paid or was paid, shared among the groups that held it then (grid.md)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from operator import attrgetter

from app.domain.booking import book_funding as group_with_funding
from app.domain.group import Group
from app.domain.values import ZERO, Side
from app.engine.turn import Turn
from app.messages.records import FundingPayment
from app.messages.reports import FundingReport

CLOCKS_DIFFER = timedelta(minutes=5)
"""A payment's moment is the venue's, a close's is ours."""


def book_funding(turn: Turn, payment: FundingReport) -> None:
    """Share a payment, once, by what each group held when it was made: one that has closed since too, none that came
    later. What is not ours in the book bears its part."""
    if _is_booked(turn, payment):
        return
    held = _held(turn, payment)
    ours, external = sum(held.values(), ZERO), _external(turn, payment)
    if not ours:
        return
    rest = payment.amount * ours / (ours + external) if external else payment.amount
    for group_id, quantity in held.items():
        amount = rest if quantity == ours else rest * quantity / ours
        rest, ours = rest - amount, ours - quantity
        turn.ledger.funding.append(
            FundingPayment(
                payment.account, payment.symbol, payment.payment_id, group_id, amount, payment.rate, payment.at
            )
        )
        turn.put_group(group_with_funding(turn.group(group_id), amount))


def _is_booked(turn: Turn, payment: FundingReport) -> bool:
    key = (payment.account, payment.payment_id)
    return key in turn.state.funding_ids or any((item.account, item.payment_id) == key for item in turn.ledger.funding)


def _held(turn: Turn, payment: FundingReport) -> dict[str, Decimal]:
    """What each group held, by id; those that held nothing are left out."""
    closed = turn.closed_since(payment.at - CLOCKS_DIFFER, (payment.account, payment.symbol))
    groups = sorted([*turn.groups_on(payment.account, payment.symbol), *closed], key=attrgetter("opened_at"))
    held = {
        group.id: held_at(turn, group, payment.at) for group in groups if payment.position_side in {None, group.side}
    }
    return {group_id: quantity for group_id, quantity in held.items() if quantity > 0}


def held_at(turn: Turn, group: Group, at: datetime) -> Decimal:
    """The group's open quantity at a moment that is past: what it holds now without what was filled since."""
    quantity = group.open_quantity
    for fill in turn.fills_of(group.id):
        if fill.at > at:
            quantity -= fill.quantity if fill.side is group.side.entry_order_side else -fill.quantity
    return quantity


def _external(turn: Turn, payment: FundingReport) -> Decimal:
    books = ((payment.account, payment.symbol, side) for side in Side if payment.position_side in {None, side})
    return sum((turn.external(book) for book in books), ZERO)
