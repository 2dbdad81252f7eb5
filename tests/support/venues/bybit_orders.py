"""Endpoints of the Bybit fakes that change something. A docstring's address names the page of Bybit's documents."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules
from app.domain.values import MarketType, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.ledger import is_conditional, side_opened_by
from app.messages.reports import Accepted, RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRef, OrderRequest
from tests.support.venues.bybit_book import MARGIN_MODES, BybitBook, is_waiting
from tests.support.venues.bybit_refusals import BybitRefusal, malformed, refusal_of
from tests.support.venues.bybit_rows import largest, order_id
from tests.support.venues.words import market_id, text

Params = Mapping[str, Any]
Json = dict[str, Any]
MOST_CONDITIONAL = {MarketType.LINEAR: 10, MarketType.SPOT: 30}
"""Of a market, https://bybit-exchange.github.io/docs/v5/order/create-order"""
MOST_IN_BATCH = {MarketType.LINEAR: 20, MarketType.SPOT: 10}
UNCHANGED = "The order remains unchanged as the parameters entered match the existing ones."


def number(params: Params, name: str) -> Decimal | None:
    value = params.get(name)
    if value in {None, ""}:
        return None
    if not isinstance(value, str):
        raise malformed(f"{name} is a string")
    try:
        found = Decimal(value)
    except InvalidOperation:
        raise malformed(name) from None
    return found


def needed(params: Params, name: str) -> str:
    value = params.get(name)
    if value in {None, ""}:
        raise malformed(f"{name} is required")
    return str(value)


