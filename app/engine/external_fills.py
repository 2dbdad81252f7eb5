"""Fills that no order of ours made: they explain what a reading finds gone, and price it (orders.md)."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.domain.values import ZERO
from app.engine.state import BookKey
from app.engine.turn import Turn
from app.messages.reports import FillReport


def reducing_fills(turn: Turn, book: BookKey) -> list[FillReport]:
    """Those that made the book smaller, oldest first. Where the venue does not tell the side, the order's side does."""
    account, symbol, side = book
    known = turn.state.external_fills.get((account, symbol), ())
    reducing = (fill for fill in known if fill.side is side.exit_order_side and fill.position_side in {None, side})
    return sorted(reducing, key=lambda fill: fill.at)


def explained(turn: Turn, book: BookKey) -> Decimal:
    """How much they took of what is ours: the part that is not ours gave way first."""
    sold = sum((fill.quantity for fill in reducing_fills(turn, book)), ZERO)
    return max(sold - turn.external(book), ZERO)


def newest(fills: list[FillReport], quantity: Decimal) -> list[FillReport]:
    """The last of the fills up to a quantity, the oldest of these in part: ours went after what was not ours."""
    taken: list[FillReport] = []
    rest = quantity
    for fill in reversed(fills):
        part = min(rest, fill.quantity)
        if part <= 0:
            break
        taken.append(replace(fill, quantity=part, fee=fill.fee * part / fill.quantity))
        rest -= part
    return taken


def use_up(turn: Turn, book: BookKey, quantity: Decimal) -> None:
    """They have explained `quantity` and explain nothing else, the oldest first."""
    known = turn.state.external_fills.get(book[:2], [])
    rest = quantity
    for fill in reducing_fills(turn, book):
        if rest <= 0:
            break
        known.remove(fill)
        if fill.quantity > rest:
            known.append(replace(fill, quantity=fill.quantity - rest, fee=fill.fee * (1 - rest / fill.quantity)))
        rest -= fill.quantity


def forget(turn: Turn, account: str, until: datetime, still_open: Container[str]) -> None:
    """A reading has told what came of those before `until`, save on the markets that are `still_open`."""
    for key, known in list(turn.state.external_fills.items()):
        if key[0] != account or key[1] in still_open:
            continue
        later = [fill for fill in known if fill.at >= until]
        if later:
            turn.state.external_fills[key] = later
        else:
            del turn.state.external_fills[key]
