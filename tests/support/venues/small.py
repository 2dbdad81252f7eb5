"""What the small spot fakes share: an account on the paper exchange's engine behind HTTP, without streams."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from aiohttp import web

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.values import MarketType, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.board import PriceBoard
from app.messages.reports import Accepted, Candle, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from app.ports.venue import OrderRef, OrderRequest
from tests.support.venues.account import PaperAccount
from tests.support.venues.faults import Fault, FaultKind
from tests.support.venues.server import EVERY_PATH, PAGE, Asked, Reply, VenueServer, raw_query
from tests.support.venues.small_words import FIRST_ID
from tests.support.venues.words import milliseconds

Json = dict[str, Any]
_K = FaultKind


class Refusal(Exception):
    """An error answer in the venue's words; `code` is what judges see of it."""

    def __init__(self, code: str, body: Any, status: int = 400) -> None:
        super().__init__(code)
        self.code = code
        self.body = body
        self.status = status


@dataclass(slots=True, kw_only=True)
class Call(Asked):
    """`params` are those of path, query and JSON body together; `query` is raw."""

    params: dict[str, str]
    query: str
    body: str
    headers: Mapping[str, str]


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


class SmallVenue(VenueServer):
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
        super().__init__(board, clock)
        self.api_key, self.secret, self.password = api_key, secret, password
        config = config or AccountConfig(id=self.name, market_type="spot")
        self.book = PaperAccount(MarketType.SPOT, config, board, self.clock)
        self.book.open()

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

    def routes(self) -> list[web.RouteDef]:
        known = [web.route(method, path, self._handler(each)) for (method, path), each in self.endpoints().items()]
        nowhere = Endpoint(self._nowhere, is_private=False)
        return [*known, web.route("*", EVERY_PATH, self._handler(nowhere))]

    def _handler(self, endpoint: Endpoint) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            call = await _read(request)
            return await self.respond(request, call, lambda: self._answer(endpoint, call))

        return handle

    def _answer(self, endpoint: Endpoint, call: Call) -> Reply:
        try:
            if endpoint.is_private:
                self.check(call)
            reply = Reply(200, endpoint.answer(call))
            call.acted = True
        except Refusal as refusal:
            return Reply(refusal.status, refusal.body, code=refusal.code)
        return reply

    def _nowhere(self, call: Call) -> Any:
        raise Refusal("404", self.error("404", f"{call.method} {call.path} is unknown"), 404)

    def fault_reply(self, fault: Fault) -> Reply:
        match fault.kind:
            case _K.HTML | _K.HTML_AFTER:
                return Reply(fault.status or 500, PAGE)
            case _K.RATE_LIMIT | _K.BANNED:
                return Reply(429 if fault.kind is _K.RATE_LIMIT else 418, self.limited(), self.limit_headers)
            case _K.REFUSE:
                return Reply(fault.status or 400, self.error(str(fault.code), fault.message or ""))
        return Reply(fault.status or 503, self.error(str(fault.code), fault.message or "unavailable"))


async def _read(request: web.Request) -> Call:
    query, body = raw_query(request), (await request.read()).decode()
    params = dict(parse_qsl(query, keep_blank_values=True)) | dict(request.match_info)
    if body:
        params |= {name: str(value) for name, value in json.loads(body).items()}
    return Call(
        method=request.method, path=request.path, params=params, query=query, body=body, headers=request.headers
    )
