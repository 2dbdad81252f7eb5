"""Which pixel a price and a bar have in the ladder chart, and back. Pure."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.gui.charts.axes import TimeWindow
from app.gui.charts.ladder_state import LadderState

MARGIN = 0.06
SHORTEST_LINE = 24.0


@dataclass(frozen=True, slots=True)
class LadderView:
    """The plot's edges in logical pixels; `low` and `high` are prices at its bottom and top; bars are counted from
    the first candle."""

    left: float
    top: float
    right: float
    bottom: float
    low: float
    high: float
    first: float
    bars: float
    times: Sequence[datetime]

    @property
    def spacing(self) -> float:
        """Logical pixels from bar to bar."""
        return (self.right - self.left) / self.bars

    def y(self, price: Decimal | float) -> float:
        return self.bottom - (float(price) - self.low) / (self.high - self.low) * (self.bottom - self.top)

    def x(self, bar: float) -> float:
        return self.left + (bar - self.first + 0.5) * self.spacing

    def price_at(self, y: float) -> float:
        return self.low + (self.bottom - y) / (self.bottom - self.top) * (self.high - self.low)

    def bar_at(self, x: float) -> int:
        return round(self.first + (x - self.left) / self.spacing - 0.5)

    def holds(self, x: float, y: float) -> bool:
        return self.left <= x <= self.right and self.top <= y <= self.bottom

    def visible(self) -> range:
        """The bars in sight, also those cut by an edge."""
        first = max(int(self.first), 0)
        return range(first, min(int(self.first + self.bars) + 1, len(self.times)))

    def bar_of(self, at: datetime) -> int | None:
        """The bar that a moment falls into; None where it is older than all."""
        place = bisect_right(self.times, at) - 1
        return place if place >= 0 else None

    def start_x(self, since: datetime) -> float:
        """Where a line begins: at its bar, or at the edge where that is out of sight."""
        bar = self.bar_of(since)
        x = self.left if bar is None else self.x(bar)
        return max(min(x, self.right - SHORTEST_LINE), self.left)


def price_range(state: LadderState, window: TimeWindow) -> tuple[float, float]:
    """The lowest and the highest price in sight, with some air; apart from each other always."""
    count = len(state.candles)
    first = window.first(count)
    shown = state.candles[max(int(first), 0) : max(int(first + window.width(count)) + 1, 0)]
    prices = [float(price) for bar in shown for price in (bar.low, bar.high)]
    prices += [float(line.price) for line in state.lines]
    prices += [float(state.mark)] if state.mark is not None else []
    low, high = min(prices, default=0.0), max(prices, default=1.0)
    least = max(abs(high), abs(low)) * 1e-9
    margin = (high - low) * MARGIN if high - low > least else abs(high) * 0.01 or 1.0
    return low - margin, high + margin
