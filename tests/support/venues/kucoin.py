"""KuCoin spot on loopback, over HTTP: the trading account's high-frequency endpoints, which are its only ones now.

Titles are those of <https://www.kucoin.com/docs-new>.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, TimeInForce
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from tests.support.venues.small import Call, Endpoint, Json, Placed, Refusal, SmallVenue
from tests.support.venues.small_words import fill_order_id, older_than, order_id, signed, text
from tests.support.venues.words import milliseconds

EXPIRES_MS = 5_000
LONGEST_ID = 40
_OF_BOOK = {
    RefusalCode.INSUFFICIENT_BALANCE: ("200004", "Balance insufficient!"),
    RefusalCode.PRECISION: ("600100", "Order size increment invalid."),
    RefusalCode.MIN_NOTIONAL: ("600101", "The order funds should more then {} {}."),
    RefusalCode.DUPLICATE_ID: ("400100", "validation.createOrder.clientOidDuplicated"),
    RefusalCode.HALTED: ("400600", "validation.createOrder.symbolNotAvailable"),
    RefusalCode.NOT_FOUND: ("400100", "order_not_exist_or_not_allow_to_cancel"),
}
_TIMEFRAMES = {"1min": "1m", "5min": "5m", "15min": "15m", "1hour": "1h", "4hour": "4h", "1day": "1d"}


class KucoinSpot(SmallVenue):
    name = "kucoin"
    tells_absence = True
    """Whether a question for an order that is not there is refused; otherwise the answer is empty."""
    limit_headers: Mapping[str, str] = {
        "gw-ratelimit-limit": "4000",
        "gw-ratelimit-remaining": "0",
        "gw-ratelimit-reset": "7000",
    }

    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        orders = "/api/v1/hf/orders"
        return {
            ("GET", "/api/v1/timestamp"): Endpoint(self._time, is_private=False),
            ("GET", "/api/v2/symbols"): Endpoint(self._symbols, is_private=False),
            ("GET", "/api/v1/market/stats"): Endpoint(self._stats, is_private=False),
            ("GET", "/api/v1/market/candles"): Endpoint(self._candles, is_private=False),
            ("GET", "/api/v1/accounts"): Endpoint(self._accounts),
            ("GET", "/api/v1/user/api-key"): Endpoint(self._key),
            ("POST", f"{orders}/sync"): Endpoint(self._place),
            ("DELETE", f"{orders}/sync/client-order/{{clientOid}}"): Endpoint(self._cancel),
            ("GET", f"{orders}/client-order/{{clientOid}}"): Endpoint(self._order),
            ("GET", f"{orders}/active"): Endpoint(self._active),
            ("GET", f"{orders}/active/symbols"): Endpoint(self._active_symbols),
            ("GET", f"{orders}/{{orderId}}"): Endpoint(self._order),
            ("GET", "/api/v1/hf/fills"): Endpoint(self._fills),
        }

    # ------------------------------------------------------------------ errors

    def check(self, call: Call) -> None:
        """Title: Authentication. The passphrase comes signed, as of key version 2."""
        headers = call.headers
        stamp = headers.get("KC-API-TIMESTAMP", "0")
        if headers.get("KC-API-KEY") != self.api_key:
            raise self._failed("400003", "KC-API-KEY not exists", 401)
        if headers.get("KC-API-PASSPHRASE") != signed(self.secret, self.password):
            raise self._failed("400004", "Invalid KC-API-PASSPHRASE", 401)
        if abs(self.now() - int(stamp)) > EXPIRES_MS:
            raise self._failed("400002", "Invalid KC-API-TIMESTAMP", 401)
        query = f"?{call.query}" if call.query else ""
        if headers.get("KC-API-SIGN") != signed(self.secret, stamp + call.method + call.path + query + call.body):
            raise self._failed("400005", "Invalid KC-API-SIGN", 401)

    def _failed(self, code: str, message: str, status: int = 200) -> Refusal:
        return Refusal(code, self.error(code, message), status)

    def error(self, code: str, message: str) -> Json:
        return {"code": code, "msg": message}

    def limited(self) -> Json:
        return self.error("429000", "Too many requests")

    def refusal_of(self, refused: Refused, rules: MarketRules) -> Refusal:
        code, message = _OF_BOOK.get(refused.code, ("400100", refused.detail))
        return self._failed(code, message.format(rules.min_notional, rules.quote))

    def market_name(self, rules: MarketRules) -> str:
        return f"{rules.base}-{rules.quote}"

    def unknown_market(self) -> Refusal:
        return self._failed("400600", "validation.createOrder.symbolNotAvailable")

    # ------------------------------------------------------------------ the market

    def _time(self, call: Call) -> Json:
        """Title: Get Server Time."""
        return _told(self.now())

    def _key(self, call: Call) -> Json:
        """Title: Get Apikey Info."""
        return _told({"permission": "General,Spot"})

    def _symbols(self, call: Call) -> Json:
        """Title: Get All Symbols."""
        return _told([self._symbol(rules) for rules in self.ledger.rules.values()])

    def _symbol(self, rules: MarketRules) -> Json:
        return {
            "symbol": self.market_name(rules),
            "name": self.market_name(rules),
            "baseCurrency": rules.base,
            "quoteCurrency": rules.quote,
            "feeCurrency": rules.quote,
            "market": "USDS",
            "baseMinSize": text(rules.min_qty),
            "quoteMinSize": text(rules.min_notional),
            "baseMaxSize": text(rules.max_qty),
            "quoteMaxSize": "99999999",
            "baseIncrement": text(rules.step_size),
            "quoteIncrement": text(rules.tick_size),
            "priceIncrement": text(rules.tick_size),
            "minFunds": text(rules.min_notional),
            "isMarginEnabled": False,
            "enableTrading": True,
        }

    def _stats(self, call: Call) -> Json:
        """Title: Get 24hr Stats."""
        rules = self.rules(call.params.get("symbol"))
        quote = self.quote(rules)
        row = {"time": milliseconds(quote.at), "symbol": self.market_name(rules)}
        return _told({**row, "buy": text(quote.bid), "sell": text(quote.ask), "last": text(quote.last)})

    def _candles(self, call: Call) -> Json:
        """Title: Get Klines: time, open, close, high, low, volume, turnover; newest first."""
        rules = self.rules(call.params.get("symbol"))
        first = int(call.params.get("startAt", "0"))
        rows = []
        for bar in reversed(self.bars(rules, _TIMEFRAMES[call.params["type"]], 1500)):
            at = milliseconds(bar.at) // 1000
            if at >= first:
                sides = [text(each) for each in (bar.open, bar.close, bar.high, bar.low)]
                rows.append([str(at), *sides, "0", "0"])
        return _told(rows)

    # ------------------------------------------------------------------ orders

    def _place(self, call: Call) -> Json:
        """Title: Add Order Sync."""
        params = call.params
        rules = self.rules(params.get("symbol"))
        if len(params["clientOid"]) > LONGEST_ID:
            raise self._failed("400100", "clientOid is too long")
        if "size" not in params:
            raise self._failed("400100", "This fake takes sizes only")
        is_market = params["type"] == "market"
        placed = Placed(
            symbol=rules.symbol,
            side=OrderSide(params["side"]),
            type=OrderType.MARKET if is_market else OrderType.LIMIT,
            quantity=Decimal(params["size"]),
            price=None if is_market else Decimal(params["price"]),
            client_order_id=params["clientOid"],
            time_in_force=TimeInForce(params.get("timeInForce", "GTC").lower()),
        )
        order = self.place(placed)
        row = {"orderId": order_id(order), "clientOid": order.client_order_id, "originSize": text(order.quantity)}
        row |= {"dealSize": text(order.filled), "dealFunds": text(order.filled_value)}
        row |= {"remainSize": text(order.remaining if order.is_live else Decimal(0))}
        row |= {"canceledSize": text(Decimal(0) if order.is_live else order.remaining)}
        row |= {"status": "open" if order.is_live else "done"}
        return _told({**row, "orderTime": milliseconds(order.created_at), "matchTime": self.now()})

    def _cancel(self, call: Call) -> Json:
        """Title: Cancel Order By ClientOid Sync."""
        order = self._named(call)
        if order is None:
            raise self._failed("400100", "order_not_exist_or_not_allow_to_cancel")
        done = self.cancel(order)
        row = {"clientOid": done.client_order_id, "originSize": text(done.quantity), "dealSize": text(done.filled)}
        return _told({**row, "remainSize": "0", "canceledSize": text(done.remaining), "status": "done"})

    def _order(self, call: Call) -> Json:
        """Titles: Get Order By ClientOid, Get Order By OrderId. Those of another market are not found."""
        order = self._named(call)
        if order is None and self.tells_absence:
            raise self._failed("400100", "order_not_exist")
        return _told(None if order is None else self._row(order))

    def _named(self, call: Call) -> PaperOrder | None:
        order = self.by_client_id(call.params.get("clientOid")) or self.by_id(call.params.get("orderId"))
        symbol = self.rules(call.params.get("symbol")).symbol
        return order if order is not None and order.symbol == symbol else None

    def _active(self, call: Call) -> Json:
        """Title: Get Open Orders. By market only."""
        symbol = self.rules(call.params.get("symbol")).symbol
        return _told([self._row(order) for order in self.open_orders(symbol)])

    def _active_symbols(self, call: Call) -> Json:
        """Title: Get Symbols With Open Order."""
        symbols = {order.symbol for order in self.open_orders()}
        return _told({"symbols": sorted(self.market_name(self.ledger.rules[each]) for each in symbols)})

    def _row(self, order: PaperOrder) -> Json:
        rules = self.ledger.rules[order.symbol]
        rest = Decimal(0) if order.is_live else order.remaining
        return {
            "id": order_id(order),
            "clientOid": order.client_order_id,
            "symbol": self.market_name(rules),
            "opType": "DEAL",
            "type": "market" if order.type is OrderType.MARKET else "limit",
            "side": order.side.value,
            "price": text(order.price),
            "size": text(order.quantity),
            "funds": "0",
            "dealSize": text(order.filled),
            "dealFunds": text(order.filled_value),
            "remainSize": text(order.remaining if order.is_live else Decimal(0)),
            "cancelledSize": text(rest),
            "fee": "0",
            "feeCurrency": rules.quote,
            "timeInForce": order.time_in_force.value.upper(),
            "postOnly": False,
            "cancelExist": rest > 0,
            "active": order.is_live,
            "inOrderBook": order.is_live,
            "tradeType": "TRADE",
            "createdAt": milliseconds(order.created_at),
            "lastUpdatedAt": milliseconds(order.updated_at),
        }

    def _fills(self, call: Call) -> Json:
        """Title: Get Trade History. By market only, newest first, 20 unless told, 100 at most."""
        params = call.params
        symbol = self.rules(params.get("symbol")).symbol
        fits = self.between(params.get("startAt"), params.get("endAt"))
        fills = older_than(self.fills_of(symbol, self.by_id(params.get("orderId"))), params.get("lastId"))
        rows = [self._fill(fill) for fill in fills if fits(fill)]
        return _told({"items": rows[: min(int(params.get("limit", "20")), 100)], "lastId": 1})

    def _fill(self, fill: PaperFill) -> Json:
        return {
            "id": fill.number,
            "symbol": self.market_name(self.ledger.rules[fill.symbol]),
            "tradeId": fill.number,
            "orderId": fill_order_id(fill),
            "side": fill.side.value,
            "liquidity": fill.liquidity.value,
            "price": text(fill.price),
            "size": text(fill.quantity),
            "funds": text(fill.price * fill.quantity),
            "fee": text(fill.fee),
            "feeCurrency": fill.fee_asset,
            "tradeType": "TRADE",
            "createdAt": milliseconds(fill.at),
        }

    def _accounts(self, call: Call) -> Json:
        """Title: Get Account List - Spot."""
        kind = call.params.get("type", "trade_hf")
        rows = []
        for asset, total, free in self.held() if kind == "trade_hf" else []:
            row = {"id": asset, "currency": asset, "type": kind, "balance": text(total)}
            rows.append({**row, "available": text(free), "holds": text(total - free)})
        return _told(rows)


def _told(data: Any) -> Json:
    return {"code": "200000", "data": data}
