"""Markets, their rules, and the only place where prices and quantities are quantized."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from enum import StrEnum

from app.domain.values import ONE, ZERO, MarketType, OrderSide, Side

MOST_PIECES = 100
"""An order larger than so many of the market's largest ones is a mistake, not a wish."""
CLOSED_KEPT_SEC = 300.0
"""How long it is believed that a market is closed, or not listed."""


@dataclass(frozen=True, slots=True)
class Quote:
    """Prices of one market at one moment, all in quote currency."""

    bid: Decimal
    ask: Decimal
    last: Decimal
    mark: Decimal
    at: datetime

    @staticmethod
    def flat(price: Decimal, at: datetime) -> Quote:
        """A quote without a spread."""
        return Quote(price, price, price, price, at)

    @property
    def lowest(self) -> Decimal:
        """The lowest price that anything may be measured by."""
        return min(self.bid, self.last, self.mark)

    @property
    def highest(self) -> Decimal:
        return max(self.ask, self.last, self.mark)

    def executable(self, side: OrderSide) -> Decimal:
        """What a market order of `side` would meet: the ask for a buy, the bid for a sell."""
        return self.ask if side is OrderSide.BUY else self.bid

    def after_fill(self, side: OrderSide, price: Decimal, at: datetime) -> Quote:
        """What is known once an order of `side` filled at `price`, later than this quote: nobody bids more than a
        buyer paid, or asks less than a seller got."""
        if at <= self.at:
            return self
        if side is OrderSide.BUY:
            return replace(self, bid=min(self.bid, price))
        return replace(self, ask=max(self.ask, price))

    def valuation(self, market_type: MarketType) -> Decimal:
        """What open quantity is worth: the mark on perpetuals, the last price on spot."""
        return self.mark if market_type is MarketType.LINEAR else self.last


class Rounding(StrEnum):
    DOWN = "down"
    UP = "up"


def _to_multiple(value: Decimal, unit: Decimal, rounding: Rounding) -> Decimal:
    mode = ROUND_FLOOR if rounding is Rounding.DOWN else ROUND_CEILING
    return (value / unit).to_integral_value(rounding=mode) * unit


@dataclass(frozen=True, slots=True)
class MaintenanceTier:
    """From a notional of `floor` quote on, a position must keep `rate` of its notional, less `deduction` quote."""

    floor: Decimal
    rate: Decimal
    deduction: Decimal = ZERO


USUAL_TIERS = (MaintenanceTier(ZERO, Decimal("0.005")),)
"""Where a venue tells none: half a percent, as large perpetuals begin."""


NEAR = Decimal("0.9")
"""How much of a price band is used: what it is counted from is an average that lags, and prices move on the way."""


@dataclass(frozen=True, slots=True)
class PriceBand:
    """How far from the current price a limit order may rest: a buy no lower than `lowest_buy` times it, a sell no
    higher than `highest_sell` times it. None: as far as it likes."""

    lowest_buy: Decimal | None = None
    highest_sell: Decimal | None = None

    def opens_at(self, side: OrderSide, price: Decimal) -> Decimal | None:
        """The current price from which on an order at `price` may rest: from there down for a buy, up for a sell.
        None where it always may."""
        bound = self.lowest_buy if side is OrderSide.BUY else self.highest_sell
        return None if bound is None else price / (ONE + (bound - ONE) * NEAR)

    def admits(self, side: OrderSide, price: Decimal, quote: Quote) -> bool:
        """Whether an order at `price` may rest now."""
        opens = self.opens_at(side, price)
        if opens is None:
            return True
        return quote.lowest <= opens if side is OrderSide.BUY else quote.highest >= opens


