"""The paper exchange's books of one account: orders, positions, balances. Pure: the time is passed in."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.base.config.groups import AccountConfig
from app.domain.group import share_of_value
from app.domain.market import MarketRules, Quote, Rounding
from app.domain.order import RESTING, OrderStatus
from app.domain.values import ONE, ZERO, Liquidity, OrderSide, OrderType, Side
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

MAINTENANCE_RATE = Decimal("0.005")
_BASIS_POINTS = Decimal(10_000)


class Ledger:
    """Holds the books and notes every change in `changes` until it is taken to be saved."""

    def __init__(self, config: AccountConfig, stored: PaperChanges | None) -> None:
        self.config = config
        self.account = config.id
        self.is_spot = config.market_type == "spot"
        self.is_hedged = config.position_mode == "hedge"
        self.rules: dict[str, MarketRules] = {}
        self.quotes: dict[str, Quote] = {}
        self.orders: dict[int, PaperOrder] = {}
        self.by_client_id: dict[str, int] = {}
        self.resting: dict[str, dict[int, PaperOrder]] = {}
        self.fills: list[PaperFill] = []
        self.funding: list[PaperFunding] = []
        self.positions: dict[tuple[str, Side], PaperPosition] = {}
        self.leverages: dict[str, PaperLeverage] = {}
        self.balances: dict[str, Decimal] = {}
        self.changes = PaperChanges()
        self._holds: dict[int | tuple[str, Side], Decimal] = {}
        self._held: dict[str, Decimal] = {}
        self._load(stored)

    def _load(self, stored: PaperChanges | None) -> None:
        if stored is None:
            for asset, total in self.config.balances.items():
                self._set_balance(asset, total)
            return
        for order in stored.orders:
            self._index(order)
        self.fills = sorted(stored.fills, key=lambda fill: fill.number)
        self.funding = sorted(stored.funding, key=lambda payment: payment.number)
        self.positions = {(item.symbol, item.side): item for item in stored.positions}
        self.leverages = {item.symbol: item for item in stored.leverages}
        self.balances = {item.asset: item.total for item in stored.balances}

    def take_changes(self) -> PaperChanges:
        taken, self.changes = self.changes, PaperChanges()
        return taken

    # ------------------------------------------------------------------ writing

    def put(self, order: PaperOrder) -> None:
        self._index(order)
        self.changes.orders.append(order)

    def _index(self, order: PaperOrder) -> None:
        self.orders[order.number] = order
        if order.client_order_id is not None:
            self.by_client_id[order.client_order_id] = order.number
        book = self.resting.setdefault(order.symbol, {})
        if order.status in RESTING:
            book[order.number] = order
        else:
            book.pop(order.number, None)
        self._hold_order(order)

    def end(self, order: PaperOrder, status: OrderStatus, at: datetime, reason: str | None = None) -> PaperOrder:
        over = replace(order, status=status, updated_at=at, reason=reason)
        self.put(over)
        return over

    def _set_balance(self, asset: str, total: Decimal) -> None:
        self.balances[asset] = total
        self.changes.balances.append(PaperBalance(self.account, asset, total))

    def _add_balance(self, asset: str, amount: Decimal) -> None:
        if amount:
            self._set_balance(asset, self.balances.get(asset, ZERO) + amount)

    def _set_position(self, position: PaperPosition) -> None:
        if position.quantity == 0:
            self.positions.pop((position.symbol, position.side), None)
        else:
            self.positions[position.symbol, position.side] = position
        self.changes.positions.append(position)
        self._hold_position(position)

    def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        if self.leverage(symbol) != (leverage, margin_mode):
            self.leverages[symbol] = PaperLeverage(self.account, symbol, leverage, margin_mode)
            self.changes.leverages.append(self.leverages[symbol])
            self._hold_again(symbol)

    # ------------------------------------------------------------------ reading

    def leverage(self, symbol: str) -> tuple[Decimal, str]:
        known = self.leverages.get(symbol)
        return (known.leverage, known.margin_mode) if known else (ONE, "isolated")

    def reducible(self, order: PaperOrder) -> Decimal:
        """How much an order could close: the position it points against."""
        against = order.position_side if self.is_hedged else _side_closed_by(order.side)
        position = self.positions.get((order.symbol, against))
        return position.quantity if position else ZERO

    def free(self, asset: str) -> Decimal:
        return self.balances.get(asset, ZERO) - self.locked(asset)

    def locked(self, asset: str) -> Decimal:
        """What resting orders and margin hold of an asset."""
        return self._held.get(asset, ZERO)

    def know(self, rules: MarketRules, quote: Quote) -> None:
        """Take in a market's rules and price; what its orders and positions hold is counted from then on."""
        is_new = rules.symbol not in self.rules
        self.rules[rules.symbol] = rules
        self.quotes[rules.symbol] = quote
        if is_new:
            self._hold_again(rules.symbol)

    def _hold_again(self, symbol: str) -> None:
        for order in self.resting.get(symbol, {}).values():
            self._hold_order(order)
        for side in Side:
            position = self.positions.get((symbol, side))
            if position is not None:
                self._hold_position(position)

    def _hold_order(self, order: PaperOrder) -> None:
        rules = self.rules.get(order.symbol)
        if rules is None:
            return
        left = order.quantity - order.filled if order.status in RESTING else ZERO
        price = order.price or order.trigger_price or ZERO
        if self.is_spot:
            selling = order.side is OrderSide.SELL
            self._hold(order.number, rules.base if selling else rules.quote, left if selling else left * price)
        elif order.price is not None and not order.reduce_only:
            margin = rules.notional(price, left) / self.leverage(order.symbol)[0]
            self._hold(order.number, rules.quote, margin)

    def _hold_position(self, position: PaperPosition) -> None:
        rules = self.rules.get(position.symbol)
        if rules is not None and not self.is_spot:
            margin = position.entry_value * rules.contract_size / self.leverage(position.symbol)[0]
            self._hold((position.symbol, position.side), rules.quote, margin)

    def _hold(self, key: int | tuple[str, Side], asset: str, amount: Decimal) -> None:
        """Replace what one order or position holds; the totals are kept, not summed up anew each time."""
        before = self._holds.pop(key, ZERO)
        if amount:
            self._holds[key] = amount
        if amount != before:
            self._held[asset] = self._held.get(asset, ZERO) + amount - before

    def slipped(self, symbol: str, side: OrderSide, price: Decimal) -> Decimal:
        """A market order's price: slippage goes against the taker, on the tick."""
        bps = self.config.slippage_bps
        if not bps:
            return price
        buying = side is OrderSide.BUY
        moved = price * (_BASIS_POINTS + (bps if buying else -bps)) / _BASIS_POINTS
        return self.rules[symbol].quantize_price(moved, Rounding.UP if buying else Rounding.DOWN)

    # ------------------------------------------------------------------ executing

    def execute(
        self, order: PaperOrder, price: Decimal, quantity: Decimal, liquidity: Liquidity, at: datetime
    ) -> PaperOrder:
        """Fill `quantity` of an order at `price`; the order as it stands then."""
        rate = self.config.fees.maker if liquidity is Liquidity.MAKER else self.config.fees.taker
        fee, asset = self._fee(order, price, quantity, rate)
        fill = PaperFill(
            account=self.account,
            number=len(self.fills) + 1,
            order_number=order.number,
            client_order_id=order.client_order_id,
            symbol=order.symbol,
            side=order.side,
            position_side=order.position_side if self.is_hedged else _side_opened_by(order.side),
            price=price,
            quantity=quantity,
            fee=fee,
            fee_asset=asset,
            liquidity=liquidity,
            kind=FillKind.TRADE,
            at=at,
        )
        self._note(fill)
        filled = order.filled + quantity
        done = filled >= order.quantity
        changed = replace(
            order,
            filled=filled,
            filled_value=order.filled_value + price * quantity,
            status=OrderStatus.FILLED if done else OrderStatus.PARTIALLY_FILLED,
            updated_at=at,
        )
        self.put(changed)
        return changed

    def _fee(self, order: PaperOrder, price: Decimal, quantity: Decimal, rate: Decimal) -> tuple[Decimal, str]:
        """On spot buys the fee is taken in the base coin, as Binance does; else in quote."""
        rules = self.rules[order.symbol]
        if self.is_spot and order.side is OrderSide.BUY:
            return quantity * rate, rules.base
        return rules.notional(price, quantity) * rate, rules.quote

    def _note(self, fill: PaperFill) -> None:
        self.fills.append(fill)
        self.changes.fills.append(fill)
        rules = self.rules[fill.symbol]
        if self.is_spot:
            sign = 1 if fill.side is OrderSide.BUY else -1
            self._add_balance(rules.base, sign * fill.quantity)
            self._add_balance(rules.quote, -sign * fill.price * fill.quantity)
        else:
            self._move_position(fill, rules)
        self._add_balance(fill.fee_asset, -fill.fee)

    def _move_position(self, fill: PaperFill, rules: MarketRules) -> None:
        opening = _side_opened_by(fill.side)
        against = opening.opposite if not self.is_hedged else fill.position_side
        closes = self.is_hedged is False or fill.position_side is opening.opposite
        rest = fill.quantity
        held = self.positions.get((fill.symbol, against)) if closes else None
        if held is not None:
            part = min(rest, held.quantity)
            cost = share_of_value(held.entry_value, part, held.quantity)
            self._add_balance(rules.quote, against.gain(cost, fill.price * part) * rules.contract_size)
            self._set_position(replace(held, quantity=held.quantity - part, entry_value=held.entry_value - cost))
            rest -= part
        if rest > 0 and not (self.is_hedged and closes):
            self._grow(fill.symbol, opening, rest, fill.price)

    def _grow(self, symbol: str, side: Side, quantity: Decimal, price: Decimal) -> None:
        held = self.positions.get((symbol, side))
        if held is None:
            self._set_position(PaperPosition(self.account, symbol, side, quantity, price * quantity))
            return
        self._set_position(
            replace(held, quantity=held.quantity + quantity, entry_value=held.entry_value + price * quantity)
        )

    def force_close(
        self, position: PaperPosition, quantity: Decimal, price: Decimal, kind: FillKind, at: datetime
    ) -> None:
        """The venue closes part of a position itself (liquidation, auto-deleveraging)."""
        rules = self.rules[position.symbol]
        self._note(
            PaperFill(
                account=self.account,
                number=len(self.fills) + 1,
                order_number=None,
                client_order_id=None,
                symbol=position.symbol,
                side=position.side.exit_order_side,
                position_side=position.side,
                price=price,
                quantity=quantity,
                fee=rules.notional(price, quantity) * self.config.fees.taker if kind is FillKind.LIQUIDATION else ZERO,
                fee_asset=rules.quote,
                liquidity=Liquidity.TAKER,
                kind=kind,
                at=at,
            )
        )

    def pay_funding(self, symbol: str, rate: Decimal, at: datetime) -> list[PaperFunding]:
        """Longs pay shorts at a positive rate, on the mark."""
        paid: list[PaperFunding] = []
        for position in list(self.positions.values()):
            if position.symbol != symbol:
                continue
            worth = self.rules[symbol].notional(self.quotes[symbol].mark, position.quantity)
            payment = PaperFunding(
                self.account, len(self.funding) + 1, symbol, position.side, -position.side.sign * worth * rate, rate, at
            )
            self.funding.append(payment)
            self.changes.funding.append(payment)
            self._add_balance(self.rules[symbol].quote, payment.amount)
            paid.append(payment)
        return paid

    def liquidation_price(self, position: PaperPosition) -> Decimal | None:
        """Where the margin is used up but for the maintenance: isolated by its own, cross by all that is free."""
        leverage, mode = self.leverage(position.symbol)
        rules = self.rules[position.symbol]
        backing = position.entry_price / leverage
        if mode == "cross":
            spare = self.balances.get(rules.quote, ZERO) - self.locked(rules.quote)
            backing += max(spare, ZERO) / (position.quantity * rules.contract_size)
        sign = position.side.sign
        price = (position.entry_price - sign * backing) / (ONE - sign * MAINTENANCE_RATE)
        return price if price > 0 else None

    def assets(self) -> Mapping[str, Decimal]:
        return self.balances


def _side_opened_by(side: OrderSide) -> Side:
    return Side.LONG if side is OrderSide.BUY else Side.SHORT


def _side_closed_by(side: OrderSide) -> Side:
    return _side_opened_by(side).opposite


def is_conditional(type_: OrderType) -> bool:
    return type_ in {OrderType.STOP_MARKET, OrderType.STOP_LIMIT, OrderType.TAKE_PROFIT_MARKET}
