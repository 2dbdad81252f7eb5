"""OKX spot on loopback, over HTTP. Titles are those of <https://www.okx.com/docs-v5/en/>."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, TimeInForce
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperFill, PaperOrder
from tests.support.venues.small import Call, Endpoint, Json, Placed, Refusal, SmallVenue
from tests.support.venues.small_words import average, fill_order_id, older_than, order_id, signed, text
from tests.support.venues.words import milliseconds

EXPIRES_MS = 30_000
_CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
_OF_BOOK = {
    RefusalCode.INSUFFICIENT_BALANCE: ("51008", "Order failed. Insufficient account balance."),
    RefusalCode.PRECISION: ("51121", "Order quantity must be a multiple of the lot size."),
    RefusalCode.MIN_NOTIONAL: ("51020", "Your order should meet or exceed the minimum order amount."),
    RefusalCode.DUPLICATE_ID: ("51016", "Client order ID already exists."),
    RefusalCode.HALTED: ("51022", "Instrument is suspended."),
    RefusalCode.NOT_FOUND: ("51400", "Cancellation failed as the order has been filled, canceled or does not exist."),
}
_ORDER_TYPES = {"limit": TimeInForce.GTC, "ioc": TimeInForce.IOC}
_STATES = {"open": "live", "partially_filled": "partially_filled", "filled": "filled"}


class OkxSpot(SmallVenue):
    name = "okx"
    limit_headers: Mapping[str, str] = {}

    def endpoints(self) -> Mapping[tuple[str, str], Endpoint]:
        api = "/api/v5"
        return {
            ("GET", f"{api}/public/time"): Endpoint(self._time, is_private=False),
            ("GET", f"{api}/public/instruments"): Endpoint(self._instruments, is_private=False),
            ("GET", f"{api}/market/ticker"): Endpoint(self._ticker, is_private=False),
            ("GET", f"{api}/market/candles"): Endpoint(self._candles, is_private=False),
            ("GET", f"{api}/account/balance"): Endpoint(self._balance),
            ("GET", f"{api}/account/config"): Endpoint(self._config),
            ("POST", f"{api}/trade/order"): Endpoint(self._place),
            ("POST", f"{api}/trade/cancel-order"): Endpoint(self._cancel),
            ("GET", f"{api}/trade/order"): Endpoint(self._order),
            ("GET", f"{api}/trade/orders-pending"): Endpoint(self._pending),
            ("GET", f"{api}/trade/fills-history"): Endpoint(self._fills),
        }

    # ------------------------------------------------------------------ errors

    def check(self, call: Call) -> None:
        """Title: REST Authentication."""
        headers = call.headers
        if headers.get("OK-ACCESS-KEY") != self.api_key:
            raise self._denied("50111", "Invalid OK-ACCESS-KEY.")
        if headers.get("OK-ACCESS-PASSPHRASE") != self.password:
            raise self._denied("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.")
        stamp = headers.get("OK-ACCESS-TIMESTAMP", "")
        at = milliseconds(datetime.fromisoformat(stamp))
        if abs(self.now() - at) > EXPIRES_MS:
            raise self._denied("50102", "Timestamp request expired.")
        query = f"?{call.query}" if call.query else ""
        if headers.get("OK-ACCESS-SIGN") != signed(self.secret, stamp + call.method + call.path + query + call.body):
            raise self._denied("50113", "Invalid Sign.")

    def _denied(self, code: str, message: str) -> Refusal:
        return Refusal(code, self.error(code, message), 401)

    def error(self, code: str, message: str) -> Json:
        return {"code": code, "data": [], "msg": message}

    def limited(self) -> Json:
        return self.error("50011", "Too Many Requests")

    def refusal_of(self, refused: Refused, rules: MarketRules) -> Refusal:
        """The order's own code comes inside an answer of status 200."""
        return self._failed(*_OF_BOOK.get(refused.code, ("51000", f"Parameter error: {refused.detail}")))

    def _failed(self, code: str, message: str) -> Refusal:
        row = {"clOrdId": "", "ordId": "", "sCode": code, "sMsg": message, "tag": "", "ts": str(self.now())}
        return Refusal(code, {"code": "1", "data": [row], "msg": "All operations failed"}, 200)

    def market_name(self, rules: MarketRules) -> str:
        return f"{rules.base}-{rules.quote}"

    def unknown_market(self) -> Refusal:
        return Refusal("51001", self.error("51001", "Instrument ID does not exist"), 200)

    # ------------------------------------------------------------------ the market

    def _time(self, call: Call) -> Json:
        """Title: Get system time."""
        return _told([{"ts": str(self.now())}])

    def _instruments(self, call: Call) -> Json:
        """Title: Get instruments."""
        listed = self.ledger.rules.values() if call.params.get("instType") == "SPOT" else ()
        return _told([self._instrument(rules) for rules in listed])

    def _instrument(self, rules: MarketRules) -> Json:
        return {
            "instType": "SPOT",
            "instId": self.market_name(rules),
            "baseCcy": rules.base,
            "quoteCcy": rules.quote,
            "settleCcy": "",
            "uly": "",
            "instFamily": "",
            "lotSz": text(rules.step_size),
            "minSz": text(rules.min_qty),
            "tickSz": text(rules.tick_size),
            "maxLmtSz": text(rules.max_qty),
            "maxMktSz": "1000000",
            "lever": "",
            "state": "live",
            "listTime": "1548133413000",
        }

    def _ticker(self, call: Call) -> Json:
        """Title: Get ticker."""
        rules = self.rules(call.params.get("instId"))
        quote = self.quote(rules)
        row = {
            "instType": "SPOT",
            "instId": self.market_name(rules),
            "last": text(quote.last),
            "bidPx": text(quote.bid),
            "bidSz": "1",
            "askPx": text(quote.ask),
            "askSz": "1",
            "ts": str(milliseconds(quote.at)),
        }
        return _told([row])

    def _candles(self, call: Call) -> Json:
        """Title: Get candlesticks. Newest first."""
        rules = self.rules(call.params.get("instId"))
        bars = self.bars(rules, call.params.get("bar", "1m"), int(call.params.get("limit", "100")))
        rows = []
        for bar in reversed(bars):
            sides = [text(each) for each in (bar.open, bar.high, bar.low, bar.close)]
            rows.append([str(milliseconds(bar.at)), *sides, "0", "0", "0", "0"])
        return _told(rows)

    # ------------------------------------------------------------------ orders

    def _place(self, call: Call) -> Json:
        """Title: Place order."""
        params = call.params
        rules = self.rules(params.get("instId"))
        if params.get("tdMode") != "cash":
            raise self._failed("51000", "Parameter tdMode error")
        if not _CLIENT_ID.fullmatch(params.get("clOrdId", "")):
            raise self._failed("51000", "Parameter clOrdId error")
        is_market = params["ordType"] == "market"
        if is_market and params["side"] == "buy" and params.get("tgtCcy") != "base_ccy":
            raise self._failed("51000", "This fake takes market buys in base_ccy only")
        placed = Placed(
            symbol=rules.symbol,
            side=OrderSide(params["side"]),
            type=OrderType.MARKET if is_market else OrderType.LIMIT,
            quantity=Decimal(params["sz"]),
            price=None if is_market else Decimal(params["px"]),
            client_order_id=params["clOrdId"],
            time_in_force=TimeInForce.GTC if is_market else _ORDER_TYPES[params["ordType"]],
        )
        return _told([self._acknowledged(self.place(placed))])

    def _acknowledged(self, order: PaperOrder) -> Json:
        return {
            "clOrdId": order.client_order_id or "",
            "ordId": order_id(order),
            "sCode": "0",
            "sMsg": "",
            "tag": "",
            "ts": str(self.now()),
        }

    def _cancel(self, call: Call) -> Json:
        """Title: Cancel order."""
        self.rules(call.params.get("instId"))
        order = self._named(call)
        if order is None:
            raise self._failed("51400", "Cancellation failed as the order does not exist.")
        return _told([self._acknowledged(self.cancel(order))])

    def _order(self, call: Call) -> Json:
        """Title: Order details."""
        self.rules(call.params.get("instId"))
        order = self._named(call)
        if order is None:
            raise Refusal("51603", self.error("51603", "Order does not exist"), 200)
        return _told([self._row(order)])

    def _named(self, call: Call) -> PaperOrder | None:
        """The client's id is used where both are given."""
        if call.params.get("clOrdId"):
            return self.by_client_id(call.params["clOrdId"])
        return self.by_id(call.params.get("ordId"))

    def _pending(self, call: Call) -> Json:
        """Title: Order list."""
        name = call.params.get("instId")
        return _told([self._row(order) for order in self.open_orders(self.rules(name).symbol if name else None)])

    def _row(self, order: PaperOrder) -> Json:
        rules = self.ledger.rules[order.symbol]
        is_market = order.type is OrderType.MARKET
        kind = "limit" if order.time_in_force is TimeInForce.GTC else order.time_in_force.value
        return {
            "instType": "SPOT",
            "instId": self.market_name(rules),
            "ordId": order_id(order),
            "clOrdId": order.client_order_id or "",
            "px": "" if order.price is None else text(order.price),
            "sz": text(order.quantity),
            "ordType": "market" if is_market else kind,
            "side": order.side.value,
            "posSide": "net",
            "tdMode": "cash",
            "tgtCcy": "base_ccy" if is_market else "",
            "accFillSz": text(order.filled),
            "avgPx": "" if not order.filled else text(average(order)),
            "state": _STATES.get(order.status.value, "canceled"),
            "fee": "0",
            "feeCcy": rules.base,
            "reduceOnly": "false",
            "cTime": str(milliseconds(order.created_at)),
            "uTime": str(milliseconds(order.updated_at)),
        }

    def _fills(self, call: Call) -> Json:
        """Title: Transaction details (last 3 months). Newest first, 100 at most."""
        params = call.params
        name, wanted = params.get("instId"), self.by_id(params.get("ordId"))
        symbol = self.rules(name).symbol if name else None
        fits = self.between(params.get("begin"), params.get("end"))
        fills = older_than(self.fills_of(symbol, wanted), params.get("after"))
        rows = [self._fill(fill) for fill in fills if fits(fill)]
        return _told(rows[: int(params.get("limit", "100"))])

    def _fill(self, fill: PaperFill) -> Json:
        return {
            "instType": "SPOT",
            "instId": self.market_name(self.ledger.rules[fill.symbol]),
            "tradeId": str(fill.number),
            "billId": str(fill.number),
            "ordId": fill_order_id(fill),
            "clOrdId": fill.client_order_id or "",
            "fillPx": text(fill.price),
            "fillSz": text(fill.quantity),
            "side": fill.side.value,
            "execType": "M" if fill.liquidity.value == "maker" else "T",
            "feeCcy": fill.fee_asset,
            "fee": text(-fill.fee),
            "ts": str(milliseconds(fill.at)),
        }

    def _config(self, call: Call) -> Json:
        """Title: Get account configuration."""
        return _told([{"acctLv": "1", "posMode": "net_mode", "uid": "1", "perm": "read_only,trade", "ip": ""}])

    def _balance(self, call: Call) -> Json:
        """Title: Get balance."""
        details = []
        for asset, total, free in self.held():
            row = {"ccy": asset, "eq": text(total), "cashBal": text(total), "availEq": "", "availBal": text(free)}
            details.append({**row, "frozenBal": text(total - free)})
        return _told([{"uTime": str(self.now()), "details": details}])


def _told(data: list[Any]) -> Json:
    return {"code": "0", "data": data, "msg": ""}
