"""Funding by the clock: every eight hours from midnight UTC, as at most venues."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from app.base.clock import EPOCH, Clock, Timer

EVERY_SEC = 8 * 3_600


class FundingSchedule:
    """Calls `pay(symbol, rate)` when a payment is due; no market has a rate until one is set."""

    def __init__(self, clock: Clock, pay: Callable[[str, Decimal], object]) -> None:
        self._clock = clock
        self._pay = pay
        self._rates: dict[str, Decimal] = {}
        self._timer: Timer | None = None

    def set_rate(self, symbol: str, rate: Decimal) -> None:
        """The rate of every payment from now on, as a fraction of the position's worth; 0 for none."""
        if rate:
            self._rates[symbol] = rate
        else:
            self._rates.pop(symbol, None)
        if self._timer is None and self._rates:
            self._wait()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        since_midnight = (self._clock.now() - EPOCH).total_seconds()
        self._timer = self._clock.call_later(EVERY_SEC - since_midnight % EVERY_SEC, self._due)

    def _due(self) -> None:
        self._timer = None
        if self._rates:
            self._wait()
        for symbol, rate in list(self._rates.items()):
            self._pay(symbol, rate)
