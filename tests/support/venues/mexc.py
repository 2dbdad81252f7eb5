"""MEXC spot on loopback, over HTTP. Titles are those of <https://www.mexc.com/api-docs/spot-v3>."""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, TimeInForce
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from tests.support.venues.small import Call, Endpoint, Json, Placed, Refusal, SmallVenue
from tests.support.venues.small_words import decimals, fill_order_id, order_id, text
from tests.support.venues.words import milliseconds

AHEAD_MS = 1000
MOST_RECV_WINDOW_MS = 60_000
_CLIENT_ID = re.compile(r"[A-Za-z0-9_-]{1,32}")
_OF_BOOK = {
    RefusalCode.INSUFFICIENT_BALANCE: (30004, "Insufficient position"),
    RefusalCode.PRECISION: (10096, "amount decimal places is too long"),
    RefusalCode.MIN_NOTIONAL: (30002, "The minimum transaction volume cannot be less than:{}{}"),
    RefusalCode.DUPLICATE_ID: (-2010, "Duplicate order sent."),
    RefusalCode.HALTED: (30016, "trading disabled"),
    RefusalCode.NOT_FOUND: (-2011, "Unknown order sent."),
}
_KINDS = {
    "LIMIT": (OrderType.LIMIT, TimeInForce.GTC),
    "MARKET": (OrderType.MARKET, TimeInForce.GTC),
    "IMMEDIATE_OR_CANCEL": (OrderType.LIMIT, TimeInForce.IOC),
}
_STATUSES = {"open": "NEW", "partially_filled": "PARTIALLY_FILLED", "filled": "FILLED"}
_TIMEFRAMES = {"60m": "1h", "1W": "1w"}


