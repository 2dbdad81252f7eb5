"""A clock that stands until a test moves it."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

from app.base.clock import Timer

MIDNIGHT = datetime(2026, 1, 5, tzinfo=UTC)
_TURNS = 50


class _ManualTimer:
    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


class ManualClock:
    """Implements `app.base.clock.Clock`; time starts at `start` and moves by `advance` alone."""

    def __init__(self, start: datetime = MIDNIGHT) -> None:
        self._start = start
        self._seconds = 0.0
        self._timers: list[tuple[float, int, _ManualTimer]] = []
        self._order = count()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def step(self, seconds: float) -> None:
        """Have the wall's clock set forward, or back, by so much."""
        self._start += timedelta(seconds=seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop, no time
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: None if woken.done() else woken.set_result(None))
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = _ManualTimer(self._seconds + max(seconds, 0.0), callback)
        heapq.heappush(self._timers, (timer.due, next(self._order), timer))
        return timer

    async def advance(self, seconds: float) -> None:
        """Let so much time pass: each timer runs at its own moment, and what it sets off before the next."""
        target = self._seconds + seconds
        await settle()
        while self._timers and self._timers[0][0] <= target:
            due, _, timer = heapq.heappop(self._timers)
            self._seconds = max(self._seconds, due)
            if timer.callback is not None:
                timer.callback()
                await settle()
        self._seconds = target


async def settle() -> None:
    """Return when what is ready to run has run, and what that made ready."""
    loop = asyncio.get_running_loop()
    for _ in range(_TURNS):
        turned: asyncio.Future[None] = loop.create_future()
        loop.call_soon(turned.set_result, None)
        await turned
