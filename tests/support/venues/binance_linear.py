"""Binance USD-M futures on loopback, over HTTP and WebSocket."""

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
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger
from tests.support.venues.binance_book import (
    AccountEvent,
    AlgoEvent,
    Book,
    BookEvent,
    ForcedEvent,
    OrderEvent,
    milliseconds,
)
from tests.support.venues.binance_gate import Gate, Security
from tests.support.venues.binance_orders import Params, Trading
from tests.support.venues.binance_reads import Reading
from tests.support.venues.binance_rows import account_event, algo_event, forced_event, order_event, stream_event
from tests.support.venues.binance_streams import Streams
from tests.support.venues.faults import Fault, FaultKind, Faults
from tests.support.venues.limits import Limits
from tests.support.venues.refusals import VenueRefusal

LOOPBACK = "127.0.0.1"
UNKNOWN = "An unknown error occurred while processing the request."
UNKNOWN_503 = "Unknown error, please check your request or try again later."
UNAVAILABLE_503 = "Service Unavailable."
_PAGE = "<html><head><title>Bad Gateway</title></head><body><h1>Bad Gateway</h1></body></html>"
_K = FaultKind


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Callable[[Params], Any]
    weight: int
    security: Security
    orders: int = 0


@dataclass(slots=True)
class Asked:
    """A request as it came, and how it was answered: `status` None where it never was, `code` of a refusal."""

    method: str
    path: str
    params: Mapping[str, str]
    status: int | None = None
    code: int | None = None
    acted: bool = False
    """Whether the endpoint was reached and did not refuse."""


class BinanceLinear:
    """The venue. Prices come from `board`: `set_price`, `set_quote`, or whatever else publishes there.

    `prefix` comes before every path.
    """

    prefix = ""

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        api_key: str = "key",
        secret: str = "secret",
    ) -> None:
        self.board = board
        self.clock = clock or system_clock()
        self.faults = Faults()
        self.requests: list[Asked] = []
        self.url = ""
        self._by_name: dict[str, Quote] = {}
        self.streams = Streams(self.clock, self.faults, self._by_name, self._stream_event)
        self.book = Book(config or AccountConfig(id="binance"), board, self.clock, self._told, self._shown)
        self.gate = Gate(api_key, secret, self.now)
        self.limits = Limits(lambda: self.clock.now().timestamp())
        self._closing = asyncio.Event()
        self._runner: web.AppRunner | None = None
        trading = Trading(self.book)
        self._endpoints = _endpoints(trading, Reading(self.book, trading, self.clock, self.now), self.streams)

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
        site = web.TCPSite(self._runner, LOOPBACK, port)
        await site.start()
        self.url = f"http://{LOOPBACK}:{self._runner.addresses[0][1]}{self.prefix}"
        return self.url

    async def stop(self) -> None:
        """Answers that still hang are given up, sockets are closed."""
        self._closing.set()
        self.streams.hang_up()
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    def rewrite(self, urls: dict[str, Any]) -> None:
        """Point the `urls["api"]` of a ccxt exchange here; scheme and host change, paths stay."""
        for name, address in list(urls.items()):
            if isinstance(address, dict):
                self.rewrite(address)
            elif isinstance(address, str) and "://" in address:
                scheme, _, rest = address.partition("://")
                base = self.url.replace("http://", "ws://") if scheme.startswith("ws") else self.url
                urls[name] = base + "/" + rest.partition("/")[2]

    # ------------------------------------------------------------------ prices

    def set_price(self, symbol: str, price: Decimal | str | int) -> None:
        """A price without a spread; `symbol` in ccxt's spelling."""
        self.board.set_price(symbol, Decimal(price))

    def set_quote(self, symbol: str, bid: Decimal, ask: Decimal, last: Decimal, mark: Decimal) -> None:
        self.board.publish(symbol, Quote(bid, ask, last, mark, self.clock.now()))

    @staticmethod
    def _stream_event(channel: str, name: str, quote: Quote, number: int, now: int) -> Mapping[str, Any] | None:
        return stream_event(channel, name, quote, number, now)

    def _shown(self, symbol: str, quote: Quote) -> None:
        name = symbol.partition(":")[0].replace("/", "")
        self._by_name[name] = quote
        self.streams.show(name, quote)

    def _told(self, event: BookEvent) -> None:
        now = self.now()
        match event:
            case OrderEvent():
                self.streams.tell(order_event(self.book, event, now))
            case AlgoEvent():
                self.streams.tell(algo_event(self.book, event, now))
            case ForcedEvent():
                self.streams.tell(forced_event(self.book, event, now))
            case AccountEvent():
                self.streams.tell(account_event(self.book, event, now))

    # ------------------------------------------------------------------ requests

    def asked(self, method: str, path: str) -> list[Asked]:
        """What was asked of an endpoint, by the end of its path."""
        return [item for item in self.requests if item.method == method and item.path.endswith(path)]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("Upgrade", "").lower() == "websocket":
            return await self.streams.serve(request)
        query, body = request.raw_path.partition("?")[2], (await request.read()).decode()
        params = dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
        path = request.path.removeprefix(self.prefix)
        asked = Asked(request.method, path, {key: params[key] for key in params if key != "signature"})
        self.requests.append(asked)
        fault = self.faults.for_request(asked.method, asked.path, json.dumps(asked.params))
        if fault is not None and fault.kind in _WITHOUT_ACTING:
            return await self._without_acting(request, fault, asked)
        status, answer, headers = self._answer(request, query + body, params, asked)
        if fault is not None:
            return await self._after_acting(request, fault, asked, (status, answer, headers))
        asked.status = status
        return _response(status, answer, headers)

    def _answer(
        self, request: web.Request, signed: str, params: Params, asked: Asked
    ) -> tuple[int, Any, dict[str, str]]:
        endpoint = self._endpoints.get((asked.method, asked.path.rstrip("/")))
        if endpoint is None:
            asked.code = -5000
            return 404, {"code": -5000, "msg": f"Path {asked.path}, Method {asked.method} is invalid"}, {}
        more: dict[str, str] = {}
        try:
            self.limits.spend(endpoint.weight, endpoint.orders)
            self.gate.check(endpoint.security, request.headers.get("X-MBX-APIKEY"), signed, params)
            status, answer = 200, endpoint.answer(params)
            asked.acted = True
        except VenueRefusal as refusal:
            status, answer, asked.code = refusal.status, refusal.body, refusal.code
            if refusal.retry_after is not None:
                more["Retry-After"] = str(refusal.retry_after)
        return status, answer, self.limits.headers(with_orders=endpoint.orders > 0) | more

    # ------------------------------------------------------------------ faults

    async def _without_acting(self, request: web.Request, fault: Fault, asked: Asked) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_BEFORE:
                return _dropped(request)
            case _K.HANG_BEFORE:
                return await self._hang(request)
        status, answer, headers = _fault_answer(fault)
        asked.status = status
        asked.code = answer["code"] if isinstance(answer, dict) else None
        return _response(status, answer, headers)

    async def _after_acting(
        self, request: web.Request, fault: Fault, asked: Asked, given: tuple[int, Any, dict[str, str]]
    ) -> web.StreamResponse:
        match fault.kind:
            case _K.LOST_AFTER:
                return _dropped(request)
            case _K.HANG_AFTER:
                return await self._hang(request)
            case _K.SLOW_BODY | _K.CUT_BODY:
                asked.status = given[0]
                return await self._in_halves(request, fault, given)
        status, answer, headers = _fault_answer(fault)
        asked.status = status
        return _response(status, answer, given[2] | headers)

    async def _hang(self, request: web.Request) -> web.StreamResponse:
        await self._closing.wait()
        return _dropped(request)

    async def _in_halves(
        self, request: web.Request, fault: Fault, given: tuple[int, Any, dict[str, str]]
    ) -> web.StreamResponse:
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


