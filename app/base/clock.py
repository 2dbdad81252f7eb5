"""The only place that tells the time. Everything else is given a `Clock`."""

from __future__ import annotations

import asyncio
import heapq
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_microseconds(moment: datetime) -> int:
    """Whole microseconds since 1970-01-01 UTC: how moments are stored."""
    return (moment - EPOCH) // _MICROSECOND


def from_microseconds(value: int) -> datetime:
    """The moment, in UTC, that `to_microseconds` made `value` of."""
    return EPOCH + timedelta(microseconds=value)


def iso(moment: datetime) -> str:
    """ISO 8601 in UTC with a `Z`, as every answer and file shows it."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


class Timer(Protocol):
    """A callback that waits for its moment."""

    def cancel(self) -> None: ...


class Clock(Protocol):
    """Time as the engine knows it; live it is the wall's, in a replay it moves by steps."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        ...

    def monotonic(self) -> float:
        """Seconds on a scale that never goes back, for durations only."""
        ...

    async def sleep(self, seconds: float) -> None: ...

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer: ...


class _WheelTimer:
    __slots__ = ("callback", "due")

    def __init__(self, due: float, callback: Callable[[], None]) -> None:
        self.due = due
        self.callback: Callable[[], None] | None = callback

    def cancel(self) -> None:
        self.callback = None


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)


class LoopClock:
    """A clock on the running event loop with one armed loop timer, however many wait.

    Cancelled loop timers stay with Qt until they are due, and thousands of them slow every turn; here a cancelled timer
    costs a heap entry. `wall` tells the wall's time; in a replay it is derived from the loop's own virtual time.
    """

    def __init__(self, wall: Callable[[], datetime]) -> None:
        self._wall = wall
        self._heap: list[tuple[float, int, _WheelTimer]] = []
        self._order = count()
        self._armed: asyncio.TimerHandle | None = None

    def now(self) -> datetime:
        return self._wall()

    def monotonic(self) -> float:
        return asyncio.get_running_loop().time()

    async def sleep(self, seconds: float) -> None:
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        woken: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        timer = self.call_later(seconds, lambda: _wake(woken))
        try:
            await woken
        finally:
            timer.cancel()

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        timer = _WheelTimer(self.monotonic() + max(seconds, 0.0), callback)
        heapq.heappush(self._heap, (timer.due, next(self._order), timer))
        if self._heap[0][2] is timer:
            self._arm()
        return timer

    def _arm(self) -> None:
        if self._armed is not None:
            self._armed.cancel()
            self._armed = None
        while self._heap and self._heap[0][2].callback is None:
            heapq.heappop(self._heap)
        if self._heap:
            self._armed = asyncio.get_running_loop().call_at(self._heap[0][0], self._fire)

    def _fire(self) -> None:
        self._armed = None
        now = self.monotonic()
        due: list[_WheelTimer] = []
        while self._heap and (self._heap[0][0] <= now or self._heap[0][2].callback is None):
            due.append(heapq.heappop(self._heap)[2])
        self._arm()
        loop = asyncio.get_running_loop()
        for timer in due:
            if timer.callback is not None:
                loop.call_soon(self._run, timer)

    @staticmethod
    def _run(timer: _WheelTimer) -> None:
        if timer.callback is not None:
            timer.callback()


def system_clock() -> LoopClock:
    """The wall's clock, for the running program."""
    return LoopClock(lambda: datetime.now(UTC))
