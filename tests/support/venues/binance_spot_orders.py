"""Endpoints of the Binance spot fake that change something. A docstring's title names the page of its documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from app.domain.market import MarketRules
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.ledger import is_conditional
from app.messages.reports import Accepted, RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRequest
from tests.support.venues.binance_book import ORDER_IDS, Book
from tests.support.venues.binance_orders import Params, Trading, needed, number
from tests.support.venues.binance_rows import Json, decimals
from tests.support.venues.binance_spot_rows import (
    HIGHEST_ASK,
    HIGHEST_BID,
    LOWEST_ASK,
    LOWEST_BID,
    MOST_ALGO_ORDERS,
    MOST_LISTS,
    MOST_NOTIONAL,
    MOST_ORDERS,
    OrderList,
    SpotExtras,
    cancelled_row,
    list_row,
    order_state,
    placed_row,
)
from tests.support.venues.refusals import NO_SUCH_ORDER, UNKNOWN_ORDER, VenueRefusal, mandatory

_O = OrderType
_TYPES = {
    "LIMIT": _O.LIMIT,
    "LIMIT_MAKER": _O.LIMIT,
    "MARKET": _O.MARKET,
    "STOP_LOSS": _O.STOP_MARKET,
    "STOP_LOSS_LIMIT": _O.STOP_LIMIT,
    "TAKE_PROFIT": _O.TAKE_PROFIT_MARKET,
}
_TAKES = {
    "LIMIT": {"price", "timeInForce"},
    "LIMIT_MAKER": {"price"},
    "MARKET": set(),
    "STOP_LOSS": {"stopPrice"},
    "STOP_LOSS_LIMIT": {"price", "stopPrice", "timeInForce"},
    "TAKE_PROFIT": {"stopPrice"},
}
"""What each type must have beside a quantity, and what no other may have."""
_READ_BY_NONE = ("reduceOnly", "positionSide", "closePosition", "workingType")
_DIGITS = 8
_OF_BOOK = {
    RefusalCode.INSUFFICIENT_BALANCE: (-2010, "Account has insufficient balance for requested action."),
    RefusalCode.WOULD_TRIGGER: (-2010, "Order would trigger immediately."),
    RefusalCode.DUPLICATE_ID: (-2010, "Duplicate order sent."),
    RefusalCode.HALTED: (-1013, "Market is closed."),
    RefusalCode.MIN_NOTIONAL: (-1013, "Filter failure: NOTIONAL"),
}
_TAKES_AT_ONCE = VenueRefusal(-2010, "Order would immediately match and take.")


class SpotTrading(Trading):
    """`tell_list` is told of every order list that begins."""

    def __init__(self, book: Book, tell_list: Callable[[OrderList], None]) -> None:
        super().__init__(book)
        self.lists: dict[int, OrderList] = {}
        self._tell_list = tell_list

    # ------------------------------------------------------------------ single orders

    def new_order(self, params: Params) -> Json:
        """Title: New order."""
        kind = _type_of(params)
        request, extras = self._asked(params, kind, params.get("newClientOrderId", ""))
        self._check_counts([request])
        order = self._submitted(request, self.rules(params), extras)
        usual = "FULL" if kind in {"LIMIT", "MARKET"} else "ACK"
        return placed_row(self._book, order, params.get("newOrderRespType", usual))

    def test_order(self, params: Params) -> Json:
        """Title: Test new order. Validated as an order is, and not sent into the matching engine."""
        self._asked(params, _type_of(params), params.get("newClientOrderId", ""))
        return {}

    def cancel_order(self, params: Params) -> Json:
        """Title: Cancel order. A leg of a list takes the whole list with it, and the answer is the list's."""
        self.rules(params)
        order = self._found(params, UNKNOWN_ORDER)
        if not order.is_live:
            raise VenueRefusal(*UNKNOWN_ORDER)
        pair = self._list_of(order)
        if pair is not None and self._book.ledger.paired(order) is not None:
            return self._cancelled_list(pair)
        self._cancelled(order)
        return cancelled_row(self._book, self._book.ledger.orders[order.number])

    def cancel_open_orders(self, params: Params) -> list[Json]:
        """Title: Cancel All Open Orders on a Symbol."""
        symbol = self.rules(params).symbol
        chosen = [order for order in self._book.core.open_orders() if order.symbol == symbol]
        if not chosen:
            raise VenueRefusal(*UNKNOWN_ORDER)
        self._cancel_where(lambda order: order in chosen and self._book.ledger.orders[order.number].is_live)
        return [cancelled_row(self._book, self._book.ledger.orders[order.number]) for order in chosen]

    def _found(self, params: Params, refusal: tuple[int, str]) -> PaperOrder:
        order = self._by_id(params, "orderId", "origClientOrderId", ORDER_IDS)
        if order is None or order.symbol != self.rules(params).symbol:
            raise VenueRefusal(*refusal)
        return order

    def _row(self, order: PaperOrder, *, as_placed: bool = False) -> Json:
        return order_state(self._book, order)

    # ------------------------------------------------------------------ order lists

    def new_oco(self, params: Params) -> Json:
        """Title: New Order list - OCO."""
        above, below = self._leg(params, "above"), self._leg(params, "below")
        self._check_sides(params, above[0].type, below[0].type)
        stop, profit = (above, below) if _side(params) is OrderSide.BUY else (below, above)
        self._check_counts([above[0], below[0]], lists=1)
        rules, first = self.rules(params), self._book.ledger.last_order + 1
        own_id = params.get("listClientOrderId", f"list{first:016d}")
        if any(pair.client_id == own_id and self._is_open(pair) for pair in self.lists.values()):
            raise VenueRefusal(*_OF_BOOK[RefusalCode.DUPLICATE_ID])
        self._check_relation(profit[0], stop[0])
        pair = OrderList(first, own_id, rules.symbol, (first, first + 1))
        self._submit_pair(profit, stop, pair)
        self.lists[pair.number] = pair
        self._tell_list(pair)
        answer = params.get("newOrderRespType", "RESULT")
        reports = [placed_row(self._book, self._book.ledger.orders[each], answer) for each in pair.numbers]
        return list_row(self._book, pair) | {"orderReports": reports}

    def _leg(self, params: Params, name: str) -> tuple[OrderRequest, SpotExtras]:
        """`abovePrice` and its like as an order of its own."""
        told = {key: params[key] for key in ("symbol", "side", "quantity") if key in params}
        for key in ("type", "price", "stopPrice", "timeInForce"):
            spelled = name + key[0].upper() + key[1:]
            if spelled in params:
                told[key] = params[spelled]
        if "type" not in told:
            raise mandatory(f"{name}Type")
        kind = _type_of(told)
        if kind in {"LIMIT", "MARKET"}:
            raise VenueRefusal(-1158, "Order type not supported in OCO.")
        return self._asked(told, kind, params.get(f"{name}ClientOrderId", ""))

    def _check_sides(self, params: Params, above: OrderType, below: OrderType) -> None:
        """Title: Error codes, those of OCO."""
        stops = {_O.STOP_MARKET, _O.STOP_LIMIT}
        if (above in stops) == (below in stops):
            raise VenueRefusal(-1168, "At least one OCO order must be contingent.")
        if _side(params) is OrderSide.SELL and above in stops:
            raise VenueRefusal(-1197, "A stop loss order in a sell OCO must be below.")
        if _side(params) is OrderSide.BUY and below in stops:
            raise VenueRefusal(-1196, "A stop loss order in a buy OCO must be above.")

    def _check_relation(self, profit: OrderRequest, stop: OrderRequest) -> None:
        """Title: New Order list - OCO, price restrictions, by the last price."""
        last = self._book.ledger.quotes[profit.symbol].last
        gain, loss = profit.price or profit.trigger_price or last, stop.trigger_price or last
        in_order = gain > last > loss if profit.side is OrderSide.SELL else gain < last < loss
        if not in_order:
            raise VenueRefusal(-2010, "The relationship of the prices for the orders is not correct.")

    def _submit_pair(
        self, profit: tuple[OrderRequest, SpotExtras], stop: tuple[OrderRequest, SpotExtras], pair: OrderList
    ) -> None:
        book = self._book
        for number_, (_, extras) in zip(pair.numbers, (profit, stop), strict=True):
            book.extras[number_] = replace(extras, list_id=pair.number)
        outcome = book.act(lambda: book.core.submit_pair(profit[0], stop[0], book.clock.now()))
        if isinstance(outcome, Refused):
            for number_ in pair.numbers:
                del book.extras[number_]
            raise _worded(outcome)

    def cancel_list(self, params: Params) -> Json:
        """Title: Cancel Order list."""
        symbol = self.rules(params).symbol
        pair = self._list(params, "listClientOrderId")
        if pair is None or pair.symbol != symbol or not self._is_open(pair):
            raise VenueRefusal(*UNKNOWN_ORDER)
        return self._cancelled_list(pair)

    def query_list(self, params: Params) -> Json:
        """Title: Query Order list."""
        pair = self._list(params, "origClientOrderId")
        if pair is None:
            raise VenueRefusal(-2018, "Order list does not exist.")
        return list_row(self._book, pair)

    def open_lists(self, params: Params) -> list[Json]:
        """Title: Query Open Order lists."""
        return [list_row(self._book, pair) for pair in self.lists.values() if self._is_open(pair)]

    def _list(self, params: Params, by_client: str) -> OrderList | None:
        if params.get("orderListId"):
            return self.lists.get(int(params["orderListId"]))
        own_id = needed(params, by_client)
        return next((pair for pair in reversed(self.lists.values()) if pair.client_id == own_id), None)

    def _list_of(self, order: PaperOrder) -> OrderList | None:
        return next((pair for pair in self.lists.values() if order.number in pair.numbers), None)

    def _is_open(self, pair: OrderList) -> bool:
        return any(self._book.ledger.orders[each].is_live for each in pair.numbers)

    def _cancelled_list(self, pair: OrderList) -> Json:
        orders = self._book.ledger.orders
        self._cancelled(next(orders[each] for each in pair.numbers if orders[each].is_live))
        reports = [cancelled_row(self._book, orders[each]) for each in pair.numbers]
        return list_row(self._book, pair) | {"orderReports": reports}

    # ------------------------------------------------------------------ what an order must be like

    def _asked(self, params: Params, kind: str, own_id: str) -> tuple[OrderRequest, SpotExtras]:
        rules, side = self.rules(params), _side(params)
        _check_parameters(params, kind)
        quantity, price, trigger = (number(params, name) for name in ("quantity", "price", "stopPrice"))
        if quantity is None:
            raise mandatory("quantity")
        self._check_filters(rules, side, quantity, price, trigger)
        force = params.get("timeInForce", "GTC")
        if kind == "LIMIT_MAKER" and price is not None and self._crosses(rules.symbol, side, price):
            raise _TAKES_AT_ONCE
        request = OrderRequest(
            client_order_id=own_id,
            symbol=rules.symbol,
            side=side,
            position_side=Side.LONG,
            type=_TYPES[kind],
            quantity=quantity,
            price=price,
            trigger_price=trigger,
            reduce_only=False,
            time_in_force=TimeInForce.IOC if force in {"IOC", "FOK"} else TimeInForce.GTC,
        )
        return request, SpotExtras(time_in_force=force, is_maker=kind == "LIMIT_MAKER")

    def _check_filters(
        self, rules: MarketRules, side: OrderSide, quantity: Decimal, price: Decimal | None, trigger: Decimal | None
    ) -> None:
        """Title: Filters."""
        for name, value in (("quantity", quantity), ("price", price), ("stopPrice", trigger)):
            if value is not None and decimals(value) > _DIGITS:
                raise VenueRefusal(-1111, f"Parameter '{name}' has too much precision.")
        for value in (price, trigger):
            if value is not None and (value < rules.tick_size or value % rules.tick_size):
                raise _filter("PRICE_FILTER")
        last = self._book.ledger.quotes[rules.symbol].last
        lowest, highest = (LOWEST_BID, HIGHEST_BID) if side is OrderSide.BUY else (LOWEST_ASK, HIGHEST_ASK)
        if price is not None and not last * lowest <= price <= last * highest:
            raise _filter("PERCENT_PRICE_BY_SIDE")
        if quantity < rules.min_qty or quantity % rules.step_size:
            raise _filter("LOT_SIZE")
        if rules.max_qty is not None and quantity > rules.max_qty:
            raise _filter("LOT_SIZE" if price is not None or trigger is not None else "MARKET_LOT_SIZE")
        worth = rules.notional(price or trigger or last, quantity)
        if worth < rules.min_notional or (price is not None and worth > MOST_NOTIONAL):
            raise _filter("NOTIONAL")

    def _check_counts(self, requests: list[OrderRequest], *, lists: int = 0) -> None:
        live = list(self._book.ledger.resting.get(requests[0].symbol, {}).values())
        algos = sum(is_conditional(order.type) for order in live)
        new = sum(is_conditional(request.type) for request in requests)
        if len(live) + len(requests) > MOST_ORDERS:
            raise _filter("MAX_NUM_ORDERS")
        if new and algos + new > MOST_ALGO_ORDERS:
            raise _filter("MAX_NUM_ALGO_ORDERS")
        if lists and sum(self._is_open(pair) for pair in self.lists.values()) + lists > MOST_LISTS:
            raise _filter("MAX_NUM_ORDER_LISTS")

    def _result(self, outcome: Accepted | Refused, rules: MarketRules) -> PaperOrder:
        if isinstance(outcome, Refused):
            raise _worded(outcome)
        return self._book.ledger.orders[int(outcome.order.venue_order_id)]

    def found(self, params: Params) -> PaperOrder:
        return self._found(params, NO_SUCH_ORDER)


