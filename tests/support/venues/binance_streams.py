"""Listen keys, the user stream and the market streams of the Binance fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from aiohttp import web

from app.base.clock import Clock, Timer
from app.domain.market import Quote
from tests.support.venues.binance_rows import stream_event
from tests.support.venues.faults import Faults
from tests.support.venues.lines import Line, UserEvents, cut
from tests.support.venues.refusals import VenueRefusal
from tests.support.venues.words import milliseconds

KEY_SEC = 3600.0
Shown = Callable[[str, str, Quote, int, int], Mapping[str, Any] | None]


class MarketLine(Line):
    def __init__(self, request: web.Request, *, is_combined: bool) -> None:
        super().__init__(request)
        self.is_combined = is_combined


class Streams(UserEvents):
    """`latest` tells the last quote of each market by its Binance name, `shown` what a channel says of one."""

    def __init__(self, clock: Clock, faults: Faults, latest: Mapping[str, Quote], shown: Shown = stream_event) -> None:
        super().__init__(faults)
        self._clock = clock
        self._latest = latest
        self._shown = shown
        self._keys = count(1)
        self._numbers = count(1)
        self._timer: Timer | None = None
        self.listen_key: str | None = None
        self.user_lines: dict[MarketLine, str] = {}
        self.market_lines: set[MarketLine] = set()

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
        """Title: Event: User Data Stream Expired. The connection stays, and nothing more is told over it."""
        key, self.listen_key = self.listen_key, None
        self._stop_timer()
        for line, of in list(self.user_lines.items()):
            if of == key:
                line.say({"e": "listenKeyExpired", "E": self.now(), "listenKey": key})

    def _extend(self) -> None:
        self._stop_timer()
        self._timer = self._clock.call_later(KEY_SEC, self.expire_key)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def now(self) -> int:
        return milliseconds(self._clock.now()) + self._faults.clock_skew_ms

    # ------------------------------------------------------------------ the user stream

    def tell(self, event: Mapping[str, Any]) -> None:
        """To every user socket."""
        self._tell(str(event["e"]), event)

    def _say(self, event: Mapping[str, Any]) -> None:
        for line in (line for line, key in self.user_lines.items() if key == self.listen_key):
            line.say({"stream": self.listen_key, "data": event} if line.is_combined else event)

    def cut_user_streams(self) -> None:
        """Drop the connections without a word."""
        cut(self.user_lines)

    def cut_market_streams(self) -> None:
        cut(self.market_lines)

    def hang_up(self) -> None:
        self._stop_timer()
        for line in [*self.user_lines, *self.market_lines]:
            line.hang_up()

    # ------------------------------------------------------------------ market streams

    def show(self, name: str, quote: Quote) -> None:
        for line in self.market_lines:
            for stream in line.topics:
                self._show(line, stream, name, quote)

    def _show(self, line: MarketLine, stream: str, name: str, quote: Quote) -> None:
        head, _, rest = stream.partition("@")
        of_all = head.startswith("!")
        if not of_all and head != name.lower():
            return
        channel = head[1:] if of_all else rest.partition("@")[0]
        event = self._shown(channel, name, quote, next(self._numbers), self.now())
        if event is not None:
            told: object = [event] if of_all and channel != "bookTicker" else event
            line.say({"stream": stream, "data": told} if line.is_combined else told)

    def _subscribe(self, line: MarketLine, streams: list[str]) -> None:
        line.topics |= dict.fromkeys(streams)
        for stream in streams:
            for name, quote in self._latest.items():
                self._show(line, stream, name, quote)

    # ------------------------------------------------------------------ sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Titles: Connect (user data streams), Connect (websocket market streams), Live Subscribing/Unsubscribing."""
        line = MarketLine(request, is_combined=request.path.endswith("/stream"))
        key = request.query.get("listenKey") or _key_in(request.path)
        async with line.connected():
            try:
                await self._attend(line, key, [name for name in request.query.get("streams", "").split("/") if name])
            finally:
                self.user_lines.pop(line, None)
                self.market_lines.discard(line)
        return line.socket

    async def _attend(self, line: MarketLine, key: str | None, streams: list[str]) -> None:
        """A wrong listen key is not listened to."""
        if key is None:
            self.market_lines.add(line)
            self._subscribe(line, streams)
        elif key == self.listen_key:
            self.user_lines[line] = key
        else:
            return
        async for asked in line.heard():
            self._hear(line, asked)

    def _hear(self, line: MarketLine, asked: Mapping[str, Any]) -> None:
        number, names = asked.get("id"), [str(name) for name in asked.get("params") or []]
        match asked.get("method"):
            case "SUBSCRIBE":
                line.say({"result": None, "id": number})
                self._subscribe(line, names)
            case "UNSUBSCRIBE":
                for name in names:
                    line.topics.pop(name, None)
                line.say({"result": None, "id": number})
            case "LIST_SUBSCRIPTIONS":
                line.say({"result": list(line.topics), "id": number})
            case _:
                line.say({"error": {"code": 2, "msg": "Invalid request: unknown method"}, "id": number})


def _key_in(path: str) -> str | None:
    tail = path.rpartition("/")[2]
    return tail if tail.startswith("listen") else None
