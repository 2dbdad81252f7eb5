"""Matching on each price, as exchanges.md fixes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.ledger import Ledger, is_conditional
from app.messages.reports import FillKind
from app.ports.paper_store import PaperOrder, PaperPosition


class Matcher:
    """Runs one account's resting orders against prices. `fill_sizes` bounds what one order fills at a price step."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        self.fill_sizes: dict[str, Decimal] = {}

    def touches(self, symbol: str, quote: Quote) -> bool:
        """Whether this price would do anything at all: no order scan is needed where it would not."""
        book = self.ledger.resting.get(symbol)
        if book and any(_is_crossed(order, quote) for order in book.values()):
            return True
        return bool(self._is_liquidated(symbol, quote))

    def on_price(self, symbol: str, at: datetime) -> list[PaperOrder]:
        """Fill everything the present price crosses, oldest first, reduce-only last; the orders that changed."""
        quote = self.ledger.quotes[symbol]
        changed: dict[int, PaperOrder] = {}
        crossed = [order for order in self.ledger.resting.get(symbol, {}).values() if _is_crossed(order, quote)]
        for order in sorted(crossed, key=lambda item: (item.reduce_only, item.number)):
            after = self._fill_resting(order, quote, at)
            changed[after.number] = after
        for position in self._is_liquidated(symbol, quote):
            for order in self._liquidate(position, at):
                changed[order.number] = order
        return list(changed.values())

    def on_arrival(self, order: PaperOrder, at: datetime) -> PaperOrder:
        """A new order that passed the checks: fill what it crosses at once, else let it rest."""
        ledger = self.ledger
        quote = ledger.quotes[order.symbol]
        order = replace(order, status=OrderStatus.OPEN)
        ledger.put(order)
        if order.type is OrderType.MARKET:
            return self._take(order, _market_price(ledger, order, quote), at)
        if order.type is OrderType.LIMIT and _is_crossed(order, quote):
            order = self._take(order, quote.executable(order.side), at)
        if order.time_in_force is TimeInForce.IOC and order.status in {OrderStatus.OPEN, OrderStatus.PARTIALLY_FILLED}:
            return ledger.end(order, OrderStatus.EXPIRED, at, "immediate-or-cancel")
        return order

    def on_amendment(self, order: PaperOrder, at: datetime) -> PaperOrder:
        """A changed order that now crosses the price fills as a new one would; no other order is touched."""
        quote = self.ledger.quotes[order.symbol]
        if order.type is OrderType.LIMIT and _is_crossed(order, quote):
            return self._take(order, quote.executable(order.side), at)
        return order

    def _fill_resting(self, order: PaperOrder, quote: Quote, at: datetime) -> PaperOrder:
        if order.type is OrderType.LIMIT or (order.type is OrderType.STOP_LIMIT and order.triggered):
            return self._fill(order, order.price or quote.last, Liquidity.MAKER, at)
        if order.type is OrderType.STOP_LIMIT:
            order = replace(order, triggered=True, updated_at=at)
            self.ledger.put(order)
            if not _limit_is_crossed(order, quote):
                return order
            return self._take(order, quote.executable(order.side), at)
        order = replace(order, triggered=True)
        return self._take(order, _market_price(self.ledger, order, quote), at)

    def _take(self, order: PaperOrder, price: Decimal, at: datetime) -> PaperOrder:
        return self._fill(order, price, Liquidity.TAKER, at)

    def _fill(self, order: PaperOrder, price: Decimal, liquidity: Liquidity, at: datetime) -> PaperOrder:
        left = order.quantity - order.filled
        size = self.fill_sizes.get(order.symbol)
        quantity = left if size is None else min(left, size)
        clipped = False
        if order.reduce_only:
            reducible = self.ledger.reducible(order)
            clipped = reducible < quantity
            quantity = min(quantity, reducible)
        if quantity > 0:
            order = self.ledger.execute(order, price, quantity, liquidity, at)
        elif order.triggered:
            self.ledger.put(order)
        if clipped and order.status is not OrderStatus.FILLED:
            return self.ledger.end(order, OrderStatus.EXPIRED, at, "reduce-only: the position is gone or smaller")
        return order

    def _is_liquidated(self, symbol: str, quote: Quote) -> list[PaperPosition]:
        found: list[PaperPosition] = []
        for side in Side:
            position = self.ledger.positions.get((symbol, side))
            price = self.ledger.liquidation_price(position) if position is not None else None
            if position is not None and price is not None and not side.is_better(quote.mark, price):
                found.append(position)
        return found

    def _liquidate(self, position: PaperPosition, at: datetime) -> list[PaperOrder]:
        price = self.ledger.liquidation_price(position)
        cancelled = self.cancel_all(position.symbol, at, "the position was liquidated")
        if price is not None:
            self.ledger.force_close(position, position.quantity, price, FillKind.LIQUIDATION, at)
        return cancelled

    def cancel_all(self, symbol: str, at: datetime, reason: str) -> list[PaperOrder]:
        book = list(self.ledger.resting.get(symbol, {}).values())
        return [self.ledger.end(order, OrderStatus.CANCELLED, at, reason) for order in book]


def _market_price(ledger: Ledger, order: PaperOrder, quote: Quote) -> Decimal:
    return ledger.slipped(order.symbol, order.side, quote.executable(order.side))


def _is_crossed(order: PaperOrder, quote: Quote) -> bool:
    if order.type is OrderType.MARKET or (order.triggered and order.type is not OrderType.STOP_LIMIT):
        return True
    if is_conditional(order.type) and not order.triggered:
        return trigger_is_reached(order.type, order.side, order.trigger_price or quote.last, quote)
    return _limit_is_crossed(order, quote)


def _limit_is_crossed(order: PaperOrder, quote: Quote) -> bool:
    if order.price is None:
        return False
    return quote.ask <= order.price if order.side is OrderSide.BUY else quote.bid >= order.price


def trigger_is_reached(type_: OrderType, side: OrderSide, trigger: Decimal, quote: Quote) -> bool:
    """Stops trigger against the position, take-profits in its favour, both by the last price."""
    rises = (side is OrderSide.BUY) != (type_ is OrderType.TAKE_PROFIT_MARKET)
    return quote.last >= trigger if rises else quote.last <= trigger
