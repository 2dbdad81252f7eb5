"""Reading what is kept: lists for the API and the window, off the hot path."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Generic, Protocol, TypeVar

from app.domain.fill import Fill
from app.domain.performance import Outcome
from app.messages.records import EquitySample, EventRecord, SignalRecord
from app.messages.snapshots import OrderSnapshot

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Page(Generic[Row]):
    """At most `limit` rows, and the cursor of the next page, None at the end."""

    rows: tuple[Row, ...]
    next_cursor: str | None


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`limit` is 1 to 500; `cursor` is what the page before gave. BadCursor where it is not ours."""

    limit: int = 100
    cursor: str | None = None


class BadCursor(ValueError):
    """The cursor was not made by this list."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Each field narrows the list where it is given; the times bound creation (from inclusive, to exclusive)."""

    account: str | None = None
    symbol: str | None = None
    group_id: str | None = None
    status: str | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class TradeRow:
    """A group's life from its first fill on; `quantity` is all that was entered, in contracts; money in quote."""

    id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    strategy_id: str
    status: str
    close_reason: str | None
    quantity: Decimal
    average_entry: Decimal
    average_exit: Decimal | None
    invested: Decimal
    realized_pnl: Decimal
    realized_percent: Decimal | None
    fees: Decimal
    funding: Decimal
    quote_currency: str
    pyramids: int
    estimated: bool
    opened_at: datetime
    closed_at: datetime | None


@dataclass(frozen=True, slots=True)
class AlertRow:
    """An alert's event, and when it was first acknowledged."""

    event: EventRecord
    acknowledged_at: datetime | None


class Queries(Protocol):
    """Newest first, unless said otherwise. A query that fails raises; it is never an empty answer."""

    async def trades(self, where: Filter, page: PageRequest) -> Page[TradeRow]:
        """`where.status` is open or closed."""
        ...

    async def trade(self, trade_id: str) -> TradeRow | None: ...

    async def orders(self, where: Filter, page: PageRequest) -> Page[OrderSnapshot]: ...

    async def fills(self, where: Filter, page: PageRequest) -> Page[Fill]: ...

    async def signals(self, where: Filter, page: PageRequest) -> Page[SignalRecord]:
        """`where.status` is an outcome."""
        ...

    async def signal(self, signal_id: str) -> SignalRecord | None: ...

    async def signals_of_group(self, group_id: str) -> Sequence[SignalRecord]:
        """Oldest first."""
        ...

    async def events(self, after: int, types: frozenset[str] | None, limit: int) -> Sequence[EventRecord]:
        """Events with a greater sequence, in order; all types where None."""
        ...

    async def newest_events(self, types: frozenset[str], page: PageRequest) -> Page[EventRecord]: ...

    async def alerts(self, page: PageRequest, *, acknowledged: bool | None = None) -> Page[AlertRow]:
        """All alerts where `acknowledged` is None, else those that were or were not."""
        ...

    async def outcomes(self, where: Filter) -> Sequence[Outcome]:
        """Closed trades, oldest first; `since` and `until` bound their end. ValueError where a status is given."""
        ...

    async def equity(self, since: datetime, until: datetime) -> Sequence[EquitySample]:
        """Samples since then, oldest first; the older, the sparser: a few thousand of an account at most.

        With now for `until` those stay out that a clock which was ahead has noted.
        """
        ...

    async def check(self) -> None:
        """Raise unless the database answers."""
        ...
