"""ccxt's Bybit class mended: whole lists instead of their first pages, orders found wherever they are kept, and the
direction of conditional orders, which spot does not tell.

Pages are named by their path under <https://bybit-exchange.github.io/docs/v5>.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from decimal import Decimal
from hashlib import sha256
from importlib import import_module
from typing import Any

Row = dict[str, Any]
Params = Mapping[str, Any]
ORDERS_PAGE = 50
FILLS_PAGE = 100
MOST_PAGES = 200
LOGIN_MS = 10_000
SETTLE_COINS = ("USDT", "USDC")
FILL_TYPES = ("Trade", "BustTrade", "AdlTrade")
"""Page `enum#exectype`. ccxt asks for trades only, which leaves out what the venue forced."""
RISES = "zigguratRises"
"""Whether a spot order is meant to trigger as the price rises: a word for this class, never sent."""
_LOGIN = "authenticated"
_WAITS = "Untriggered"
_Ccxt: Any = object


def mended(base: Any) -> Any:
    """`base`, ccxt's Bybit class, with the mends."""
    return type("Bybit", (_Mends, base), {})


class _Mends(_Ccxt):  # type: ignore[misc]  # ccxt is untyped
    """Over ccxt's Bybit class; arguments are named as there."""

    def describe(self) -> Any:
        """Coins are of no use here, and demo accounts may not ask for them."""
        return self.deep_extend(super().describe(), {"has": {"fetchPositionMode": True, "fetchCurrencies": False}})

    async def fetch_markets(self, params: Params | None = None) -> Any:
        """With the largest market order, which is smaller than the largest; page `market/instrument`."""
        markets = await super().fetch_markets(dict(params or {}))
        for market in markets:
            lots = market["info"].get("lotSizeFilter") or {}
            most = lots.get("maxMktOrderQty") or lots.get("maxMarketOrderQty")
            market["limits"]["market"] = {"min": None, "max": most}
        return markets

    async def authenticate(self, url: str, params: Params | None = None) -> Any:
        """Log in to the private stream, in the venue's time and not in ours as ccxt does; page `ws/connect`."""
        client = self.client(url)
        done = client.reusableFuture(_LOGIN)
        if _LOGIN not in client.subscriptions:
            expires = str(int(self.nonce()) + LOGIN_MS)
            signed = self.hmac(self.encode(f"GET/realtime{expires}"), self.encode(self.secret), sha256, "hex")
            request = {"op": "auth", "args": [self.apiKey, expires, signed], **(params or {})}
            self.watch(url, _LOGIN, request, _LOGIN)
        return await done

    # ------------------------------------------------------------------ the private stream

    def handle_order(self, client: Any, message: Any) -> None:
        """Page `websocket/private/order`: of all categories, which ccxt would take for this account's market."""
        self._of_own(super().handle_order, client, message)

    def handle_my_trades(self, client: Any, message: Any) -> None:
        """Page `websocket/private/execution`; of all categories too."""
        self._of_own(super().handle_my_trades, client, message)

    def _of_own(self, handle: Callable[[Any, Any], None], client: Any, message: Any) -> None:
        own = "spot" if self.options["defaultType"] == "spot" else "linear"
        rows = [row for row in message["data"] if row.get("category", own) == own]
        if rows:
            handle(client, {**message, "data": rows})

    # ------------------------------------------------------------------ orders

    def parse_order(self, order: Any, market: Any = None) -> Any:
        """With the trigger named as a stop's or a take-profit's."""
        told = super().parse_order(order, market)
        rises = _rises(order)
        if rises is not None:
            is_profit = rises is (told["side"] == "sell")
            told["takeProfitPrice"] = told["triggerPrice"] if is_profit else None
            told["stopLossPrice"] = None if is_profit else told["triggerPrice"]
        return told

    async def create_order(
        self,
        symbol: str,
        type: str,  # noqa: A002 - ccxt's name
        side: str,
        amount: Any,
        price: Any = None,
        params: Params | None = None,
    ) -> Any:
        """Raises OrderImmediatelyFillable for a spot order whose trigger the price has passed already."""
        words = dict(params or {})
        rises = words.pop(RISES, None)
        order = await super().create_order(symbol, type, side, amount, price, words)
        if rises is not None:
            await self._undo_if_turned(order, symbol, rises=bool(rises))
        return order

    async def _undo_if_turned(self, order: Any, symbol: str, *, rises: bool) -> None:
        """Spot takes a trigger that the price has passed for one in the other direction: that is no protection.

        What cannot be seen or taken back stays as it is.
        """
        ccxt = import_module("ccxt")
        try:
            now = await self.fetch_order(order["id"], symbol)
            if _rises(now["info"]) in {None, rises}:
                return
            await self.cancel_order(order["id"], symbol, {"trigger": True})
        except ccxt.BaseError:
            return
        raise ccxt.OrderImmediatelyFillable("the price is through the trigger already; the order was taken back")

    async def cancel_order(
        self,
        id: str | None,  # noqa: A002 - ccxt's name
        symbol: str | None = None,
        params: Params | None = None,
    ) -> Any:
        """Spot wants to know the list; an order that was triggered has left that of conditional ones."""
        words = {key: value for key, value in (params or {}).items() if key != RISES}
        try:
            return await super().cancel_order(id, symbol, words)
        except import_module("ccxt").OrderNotFound:
            if not words.pop("trigger", False):
                raise
        return await super().cancel_order(id, symbol, words)

    async def fetch_order(
        self,
        id: str | None,  # noqa: A002 - ccxt's name
        symbol: str | None = None,
        params: Params | None = None,
    ) -> Any:
        """Among the live and the last 500 that are over, else in the history. Raises OrderNotFound.

        Pages `order/open-order` and `order/order-list`. An order that waits in another direction than it is meant to
        is taken back before it is told: the answer to its placing, which would have told so, was lost.
        """
        words = {key: value for key, value in (params or {}).items() if key != "trigger"}
        rises = words.pop(RISES, None)
        if id:
            words["orderId"] = id
        order = await self._found(symbol, words)
        if rises is None or order["info"]["orderStatus"] != _WAITS or _rises(order["info"]) in {None, rises}:
            return order
        await self.cancel_order(order["id"], symbol, {"trigger": True})
        return await self._found(symbol, words)

    async def _found(self, symbol: str | None, words: Row) -> Any:
        found = await super().fetch_open_orders(symbol, None, None, words)
        found = found or await super().fetch_canceled_and_closed_orders(symbol, None, None, words)
        if not found:
            raise import_module("ccxt").OrderNotFound("Bybit knows no such order")
        return found[0]

    async def fetch_open_orders(
        self, symbol: str | None = None, since: Any = None, limit: Any = None, params: Params | None = None
    ) -> Any:
        """All of them, `limit` in a request; page `order/open-order` tells twenty, of one coin."""
        ask = super().fetch_open_orders
        size = limit or ORDERS_PAGE
        return await _all_of(self._scopes(symbol, params), lambda words: ask(symbol, since, size, words))

    def _scopes(self, symbol: str | None, params: Params | None) -> list[Row]:
        words = dict(params or {})
        if symbol is not None or self.options["defaultType"] == "spot":
            return [words]
        return [words | {"settleCoin": coin} for coin in SETTLE_COINS]

    # ------------------------------------------------------------------ the account

    async def fetch_positions(self, symbols: Any = None, params: Params | None = None) -> Any:
        """All of them; page `position` tells those of one coin."""
        ask = super().fetch_positions
        scopes = self._scopes(symbols, params)
        return await _all_of(scopes, lambda words: ask(symbols, words))

    async def fetch_position_mode(self, symbol: str | None = None, params: Params | None = None) -> Any:
        """Page `position`: a market in hedge mode has two rows, with index 1 and 2, flat or not."""
        if self.markets is None:
            await self.load_markets()
        symbol = symbol or self._usual_market()
        rows = [] if symbol is None else await super().fetch_positions([symbol], dict(params or {}))
        return {"hedged": any(str(row["info"].get("positionIdx")) != "0" for row in rows), "info": rows}

    def _usual_market(self) -> str | None:
        """That of the most traders, or any."""
        swaps = sorted(symbol for symbol, market in self.markets.items() if market["swap"])
        return "BTC/USDT:USDT" if "BTC/USDT:USDT" in swaps else next(iter(swaps), None)

    def parse_trade(self, trade: Any, market: Any = None) -> Any:
        """With the fee's own coin, which ccxt guesses from the side: fees may be paid in MNT."""
        told = super().parse_trade(trade, market)
        coin = self.safe_currency_code(trade.get("feeCurrency") or None)
        if coin is not None and told["fee"] is not None:
            told["fee"] = {**told["fee"], "currency": coin}
        return told

    async def fetch_my_trades(
        self, symbol: str | None = None, since: Any = None, limit: Any = None, params: Params | None = None
    ) -> Any:
        """All within the time asked for, forced ones too, `limit` in a request; page `order/execution`.

        An order's are told whatever their type.
        """
        ask, size = super().fetch_my_trades, limit or FILLS_PAGE
        words = dict(params or {})
        is_one = "orderId" in words or self.options["defaultType"] == "spot"
        scopes = [words | {"execType": kind} for kind in (FILL_TYPES[:1] if is_one else FILL_TYPES)]
        rows = await _all_of(scopes, lambda words: ask(symbol, since, size, words))
        return sorted(rows, key=lambda row: int(row["timestamp"]))

    async def fetch_funding_history(
        self, symbol: str | None = None, since: Any = None, limit: Any = None, params: Params | None = None
    ) -> Any:
        """All within the time asked for, a hundred at most in a request; page `order/execution`."""
        ask, size = super().fetch_funding_history, min(limit or FILLS_PAGE, FILLS_PAGE)
        return await _all_of([{**(params or {}), "limit": size}], lambda words: ask(symbol, since, size, words))


