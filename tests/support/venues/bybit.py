"""Bybit v5 on loopback, over HTTP and WebSocket: a unified account's perpetuals, or its spot."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from app.base.clock import Clock, system_clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger
from tests.support.venues.bybit_book import (
    BybitBook,
    FillTold,
    FundingTold,
    OrderTold,
    PositionTold,
    Told,
    milliseconds,
)
from tests.support.venues.bybit_gate import BybitGate, BybitLimits
from tests.support.venues.bybit_orders import BybitTrading, Params
from tests.support.venues.bybit_reads import BybitReading
from tests.support.venues.bybit_refusals import BybitRefusal, malformed
from tests.support.venues.bybit_rows import (
    fill_row,
    funding_row,
    market_id,
    order_row,
    position_row,
    stream_ticker,
    wallet,
)
from tests.support.venues.bybit_streams import BybitStreams
from tests.support.venues.faults import Fault, FaultKind, Faults

LOOPBACK = "127.0.0.1"
SERVER_ERROR = 10016
UNSET_CODE = Fault(FaultKind.REFUSE).code
TOO_FREQUENT = "403, access too frequent"
_PAGE = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
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
Given = tuple[int, Any, dict[str, str]]


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Callable[[Params], Any]
    is_private: bool = True
    changes: bool = False


@dataclass(slots=True)
class Asked:
    """A request as it came, and how it was answered: `status` None where it never was, `code` of a refusal."""

    method: str
    path: str
    params: Mapping[str, Any]
    status: int | None = None
    code: int | None = None
    acted: bool = False
    """Whether the endpoint was reached and did not refuse."""


class Bybit:
    """The venue. Prices come from `board`: `set_price`, `set_quote`, or whatever else publishes there.

    `margin_mode` is the account's, in Bybit's words.
    """

    market_type: MarketType

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        api_key: str = "key",
        secret: str = "secret",
        margin_mode: str = "REGULAR_MARGIN",
    ) -> None:
        self.board = board
        self.clock = clock or system_clock()
        self.faults = Faults()
        self.requests: list[Asked] = []
        self.url = ""
        self.gate = BybitGate(api_key, secret, self.now)
        self.limits = BybitLimits(lambda: self.clock.now().timestamp())
        self.limits.in_a_second |= _ORDER_LIMITS[self.market_type]
        self.streams = BybitStreams(self.gate, self.faults, self.now)
        config = config or AccountConfig(id="bybit", market_type=self.market_type.value)
        self.book = BybitBook(self.market_type, config, board, self.clock, self._told, self._shown, margin_mode)
        self.book.open()
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        trading = BybitTrading(self.book)
        self.reading = BybitReading(self.book, trading, self.gate, self.clock, self.now)
        self._endpoints = _endpoints(trading, self.reading)

    @property
    def ledger(self) -> Ledger:
        """The account's books as they are, for judges."""
        return self.book.ledger

    def now(self) -> int:
        """The venue's clock in milliseconds."""
        return milliseconds(self.clock.now()) + self.faults.clock_skew_ms

    # ------------------------------------------------------------------ life

    async def start(self, port: int = 0) -> str:
        """Serve on loopback; the base URL. Port 0 takes any free one."""
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._closing.clear()
        self._runner = web.AppRunner(app, shutdown_timeout=0.1, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, port).start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}"
        return self.url

    async def stop(self) -> None:
        """Answers that still hang are given up, sockets are closed."""
        self._closing.set()
        self.streams.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    # ------------------------------------------------------------------ prices

    def set_price(self, symbol: str, price: Decimal | str | int) -> None:
        """A price without a spread; `symbol` in ccxt's spelling."""
        self.board.set_price(symbol, Decimal(price))

    def set_quote(self, symbol: str, bid: Decimal, ask: Decimal, last: Decimal, mark: Decimal) -> None:
        self.board.publish(symbol, Quote(bid, ask, last, mark, self.clock.now()))

    def _shown(self, symbol: str, quote: Quote) -> None:
        rules = self.book.ledger.rules[symbol]
        self.streams.show(market_id(rules), stream_ticker(self.book, rules, quote), quote)

    def _told(self, told: Told) -> None:
        """https://bybit-exchange.github.io/docs/v5/websocket/private/order and its neighbours"""
        book, category = self.book, {"category": self.market_type.value}
        match told:
            case OrderTold():
                row = order_row(book, told.order, "Triggered" if told.just_triggered else None)
                self.streams.tell("order", row | category)
            case FillTold():
                self.streams.tell("execution", fill_row(book, told.fill, told.order) | category)
            case FundingTold():
                self.streams.tell("execution", funding_row(book, told.payment) | category)
            case PositionTold():
                self.streams.tell("position", position_row(book, told.symbol, told.side) | category)
            case _:
                self.streams.tell("wallet", wallet(book))

    # ------------------------------------------------------------------ requests

    def asked(self, method: str, path: str) -> list[Asked]:
        """What was asked of an endpoint, by the end of its path."""
        return [item for item in self.requests if item.method == method and item.path.endswith(path)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.streams.serve(request)
        query, body = request.raw_path.partition("?")[2], (await request.read()).decode()
        payload = body if request.method == "POST" else query
        params = _parsed(payload, request.method)
        asked = Asked(request.method, request.path, params)
        self.requests.append(asked)
        fault = self.faults.for_request(asked.method, asked.path, json.dumps(asked.params))
        if fault is not None and fault.kind in _WITHOUT_ACTING:
            return await self._without_acting(request, fault, asked)
        given = self._answer(request, payload, params, asked)
        if fault is not None:
            return await self._after_acting(request, fault, asked, given)
        asked.status = given[0]
        return _response(*given)

    def _answer(self, request: web.Request, payload: str, params: Params, asked: Asked) -> Given:
        endpoint = self._endpoints.get((asked.method, asked.path))
        if not self.limits.enter():
            return 403, TOO_FREQUENT, {}
        if endpoint is None:
            return 404, "", {}
        try:
            if endpoint.is_private:
                self.gate.check(request.headers, payload, changes=endpoint.changes)
                self.limits.spend(asked.path, len(params.get("request", [None])))
            if params.get("category", self.market_type.value) != self.market_type.value:
                raise malformed("category only support linear or spot")
            result = endpoint.answer(params)
            asked.acted = True
        except BybitRefusal as refusal:
            asked.code = refusal.code
            return refusal.status, self._envelope(refusal.code, refusal.message, {}), self.limits.headers(asked.path)
        result, more = result if isinstance(result, tuple) else (result, {})
        return 200, self._envelope(0, "OK", result, more), self.limits.headers(asked.path)

    def _envelope(self, code: int, message: str, result: Any, more: Any = None) -> Any:
        return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": more or {}, "time": self.now()}

    # ------------------------------------------------------------------ faults

    async def _without_acting(self, request: web.Request, fault: Fault, asked: Asked) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_BEFORE:
                return _dropped(request)
            case _K.HANG_BEFORE:
                return await self._hang(request)
        status, answer, headers = self._fault_answer(fault)
        asked.status = status
        asked.code = answer["retCode"] if isinstance(answer, dict) else None
        return _response(status, answer, headers)

    async def _after_acting(self, request: web.Request, fault: Fault, asked: Asked, given: Given) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_AFTER:
                return _dropped(request)
            case _K.HANG_AFTER:
                return await self._hang(request)
            case _K.SLOW_BODY | _K.CUT_BODY:
                asked.status = given[0]
                return await self._in_halves(request, fault, given)
        status, answer, headers = self._fault_answer(fault)
        asked.status = status
        return _response(status, answer, given[2] | headers)

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        await self._closing.wait()
        return _dropped(request)

    async def _in_halves(self, request: web.Request, fault: Fault, given: Given) -> web.StreamResponse:
        status, answer, headers = given
        body = _compact(answer)
        response = web.StreamResponse(status=status, headers=headers)
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

    def _fault_answer(self, fault: Fault) -> Given:
        """https://bybit-exchange.github.io/docs/v5/error: 10000 is a server time-out, 10016 a server error."""
        reset = {"X-Bapi-Limit-Reset-Timestamp": str(self.now() + int(fault.seconds * 1000))}
        match fault.kind:
            case _K.RATE_LIMIT:
                return 200, self._envelope(10006, "Too many visits!", {}), reset | {"X-Bapi-Limit-Status": "0"}
            case _K.BANNED:
                return 403, TOO_FREQUENT, {}
            case _K.HTML | _K.HTML_AFTER:
                return fault.status or 502, _PAGE, {}
            case _K.REFUSE:
                return fault.status or 200, self._envelope(fault.code, fault.message or "refused", {}), {}
        code = SERVER_ERROR if fault.code == UNSET_CODE else fault.code
        return fault.status or 500, self._envelope(code, fault.message or "Server error.", {}), {}


class BybitLinear(Bybit):
    """USDT perpetuals."""

    market_type = MarketType.LINEAR


class BybitSpot(Bybit):
    """The spot market."""

    market_type = MarketType.SPOT


def _parsed(payload: str, method: str) -> Params:
    if method != "POST":
        return dict(parse_qsl(payload, keep_blank_values=True))
    try:
        found = json.loads(payload or "{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _response(status: int, answer: Any, headers: Mapping[str, str]) -> web.Response:
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, content_type="text/html", headers=headers)
    return web.Response(body=_compact(answer), status=status, content_type="application/json", headers=headers)


def _compact(answer: Any) -> bytes:
    return json.dumps(answer, separators=(",", ":")).encode()


def _dropped(request: web.Request) -> web.Response:
    """The connection goes away; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


_TRADES = ("/order/create", "/order/create-batch", "/order/amend", "/order/cancel", "/position/set-leverage")
_ORDER_LIMITS: dict[MarketType, dict[str, int]] = {
    MarketType.LINEAR: dict.fromkeys(_TRADES, 10),
    MarketType.SPOT: dict.fromkeys(_TRADES, 20),
}


def _endpoints(trading: BybitTrading, reading: BybitReading) -> dict[tuple[str, str], Endpoint]:
    public = {
        "market/time": reading.time,
        "market/instruments-info": reading.instruments,
        "market/tickers": reading.tickers,
        "market/orderbook": reading.orderbook,
        "market/kline": reading.klines,
        "market/risk-limit": reading.risk_limit,
    }
    private = {
        "user/query-api": reading.query_api,
        "account/info": reading.account_info,
        "account/wallet-balance": reading.wallet_balance,
        "account/transaction-log": reading.transactions,
        "position/list": reading.positions,
        "order/realtime": reading.realtime,
        "order/history": reading.history,
        "execution/list": reading.executions,
    }
    changing = {
        "order/create": trading.create,
        "order/create-batch": trading.create_batch,
        "order/amend": trading.amend,
        "order/cancel": trading.cancel,
        "position/set-leverage": trading.set_leverage,
        "position/switch-mode": trading.switch_mode,
        "position/switch-isolated": trading.switch_isolated,
        "account/set-margin-mode": trading.set_margin_mode,
    }
    table = {("GET", f"/v5/{path}"): Endpoint(answer, is_private=False) for path, answer in public.items()}
    table |= {("GET", f"/v5/{path}"): Endpoint(answer) for path, answer in private.items()}
    return table | {("POST", f"/v5/{path}"): Endpoint(answer, changes=True) for path, answer in changing.items()}
