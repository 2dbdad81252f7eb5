from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.domain.fill import Fill
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide
from app.messages.records import Changes, SignalOutcome
from app.messages.snapshots import order_snapshot
from app.persistence.connections import connect
from app.persistence.database import Database, open_database
from app.persistence.queries import SqliteQueries
from app.persistence.views import trade_row
from app.ports.queries import BadCursor, Filter, Page, PageRequest
from app.ports.store import StoreFailed
from tests.unit.persistence.entities import T0, a_change, a_group, a_leg, a_signal, an_event, an_order

ALL = Filter()
SECOND = timedelta(seconds=1)
Listing = Callable[[Filter, PageRequest], Awaitable[Page[Any]]]


def queries_of(database: Database) -> SqliteQueries:
    assert database.queries is not None
    return database.queries


def filled_group(number: int, **changes: Any) -> Any:
    leg = a_leg(0, filled=Decimal(2), filled_value=Decimal(200), open_quantity=Decimal(2), open_value=Decimal(200))
    return a_group(number, **{"legs": (leg, a_leg(1)), "first_fill_at": T0, **changes})


def a_fill(number: int, **changes: Any) -> Fill:
    one = Decimal(1)
    group = a_group(1)
    fill = Fill(
        group.account, group.symbol, f"t{number}", "o1", group.id, OrderSide.BUY, one, one, one, "USDT", one,
        Liquidity.MAKER, T0,
    )  # fmt: skip
    return replace(fill, **changes)


async def every_page(listing: Listing, limit: int, where: Filter = ALL) -> list[Any]:
    """The rows of all pages; no page is over the limit, and none but the only one is empty."""
    found: list[Any] = []
    cursor: str | None = None
    while True:
        page = await listing(where, PageRequest(limit, cursor))
        assert len(page.rows) <= limit
        assert page.rows or not found
        found += page.rows
        cursor = page.next_cursor
        if cursor is None:
            return found


