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
    """One book. Quantities in contracts, never negative. `explained` was sold by fills that are not ours."""

    ours: Decimal
    external: Decimal
    venue: Decimal
    explained: Decimal
    confirmed: bool
    """A first read at least the confirmation time ago said the same."""
    counts_surplus: bool
    """False on spot, where an account's other coins are nobody's business."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`missing` is what the groups lose, `external` what is not ours afterwards."""

    verdict: Verdict
    missing: Decimal
    external: Decimal


def compare(book: BookReading) -> Comparison:
    """What the reading means: external quantity gives way first, then the groups, and only on evidence."""
    expected = book.ours + book.external
    if book.venue >= book.ours and not book.counts_surplus:
        return Comparison(Verdict.EQUAL, ZERO, ZERO)
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


def share(groups: Sequence[Group], missing: Decimal, step: Decimal) -> dict[str, Decimal]:
    """`missing` spread over the groups by open quantity, on the step, the last ones absorbing what rounding leaves."""
    total = sum((group.open_quantity for group in groups), ZERO)
    if missing >= total:
        return {group.id: group.open_quantity for group in groups}
    shares: dict[str, Decimal] = {}
    rest = missing
    for group in groups:
        part = (missing * group.open_quantity / total / step).to_integral_value(rounding=ROUND_FLOOR) * step
        shares[group.id] = min(part, group.open_quantity)
        rest -= shares[group.id]
    for group in reversed(groups):
        more = min(rest, group.open_quantity - shares[group.id])
        shares[group.id] += more
        rest -= more
    return shares


def is_mass_difference(losing: Sequence[Group], all_open: Sequence[Group]) -> bool:
    """Whether so much is missing that the reading is more likely wrong than the books."""
    if len(losing) > 3:
        return True
    exposure = sum((group.open_value * group.contract_size for group in all_open), ZERO)
    lost = sum((group.open_value * group.contract_size for group in losing), ZERO)
    return len(losing) >= 2 and lost * 2 >= exposure
