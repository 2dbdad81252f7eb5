"""Binance USD-M futures on loopback, over HTTP and WebSocket."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.exchange.paper.board import PriceBoard
from tests.support.venues.binance_book import AccountEvent, AlgoEvent, Book, BookEvent, ForcedEvent, OrderEvent
from tests.support.venues.binance_gate import Gate, Security
from tests.support.venues.binance_orders import Params, Trading
from tests.support.venues.binance_reads import Reading
from tests.support.venues.binance_rows import account_event, algo_event, forced_event, order_event, stream_event
from tests.support.venues.binance_streams import Streams
from tests.support.venues.faults import Fault, FaultKind
from tests.support.venues.limits import Limits
from tests.support.venues.refusals import VenueRefusal
from tests.support.venues.server import EVERY_PATH, PAGE, Asked, Reply, VenueServer, is_websocket, raw_query

UNKNOWN = "An unknown error occurred while processing the request."
UNKNOWN_503 = "Unknown error, please check your request or try again later."
UNAVAILABLE_503 = "Service Unavailable."
_K = FaultKind
Answer = Callable[[Params], Any]
Weight = int | Callable[[Params], int]


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Answer
    weight: Weight
    security: Security
    orders: int = 0

    def weighs(self, params: Params) -> int:
        return self.weight if isinstance(self.weight, int) else self.weight(params)


def by_market(one: int, every: int) -> Weight:
    """Of a question for one market, and for all of them."""
    return lambda params: one if "symbol" in params else every


class BinanceLinear(VenueServer):
    book: Book

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock | None = None,
        *,
        config: AccountConfig | None = None,
        api_key: str = "key",
        secret: str = "secret",
    ) -> None:
        super().__init__(board, clock)
        self._by_name: dict[str, Quote] = {}
        self.streams = Streams(self.clock, self.faults, self._by_name, self._stream_event)
        self.book = Book(config or AccountConfig(id="binance"), board, self.clock, self._told, self._shown)
        self.gate = Gate(api_key, secret, self.now)
        self.limits = Limits(lambda: self.clock.now().timestamp())
        trading = Trading(self.book)
        self.rights: dict[str, Any] = {"enableFutures": True, "enableWithdrawals": False, "ipRestrict": True}
        reading = Reading(self.book, trading, self.clock, self.now)
        self._endpoints = _endpoints(trading, reading, self.streams, self._restrictions)

    # ------------------------------------------------------------------ life

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", EVERY_PATH, self._serve)]

    async def stop(self) -> None:
        self.streams.hang_up()
        await super().stop()

    def rewrite(self, urls: dict[str, Any]) -> None:
        """Point the `urls["api"]` of a ccxt exchange here; scheme and host change, paths stay."""
        for name, address in list(urls.items()):
            if isinstance(address, dict):
                self.rewrite(address)
            elif isinstance(address, str) and "://" in address:
                scheme, _, rest = address.partition("://")
                base = self.url.replace("http://", "ws://") if scheme.startswith("ws") else self.url
                urls[name] = base + "/" + rest.partition("/")[2]

    def _restrictions(self, params: Params) -> dict[str, Any]:
        """Title: Get API Key Permission (wallet)."""
        rest = ("enableInternalTransfer", "enableMargin", "enableFutures", "permitsUniversalTransfer")
        told = dict.fromkeys(rest, False)
        return {"createTime": self.now(), "enableReading": True, **told, **self.rights}

    # ------------------------------------------------------------------ prices

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

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if is_websocket(request):
            return await self.streams.serve(request)
        query, body = raw_query(request), (await request.read()).decode()
        params = dict(parse_qsl(query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True))
        path = request.path.removeprefix(self.prefix)
        asked = Asked(request.method, path, {key: params[key] for key in params if key != "signature"})
        return await self.respond(request, asked, lambda: self._answer(request, query + body, params, asked))

    def _answer(self, request: web.Request, signed: str, params: Params, asked: Asked) -> Reply:
        endpoint = self._endpoints.get((asked.method, asked.path.rstrip("/")))
        if endpoint is None:
            return _error(404, -5000, f"Path {asked.path}, Method {asked.method} is invalid")
        try:
            self.limits.spend(endpoint.weighs(params), endpoint.orders)
            self.gate.check(endpoint.security, request.headers.get("X-MBX-APIKEY"), signed, params)
            reply = Reply(200, endpoint.answer(params))
            asked.acted = True
        except VenueRefusal as refusal:
            wait = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
            reply = Reply(refusal.status, refusal.body, wait, refusal.code)
        headers = self.limits.headers(with_orders=endpoint.orders > 0)
        return replace(reply, headers={**headers, **reply.headers})

    def fault_reply(self, fault: Fault) -> Reply:
        wait = {"Retry-After": str(int(fault.seconds))}
        match fault.kind:
            case _K.RATE_LIMIT:
                return _error(429, -1003, "Too many requests; current limit is reached.", wait)
            case _K.BANNED:
                return _error(418, -1003, "Way too many requests; IP banned.", wait)
            case _K.HTML | _K.HTML_AFTER:
                return Reply(fault.status or 500, PAGE)
            case _K.REFUSE:
                return _error(fault.status or 400, fault.code, fault.message or UNKNOWN)
        usual = UNAVAILABLE_503 if fault.kind is _K.ERROR_BEFORE else UNKNOWN_503
        return _error(fault.status or 503, fault.code, fault.message or usual)


def _error(status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
    return Reply(status, {"code": code, "msg": message}, headers or {}, code)


def _endpoints(
    trading: Trading, reading: Reading, streams: Streams, restrictions: Answer
) -> dict[tuple[str, str], Endpoint]:
    """Weights are those of the documents; where they depend on a length, the least."""
    public: list[tuple[str, Answer, Weight]] = [
        ("v1/ping", reading.ping, 1),
        ("v1/time", reading.time, 1),
        ("v1/exchangeInfo", reading.exchange_info, 1),
        ("v1/depth", reading.depth, 2),
        ("v1/ticker/bookTicker", reading.book_ticker, by_market(2, 5)),
        ("v1/ticker/price", reading.price_ticker, by_market(1, 2)),
        ("v2/ticker/price", reading.price_ticker, by_market(1, 2)),
        ("v1/ticker/24hr", reading.day_ticker, by_market(1, 40)),
        ("v1/premiumIndex", reading.premium_index, by_market(1, 10)),
        ("v1/klines", reading.klines, 1),
    ]
    signed: list[tuple[str, str, Answer, Weight, int]] = [
        ("POST", "v1/order", trading.new_order, 0, 1),
        ("PUT", "v1/order", trading.modify_order, 1, 1),
        ("DELETE", "v1/order", trading.cancel_order, 1, 0),
        ("GET", "v1/order", reading.order, 1, 0),
        ("POST", "v1/batchOrders", trading.batch_orders, 5, 1),
        ("DELETE", "v1/batchOrders", trading.cancel_batch, 1, 0),
        ("DELETE", "v1/allOpenOrders", trading.cancel_all, 1, 0),
        ("GET", "v1/openOrder", reading.open_order, 1, 0),
        ("GET", "v1/openOrders", reading.open_orders, by_market(1, 40), 0),
        ("GET", "v1/allOrders", reading.all_orders, 5, 0),
        ("POST", "v1/algoOrder", trading.new_algo_order, 0, 1),
        ("DELETE", "v1/algoOrder", trading.cancel_algo_order, 1, 0),
        ("GET", "v1/algoOrder", reading.algo_order, 1, 0),
        ("DELETE", "v1/algoOpenOrders", trading.cancel_algo_orders, 1, 0),
        ("GET", "v1/openAlgoOrders", reading.open_algo_orders, by_market(1, 40), 0),
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
    table = table_of("/fapi", public, signed)
    table["GET", "/sapi/v1/account/apiRestrictions"] = Endpoint(restrictions, 1, Security.SIGNED)
    table["GET", "/sapi/v1/capital/config/getall"] = Endpoint(reading.coins, 10, Security.SIGNED)
    for path in ("allAssets", "allPairs", "isolated/allPairs"):
        table["GET", f"/sapi/v1/margin/{path}"] = Endpoint(reading.margin_pairs, 1, Security.KEY)
    return table | listen_keys("/fapi/v1", streams, Security.KEY)


def table_of(
    base: str, public: list[tuple[str, Answer, Weight]], signed: list[tuple[str, str, Answer, Weight, int]]
) -> dict[tuple[str, str], Endpoint]:
    """Of (path, answer, weight) to get, and signed (method, path, answer, weight, orders)."""
    table = {("GET", f"{base}/{path}"): Endpoint(answer, weight, Security.NONE) for path, answer, weight in public}
    return table | {
        (method, f"{base}/{path}"): Endpoint(answer, weight, Security.SIGNED, orders)
        for method, path, answer, weight, orders in signed
    }


def listen_keys(base: str, streams: Streams, security: Security) -> dict[tuple[str, str], Endpoint]:
    answers: dict[str, Answer] = {
        "POST": lambda _: {"listenKey": streams.open_key()},
        "PUT": lambda _: {"listenKey": streams.keep_key()},
        "DELETE": lambda _: streams.close_key(),
    }
    return {(method, f"{base}/listenKey"): Endpoint(answer, 1, security) for method, answer in answers.items()}
