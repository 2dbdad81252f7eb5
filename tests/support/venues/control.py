"""Prices and faults of a fake that runs by hand, over HTTP on a port of its own."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation

from aiohttp import web

from app.exchange.paper.board import UnknownMarket
from tests.support.venues.binance_linear import BinanceLinear
from tests.support.venues.faults import FaultKind
from tests.support.venues.server import Listener


class Control:
    """`POST /price {"symbol": "BTC/USDT:USDT", "price": "61000"}`, `POST /fault {"kind": …, "path": …}`, `POST /clear`,
    `POST /expire`, `POST /cut`, `POST /funding {"symbol": …, "rate": …}`, `GET /requests`; of the linear one also
    `POST /prices {"BTC/USDT:USDT": "61000", …}`, `GET /book`: every order and position, `GET /limits`."""

    def __init__(self, venue: BinanceLinear) -> None:
        self._venue = venue
        self._listener = Listener()

    async def start(self, port: int = 0) -> str:
        routes = [
            web.post("/price", self._price),
            web.post("/fault", self._fault),
            web.post("/clear", self._clear),
            web.post("/expire", self._expire),
            web.post("/cut", self._cut),
            web.post("/funding", self._funding),
            web.get("/requests", self._requests),
            web.post("/prices", self._prices),
            web.get("/book", self._book),
            web.get("/limits", self._limits),
        ]
        return await self._listener.start(routes, port)

    async def stop(self) -> None:
        await self._listener.stop()

    async def _price(self, request: web.Request) -> web.Response:
        told = await request.json()
        try:
            self._venue.set_price(str(told["symbol"]), Decimal(str(told["price"])))
        except (UnknownMarket, InvalidOperation, ValueError, KeyError) as error:
            return web.json_response({"error": repr(error)}, status=400)
        return web.json_response({})

    async def _prices(self, request: web.Request) -> web.Response:
        for symbol, price in (await request.json()).items():
            self._venue.set_price(symbol, Decimal(price))
        return web.json_response({})

    async def _fault(self, request: web.Request) -> web.Response:
        told = await request.json()
        try:
            self._venue.faults.arm(FaultKind(told.pop("kind")), **told)
        except (KeyError, TypeError, ValueError) as error:
            return web.json_response({"error": repr(error)}, status=400)
        return web.json_response({})

    async def _clear(self, request: web.Request) -> web.Response:
        self._venue.faults.clear()
        return web.json_response({})

    async def _expire(self, request: web.Request) -> web.Response:
        self._venue.streams.expire_key()
        return web.json_response({})

    async def _cut(self, request: web.Request) -> web.Response:
        self._venue.streams.cut_user_streams()
        return web.json_response({})

    async def _funding(self, request: web.Request) -> web.Response:
        told = await request.json()
        self._venue.book.pay_funding(str(told["symbol"]), Decimal(str(told["rate"])))
        return web.json_response({})

    async def _requests(self, request: web.Request) -> web.Response:
        return web.json_response(
            [
                {"method": item.method, "path": item.path, "status": item.status, "code": item.code}
                for item in self._venue.requests
            ]
        )

    async def _book(self, request: web.Request) -> web.Response:
        ledger = self._venue.ledger
        orders = [
            {
                "id": order.client_order_id,
                "symbol": order.symbol,
                "side": order.side,
                "status": order.status,
                "is_live": order.is_live,
                "quantity": str(order.quantity),
                "filled": str(order.filled),
                "price": None if order.price is None else str(order.price),
                "trigger_price": None if order.trigger_price is None else str(order.trigger_price),
            }
            for order in ledger.orders.values()
        ]
        positions = [
            {"symbol": held.symbol, "side": held.side, "quantity": str(held.quantity)}
            for held in ledger.positions.values()
        ]
        return web.json_response({"orders": orders, "positions": positions})

    async def _limits(self, request: web.Request) -> web.Response:
        """What is used of each, and how often a request was refused for one."""
        limits = self._venue.limits
        told = limits.headers(with_orders=True) | {"refused": str(sum(i.status == 429 for i in self._venue.requests))}
        return web.json_response(told)