@pytest.mark.parametrize("limit", [1, 4, 7, 25, 500])
async def test_pages_hold_everything_exactly_once_however_equal_the_times(database: Database, limit: int) -> None:
    times = [T0 + SECOND * (number // 9) for number in range(25)]
    groups = [filled_group(number, at=at) for number, at in enumerate(times)]
    orders = [an_order(groups[0], number, at) for number, at in enumerate(times)]
    fills = [
        a_fill(number // 2, group_id=groups[0].id, symbol=f"S{number % 2}", at=at) for number, at in enumerate(times)
    ]
    signals = [a_signal(number, at) for number, at in enumerate(times)]
    await database.store.commit(Changes(tuple(signals), tuple(map(a_change, groups)), tuple(orders), tuple(fills)))
    queries = queries_of(database)
    assert await every_page(queries.trades, limit) == _newest(
        map(trade_row, groups), lambda row: (row.opened_at, row.id)
    )
    assert await every_page(queries.orders, limit) == _newest(
        map(order_snapshot, orders), lambda row: (row.created_at, row.client_order_id)
    )
    assert await every_page(queries.fills, limit) == _newest(fills, lambda row: (row.at, row.trade_id, row.symbol))
    assert await every_page(queries.signals, limit) == _newest(signals, lambda row: (row.received_at, row.id))


def _newest(rows: Any, key: Callable[[Any], Any]) -> list[Any]:
    return sorted(rows, key=key, reverse=True)


async def test_rows_that_come_while_paging_shift_nothing(database: Database) -> None:
    signals = [a_signal(number, T0 + SECOND * number) for number in range(6)]
    await database.store.commit(Changes(signals=tuple(signals[:5])))
    queries = queries_of(database)
    first = await queries.signals(ALL, PageRequest(2))
    await database.store.commit(Changes(signals=(signals[5],)))
    second = await queries.signals(ALL, PageRequest(2, first.next_cursor))
    assert [row.id for row in (*first.rows, *second.rows)] == [signals[number].id for number in (4, 3, 2, 1)]


async def test_an_empty_list_has_no_next_page(database: Database) -> None:
    queries = queries_of(database)
    for listing in (queries.trades, queries.orders, queries.fills, queries.signals):
        assert await listing(ALL, PageRequest()) == Page((), None)


async def test_cursors_of_others_and_garbage_are_refused(database: Database) -> None:
    await database.store.commit(Changes(signals=(a_signal(1), a_signal(2))))
    queries = queries_of(database)
    cursor = (await queries.signals(ALL, PageRequest(1))).next_cursor
    assert cursor is not None
    for wrong in (cursor[:-3], "garbage", ""):
        with pytest.raises(BadCursor):
            await queries.signals(ALL, PageRequest(1, wrong))
    with pytest.raises(BadCursor):
        await queries.orders(ALL, PageRequest(1, cursor))


@pytest.mark.parametrize("limit", [0, -1, 501])
async def test_a_limit_out_of_range_is_refused(database: Database, limit: int) -> None:
    with pytest.raises(ValueError, match="limit is 1 to 500"):
        await queries_of(database).orders(ALL, PageRequest(limit))


FILTERS = [
    (Filter(account="second"), {2}),
    (Filter(symbol="ETH/USDT"), {3}),
    (Filter(since=T0 + SECOND * 2), {2, 3}),
    (Filter(until=T0 + SECOND * 2), {1}),
    (Filter(since=T0 + SECOND * 2, until=T0 + SECOND * 3), {2}),
    (Filter(account="main", symbol="ETH/USDT"), {3}),
    (Filter(account="' OR 1 = 1 --"), set()),
]


@pytest.mark.parametrize(("where", "wanted"), FILTERS)
async def test_every_list_is_narrowed_by_account_symbol_and_time(
    database: Database, where: Filter, wanted: set[int]
) -> None:
    places = {1: ("main", "BTC/USDT"), 2: ("second", "BTC/USDT"), 3: ("main", "ETH/USDT")}
    signals, groups, orders, fills = [], [], [], []
    for number, (account, symbol) in places.items():
        at, place = T0 + SECOND * number, {"account": account, "symbol": symbol}
        groups.append(filled_group(number, at=at, **place))
        signals.append(a_signal(number, at, **place))
        orders.append(an_order(groups[-1], number, at))
        fills.append(a_fill(number, at=at, group_id=groups[-1].id, **place))
    await database.store.commit(Changes(tuple(signals), tuple(map(a_change, groups)), tuple(orders), tuple(fills)))
    queries, page = queries_of(database), PageRequest()
    assert {int(row.id[1:]) for row in (await queries.trades(where, page)).rows} == wanted
    assert {int(row.client_order_id[-1]) for row in (await queries.orders(where, page)).rows} == wanted
    assert {int(row.trade_id[1:]) for row in (await queries.fills(where, page)).rows} == wanted
    assert {int(row.id[1:]) for row in (await queries.signals(where, page)).rows} == wanted


async def test_lists_are_narrowed_by_group_and_status(database: Database) -> None:
    groups = [filled_group(1), filled_group(2, closed_at=T0 + SECOND), a_group(3)]
    orders = (an_order(groups[0], 1), an_order(groups[1], 2, status=OrderStatus.FILLED))
    signals = (a_signal(1, group_id=groups[0].id), a_signal(2, outcome=SignalOutcome.QUEUED))
    fills = (a_fill(1), a_fill(2, group_id=groups[1].id))
    await database.store.commit(Changes(signals, tuple(map(a_change, groups)), orders, fills))
    queries, page = queries_of(database), PageRequest()
    one = Filter(group_id=groups[0].id)
    assert [row.id for row in (await queries.trades(one, page)).rows] == [groups[0].id]
    assert [row.client_order_id for row in (await queries.orders(one, page)).rows] == [orders[0].client_order_id]
    assert (await queries.fills(one, page)).rows == fills[:1]
    assert (await queries.signals(one, page)).rows == signals[:1]
    assert [row.id for row in (await queries.trades(Filter(status="open"), page)).rows] == [groups[0].id]
    assert [row.id for row in (await queries.trades(Filter(status="closed"), page)).rows] == [groups[1].id]
    assert [row.group for row in (await queries.orders(Filter(status="filled"), page)).rows] == [groups[1].id]
    assert (await queries.signals(Filter(status="queued"), page)).rows == signals[1:]
    with pytest.raises(ValueError, match="open or closed"):
        await queries.trades(Filter(status="ajar"), page)
    with pytest.raises(ValueError, match="no status"):
        await queries.fills(Filter(status="filled"), page)


async def test_a_trade_is_a_group_that_was_filled(database: Database) -> None:
    traded, never = filled_group(1), a_group(2)
    await database.store.commit(Changes(groups=(a_change(traded), a_change(never))))
    queries = queries_of(database)
    assert await queries.trade(traded.id) == trade_row(traded)
    assert await queries.trade(never.id) is None
    assert await queries.trade("g9999999") is None
    assert (await queries.trades(ALL, PageRequest())).rows == (trade_row(traded),)


async def test_signals_by_id_and_of_a_group_oldest_first(database: Database) -> None:
    group = a_group(1)
    signals = tuple(a_signal(number, T0 - SECOND * number, group_id=group.id) for number in (1, 2, 3))
    await database.store.commit(Changes(signals=(*signals, a_signal(4)), groups=(a_change(group),)))
    queries = queries_of(database)
    assert await queries.signal(signals[0].id) == signals[0]
    assert await queries.signal("s9") is None
    assert list(await queries.signals_of_group(group.id)) == list(reversed(signals))


async def test_events_after_a_sequence_in_order_and_by_type(database: Database) -> None:
    events = tuple(an_event(number, "a" if number % 2 else "b", number=number) for number in range(1, 8))
    await database.store.commit(Changes(events=events))
    queries = queries_of(database)
    assert list(await queries.events(0, None, 100)) == list(events)
    assert list(await queries.events(3, None, 2)) == [events[3], events[4]]
    assert list(await queries.events(1, frozenset({"a", "z"}), 2)) == [events[2], events[4]]
    assert list(await queries.events(0, frozenset(), 100)) == []
    assert list(await queries.events(7, None, 100)) == []
    with pytest.raises(ValueError, match="limit"):
        await queries.events(0, None, 0)


async def test_readers_do_not_wait_for_the_writer_nor_see_what_is_not_committed(database: Database) -> None:
    queries = queries_of(database)
    assert database.file is not None
    with closing(connect(database.file)) as writing:
        writing.execute("BEGIN IMMEDIATE")
        writing.execute("INSERT INTO facts VALUES ('a', 'b')")
        assert list((await queries.signals(ALL, PageRequest())).rows) == []
        writing.execute("ROLLBACK")


async def test_many_readers_share_the_pool(database: Database) -> None:
    await database.store.commit(Changes(signals=(a_signal(1),)))
    queries = queries_of(database)
    pages = await asyncio.gather(*(queries.signals(ALL, PageRequest()) for _ in range(30)))
    assert {len(page.rows) for page in pages} == {1}


async def test_the_readers_cannot_write(database: Database) -> None:
    queries = queries_of(database)
    with pytest.raises(StoreFailed, match="read-only"):
        async with queries._reading() as connection:
            await connection.exec_driver_sql("DELETE FROM facts")


async def test_check_tells_a_database_that_is_gone(tmp_path: Path) -> None:
    queries = SqliteQueries(tmp_path / "ziggurat.db")
    with pytest.raises(StoreFailed, match="could not be opened"):
        await queries.check()
    await queries.close()
    database = open_database(tmp_path)
    await queries_of(database).check()
    await database.close()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM orders WHERE account = 'a' ORDER BY created_at DESC LIMIT 9",
        "SELECT * FROM orders WHERE symbol = 'a' ORDER BY created_at DESC LIMIT 9",
        "SELECT * FROM orders WHERE status = 'open' ORDER BY created_at DESC LIMIT 9",
        "SELECT * FROM orders WHERE group_id = 'a'",
        "SELECT * FROM orders ORDER BY created_at DESC, client_order_id DESC LIMIT 9",
        "SELECT * FROM signals ORDER BY received_at DESC, id DESC LIMIT 9",
        "SELECT * FROM signals WHERE outcome = 'queued' ORDER BY received_at DESC LIMIT 9",
        "SELECT * FROM signals WHERE outcome IN ('pending', 'queued')",
        "SELECT * FROM signals WHERE group_id = 'a'",
        "SELECT * FROM fills WHERE account = 'a' ORDER BY at DESC LIMIT 9",
        "SELECT * FROM fills WHERE group_id = 'a'",
        "SELECT id FROM groups WHERE closed_at IS NULL OR closed_at >= 5",
        "SELECT * FROM groups ORDER BY opened_at DESC, id DESC LIMIT 9",
        "SELECT * FROM events WHERE sequence > 5 AND type = 'a' ORDER BY sequence LIMIT 9",
        "SELECT account FROM funding_payments WHERE at >= 5",
    ],
)
async def test_no_list_reads_a_whole_table_or_sorts_it(database: Database, sql: str) -> None:
    plan = await database.writer.run(lambda connection: connection.execute(f"EXPLAIN QUERY PLAN {sql}").fetchall())
    steps = [row[3] for row in plan]
    assert not [step for step in steps if "TEMP" in step or (step.startswith("SCAN") and "USING" not in step)]