def _worded(refused: Refused) -> VenueRefusal:
    return VenueRefusal(*_OF_BOOK.get(refused.code, (-2010, "Unsupported order combination")))


def _filter(name: str) -> VenueRefusal:
    return VenueRefusal(-1013, f"Filter failure: {name}")


def _side(params: Params) -> OrderSide:
    told = needed(params, "side")
    if told not in {"BUY", "SELL"}:
        raise VenueRefusal(-1117, "Invalid side.")
    return OrderSide(told.lower())


def _type_of(params: Params) -> str:
    kind = needed(params, "type")
    if kind not in _TYPES:
        raise VenueRefusal(-1116, "Invalid orderType.")
    return kind


def _check_parameters(params: Params, kind: str) -> None:
    unread = [name for name in _READ_BY_NONE if name in params]
    if unread:
        counts = len(params) - len(unread), len(params)
        raise VenueRefusal(
            -1104, f"Not all sent parameters were read; read '{counts[0]}' parameter(s) but was sent '{counts[1]}'."
        )
    for name in ("price", "stopPrice", "timeInForce"):
        if name in _TAKES[kind] and not params.get(name):
            raise mandatory(name)
        if name not in _TAKES[kind] and name in params:
            raise VenueRefusal(-1106, f"Parameter '{name}' sent when not required.")
    if params.get("timeInForce", "GTC") not in {"GTC", "IOC", "FOK"}:
        raise VenueRefusal(-1115, "Invalid timeInForce.")
