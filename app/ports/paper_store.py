"""Where the paper exchange keeps its books: as if at a venue, by its own transactions."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from datetime import datetime
from decimal import Decimal
from typing import Protocol

from app.domain.order import RESTING, OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType, Side, TimeInForce
from app.messages.reports import FillKind


@dataclass(frozen=True, slots=True)
class PaperOrder:
    """An order of one account; `number` counts them from 1. `triggered` marks a stop that has become a market order.

    `paired_with` is the number of the other order over the same quantity, of which only one happens.
    """

    account: str
    number: int
    client_order_id: str | None
    symbol: str
    side: OrderSide
    position_side: Side
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    filled_value: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    time_in_force: TimeInForce
    triggered: bool
    created_at: datetime
    updated_at: datetime
    reason: str | None = None
    paired_with: int | None = None

    @property
    def remaining(self) -> Decimal:
        return self.quantity - self.filled

    @property
    def is_live(self) -> bool:
        return self.status in RESTING


@dataclass(frozen=True, slots=True)
class PaperFill:
    """`order_number` is None for what the venue did itself. `number` counts the account's fills from 1."""

    account: str
    number: int
    order_number: int | None
    client_order_id: str | None
    symbol: str
    side: OrderSide
    position_side: Side
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    kind: FillKind
    at: datetime


@dataclass(frozen=True, slots=True)
class PaperPosition:
    """Unique by (account, symbol, side); `quantity` is never negative, `entry_value` is Σ price × quantity of it."""

    account: str
    symbol: str
    side: Side
    quantity: Decimal
    entry_value: Decimal

    @property
    def entry_price(self) -> Decimal:
        return self.entry_value / self.quantity


@dataclass(frozen=True, slots=True)
class PaperLeverage:
    """What is set for a market; unique by (account, symbol)."""

    account: str
    symbol: str
    leverage: Decimal
    margin_mode: str


@dataclass(frozen=True, slots=True)
class PaperBalance:
    """Unique by (account, asset)."""

    account: str
    asset: str
    total: Decimal


@dataclass(frozen=True, slots=True)
class PaperFunding:
    """A funding payment; unique by (account, number)."""

    account: str
    number: int
    symbol: str
    position_side: Side
    amount: Decimal
    rate: Decimal
    at: datetime


@dataclass(frozen=True, slots=True)
class PaperPrice:
    """The last price seen of a market; unique by (account, symbol)."""

    account: str
    symbol: str
    price: Decimal


@dataclass(slots=True)
class PaperChanges:
    """What one request or price step changed; rows replace those of the same key."""

    orders: list[PaperOrder] = field(default_factory=list)
    fills: list[PaperFill] = field(default_factory=list)
    positions: list[PaperPosition] = field(default_factory=list)
    leverages: list[PaperLeverage] = field(default_factory=list)
    balances: list[PaperBalance] = field(default_factory=list)
    funding: list[PaperFunding] = field(default_factory=list)
    prices: list[PaperPrice] = field(default_factory=list)

    @property
    def is_empty(self) -> bool:
        return not any(getattr(self, rows.name) for rows in fields(self))


class PaperStore(Protocol):
    """Raises `app.ports.store.StoreFailed`."""

    async def load(self, account: str) -> PaperChanges | None:
        """Everything kept for an account, None where it has never been saved."""
        ...

    async def save(self, account: str, changes: PaperChanges) -> None:
        """Write all of it durably, or nothing."""
        ...
