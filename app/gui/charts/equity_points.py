"""What the equity chart draws. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Worth of all accounts at a moment, in quote: without what is open, and with it."""

    at: datetime
    realised: Decimal
    total: Decimal


def thinned(pixels: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """A line, ascending in x, with at most four points per pixel of its width: no peak is lost."""
    kept: list[tuple[float, float]] = []
    start = 0
    for place in range(1, len(pixels) + 1):
        if place < len(pixels) and int(pixels[place][0]) == int(pixels[start][0]):
            continue
        kept += _corners(pixels[start:place])
        start = place
    return kept


def _corners(column: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """First, lowest, highest and last, in the order they came."""
    if len(column) <= 4:
        return list(column)
    heights = [y for _, y in column]
    places = {0, heights.index(min(heights)), heights.index(max(heights)), len(column) - 1}
    return [column[place] for place in sorted(places)]
