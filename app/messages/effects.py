"""What a turn wants done in the world after its commit."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from app.domain.values import OrderType


@dataclass(frozen=True, slots=True)
class SubmitOrders:
    """Send these pending orders, all of one group, concurrently or as one batch.

    Entries whose market's leverage must be set first are not sent but told of once it is, unless `leverage_is_set`.
    """

    account: str
    client_order_ids: tuple[str, ...]
    leverage_is_set: bool = False


@dataclass(frozen=True, slots=True)
class CancelOrder:
    account: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class AmendOrder:
    account: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class LookUpOrder:
    account: str
    client_order_id: str


@dataclass(frozen=True, slots=True)
class CancelForeign:
    """Cancel an order that bears our tag and belongs to no open group."""

    account: str
    symbol: str
    client_order_id: str
    venue_order_id: str
    type: OrderType


@dataclass(frozen=True, slots=True)
class LoadMarket:
    """Fetch the rules and price of a market; with `fresh` the rules as they are now, not as lately listed."""

    account: str
    symbol: str
    hint: Decimal | None
    fresh: bool = False


@dataclass(frozen=True, slots=True)
class LoadGroup:
    """Bring a group back from the database, because something arrived for it."""

    group_id: str


@dataclass(frozen=True, slots=True)
class Reconcile:
    """Read the account again, after `delay` seconds."""

    account: str
    delay: float


Effect = SubmitOrders | CancelOrder | AmendOrder | LookUpOrder | CancelForeign | LoadMarket | LoadGroup | Reconcile
