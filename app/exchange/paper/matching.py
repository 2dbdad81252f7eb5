"""Matching on each price, as exchanges.md fixes it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, Liquidity, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.admission import trigger_is_reached, triggers_above
from app.exchange.paper.ledger import Ledger, is_conditional
from app.exchange.paper.margin import CROSS, Margin, market_price
from app.exchange.paper.triggers import Triggers
from app.messages.reports import FillKind
from app.ports.paper_store import PaperOrder, PaperPosition

_ANY_PRICE = Decimal("Infinity")


class Matcher:
    """Runs one account's orders against prices. `fill_sizes` bounds what one order fills at a price step."""

    def __init__(self, ledger: Ledger, margin: Margin) -> None:
        self._ledger = ledger
        self._margin = margin
        self.fill_sizes: dict[str, Decimal] = {}
        self._triggers: dict[str, Triggers] = {}
        self._liquidations: dict[str, list[tuple[Side, Decimal]]] = {}
        ledger.observe(self)

    # ------------------------------------------------------------------ whether anything happens

    def order_changed(self, order: PaperOrder) -> None:
        triggers = self._triggers.setdefault(order.symbol, Triggers())
        if order.is_live:
            triggers.put(order.number, *_crossing(order))
        else:
            triggers.drop(order.number)

    def position_changed(self, symbol: str) -> None:
        self._liquidations.pop(symbol, None)

    def touches(self, symbol: str, quote: Quote) -> bool:
        """Whether a price may do anything at all; costs the same however many orders rest."""
        triggers = self._triggers.get(symbol)
        if triggers is not None and triggers.are_reached(*_span(quote)):
            return True
        return self._margin.has_cross or any(
            not side.is_better(quote.mark, price) for side, price in self._liquidations_of(symbol)
        )

    def _liquidations_of(self, symbol: str) -> list[tuple[Side, Decimal]]:
        """Where a market's isolated positions are liquidated."""
        if symbol not in self._liquidations:
            prices = [(held.side, self._margin.liquidation_price(held)) for held in self._positions(symbol)]
            self._liquidations[symbol] = [(side, price) for side, price in prices if price is not None]
        return self._liquidations[symbol]

    def _positions(self, symbol: str) -> list[PaperPosition]:
        held = (self._ledger.positions.get((symbol, side)) for side in Side)
        return [position for position in held if position is not None]

    # ------------------------------------------------------------------ what happens

    def on_price(self, symbol: str, at: datetime) -> None:
        """Fill everything the present price crosses, oldest first, what only reduces last; then liquidate."""
        quote = self._ledger.quotes[symbol]
        for order in sorted(
            self._take_crossed(symbol, quote), key=lambda item: (self._only_reduces(item), item.number)
        ):
            if order.paired_with is None or self._ledger.orders[order.number].is_live:
                self._fill_resting(order, quote, at)
        self._liquidate_reached(symbol, at)

    def _take_crossed(self, symbol: str, quote: Quote) -> list[PaperOrder]:
        """The orders that this price crosses. What is near but not crossed, as within a spread, stays on watch."""
        triggers = self._triggers.get(symbol)
        if triggers is None:
            return []
        near = [self._ledger.resting[symbol][number] for number in triggers.reached(*_span(quote))]
        return [order for order in near if _is_crossed(order, quote)]

    def on_arrival(self, order: PaperOrder, at: datetime) -> PaperOrder:
        """A new or amended order that passed the checks: fill what it crosses at once, else let it rest."""
        self._ledger.put(order)
        if order.type is OrderType.MARKET or _is_pending_market(order):
            return self._take(order, market_price(self._ledger, order.symbol, order.side), at)
        if is_conditional(order.type) and not order.triggered:
            return order
        return self._take_limit(order, self._ledger.quotes[order.symbol], at)

    def _take_limit(self, order: PaperOrder, quote: Quote, at: datetime) -> PaperOrder:
        if _is_crossed(order, quote):
            order = self._take(order, quote.executable(order.side), at)
        if order.time_in_force is TimeInForce.IOC and order.is_live:
            return self._ledger.end(order, OrderStatus.EXPIRED, at, "immediate or cancel")
        return order

    def _fill_resting(self, order: PaperOrder, quote: Quote, at: datetime) -> None:
        if is_conditional(order.type) and not order.triggered:
            self._ledger.part(order, OrderStatus.EXPIRED, at)
            order = self._ledger.put(replace(order, triggered=True, updated_at=at))
            if order.type is OrderType.STOP_LIMIT:
                self._take_limit(order, quote, at)
                return
        if order.price is not None:
            self._fill(order, order.price, Liquidity.MAKER, at)
        else:
            self._take(order, market_price(self._ledger, order.symbol, order.side), at)

    def _take(self, order: PaperOrder, price: Decimal, at: datetime) -> PaperOrder:
        return self._fill(order, price, Liquidity.TAKER, at)

    def _fill(self, order: PaperOrder, price: Decimal, liquidity: Liquidity, at: datetime) -> PaperOrder:
        quantity = min(order.remaining, self._available(order, price))
        only_reduces = self._only_reduces(order)
        if only_reduces:
            quantity = min(quantity, self._reducible(order))
        affordable = self._affordable(order, price)
        if quantity > affordable:
            order = self._ledger.execute(order, price, affordable, liquidity, at) if affordable > 0 else order
            return self._ledger.end(order, OrderStatus.EXPIRED, at, "the balance does not cover it")
        if quantity > 0:
            order = self._ledger.execute(order, price, quantity, liquidity, at)
        if only_reduces and order.is_live and self._reducible(order) == 0:
            return self._ledger.end(order, OrderStatus.EXPIRED, at, "reduce-only: nothing is left to reduce")
        return order

    def _available(self, order: PaperOrder, price: Decimal) -> Decimal:
        rules, usual = self._ledger.rules[order.symbol], self._ledger.config.fill_size_quote
        size = self.fill_sizes.get(order.symbol)
        if size is not None:
            return rules.quantize_quantity(size)
        if usual is not None:
            return max(rules.quantize_quantity(usual / (price * rules.contract_size)), rules.step_size)
        return _ANY_PRICE

    def _affordable(self, order: PaperOrder, price: Decimal) -> Decimal:
        """On spot a market buy meets prices that were not foreseen when it was taken."""
        if not self._ledger.is_spot or order.side is OrderSide.SELL or order.type in _LIMITS:
            return _ANY_PRICE
        rules = self._ledger.rules[order.symbol]
        own = rules.notional(order.trigger_price or ZERO, order.remaining)
        left = self._ledger.balances.get(rules.quote, ZERO) - self._margin.locked(rules.quote) + own
        return rules.quantize_quantity(left / (price * rules.contract_size))

    def _only_reduces(self, order: PaperOrder) -> bool:
        return self._ledger.only_reduces(order.side, order.position_side, order.reduce_only)

    def _reducible(self, order: PaperOrder) -> Decimal:
        return self._ledger.reducible(order.symbol, order.side, order.position_side)

    # ------------------------------------------------------------------ liquidation

    def _liquidate_reached(self, symbol: str, at: datetime) -> None:
        """Close what the mark took: positions of this market, and cross ones of any."""
        if self._ledger.is_spot:
            return
        for position in list(self._ledger.positions.values()):
            is_cross = self._ledger.leverage(position.symbol)[1] == CROSS
            if position.symbol == symbol or is_cross:
                price = self._margin.liquidation_price(position)
                mark = self._ledger.quotes[position.symbol].mark
                if price is not None and not position.side.is_better(mark, price):
                    self._liquidate(position, price, at)

    def _liquidate(self, position: PaperPosition, price: Decimal, at: datetime) -> None:
        self.cancel_all(position.symbol, at, "the position was liquidated")
        self._ledger.force_close(position, position.quantity, price, FillKind.LIQUIDATION, at)

    def force_liquidation(self, symbol: str, at: datetime) -> None:
        """Liquidate at the mark, reached or not."""
        for position in self._positions(symbol):
            self._liquidate(position, self._ledger.quotes[symbol].mark, at)

    def cancel_all(self, symbol: str, at: datetime, reason: str) -> None:
        for order in list(self._ledger.resting.get(symbol, {}).values()):
            self._ledger.end(order, OrderStatus.CANCELLED, at, reason)