class MexcSpot(SmallVenue):
    name = "mexc"
    limit_headers: Mapping[str, str] = {"Retry-After": "3"}

    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        api = "/api/v3"
        return {
            ("GET", f"{api}/time"): Endpoint(self._time, is_private=False),
            ("GET", f"{api}/exchangeInfo"): Endpoint(self._info, is_private=False),
            ("GET", f"{api}/ticker/24hr"): Endpoint(self._ticker, is_private=False),
            ("GET", f"{api}/klines"): Endpoint(self._klines, is_private=False),
            ("GET", f"{api}/account"): Endpoint(self._account),
            ("POST", f"{api}/order"): Endpoint(self._place),
            ("DELETE", f"{api}/order"): Endpoint(self._cancel),
            ("GET", f"{api}/order"): Endpoint(self._order),
            ("GET", f"{api}/openOrders"): Endpoint(self._open),
            ("GET", f"{api}/myTrades"): Endpoint(self._trades),
        }

    # ------------------------------------------------------------------ errors

    def check(self, call: Call) -> None:
        """Title: General Info, SIGNED."""
        params = call.params
        if call.headers.get("X-MEXC-APIKEY") != self.api_key:
            raise self._failed(10072, "Api key info invalid")
        payload = call.query.partition("&signature=")[0]
        expected = hmac.new(self.secret.encode(), payload.encode(), hashlib.sha256).hexdigest()
        if params.get("signature") != expected:
            raise self._failed(700002, "Signature for this request is not valid.")
        window = int(params.get("recvWindow", "5000"))
        late = self.now() - int(params["timestamp"])
        if window > MOST_RECV_WINDOW_MS:
            raise self._failed(700005, "recvWindow must less than 60000")
        if late < -AHEAD_MS or late > window:
            raise self._failed(700003, "Timestamp for this request is outside of the recvWindow.")

    def _failed(self, code: int, message: str) -> Refusal:
        return Refusal(str(code), {"code": code, "msg": message})

    def error(self, code: str, message: str) -> Json:
        return {"code": int(code), "msg": message}

    def limited(self) -> Json:
        return self.error("429", "Too Many Requests")

    def refusal_of(self, refused: Refused, rules: MarketRules) -> Refusal:
        code, message = _OF_BOOK.get(refused.code, (730002, refused.detail))
        return self._failed(code, message.format(rules.min_notional, rules.quote))

    def market_name(self, rules: MarketRules) -> str:
        return f"{rules.base}{rules.quote}"

    def unknown_market(self) -> Refusal:
        return self._failed(-1121, "Invalid symbol.")

    # ------------------------------------------------------------------ the market

    def _time(self, call: Call) -> Json:
        """Title: Check Server Time."""
        return {"serverTime": self.now()}

    def _info(self, call: Call) -> Json:
        """Title: Exchange Information."""
        return {
            "timezone": "CST",
            "serverTime": self.now(),
            "symbols": [*map(self._symbol, self.ledger.rules.values())],
        }

    def _symbol(self, rules: MarketRules) -> Json:
        return {
            "symbol": self.market_name(rules),
            "status": "1",
            "baseAsset": rules.base,
            "baseAssetPrecision": int(decimals(rules.step_size)),
            "quoteAsset": rules.quote,
            "quotePrecision": int(decimals(rules.tick_size)),
            "quoteAssetPrecision": int(decimals(rules.tick_size)),
            "orderTypes": ["LIMIT", "MARKET", "LIMIT_MAKER"],
            "isSpotTradingAllowed": True,
            "isMarginTradingAllowed": False,
            "quoteAmountPrecision": text(rules.min_notional),
            "baseSizePrecision": text(rules.min_qty),
            "permissions": ["SPOT"],
            "maxQuoteAmount": "2000000",
            "makerCommission": "0",
            "takerCommission": "0.0005",
        }

    def _ticker(self, call: Call) -> Json:
        """Title: 24hr Ticker Price Change Statistics."""
        rules = self.rules(call.params.get("symbol"))
        quote = self.quote(rules)
        row = {"symbol": self.market_name(rules), "lastPrice": text(quote.last), "bidPrice": text(quote.bid)}
        return {**row, "bidQty": "1", "askPrice": text(quote.ask), "askQty": "1", "closeTime": milliseconds(quote.at)}

    def _klines(self, call: Call) -> list[list[Any]]:
        """Title: Kline/Candlestick Data."""
        rules = self.rules(call.params.get("symbol"))
        interval = call.params["interval"]
        rows: list[list[Any]] = []
        for bar in self.bars(rules, _TIMEFRAMES.get(interval, interval), int(call.params.get("limit", "500"))):
            at = milliseconds(bar.at)
            rows.append([at, *map(text, (bar.open, bar.high, bar.low, bar.close)), "0", at, "0"])
        return rows

    # ------------------------------------------------------------------ orders

    def _place(self, call: Call) -> Json:
        """Title: New Order. Its answer tells neither status nor fills."""
        params = call.params
        rules = self.rules(params.get("symbol"))
        if not _CLIENT_ID.fullmatch(params.get("newClientOrderId", "")):
            raise self._failed(700008, "Illegal characters found in parameter 'newClientOrderId'")
        if "quantity" not in params:
            raise self._failed(700004, "This fake takes quantities only")
        kind, time_in_force = _KINDS[params["type"]]
        placed = Placed(
            symbol=rules.symbol,
            side=OrderSide(params["side"].lower()),
            type=kind,
            quantity=Decimal(params["quantity"]),
            price=None if kind is OrderType.MARKET else Decimal(params["price"]),
            client_order_id=params["newClientOrderId"],
            time_in_force=time_in_force,
        )
        order = self.place(placed)
        row = {"symbol": params["symbol"], "orderId": _id(order), "orderListId": -1, "price": text(order.price)}
        row |= {"origQty": text(order.quantity), "type": params["type"], "side": params["side"]}
        return {**row, "transactTime": milliseconds(order.created_at)}

    def _cancel(self, call: Call) -> Json:
        """Title: Cancel Order."""
        return self._row(self.cancel(self._named(call, -2011, "Unknown order sent.")))

    def _order(self, call: Call) -> Json:
        """Title: Query Order."""
        return self._row(self._named(call, -2013, "Order does not exist."))

    def _named(self, call: Call, code: int, message: str) -> PaperOrder:
        params = call.params
        symbol = self.rules(params.get("symbol")).symbol
        if not params.get("origClientOrderId") and not params.get("orderId"):
            raise self._failed(700004, "Param 'origClientOrderId' or 'orderId' must be sent, but both were empty/null!")
        order = self.by_client_id(params.get("origClientOrderId")) or self.by_id(params.get("orderId"))
        if order is None or order.symbol != symbol:
            raise self._failed(code, message)
        return order

    def _open(self, call: Call) -> list[Json]:
        """Title: Current Open Orders."""
        named = call.params.get("symbol")
        return [self._row(order) for order in self.open_orders(self.rules(named).symbol if named else None)]

    def _row(self, order: PaperOrder) -> Json:
        kind = next(name for name, each in _KINDS.items() if each == (order.type, order.time_in_force))
        ended = "PARTIALLY_CANCELED" if order.filled else "CANCELED"
        return {
            "symbol": self.market_name(self.ledger.rules[order.symbol]),
            "orderId": _id(order),
            "orderListId": -1,
            "clientOrderId": order.client_order_id or "",
            "price": text(order.price),
            "origQty": text(order.quantity),
            "executedQty": text(order.filled),
            "cummulativeQuoteQty": text(order.filled_value),
            "status": _STATUSES.get(order.status.value, ended),
            "timeInForce": "",
            "type": kind,
            "side": order.side.value.upper(),
            "stopPrice": "",
            "time": milliseconds(order.created_at),
            "updateTime": milliseconds(order.updated_at),
            "isWorking": True,
            "origQuoteOrderQty": "0",
        }

    def _trades(self, call: Call) -> list[Json]:
        """Title: Account Trade List. By market only, newest first, 100 at most."""
        params = call.params
        symbol = self.rules(params.get("symbol")).symbol
        fits = self.between(params.get("startTime"), params.get("endTime"))
        rows = [self._trade(fill) for fill in self.fills_of(symbol, self.by_id(params.get("orderId"))) if fits(fill)]
        return rows[: min(int(params.get("limit", "100")), 100)]

    def _trade(self, fill: PaperFill) -> Json:
        return {
            "symbol": self.market_name(self.ledger.rules[fill.symbol]),
            "id": str(fill.number),
            "orderId": f"C02__{fill_order_id(fill)}",
            "orderListId": -1,
            "price": text(fill.price),
            "qty": text(fill.quantity),
            "quoteQty": text(fill.price * fill.quantity),
            "commission": text(fill.fee),
            "commissionAsset": fill.fee_asset,
            "time": milliseconds(fill.at),
            "isBuyer": fill.side is OrderSide.BUY,
            "isMaker": fill.liquidity.value == "maker",
            "isBestMatch": True,
            "isSelfTrade": False,
            "clientOrderId": fill.client_order_id,
        }

    def _account(self, call: Call) -> Json:
        """Title: Account Information."""
        rows = [
            {"asset": asset, "free": text(free), "locked": text(total - free), "available": text(free)}
            for asset, total, free in self.held()
        ]
        return {"canTrade": True, "canWithdraw": True, "canDeposit": True, "accountType": "SPOT", "balances": rows}


def _id(order: PaperOrder) -> str:
    return f"C02__{order_id(order)}"
