"""Sockets of the fakes' streams, and what faults make of what a user stream says."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import WSMsgType, web

from tests.support.venues.faults import FaultKind, Faults


class Line:
    """One socket: what is said goes out in order, `topics` are what it subscribed to."""

    def __init__(self, request: web.Request) -> None:
        self.socket = web.WebSocketResponse()
        self.topics: dict[str, None] = {}
        self._request = request
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def say(self, message: object) -> None:
        self._queue.put_nowait(json.dumps(message))

    def hang_up(self) -> None:
        self._queue.put_nowait(None)

    def cut(self) -> None:
        """Drop the connection without a word."""
        if self._request.transport is not None:
            self._request.transport.abort()

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[None]:
        """The socket speaks within, and is closed after."""
        await self.socket.prepare(self._request)
        pumping = asyncio.ensure_future(self._pump())
        try:
            yield
        finally:
            pumping.cancel()
            await self.socket.close()

    async def heard(self) -> AsyncIterator[Any]:
        """What the client says, read as JSON, until the socket closes."""
        async for message in self.socket:
            if message.type is WSMsgType.TEXT:
                yield json.loads(message.data)

    async def _pump(self) -> None:
        while True:
            message = await self._queue.get()
            if message is None or self.socket.closed:
                await self.socket.close()
                return
            try:
                await self.socket.send_str(message)
            except ConnectionError:
                return


def cut(lines: Iterable[Line]) -> None:
    for line in list(lines):
        line.cut()


class UserEvents(ABC):
    """What the user stream says. `sent` is what it was to say, whether anybody heard it or not."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._held: Mapping[str, Any] | None = None
        self.sent: list[Mapping[str, Any]] = []

    def _tell(self, name: str, event: Mapping[str, Any]) -> None:
        """To everybody who follows, with what faults make of it."""
        self.sent.append(event)
        if self._faults.is_silent:
            return
        fault = self._faults.for_event(name, json.dumps(event))
        match fault.kind if fault is not None else None:
            case FaultKind.DROP_EVENTS:
                return
            case FaultKind.REORDER_EVENTS if self._held is None:
                self._held = event
                return
            case FaultKind.DUPLICATE_EVENTS:
                self._say(event)
        self._say(event)
        if self._held is not None:
            held, self._held = self._held, None
            self._say(held)

    @abstractmethod
    def _say(self, event: Mapping[str, Any]) -> None:
        """To everybody who follows."""
