"""Lists for the API and the window, read on a small pool of read-only connections beside the writer's."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from sqlalchemy import (
    URL,
    AsyncAdaptedQueuePool,
    ColumnElement,
    Integer,
    Select,
    Table,
    Text,
    func,
    literal,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.exc import DBAPIError
from sqlalchemy.exc import TimeoutError as PoolExhausted
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine

from app.base.errors import Retryable
from app.domain.fill import Fill
from app.domain.group import Group, Leg, Pyramid
from app.domain.performance import Outcome
from app.messages.records import EquitySample, EventRecord, SignalRecord
from app.messages.snapshots import OrderSnapshot, order_snapshot
from app.persistence import rows
from app.persistence.cursor import Key, decode_cursor, encode_cursor
from app.persistence.failures import plain
from app.persistence.pruning import BANDS, MICROSECOND, starts
from app.persistence.tables import keeping, trading
from app.persistence.tables.types import Moment
from app.persistence.views import trade_row
from app.ports.queries import AlertRow, Filter, Page, PageRequest, TradeRow

_POOL_SIZE: Final = 3
_MOST_ROWS: Final = 500
_MOST_EVENTS: Final = 10_000
_SAMPLES_AT_ONCE: Final = 100

Found = TypeVar("Found")
Row = Sequence[Any]


@dataclass(frozen=True, slots=True)
class _Listing:
    """How a table is listed: its sort key, newest first, and the column of every field of Filter it knows."""

    table: Table
    key: tuple[str, ...]
    group: str = "group_id"
    status: str | None = None

    @property
    def kinds(self) -> tuple[type, ...]:
        return tuple(int if isinstance(self.table.c[name].type, Moment | Integer) else str for name in self.key)

    def key_of(self, row: Any) -> Key:
        values = ((self.table.c[name].type, row._mapping[name]) for name in self.key)  # noqa: SLF001 - SQLAlchemy's API
        return tuple(kind.encode(value) if isinstance(kind, Moment) else value for kind, value in values)


_TRADES = _Listing(trading.groups, ("opened_at", "id"), group="id")
_CLOSED = _Listing(trading.groups, ("closed_at", "id"), group="id")
_ORDERS = _Listing(trading.orders, ("created_at", "client_order_id"), status="status")
_FILLS = _Listing(trading.fills, ("at", "trade_id", "account", "symbol", "client_order_id"))
_SIGNALS = _Listing(trading.signals, ("received_at", "id"), status="outcome")
_EVENTS = _Listing(keeping.events, ("sequence",))
_NO_FILTER = Filter()


class SqliteQueries:
    """`app.ports.queries.Queries` on a file. StoreFailed where it cannot be read, Retryable where readers are busy."""

    def __init__(self, file: Path) -> None:
        self._engine = create_async_engine(
            URL.create("sqlite+aiosqlite", database=file.absolute().as_uri(), query={"mode": "ro", "uri": "true"}),
            poolclass=AsyncAdaptedQueuePool,
            pool_size=_POOL_SIZE,
            max_overflow=0,
        )

    async def close(self) -> None:
        await self._engine.dispose()

    async def trades(self, where: Filter, page: PageRequest) -> Page[TradeRow]:
        """ValueError where `where.status` is neither open nor closed."""
        groups = trading.groups.c
        conditions: list[ColumnElement[bool]] = [groups.first_fill_at.is_not(None)]
        if where.status is not None:
            conditions.append(_trade_status(where.status))
        async with self._reading() as connection:
            found, cursor = await _page(connection, _TRADES, where, page, conditions)
            return Page(tuple(map(trade_row, await _groups(connection, found))), cursor)

    async def trade(self, trade_id: str) -> TradeRow | None:
        groups = trading.groups
        wanted = select(groups).where(groups.c.id == trade_id, groups.c.first_fill_at.is_not(None))
        async with self._reading() as connection:
            found = await _groups(connection, (await connection.execute(wanted)).all())
        return trade_row(found[0]) if found else None

    async def orders(self, where: Filter, page: PageRequest) -> Page[OrderSnapshot]:
        return await self._list(_ORDERS, where, page, lambda row: order_snapshot(rows.ORDER.build(row)))

    async def fills(self, where: Filter, page: PageRequest) -> Page[Fill]:
        """ValueError where a status is given: fills have none."""
        if where.status is not None:
            raise ValueError("fills have no status")
        return await self._list(_FILLS, where, page, rows.FILL.build)

    async def signals(self, where: Filter, page: PageRequest) -> Page[SignalRecord]:
        return await self._list(_SIGNALS, where, page, rows.SIGNAL.build)

    async def signal(self, signal_id: str) -> SignalRecord | None:
        found = await self._all(select(trading.signals).where(trading.signals.c.id == signal_id))
        return rows.SIGNAL.build(found[0]) if found else None

    async def signals_of_group(self, group_id: str) -> Sequence[SignalRecord]:
        signals = trading.signals.c
        wanted = select(trading.signals).where(signals.group_id == group_id).order_by(signals.received_at, signals.id)
        return [rows.SIGNAL.build(row) for row in await self._all(wanted)]

    async def events(self, after: int, types: frozenset[str] | None, limit: int) -> Sequence[EventRecord]:
        """`limit` is 1 to 10,000; ValueError else."""
        _check_limit(limit, _MOST_EVENTS)
        events = keeping.events.c
        wanted = select(keeping.events).where(events.sequence > after).order_by(events.sequence).limit(limit)
        if types is not None:
            wanted = wanted.where(events.type.in_(sorted(types)))
        return [rows.EVENT.build(row) for row in await self._all(wanted)]

    async def newest_events(self, types: frozenset[str], page: PageRequest) -> Page[EventRecord]:
        of_types = keeping.events.c.type.in_(sorted(types))
        async with self._reading() as connection:
            found, cursor = await _page(connection, _EVENTS, _NO_FILTER, page, [of_types])
        return Page(tuple(map(rows.EVENT.build, found)), cursor)

    async def alerts(self, page: PageRequest, *, acknowledged: bool | None = None) -> Page[AlertRow]:
        conditions: list[ColumnElement[bool]] = [keeping.events.c.type == "alert.raised"]
        if acknowledged is not None:
            among = keeping.events.c.sequence.in_(_acknowledged())
            conditions.append(among if acknowledged else ~among)
        async with self._reading() as connection:
            found, cursor = await _page(connection, _EVENTS, _NO_FILTER, page, conditions)
            when = await _acknowledgements(connection, [row.sequence for row in found])
        return Page(tuple(AlertRow(rows.EVENT.build(row), when.get(row.sequence)) for row in found), cursor)

    async def outcomes(self, where: Filter) -> Sequence[Outcome]:
        if where.status is not None:
            raise ValueError("closed trades have one status")
        groups = trading.groups.c
        wanted = (
            select(groups.id, groups.closed_at, groups.realized_gross, groups.fees, groups.funding)
            .where(groups.closed_at.is_not(None), groups.first_fill_at.is_not(None), *_conditions(_CLOSED, where))
            .order_by(groups.closed_at, groups.id)
        )
        return [
            Outcome(row.id, row.closed_at, row.realized_gross - row.fees + row.funding)
            for row in await self._all(wanted)
        ]

    async def equity(self, since: datetime, until: datetime) -> Sequence[EquitySample]:
        """As thin as pruning leaves them, seen from the newest; read in pieces, so that the loop goes on meanwhile."""
        found: list[EquitySample] = []
        at = keeping.equity_samples.c.at
        async with self._reading() as connection:
            newest = await connection.scalar(select(func.max(at, type_=at.type)).where(at <= until))
            for wanted in _samples(since, newest) if newest is not None else ():
                async for piece in (await connection.stream(wanted)).partitions(_SAMPLES_AT_ONCE):
                    found += map(rows.EQUITY.build, piece)
        return found

    async def check(self) -> None:
        await self._all(select(keeping.facts.c.name).limit(1))

    async def _list(
        self, listing: _Listing, where: Filter, page: PageRequest, make: Callable[[Row], Found]
    ) -> Page[Found]:
        async with self._reading() as connection:
            found, cursor = await _page(connection, listing, where, page, [])
        return Page(tuple(map(make, found)), cursor)

    async def _all(self, statement: Select[Any]) -> Sequence[Any]:
        async with self._reading() as connection:
            found: Sequence[Any] = (await connection.execute(statement)).all()
            return found

    @asynccontextmanager
    async def _reading(self) -> AsyncIterator[AsyncConnection]:
        """A connection that sees one moment of the database, however many statements run on it."""
        try:
            async with self._engine.connect() as connection:
                await connection.exec_driver_sql("BEGIN")
                yield connection
        except DBAPIError as error:
            raise plain(error.orig if isinstance(error.orig, Exception) else error) from error
        except PoolExhausted as error:
            raise Retryable("The database is busy with other readers.") from error


def _acknowledged() -> Select[Any]:
    """The sequences of the alerts that were acknowledged."""
    events = keeping.events.c
    alert = func.json_extract(events.data, "$.sequence", type_=Integer)
    return select(alert).where(events.type == "alert.acknowledged", alert.is_not(None))


async def _acknowledgements(connection: AsyncConnection, alerts: Sequence[int]) -> dict[int, datetime]:
    """When each was acknowledged first."""
    events = keeping.events.c
    alert = func.json_extract(events.data, "$.sequence", type_=Integer)
    wanted = (
        select(alert.label("alert"), func.min(events.at, type_=events.at.type).label("at"))
        .where(events.type == "alert.acknowledged", alert.in_(alerts))
        .group_by(alert)
    )
    return {row.alert: row.at for row in (await connection.execute(wanted)).all()} if alerts else {}


def _samples(since: datetime, newest: datetime) -> Iterator[Select[Any]]:
    """Of each band, the oldest first, the last sample of every step and account."""
    samples = keeping.equity_samples
    columns = samples.c
    last = func.max(columns.at, type_=columns.at.type).label("at")
    begins = [max(start, since) for start in starts(newest)]
    ends = [newest + MICROSECOND, *begins]
    for band, begin, end in reversed(list(zip(BANDS, begins, ends, strict=False))):
        step = type_coerce(columns.at, Integer).op("/")(band.step // MICROSECOND)
        if begin < end:
            yield (
                select(last, columns.account, columns.equity, columns.realized)
                .where(columns.at >= begin, columns.at < end)
                .group_by(columns.account, step)
                .order_by(last, columns.account)
            )


async def _page(
    connection: AsyncConnection, listing: _Listing, where: Filter, page: PageRequest, more: list[ColumnElement[bool]]
) -> tuple[Sequence[Any], str | None]:
    """The rows of one page, and the cursor of the next."""
    _check_limit(page.limit, _MOST_ROWS)
    columns = [listing.table.c[name] for name in listing.key]
    wanted = select(listing.table).where(*_conditions(listing, where), *more)
    if page.cursor is not None:
        wanted = wanted.where(_before(columns, decode_cursor(page.cursor, listing.table.name, listing.kinds)))
    wanted = wanted.order_by(*(column.desc() for column in columns)).limit(page.limit + 1)
    found = (await connection.execute(wanted)).all()
    if len(found) <= page.limit:
        return found, None
    kept = found[: page.limit]
    return kept, encode_cursor(listing.table.name, listing.key_of(kept[-1]))


def _conditions(listing: _Listing, where: Filter) -> list[ColumnElement[bool]]:
    columns = listing.table.c
    equal = {"account": where.account, "symbol": where.symbol, listing.group: where.group_id}
    if listing.status is not None:
        equal[listing.status] = where.status
    conditions: list[ColumnElement[bool]] = [
        columns[name] == value for name, value in equal.items() if value is not None
    ]
    when = columns[listing.key[0]]
    if where.since is not None:
        conditions.append(when >= where.since)
    if where.until is not None:
        conditions.append(when < where.until)
    return conditions


def _before(columns: Sequence[ColumnElement[Any]], key: Key) -> ColumnElement[bool]:
    """Rows after `key`, newest first; the key is compared as it is stored."""
    return tuple_(*columns) < tuple_(*(literal(part, Integer() if isinstance(part, int) else Text()) for part in key))


def _trade_status(status: str) -> ColumnElement[bool]:
    closed_at = trading.groups.c.closed_at
    match status:
        case "open":
            return closed_at.is_(None)
        case "closed":
            return closed_at.is_not(None)
        case _:
            raise ValueError("the status of a trade is open or closed")


async def _groups(connection: AsyncConnection, found: Sequence[Any]) -> list[Group]:
    """Groups of rows, in their order, with pyramids and legs."""
    ids = [row.id for row in found]

    async def children(table: Table) -> Sequence[Any]:
        wanted = select(table).where(table.c.group_id.in_(ids)).order_by(*table.primary_key.columns)
        return (await connection.execute(wanted)).all()

    pyramids: dict[str, list[Pyramid]] = defaultdict(list)
    for row in await children(trading.pyramids):
        pyramids[row.group_id].append(rows.PYRAMID.build(row))
    legs: dict[str, list[Leg]] = defaultdict(list)
    for row in await children(trading.legs):
        legs[row.group_id].append(rows.LEG.build(row))
    return [rows.GROUP.build(row, pyramids=tuple(pyramids[row.id]), legs=tuple(legs[row.id])) for row in found]


def _check_limit(limit: int, most: int) -> None:
    if not 1 <= limit <= most:
        raise ValueError(f"limit is 1 to {most}")
