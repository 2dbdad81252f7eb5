"""What the ladder chart draws, and how its labels find room. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal

from app.messages.reports import Candle

MOST_LABELS = 12


@dataclass(frozen=True, slots=True)
class LadderLine:
    """A price that means something from `since` on; `role` is entry, tp, average or stop."""

    role: str
    label: str
    price: Decimal
    since: datetime
    pyramid: int | None = None


@dataclass(frozen=True, slots=True)
class LadderFill:
    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class LadderState:
    symbol: str
    timeframe: str
    tick_size: Decimal
    candles: tuple[Candle, ...]
    lines: tuple[LadderLine, ...]
    fills: tuple[LadderFill, ...]
    mark: Decimal | None
    stale: bool = False


def folded(lines: Sequence[LadderLine]) -> list[LadderLine]:
    """The labels to show, highest price first: of more than twelve, one pyramid's waiting entries become one."""
    ordered = sorted(lines, key=lambda line: line.price, reverse=True)
    if len(ordered) <= MOST_LABELS:
        return ordered
    entries: dict[int | None, list[LadderLine]] = {}
    for line in ordered:
        if line.role == "entry":
            entries.setdefault(line.pyramid, []).append(line)
    shown = [line for line in ordered if line.role != "entry"]
    for group in entries.values():
        middle = group[len(group) // 2]
        shown.append(middle if len(group) == 1 else replace(middle, label=f"{len(group)} entries"))
    return sorted(shown, key=lambda line: line.price, reverse=True)


def pushed_apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near `wanted` (ascending) with at least `gap` between neighbours, inside `low` to `high`.

    Order is kept. Where they cannot all fit they are spread evenly over the room.
    """
    count = len(wanted)
    if count == 0:
        return []
    if (count - 1) * gap > high - low:
        step = (high - low) / max(count - 1, 1)
        return [low + step * place for place in range(count)]
    placed: list[float] = []
    for place, value in enumerate(wanted):
        least = placed[-1] + gap if placed else low
        most = high - gap * (count - 1 - place)
        placed.append(min(max(value, least), most))
    for place in range(count - 2, -1, -1):
        placed[place] = max(min(placed[place], placed[place + 1] - gap), low + gap * place)
    return placed


def round_steps(low: float, high: float, most: int = 6) -> list[float]:
    """At most `most` round numbers between `low` and `high`, ascending."""
    if not high > low:
        return []
    step = 10.0 ** _magnitude(high - low)
    while (high - low) / step > most:
        step *= 2 if _leads_with(step, 1) or _leads_with(step, 5) else 2.5
    first = -(-low // step)
    return [value for place in range(most + 2) if low <= (value := (first + place) * step) <= high][:most]


def _magnitude(span: float) -> int:
    exponent = 0
    while span >= 10:
        span, exponent = span / 10, exponent + 1
    while span < 1:
        span, exponent = span * 10, exponent - 1
    return exponent - 1


def _leads_with(step: float, digit: int) -> bool:
    return f"{step:e}".startswith(str(digit))