_LIMITS = frozenset({OrderType.LIMIT, OrderType.STOP_LIMIT})


def _span(quote: Quote) -> tuple[Decimal, Decimal]:
    return min(quote.bid, quote.ask, quote.last), max(quote.bid, quote.ask, quote.last)


def _is_pending_market(order: PaperOrder) -> bool:
    """A market order, or a stop that became one, that goes on filling at whatever the price is."""
    return order.type is OrderType.MARKET or (order.triggered and order.type not in _LIMITS)


def _crossing(order: PaperOrder) -> tuple[Decimal, bool]:
    """The price at which something happens to an order, and whether that is above it or below."""
    if _is_pending_market(order):
        return _ANY_PRICE, False
    if is_conditional(order.type) and not order.triggered:
        return order.trigger_price or ZERO, triggers_above(order.type, order.side)
    return order.price or ZERO, order.side is OrderSide.SELL


def _is_crossed(order: PaperOrder, quote: Quote) -> bool:
    if _is_pending_market(order):
        return True
    if is_conditional(order.type) and not order.triggered:
        return trigger_is_reached(order.type, order.side, order.trigger_price or ZERO, quote)
    if order.side is OrderSide.BUY:
        return quote.ask <= (order.price or ZERO)
    return quote.bid >= (order.price or ZERO)
