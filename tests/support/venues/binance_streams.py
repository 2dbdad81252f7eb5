"""Listen keys, the user stream and the market streams of the Binance fake."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from itertools import count
from typing import Any

from aiohttp import WSMsgType, web

from app.base.clock import Clock, Timer
from app.domain.market import Quote
from tests.support.venues.binance_rows import stream_event
from tests.support.venues.faults import FaultKind, Faults
from tests.support.venues.refusals import VenueRefusal

KEY_SEC = 3600.0
Shown = Callable[[str, str, Quote, int, int], Mapping[str, Any] | None]


class Line:
    """One socket: what is said goes out in order, `streams` are what it subscribed to."""

    def __init__(self, socket: web.WebSocketResponse, *, is_combined: bool) -> None:
        self.socket = socket
        self.streams: dict[str, None] = {}
        self.is_combined = is_combined
        self._queue: asyncio.Queue[str | None] = asyncio.Queue()

    def say(self, message: object) -> None:
        self._queue.put_nowait(json.dumps(message))

    def hang_up(self) -> None:
        self._queue.put_nowait(None)

    async def pump(self) -> None:
        while True:
            message = await self._queue.get()
            if message is None or self.socket.closed:
                await self.socket.close()
                return
            try:
                await self.socket.send_str(message)
            except ConnectionError:
                return


class Streams:
    """`latest` tells the last quote of each market by its Binance name, `shown` what a channel says of one."""

    def __init__(self, clock: Clock, faults: Faults, latest: Mapping[str, Quote], shown: Shown = stream_event) -> None:
        self._clock = clock
        self._faults = faults
        self._latest = latest
        self._shown = shown
        self._keys = count(1)
        self._numbers = count(1)
        self._timer: Timer | None = None
        self._held: Mapping[str, Any] | None = None
        self.listen_key: str | None = None
        self.user_lines: dict[Line, str] = {}
        self.market_lines: set[Line] = set()
        self.sent: list[Mapping[str, Any]] = []
        """What the user stream was to say, whether anybody heard it or not."""

    # ------------------------------------------------------------------ listen keys

    def open_key(self) -> str:
        """Title: Start User Data Stream. A valid key is given again, and lasts another hour."""
        if self.listen_key is None:
            self.listen_key = f"listen{next(self._keys):058d}"
        self._extend()
        return self.listen_key

    def keep_key(self) -> str:
        """Title: Keepalive User Data Stream."""
        if self.listen_key is None:
            raise VenueRefusal(-1125, "This listenKey does not exist.")
        self._extend()
        return self.listen_key

    def close_key(self) -> Mapping[str, Any]:
        """Title: Close User Data Stream."""
        self._stop_timer()
        self.listen_key = None
        for line in self.user_lines:
            line.hang_up()
        return {}

    def expire_key(self) -> None:
        """Title: Event: User Data Stream Expired."""
        key, self.listen_key = self.listen_key, None
        self._stop_timer()
        for line, of in list(self.user_lines.items()):
            if of == key:
                line.say({"e": "listenKeyExpired", "E": self.now(), "listenKey": key})
                line.hang_up()

    def _extend(self) -> None:
        self._stop_timer()
        self._timer = self._clock.call_later(KEY_SEC, self.expire_key)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def now(self) -> int:
        return round(self._clock.now().timestamp() * 1000) + self._faults.clock_skew_ms

    # ------------------------------------------------------------------ the user stream

    def tell(self, event: Mapping[str, Any]) -> None:
        """To every user socket, with what faults make of it."""
        self.sent.append(event)
        if self._faults.is_silent:
            return
        fault = self._faults.for_event(str(event["e"]), json.dumps(event))
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

    def _say(self, event: Mapping[str, Any]) -> None:
        for line, key in self.user_lines.items():
            line.say({"stream": key, "data": event} if line.is_combined else event)

    def cut_user_streams(self) -> None:
        """Drop the connections without a word."""
        _cut(self.user_lines)

    def cut_market_streams(self) -> None:
        _cut(self.market_lines)

    def hang_up(self) -> None:
        self._stop_timer()
        for line in [*self.user_lines, *self.market_lines]:
            line.hang_up()

    # ------------------------------------------------------------------ market streams

    def show(self, name: str, quote: Quote) -> None:
        for line in self.market_lines:
            for stream in line.streams:
                self._show(line, stream, name, quote)

    def _show(self, line: Line, stream: str, name: str, quote: Quote) -> None:
        head, _, rest = stream.partition("@")
        of_all = head.startswith("!")
        if not of_all and head != name.lower():
            return
        channel = head[1:] if of_all else rest.partition("@")[0]
        event = self._shown(channel, name, quote, next(self._numbers), self.now())
        if event is not None:
            told: object = [event] if of_all and channel != "bookTicker" else event
            line.say({"stream": stream, "data": told} if line.is_combined else told)

    def _subscribe(self, line: Line, streams: list[str]) -> None:
        line.streams |= dict.fromkeys(streams)
        for stream in streams:
            for name, quote in self._latest.items():
                self._show(line, stream, name, quote)

    # ------------------------------------------------------------------ sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Titles: Connect (user data streams), Connect (websocket market streams), Live Subscribing/Unsubscribing."""
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        is_combined = request.path.endswith("/stream")
        line = Line(socket, is_combined=is_combined)
        key = request.query.get("listenKey") or _key_in(request.path)
        pumping = asyncio.ensure_future(line.pump())
        try:
            if key is not None:
                if key != self.listen_key:
                    return socket
                self.user_lines[line] = key
            else:
                self.market_lines.add(line)
                self._subscribe(line, [name for name in request.query.get("streams", "").split("/") if name])
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    self._hear(line, json.loads(message.data))
        finally:
            self.user_lines.pop(line, None)
            self.market_lines.discard(line)
            pumping.cancel()
            await socket.close()
        return socket

    def _hear(self, line: Line, asked: Mapping[str, Any]) -> None:
        number, names = asked.get("id"), [str(name) for name in asked.get("params") or []]
        match asked.get("method"):
            case "SUBSCRIBE":
                line.say({"result": None, "id": number})
                self._subscribe(line, names)
            case "UNSUBSCRIBE":
                for name in names:
                    line.streams.pop(name, None)
                line.say({"result": None, "id": number})
            case "LIST_SUBSCRIPTIONS":
                line.say({"result": list(line.streams), "id": number})
            case _:
                line.say({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})


def _cut(lines: Iterable[Line]) -> None:
    for line in lines:
        request = line.socket._req
        if request is not None and request.transport is not None:
            request.transport.abort()


def _key_in(path: str) -> str | None:
    tail = path.rpartition("/")[2]
    return tail if tail.startswith("listen") else None
