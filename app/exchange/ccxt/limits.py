"""Rate limits: what is left to spend, and who may spend it first."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count

from app.base.clock import Clock, Timer
from app.exchange.ccxt.dialects.base import Budget, Pool

SHORTEST_WAIT_SEC = 0.001


class Priority(IntEnum):
    """Who goes first."""

    EXIT = 0
    """Exits, stops and every cancel."""
    ENTRY = 1
    READ = 2


KEPT_BACK: Mapping[Priority, float] = {Priority.EXIT: 0.0, Priority.ENTRY: 0.1, Priority.READ: 0.25}
"""The part of every budget that a priority leaves to those before it."""


class Bucket:
    """One budget. It refills evenly, so that any stretch of its length allows its amount and at most as much again."""

    def __init__(self, budget: Budget) -> None:
        self.budget = budget
        self._left = float(budget.amount)
        self._at: float | None = None

    def left(self, now: float) -> float:
        """What may be spent now."""
        if self._at is not None:
            gained = (now - self._at) * self.budget.amount / self.budget.seconds
            self._left = min(self._left + gained, float(self.budget.amount))
        self._at = now
        return self._left

    def wait_for(self, cost: int, priority: Priority, now: float) -> float:
        """Seconds until `cost` may be spent, 0 for now."""
        amount, kept_back = self.budget.amount, KEPT_BACK[priority]
        short = min(float(cost), amount * (1 - kept_back)) + amount * kept_back - self.left(now)
        return short * self.budget.seconds / amount if short > 0 else 0.0

    def spend(self, cost: int) -> None:
        """Of what was `left`, or could be waited for, a moment ago."""
        self._left -= cost

    def correct(self, headers: Mapping[str, str], now: float) -> None:
        """Believe the venue where it has counted more than we have."""
        told = headers.get(self.budget.header) if self.budget.header is not None else None
        if told is None or not told.strip().isdigit():
            return
        rest = int(told) if self.budget.tells_rest else self.budget.amount - int(told)
        self._left = min(self.left(now), float(rest))


class Host:
    """What all accounts of one venue share at one public address: the request weight, and bans."""

    def __init__(self, budgets: Iterable[Budget], clock: Clock) -> None:
        self.buckets = [Bucket(budget) for budget in budgets if budget.pool is Pool.WEIGHT]
        self._clock = clock
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Nothing may be sent for so long; a shorter pause does not end a longer one."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def paused_for(self) -> float:
        """Seconds that the pause still lasts."""
        left = self._paused_until - self._clock.monotonic()
        return left if left > 0 else 0.0


@dataclass(order=True, slots=True)
class _Waiter:
    priority: Priority
    number: int
    weight: int = field(compare=False)
    orders: int = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Limiter:
    """One account's place in the queue for its venue's limits."""

    def __init__(self, host: Host, budgets: Iterable[Budget], clock: Clock) -> None:
        self.host = host
        self._orders = [Bucket(budget) for budget in budgets if budget.pool is Pool.ORDERS]
        self._clock = clock
        self._waiters: list[_Waiter] = []
        self._numbers = count()
        self._timer: Timer | None = None

    def take_now(self, priority: Priority, weight: int, orders: int = 0) -> bool:
        """Count a request of this cost as sent, if it may be sent now and nobody waits before it."""
        now = self._clock.monotonic()
        if self._waiters or self._wait(priority, weight, orders, now) > 0:
            return False
        self._spend(weight, orders)
        return True

    async def take(self, priority: Priority, weight: int, orders: int = 0) -> None:
        """Return when a request of this cost may be sent, and count it as sent."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiters, _Waiter(priority, next(self._numbers), weight, orders, turn))
        self._serve()
        await turn

    def correct(self, headers: Mapping[str, str]) -> None:
        """Learn from an answer's headers, asked for by names in lower case."""
        now = self._clock.monotonic()
        for bucket in (*self.host.buckets, *self._orders):
            bucket.correct(headers, now)

    def used(self) -> dict[Pool, float]:
        """The fullest part used of each kind of budget, from 0 to 1."""
        now = self._clock.monotonic()
        worst: dict[Pool, float] = {}
        for bucket in (*self.host.buckets, *self._orders):
            pool = bucket.budget.pool
            worst[pool] = max(worst.get(pool, 0.0), 1 - bucket.left(now) / bucket.budget.amount)
        return worst

    def _serve(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now = self._clock.monotonic()
        while self._waiters:
            first = self._waiters[0]
            if not first.turn.done():
                wait = self._wait(first.priority, first.weight, first.orders, now)
                if wait > 0:
                    self._timer = self._clock.call_later(max(wait, SHORTEST_WAIT_SEC), self._serve)
                    return
                self._spend(first.weight, first.orders)
                first.turn.set_result(None)
            heapq.heappop(self._waiters)

    def _wait(self, priority: Priority, weight: int, orders: int, now: float) -> float:
        waits = [self.host.paused_for()]
        if weight:
            waits += [bucket.wait_for(weight, priority, now) for bucket in self.host.buckets]
        if orders:
            waits += [bucket.wait_for(orders, priority, now) for bucket in self._orders]
        return max(waits)

    def _spend(self, weight: int, orders: int) -> None:
        for bucket in self.host.buckets:
            bucket.spend(weight)
        for bucket in self._orders:
            bucket.spend(orders)
