"""Round numbers and times for axes, and which part of the time is in sight. Pure."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from itertools import pairwise

MOST_GRID_LINES = 6
FEWEST_BARS = 8
DAY = 86_400
_HOURS = (3_600, 7_200, 10_800, 14_400, 21_600, 43_200)
_STEPS = (1, 5, 15, 30, 60, 300, 900, 1_800, *_HOURS, *(days * DAY for days in (1, 2, 7, 14, 28, 91, 364)))
_LEADING = (1, 2, 5)


def round_step(low: float, high: float, most: int, least: Decimal = Decimal(0)) -> Decimal | None:
    """The smallest 1, 2 or 5 times a power of ten, not under `least`, of which `low` to `high` holds at most `most`
    multiples; None where there is no room for any."""
    if not high > low or most < 1:
        return None
    exponent = math.floor(math.log10(high - low) - math.log10(most)) - 1
    while True:
        for digit in _LEADING:
            step = Decimal(digit).scaleb(exponent)
            if step >= least and _count(step, low, high) <= most:
                return step
        exponent += 1


def multiples(step: Decimal, low: float, high: float) -> list[Decimal]:
    """The multiples of `step` from `low` to `high`, ascending and exact."""
    first, last = _bounds(step, low, high)
    return [step * number for number in range(first, last + 1)]


def finer(step: Decimal, low: float, high: float, most: int, least: Decimal = Decimal(0)) -> Decimal:
    """A fifth or a half of `step` where that is round, not under `least` and gives at most `most` multiples, else
    `step`: axis texts may be closer than grid lines, never between them."""
    for parts in (5, 2):
        part = step / parts
        if _is_round(part) and part >= least and _count(part, low, high) <= most:
            return part
    return step


def _is_round(step: Decimal) -> bool:
    return step.normalize().as_tuple().digits in {(digit,) for digit in _LEADING}


def _bounds(step: Decimal, low: float, high: float) -> tuple[int, int]:
    first = (Decimal(low) / step).to_integral_value(ROUND_CEILING)
    last = (Decimal(high) / step).to_integral_value(ROUND_FLOOR)
    return int(first), int(last)


def _count(step: Decimal, low: float, high: float) -> int:
    first, last = _bounds(step, low, high)
    return last - first + 1


@dataclass(frozen=True, slots=True)
class Tick:
    """A text on the time axis, at the bar number `place`."""

    place: int
    text: str


def bar_seconds(times: Sequence[datetime]) -> float:
    """The time of one bar, in seconds: the smallest distance there is; a minute where that is unknown."""
    gaps = [(after - before).total_seconds() for before, after in pairwise(times)]
    return min((gap for gap in gaps if gap > 0), default=60.0)


def time_ticks(
    times: Sequence[datetime], first: int, last: int, apart: float, width: Callable[[str], float] = lambda _: 0.0
) -> list[Tick]:
    """Ticks at round UTC times among the bars `first` to `last`, at least `apart` bars from each other and each behind
    the text before it, which is `width` bars wide.

    `times` are the bars' openings, ascending. A day is said once, where it begins.
    """
    first, last = max(first, 0), min(last, len(times) - 1)
    wanted = bar_seconds(times) * max(apart, 1.0)
    step = next((step for step in _STEPS if step >= wanted), _STEPS[-1])
    ticks: list[Tick] = []
    said: datetime | None = None
    free: float = first
    for place in _beginnings(times, first, last, step) or range(first, min(last, first) + 1):
        if place >= free:
            text = moment_text(times[place], said, step)
            ticks.append(Tick(place, text))
            said, free = times[place], place + max(apart * 0.8, width(text))
    return ticks


def _beginnings(times: Sequence[datetime], first: int, last: int, step: int) -> list[int]:
    """The bars with which a new span of `step` seconds begins."""
    seconds = [int(at.timestamp()) for at in times[max(first - 1, 0) : last + 1]]
    if first == 0 and seconds:
        seconds.insert(0, seconds[0] - 1)
    spans = [second // step for second in seconds]
    return [first + place for place, (before, after) in enumerate(pairwise(spans)) if before != after]


def moment_text(at: datetime, said: datetime | None, step: float) -> str:
    """`19 Nov 15:00`, `21:00` where the day is `said` already, `22 Sep` from steps of a day on; UTC."""
    at = at.astimezone(UTC)
    said = said.astimezone(UTC) if said is not None else None
    day = f"{at.day} {at:%b}" if said is None or said.year == at.year else f"{at.day} {at:%b %Y}"
    if step >= DAY:
        return day
    clock = f"{at:%H:%M}" if step >= 60 else f"{at:%H:%M:%S}"
    return clock if said is not None and said.date() == at.date() else f"{day} {clock}"


@dataclass(frozen=True, slots=True)
class TimeWindow:
    """Which bars are in sight: so many (None: all), ending so many behind the newest."""

    bars: float | None = None
    behind: float = 0.0

    def width(self, count: int) -> float:
        """Bars in sight of `count`; never fewer than eight, so that one candle is not a wall."""
        return max(min(self.bars or count, count), FEWEST_BARS)

    def first(self, count: int) -> float:
        """The number of the leftmost bar in sight; negative where there are fewer than eight."""
        return count - self.width(count) - self.behind

    def zoomed(self, factor: float, anchor: float, count: int) -> TimeWindow:
        """`factor` times as many bars; the one at `anchor` (0 at the left, 1 at the right) stays where it is."""
        now = self.width(count)
        then = min(max(now * factor, FEWEST_BARS), max(count, FEWEST_BARS))
        behind = self.behind + (now - then) * (1 - anchor)
        return TimeWindow(then if then < count else None, behind).inside(count)

    def panned(self, bars: float, count: int) -> TimeWindow:
        """So many bars back in time."""
        return TimeWindow(self.bars, self.behind + bars).inside(count)

    def inside(self, count: int) -> TimeWindow:
        """The same, not beyond the first bar nor the last."""
        return TimeWindow(self.bars, min(max(self.behind, 0.0), max(count - self.width(count), 0.0)))
