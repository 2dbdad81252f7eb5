"""Candles from the prices that the paper exchange has seen."""

from __future__ import annotations

from collections import deque
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from app.domain.market import Quote
from app.domain.timeframe import seconds
from app.messages.reports import Candle

_KEPT = 2_000


class CandleTape:
    """Minute bars of each market, the last ones only; longer bars are put together when asked for."""

    def __init__(self) -> None:
        self._bars: dict[str, deque[Candle]] = {}

    def add(self, symbol: str, quote: Quote) -> None:
        minute = quote.at.replace(second=0, microsecond=0)
        bars = self._bars.setdefault(symbol, deque(maxlen=_KEPT))
        price = quote.last
        if bars and bars[-1].at == minute:
            bar = bars[-1]
            bars[-1] = replace(bar, high=max(bar.high, price), low=min(bar.low, price), close=price)
        else:
            bars.append(Candle(minute, price, price, price, price, Decimal(0)))

    def bars(self, symbol: str, timeframe: str, limit: int) -> list[Candle]:
        """The last `limit` bars, oldest first. ValueError for a timeframe that is none."""
        length = max(seconds(timeframe), 60)
        grouped: dict[datetime, Candle] = {}
        for bar in self._bars.get(symbol, ()):
            opened = datetime.fromtimestamp(bar.at.timestamp() // length * length, UTC)
            known = grouped.get(opened)
            grouped[opened] = (
                replace(bar, at=opened)
                if known is None
                else replace(known, high=max(known.high, bar.high), low=min(known.low, bar.low), close=bar.close)
            )
        return list(grouped.values())[-limit:]
