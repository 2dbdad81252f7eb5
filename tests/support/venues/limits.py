"""Binance's budgets: weight a minute for the address, orders a minute and in ten seconds for the account."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

from tests.support.venues.refusals import VenueRefusal

_MINUTE = 60.0
_TEN_SEC = 10.0


class Limits:
    """Title: General Info, LIMITS. Windows slide; the venue's own begin with the minute."""

    def __init__(self, seconds: Callable[[], float]) -> None:
        self._seconds = seconds
        self._spent: deque[tuple[float, int]] = deque()
        self._orders: deque[tuple[float, int]] = deque()
        self.weight = 2400
        self.orders_in_minute = 1200
        self.orders_in_ten_sec = 300

    def spend(self, weight: int, orders: int) -> None:
        """Count a request; refuses with 429 when a budget is gone."""
        now = self._seconds()
        if self.used_weight() + weight > self.weight:
            raise VenueRefusal(-1003, "Too many requests; current limit is reached.", 429, self._wait(now))
        self._spent.append((now, weight))
        if orders:
            self._count_orders(now, orders)

    def _count_orders(self, now: float, orders: int) -> None:
        if self._within(self._orders, _TEN_SEC) + orders > self.orders_in_ten_sec:
            raise VenueRefusal(-1015, "Too many new orders; current limit is reached.", 429, int(_TEN_SEC))
        if self._within(self._orders, _MINUTE) + orders > self.orders_in_minute:
            raise VenueRefusal(-1015, "Too many new orders; current limit is reached.", 429, int(_MINUTE))
        self._orders.append((now, orders))

    def _wait(self, now: float) -> int:
        oldest = self._spent[0][0] if self._spent else now
        return max(int(oldest + _MINUTE - now) + 1, 1)

    def used_weight(self) -> int:
        return self._within(self._spent, _MINUTE)

    def headers(self, *, with_orders: bool) -> dict[str, str]:
        told = {"X-MBX-USED-WEIGHT-1M": str(self.used_weight())}
        if with_orders:
            told["X-MBX-ORDER-COUNT-10S"] = str(self._within(self._orders, _TEN_SEC))
            told["X-MBX-ORDER-COUNT-1M"] = str(self._within(self._orders, _MINUTE))
        return told

    def _within(self, spent: deque[tuple[float, int]], length: float) -> int:
        now = self._seconds()
        while spent and spent[0][0] <= now - _MINUTE:
            spent.popleft()
        return sum(count for at, count in spent if at > now - length)
