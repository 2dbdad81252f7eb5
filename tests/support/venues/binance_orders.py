"""Endpoints of the Binance fake that change something. A docstring's title names the page of Binance's documents."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any

from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.ledger import is_conditional, side_opened_by
from app.messages.reports import Accepted, RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRef, OrderRequest
from tests.support.venues.binance_book import ALGO_IDS, ORDER_IDS, Book, Extras, is_waiting
from tests.support.venues.binance_rows import algo_row, client_id, decimals, order_row
from tests.support.venues.refusals import (
    NO_SUCH_ORDER,
    UNKNOWN_ORDER,
    VenueRefusal,
    malformed,
    mandatory,
    refusal_of,
)
from tests.support.venues.words import market_id, text

Params = Mapping[str, str]
Json = dict[str, Any]
MOST_IN_BATCH = 5
MOST_CANCELLED = 10
_DONE: Json = {"code": 200, "msg": "success"}
_PLAIN = {"LIMIT": OrderType.LIMIT, "MARKET": OrderType.MARKET}
_CONDITIONAL = {
    "STOP_MARKET": OrderType.STOP_MARKET,
    "STOP": OrderType.STOP_LIMIT,
    "TAKE_PROFIT_MARKET": OrderType.TAKE_PROFIT_MARKET,
}
_ONLY_ALGO = {*_CONDITIONAL, "TAKE_PROFIT", "TRAILING_STOP_MARKET"}


def number(params: Params, name: str) -> Decimal | None:
    value = params.get(name)
    if value in {None, ""}:
        return None
    try:
        found = Decimal(str(value))
    except InvalidOperation:
        raise malformed(name) from None
    if not found.is_finite():
        raise malformed(name)
    return found


def needed(params: Params, name: str) -> str:
    value = params.get(name)
    if not value:
        raise mandatory(name)
    return value


def is_true(params: Params, name: str) -> bool:
    return params.get(name, "").lower() == "true"


class Trading:
    """The account's changing endpoints on a book."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def rules(self, params: Params) -> MarketRules:
        name = needed(params, "symbol")
        for rules in self._book.ledger.rules.values():
            if market_id(rules) == name:
                return rules
        raise VenueRefusal(-1121, "Invalid symbol.")

    # ------------------------------------------------------------------ plain orders

    def new_order(self, params: Params) -> Json:
        """Title: New Order."""
        kind = needed(params, "type")
        if kind in _ONLY_ALGO:
            raise VenueRefusal(
                -4120, "Order type not supported for this endpoint. Please use the Algo Order API endpoints instead."
            )
        if kind not in _PLAIN:
            raise VenueRefusal(-1116, "Invalid orderType.")
        order = self._placed(params, _PLAIN[kind], params.get("newClientOrderId"), None)
        return self._row(order, as_placed=params.get("newOrderRespType", "ACK") == "ACK")

    def batch_orders(self, params: Params) -> list[Json]:
        """Title: Place Multiple Orders. Each is taken or refused alone; none may be conditional."""
        orders = _json_list(needed(params, "batchOrders"), "batchOrders")
        if not 1 <= len(orders) <= MOST_IN_BATCH:
            raise VenueRefusal(-4082, "Invalid number of batch place orders.")
        return [self._alone(self.new_order, _strings(order)) for order in orders]

    def _alone(self, endpoint: Callable[[Params], Json], params: Params) -> Json:
        try:
            return endpoint(params)
        except VenueRefusal as refusal:
            return dict(refusal.body)

    def modify_order(self, params: Params) -> Json:
        """Title: Modify Order. A quantity that has filled already cancels it."""
        book, rules = self._book, self.rules(params)
        order = self._found(params, NO_SUCH_ORDER)
        if not order.is_live or order.type is OrderType.MARKET or needed(params, "side") != order.side.upper():
            raise VenueRefusal(*NO_SUCH_ORDER)
        quantity, price = number(params, "quantity"), number(params, "price")
        if quantity is None or price is None:
            raise mandatory("quantity" if quantity is None else "price")
        if (quantity, price) == (order.quantity, order.price):
            raise VenueRefusal(-5027, "No need to modify the order.")
        _check_filters(rules, quantity, price)
        if quantity <= order.filled:
            return self._cancelled(order)
        self._check_maker(book.extras_of(order).time_in_force, order.symbol, order.side, price)
        outcome = book.act(lambda: book.core.amend(_ref(order), quantity, price, book.clock.now()))
        return self._row(self._result(outcome, rules))

    def cancel_order(self, params: Params) -> Json:
        """Title: Cancel Order."""
        self.rules(params)
        order = self._found(params, UNKNOWN_ORDER)
        if not order.is_live:
            raise VenueRefusal(*UNKNOWN_ORDER)
        return self._cancelled(order)

    def cancel_batch(self, params: Params) -> list[Json]:
        """Title: Cancel Multiple Orders."""
        named = {key.lower(): value for key, value in params.items()}
        ids = _json_list(named.get("orderidlist", "[]"), "orderIdList")
        own = _json_list(named.get("origclientorderidlist", "[]"), "origClientOrderIdList")
        wanted = [{"orderId": str(item)} for item in ids] or [{"origClientOrderId": str(item)} for item in own]
        if not 1 <= len(wanted) <= MOST_CANCELLED:
            raise VenueRefusal(-4083, "Invalid number of batch cancel orders.")
        symbol = needed(params, "symbol")
        return [self._alone(self.cancel_order, {"symbol": symbol, **one}) for one in wanted]

    def cancel_all(self, params: Params) -> Json:
        """Title: Cancel All Open Orders. Those of the algo service stay."""
        symbol = self.rules(params).symbol
        self._cancel_where(lambda order: order.symbol == symbol and not is_waiting(order))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    def _cancel_where(self, chosen: Callable[[PaperOrder], bool]) -> None:
        for order in self._book.core.open_orders():
            if chosen(order):
                self._cancelled(order)

    def _cancelled(self, order: PaperOrder) -> Json:
        book = self._book
        book.act(lambda: book.core.cancel(_ref(order), book.clock.now()))
        return self._row(book.ledger.orders[order.number])

    def _row(self, order: PaperOrder, *, as_placed: bool = False) -> Json:
        return order_row(self._book, order, as_placed=as_placed)

    # ------------------------------------------------------------------ conditional orders

    def new_algo_order(self, params: Params) -> Json:
        """Title: New Algo Order."""
        if needed(params, "algoType") != "CONDITIONAL":
            raise malformed("algoType")
        kind = needed(params, "type")
        if kind in _PLAIN or kind not in _ONLY_ALGO:
            raise VenueRefusal(-1116, "Invalid orderType.")
        if kind not in _CONDITIONAL:
            raise VenueRefusal(-1116, f"{kind} is not played by this fake.")
        trigger = number(params, "triggerPrice")
        if trigger is None:
            raise mandatory("triggerPrice")
        order = self._placed(params, _CONDITIONAL[kind], params.get("clientAlgoId"), trigger)
        return algo_row(self._book, order)

    def cancel_algo_order(self, params: Params) -> Json:
        """Title: Cancel Algo Order."""
        order = self.found_algo(params, UNKNOWN_ORDER)
        if not order.is_live or not is_waiting(order):
            raise VenueRefusal(*UNKNOWN_ORDER)
        self._cancelled(order)
        named = {"algoId": ALGO_IDS + order.number, "clientAlgoId": client_id(order)}
        return {**named, "code": "200", "msg": "success"}

    def cancel_algo_orders(self, params: Params) -> Json:
        """Title: Cancel All Algo Open Orders."""
        symbol = self.rules(params).symbol
        self._cancel_where(lambda order: order.symbol == symbol and is_waiting(order))
        return {"code": 200, "msg": "The operation of cancel all open order is done."}

    # ------------------------------------------------------------------ finding

    def _found(self, params: Params, refusal: tuple[int, str]) -> PaperOrder:
        """A plain order by either id; one that waits with the algo service is none."""
        order = self._by_id(params, "orderId", "origClientOrderId", ORDER_IDS)
        if order is None or is_waiting(order):
            raise VenueRefusal(*refusal)
        if "symbol" in params and order.symbol != self.rules(params).symbol:
            raise VenueRefusal(*refusal)
        return order

    def found(self, params: Params) -> PaperOrder:
        return self._found(params, NO_SUCH_ORDER)

    def found_algo(self, params: Params, refusal: tuple[int, str]) -> PaperOrder:
        order = self._by_id(params, "algoId", "clientAlgoId", ALGO_IDS)
        if order is None or not is_conditional(order.type):
            raise VenueRefusal(*refusal)
        return order

    def _by_id(self, params: Params, by_number: str, by_client: str, first: int) -> PaperOrder | None:
        ledger = self._book.ledger
        if params.get(by_number):
            if not params[by_number].isdecimal():
                raise malformed(by_number)
            return ledger.orders.get(int(params[by_number]) - first)
        if params.get(by_client):
            known = ledger.by_client_id.get(params[by_client])
            return ledger.orders[known] if known is not None else None
        raise VenueRefusal(-1102, f"Param '{by_client}' or '{by_number}' must be sent, but both were empty/null!")

    # ------------------------------------------------------------------ placing

    def _placed(self, params: Params, kind: OrderType, own_id: str | None, trigger: Decimal | None) -> PaperOrder:
        book, rules = self._book, self.rules(params)
        side = _side(needed(params, "side"))
        position_side = self._position_side(params, side)
        closes = is_true(params, "closePosition")
        quantity = self._quantity(params, rules, position_side if book.ledger.is_hedged else None, side, closes)
        price = number(params, "price")
        if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} and price is None:
            raise mandatory("price")
        if kind is OrderType.LIMIT:
            needed(params, "timeInForce")
        _check_filters(rules, quantity, price, trigger)
        force = params.get("timeInForce", "GTC")
        self._check_force(force, rules.symbol, side, price, quantity)
        request = OrderRequest(
            client_order_id=own_id or "",
            symbol=rules.symbol,
            side=side,
            position_side=position_side,
            type=kind,
            quantity=quantity,
            price=price if kind in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
            trigger_price=trigger,
            reduce_only=is_true(params, "reduceOnly") or closes,
            time_in_force=TimeInForce.IOC if force in {"IOC", "FOK"} else TimeInForce.GTC,
        )
        return self._submitted(request, rules, Extras(force, params.get("workingType", "CONTRACT_PRICE"), closes))

    def _submitted(self, request: OrderRequest, rules: MarketRules, extras: Extras) -> PaperOrder:
        book = self._book
        following = book.ledger.last_order + 1
        book.extras[following] = extras
        by_client = bool(request.client_order_id)
        outcome = book.act(lambda: book.core.submit(request, book.clock.now(), by_client=by_client))
        if isinstance(outcome, Refused):
            del book.extras[following]
        return self._result(outcome, rules)

    def _result(self, outcome: Accepted | Refused, rules: MarketRules) -> PaperOrder:
        if isinstance(outcome, Refused):
            raise refusal_of(outcome.code, outcome.detail, text(rules.min_notional))
        return self._book.ledger.orders[int(outcome.order.venue_order_id)]

    def _position_side(self, params: Params, side: OrderSide) -> Side:
        told, hedged = params.get("positionSide", "BOTH"), self._book.ledger.is_hedged
        if told not in {"BOTH", "LONG", "SHORT"}:
            raise VenueRefusal(-1117, "Invalid side.")
        if hedged == (told == "BOTH"):
            raise VenueRefusal(-4061, "Order's position side does not match user's setting.")
        if not hedged:
            return side_opened_by(side)
        if "reduceOnly" in params:
            raise VenueRefusal(-1106, "Parameter 'reduceonly' sent when not required.")
        return Side(told.lower())

    def _quantity(
        self, params: Params, rules: MarketRules, position_side: Side | None, side: OrderSide, closes: bool
    ) -> Decimal:
        """Of an order that closes the position: as much as is held now."""
        quantity = number(params, "quantity")
        if closes:
            if quantity is not None or "reduceOnly" in params:
                raise VenueRefusal(-4136, "Target strategy invalid for orderType, closePosition")
            held = self._book.ledger.reducible(rules.symbol, side, position_side or side_opened_by(side))
            if not held:
                raise VenueRefusal(-4509, "Time in Force (TIF) GTE can only be used with open positions.")
            return held
        if quantity is None:
            raise mandatory("quantity")
        return quantity

    def _check_force(self, force: str, symbol: str, side: OrderSide, price: Decimal | None, quantity: Decimal) -> None:
        if force not in {"GTC", "IOC", "FOK", "GTX"}:
            raise VenueRefusal(-1115, "Invalid timeInForce.")
        if price is None:
            return
        self._check_maker(force, symbol, side, price)
        most = self._book.core.matcher.fill_sizes.get(symbol)
        if force == "FOK" and (not self._crosses(symbol, side, price) or (most is not None and most < quantity)):
            raise VenueRefusal(
                -5021, "Due to the order could not be filled immediately, the FOK order has been rejected."
            )

    def _check_maker(self, force: str, symbol: str, side: OrderSide, price: Decimal) -> None:
        if force == "GTX" and self._crosses(symbol, side, price):
            raise VenueRefusal(
                -5022, "Due to the order could not be executed as maker, the Post Only order will be rejected."
            )

    def _crosses(self, symbol: str, side: OrderSide, price: Decimal) -> bool:
        quote = self._book.ledger.quotes[symbol]
        return price >= quote.ask if side is OrderSide.BUY else price <= quote.bid

    # ------------------------------------------------------------------ settings

    def change_leverage(self, params: Params) -> Json:
        """Title: Change Initial Leverage."""
        rules = self.rules(params)
        leverage = number(params, "leverage")
        if leverage is None:
            raise mandatory("leverage")
        if leverage != leverage.to_integral_value() or not 1 <= leverage <= 125:
            raise VenueRefusal(-4028, f"Leverage {text(leverage)} is not valid")
        mode = self._book.ledger.leverage(rules.symbol)[1]
        self._set(rules.symbol, leverage, mode, (-4161, "Leverage reduction is not supported in Isolated Margin Mode "))
        return {"symbol": market_id(rules), "leverage": int(leverage), "maxNotionalValue": "100000000"}

    def change_margin_type(self, params: Params) -> Json:
        """Title: Change Margin Type."""
        rules = self.rules(params)
        told = needed(params, "marginType")
        if told not in {"ISOLATED", "CROSSED"}:
            raise malformed("marginType")
        mode = "isolated" if told == "ISOLATED" else "cross"
        leverage, present = self._book.ledger.leverage(rules.symbol)
        if mode == present:
            raise VenueRefusal(-4046, "No need to change margin type.")
        has_orders = bool(self._book.ledger.resting.get(rules.symbol))
        why = (-4047, "Margin type cannot be changed if there exists open orders.")
        self._set(
            rules.symbol, leverage, mode, why if has_orders else (-4048, why[1].replace("open orders", "position"))
        )
        return dict(_DONE)

    def _set(self, symbol: str, leverage: Decimal, mode: str, refusal: tuple[int, str]) -> None:
        book = self._book
        try:
            book.act(lambda: book.core.set_leverage(symbol, leverage, mode))
        except OperatorActionNeeded as error:
            raise VenueRefusal(*refusal) from error

    def change_position_mode(self, params: Params) -> Json:
        """Title: Change Position Mode."""
        wanted, ledger = needed(params, "dualSidePosition").lower() == "true", self._book.ledger
        if wanted == ledger.is_hedged:
            raise VenueRefusal(-4059, "No need to change position side.")
        if any(ledger.resting.values()):
            raise VenueRefusal(-4067, "Position side cannot be changed if there exists open orders.")
        if ledger.positions:
            raise VenueRefusal(-4068, "Position side cannot be changed if there exists position.")
        ledger.is_hedged = wanted
        return dict(_DONE)


