"""Where everything that happens lines up: two lanes, one reader."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import Any

MOST_AT_ONCE = 256
"""How many messages one unit of work takes in."""


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
    """The urgent lane is emptied first; lazy messages wait for the next that is not."""

    def __init__(self) -> None:
        self._urgent: deque[Envelope] = deque()
        self._ordinary: deque[Envelope] = deque()
        self._waker: asyncio.Future[None] | None = None
        self._has_work = False

    def post(self, message: Any, *, lazy: bool = False) -> None:
        self._ordinary.append(Envelope(message))
        if not lazy:
            self._wake()

    def ask(self, message: Any, *, urgent: bool = False) -> asyncio.Future[Any]:
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        lane = self._urgent if urgent else self._ordinary
        lane.append(Envelope(message, answer))
        self._wake()
        return answer

    def __len__(self) -> int:
        return len(self._urgent) + len(self._ordinary)

    def _wake(self) -> None:
        self._has_work = True
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    async def take(self) -> list[Envelope]:
        """All that waits, urgent first, at most `MOST_AT_ONCE`; waits while there is nothing."""
        if not self._has_work:
            self._waker = asyncio.get_running_loop().create_future()
            await self._waker
            self._waker = None
        batch: list[Envelope] = []
        for lane in (self._urgent, self._ordinary):
            while lane and len(batch) < MOST_AT_ONCE:
                batch.append(lane.popleft())
        self._has_work = bool(self._urgent or self._ordinary)
        return batch

    def fail_all(self, error: Exception) -> None:
        for lane in (self._urgent, self._ordinary):
            for envelope in lane:
                envelope.fail(error)
            lane.clear()
