"""What every fake venue is: a server on loopback over an account's book, with prices, faults and what was asked."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from aiohttp import web

from app.base.clock import Clock, system_clock
from app.domain.market import Quote
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger
from tests.support.venues.account import PaperAccount
from tests.support.venues.faults import Fault, FaultKind, Faults
from tests.support.venues.words import milliseconds

LOOPBACK = "127.0.0.1"
EVERY_PATH = "/{tail:.*}"
PAGE = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_K = FaultKind
_WITHOUT_ACTING = {
    _K.LOST_BEFORE,
    _K.HANG_BEFORE,
    _K.ERROR_BEFORE,
    _K.RATE_LIMIT,
    _K.BANNED,
    _K.HTML,
    _K.REFUSE,
}


@dataclass(slots=True)
class Asked:
    """A request as it came, and how it was answered: `status` None where it never was.

    `code` is that of a refusal, a number or a word as the venue has it.
    """

    method: str
    path: str
    params: Mapping[str, Any]
    status: int | None = None
    code: Any = None
    acted: bool = False
    """Whether the endpoint was reached and did not refuse."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: a `body` of text is a page, all else JSON. `code` is that of a refusal."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)
    code: Any = None


class Listener:
    """Routes that are served on loopback."""

    def __init__(self) -> None:
        self._runner: web.AppRunner | None = None

    async def start(self, routes: Iterable[web.RouteDef], port: int = 0) -> str:
        """The base URL. Port 0 takes any free one."""
        app = web.Application()
        app.add_routes(routes)
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        return f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None


class VenueServer(ABC):
    """The venue. Prices come from `board`: `set_price`, `set_quote`, or whatever else publishes there.

    `prefix` comes before every path.
    """

    prefix = ""
    book: PaperAccount

    def __init__(self, board: PriceBoard, clock: Clock | None = None) -> None:
        self.board = board
        self.clock = clock or system_clock()
        self.faults = Faults()
        self.requests: list[Asked] = []
        self.url = ""
        self._closing = asyncio.Event()
        self._listener = Listener()

    @property
    def ledger(self) -> Ledger:
        """The account's books as they are, for judges."""
        return self.book.ledger

    def now(self) -> int:
        """The venue's clock in milliseconds."""
        return milliseconds(self.clock.now()) + self.faults.clock_skew_ms

    # ------------------------------------------------------------------ what each venue says

    @abstractmethod
    def routes(self) -> Iterable[web.RouteDef]:
        """What is served; its handlers answer with `respond`."""

    @abstractmethod
    def fault_reply(self, fault: Fault) -> Reply:
        """An error in the venue's words."""

    # ------------------------------------------------------------------ life

    async def start(self, port: int = 0) -> str:
        """Serve on loopback; the base URL. Port 0 takes any free one."""
        self._closing.clear()
        self.url = await self._listener.start(self.routes(), port) + self.prefix
        return self.url

    async def stop(self) -> None:
        """Answers that still hang are given up, sockets are closed."""
        self._closing.set()
        await self._listener.stop()

    # ------------------------------------------------------------------ prices

    def set_price(self, symbol: str, price: Decimal | str | int) -> None:
        """A price without a spread; `symbol` in ccxt's spelling."""
        self.board.set_price(symbol, Decimal(price))

    def set_quote(self, symbol: str, bid: Decimal, ask: Decimal, last: Decimal, mark: Decimal) -> None:
        self.board.publish(symbol, Quote(bid, ask, last, mark, self.clock.now()))

    # ------------------------------------------------------------------ requests

    def asked(self, method: str, path: str) -> list[Asked]:
        """What was asked of an endpoint, by the end of its path."""
        return [item for item in self.requests if item.method == method and item.path.endswith(path)]

    async def respond(self, request: web.Request, asked: Asked, act: Callable[[], Reply]) -> web.StreamResponse:
        """What `act` answers, unless a fault makes something else of it."""
        self.requests.append(asked)
        fault = self.faults.for_request(asked.method, asked.path, json.dumps(asked.params))
        if fault is not None and fault.kind in _WITHOUT_ACTING:
            return await self._without_acting(request, fault, asked)
        reply = act()
        asked.code = reply.code
        if fault is not None:
            return await self._after_acting(request, fault, asked, reply)
        asked.status = reply.status
        return _response(reply)

    async def _without_acting(self, request: web.Request, fault: Fault, asked: Asked) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_BEFORE:
                return _dropped(request)
            case _K.HANG_BEFORE:
                return await self._hang(request)
        reply = self.fault_reply(fault)
        asked.status, asked.code = reply.status, reply.code
        return _response(reply)

    async def _after_acting(self, request: web.Request, fault: Fault, asked: Asked, given: Reply) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_AFTER:
                return _dropped(request)
            case _K.HANG_AFTER:
                return await self._hang(request)
            case _K.SLOW_BODY | _K.CUT_BODY:
                asked.status = given.status
                return await self._in_halves(request, fault, given)
        reply = self.fault_reply(fault)
        asked.status = reply.status
        return _response(replace(reply, headers={**given.headers, **reply.headers}))

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        await self._closing.wait()
        return _dropped(request)

    async def _in_halves(self, request: web.Request, fault: Fault, given: Reply) -> web.StreamResponse:
        body = _compact(given.body)
        response = web.StreamResponse(status=given.status, headers=given.headers)
        response.content_type = "application/json"
        response.content_length = len(body)
        await response.prepare(request)
        half = len(body) // 2
        await response.write(body[:half])
        if fault.kind is _K.CUT_BODY:
            return _dropped(request)
        await self.clock.sleep(fault.seconds)
        await response.write(body[half:])
        await response.write_eof()
        return response


def is_websocket(request: web.Request) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def raw_query(request: web.Request) -> str:
    """As it came, for signatures."""
    return request.raw_path.partition("?")[2]


def _response(reply: Reply) -> web.Response:
    if isinstance(reply.body, str):
        return web.Response(status=reply.status, text=reply.body, content_type="text/html", headers=reply.headers)
    return web.Response(
        body=_compact(reply.body), status=reply.status, content_type="application/json", headers=reply.headers
    )


def _compact(answer: Any) -> bytes:
    """As venues write JSON, without blanks: ccxt looks for such texts."""
    return json.dumps(answer, separators=(",", ":")).encode()


def _dropped(request: web.Request) -> web.Response:
    """The connection goes away; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
