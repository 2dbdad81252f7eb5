"""The paper exchange's books of one account: orders, positions, balances. Pure: the time is passed in.

Every change goes through a few writers that note the row it made and how to take it back, so that what could not be
saved can be undone and what was saved can be told.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Protocol, TypeVar

from app.base.config.groups import AccountConfig
from app.domain.group import share_of_value
from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import ONE, ZERO, Liquidity, OrderSide, OrderType, Side
from app.exchange.paper.journal import PriceSeen, Row
from app.messages.reports import FillKind
from app.ports.paper_store import (
    PaperBalance,
    PaperChanges,
    PaperFill,
    PaperFunding,
    PaperLeverage,
    PaperOrder,
    PaperPosition,
)

K = TypeVar("K")
V = TypeVar("V")


class Observer(Protocol):
    def order_changed(self, order: PaperOrder) -> None:
        """An order is in the books as given; one that is taken back is given as no longer live."""
        ...

    def position_changed(self, symbol: str) -> None:
        """Its positions, or the leverage of its market."""
        ...


class Ledger:
    """`orders` holds every order ever taken, by number; `resting` the live ones, by symbol and number."""

    def __init__(self, config: AccountConfig) -> None:
        self.config = config
        self.account = config.id
        self.is_spot = config.market_type == "spot"
        self.is_hedged = config.position_mode == "hedge" and not self.is_spot
        self.rules: dict[str, MarketRules] = {}
        self.quotes: dict[str, Quote] = {}
        self.orders: dict[int, PaperOrder] = {}
        self.by_client_id: dict[str, int] = {}
        self.resting: dict[str, dict[int, PaperOrder]] = {}
        self.fills: list[PaperFill] = []
        self.fills_of: dict[int, list[PaperFill]] = {}
        self.funding: list[PaperFunding] = []
        self.positions: dict[tuple[str, Side], PaperPosition] = {}
        self.leverages: dict[str, PaperLeverage] = {}
        self.balances: dict[str, Decimal] = {}
        self.last_order = self.last_fill = self.last_payment = 0
        self._written: list[Row] = []
        self._undo: list[Callable[[], None]] = []
        self._observers: list[Observer] = []

    def observe(self, observer: Observer) -> None:
        """Have changes told as they happen, those of loading and rolling back too."""
        self._observers.append(observer)

    def open_account(self) -> None:
        """The first balances of an account that was never saved."""
        for asset, total in self.config.balances.items():
            self.set_balance(asset, total)

    def load(self, stored: PaperChanges) -> None:
        for order in sorted(stored.orders, key=lambda item: item.number):
            self._index(order)
        for fill in sorted(stored.fills, key=lambda item: item.number):
            self._append_fill(fill)
        self.funding = sorted(stored.funding, key=lambda item: item.number)
        self.last_order = max(self.orders, default=0)
        self.last_fill = self.fills[-1].number if self.fills else 0
        self.last_payment = self.funding[-1].number if self.funding else 0
        self.positions = {(item.symbol, item.side): item for item in stored.positions if item.quantity}
        self.leverages = {item.symbol: item for item in stored.leverages}
        self.balances = {item.asset: item.total for item in stored.balances}
        for symbol in [symbol for symbol, _ in self.positions] + list(self.leverages):
            self._position_changed(symbol)

    # ------------------------------------------------------------------ what was written

    def mark(self) -> int:
        """A place to roll back to."""
        return len(self._written)

    def written_since(self, mark: int) -> list[Row]:
        return self._written[mark:]

    def roll_back(self, mark: int = 0) -> None:
        while len(self._undo) > mark:
            self._undo.pop()()
        del self._written[mark:]

    def settle(self) -> None:
        """What was written is kept for good."""
        self._written.clear()
        self._undo.clear()

    def _write(self, row: Row, undo: Callable[[], None]) -> None:
        self._written.append(row)
        self._undo.append(undo)

    # ------------------------------------------------------------------ writers

    def put(self, order: PaperOrder) -> PaperOrder:
        """A new order, or the new state of one."""
        known = self.orders.get(order.number)
        self._index(order)
        self.last_order = max(self.last_order, order.number)
        self._write(order, lambda: self._unput(order, known))
        return order

    def _index(self, order: PaperOrder) -> None:
        self.orders[order.number] = order
        if order.client_order_id is not None:
            self.by_client_id[order.client_order_id] = order.number
        book = self.resting.setdefault(order.symbol, {})
        if order.is_live:
            book[order.number] = order
        else:
            book.pop(order.number, None)
        for observer in self._observers:
            observer.order_changed(order)

    def _unput(self, order: PaperOrder, known: PaperOrder | None) -> None:
        if known is not None:
            self._index(known)
            return
        del self.orders[order.number]
        self.resting[order.symbol].pop(order.number, None)
        if order.client_order_id is not None:
            del self.by_client_id[order.client_order_id]
        self.last_order -= 1
        for observer in self._observers:
            observer.order_changed(replace(order, status=OrderStatus.REJECTED))

    def _position_changed(self, symbol: str) -> None:
        for observer in self._observers:
            observer.position_changed(symbol)

    def end(self, order: PaperOrder, status: OrderStatus, at: datetime, reason: str | None = None) -> PaperOrder:
        """What is paired with it ends too, in the same way."""
        ended = self.put(replace(order, status=status, updated_at=at, reason=reason))
        self.part(ended, status, at)
        return ended

    def part(self, order: PaperOrder, status: OrderStatus, at: datetime) -> None:
        """End the other of a pair, because this one has begun to happen or is over."""
        other = self.paired(order)
        if other is not None:
            self.put(replace(other, status=status, updated_at=at, reason="the other order of the pair came first"))

    def _append_fill(self, fill: PaperFill) -> None:
        self.fills.append(fill)
        if fill.order_number is not None:
            self.fills_of.setdefault(fill.order_number, []).append(fill)

    def _put_fill(self, fill: PaperFill) -> None:
        self._append_fill(fill)
        self.last_fill = fill.number
        self._write(fill, lambda: self._unput_fill(fill))

    def _unput_fill(self, fill: PaperFill) -> None:
        self.fills.pop()
        self.last_fill -= 1
        if fill.order_number is not None:
            self.fills_of[fill.order_number].pop()

    def _put_funding(self, payment: PaperFunding) -> None:
        self.funding.append(payment)
        self.last_payment = payment.number
        self._write(payment, self._unput_funding)

    def _unput_funding(self) -> None:
        self.funding.pop()
        self.last_payment -= 1

    def set_balance(self, asset: str, total: Decimal) -> None:
        known = self.balances.get(asset)
        self.balances[asset] = total
        self._write(PaperBalance(self.account, asset, total), lambda: _restore(self.balances, asset, known))

    def _add_balance(self, asset: str, amount: Decimal) -> None:
        if amount:
            self.set_balance(asset, self.balances.get(asset, ZERO) + amount)

    def _set_position(self, position: PaperPosition) -> None:
        key = (position.symbol, position.side)
        known = self.positions.get(key)
        _restore(self.positions, key, position if position.quantity else None)
        self._position_changed(position.symbol)
        self._write(position, lambda: self._unset_position(key, known))

    def _unset_position(self, key: tuple[str, Side], known: PaperPosition | None) -> None:
        _restore(self.positions, key, known)
        self._position_changed(key[0])

    def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        known = self.leverages.get(symbol)
        changed = PaperLeverage(self.account, symbol, leverage, margin_mode)
        self.leverages[symbol] = changed
        self._position_changed(symbol)
        self._write(changed, lambda: self._unset_leverage(symbol, known))

    def _unset_leverage(self, symbol: str, known: PaperLeverage | None) -> None:
        _restore(self.leverages, symbol, known)
        self._position_changed(symbol)

    def see(self, symbol: str, quote: Quote) -> None:
        known = self.quotes.get(symbol)
        self.quotes[symbol] = quote
        self._write(PriceSeen(symbol, quote), lambda: _restore(self.quotes, symbol, known))

    # ------------------------------------------------------------------ reading

    def leverage(self, symbol: str) -> tuple[Decimal, str]:
        """Leverage and margin mode of a market."""
        known = self.leverages.get(symbol)
        return (known.leverage, known.margin_mode) if known else (ONE, "isolated")

    def only_reduces(self, side: OrderSide, position_side: Side, reduce_only: bool) -> bool:
        """Whether an order is bound to a position; in hedge mode every order against its position's side is."""
        return reduce_only or (self.is_hedged and side is position_side.exit_order_side)

    def reducible(self, symbol: str, side: OrderSide, position_side: Side) -> Decimal:
        """How much an order of `side` could close."""
        if self.is_hedged and side is not position_side.exit_order_side:
            return ZERO
        position = self.positions.get((symbol, side_closed_by(side)))
        return position.quantity if position else ZERO

    def paired(self, order: PaperOrder) -> PaperOrder | None:
        """The other order of a pair, while it is live."""
        other = None if order.paired_with is None else self.orders.get(order.paired_with)
        return other if other is not None and other.is_live else None

    def notional(self, symbol: str, price: Decimal, quantity: Decimal) -> Decimal:
        return self.rules[symbol].notional(price, quantity)

    # ------------------------------------------------------------------ executing

    def execute(
        self, order: PaperOrder, price: Decimal, quantity: Decimal, liquidity: Liquidity, at: datetime
    ) -> PaperOrder:
        """Fill `quantity` of an order at `price`; the order as it stands then."""
        self.part(order, OrderStatus.EXPIRED, at)
        rate = self.config.fees.maker if liquidity is Liquidity.MAKER else self.config.fees.taker
        fee, asset = self._fee(order, price, quantity, rate)
        fill = PaperFill(
            account=self.account,
            number=self.last_fill + 1,
            order_number=order.number,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side if self.is_hedged else side_opened_by(order.side),
            price=price,
            quantity=quantity,
            fee=fee,
            fee_asset=asset,
            liquidity=liquidity,
            kind=FillKind.TRADE,
            at=at,
        )
        self._book(fill)
        filled = order.filled + quantity
        return self.put(
            replace(
                order,
                filled=filled,
                filled_value=order.filled_value + price * quantity,
                status=OrderStatus.FILLED if filled >= order.quantity else OrderStatus.PARTIALLY_FILLED,
                updated_at=at,
            )
        )

    def _fee(self, order: PaperOrder, price: Decimal, quantity: Decimal, rate: Decimal) -> tuple[Decimal, str]:
        """On spot buys the fee is taken in the base coin, as Binance does; else in quote."""
        rules = self.rules[order.symbol]
        if self.is_spot and order.side is OrderSide.BUY:
            return quantity * rate, rules.base
        return rules.notional(price, quantity) * rate, rules.quote

    def _book(self, fill: PaperFill) -> None:
        self._put_fill(fill)
        rules = self.rules[fill.symbol]
        if self.is_spot:
            sign = 1 if fill.side is OrderSide.BUY else -1
            self._add_balance(rules.base, sign * fill.quantity)
            self._add_balance(rules.quote, -sign * rules.notional(fill.price, fill.quantity))
        else:
            self._move_position(fill, rules)
        self._add_balance(fill.fee_asset, -fill.fee)

    def _move_position(self, fill: PaperFill, rules: MarketRules) -> None:
        """A fill closes what it can of the opposite side, and opens with the rest."""
        opening = side_opened_by(fill.side)
        rest = fill.quantity
        if not self.is_hedged or fill.position_side is opening.opposite:
            held = self.positions.get((fill.symbol, opening.opposite))
            if held is not None:
                part = min(rest, held.quantity)
                cost = share_of_value(held.entry_value, part, held.quantity)
                self._add_balance(rules.quote, held.side.gain(cost, fill.price * part) * rules.contract_size)
                self._set_position(replace(held, quantity=held.quantity - part, entry_value=held.entry_value - cost))
                rest -= part
        if rest > 0:
            self._grow(fill.symbol, opening, rest, fill.price)

    def _grow(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> None:
        held = self.positions.get((symbol, side)) or PaperPosition(self.account, symbol, side, ZERO, ZERO)
        value = held.entry_value + price * quantity
        self._set_position(replace(held, quantity=held.quantity + quantity, entry_value=value))

    def force_close(
        self, position: PaperPosition, quantity: Decimal, price: Decimal, kind: FillKind, at: datetime
    ) -> None:
        """The venue closes part of a position itself; a liquidation costs the taker's fee."""
        rules = self.rules[position.symbol]
        rate = self.config.fees.taker if kind is FillKind.LIQUIDATION else ZERO
        self._book(
            PaperFill(
                account=self.account,
                number=self.last_fill + 1,
                order_number=None,
                client_order_id=None,
                symbol=position.symbol,
                side=position.side.exit_order_side,
                position_side=position.side,
                price=price,
                quantity=quantity,
                fee=rules.notional(price, quantity) * rate,
                fee_asset=rules.quote,
                liquidity=Liquidity.TAKER,
                kind=kind,
                at=at,
            )
        )

    def markets_held(self) -> list[str]:
        return list(dict.fromkeys(symbol for symbol, _ in self.positions))

    def pay_funding(self, symbol: str, rate: Decimal, at: datetime) -> None:
        """Longs pay shorts at a positive rate, on the mark."""
        for position in [item for item in self.positions.values() if item.symbol == symbol]:
            worth = self.notional(symbol, self.quotes[symbol].mark, position.quantity)
            amount = -position.side.sign * worth * rate
            self._put_funding(
                PaperFunding(self.account, self.last_payment + 1, symbol, position.side, amount, rate, at)
            )
            self._add_balance(self.rules[symbol].quote, amount)


def _restore(kept: dict[K, V], key: K, value: V | None) -> None:
    if value is None:
        kept.pop(key, None)
    else:
        kept[key] = value


def side_opened_by(side: OrderSide) -> Side:
    return Side.LONG if side is OrderSide.BUY else Side.SHORT


def side_closed_by(side: OrderSide) -> Side:
    return side_opened_by(side).opposite


def is_conditional(type_: OrderType) -> bool:
    return type_ in {OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_MARKET}