class BybitTrading:
    """The account's changing endpoints on a book."""

    def __init__(self, book: BybitBook) -> None:
        self._book = book
        self._is_spot = book.market_type is MarketType.SPOT

    def rules(self, params: Params) -> MarketRules:
        name = needed(params, "symbol")
        for rules in self._book.ledger.rules.values():
            if market_id(rules) == name:
                return rules
        raise BybitRefusal(170121, "Invalid symbol.") if self._is_spot else malformed("symbol invalid")

    # ------------------------------------------------------------------ orders

    def create(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/create-order"""
        return self._ids(self._placed(params))

    def create_batch(self, params: Params) -> tuple[Json, Json]:
        """https://bybit-exchange.github.io/docs/v5/order/batch-place: each is taken or refused by itself."""
        orders = params.get("request")
        if not isinstance(orders, list) or not 1 <= len(orders) <= MOST_IN_BATCH[self._book.market_type]:
            raise malformed("request")
        rows, told = [], []
        for asked in orders:
            row = {"category": params["category"], "symbol": str(asked.get("symbol", ""))}
            try:
                order = self._placed(asked)
                made = str(round(order.created_at.timestamp() * 1000))
                rows.append(row | self._ids(order) | {"createAt": made})
                told.append({"code": 0, "msg": "OK"})
            except BybitRefusal as refusal:
                rows.append(row | {"orderId": "", "orderLinkId": str(asked.get("orderLinkId", "")), "createAt": ""})
                told.append({"code": refusal.code, "msg": refusal.message})
        return {"list": rows}, {"list": told}

    def amend(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/amend-order"""
        book, order = self._book, self._live(params)
        quantity, price, trigger = (number(params, name) for name in ("qty", "price", "triggerPrice"))
        wanted = (quantity or order.quantity, price or order.price, trigger or order.trigger_price)
        if wanted == (order.quantity, order.price, order.trigger_price):
            raise BybitRefusal(10001, UNCHANGED)
        if wanted[0] <= order.filled:
            raise BybitRefusal(110064, "The number of contracts modified cannot be less than the filled quantity")
        new = trigger if is_conditional(order.type) else price
        outcome = book.act(lambda: book.core.amend(_ref(order), wanted[0], new, book.now()))
        return self._ids(self._result(outcome, book.ledger.rules[order.symbol]))

    def cancel(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/cancel-order; spot looks in the list that is named only."""
        order = self._live(params)
        if self._is_spot:
            asked = params.get("orderFilter", "Order")
            if (asked == "StopOrder") != is_waiting(order):
                raise refusal_of(self._book.market_type, RefusalCode.NOT_FOUND, "")
        self._book.act(lambda: self._book.core.cancel(_ref(order), self._book.now()))
        return self._ids(order)

    def _ids(self, order: PaperOrder) -> Json:
        known = order_id(order.number, self._book.market_type)
        return {"orderId": known, "orderLinkId": order.client_order_id or ""}

    def find(self, params: Params) -> PaperOrder | None:
        """By the venue's id, which goes first, or the client's."""
        ledger = self._book.ledger
        if params.get("orderId"):
            wanted = str(params["orderId"])
            known = (item for item in ledger.orders.values() if order_id(item.number, self._book.market_type) == wanted)
            return next(known, None)
        found = ledger.by_client_id.get(str(params.get("orderLinkId", "")))
        return None if found is None else ledger.orders[found]

    def _live(self, params: Params) -> PaperOrder:
        self.rules(params)
        if not params.get("orderId") and not params.get("orderLinkId"):
            raise malformed("orderId or orderLinkId is required")
        order = self.find(params)
        if order is None or not order.is_live:
            raise refusal_of(self._book.market_type, RefusalCode.NOT_FOUND, "")
        return order

    # ------------------------------------------------------------------ placing

    def _placed(self, params: Params) -> PaperOrder:
        book, rules = self._book, self.rules(params)
        side = _side(needed(params, "side"))
        trigger = number(params, "triggerPrice")
        kind = self._type(params, rules, side, trigger)
        quantity = number(params, "qty")
        if quantity is None:
            raise malformed("qty is required")
        if self._is_spot and kind is OrderType.MARKET and params.get("marketUnit") != "baseCoin":
            raise malformed("this fake takes market orders in baseCoin only")
        price = number(params, "price")
        if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} and price is None:
            raise malformed("price is required")
        self._check_filters(rules, kind, quantity, [each for each in (price, trigger) if each is not None])
        self._check_room(rules, kind)
        if params.get("closeOnTrigger") and params.get("reduceOnly") is not True:
            raise malformed("closeOnTrigger goes with reduceOnly")
        force = str(params.get("timeInForce", "GTC"))
        if force not in {"GTC", "IOC"}:
            raise malformed(f"timeInForce {force} is not played by this fake")
        request = OrderRequest(
            client_order_id=str(params.get("orderLinkId", "")),
            symbol=rules.symbol,
            side=side,
            position_side=self._position_side(params, side),
            type=kind,
            quantity=quantity,
            price=price if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
            trigger_price=trigger,
            reduce_only=not self._is_spot and params.get("reduceOnly") is True,
            time_in_force=TimeInForce(force.lower()),
        )
        by_client = bool(request.client_order_id)
        outcome = book.act(lambda: book.core.submit(request, book.now(), by_client=by_client))
        return self._result(outcome, rules)

    def _check_room(self, rules: MarketRules, kind: OrderType) -> None:
        resting = self._book.ledger.resting.get(rules.symbol, {}).values()
        most = MOST_CONDITIONAL[self._book.market_type]
        if is_conditional(kind) and sum(map(is_waiting, resting)) >= most:
            raise BybitRefusal(110009, "The number of conditional orders exceeds the maximum allowable limit")

    def _result(self, outcome: Accepted | Refused, rules: MarketRules) -> PaperOrder:
        if isinstance(outcome, Refused):
            raise refusal_of(self._book.market_type, outcome.code, outcome.detail, text(rules.min_notional))
        return self._book.ledger.orders[int(outcome.order.venue_order_id)]

    def _type(self, params: Params, rules: MarketRules, side: OrderSide, trigger: Decimal | None) -> OrderType:
        word = needed(params, "orderType")
        if word not in {"Market", "Limit"}:
            raise malformed("orderType")
        if trigger is None:
            return OrderType.LIMIT if word == "Limit" else OrderType.MARKET
        rises = self._rises(params, rules, trigger)
        if word == "Limit":
            if rises != (side is OrderSide.BUY):
                raise malformed("a take-profit with a limit is not played by this fake")
            return OrderType.STOP_LIMIT
        return OrderType.STOP_MARKET if rises == (side is OrderSide.BUY) else OrderType.TAKE_PROFIT_MARKET

    def _rises(self, params: Params, rules: MarketRules, trigger: Decimal) -> bool:
        """Perpetuals are told from which side the price comes, spot sees where it is."""
        last = self._book.ledger.quotes[rules.symbol].last
        if self._is_spot:
            if params.get("orderFilter") != "StopOrder":
                raise BybitRefusal(170202, "Invalid orderFilter parameter.")
            return trigger > last
        told = params.get("triggerDirection")
        if told not in {1, 2}:
            raise malformed("triggerDirection invalid")
        if told == 1 and trigger <= last:
            raise BybitRefusal(110092, f"expect Rising, but trigger_price[{trigger}] <= current[{last}]??LastPrice")
        if told == 2 and trigger >= last:
            raise BybitRefusal(110093, f"expect Falling, but trigger_price[{trigger}] >= current[{last}]??LastPrice")
        return bool(told == 1)

    def _position_side(self, params: Params, side: OrderSide) -> Side:
        if self._is_spot:
            return Side.LONG
        told, hedged = params.get("positionIdx", 0), self._book.ledger.is_hedged
        if told not in ({1, 2} if hedged else {0}):
            raise BybitRefusal(10001, "position idx not match position mode")
        if hedged:
            return Side.LONG if told == 1 else Side.SHORT
        return side_opened_by(side)

    def _check_filters(self, rules: MarketRules, kind: OrderType, quantity: Decimal, prices: list[Decimal]) -> None:
        """https://bybit-exchange.github.io/docs/v5/market/instrument, lotSizeFilter and priceFilter"""
        for price in prices:
            if price <= 0 or price % rules.tick_size:
                raise (
                    BybitRefusal(170134, "Order price has too many decimals.") if self._is_spot else malformed("Price")
                )
        if quantity <= 0 or quantity % rules.step_size:
            raise refusal_of(self._book.market_type, RefusalCode.PRECISION, "")
        if quantity < rules.min_qty:
            code = 170136 if self._is_spot else 10001
            raise BybitRefusal(code, "The number of contracts exceeds minimum limit allowed")
        if quantity > largest(rules, kind):
            code = 170135 if self._is_spot else 10001
            raise BybitRefusal(code, "The number of contracts exceeds maximum limit allowed: too large")

    # ------------------------------------------------------------------ settings

    def set_leverage(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/position/leverage"""
        rules, book = self.rules(params), self._book
        buy, sell = number(params, "buyLeverage"), number(params, "sellLeverage")
        if buy is None or buy != sell:
            raise malformed("buy leverage not equal sell leverage")
        if not 1 <= buy <= 100:
            raise BybitRefusal(110013, f"cannot set leverage [{text(buy)}00] gt maxLeverage [10000] by risk limit")
        if buy == book.ledger.leverage(rules.symbol)[0]:
            raise BybitRefusal(110043, "leverage not modified")
        try:
            book.set_leverage(rules.symbol, buy)
        except OperatorActionNeeded as error:
            raise BybitRefusal(110012, "ab not enough for setting leverage") from error
        return {}

    def set_margin_mode(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/account/set-margin-mode: of the whole account."""
        book, wanted = self._book, needed(params, "setMarginMode")
        if wanted not in MARGIN_MODES:
            raise malformed("setMarginMode")
        if any(book.ledger.resting.values()) or book.ledger.positions:
            raise BybitRefusal(3400045, "Set margin mode failed")
        book.margin_mode = wanted
        for symbol in book.ledger.rules:
            book.set_leverage(symbol, book.ledger.leverage(symbol)[0])
        return {"reasons": []}

    def switch_mode(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/position/position-mode; by coin, which is every market here."""
        hedged, ledger = params.get("mode") == 3, self._book.ledger
        if params.get("mode") not in {0, 3}:
            raise malformed("mode")
        if hedged == ledger.is_hedged:
            raise BybitRefusal(110025, "Position mode is not modified")
        if any(ledger.resting.values()):
            raise BybitRefusal(110028, "You have existing open orders, so position mode cannot be switched")
        if ledger.positions:
            raise BybitRefusal(110024, "You have an existing position, so position mode cannot be switched")
        ledger.is_hedged = hedged
        return {}

    def switch_isolated(self, _params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/position/cross-isolate: not for unified accounts."""
        raise BybitRefusal(100028, "The API cannot be accessed by unified account users.")


def _side(told: str) -> OrderSide:
    if told not in {"Buy", "Sell"}:
        raise malformed("Side invalid")
    return OrderSide(told.lower())


def _ref(order: PaperOrder) -> OrderRef:
    return OrderRef(order.client_order_id or "", str(order.number), order.symbol, order.type)
