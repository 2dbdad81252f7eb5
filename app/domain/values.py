"""The small words everything else is made of."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Context, Decimal
from enum import StrEnum

ZERO = Decimal(0)
ONE = Decimal(1)
HUNDRED = Decimal(100)
WIDE = Context(prec=80)
"""For quantizing: the usual context refuses results of more than 28 digits."""
SETTLED = Context(prec=22)
"""Rounds off what divisions leave in the last of 28 digits, lest it push a price over a tick, a size under a step."""


class MarketType(StrEnum):
    SPOT = "spot"
    LINEAR = "linear"


class PositionMode(StrEnum):
    ONE_WAY = "one_way"
    HEDGE = "hedge"


class OrderSide(StrEnum):
    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> OrderSide:
        return OrderSide.SELL if self is OrderSide.BUY else OrderSide.BUY


class Side(StrEnum):
    """The side of a position."""

    LONG = "long"
    SHORT = "short"

    @property
    def sign(self) -> int:
        return 1 if self is Side.LONG else -1

    @property
    def opposite(self) -> Side:
        return Side.SHORT if self is Side.LONG else Side.LONG

    @property
    def entry_order_side(self) -> OrderSide:
        return OrderSide.BUY if self is Side.LONG else OrderSide.SELL

    @property
    def exit_order_side(self) -> OrderSide:
        return OrderSide.SELL if self is Side.LONG else OrderSide.BUY

    def gain(self, start: Decimal, end: Decimal) -> Decimal:
        """How far a move from `start` to `end` went in this side's favour, in price units."""
        return end - start if self is Side.LONG else start - end

    def is_better(self, price: Decimal, than: Decimal) -> bool:
        """Whether `price` is further in this side's favour than `than`."""
        return self.gain(than, price) > 0

    def shifted(self, price: Decimal, percent: Decimal) -> Decimal:
        """`price` moved by `percent` in this side's favour (a negative percent moves it against)."""
        return price * (HUNDRED + percent if self is Side.LONG else HUNDRED - percent) / HUNDRED


class OrderRole(StrEnum):
    ENTRY = "entry"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    CLOSE = "close"


class OrderType(StrEnum):
    MARKET = "market"
    LIMIT = "limit"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT_MARKET = "take_profit_market"

    @property
    def is_conditional(self) -> bool:
        """Whether it waits for a price before it does anything."""
        return self not in {OrderType.MARKET, OrderType.LIMIT}

    @property
    def takes_any_price(self) -> bool:
        """Whether it fills at what the market gives, once it is to."""
        return self in {OrderType.MARKET, OrderType.STOP_MARKET, OrderType.TAKE_PROFIT_MARKET}


class TimeInForce(StrEnum):
    GTC = "gtc"
    IOC = "ioc"


class Liquidity(StrEnum):
    MAKER = "maker"
    TAKER = "taker"
    UNKNOWN = "unknown"


class CloseReason(StrEnum):
    TAKE_PROFIT = "take_profit"
    STOP_LOSS = "stop_loss"
    EXIT_SIGNAL = "exit_signal"
    REVERSE = "reverse"
    MANUAL = "manual"
    CLOSE_ALL = "close_all"
    OFFSET = "offset"
    RECONCILED = "reconciled"
    LIQUIDATED = "liquidated"
    ADL = "adl"
    PROTECTION_FAILED = "protection_failed"
    DUST = "dust"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True)
class Identity:
    """What makes two signals belong to one position group."""

    account: str
    symbol: str
    timeframe: str
    side: Side
    strategy_id: str = ""

    @property
    def opposite(self) -> Identity:
        return Identity(self.account, self.symbol, self.timeframe, self.side.opposite, self.strategy_id)