async def _all_of(scopes: list[Row], ask: Callable[[Row], Awaitable[list[Row]]]) -> list[Row]:
    """Every page of some lists."""
    return [row for words in scopes for row in await _all_pages(words, ask)]


async def _all_pages(params: Row, ask: Callable[[Row], Awaitable[list[Row]]]) -> list[Row]:
    """Every page of a list; ccxt leaves the cursor of the next one in a row."""
    rows: list[Row] = []
    words = params
    for _ in range(MOST_PAGES):
        page = await ask(dict(words))
        rows += page
        cursor = next((row["info"]["nextPageCursor"] for row in page if row["info"].get("nextPageCursor")), None)
        if cursor is None:
            return rows
        words = {**params, "cursor": cursor}
    raise import_module("ccxt").ExchangeError(f"Bybit's list has more than {MOST_PAGES} pages")


def _rises(order: Params) -> bool | None:
    """Whether a conditional order waits for the price to rise, None where nothing tells.

    Perpetuals say so; for spot the price at which the order was placed does: page `order/open-order`, `basePrice`.
    """
    told = str(order.get("triggerDirection") or "0")
    if told in {"1", "2"}:
        return told == "1"
    trigger, base = (Decimal(str(order.get(name) or "0")) for name in ("triggerPrice", "basePrice"))
    return trigger > base if trigger and base else None
