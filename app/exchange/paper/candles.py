"""Candles from the prices that the paper exchange has seen."""

from __future__ import annotations

from bisect import bisect_right
from collections import deque
from datetime import datetime, timedelta
from decimal import Decimal

from app.base.clock import EPOCH, from_microseconds, to_microseconds
from app.base.timeframe import canonical, seconds
from app.domain.market import Quote
from app.domain.values import ZERO
from app.messages.reports import Candle

_KEPT_OF = {1: 150, 60: 2_000, 3_600: 2_000, 86_400: 2_000}
_LENGTHS = sorted(_KEPT_OF)
_SECOND = 1_000_000
_DAY = 86_400
_WEEK = 7 * _DAY
_MONDAY = 4 * _DAY
"""The epoch was a Thursday; weeks begin on Monday."""


class _Bar:
    __slots__ = ("close", "high", "low", "open", "start")

    def __init__(self, start: int, price: Decimal) -> None:
        self.start = start
        self.open = self.high = self.low = self.close = price

    def add(self, high: Decimal, low: Decimal, close: Decimal) -> None:
        self.high = max(high, self.high)
        self.low = min(low, self.low)
        self.close = close


class CandleTape:
    """Bars of a second, a minute, an hour and a day, the last ones of each; others are put together when asked for."""

    def __init__(self) -> None:
        self._series: dict[str, list[deque[_Bar]]] = {}

    def add(self, symbol: str, quote: Quote) -> None:
        series = self._series.get(symbol)
        if series is None:
            series = self._series[symbol] = [deque(maxlen=_KEPT_OF[length]) for length in _LENGTHS]
        second = to_microseconds(quote.at) // _SECOND
        price = quote.last
        for length, bars in zip(_LENGTHS, series, strict=True):
            start = second - second % length
            if bars and bars[-1].start == start:
                bars[-1].add(price, price, price)
            else:
                bars.append(_Bar(start, price))

    def bars(self, symbol: str, timeframe: str, limit: int) -> list[Candle]:
        """The last `limit` bars, oldest first; fewer where fewer were seen. ValueError for a timeframe that is none."""
        name = canonical(timeframe)
        series = self._series.get(symbol)
        if series is None or limit <= 0:
            return []
        length = seconds(name)
        finest = max(bisect_right(_LENGTHS, length) - 1, 0)
        while length % _LENGTHS[finest]:
            finest -= 1
        grouped: dict[int, _Bar] = {}
        for bar in series[finest]:
            start = _opening(bar.start, name, length)
            known = grouped.get(start)
            if known is None:
                known = grouped[start] = _Bar(start, bar.open)
            known.add(bar.high, bar.low, bar.close)
        return [_candle(bar) for bar in list(grouped.values())[-limit:]]


def _opening(second: int, timeframe: str, length: int) -> int:
    """When the bar began that a second belongs to; weeks and months by the calendar."""
    if timeframe.endswith("M"):
        return _first_of_months(second, int(timeframe[:-1]))
    if timeframe.endswith("W"):
        return (second - _MONDAY) // length * length + _MONDAY
    return second - second % length


def _first_of_months(second: int, count: int) -> int:
    day = EPOCH + timedelta(seconds=second)
    month = (day.year * 12 + day.month - 1) // count * count
    first = datetime(month // 12, month % 12 + 1, 1, tzinfo=EPOCH.tzinfo)
    return to_microseconds(first) // _SECOND


def _candle(bar: _Bar) -> Candle:
    return Candle(from_microseconds(bar.start * _SECOND), bar.open, bar.high, bar.low, bar.close, ZERO)
