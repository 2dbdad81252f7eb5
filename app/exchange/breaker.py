"""The breaker of one account: when its venue does not answer, entries are held instead of heaped up."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from app.base.clock import Clock
from app.messages.reports import BreakerReport

FAILURES = 5
WITHIN_SEC = 60.0
FIRST_SEC = 10.0
LONGEST_SEC = 300.0


class Breaker:
    """Opens after five failures in a row within a minute, for ten seconds and then ever longer.

    When that time is over one request may try; its success closes the breaker. Exits may always try. Whoever sends a
    request that was allowed says at its end that it is over.
    """

    def __init__(self, account: str, clock: Clock, tell: Callable[[BreakerReport], None]) -> None:
        self._account = account
        self._clock = clock
        self._tell = tell
        self._failures: deque[float] = deque(maxlen=FAILURES)
        self._period = FIRST_SEC
        self._until: float | None = None
        self._no_probe = asyncio.Event()
        self._no_probe.set()

    @property
    def is_open(self) -> bool:
        return self._until is not None

    def allows(self, is_exit: bool = False) -> bool:
        """Whether a request may be sent; after the open time one of those asked for is the probe."""
        if self._until is None or is_exit:
            return True
        now = self._clock.monotonic()
        if now < self._until:
            return False
        self._no_probe.clear()
        self._until = now + self._period
        return True

    async def probed(self) -> None:
        """Return once no probe is under way: what is read together is all let through, or all held."""
        while not self._no_probe.is_set():
            await self._no_probe.wait()

    def over(self) -> None:
        """A request that was allowed has ended; if it was the probe and told nothing, the next may be one."""
        if not self._no_probe.is_set():
            self.may_probe_now()

    def may_probe_now(self) -> None:
        """There is a sign that the venue is back."""
        if self._until is not None:
            self._until = self._clock.monotonic()
            self._no_probe.set()

    def retry_after(self) -> float:
        """Seconds until the next request may try."""
        return 0.0 if self._until is None else max(self._until - self._clock.monotonic(), 0.0)

    def succeeded(self) -> None:
        """The venue answered, be it a refusal."""
        self._failures.clear()
        if self._until is None:
            return
        self._until = None
        self._no_probe.set()
        self._period = FIRST_SEC
        self._tell(BreakerReport(self._account, False, self._clock.now()))

    def failed(self, reason: str) -> None:
        """The venue was not reached, or did not answer."""
        now = self._clock.monotonic()
        if not self._no_probe.is_set():
            self._no_probe.set()
            self._period = min(self._period * 2, LONGEST_SEC)
            self._until = now + self._period
            return
        self._failures.append(now)
        if self._until is None and len(self._failures) == FAILURES and now - self._failures[0] <= WITHIN_SEC:
            self._until = now + self._period
            self._tell(BreakerReport(self._account, True, self._clock.now(), reason))
