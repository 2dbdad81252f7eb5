"""Rate limits: what is left to spend, and who may spend it first."""

from __future__ import annotations

import asyncio
from bisect import insort
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from itertools import count
from types import MappingProxyType

from app.base.clock import Clock, Timer
from app.exchange.ccxt.dialects.base import Budget, Cost, Pool

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

    def __init__(self, budget: Budget, now: float) -> None:
        self.budget = budget
        self._left = float(budget.amount)
        self._at = now

    def left(self, now: float) -> float:
        """What may be spent now."""
        gained = (now - self._at) * self.budget.amount / self.budget.seconds
        self._left = min(self._left + gained, float(self.budget.amount))
        self._at = now
        return self._left

    def wait_for(self, cost: int, priority: Priority, now: float) -> float:
        """Seconds until `cost` may be spent, 0 for now."""
        amount, kept_back = self.budget.amount, KEPT_BACK[priority]
        short = min(float(cost), amount * (1 - kept_back)) + amount * kept_back - self.left(now)
        return self._refills_in(short, now) if short > 0 else 0.0

    def _refills_in(self, short: float, _now: float) -> float:
        return short * self.budget.seconds / self.budget.amount

    def spend(self, cost: int) -> None:
        """Of what was `left`, or could be waited for, a moment ago."""
        self._left -= cost

    def over(self, cost: int, now: float) -> None:
        """What has cost so much is answered, or given up."""

    def correct(self, headers: Mapping[str, str], now: float) -> None:
        """Believe the venue where it has counted more than we have."""
        told = headers.get(self.budget.header) if self.budget.header is not None else None
        if told is None or not told.strip().isdigit():
            return
        rest = int(told) if self.budget.tells_rest else self.budget.amount - int(told)
        missing = self.left(now) - rest
        if missing > 0:
            self._lose(missing)

    def _lose(self, missing: float) -> None:
        self._left -= missing


class Rolling(Bucket):
    """One budget of which no stretch of its length allows more than its amount.

    The venue counts a request when it comes in, which may be as late as its answer: from then on it counts here.
    """

    def __init__(self, budget: Budget, now: float) -> None:
        super().__init__(budget, now)
        self._over: deque[tuple[float, float]] = deque()

    def left(self, now: float) -> float:
        self._at = now
        while self._over and self._over[0][0] + self.budget.seconds <= now:
            self._left += self._over.popleft()[1]
        return self._left

    def _refills_in(self, short: float, now: float) -> float:
        for at, cost in self._over:
            short -= cost
            if short <= 0:
                return at + self.budget.seconds - now
        return self.budget.seconds

    def over(self, cost: int, now: float) -> None:
        self._over.append((now, cost))

    def _lose(self, missing: float) -> None:
        super()._lose(missing)
        self._over.append((self._at, missing))