_WITHOUT_ACTING = {
    _K.LOST_BEFORE,
    _K.HANG_BEFORE,
    _K.ERROR_BEFORE,
    _K.RATE_LIMIT,
    _K.BANNED,
    _K.HTML,
    _K.REFUSE,
}


def _fault_answer(fault: Fault) -> tuple[int, Any, dict[str, str]]:
    wait = {"Retry-After": str(int(fault.seconds))}
    match fault.kind:
        case _K.RATE_LIMIT:
            return 429, {"code": -1003, "msg": "Too many requests; current limit is reached."}, wait
        case _K.BANNED:
            return 418, {"code": -1003, "msg": "Way too many requests; IP banned."}, wait
        case _K.HTML | _K.HTML_AFTER:
            return fault.status or 500, _PAGE, {}
        case _K.REFUSE:
            return fault.status or 400, {"code": fault.code, "msg": fault.message or UNKNOWN}, {}
    usual = UNAVAILABLE_503 if fault.kind is _K.ERROR_BEFORE else UNKNOWN_503
    return fault.status or 503, {"code": fault.code, "msg": fault.message or usual}, {}


def _response(status: int, answer: Any, headers: Mapping[str, str]) -> web.Response:
    if isinstance(answer, str):
        return web.Response(status=status, text=answer, content_type="text/html", headers=headers)
    return web.Response(body=_compact(answer), status=status, content_type="application/json", headers=headers)


def _compact(answer: Any) -> bytes:
    """As the venue writes JSON, without blanks: ccxt looks for such texts."""
    return json.dumps(answer, separators=(",", ":")).encode()


