"""The event stream: what was missed from the database, then live, without a gap or a double."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from typing import Annotated, Any

from fastapi import APIRouter, Query, WebSocket, WebSocketDisconnect

from app.api.access import verified
from app.api.connections import most_connections
from app.api.models.values import LARGEST_SEQUENCE
from app.base.clock import iso
from app.messages.records import EventRecord

router = APIRouter()
MOST_WAITING = 1_000
CATCH_UP_AT_ONCE = 500
TOO_SLOW = 4008
UNAUTHORIZED = 1008
MOST_READERS = 64
"""They stay, and must leave connections to commands."""
TRY_LATER = 1013
STUCK_SEC = 30.0
"""How long a reader may take nothing: its backlog cannot be told to it either, and it must not keep its place."""


def document(event: EventRecord) -> dict[str, Any]:
    return {
        "sequence": event.sequence,
        "at": iso(event.at),
        "type": event.type,
        "account": event.account,
        "symbol": event.symbol,
        "group_id": event.group_id,
        "signal_id": event.signal_id,
        "order_id": event.order_id,
        "data": event.data,
    }


class _Revoked(Exception):
    """The reader's token is valid no more."""


class Reader:
    """One reader's backlog; it overflows when the reader is too slow."""

    def __init__(self, types: frozenset[str] | None) -> None:
        self._types = types
        self._waiting: deque[EventRecord] = deque()
        self._ready = asyncio.Event()
        self.overflowed = False

    def __call__(self, event: EventRecord) -> None:
        if self._types is not None and event.type not in self._types:
            return
        if len(self._waiting) >= MOST_WAITING:
            self.overflowed = True
        else:
            self._waiting.append(event)
        self._ready.set()

    async def take(self) -> list[EventRecord]:
        await self._ready.wait()
        self._ready.clear()
        taken = list(self._waiting)
        self._waiting.clear()
        return taken


@router.websocket("/api/execution/events")
async def events(
    socket: WebSocket,
    since: Annotated[int | None, Query(ge=0, le=LARGEST_SEQUENCE)] = None,
    types: Annotated[str | None, Query(max_length=2000)] = None,
) -> None:
    """`since` replays what came after that sequence; `types` is a comma-separated filter."""
    state = socket.app.state
    if not _is_known(socket):
        await socket.close(UNAUTHORIZED, "a valid token is needed")
        return
    if len(state.readers) >= min(MOST_READERS, most_connections() // 2):
        await socket.close(TRY_LATER, "there are too many readers already")
        return
    wanted = frozenset(types.split(",")) if types else None
    reader = Reader(wanted)
    end = state.engine.subscribe(reader)
    state.readers.add(reader)
    try:
        await socket.accept()
        last = state.engine.snapshot().last_sequence if since is None else await _catch_up(socket, since, wanted)
        await _go_on(socket, reader, last)
    except _Revoked:
        await _cut_off(socket, UNAUTHORIZED, "the token was revoked")
    except (WebSocketDisconnect, RuntimeError, TimeoutError):
        pass  # the reader has gone, or is stuck
    finally:
        state.readers.discard(reader)
        end()


def _is_known(socket: WebSocket) -> bool:
    return verified(socket.app.state.tokens, socket.headers.get("authorization")) is not None


async def _send(socket: WebSocket, events: Iterable[EventRecord]) -> None:
    """Asks for the token again each time: a stream may outlive it."""
    if not _is_known(socket):
        raise _Revoked
    for event in events:
        async with asyncio.timeout(STUCK_SEC):
            await socket.send_text(json.dumps(document(event)))


async def _cut_off(socket: WebSocket, code: int, reason: str) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(STUCK_SEC):
            await socket.close(code, reason)


async def _catch_up(socket: WebSocket, since: int, types: frozenset[str] | None) -> int:
    last = since
    while True:
        missed = await socket.app.state.queries.events(last, types, CATCH_UP_AT_ONCE)
        await _send(socket, missed)
        last = missed[-1].sequence if missed else last
        if len(missed) < CATCH_UP_AT_ONCE:
            return last


async def _go_on(socket: WebSocket, reader: Reader, last: int) -> None:
    listening = asyncio.create_task(_until_gone(socket))
    try:
        while not listening.done():
            taking = asyncio.create_task(reader.take())
            await asyncio.wait({taking, listening}, return_when=asyncio.FIRST_COMPLETED)
            if not taking.done():
                taking.cancel()
                return
            fresh = [event for event in taking.result() if event.sequence > last]
            await _send(socket, fresh)
            last = fresh[-1].sequence if fresh else last
            if reader.overflowed:
                await _cut_off(socket, TOO_SLOW, f"too slow; catch up with since={last}")
                return
    finally:
        listening.cancel()


async def _until_gone(socket: WebSocket) -> None:
    with suppress(WebSocketDisconnect, RuntimeError):
        while True:
            await socket.receive_text()
