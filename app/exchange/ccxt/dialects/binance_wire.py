"""What is said to Binance's USD-M perpetuals, and heard from them, past ccxt's deliberations."""

from __future__ import annotations

import hmac
from functools import cached_property
from typing import Any

from app.exchange.ccxt.dialects.base import Params

_PLAIN = frozenset({"order", "batchOrders"})
"""Where plain orders are sent to."""
_PRICES = frozenset({"bookTicker", "24hrTicker", "markPriceUpdate"})
"""Events that tell prices."""
_PLAIN_TYPES = frozenset({"LIMIT", "MARKET"})
_FILLING = frozenset({"TRADE", "CALCULATED"})
"""Execution types that tell of a fill; CALCULATED is a liquidation's."""


def signing(base: Any) -> Any:
    """`base`, signing plain orders without a look at all else that may be asked of Binance."""

    class Signing(base):  # type: ignore[misc]  # ccxt is untyped
        @cached_property
        def mac(self) -> hmac.HMAC:
            """Of nothing yet: to make one anew takes longer than to copy it."""
            return hmac.new(self.secret.encode(), digestmod="sha256")

        def sign(self, path: str, api: Any, method: str, params: Any) -> Any:
            """As ccxt signs."""
            is_plain = path in _PLAIN and method == "POST" and api[0] == "fapiPrivate"
            if not is_plain or "PRIVATE KEY" in self.secret:
                return super().sign(path, api, method, params)
            words = {"timestamp": self.nonce(), **params, "recvWindow": self.options["recvWindow"]}
            if path == "batchOrders":
                query = self.rawencode(words | {"batchOrders": self.json(params["batchOrders"])})
            else:
                query = self.urlencode(words)
            mac = self.mac.copy()
            mac.update(query.encode())
            return {
                "url": f"{self.urls['api']['fapiPrivate']}/{path}",
                "method": method,
                "body": f"{query}&signature={mac.hexdigest()}",
                "headers": {"X-MBX-APIKEY": self.apiKey, "Content-Type": "application/x-www-form-urlencoded"},
            }

    return Signing


def naming(base: Any) -> Any:
    """`base`, knowing every kind of perpetual for one.

    Once another kind than PERPETUAL, such as TRADIFI_PERPETUAL, is to be delisted, ccxt takes it for a future that
    expires then, under a name that nobody knows.
    """

    class Naming(base):  # type: ignore[misc]  # ccxt is untyped
        def parse_market(self, market: Any) -> Any:
            is_other = str(market.get("contractType")).endswith("_PERPETUAL")
            return super().parse_market({**market, "contractType": "PERPETUAL"} if is_other else market)

    return Naming


def listening(base: Any) -> Any:
    """`base`, telling the hooks of orders and prices as they come.

    ccxt looks through thirty kinds of events for each, and of a price reads twenty numbers where four are wanted, only
    for who watches to follow all markets anew.
    """

    class Listening(_executing(base)):  # type: ignore[misc]  # ccxt is untyped
        def handle_message(self, client: Any, message: Any) -> None:
            event = message.get("e") if isinstance(message, dict) else None
            market = self.markets_by_id.get(message.get("s")) if event in _PRICES else None
            if market:
                self.hooks.ticker(_pushed_ticker(message, market[0]["symbol"]))
            elif event == "ORDER_TRADE_UPDATE":
                self.handle_order_update(client, message)
            else:
                super().handle_message(client, message)

        def handle_order_update(self, client: Any, message: Any) -> None:
            """Order Update of the user data stream; a conditional order is told in another event."""
            told = message.get("o")
            market = self.markets_by_id.get(told.get("s")) if isinstance(told, dict) else None
            if message.get("e") != "ORDER_TRADE_UPDATE" or not market:
                super().handle_order_update(client, message)
                return
            symbol = market[0]["symbol"]
            if told.get("x") in _FILLING:
                self.hooks.trade(_pushed_trade(told, symbol))
            self.hooks.order(_pushed_order(told, symbol))

        def parse_order(self, order: Any, market: Any = None) -> Any:
            """A plain order as it is listed or looked up: the account's lists have a thousand of them at times."""
            known = self.markets_by_id.get(order.get("symbol"))
            if not known or order.get("type") not in _PLAIN_TYPES:
                return super().parse_order(order, market)
            return {**answered(order), "symbol": known[0]["symbol"], "timestamp": order.get("time")}

        def handle_acount_update(self, client: Any, message: Any) -> None:
            """Nobody follows balances and positions here: they are read, beside each other, at one moment."""

    return Listening


def _executing(base: Any) -> Any:
    """`base`, telling what a pushed conditional order has filled: `aq` of Algo Order Update, which ccxt leaves out."""

    class Executing(base):  # type: ignore[misc]  # ccxt is untyped
        def parse_ws_order(self, order: Any, market: Any = None) -> Any:
            told = super().parse_ws_order(order, market)
            return {**told, "filled": order.get("aq")} if "aid" in order else told

    return Executing


def row_of(exchange: Any, order: Params) -> Params:
    """A plain order as Binance takes it, from the arguments of ccxt's `create_order`."""
    symbol = order["symbol"]
    row = {
        "symbol": (exchange.markets.get(symbol) or exchange.market(symbol))["id"],
        "side": order["side"].upper(),
        "type": order["type"].upper(),
        "quantity": order["amount"],
        "newOrderRespType": "RESULT",
        **order["params"],
    }
    if order["price"] is not None:
        row["price"] = order["price"]
    return row


def answered(told: Params) -> Params:
    """An order as a request for it was answered."""
    return {
        "info": told,
        "id": told.get("orderId"),
        "clientOrderId": told.get("clientOrderId"),
        "side": told.get("side"),
        "amount": told.get("origQty"),
        "filled": told.get("executedQty"),
        "average": told.get("avgPrice"),
        "price": told.get("price"),
        "reduceOnly": told.get("reduceOnly"),
        "lastUpdateTimestamp": told.get("updateTime"),
    }


def _pushed_order(told: Params, symbol: str) -> Params:
    return {
        "info": told,
        "id": told.get("i"),
        "clientOrderId": told.get("c"),
        "symbol": symbol,
        "side": told.get("S"),
        "amount": told.get("q"),
        "filled": told.get("z"),
        "average": told.get("ap"),
        "price": told.get("p"),
        "triggerPrice": told.get("sp"),
        "reduceOnly": told.get("R"),
        "lastUpdateTimestamp": told.get("T"),
    }


def _pushed_ticker(told: Params, symbol: str) -> Params:
    """Individual Symbol Book Ticker, Ticker or Mark Price stream; only in the last `p` is the mark."""
    return {
        "info": told,
        "symbol": symbol,
        "last": told.get("c"),
        "bid": told.get("b"),
        "ask": told.get("a"),
        "markPrice": told.get("p") if told.get("e") == "markPriceUpdate" else None,
        "timestamp": told.get("C") or told.get("E"),
    }


def _pushed_trade(told: Params, symbol: str) -> Params:
    return {
        "info": told,
        "id": told.get("t"),
        "order": told.get("i"),
        "symbol": symbol,
        "side": told.get("S"),
        "price": told.get("L"),
        "amount": told.get("l"),
        "takerOrMaker": "maker" if told.get("m") else "taker",
        "fee": {"cost": told.get("n"), "currency": told.get("N")},
        "timestamp": told.get("T"),
    }