def _dropped(request: web.Request) -> web.Response:
    """The connection goes away; what is returned reaches nobody."""
    if request.transport is not None:
        request.transport.abort()
    return web.Response()


def _endpoints(trading: Trading, reading: Reading, streams: Streams) -> dict[tuple[str, str], Endpoint]:
    """Weights are those of the documents; where they depend on parameters, the least."""
    public: list[tuple[str, str, Callable[[Params], Any], int]] = [
        ("GET", "v1/ping", reading.ping, 1),
        ("GET", "v1/time", reading.time, 1),
        ("GET", "v1/exchangeInfo", reading.exchange_info, 1),
        ("GET", "v1/depth", reading.depth, 2),
        ("GET", "v1/ticker/bookTicker", reading.book_ticker, 2),
        ("GET", "v1/ticker/price", reading.price_ticker, 1),
        ("GET", "v2/ticker/price", reading.price_ticker, 1),
        ("GET", "v1/ticker/24hr", reading.day_ticker, 1),
        ("GET", "v1/premiumIndex", reading.premium_index, 1),
        ("GET", "v1/klines", reading.klines, 1),
    ]
    signed: list[tuple[str, str, Callable[[Params], Any], int, int]] = [
        ("POST", "v1/order", trading.new_order, 0, 1),
        ("PUT", "v1/order", trading.modify_order, 1, 1),
        ("DELETE", "v1/order", trading.cancel_order, 1, 0),
        ("GET", "v1/order", reading.order, 1, 0),
        ("POST", "v1/batchOrders", trading.batch_orders, 5, 1),
        ("DELETE", "v1/batchOrders", trading.cancel_batch, 1, 0),
        ("DELETE", "v1/allOpenOrders", trading.cancel_all, 1, 0),
        ("GET", "v1/openOrder", reading.open_order, 1, 0),
        ("GET", "v1/openOrders", reading.open_orders, 1, 0),
        ("GET", "v1/allOrders", reading.all_orders, 5, 0),
        ("POST", "v1/algoOrder", trading.new_algo_order, 0, 1),
        ("DELETE", "v1/algoOrder", trading.cancel_algo_order, 1, 0),
        ("GET", "v1/algoOrder", reading.algo_order, 1, 0),
        ("DELETE", "v1/algoOpenOrders", trading.cancel_algo_orders, 1, 0),
        ("GET", "v1/openAlgoOrders", reading.open_algo_orders, 1, 0),
        ("GET", "v1/allAlgoOrders", reading.all_algo_orders, 5, 0),
        ("GET", "v1/userTrades", reading.user_trades, 5, 0),
        ("GET", "v1/income", reading.income, 30, 0),
        ("GET", "v2/balance", reading.balance, 5, 0),
        ("GET", "v3/balance", reading.balance, 5, 0),
        ("GET", "v2/account", reading.account_v2, 5, 0),
        ("GET", "v3/account", reading.account_v3, 5, 0),
        ("GET", "v2/positionRisk", reading.positions_v2, 5, 0),
        ("GET", "v3/positionRisk", reading.positions_v3, 5, 0),
        ("GET", "v1/positionSide/dual", reading.position_mode, 30, 0),
        ("POST", "v1/positionSide/dual", trading.change_position_mode, 1, 0),
        ("GET", "v1/multiAssetsMargin", reading.multi_assets_mode, 30, 0),
        ("POST", "v1/leverage", trading.change_leverage, 1, 0),
        ("POST", "v1/marginType", trading.change_margin_type, 1, 0),
        ("GET", "v1/leverageBracket", reading.leverage_bracket, 1, 0),
        ("GET", "v1/symbolConfig", reading.symbol_config, 5, 0),
        ("GET", "v1/accountConfig", reading.account_config, 5, 0),
        ("GET", "v1/commissionRate", reading.commission_rate, 20, 0),
    ]
    table = {(m, f"/fapi/{path}"): Endpoint(answer, weight, Security.NONE) for m, path, answer, weight in public}
    table |= {
        (m, f"/fapi/{path}"): Endpoint(answer, weight, Security.SIGNED, orders)
        for m, path, answer, weight, orders in signed
    }
    table["GET", "/sapi/v1/capital/config/getall"] = Endpoint(reading.coins, 10, Security.SIGNED)
    for path in ("allAssets", "allPairs", "isolated/allPairs"):
        table["GET", f"/sapi/v1/margin/{path}"] = Endpoint(reading.margin_pairs, 1, Security.KEY)
    keys: dict[str, Callable[[Params], Any]] = {
        "POST": lambda _: {"listenKey": streams.open_key()},
        "PUT": lambda _: {"listenKey": streams.keep_key()},
        "DELETE": lambda _: streams.close_key(),
    }
    return table | {(m, "/fapi/v1/listenKey"): Endpoint(answer, 1, Security.KEY) for m, answer in keys.items()}
