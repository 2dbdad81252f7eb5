"""Work that is done again and again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from app.base.clock import Clock, Timer


class Rounds:
    """Does `work` at once and every `seconds` of the clock; a round that takes longer puts off the next.

    What `work` raises ends that round, and comes out of `stop` where it was the last one.
    """

    def __init__(self, clock: Clock, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
        self._clock = clock
        self._seconds = seconds
        self._work = work
        self._timer: Timer | None = None
        self._round: asyncio.Future[None] | None = None

    def start(self) -> None:
        self._timer = self._clock.call_later(self._seconds, self.start)
        if self._round is None or self._round.done():
            self._round = asyncio.ensure_future(self._work())

    async def stop(self) -> None:
        """No round after this one, which is waited for."""
        if self._timer is not None:
            self._timer.cancel()
        if self._round is not None:
            await self._round
