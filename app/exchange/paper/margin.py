"""What an account's money is bound by: resting orders and margin, and where a position would be liquidated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal

from app.domain.market import Rounding
from app.domain.values import ONE, ZERO, OrderSide, Side
from app.exchange.paper.ledger import Ledger, side_closed_by
from app.ports.paper_store import PaperOrder, PaperPosition

MAINTENANCE_RATE = Decimal("0.005")
CROSS = "cross"
_UNIT = Decimal("1E-12")
"""Holds are rounded to this, so that sums of them stay exact."""
_BASIS_POINTS = Decimal(10_000)


@dataclass(frozen=True, slots=True)
class _Part:
    """What one live order may open: contracts, and Σ price × contracts."""

    side: OrderSide
    quantity: Decimal
    value: Decimal


class Margin:
    """Counts what is bound as it changes, so that asking costs the same however many orders rest.

    In one-way mode orders close before they open: of one side's orders, as much as the opposite position is large needs
    no margin, counted at their average price.
    """

    def __init__(self, ledger: Ledger) -> None:
        self._ledger = ledger
        self._parts: dict[int, _Part] = {}
        self._sums: dict[tuple[str, OrderSide], tuple[Decimal, Decimal]] = {}
        self._stale: set[str] = set()
        self._holds: dict[str, Mapping[str, Decimal]] = {}
        self._totals: dict[str, Decimal] = {}
        self._crossed: set[str] = set()
        ledger.observe(self)

    @property
    def has_cross(self) -> bool:
        """Whether any market is traded with cross margin, where every price may concern every position."""
        return bool(self._crossed)

    def locked(self, asset: str) -> Decimal:
        """What orders and positions bind of an asset; open losses of cross positions count too."""
        self._count_again()
        losses = (self._gain(position) for position in self._cross_positions(asset))
        return self._totals.get(asset, ZERO) - sum((gain for gain in losses if gain < 0), ZERO)

    def free(self, asset: str) -> Decimal:
        """What a new order may use; never negative."""
        return max(self._ledger.balances.get(asset, ZERO) - self.locked(asset), ZERO)

    # ------------------------------------------------------------------ keeping count

    def order_changed(self, order: PaperOrder) -> None:
        self._count(order)
        other = self._ledger.paired(order)
        if other is not None:
            self._count(other)

    def _count(self, order: PaperOrder) -> None:
        before = self._parts.pop(order.number, None)
        if before is not None:
            self._add(order.symbol, before, -1)
        if order.is_live and not self._is_free(order):
            part = _Part(order.side, order.remaining, self._price(order) * order.remaining)
            self._parts[order.number] = part
            self._add(order.symbol, part, 1)

    def position_changed(self, symbol: str) -> None:
        self._stale.add(symbol)
        if self._ledger.leverage(symbol)[1] == CROSS:
            self._crossed.add(symbol)
        else:
            self._crossed.discard(symbol)

    def _is_free(self, order: PaperOrder) -> bool:
        """Whether an order binds nothing: it only reduces, or its pair binds more already."""
        if self._ledger.only_reduces(order.side, order.position_side, order.reduce_only):
            return True
        other = self._ledger.paired(order) if order.is_live else None
        return other is not None and (self._price(other), other.number) > (self._price(order), order.number)

    def _price(self, order: PaperOrder) -> Decimal:
        quote = self._ledger.quotes.get(order.symbol)
        market = quote.executable(order.side) if quote is not None else ZERO
        return order.price or order.trigger_price or (ZERO if self._ledger.is_spot else market)

    def _add(self, symbol: str, part: _Part, sign: int) -> None:
        quantity, value = self._sums.get((symbol, part.side), (ZERO, ZERO))
        self._sums[symbol, part.side] = (quantity + sign * part.quantity, value + sign * part.value)
        self._stale.add(symbol)

    def _count_again(self) -> None:
        for symbol in [symbol for symbol in self._stale if symbol in self._ledger.rules]:
            self._stale.discard(symbol)
            for asset, amount in self._holds.get(symbol, {}).items():
                self._totals[asset] -= amount
            self._holds[symbol] = holds = self._spot_holds(symbol) if self._ledger.is_spot else self._margins(symbol)
            for asset, amount in holds.items():
                self._totals[asset] = self._totals.get(asset, ZERO) + amount

    def _spot_holds(self, symbol: str) -> Mapping[str, Decimal]:
        """Resting sells lock coins, resting buys the quote that they would cost."""
        rules = self._ledger.rules[symbol]
        coins = self._sums.get((symbol, OrderSide.SELL), (ZERO, ZERO))[0]
        cost = self._sums.get((symbol, OrderSide.BUY), (ZERO, ZERO))[1]
        return {rules.base: coins, rules.quote: cost * rules.contract_size}

    def _margins(self, symbol: str) -> Mapping[str, Decimal]:
        """Initial margin of positions at their entry, and of orders that would open more, with the taker's fee."""
        rules = self._ledger.rules[symbol]
        leverage = self._ledger.leverage(symbol)[0]
        bound = ZERO
        for side in Side:
            position = self._ledger.positions.get((symbol, side))
            if position is not None:
                bound += position.entry_value * rules.contract_size / leverage
        for order_side in OrderSide:
            quantity, value = self._sums.get((symbol, order_side), (ZERO, ZERO))
            closing = min(quantity, self._closable(symbol, order_side))
            if quantity > closing:
                bound += self.initial(symbol, value * (quantity - closing) / quantity, ONE)
        return {rules.quote: bound.quantize(_UNIT, ROUND_CEILING)}

    # ------------------------------------------------------------------ what a new order needs

    def initial(self, symbol: str, price: Decimal, quantity: Decimal) -> Decimal:
        """What opening `quantity` at `price` needs: its margin and the taker's fee."""
        ledger = self._ledger
        rate = ONE / ledger.leverage(symbol)[0] + max(ledger.config.fees.taker, ZERO)
        return ledger.notional(symbol, price, quantity) * rate

    def opening_part(self, symbol: str, side: OrderSide, quantity: Decimal, but: PaperOrder | None) -> Decimal:
        """How much of a new order would open, after what live orders of its side close already; `but` is left out."""
        taken = self._sums.get((symbol, side), (ZERO, ZERO))[0]
        if but is not None and but.number in self._parts:
            taken -= but.remaining
        return quantity - min(quantity, max(self._closable(symbol, side) - taken, ZERO))

    def _closable(self, symbol: str, side: OrderSide) -> Decimal:
        """How much of a position an order of `side` would close before it opens one; none in hedge mode."""
        held = None if self._ledger.is_hedged else self._ledger.positions.get((symbol, side_closed_by(side)))
        return held.quantity if held else ZERO

    # ------------------------------------------------------------------ liquidation

    def liquidation_price(self, position: PaperPosition) -> Decimal | None:
        """Where the backing less the loss is only the maintenance margin; None where the price cannot get there.

        Isolated positions are backed by their own margin, cross ones by the wallet with the others' results.
        """
        leverage, mode = self._ledger.leverage(position.symbol)
        rules = self._ledger.rules[position.symbol]
        backing = position.entry_price / leverage
        if mode == CROSS:
            backing = self._cross_backing(position, rules.quote) / (position.quantity * rules.contract_size)
        sign = position.side.sign
        price = (position.entry_price - sign * backing) / (ONE - sign * MAINTENANCE_RATE)
        if price <= 0:
            return None
        return rules.quantize_price(price, Rounding.UP if sign > 0 else Rounding.DOWN)

    def _cross_backing(self, position: PaperPosition, asset: str) -> Decimal:
        """The wallet less isolated margins, with the other cross positions' open results less their maintenance."""
        ledger = self._ledger
        backing = ledger.balances.get(asset, ZERO)
        for other in ledger.positions.values():
            if ledger.rules[other.symbol].quote != asset or other is position:
                continue
            leverage, mode = ledger.leverage(other.symbol)
            if mode == CROSS:
                backing += self._gain(other) - self._worth(other) * MAINTENANCE_RATE
            else:
                backing -= other.entry_value * ledger.rules[other.symbol].contract_size / leverage
        return backing

    def _cross_positions(self, asset: str) -> list[PaperPosition]:
        markets = [symbol for symbol in sorted(self._crossed) if self._ledger.rules[symbol].quote == asset]
        held = (self._ledger.positions.get((symbol, side)) for symbol in markets for side in Side)
        return [position for position in held if position is not None]

    def _worth(self, position: PaperPosition) -> Decimal:
        return self._ledger.notional(position.symbol, self._ledger.quotes[position.symbol].mark, position.quantity)

    def _gain(self, position: PaperPosition) -> Decimal:
        """What a position has won at the mark."""
        entry = position.entry_value * self._ledger.rules[position.symbol].contract_size
        return position.side.gain(entry, self._worth(position))


def slipped(ledger: Ledger, symbol: str, side: OrderSide, price: Decimal) -> Decimal:
    """A market order's price: slippage goes against the taker, on the tick."""
    bps = ledger.config.slippage_bps
    if not bps:
        return price
    buying = side is OrderSide.BUY
    moved = price * (_BASIS_POINTS + (bps if buying else -bps)) / _BASIS_POINTS
    rules = ledger.rules[symbol]
    return max(rules.quantize_price(moved, Rounding.UP if buying else Rounding.DOWN), rules.tick_size)


def market_price(ledger: Ledger, symbol: str, side: OrderSide) -> Decimal:
    """At which a market order would fill now."""
    return slipped(ledger, symbol, side, ledger.quotes[symbol].executable(side))