class Pausable:
    """What may have to keep quiet for a while."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._paused_until = 0.0

    def pause(self, seconds: float) -> None:
        """Nothing may be sent for so long; a shorter pause does not end a longer one."""
        self._paused_until = max(self._paused_until, self._clock.monotonic() + seconds)

    def paused_for(self) -> float:
        """Seconds that the pause still lasts."""
        left = self._paused_until - self._clock.monotonic()
        return left if left > 0 else 0.0

    def _buckets(self, budgets: Iterable[Budget]) -> list[Bucket]:
        now = self._clock.monotonic()
        return [Rolling(budget, now) if budget.rolls else Bucket(budget, now) for budget in budgets]


class Host(Pausable):
    """What all accounts of one venue share at one public address: the request weight, and bans."""

    def __init__(self, budgets: Iterable[Budget], clock: Clock) -> None:
        super().__init__(clock)
        self.buckets = self._buckets(budget for budget in budgets if budget.pool is Pool.WEIGHT)


@dataclass(order=True, slots=True)
class _Waiter:
    priority: Priority
    number: int
    cost: Cost = field(compare=False)
    turn: asyncio.Future[None] = field(compare=False)


class Limiter(Pausable):
    """One account's place in the queue for its venue's limits, and what limits this account alone."""

    def __init__(self, host: Host, budgets: Iterable[Budget], clock: Clock) -> None:
        super().__init__(clock)
        self.host = host
        self._own = self._buckets(budget for budget in budgets if budget.pool is not Pool.WEIGHT)
        self._waiters: list[_Waiter] = []
        self._awaited: dict[Bucket, float] = {}
        """What somebody waits for, and how long: nobody after him takes it."""
        self._numbers = count()
        self._timer: Timer | None = None

    def paused_for(self) -> float:
        """Seconds that the account's pause and its host's still last."""
        return max(super().paused_for(), self.host.paused_for())

    def take_now(self, priority: Priority, cost: Cost) -> bool:
        """Count a request of this cost as sent, if it may be sent now and nobody waits before it."""
        if self.paused_for() > 0 or not self._is_to_be_had(priority, cost, self._clock.monotonic()):
            return False
        self._spend(cost)
        return True

    async def take(self, priority: Priority, cost: Cost) -> None:
        """Return when a request of this cost may be sent, and count it as sent until it is `over`."""
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        insort(self._waiters, _Waiter(priority, next(self._numbers), cost, turn))
        self._serve()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.over(cost)
            raise

    def over(self, cost: Cost, headers: Mapping[str, str] = MappingProxyType({})) -> None:
        """A request of this cost is answered or given up; learn from its headers, asked for by names in lower case."""
        now = self._clock.monotonic()
        for bucket, part in self._parts(cost):
            bucket.over(part, now)
            bucket.correct(headers, now)
        self._serve()

    def used(self) -> dict[Pool, float]:
        """The fullest part used of each kind of budget, from 0 to 1."""
        now = self._clock.monotonic()
        worst: dict[Pool, float] = {}
        for bucket in (*self.host.buckets, *self._own):
            pool = bucket.budget.pool
            worst[pool] = max(worst.get(pool, 0.0), 1 - bucket.left(now) / bucket.budget.amount)
        return worst

    def _serve(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        now, paused = self._clock.monotonic(), self.paused_for()
        if paused == 0:
            self._awaited = {}
            self._waiters = [waiter for waiter in self._waiters if not self._is_served(waiter, now)]
        if self._waiters:
            wait = paused or min(self._awaited.values())
            self._timer = self._clock.call_later(max(wait, SHORTEST_WAIT_SEC), self._serve)

    def _is_served(self, waiter: _Waiter, now: float) -> bool:
        if waiter.turn.done():
            return True
        if self._is_to_be_had(waiter.priority, waiter.cost, now):
            self._spend(waiter.cost)
            waiter.turn.set_result(None)
            return True
        self._awaited = self._waits(waiter.priority, waiter.cost, now) | self._awaited
        return False

    def _is_to_be_had(self, priority: Priority, cost: Cost, now: float) -> bool:
        is_left = not any(part and bucket in self._awaited for bucket, part in self._parts(cost))
        return is_left and not self._waits(priority, cost, now)

    def _parts(self, cost: Cost) -> list[tuple[Bucket, int]]:
        """The budgets that a request is counted in, with what it takes of each."""
        buckets = (*self.host.buckets, *self._own)
        return [(bucket, cost[bucket.budget]) for bucket in buckets if bucket.budget in cost]

    def _waits(self, priority: Priority, cost: Cost, now: float) -> dict[Bucket, float]:
        """How long each budget will not have its part yet; none of those that have it."""
        waits = {bucket: bucket.wait_for(part, priority, now) for bucket, part in self._parts(cost) if part}
        return {bucket: wait for bucket, wait in waits.items() if wait > 0}

    def _spend(self, cost: Cost) -> None:
        for bucket, part in self._parts(cost):
            bucket.spend(part)
