"""Funding by the clock: every eight hours from midnight UTC, as at most venues."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from app.base.clock import EPOCH, Clock

EVERY_SEC = 8 * 3_600


class FundingSchedule:
    """Calls `pay(symbol, rate)` for every market that is `held` when a payment is due, at its rate or the `usual` one.

    A rate is a fraction of the position's worth; at 0 nothing is paid.
    """

    def __init__(
        self, clock: Clock, usual: Decimal, held: Callable[[], Iterable[str]], pay: Callable[[str, Decimal], object]
    ) -> None:
        self._clock = clock
        self._usual = usual
        self._held = held
        self._pay = pay
        self._rates: dict[str, Decimal] = {}

    def start(self) -> None:
        since_midnight = (self._clock.now() - EPOCH).total_seconds()
        self._clock.call_later(EVERY_SEC - since_midnight % EVERY_SEC, self._due)

    def set_rate(self, symbol: str, rate: Decimal) -> None:
        """The market's rate of every payment from now on."""
        self._rates[symbol] = rate

    def _due(self) -> None:
        self.start()
        for symbol in self._held():
            if rate := self._rates.get(symbol, self._usual):
                self._pay(symbol, rate)
