"""The WebSocket API and the market streams of the Binance spot fake."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from aiohttp import web

from app.base.clock import Clock
from app.domain.market import Quote
from tests.support.venues.binance_gate import Gate, Security
from tests.support.venues.binance_spot_rows import stream_event
from tests.support.venues.binance_streams import MarketLine, Streams
from tests.support.venues.faults import Faults
from tests.support.venues.refusals import VenueRefusal

API = "/ws-api/v3"


class SpotStreams(Streams):
    """The account's events go to the sockets of the WebSocket API that subscribed to them.

    `refusals` are spent one for each subscription. `on_hear` is told of every request.
    """

    def __init__(
        self,
        clock: Clock,
        faults: Faults,
        latest: Mapping[str, Quote],
        gate: Callable[[], Gate],
        on_hear: Callable[[str, Mapping[str, str]], None],
    ) -> None:
        super().__init__(clock, faults, latest, stream_event)
        self._gate = gate
        self._on_hear = on_hear
        self.refusals: list[VenueRefusal] = []
        self._open_lines: set[MarketLine] = set()

    # ------------------------------------------------------------------ the account's events

    def _say(self, event: Mapping[str, Any]) -> None:
        for line, subscription in self.user_lines.items():
            line.say({"subscriptionId": int(subscription), "event": event})

    def expire_key(self) -> None:
        """Title: Event Stream Terminated. The sockets stay."""
        for line, subscription in list(self.user_lines.items()):
            told = {"e": "eventStreamTerminated", "E": self.now()}
            line.say({"subscriptionId": int(subscription), "event": told})
            del self.user_lines[line]

    # ------------------------------------------------------------------ sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if not request.path.endswith(API):
            return await super().serve(request)
        line = MarketLine(request, is_combined=False)
        async with line.connected():
            self._open_lines.add(line)
            try:
                async for asked in line.heard():
                    self._answer(line, asked)
            finally:
                self.user_lines.pop(line, None)
                self._open_lines.discard(line)
        return line.socket

    def _answer(self, line: MarketLine, asked: Mapping[str, Any]) -> None:
        """Title: Request format, Response format (WebSocket API)."""
        params = {key: str(value) for key, value in (asked.get("params") or {}).items()}
        method = str(asked.get("method"))
        self._on_hear(method, params)
        try:
            told: dict[str, Any] = {"status": 200, "result": self._result(line, method, params)}
        except VenueRefusal as refusal:
            told = {"status": refusal.status, "error": refusal.body}
        line.say({"id": asked.get("id"), **told, "rateLimits": []})

    def _result(self, line: MarketLine, method: str, params: Mapping[str, str]) -> dict[str, Any]:
        match method:
            case "ping":
                return {}
            case "time":
                return {"serverTime": self.now()}
            case "userDataStream.subscribe.signature":
                return self._subscribe_user(line, params)
            case "userDataStream.unsubscribe":
                self.user_lines.pop(line, None)
                return {}
        raise VenueRefusal(-1020, "This operation is not supported.")

    def _subscribe_user(self, line: MarketLine, params: Mapping[str, str]) -> dict[str, Any]:
        """Title: Subscribe to User Data Stream through signature subscription. Signed are the sorted parameters."""
        if self.refusals:
            raise self.refusals.pop(0)
        signed = "&".join(f"{key}={params[key]}" for key in sorted(params) if key != "signature")
        self._gate().check(Security.SIGNED, params.get("apiKey"), signed, params)
        if line in self.user_lines:
            raise VenueRefusal(-1191, "Similar subscription is already active on this connection.")
        self.user_lines[line] = str(next(self._numbers))
        return {"subscriptionId": int(self.user_lines[line])}

    # ------------------------------------------------------------------ ends

    def hang_up(self) -> None:
        super().hang_up()
        for line in self._open_lines:
            line.hang_up()
