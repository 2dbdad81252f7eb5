"""What an exchange looks like to the engine. One port, several adapters; a difference is a capability or a mapping."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Protocol

from app.domain.values import MarketType, OrderSide, OrderType, PositionMode, Side, TimeInForce
from app.messages.reports import (
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    FillReport,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    OrderReport,
    PositionReport,
    SubmitOutcome,
    VenueReport,
)

OVERLAP = timedelta(minutes=5)
"""So much from before the last reading is read again."""
REFUSED_RETRY_SEC = 60.0
"""When what a person must mend is tried again."""


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What the venue can do for one account."""

    market_type: MarketType
    position_mode: PositionMode
    reduce_only: bool
    """Exits can be bound to the position, so that they never exceed it."""
    exits_below_minimum: bool
    """Reduce-only orders may be under the minimum notional."""
    stop_market: bool
    stop_limit: bool
    take_profit_market: bool
    amend_types: frozenset[OrderType]
    """Types of orders that can be changed where they rest."""
    batch_orders: bool
    fees: tuple[Decimal, Decimal]
    """Maker and taker fee as fractions of the notional."""
    oco: bool = False
    """Two exits can be bound to one quantity, of which the venue lets only one happen."""
    trades_alone: bool = True
    """Orders fill while this program is away."""

    @property
    def stop_type(self) -> OrderType | None:
        """How a stop rests at the venue; None where it has none."""
        if self.stop_market:
            return OrderType.STOP_MARKET
        return OrderType.STOP_LIMIT if self.stop_limit else None


@dataclass(frozen=True, slots=True)
class OrderRequest:
    """An order to be created. `position_side` tells which position it opens or reduces, for hedge mode."""

    client_order_id: str
    symbol: str
    side: OrderSide
    position_side: Side
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    time_in_force: TimeInForce

    @property
    def is_exit(self) -> bool:
        """Whether it can only make a position smaller."""
        return self.reduce_only or self.side is self.position_side.exit_order_side


@dataclass(frozen=True, slots=True)
class OrderRef:
    """Names an order at the venue."""

    client_order_id: str
    venue_order_id: str | None
    symbol: str
    type: OrderType
    is_exit: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    connected: bool
    since: datetime | None
    detail: str | None


class Venue(Protocol):
    """One account at one exchange.

    Requests that change something return an outcome and never raise for what the wire does. Reads raise
    `app.base.errors.Retryable` when the venue cannot be reached; a failed read is never an empty answer.
    """

    @property
    def account(self) -> str: ...

    @property
    def capabilities(self) -> Capabilities: ...

    async def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        """Open the session and the streams; every stream report goes to `deliver`, in the order it came."""
        ...

    async def close(self) -> None: ...

    async def load_market(self, symbol: str, hint: Decimal | None, *, fresh: bool = False) -> MarketReport | None:
        """Rules and price of a market, None where the venue does not have it.

        `hint` is a recent price of the market, for a venue that knows none of its own (paper). With `fresh` the rules
        are asked for anew, however lately they were.
        """
        ...

    def watch_prices(self, symbols: frozenset[str]) -> None:
        """From now on stream the prices of exactly these markets."""
        ...

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        """Set both for a market; "no need to change" is success. Raises OperatorActionNeeded where refused."""
        ...

    async def leverage(self, symbol: str, side: Side) -> tuple[Decimal, str]:
        """Leverage and margin mode that a perpetual market has now for positions of `side`. Retryable,
        OperatorActionNeeded.
        """
        ...

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        """Create all, in one request where the venue has batches; one outcome for each, in order."""
        ...

    async def create_order(self, request: OrderRequest) -> SubmitOutcome: ...

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        """Create both over one quantity, reserved once, or neither: where one fills or triggers the venue ends the
        other, and cancelling one cancels both. Refused(INVALID_ORDER) where the venue has no such pairs."""
        ...

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        """Cancel; Refused(NOT_FOUND) means that the venue has no such live order, filled or never there."""
        ...

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        """Change a live order to a total `quantity`, what has filled included, and `price` (a stop's trigger)."""
        ...

    async def look_up(self, order: OrderRef) -> LookUpOutcome:
        """Ask for one order by its client id, with its fills where the venue gives them."""
        ...

    async def fetch_open_orders(self) -> Sequence[OrderReport]:
        """All live orders of the account, conditional ones too."""
        ...

    async def fetch_positions(self) -> Sequence[PositionReport]:
        """All positions that are not flat; empty on spot."""
        ...

    async def fetch_balances(self) -> Sequence[BalanceReport]: ...

    async def fetch_fills(self, since: datetime) -> Sequence[FillReport]: ...

    async def fetch_funding(self, since: datetime) -> Sequence[FundingReport]: ...

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """The last bars, oldest first, the running one included."""
        ...

    async def server_time(self) -> datetime: ...

    def health(self) -> Health: ...
