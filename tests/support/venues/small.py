"""What the small spot fakes share: an account on the paper exchange's engine behind HTTP, without streams."""

from __future__ import annotations

import asyncio
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from app.base.clock import Clock, system_clock
from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger
from app.messages.reports import Accepted, Candle, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from app.ports.venue import OrderRef, OrderRequest
from tests.support.venues.faults import Fault, FaultKind, Faults
from tests.support.venues.small_book import FIRST_ID, Account, milliseconds

LOOPBACK = "127.0.0.1"
Json = dict[str, Any]
_K = FaultKind
_PAGE = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"


class Refusal(Exception):
    """An error answer in the venue's words; `code` is what judges see of it."""

    def __init__(self, code: str, body: Any, status: int = 400, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.body = body
        self.status = status
        self.headers = dict(headers or {})


@dataclass(slots=True)
class Call:
    """A request as it came. `params` are those of path, query and JSON body together; `query` is raw."""

    method: str
    path: str
    query: str
    body: str
    headers: Mapping[str, str]
    params: dict[str, str] = field(default_factory=dict)
    status: int | None = None
    """Of the answer, None where there was none."""
    code: str | None = None
    acted: bool = False

    def needed(self, name: str) -> str:
        return self.params[name]


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Callable[[Call], Any]
    is_private: bool = True


@dataclass(frozen=True, slots=True)
class Placed:
    """A new order as the venue's handlers have read it."""

    symbol: str
    side: OrderSide
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    client_order_id: str
    time_in_force: TimeInForce = TimeInForce.GTC


class SmallVenue(ABC):
    """The venue. Prices come from `board`: `set_price`, or whatever else publishes there."""

    name: str
    limit_headers: Mapping[str, str]
    """Of an answer to one request too many."""

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        api_key: str = "key",
        secret: str = "secret",
        password: str = "phrase",
    ) -> None:
        self.board = board
        self.clock = clock or system_clock()
        self.api_key, self.secret, self.password = api_key, secret, password
        self.faults = Faults()
        self.requests: list[Call] = []
        self.url = ""
        self.book = Account(config or AccountConfig(id=self.name, market_type="spot"), board, self.clock)
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None

    @property
    def ledger(self) -> Ledger:
        """The account's books as they are, for judges."""
        return self.book.ledger

    def now(self) -> int:
        """The venue's clock in milliseconds."""
        return milliseconds(self.clock.now()) + self.faults.clock_skew_ms

    # ------------------------------------------------------------------ what each venue says

    @abstractmethod
    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        """By method and path; a path may have `{names}`."""

    @abstractmethod
    def check(self, call: Call) -> None:
        """Key, signature and time of a private request. Raises Refusal."""

    @abstractmethod
    def refusal_of(self, refused: Refused, rules: MarketRules) -> Refusal:
        """What the book refuses, in the venue's words."""

    @abstractmethod
    def error(self, code: str, message: str) -> Any:
        """The body of an error."""

    @abstractmethod
    def limited(self) -> Any:
        """The body that answers one request too many."""

    @abstractmethod
    def market_name(self, rules: MarketRules) -> str:
        """A market in the venue's spelling."""

    @abstractmethod
    def unknown_market(self) -> Refusal:
        """What is said of a market that there is not."""

    # ------------------------------------------------------------------ life

    async def start(self, port: int = 0) -> str:
        """Serve on loopback; the base URL. Port 0 takes any free one."""
        app = web.Application()
        for (method, path), endpoint in self.endpoints().items():
            app.router.add_route(method, path, self._handler(endpoint))
        app.router.add_route("*", "/{tail:.*}", self._handler(Endpoint(self._nowhere, is_private=False)))
        self._closing.clear()
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Answers that still hang are given up."""
        self._closing.set()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def set_price(self, symbol: str, price: Decimal | str | int) -> None:
        """A price without a spread; `symbol` in ccxt's spelling."""
        self.board.set_price(symbol, Decimal(price))

    def asked(self, method: str, path: str) -> list[Call]:
        """What was asked of an endpoint, by the end of its path."""
        return [call for call in self.requests if call.method == method and call.path.endswith(path)]

    # ------------------------------------------------------------------ the book, for handlers

    def rules(self, name: str | None) -> MarketRules:
        """The market of this name. Raises Refusal."""
        found = next((each for each in self.ledger.rules.values() if self.market_name(each) == name), None)
        if found is None:
            raise self.unknown_market()
        return found

    def place(self, placed: Placed) -> PaperOrder:
        """Raises Refusal."""
        request = OrderRequest(
            client_order_id=placed.client_order_id,
            symbol=placed.symbol,
            side=placed.side,
            position_side=Side.LONG,
            type=placed.type,
            quantity=placed.quantity,
            price=placed.price,
            trigger_price=None,
            reduce_only=False,
            time_in_force=placed.time_in_force,
        )
        made = self._done(lambda: self.book.core.submit(request, self.clock.now()), placed.symbol)
        return self.ledger.orders[int(made.order.venue_order_id)]

    def cancel(self, order: PaperOrder) -> PaperOrder:
        """Raises Refusal."""
        ref = OrderRef(order.client_order_id or "", str(order.number), order.symbol, order.type)
        self._done(lambda: self.book.core.cancel(ref, self.clock.now()), order.symbol)
        return self.ledger.orders[order.number]

    def _done(self, action: Callable[[], Accepted | Refused], symbol: str) -> Accepted:
        outcome = self.book.act(action)
        if isinstance(outcome, Refused):
            raise self.refusal_of(outcome, self.ledger.rules[symbol])
        return outcome

    def by_client_id(self, client_order_id: str | None) -> PaperOrder | None:
        number = self.ledger.by_client_id.get(client_order_id or "")
        return None if number is None else self.ledger.orders[number]

    def by_id(self, order_id: str | None) -> PaperOrder | None:
        digits = (order_id or "").rpartition("_")[2]
        return self.ledger.orders.get(int(digits) - FIRST_ID) if digits.isdecimal() else None

    def open_orders(self, symbol: str | None = None) -> list[PaperOrder]:
        """Newest first, as venues list them."""
        found = self.book.core.open_orders()
        return [order for order in reversed(found) if symbol is None or order.symbol == symbol]

    def fills_of(self, symbol: str | None = None, order: PaperOrder | None = None) -> list[PaperFill]:
        """Newest first."""
        fills = [fill for fill in reversed(self.book.fills) if symbol is None or fill.symbol == symbol]
        return [fill for fill in fills if order is None or fill.order_number == order.number]

    def between(self, since: object, until: object) -> Callable[[PaperFill], bool]:
        """Whether a fill is between two moments in milliseconds, both included; empty ones do not bound."""
        first, last = int(str(since or 0)), int(str(until or 0)) or None
        return lambda fill: first <= milliseconds(fill.at) and (last is None or milliseconds(fill.at) <= last)

    def held(self) -> list[tuple[str, Decimal, Decimal]]:
        """Asset, total and free of all there is."""
        margin = self.book.core.margin
        return [(asset, total, margin.free(asset)) for asset, total in self.ledger.balances.items()]

    def quote(self, rules: MarketRules) -> Quote:
        return self.ledger.quotes[rules.symbol]

    def bars(self, rules: MarketRules, timeframe: str, limit: int) -> list[Candle]:
        return self.book.candles.bars(rules.symbol, timeframe, limit)

    # ------------------------------------------------------------------ requests

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await _read(request)
            self.requests.append(call)
            fault = self.faults.for_request(call.method, call.path, json.dumps(call.params))
            if fault is not None and fault.kind in _WITHOUT_ACTING:
                return await self._faulty(request, fault, call, None)
            given = self._answer(endpoint, call)
            return given if fault is None else await self._faulty(request, fault, call, given)

        return handle

    def _answer(self, endpoint: Endpoint, call: Call) -> web.Response:
        try:
            if endpoint.is_private:
                self.check(call)
            call.status, answer, headers = 200, endpoint.answer(call), dict[str, str]()
            call.acted = True
        except Refusal as refusal:
            call.status, answer, headers, call.code = refusal.status, refusal.body, refusal.headers, refusal.code
        return _response(call.status, answer, headers)

    def _nowhere(self, call: Call) -> Any:
        raise Refusal("404", self.error("404", f"{call.method} {call.path} is unknown"), 404)

    async def _faulty(
        self, request: web.Request, fault: Fault, call: Call, given: web.Response | None
    ) -> web.StreamResponse:
        call.status = None
        match fault.kind:
            case _K.LOST_BEFORE | _K.LOST_AFTER:
                return _dropped(request)
            case _K.HANG_BEFORE | _K.HANG_AFTER:
                await self._closing.wait()
                return _dropped(request)
            case _K.SLOW_BODY | _K.CUT_BODY:
                return await self._in_halves(request, fault, given or web.Response())
        made = self._fault_answer(fault)
        call.status = made.status
        return made

    def _fault_answer(self, fault: Fault) -> web.Response:
        match fault.kind:
            case _K.HTML | _K.HTML_AFTER:
                return _response(fault.status or 500, _PAGE, {})
            case _K.RATE_LIMIT | _K.BANNED:
                return _response(429 if fault.kind is _K.RATE_LIMIT else 418, self.limited(), self.limit_headers)
            case _K.REFUSE:
                return _response(fault.status or 400, self.error(str(fault.code), fault.message or ""), {})
        return _response(fault.status or 503, self.error(str(fault.code), fault.message or "unavailable"), {})

    async def _in_halves(self, request: web.Request, fault: Fault, given: web.Response) -> web.StreamResponse:
        body = bytes(given.body or b"")  # type: ignore[arg-type]  # it was made of bytes
        response = web.StreamResponse(status=given.status)
        response.content_type = "application/json"
        response.content_length = len(body)
        await response.prepare(request)
        await response.write(body[: len(body) // 2])
        if fault.kind is _K.CUT_BODY:
            return _dropped(request)
        await self.clock.sleep(fault.seconds)
        await response.write(body[len(body) // 2 :])
        await response.write_eof()
        return response


_WITHOUT_ACTING = {
    _K.LOST_BEFORE,
    _K.HANG_BEFORE,
    _K.ERROR_BEFORE,
    _K.RATE_LIMIT,
    _K.BANNED,
    _K.HTML,
    _K.REFUSE,
}


async def _read(request: web.Request) -> Call:
    body = (await request.read()).decode()
    query = request.raw_path.partition("?")[2]
    params = dict(parse_qsl(query, keep_blank_values=True)) | dict(request.match_info)
    if body:
        params |= {name: str(value) for name, value in json.loads(body).items()}
    return Call(request.method, request.path, query, body, request.headers, params)


def _response(status: int, answer: Any, headers: Mapping[str, str]) -> web.Response:
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, content_type="text/html", headers=headers)
    body = json.dumps(answer, separators=(",", ":"), ensure_ascii=False).encode()
    return web.Response(body=body, status=status, content_type="application/json", headers=headers)


def _dropped(request: web.Request) -> web.Response:
    """The connection goes away; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()
