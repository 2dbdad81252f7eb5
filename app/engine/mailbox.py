"""Where everything that happens lines up: two lanes, one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

MOST_AT_ONCE = 256
"""How many messages one unit of work takes in."""
LINGER_SEC = 0.002
"""How long what is posted is held back after what was asked, and after its answer: requests come in bursts."""
PATIENCE_SEC = 0.02
"""How long it is held back at most."""


@dataclass(slots=True)
class Envelope:
    """A message, and the future of the one who waits for its answer."""

    message: Any
    answer: asyncio.Future[Any] | None = None

    def resolve(self, result: Any) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_result(result)

    def fail(self, error: Exception) -> None:
        if self.answer is not None and not self.answer.done():
            self.answer.set_exception(error)


class Mailbox:
    """The urgent lane is emptied first, then what is asked; lazy messages wait for the next that is not.

    What is posted shares a unit of work with all that has come by then, so that a swarm of reports costs one commit.
    `linger_sec` is 0 where time is virtual: nothing is held back then.
    """

    def __init__(self, linger_sec: float = LINGER_SEC) -> None:
        self._linger_sec = linger_sec
        self._urgent: deque[Envelope] = deque()
        self._asked: deque[Envelope] = deque()
        self._posted: deque[Envelope] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._is_posted = False
        """Whether something waits in that lane that is not lazy."""
        self._posted_since: float | None = None
        """When that was noticed."""
        self._asked_at = -PATIENCE_SEC
        self._was_asked = False
        """Whether what was taken last is about to be answered."""

    def post(self, message: Any, *, lazy: bool = False, prompt: bool = False) -> None:
        """A prompt one goes with what is asked: an order waits for it."""
        (self._asked if prompt else self._posted).append(Envelope(message))
        if not lazy:
            self._is_posted = self._is_posted or not prompt
            self._wake()

    def ask(self, message: Any, *, urgent: bool = False) -> asyncio.Future[Any]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Any] = loop.create_future()
        (self._urgent if urgent else self._asked).append(Envelope(message, answer))
        self._asked_at = loop.time()
        self._wake()
        return answer

    def __len__(self) -> int:
        return len(self._urgent) + len(self._asked) + len(self._posted)

    def _wake(self) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def take(self) -> list[Envelope]:
        """All that waits and is due, urgent first, at most `MOST_AT_ONCE`; waits while there is nothing."""
        if self._was_asked:
            self._asked_at = asyncio.get_running_loop().time()
        while (due := self._due_in()) != 0:
            await self._until_woken(due)
        batch: list[Envelope] = []
        lanes = [self._urgent, self._asked]
        self._was_asked = any(lanes)
        if self._pause() <= 0:
            lanes.append(self._posted)
        for lane in lanes:
            while lane and len(batch) < MOST_AT_ONCE:
                batch.append(lane.popleft())
        if not self._posted:
            self._is_posted, self._posted_since = False, None
        return batch

    def _due_in(self) -> float | None:
        """Seconds until something is due, None while nothing waits."""
        if self._urgent or self._asked:
            return 0
        return max(self._pause(), 0) if self._is_posted else None

    def _pause(self) -> float:
        """Seconds for which what is posted is still held back."""
        now = asyncio.get_running_loop().time()
        if self._posted_since is None:
            self._posted_since = now
        return min(self._asked_at + self._linger_sec, self._posted_since + PATIENCE_SEC) - now

    async def _until_woken(self, seconds: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._waker = loop.create_future()
        timer = None if seconds is None else loop.call_later(seconds, self._wake)
        try:
            await self._waker
        finally:
            self._waker = None
            if timer is not None:
                timer.cancel()

    def fail_all(self, error: Exception) -> None:
        for lane in (self._urgent, self._asked, self._posted):
            for envelope in lane:
                envelope.fail(error)
            lane.clear()
        self._is_posted, self._posted_since = False, None
