"""What a group should have at the venue, and what is known of the ground it stands on."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from app.base.changing import quick_dataclass
from app.domain.market import MarketRules, Quote
from app.domain.order import Order
from app.domain.values import OrderRole, OrderSide, OrderType, TimeInForce


class Place(NamedTuple):
    """What an order is for: there is at most one wish for each place of a group."""

    role: OrderRole
    pyramid: int | None = None
    leg: int | None = None


@quick_dataclass(frozen=True)
class Wanted:
    """An order that should be live. `quantity` is what should be left to fill, in contracts."""

    place: Place
    side: OrderSide
    type: OrderType
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    reduce_only: bool = False
    time_in_force: TimeInForce = TimeInForce.GTC
    expected_price: Decimal | None = None
    paired_with: Place | None = None
    """The wish with which it shares one quantity: both are placed and kept together. Where that one is not wished, this
    is what a pair has left, and only stays."""


@quick_dataclass(frozen=True)
class Terrain:
    """What the rules need to know of the market and the venue around a group."""

    rules: MarketRules
    quote: Quote | None
    now: datetime
    taker_fee: Decimal
    reduce_only: bool
    exits_below_minimum: bool
    stop_type: OrderType | None
    """How a stop rests at the venue; None where it has none and the engine watches."""
    take_profit_trigger: bool
    close_without_waiting_sec: float
    """How long a close waits for take-profits to be cancelled where reduce-only guards it."""
    is_shared: bool = False
    """Whether the group's book at the venue holds, or may hold, what is not the group's."""
    pairs: int = 0
    """How many pairs of a take-profit and a stop the group may have at the venue."""

    @property
    def is_guarded(self) -> bool:
        """Whether the venue lets no exit sell what is not the group's: reduce-only guards a book, not its groups."""
        return self.reduce_only and not self.is_shared


def place_of(order: Order) -> Place:
    return Place(order.role, order.pyramid, order.leg)
