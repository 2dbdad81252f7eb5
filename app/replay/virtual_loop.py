"""An asyncio event loop whose time moves only when it is told to; nothing ever waits for the wall's clock.

Everything runs in one thread: `run_in_executor` and `call_soon_threadsafe` from another thread are refused, as are
files and sockets. Moments are whole microseconds; timers that fall into the same one run in the order they were set.
"""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import selectors
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Mapping
from concurrent.futures import Executor
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from functools import partial
from itertools import count
from typing import Any, TypeVar, TypeVarTuple

from app.base.clock import LoopClock

T = TypeVar("T")
Ts = TypeVarTuple("Ts")

_MICROSECONDS = 1_000_000
_TIME_TO_CANCEL = 3_600 * _MICROSECONDS
_CANCELLED_KEPT = 100
_MOST_TURNS = 100_000


class Deadlock(RuntimeError):
    """Nothing is ready to run, and whoever waits waits for something that cannot come."""


class Livelock(RuntimeError):
    """The loop turned so often at one instant that what runs there will never end by itself."""


class _NoFiles(selectors.BaseSelector):
    """Stands where the loop would wait for files of the system; tells `turn` at every turn whether the loop is idle."""

    def __init__(self, turn: Callable[[bool], None]) -> None:
        self._turn = turn
        self._keys: dict[Any, selectors.SelectorKey] = {}
        self.sealed = False

    def register(self, fileobj: Any, events: int, data: Any = None) -> selectors.SelectorKey:
        if self.sealed:
            raise RuntimeError("a loop under virtual time knows no files and sockets")
        key = selectors.SelectorKey(fileobj, fileobj, events, data)
        self._keys[fileobj] = key
        return key

    def unregister(self, fileobj: Any) -> selectors.SelectorKey:
        return self._keys.pop(fileobj)

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self._turn(timeout is None)
        return []

    def get_map(self) -> Mapping[Any, selectors.SelectorKey]:
        return self._keys


class _Timer(asyncio.TimerHandle):
    """A timer that tells the loop, through `on_cancel`, when it is cancelled while it waits in the heap."""

    __slots__ = ("call", "context", "on_cancel")

    def __init__(
        self, when: float, call: Callable[[], object], loop: VirtualLoop, context: contextvars.Context
    ) -> None:
        super().__init__(when, call, (), loop, context)
        self.context = context
        self.call: Callable[[], object] | None = call
        self.on_cancel: Callable[[], None] | None = None

    def cancel(self) -> None:
        if self.call is not None and self.on_cancel is not None:
            self.on_cancel()
        self.call = None
        super().cancel()

    def fire(self) -> None:
        call, self.call = self.call, None
        if call is not None:
            call()


