"""Gate spot on loopback, over HTTP. Titles are those of <https://www.gate.com/docs/developers/apiv4/>."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from urllib.parse import unquote

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, TimeInForce
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from tests.support.venues.small import Call, Endpoint, Json, Placed, Refusal, SmallVenue
from tests.support.venues.small_words import average, decimals, fill_order_id, order_id, text
from tests.support.venues.words import milliseconds

EXPIRES_SEC = 60
OPEN_PAGE = 100
PREFIX = "t-"
"""The book keeps ids without it."""
_TEXT = re.compile(r"t-[0-9A-Za-z_.-]{1,28}")
_OF_BOOK = {
    RefusalCode.INSUFFICIENT_BALANCE: ("BALANCE_NOT_ENOUGH", "Not enough balance"),
    RefusalCode.PRECISION: ("INVALID_PRECISION", "Too many decimals"),
    RefusalCode.MIN_NOTIONAL: ("INVALID_PARAM_VALUE", "Your order size is too small. The minimum is {} {}"),
    RefusalCode.DUPLICATE_ID: ("REPEATED_CREATION", "Order with this text was created already"),
    RefusalCode.HALTED: ("INVALID_CURRENCY_PAIR", "Trading is suspended"),
    RefusalCode.NOT_FOUND: ("ORDER_NOT_FOUND", "Order with ID does not exist"),
}
_TIMES_IN_FORCE = {"gtc": TimeInForce.GTC, "ioc": TimeInForce.IOC}


class GateSpot(SmallVenue):
    name = "gate"
    is_unified = False
    tells_account = True
    """Whether the key has the permission to ask for what kind of account it is."""
    limit_headers: Mapping[str, str] = {"X-Gate-RateLimit-Requests-Remain": "0", "X-Gate-RateLimit-Limit": "10"}

    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        spot = "/api/v4/spot"
        return {
            ("GET", f"{spot}/time"): Endpoint(self._time, is_private=False),
            ("GET", f"{spot}/currency_pairs"): Endpoint(self._pairs, is_private=False),
            ("GET", "/api/v4/margin/currency_pairs"): Endpoint(self._margin_pairs, is_private=False),
            ("GET", f"{spot}/tickers"): Endpoint(self._tickers, is_private=False),
            ("GET", f"{spot}/candlesticks"): Endpoint(self._candles, is_private=False),
            ("GET", "/api/v4/account/detail"): Endpoint(self._detail),
            ("GET", f"{spot}/accounts"): Endpoint(self._accounts),
            ("GET", "/api/v4/unified/accounts"): Endpoint(self._unified_accounts),
            ("POST", f"{spot}/orders"): Endpoint(self._place),
            ("GET", f"{spot}/orders"): Endpoint(self._finished),
            ("GET", f"{spot}/orders/{{order_id}}"): Endpoint(self._order),
            ("DELETE", f"{spot}/orders/{{order_id}}"): Endpoint(self._cancel),
            ("GET", f"{spot}/open_orders"): Endpoint(self._open),
            ("GET", f"{spot}/my_trades"): Endpoint(self._trades),
        }

    # ------------------------------------------------------------------ errors

    def check(self, call: Call) -> None:
        """Title: APIv4 signed request requirements."""
        headers = call.headers
        if headers.get("KEY") != self.api_key:
            raise self._failed("INVALID_KEY", "Invalid key provided", 401)
        stamp = headers.get("Timestamp", "0")
        if abs(self.now() / 1000 - int(stamp)) > EXPIRES_SEC:
            raise self._failed("REQUEST_EXPIRED", "gap between request Timestamp and server time exceeds 60", 403)
        digest = hashlib.sha512(call.body.encode()).hexdigest()
        payload = "\n".join([call.method, call.path, unquote(call.query), digest, stamp])
        if headers.get("SIGN") != hmac.new(self.secret.encode(), payload.encode(), hashlib.sha512).hexdigest():
            raise self._failed("INVALID_SIGNATURE", "Signature mismatch", 401)

    def _failed(self, code: str, message: str, status: int = 400) -> Refusal:
        return Refusal(code, self.error(code, message), status)

    def error(self, code: str, message: str) -> Json:
        return {"label": code, "message": message}

    def limited(self) -> Json:
        return self.error("TOO_MANY_REQUESTS", "Request Rate limit Exceeded")

    def refusal_of(self, refused: Refused, rules: MarketRules) -> Refusal:
        code, message = _OF_BOOK.get(refused.code, ("INVALID_PARAM_VALUE", refused.detail))
        return self._failed(code, message.format(rules.min_notional, rules.quote))

    def market_name(self, rules: MarketRules) -> str:
        return f"{rules.base}_{rules.quote}"

    def unknown_market(self) -> Refusal:
        return self._failed("INVALID_CURRENCY_PAIR", "Invalid currency pair")

    # ------------------------------------------------------------------ the market

    def _time(self, call: Call) -> Json:
        """Title: Get server current time."""
        return {"server_time": self.now()}

    def _margin_pairs(self, call: Call) -> list[Json]:
        """Without a page: ccxt asks for it beside the markets."""
        return []

    def _pairs(self, call: Call) -> list[Json]:
        """Title: Query all supported currency pairs."""
        return [self._pair(rules) for rules in self.ledger.rules.values()]

    def _pair(self, rules: MarketRules) -> Json:
        return {
            "id": self.market_name(rules),
            "base": rules.base,
            "quote": rules.quote,
            "fee": "0.2",
            "min_base_amount": text(rules.min_qty),
            "min_quote_amount": text(rules.min_notional),
            "amount_precision": int(decimals(rules.step_size)),
            "precision": int(decimals(rules.tick_size)),
            "trade_status": "tradable",
            "sell_start": 0,
            "buy_start": 0,
        }

    def _tickers(self, call: Call) -> list[Json]:
        """Title: Get currency pair ticker information."""
        rules = self.rules(call.params.get("currency_pair"))
        quote = self.quote(rules)
        row = {"currency_pair": self.market_name(rules), "last": text(quote.last)}
        return [{**row, "lowest_ask": text(quote.ask), "highest_bid": text(quote.bid)}]

    def _candles(self, call: Call) -> list[list[str]]:
        """Title: Market K-line chart: time, quote volume, close, high, low, open, base volume, closed."""
        rules = self.rules(call.params.get("currency_pair"))
        rows = []
        for bar in self.bars(rules, call.params.get("interval", "30m"), int(call.params.get("limit", "100"))):
            sides = [text(each) for each in (bar.close, bar.high, bar.low, bar.open)]
            rows.append([str(milliseconds(bar.at) // 1000), "0", *sides, "0", "false"])
        return rows

    # ------------------------------------------------------------------ orders

    def _place(self, call: Call) -> Json:
        """Title: Create an order. A market buy's amount is in quote, which this fake does not take."""
        params = call.params
        rules = self.rules(params.get("currency_pair"))
        if not _TEXT.fullmatch(params.get("text", "")):
            raise self._failed("INVALID_PARAM_VALUE", "Invalid text, it must begin with `t-`")
        is_market = params.get("type") == "market"
        if is_market and params["side"] == "buy":
            raise self._failed("INVALID_PARAM_VALUE", "This fake takes no market buys")
        if is_market and params.get("time_in_force") not in {"ioc", "fok"}:
            raise self._failed("INVALID_PARAM_VALUE", "Market orders are ioc or fok")
        placed = Placed(
            symbol=rules.symbol,
            side=OrderSide(params["side"]),
            type=OrderType.MARKET if is_market else OrderType.LIMIT,
            quantity=Decimal(params["amount"]),
            price=None if is_market else Decimal(params["price"]),
            client_order_id=params["text"].removeprefix(PREFIX),
            time_in_force=_TIMES_IN_FORCE[params.get("time_in_force", "gtc")],
        )
        return self._row(self.place(placed))

    def _cancel(self, call: Call) -> Json:
        """Title: Cancel a single order."""
        return self._row(self.cancel(self._named(call)))

    def _order(self, call: Call) -> Json:
        """Title: Get a single order."""
        return self._row(self._named(call))

    def _named(self, call: Call) -> PaperOrder:
        """By the client's text an order is found while it rests, and no longer."""
        name = call.params["order_id"]
        own = self.by_client_id(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
        order = own if own is not None and own.is_live else self.by_id(name)
        if order is None or order.symbol != self.rules(call.params.get("currency_pair")).symbol:
            raise self._failed("ORDER_NOT_FOUND", f"Order with ID {name} does not exist", 404)
        return order

    def _open(self, call: Call) -> list[Json]:
        """Title: List all open orders. 100 of each market a page."""
        first = (int(call.params.get("page", "1")) - 1) * OPEN_PAGE
        listed: dict[str, list[Json]] = {}
        for order in self.open_orders():
            listed.setdefault(self.market_name(self.ledger.rules[order.symbol]), []).append(self._row(order))
        pages = ((name, rows[first : first + OPEN_PAGE]) for name, rows in listed.items())
        return [{"currency_pair": name, "total": len(rows), "orders": rows} for name, rows in pages]

    def _finished(self, call: Call) -> list[Json]:
        """Title: List orders. Newest first, 100 unless told."""
        rules = self.rules(call.params.get("currency_pair"))
        over = [each for each in reversed(self.ledger.orders.values()) if each.symbol == rules.symbol]
        over = [each for each in over if each.is_live is (call.params.get("status") == "open")]
        first = int(call.params.get("from", "0")) * 1000
        rows = [self._row(each) for each in over if milliseconds(each.updated_at) >= first]
        return rows[: int(call.params.get("limit", "100"))]

    def _row(self, order: PaperOrder) -> Json:
        status = "open" if order.is_live else "closed" if order.status.value == "filled" else "cancelled"
        return {
            "id": order_id(order),
            "text": _text(order.client_order_id),
            "create_time_ms": milliseconds(order.created_at),
            "update_time_ms": milliseconds(order.updated_at),
            "currency_pair": self.market_name(self.ledger.rules[order.symbol]),
            "status": status,
            "finish_as": _finish(order),
            "type": "market" if order.type is OrderType.MARKET else "limit",
            "account": "unified" if self.is_unified else "spot",
            "side": order.side.value,
            "amount": text(order.quantity),
            "price": text(order.price),
            "time_in_force": order.time_in_force.value,
            "left": text(order.remaining),
            "filled_amount": text(order.filled),
            "filled_total": text(order.filled_value),
            "fill_price": text(order.filled_value),
            "avg_deal_price": text(average(order)),
            "fee": "0",
            "fee_currency": self.ledger.rules[order.symbol].base,
        }

    def _trades(self, call: Call) -> list[Json]:
        """Title: Query personal trading records. Newest first, moments in seconds."""
        params = call.params
        name = params.get("currency_pair")
        symbol = self.rules(name).symbol if name else None
        wanted = self.by_id(params.get("order_id"))
        until = int(params["to"]) * 1000 + 999 if params.get("to") else 0
        fits = self.between(int(params.get("from", "0")) * 1000, until)
        rows = [self._trade(fill) for fill in self.fills_of(symbol, wanted) if fits(fill)]
        return rows[: min(int(params.get("limit", "100")), 1000)]

    def _trade(self, fill: PaperFill) -> Json:
        return {
            "id": str(fill.number),
            "create_time_ms": f"{milliseconds(fill.at)}.000000",
            "currency_pair": self.market_name(self.ledger.rules[fill.symbol]),
            "order_id": fill_order_id(fill),
            "side": fill.side.value,
            "role": fill.liquidity.value,
            "amount": text(fill.quantity),
            "price": text(fill.price),
            "fee": text(fill.fee),
            "fee_currency": fill.fee_asset,
            "point_fee": "0",
            "gt_fee": "0",
            "text": _text(fill.client_order_id),
        }

    def _detail(self, call: Call) -> Json:
        """Title: Retrieve user account information."""
        if not self.tells_account:
            raise self._failed("FORBIDDEN", "Request API key does not have account permission", 403)
        return {"user_id": 1, "key": {"mode": 2 if self.is_unified else 1}}

    def _unified_accounts(self, call: Call) -> Json:
        """Title: Get unified account information."""
        balances = {
            asset: {"available": text(free), "freeze": text(total - free), "equity": text(total)}
            for asset, total, free in self.held()
        }
        return {"balances": balances}

    def _accounts(self, call: Call) -> list[Json]:
        """Title: List spot trading accounts."""
        return [
            {"currency": asset, "available": text(free), "locked": text(total - free)}
            for asset, total, free in self.held()
        ]


def _text(client_order_id: str | None) -> str:
    return "apiv4" if client_order_id is None else PREFIX + client_order_id


def _finish(order: PaperOrder) -> str:
    if order.is_live:
        return "open"
    if order.status.value == "filled":
        return "filled"
    return "ioc" if order.time_in_force is TimeInForce.IOC else "cancelled"
