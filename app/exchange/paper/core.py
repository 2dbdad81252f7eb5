"""The paper exchange's heart: takes orders and prices, changes the books, answers. Synchronous and pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, OrderSide, OrderType, Side, TimeInForce
from app.exchange.paper.admission import Admission
from app.exchange.paper.ledger import Ledger, side_opened_by
from app.exchange.paper.margin import Margin
from app.exchange.paper.matching import Matcher
from app.exchange.paper.reporting import Reporter
from app.messages.reports import Accepted, FillKind, RefusalCode, Refused
from app.ports.paper_store import PaperOrder
from app.ports.venue import OrderRef, OrderRequest

MAX_LEVERAGE = Decimal(125)
_MARGIN_MODES = frozenset({"isolated", "cross"})


class Core:
    """One account. Nothing here is saved or told: `ledger.written_since` says what a call changed."""

    def __init__(self, config: AccountConfig) -> None:
        self.ledger = Ledger(config)
        self.margin = Margin(self.ledger)
        self.admission = Admission(self.ledger, self.margin)
        self.matcher = Matcher(self.ledger, self.margin)
        self.report = Reporter(self.ledger, self.margin)

    # ------------------------------------------------------------------ prices

    def touches(self, symbol: str, quote: Quote) -> bool:
        return symbol not in self.admission.halted and self.matcher.touches(symbol, quote)

    def on_price(self, symbol: str, quote: Quote, at: datetime) -> None:
        """A price step: everything that it crosses fills."""
        self.ledger.see(symbol, quote)
        if self.touches(symbol, quote):
            self.matcher.on_price(symbol, at)

    # ------------------------------------------------------------------ orders

    def submit(self, request: OrderRequest, at: datetime, *, by_client: bool = True) -> Accepted | Refused:
        """Take an order, or refuse it; one that is not `by_client` is a person's and has no client order id."""
        refused = self.admission.refusal_of(request)
        if refused is not None:
            return refused
        order = self._order(request, self.ledger.last_order + 1, at, by_client=by_client)
        return self._accepted(self.matcher.on_arrival(order, at))

    def submit_pair(
        self, take_profit: OrderRequest, stop: OrderRequest, at: datetime
    ) -> tuple[Accepted, Accepted] | Refused:
        """Take two orders over one quantity, or refuse both."""
        refused = self.admission.refusal_of_pair(take_profit, stop)
        if refused is not None:
            return refused
        first = self.ledger.last_order + 1
        orders = [self._order(take_profit, first, at, pair=first + 1), self._order(stop, first + 1, at, pair=first)]
        for order in orders:
            self.ledger.put(order)
        return self._accepted(orders[0]), self._accepted(orders[1])

    def _order(
        self, request: OrderRequest, number: int, at: datetime, *, by_client: bool = True, pair: int | None = None
    ) -> PaperOrder:
        return PaperOrder(
            account=self.ledger.account,
            number=number,
            client_order_id=request.client_order_id if by_client else None,
            symbol=request.symbol,
            side=request.side,
            position_side=request.position_side,
            type=request.type,
            status=OrderStatus.OPEN,
            quantity=request.quantity,
            filled=ZERO,
            filled_value=ZERO,
            price=request.price,
            trigger_price=request.trigger_price,
            reduce_only=request.reduce_only,
            time_in_force=request.time_in_force,
            triggered=False,
            created_at=at,
            updated_at=at,
            paired_with=pair,
        )

    def cancel(self, ref: OrderRef, at: datetime) -> Accepted | Refused:
        found = self.find(ref)
        if found is None or not found.is_live:
            return Refused(RefusalCode.NOT_FOUND, "there is no such live order")
        return self._accepted(self.ledger.end(found, OrderStatus.CANCELLED, at))

    def amend(self, ref: OrderRef, quantity: Decimal, price: Decimal | None, at: datetime) -> Accepted | Refused:
        """Change a live order; it keeps its place in line. A stop-limit's limit keeps its distance to the trigger."""
        found = self.find(ref)
        if found is None or not found.is_live:
            return Refused(RefusalCode.NOT_FOUND, "there is no such live order")
        if quantity < found.filled:
            return Refused(RefusalCode.INVALID_ORDER, f"{found.filled:f} has filled already")
        if self.ledger.paired(found) is not None:
            return Refused(RefusalCode.INVALID_ORDER, "an order of a pair cannot be changed")
        changed = replace(_repriced(found, price), quantity=quantity, updated_at=at)
        if quantity == found.filled:
            return self._accepted(self.ledger.end(changed, OrderStatus.FILLED, at))
        refused = self.admission.refusal_of(_request_of(changed), amended=found)
        if refused is not None:
            return refused
        return self._accepted(self.matcher.on_arrival(changed, at))

    def find(self, ref: OrderRef) -> PaperOrder | None:
        """By the client's id, else by the venue's."""
        number = self.ledger.by_client_id.get(ref.client_order_id)
        if number is None and ref.venue_order_id is not None and ref.venue_order_id.isdecimal():
            number = int(ref.venue_order_id)
        return None if number is None else self.ledger.orders.get(number)

    def _accepted(self, order: PaperOrder) -> Accepted:
        return Accepted(self.report.order(order, with_fills=True))

    def open_orders(self) -> list[PaperOrder]:
        """Live orders of all markets, oldest first."""
        live = [order for book in self.ledger.resting.values() for order in book.values()]
        return sorted(live, key=lambda order: order.number)

    # ------------------------------------------------------------------ settings

    def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        """OperatorActionNeeded where real venues refuse: a mode change while in use, less leverage than is used."""
        if self.ledger.is_spot or self.ledger.leverage(symbol) == (leverage, margin_mode):
            return
        if not 1 <= leverage <= MAX_LEVERAGE or margin_mode not in _MARGIN_MODES:
            raise OperatorActionNeeded(f"{symbol}: leverage {leverage} with {margin_mode} margin is not offered")
        before, mode = self.ledger.leverage(symbol)
        is_held = any((symbol, side) in self.ledger.positions for side in Side)
        if mode != margin_mode and (is_held or self.ledger.resting.get(symbol)):
            raise OperatorActionNeeded(f"{symbol}: the margin mode cannot change while there are orders or a position")
        if leverage < before and is_held and mode == "isolated":
            raise OperatorActionNeeded(f"{symbol}: the leverage of an isolated position cannot be lowered")
        self.ledger.set_leverage(symbol, leverage, margin_mode)

    # ------------------------------------------------------------------ without the client

    def close_by_hand(self, symbol: str, quantity: Decimal | None, at: datetime) -> None:
        """Somebody sells what the account has of a market, or part of it, at market. On spot the orders that lock what
        is to be sold are cancelled first."""
        if self.ledger.is_spot:
            rules = self.ledger.rules[symbol]
            held = rules.quantize_quantity(self.ledger.balances.get(rules.base, ZERO))
            if self.margin.free(rules.base) < (held if quantity is None else min(quantity, held)):
                self.cancel_by_hand(lambda order: order.symbol == symbol and order.side is OrderSide.SELL, at)
            self._sell_by_hand(symbol, Side.LONG, held, quantity, at)
            return
        for side in Side:
            position = self.ledger.positions.get((symbol, side))
            if position is not None:
                self._sell_by_hand(symbol, side, position.quantity, quantity, at)

    def _sell_by_hand(self, symbol: str, side: Side, held: Decimal, quantity: Decimal | None, at: datetime) -> None:
        part = held if quantity is None else min(quantity, held)
        if part > 0:
            request = OrderRequest(
                client_order_id="",
                symbol=symbol,
                side=side.exit_order_side,
                position_side=side,
                type=OrderType.MARKET,
                quantity=part,
                price=None,
                trigger_price=None,
                reduce_only=not self.ledger.is_spot,
                time_in_force=TimeInForce.GTC,
            )
            self.submit(request, at, by_client=False)

    def place_by_hand(
        self,
        symbol: str,
        side: OrderSide,
        type_: OrderType,
        quantity: Decimal,
        price: Decimal | None,
        at: datetime,
    ) -> Accepted | Refused:
        """Somebody places an order; `price` is a stop's trigger."""
        request = OrderRequest(
            client_order_id="",
            symbol=symbol,
            side=side,
            position_side=side_opened_by(side),
            type=type_,
            quantity=quantity,
            price=price if type_ in {OrderType.LIMIT, OrderType.STOP_LIMIT} else None,
            trigger_price=None if type_ in {OrderType.LIMIT, OrderType.MARKET} else price,
            reduce_only=False,
            time_in_force=TimeInForce.GTC,
        )
        return self.submit(request, at, by_client=False)

    def cancel_by_hand(self, chosen: Callable[[PaperOrder], bool], at: datetime) -> int:
        """Somebody cancels orders; how many."""
        live = [order for order in self.open_orders() if chosen(order)]
        for order in live:
            if self.ledger.orders[order.number].is_live:
                self.ledger.end(order, OrderStatus.CANCELLED, at, "cancelled by hand")
        return len(live)

    def force(self, symbol: str, kind: FillKind, quantity: Decimal | None, at: datetime) -> None:
        """Liquidate a market's positions whole, or auto-deleverage part of them, at the mark."""
        if kind is FillKind.LIQUIDATION:
            self.matcher.force_liquidation(symbol, at)
            return
        for side in Side:
            position = self.ledger.positions.get((symbol, side))
            if position is not None:
                part = position.quantity if quantity is None else min(quantity, position.quantity)
                self.ledger.force_close(position, part, self.ledger.quotes[symbol].mark, kind, at)


def _repriced(order: PaperOrder, price: Decimal | None) -> PaperOrder:
    if price is None or order.type is OrderType.MARKET:
        return order
    if order.trigger_price is None:
        return replace(order, price=price)
    limit = None if order.price is None else order.price + price - order.trigger_price
    return replace(order, trigger_price=price, price=limit)


def _request_of(order: PaperOrder) -> OrderRequest:
    return OrderRequest(
        client_order_id=order.client_order_id or "",
        symbol=order.symbol,
        side=order.side,
        position_side=order.position_side,
        type=order.type,
        quantity=order.quantity,
        price=order.price,
        trigger_price=order.trigger_price,
        reduce_only=order.reduce_only,
        time_in_force=order.time_in_force,
    )
