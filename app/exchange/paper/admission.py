"""What the paper exchange checks before it takes an order; as strict as a real venue."""

from __future__ import annotations

from decimal import Decimal

from app.domain.market import MarketRules, Quote
from app.domain.values import ZERO, OrderSide, OrderType
from app.exchange.paper.ledger import Ledger, is_conditional
from app.exchange.paper.margin import Margin, market_price
from app.messages.reports import RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRequest

_PROFITS = frozenset({OrderType.LIMIT, OrderType.TAKE_PROFIT_MARKET})
_STOPS = frozenset({OrderType.STOP_MARKET, OrderType.STOP_LIMIT})


class Admission:
    """Says why an order, or a change of one, is not taken."""

    def __init__(self, ledger: Ledger, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin
        self.halted: set[str] = set()

    def refusal_of(self, request: OrderRequest, amended: PaperOrder | None = None) -> Refused | None:
        """None where it is taken. With `amended`, `request` is what that order would become."""
        rules, quote = self._ledger.rules.get(request.symbol), self._ledger.quotes.get(request.symbol)
        if rules is None or quote is None:
            return Refused(RefusalCode.INVALID_ORDER, f"unknown symbol {request.symbol}")
        if request.symbol in self.halted:
            return Refused(RefusalCode.HALTED, f"trading of {request.symbol} is halted")
        if amended is None and request.client_order_id in self._ledger.by_client_id:
            return Refused(RefusalCode.DUPLICATE_ID, f"the id {request.client_order_id} was used before")
        left = request.quantity - (amended.filled if amended is not None else ZERO)
        return (
            _shape(request)
            or _precision(request, rules)
            or (None if amended is not None and amended.triggered else _trigger(request, quote))
            or self._reduce_only(request)
            or self._size(request, rules)
            or _band(request, rules, quote)
            or (None if amended is not None else self._room(request, rules))
            or self._funds(request, left, rules, amended)
        )

    def refusal_of_pair(self, take_profit: OrderRequest, stop: OrderRequest) -> Refused | None:
        """Why two orders over one quantity are not taken. Each must be good alone: together they bind what one does."""
        if not self._ledger.is_spot:
            return Refused(RefusalCode.INVALID_ORDER, "only spot has pairs")
        return (
            _pairing(take_profit, stop)
            or self.refusal_of(take_profit)
            or self.refusal_of(stop)
            or _through(take_profit, self._ledger.quotes[take_profit.symbol])
        )

    def _binds(self, request: OrderRequest) -> bool:
        return self._ledger.only_reduces(request.side, request.position_side, request.reduce_only)

    def _reduce_only(self, request: OrderRequest) -> Refused | None:
        if request.reduce_only and self._ledger.is_spot:
            return Refused(RefusalCode.INVALID_ORDER, "spot knows no reduce-only orders")
        if self._binds(request) and not self._ledger.reducible(request.symbol, request.side, request.position_side):
            return Refused(RefusalCode.REDUCE_ONLY, "there is no position to reduce")
        return None

    def _size(self, request: OrderRequest, rules: MarketRules) -> Refused | None:
        if request.quantity < rules.min_qty:
            return Refused(RefusalCode.MIN_NOTIONAL, f"the least quantity is {rules.min_qty:f}")
        if rules.max_qty is not None and request.quantity > rules.max_qty:
            return Refused(RefusalCode.INVALID_ORDER, f"the largest quantity of an order is {rules.max_qty:f}")
        worth = rules.notional(self._price(request), request.quantity)
        if worth < rules.min_notional and not self._binds(request):
            return Refused(
                RefusalCode.MIN_NOTIONAL, f"worth {worth:f}, the least is {rules.min_notional:f} {rules.quote}"
            )
        return None

    def _room(self, request: OrderRequest, rules: MarketRules) -> Refused | None:
        most = rules.max_conditional_orders
        if most is None or not is_conditional(request.type):
            return None
        live = sum(is_conditional(order.type) for order in self._ledger.resting.get(request.symbol, {}).values())
        if live < most:
            return None
        return Refused(RefusalCode.INVALID_ORDER, f"{most} conditional orders are live, there may be no more")

    def _price(self, request: OrderRequest) -> Decimal:
        """What a unit costs at the most, or brings at the least."""
        if request.trigger_price is not None or request.price is not None:
            return request.price or request.trigger_price or ZERO
        return market_price(self._ledger, request.symbol, request.side)

    def _funds(
        self, request: OrderRequest, left: Decimal, rules: MarketRules, amended: PaperOrder | None
    ) -> Refused | None:
        if self._ledger.is_spot:
            if request.side is OrderSide.SELL:
                freed = amended.remaining if amended is not None else ZERO
                return self._unless_free(rules.base, left, freed)
            freed = rules.notional(_limit_of(amended), amended.remaining) if amended is not None else ZERO
            return self._unless_free(rules.quote, rules.notional(self._price(request), left), freed)
        if self._binds(request):
            return None
        opening = self._margin.opening_part(request.symbol, request.side, left, amended)
        if opening <= 0:
            return None
        price = self._price(request)
        if request.side is OrderSide.SELL and request.type is OrderType.LIMIT:
            price = max(price, self._ledger.quotes[request.symbol].bid)
        return self._unless_free(
            rules.quote, self._margin.initial(request.symbol, price, opening), self._margin_of(amended)
        )

    def _margin_of(self, amended: PaperOrder | None) -> Decimal:
        if amended is None:
            return ZERO
        opening = self._margin.opening_part(amended.symbol, amended.side, amended.remaining, amended)
        return self._margin.initial(amended.symbol, _limit_of(amended), opening)

    def _unless_free(self, asset: str, needed: Decimal, freed: Decimal) -> Refused | None:
        free = self._margin.free(asset) + freed
        if needed <= free:
            return None
        return Refused(RefusalCode.INSUFFICIENT_BALANCE, f"{needed:f} {asset} needed, {free:f} free")


def _band(request: OrderRequest, rules: MarketRules, quote: Quote) -> Refused | None:
    """The whole of the band counts here, from the last price."""
    if rules.band is None or request.price is None:
        return None
    ratio, lowest, highest = request.price / quote.last, rules.band.lowest_buy, rules.band.highest_sell
    is_low = request.side is OrderSide.BUY and lowest is not None and ratio < lowest
    is_high = request.side is OrderSide.SELL and highest is not None and ratio > highest
    return Refused(RefusalCode.INVALID_ORDER, "too far from the price") if is_low or is_high else None


def _limit_of(order: PaperOrder) -> Decimal:
    return order.price or order.trigger_price or ZERO


def _pairing(take_profit: OrderRequest, stop: OrderRequest) -> Refused | None:
    same = (take_profit.symbol, take_profit.side, take_profit.quantity) == (stop.symbol, stop.side, stop.quantity)
    if take_profit.type not in _PROFITS or stop.type not in _STOPS or not same:
        return Refused(RefusalCode.INVALID_ORDER, "a pair is a profit and a stop, of one side and quantity")
    if take_profit.client_order_id == stop.client_order_id:
        return Refused(RefusalCode.DUPLICATE_ID, "both orders of a pair have one id")
    return None


def _through(take_profit: OrderRequest, quote: Quote) -> Refused | None:
    """A limit order of a pair must rest."""
    price = take_profit.price
    if price is None:
        return None
    buying = take_profit.side is OrderSide.BUY
    crosses = price >= min(quote.ask, quote.last) if buying else price <= max(quote.bid, quote.last)
    if not crosses:
        return None
    return Refused(RefusalCode.WOULD_TRIGGER, f"{price:f} would fill at once")


def _shape(request: OrderRequest) -> Refused | None:
    needs_price = request.type in {OrderType.LIMIT, OrderType.STOP_LIMIT}
    if needs_price != (request.price is not None):
        return Refused(RefusalCode.INVALID_ORDER, f"a {request.type} order has {'a' if needs_price else 'no'} price")
    needs_trigger = is_conditional(request.type)
    if needs_trigger != (request.trigger_price is not None):
        return Refused(
            RefusalCode.INVALID_ORDER, f"a {request.type} order has {'a' if needs_trigger else 'no'} trigger price"
        )
    return None


def _precision(request: OrderRequest, rules: MarketRules) -> Refused | None:
    for price in (request.price, request.trigger_price):
        if price is not None and (price <= 0 or price % rules.tick_size):
            return Refused(RefusalCode.PRECISION, f"{price:f} is no multiple of the tick {rules.tick_size:f}")
    if request.quantity <= 0 or request.quantity % rules.step_size:
        return Refused(RefusalCode.PRECISION, f"{request.quantity:f} is no multiple of the step {rules.step_size:f}")
    return None


def _trigger(request: OrderRequest, quote: Quote) -> Refused | None:
    if request.trigger_price is None or not trigger_is_reached(
        request.type, request.side, request.trigger_price, quote
    ):
        return None
    return Refused(RefusalCode.WOULD_TRIGGER, f"{quote.last:f} is through {request.trigger_price:f} already")


def trigger_is_reached(type_: OrderType, side: OrderSide, trigger: Decimal, quote: Quote) -> bool:
    """Stops trigger against the position, take-profits in its favour, both by the last price."""
    return quote.last >= trigger if triggers_above(type_, side) else quote.last <= trigger


def triggers_above(type_: OrderType, side: OrderSide) -> bool:
    return (side is OrderSide.BUY) != (type_ is OrderType.TAKE_PROFIT_MARKET)
