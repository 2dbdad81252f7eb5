"""Bybit v5 on loopback, over HTTP and WebSocket: a unified account's perpetuals, or its spot."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from tests.support.venues.bybit_book import (
    BybitBook,
    FillTold,
    FundingTold,
    OrderTold,
    PositionTold,
    Told,
)
from tests.support.venues.bybit_gate import BybitGate, BybitLimits
from tests.support.venues.bybit_orders import BybitTrading, Params
from tests.support.venues.bybit_reads import BybitReading
from tests.support.venues.bybit_refusals import BybitRefusal, malformed
from tests.support.venues.bybit_rows import (
    fill_row,
    funding_row,
    order_row,
    position_row,
    stream_ticker,
    wallet,
)
from tests.support.venues.bybit_streams import BybitStreams
from tests.support.venues.faults import Fault, FaultKind
from tests.support.venues.server import EVERY_PATH, PAGE, Asked, Reply, VenueServer, is_websocket, raw_query
from tests.support.venues.words import market_id

SERVER_ERROR = 10016
UNSET_CODE = Fault(FaultKind.REFUSE).code
TOO_FREQUENT = "403, access too frequent"
_K = FaultKind


@dataclass(frozen=True, slots=True)
class Endpoint:
    answer: Callable[[Params], Any]
    is_private: bool = True
    changes: bool = False


class Bybit(VenueServer):
    """The venue. `margin_mode` is the account's, in Bybit's words."""

    market_type: MarketType
    book: BybitBook

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
        super().__init__(board, clock)
        self.told_as = self.market_type.value
        """The category of what streams tell; each of them tells of all of the user's."""
        self.gate = BybitGate(api_key, secret, self.now)
        self.limits = BybitLimits(lambda: self.clock.now().timestamp())
        self.limits.in_a_second |= _ORDER_LIMITS[self.market_type]
        self.streams = BybitStreams(self.gate, self.faults, self.now)
        config = config or AccountConfig(id="bybit", market_type=self.market_type.value)
        self.book = BybitBook(self.market_type, config, board, self.clock, self._told, self._shown, margin_mode)
        self.book.open()
        trading = BybitTrading(self.book)
        self.reading = BybitReading(self.book, trading, self.gate, self.clock, self.now)
        self._endpoints = _endpoints(trading, self.reading)

    def routes(self) -> list[web.RouteDef]:
        return [web.route("*", EVERY_PATH, self._serve)]

    async def stop(self) -> None:
        self.streams.hang_up()
        await super().stop()

    # ------------------------------------------------------------------ what is told

    def _shown(self, symbol: str, quote: Quote) -> None:
        rules = self.book.ledger.rules[symbol]
        self.streams.show(market_id(rules), stream_ticker(self.book, rules, quote), quote)

    def _told(self, told: Told) -> None:
        """https://bybit-exchange.github.io/docs/v5/websocket/private/order and its neighbours"""
        book, category = self.book, {"category": self.told_as}
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

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if is_websocket(request):
            return await self.streams.serve(request)
        query, body = raw_query(request), (await request.read()).decode()
        payload = body if request.method == "POST" else query
        params = _parsed(payload, request.method)
        asked = Asked(request.method, request.path, params)
        return await self.respond(request, asked, lambda: self._answer(request, payload, params, asked))

    def _answer(self, request: web.Request, payload: str, params: Params, asked: Asked) -> Reply:
        endpoint = self._endpoints.get((asked.method, asked.path))
        if not self.limits.enter():
            return Reply(403, TOO_FREQUENT)
        if endpoint is None:
            return Reply(404, "")
        try:
            if endpoint.is_private:
                self.gate.check(request.headers, payload, changes=endpoint.changes)
                self.limits.spend(asked.path, len(params.get("request", [None])))
            if params.get("category", self.market_type.value) != self.market_type.value:
                raise malformed("category only support linear or spot")
            result = endpoint.answer(params)
            asked.acted = True
        except BybitRefusal as refusal:
            headers = self.limits.headers(asked.path)
            return self._error(refusal.status, refusal.code, refusal.message, headers)
        result, more = result if isinstance(result, tuple) else (result, {})
        return Reply(200, self._envelope(0, "OK", result, more), self.limits.headers(asked.path))

    def _error(self, status: int, code: int, message: str, headers: Mapping[str, str] | None = None) -> Reply:
        return Reply(status, self._envelope(code, message, {}), headers or {}, code)

    def _envelope(self, code: int, message: str, result: Any, more: Any = None) -> Any:
        return {"retCode": code, "retMsg": message, "result": result, "retExtInfo": more or {}, "time": self.now()}

    def fault_reply(self, fault: Fault) -> Reply:
        """https://bybit-exchange.github.io/docs/v5/error: 10000 is a server time-out, 10016 a server error."""
        reset = {"X-Bapi-Limit-Reset-Timestamp": str(self.now() + int(fault.seconds * 1000))}
        match fault.kind:
            case _K.RATE_LIMIT:
                return self._error(200, 10006, "Too many visits!", reset | {"X-Bapi-Limit-Status": "0"})
            case _K.BANNED:
                return Reply(403, TOO_FREQUENT)
            case _K.HTML | _K.HTML_AFTER:
                return Reply(fault.status or 502, PAGE)
            case _K.REFUSE:
                return self._error(fault.status or 200, fault.code, fault.message or "refused")
        code = SERVER_ERROR if fault.code == UNSET_CODE else fault.code
        return self._error(fault.status or 500, code, fault.message or "Server error.")


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


_TRADES = ("/order/create", "/order/create-batch", "/order/amend", "/order/cancel", "/position/set-leverage")
_ORDER_LIMITS: dict[MarketType, dict[str, int]] = {
    MarketType.LINEAR: dict.fromkeys(_TRADES, 10),
    MarketType.SPOT: dict.fromkeys(_TRADES, 20) | {"/order/amend": 10},
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
