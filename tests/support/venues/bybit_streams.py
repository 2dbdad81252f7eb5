"""The private and the public streams of the Bybit fakes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import count
from typing import Any

from aiohttp import web

from app.domain.market import Quote
from tests.support.venues.bybit_gate import BybitGate
from tests.support.venues.bybit_rows import Json
from tests.support.venues.faults import Faults
from tests.support.venues.lines import Line, UserEvents, cut
from tests.support.venues.words import text

PRIVATE_TOPICS = frozenset({"order", "execution", "position", "wallet"})


SPOT_ARGUMENTS = 10
"""https://bybit-exchange.github.io/docs/v5/ws/connect: so many in one request for public topics of spot."""


class BybitLine(Line):
    def __init__(self, request: web.Request, number: int) -> None:
        super().__init__(request)
        self.number = number
        self.is_known = False
        """Whether it has logged in."""
        self.most_arguments = SPOT_ARGUMENTS if request.path.endswith("/public/spot") else None


class BybitStreams(UserEvents):
    """`shown` gives a market's ticker row and quote by Bybit's name, `now` the venue's clock."""

    def __init__(self, gate: BybitGate, faults: Faults, now: Callable[[], int]) -> None:
        super().__init__(faults)
        self._gate = gate
        self._now = now
        self._numbers = count(1)
        self._latest: dict[str, tuple[Json, Quote]] = {}
        self.private_lines: dict[BybitLine, None] = {}
        self.public_lines: dict[BybitLine, None] = {}

    # ------------------------------------------------------------------ the private stream

    def tell(self, topic: str, row: Json) -> None:
        """To everybody who follows the topic."""
        message = {"id": f"{next(self._numbers):08d}", "topic": topic, "creationTime": self._now(), "data": [row]}
        self._tell(topic, message)

    def _say(self, event: Mapping[str, Any]) -> None:
        for line in self.private_lines:
            if event["topic"] in line.topics:
                line.say(event)

    def cut_user_streams(self) -> None:
        cut(self.private_lines)

    def cut_market_streams(self) -> None:
        cut(self.public_lines)

    def hang_up(self) -> None:
        for line in [*self.private_lines, *self.public_lines]:
            line.hang_up()

    # ------------------------------------------------------------------ prices

    def show(self, name: str, row: Json, quote: Quote) -> None:
        before = self._latest.get(name)
        self._latest[name] = (row, quote)
        for line in self.public_lines:
            for topic in line.topics:
                if topic.rpartition(".")[2] == name:
                    self._show(line, topic, None if before is None else before[0])

    def _show(self, line: BybitLine, topic: str, before: Json | None) -> None:
        """https://bybit-exchange.github.io/docs/v5/websocket/public/ticker and …/orderbook

        Perpetuals tell what has changed of a ticker, spot always all of it; one level of the book is told whole.
        """
        kind, _, name = topic.rpartition(".")
        row, quote = self._latest[name]
        if kind == "tickers":
            is_delta = before is not None and "openInterestValue" in row
            told = {key: value for key, value in row.items() if not is_delta or before[key] != value}  # type: ignore[index]  # a delta has something before it
            line.say(self._news(topic, "delta" if is_delta else "snapshot", told | {"symbol": name}))
        elif kind == "orderbook.1":
            levels = {"b": [[text(quote.bid), "100"]], "a": [[text(quote.ask), "100"]]}
            line.say(self._news(topic, "snapshot", {"s": name, **levels, "u": 1, "seq": next(self._numbers)}))

    def _news(self, topic: str, kind: str, data: Json) -> Json:
        return {"topic": topic, "type": kind, "data": data, "ts": self._now(), "cts": self._now()}

    # ------------------------------------------------------------------ sockets

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """https://bybit-exchange.github.io/docs/v5/ws/connect"""
        line = BybitLine(request, next(self._numbers))
        is_private = request.path.endswith("/private")
        lines = self.private_lines if is_private else self.public_lines
        async with line.connected():
            lines[line] = None
            try:
                async for asked in line.heard():
                    self._hear(line, asked, is_private=is_private)
            finally:
                lines.pop(line, None)
        return line.socket

    def _hear(self, line: BybitLine, asked: Mapping[str, Any], *, is_private: bool) -> None:
        arguments = list(asked.get("args") or [])
        match asked.get("op"):
            case "auth":
                self._log_in(line, arguments)
            case "subscribe":
                self._subscribe(line, asked, [str(name) for name in arguments], is_private=is_private)
            case "unsubscribe":
                for name in arguments:
                    line.topics.pop(str(name), None)
                line.say(self._answer(line, asked, ""))
            case "ping" if is_private:
                line.say({"req_id": str(asked.get("req_id", "")), "op": "pong", "args": [str(self._now())]})
            case "ping":
                line.say(self._answer(line, asked, "pong"))
            case _:
                line.say(self._answer(line, asked, "error:handler not found", success=False))

    def _answer(self, line: BybitLine, asked: Mapping[str, Any], words: str, *, success: bool = True) -> Json:
        told = {"success": success, "ret_msg": words, "conn_id": f"conn-{line.number}", "op": asked.get("op")}
        return told | {"req_id": str(asked.get("req_id", ""))}

    def _log_in(self, line: BybitLine, arguments: list[object]) -> None:
        why = self._gate.check_login(arguments)
        line.is_known = why is None
        line.say({"success": why is None, "ret_msg": why or "", "op": "auth", "conn_id": f"conn-{line.number}"})

    def _subscribe(self, line: BybitLine, asked: Mapping[str, Any], names: list[str], *, is_private: bool) -> None:
        if is_private and (not line.is_known or not set(names) <= PRIVATE_TOPICS):
            line.say(self._answer(line, asked, "Request not authorized", success=False))
            return
        if line.most_arguments is not None and len(names) > line.most_arguments:
            line.say(self._answer(line, asked, f"args size >{line.most_arguments}", success=False))
            return
        line.topics |= dict.fromkeys(names)
        line.say(self._answer(line, asked, ""))
        for name in names:
            if not is_private and name.rpartition(".")[2] in self._latest:
                self._show(line, name, None)