def _check_filters(rules: MarketRules, quantity: Decimal, *prices: Decimal | None) -> None:
    """Title: Common Definition, its filters; in the order that the venue looks at them."""
    if quantity <= 0:
        raise VenueRefusal(-4003, "Quantity less than or equal to zero.")
    for price in prices:
        if price is not None:
            _check_price(rules, price)
    if decimals(quantity) > decimals(rules.step_size):
        raise refusal_of(RefusalCode.PRECISION, "", "")
    if quantity < rules.min_qty:
        raise VenueRefusal(-4004, "Quantity less than min quantity.")
    if rules.max_qty is not None and quantity > rules.max_qty:
        raise VenueRefusal(-4005, "Quantity greater than max quantity.")
    if quantity % rules.step_size:
        raise VenueRefusal(-4023, "Qty not increased by step size.")


def _check_price(rules: MarketRules, price: Decimal) -> None:
    if price <= 0:
        raise VenueRefusal(-4006, "Stop price less than zero." if price < 0 else "Price less than or equal to zero.")
    if decimals(price) > decimals(rules.tick_size):
        raise refusal_of(RefusalCode.PRECISION, "", "")
    if price % rules.tick_size:
        raise VenueRefusal(-4014, "Price not increased by tick size.")


def _side(told: str) -> OrderSide:
    if told not in {"BUY", "SELL"}:
        raise VenueRefusal(-1117, "Invalid side.")
    return OrderSide(told.lower())


def _ref(order: PaperOrder) -> OrderRef:
    return OrderRef(order.client_order_id or "", str(order.number), order.symbol, order.type)


def _json_list(told: str, name: str) -> list[Any]:
    try:
        found = json.loads(told, parse_float=str, parse_int=str)
    except ValueError:
        raise malformed(name) from None
    if not isinstance(found, list):
        raise malformed(name)
    return found


def _strings(order: Mapping[str, Any]) -> Params:
    return {key: str(value).lower() if isinstance(value, bool) else str(value) for key, value in order.items()}