@dataclass(frozen=True, slots=True)
class MarketRules:
    """What a venue demands of orders in one market.

    `symbol` is ccxt's unified spelling. `tick_size`, `step_size` are units of price and of quantity; quantities are in
    contracts of `contract_size` base units (1 where the venue trades base units). `min_notional` is in quote.
    """

    symbol: str
    market_type: MarketType
    base: str
    quote: str
    tick_size: Decimal
    step_size: Decimal
    min_qty: Decimal
    min_notional: Decimal
    max_qty: Decimal | None = None
    contract_size: Decimal = ONE
    maintenance: tuple[MaintenanceTier, ...] = USUAL_TIERS
    max_conditional_orders: int | None = None
    """How many conditional orders an account may have live in this market; None where the venue tells no number."""
    band: PriceBand | None = None
    is_trading: bool = True
    delisted_at: datetime | None = None
    """When the venue takes the market off its list; None where it has announced nothing."""

    @property
    def closed(self) -> str | None:
        """Why only exits are sent, None where entries may be too (hazard 41)."""
        if not self.is_trading:
            return f"{self.symbol} is not traded at the exchange now"
        if self.delisted_at is not None:
            return f"the exchange takes {self.symbol} off its list at {self.delisted_at:%Y-%m-%d %H:%M} UTC"
        return None

    def quantize_price(self, price: Decimal, rounding: Rounding) -> Decimal:
        """`price` on the tick."""
        return _to_multiple(price, self.tick_size, rounding)

    def quantize_entry_price(self, price: Decimal, side: OrderSide) -> Decimal:
        """An entry's price on the tick, never worse than asked: buys down, sells up."""
        return _to_multiple(price, self.tick_size, Rounding.DOWN if side is OrderSide.BUY else Rounding.UP)

    def quantize_take_profit(self, price: Decimal, side: Side) -> Decimal:
        """A take-profit's price on the tick, away from the entry."""
        return self.quantize_price(price, Rounding.UP if side is Side.LONG else Rounding.DOWN)

    def quantize_stop(self, price: Decimal, side: Side, entry: Decimal) -> Decimal:
        """A stop's price on the tick, toward the entry."""
        below = price < entry if price != entry else side is Side.LONG
        return self.quantize_price(price, Rounding.UP if below else Rounding.DOWN)

    def quantize_quantity(self, quantity: Decimal) -> Decimal:
        """`quantity` on the step, down."""
        return _to_multiple(quantity, self.step_size, Rounding.DOWN) if quantity > 0 else ZERO

    def notional(self, price: Decimal, quantity: Decimal) -> Decimal:
        """Worth in quote of `quantity` contracts at `price`."""
        return price * quantity * self.contract_size

    def meets_minimum(self, price: Decimal, quantity: Decimal) -> bool:
        """Whether the venue takes an order of this price and quantity."""
        return quantity >= self.min_qty and quantity > 0 and self.notional(price, quantity) >= self.min_notional

    def smallest_quantity(self, price: Decimal) -> Decimal:
        """The least quantity on the step that `meets_minimum` at `price`."""
        by_notional = self.min_notional / (price * self.contract_size)
        return _to_multiple(max(by_notional, self.min_qty, self.step_size), self.step_size, Rounding.UP)

    def takes(self, quantity: Decimal) -> bool:
        """Whether `quantity` is at most so much that a hundred orders hold it."""
        return self.max_qty is None or quantity <= self.max_qty * MOST_PIECES

    def split(self, quantity: Decimal, price: Decimal) -> tuple[Decimal, ...]:
        """`quantity` in pieces of at most `max_qty`, all on the step. Where the last would be under a minimum at
        `price` the last two share evenly, as long as that makes both large enough."""
        if self.max_qty is None or quantity <= self.max_qty:
            return (quantity,)
        most = self.quantize_quantity(self.max_qty)
        whole, rest = divmod(quantity, most)
        pieces = [most] * min(int(whole), MOST_PIECES)
        if not rest:
            return tuple(pieces)
        half = self.quantize_quantity((most + rest) / 2)
        if self.meets_minimum(price, half) and not self.meets_minimum(price, rest):
            return (*pieces[:-1], most + rest - half, half)
        return (*pieces, rest)
