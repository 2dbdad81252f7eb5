"""What the ladder chart draws, which labels it shows and how they find room. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.gui import formats
from app.messages.reports import Candle

MOST_LABELS = 12
_NEVER_HIDDEN = frozenset({"stop", "average"})


@dataclass(frozen=True, slots=True)
class LadderLine:
    """A price, in quote per base, that means something from `since` on; `role` is entry, tp, average or stop.

    An entry is a leg that waits; a filled one is a `LadderFill`.
    """

    role: str
    label: str
    price: Decimal
    since: datetime
    pyramid: int | None = None


@dataclass(frozen=True, slots=True)
class LadderFill:
    """An entry that was filled `at` a moment, at `price` in quote per base."""

    at: datetime
    price: Decimal


@dataclass(frozen=True, slots=True)
class LadderState:
    """One group: prices in quote per base, `candles` oldest first. `stale`: `mark` is old."""

    symbol: str
    timeframe: str
    tick_size: Decimal
    candles: tuple[Candle, ...]
    lines: tuple[LadderLine, ...]
    fills: tuple[LadderFill, ...]
    mark: Decimal | None
    stale: bool = False


@dataclass(frozen=True, slots=True)
class LadderLabel:
    """A label in the column: of `line`, or of as many `legs` of its pyramid as it was folded from."""

    line: LadderLine
    legs: int = 1

    @property
    def text(self) -> str:
        return self.line.label if self.legs == 1 else f"{self.legs} entries"


def folded(lines: Sequence[LadderLine], most: int = MOST_LABELS) -> list[LadderLabel]:
    """Labels, highest price first; of more than `most`, each pyramid's waiting entries become one."""
    labels = [LadderLabel(line) for line in sorted(lines, key=lambda line: line.price, reverse=True)]
    if len(labels) <= most:
        return labels
    entries: dict[int | None, list[LadderLabel]] = {}
    for label in labels:
        if label.line.role == "entry":
            entries.setdefault(label.line.pyramid, []).append(label)
    shown = [label for label in labels if label.line.role != "entry"]
    shown += [LadderLabel(group[len(group) // 2].line, len(group)) for group in entries.values()]
    return sorted(shown, key=lambda label: label.line.price, reverse=True)


def chosen(lines: Sequence[LadderLine], room: int, near: Decimal | None) -> tuple[list[LadderLabel], int]:
    """The labels for a column that holds `room` of them, and how many lines go without one.

    Where even the folded ones are too many, stop and average stay, then those whose price is nearest to `near`;
    one place is left for saying how many more there are.
    """
    room = max(room, 1)
    labels = folded(lines, min(room, MOST_LABELS))
    if len(labels) <= room:
        return labels, 0
    centre = near if near is not None else labels[len(labels) // 2].line.price
    by_worth = sorted(labels, key=lambda label: (label.line.role not in _NEVER_HIDDEN, abs(label.line.price - centre)))
    hidden = sum(label.legs for label in by_worth[room - 1 :])
    return sorted(by_worth[: room - 1], key=lambda label: label.line.price, reverse=True), hidden


def pushed_apart(wanted: Sequence[float], gap: float, low: float, high: float) -> list[float]:
    """Positions near `wanted`, in its order, with at least `gap` between neighbours, inside `low` to `high`.

    Who stands lower gives way. Where they cannot all fit, they are spread evenly over the room.
    """
    count = len(wanted)
    high = max(high, low)
    order = sorted(range(count), key=lambda place: wanted[place])
    fits = (count - 1) * gap <= high - low
    step = gap if fits else (high - low) / (count - 1)
    placed = [low] * count
    before = low - step
    for rank, place in enumerate(order):
        most = high - step * (count - 1 - rank)
        target = wanted[place] if fits else low
        before = placed[place] = max(min(max(target, before + step), most), low)
    return placed


def summary(state: LadderState) -> str:
    """The chart in one sentence, for those who do not see it."""
    parts = [_many(state, "tp", "take-profit"), *_singles(state, "average", "Average")]
    parts += [_many(state, "entry", "waiting entry", "waiting entries"), *_singles(state, "stop", "Stop")]
    said = "; ".join(part for part in parts if part) or "no orders"
    mark = "no price" if state.mark is None else f"price {formats.price(state.mark, state.tick_size)}"
    age = ", which is old" if state.stale and state.mark is not None else ""
    return f"{state.symbol}, {mark}{age}: {said}."


def _singles(state: LadderState, role: str, name: str) -> list[str]:
    found = [line.price for line in state.lines if line.role == role]
    return [f"{name.lower()} {formats.price(price, state.tick_size)}" for price in found]


def _many(state: LadderState, role: str, one: str, more: str = "") -> str:
    prices = [line.price for line in state.lines if line.role == role]
    if not prices:
        return ""
    centre = prices[0] if state.mark is None else state.mark
    nearest = formats.price(min(prices, key=lambda price: abs(price - centre)), state.tick_size)
    return f"1 {one} at {nearest}" if len(prices) == 1 else f"{len(prices)} {more or one + 's'}, nearest {nearest}"
