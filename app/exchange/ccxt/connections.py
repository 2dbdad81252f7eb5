"""aiohttp's connections and sockets, of a kind that can be given up at once and sends at once."""

from __future__ import annotations

import types
from collections.abc import Coroutine, Generator
from typing import Any
from weakref import WeakSet

from aiohttp import (
    ClientRequest,
    ClientWebSocketResponse,
    TCPConnector,
)


class Connections(TCPConnector):
    """Connections to one venue, of which those that nobody uses can be given up."""

    def drop_idle(self) -> None:
        for waiting in self._conns.values():
            for protocol, _ in waiting:
                protocol.close()


class Socket(ClientWebSocketResponse):
    """A stream's connection, which can be given up without a goodbye."""

    def release(self) -> None:
        self._response.close()


class Sockets:
    """The sockets of one session: they are given up with it, those too that come up later."""

    def __init__(self) -> None:
        self._made: WeakSet[Socket] = WeakSet()
        self._is_over = False

    def made(self, *arguments: Any, **named: Any) -> Socket:
        socket = Socket(*arguments, **named)
        if self._is_over:
            socket.release()
        self._made.add(socket)
        return socket

    def end(self) -> None:
        self._is_over = True
        for socket in list(self._made):
            socket.release()


class PromptRequest(ClientRequest):
    """One whose bytes leave at once: before Python 3.12 aiohttp writes them in a task, a round of the loop later."""

    def write_bytes(self, *arguments: Any, **named: Any) -> Coroutine[Any, Any, None]:
        return begun(super().write_bytes(*arguments, **named))


def begun(work: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """`work` carried out as far as it gets without waiting; what is left of it."""
    try:
        awaited = work.send(None)
    except StopIteration:
        return _nothing()
    return _rest(work, awaited)


async def _nothing() -> None:
    return


async def _rest(work: Coroutine[Any, Any, None], awaited: Any) -> None:
    await _resumed(work, awaited)


@types.coroutine
def _resumed(work: Coroutine[Any, Any, None], awaited: Any) -> Generator[Any, Any, None]:
    yield awaited
    yield from work
