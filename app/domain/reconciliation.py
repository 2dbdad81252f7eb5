"""Comparing books: what the groups hold against what the venue says (orders.md, Reconciliation). Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal
from enum import StrEnum

from app.domain.group import Group
from app.domain.values import ZERO


class Verdict(StrEnum):
    EQUAL = "equal"
    SURPLUS = "surplus"
    """The venue has more: what is over is external."""
    EXTERNAL_SHRANK = "external_shrank"
    MISSING = "missing"
    """The venue has less, and fills explain it or a second read agreed."""
    DOUBTFUL = "doubtful"
    """The venue has less and nothing explains it yet."""


@dataclass(frozen=True, slots=True)
class BookReading:
    """One book. Quantities in contracts, never negative. `explained` was sold by fills that are not ours.

    On spot `venue` is the book's part of the coin, see `part_of_coin`.
    """

    ours: Decimal
    external: Decimal
    venue: Decimal
    explained: Decimal
    confirmed: bool
    """A first read at least the confirmation time ago said the same."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing` is what the groups lose, `external` what is not ours afterwards."""

    verdict: Verdict
    missing: Decimal
    external: Decimal


def compare(book: BookReading) -> Comparison:
    """What the reading means: external quantity gives way first, then the groups, and only on evidence."""
    expected = book.ours + book.external
    if book.venue == expected:
        return Comparison(Verdict.EQUAL, ZERO, book.external)
    if book.venue > expected:
        return Comparison(Verdict.SURPLUS, ZERO, book.venue - book.ours)
    external = max(book.venue - book.ours, ZERO)
    missing = max(book.ours - book.venue, ZERO)
    if missing == 0:
        return Comparison(Verdict.EXTERNAL_SHRANK, ZERO, external)
    if book.explained >= missing or book.confirmed:
        return Comparison(Verdict.MISSING, missing, ZERO)
    return Comparison(Verdict.DOUBTFUL, missing, book.external)


@dataclass(frozen=True, slots=True)
class Claim:
    """What the groups of one book hold of a coin, and what fills on its market that are not ours sold."""

    ours: Decimal
    explained: Decimal


def part_of_coin(venue: Decimal, books: Sequence[Claim], step: Decimal) -> list[Decimal]:
    """What of an account's coins each book on spot has: they are one heap for all markets of the coin.

    Where they are less than all books hold, those whose fills explain it lose first, then all by open quantity. What is
    over belongs to no book: an account's other coins are nobody's business.
    """
    parts = [book.ours for book in books]
    missing = max(sum(parts, ZERO) - venue, ZERO)
    for index, book in enumerate(books):
        lost = min(missing, book.explained, book.ours)
        parts[index] -= lost
        missing -= lost
    return [part - lost for part, lost in zip(parts, _spread(parts, missing, step), strict=True)]


def share(groups: Sequence[Group], missing: Decimal, step: Decimal) -> dict[str, Decimal]:
    """`missing` spread over the groups by open quantity."""
    lost = _spread([group.open_quantity for group in groups], missing, step)
    return {group.id: part for group, part in zip(groups, lost, strict=True)}


def _spread(held: Sequence[Decimal], missing: Decimal, step: Decimal) -> list[Decimal]:
    """`missing` in proportion to what is held, on the step, the last ones absorbing what rounding leaves."""
    total = sum(held, ZERO)
    if missing >= total:
        return list(held)
    lost = [min((missing * one / total / step).to_integral_value(rounding=ROUND_FLOOR) * step, one) for one in held]
    rest = missing - sum(lost, ZERO)
    for index in reversed(range(len(held))):
        more = min(rest, held[index] - lost[index])
        lost[index] += more
        rest -= more
    return lost


def is_mass_difference(losing: Sequence[Group], all_open: Sequence[Group]) -> bool:
    """Whether so much is missing that the reading is more likely wrong than the books."""
    if len(losing) > 3:
        return True
    exposure = sum((group.open_value * group.contract_size for group in all_open), ZERO)
    lost = sum((group.open_value * group.contract_size for group in losing), ZERO)
    return len(losing) >= 2 and lost * 2 >= exposure