@dataclass(slots=True)
class _Wait:
    """Someone waits until everything due up to `target` has run, or until `until` is done."""

    target: int
    woken: asyncio.Future[None]
    until: asyncio.Future[Any] | None = None

    def is_over(self) -> bool:
        return self.woken.done() or (self.until is not None and self.until.done())


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 0 and stands still until `advance_to` or `advance_until` moves it."""

    def __init__(self) -> None:
        self._instant = 0
        self._seconds = 0.0
        self._timers: list[tuple[int, int, _Timer]] = []
        self._timers_set = count()
        self._timers_cancelled = 0
        self._waits: deque[_Wait] = deque()
        self._turns = 0
        """Since something that was waited for ended, or time moved."""
        self._thread = threading.get_ident()
        files = _NoFiles(self._turn)
        super().__init__(files)
        files.sealed = True

    def time(self) -> float:
        """Seconds since the start; never less than the moment that the running timer was set for."""
        return self._seconds

    @property
    def microseconds(self) -> int:
        """Whole microseconds since the start."""
        return self._instant

    async def settle(self) -> None:
        """Return when nothing is left to run at the present instant. Time does not move."""
        await self._wait(self._instant)

    async def advance_to(self, seconds: float | Decimal) -> None:
        """Run every timer due up to and including `seconds`, each at its own instant and settled before the next.

        ValueError for a moment that has passed.
        """
        await self._wait(self._target(seconds))

    async def advance_until(self, future: asyncio.Future[Any], seconds: float | Decimal) -> bool:
        """As `advance_to`, but stop at the instant at which `future` is done; the answer is whether it is."""
        await self._wait(self._target(seconds), future)
        return future.done()

    def allow_time_to_cancel(self) -> None:
        """Let time pass by itself for whatever still runs, an hour at most."""
        self._waits.append(_Wait(self._instant + _TIME_TO_CANCEL, self.create_future()))

    def call_at(
        self,
        when: float,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.TimerHandle:
        if self.is_closed():
            raise RuntimeError("the loop is closed")
        own_context = context if context is not None else contextvars.copy_context()
        timer = _Timer(when, partial(callback, *args), self, own_context)
        timer.on_cancel = self._note_cancelled
        heapq.heappush(self._timers, (max(_rounded(when), self._instant), next(self._timers_set), timer))
        return timer

    def call_soon_threadsafe(
        self,
        callback: Callable[[*Ts], object],
        *args: *Ts,
        context: contextvars.Context | None = None,
    ) -> asyncio.Handle:
        if threading.get_ident() != self._thread:
            raise RuntimeError("a loop under virtual time takes nothing from other threads")
        return self.call_soon(callback, *args, context=context)

    def run_in_executor(
        self,
        executor: Executor | None,  # noqa: ARG002 - the signature is asyncio's
        func: Callable[[*Ts], T],
        *args: *Ts,  # noqa: ARG002 - the signature is asyncio's
    ) -> asyncio.Future[T]:
        raise RuntimeError(f"{func!r} would run in another thread, for which virtual time cannot wait")

    def _target(self, seconds: float | Decimal) -> int:
        target = _rounded(seconds)
        if target < self._instant:
            raise ValueError(f"time does not go back from {self._seconds} to {seconds} s")
        return target

    async def _wait(self, target: int, until: asyncio.Future[Any] | None = None) -> None:
        wait = _Wait(target, self.create_future(), until)
        self._waits.append(wait)
        await wait.woken

    def _turn(self, idle: bool) -> None:
        """Called once every turn of the loop, before what is ready runs."""
        self._turns += 1
        if self._turns > _MOST_TURNS:
            self._turns = 0
            raise Livelock(f"at {self._seconds} s there is no end of what is to be done at once")
        if self._fire_due() or not idle:
            return
        if not self._waits:
            raise Deadlock(self._why_stuck())
        wait = self._waits[0]
        due = self._next_due()
        if not wait.is_over() and due is not None and due <= wait.target:
            self._move_to(due)
            self._fire_due()
        else:
            self._waits.popleft()
            self._wake(wait)

    def _wake(self, wait: _Wait) -> None:
        self._turns = 0
        if not wait.is_over():
            self._move_to(max(wait.target, self._instant))
        if not wait.woken.done():
            wait.woken.set_result(None)

    def _move_to(self, instant: int) -> None:
        self._turns = 0
        self._instant = instant
        self._seconds = max(self._seconds, instant / _MICROSECONDS)

    def _next_due(self) -> int | None:
        timers = self._timers
        while timers and timers[0][2].call is None:
            heapq.heappop(timers)
            self._timers_cancelled -= 1
        return timers[0][0] if timers else None

    def _fire_due(self) -> bool:
        fired = False
        while (due := self._next_due()) is not None and due <= self._instant:
            timer = heapq.heappop(self._timers)[2]
            timer.on_cancel = None
            # LoopClock compares with the moment it asked for, which may be a rounding error after the instant
            self._seconds = max(self._seconds, timer.when())
            self.call_soon(timer.fire, context=timer.context)
            fired = True
        return fired

    def _note_cancelled(self) -> None:
        self._timers_cancelled += 1
        if self._timers_cancelled > max(_CANCELLED_KEPT, len(self._timers) // 2):
            self._timers = [entry for entry in self._timers if entry[2].call is not None]
            heapq.heapify(self._timers)
            self._timers_cancelled = 0

    def _why_stuck(self) -> str:
        due = self._next_due()
        if due is None:
            why = "nothing is ready and no timer is set"
        else:
            why = f"nothing is ready before {due / _MICROSECONDS} s and nobody advances the time"
        waiting = sorted(_place(task) for task in asyncio.all_tasks(self))
        return f"at {self._seconds} s {why}; waiting: {'; '.join(waiting) or 'nobody'}"


def _rounded(seconds: float | Decimal) -> int:
    return round(seconds * _MICROSECONDS)


def _place(task: asyncio.Task[Any]) -> str:
    """Through which functions a task waits, outermost first."""
    names: list[str] = []
    awaited: Any = task.get_coro()
    while (frame := getattr(awaited, "cr_frame", None)) is not None:
        names.append(f"{awaited.__qualname__}:{frame.f_lineno}")
        awaited = awaited.cr_await
    return f"{task.get_name()} in {' > '.join(names)}"


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """What `main(loop)` returns, run in a new loop. What it leaves running is cancelled, and the loop closed.

    Deadlock where `main` waits for something that cannot come by itself, Livelock where an instant does not end.
    """
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        try:
            return runner.run(main(loop))
        finally:
            loop.allow_time_to_cancel()


def virtual_clock(start: datetime, loop: VirtualLoop) -> LoopClock:
    """A clock that shows `start` at the loop's time 0, exact to the microsecond."""
    return LoopClock(lambda: start + timedelta(microseconds=loop.microseconds))
