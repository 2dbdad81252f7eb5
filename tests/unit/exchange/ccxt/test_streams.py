"""How streams are followed, and what is asked for where they say nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Container
from importlib import import_module
from itertools import pairwise
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.streams import (
    FIRST_WAIT_SEC,
    LASTING_SEC,
    LONGEST_WAIT_SEC,
    PRICES_POLLED_SEC,
    PRICES_SILENT_SEC,
    Streams,
    Takers,
)
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from tests.support.clock import ManualClock, settle

CONNECTION_HOLDS = 200
"""Streams on one of Binance's connections for perpetuals."""


class Connection:
    def __init__(self) -> None:
        self.futures: dict[str, Any] = {}
        self.subscriptions: dict[str, Any] = {}
        self.errors: list[Exception] = []

    def on_error(self, error: Exception) -> None:
        self.errors.append(error)


class Every:
    def __contains__(self, _symbol: object) -> bool:
        return True


class Api:
    """A venue that pushes what a test tells it to."""

    def __init__(self) -> None:
        self.has: dict[str, Any] = {"watchTickers": True}
        self.markets: Container[str] = Every()
        self.connection = Connection()
        self.clients = {"wss://x.example": self.connection}
        self.followed: list[list[str]] = []
        self.ended: list[list[str]] = []
        self.opened = 0
        """How often our own orders and trades were followed anew."""
        self._pushed: dict[str, asyncio.Queue[Any]] = {}

    def push(self, name: str, told: Any) -> None:
        self._pushed.setdefault(name, asyncio.Queue()).put_nowait(told)

    async def watch_tickers(self, symbols: list[str]) -> Any:
        name = ",".join(symbols)
        if name not in self._pushed:
            self.followed.append(symbols)
        try:
            return await self._pushed.setdefault(name, asyncio.Queue()).get()
        except asyncio.CancelledError:
            self.ended.append(symbols)
            raise

    async def watch_my_trades(self) -> Any:
        self.opened += 1
        return await self._pushed.setdefault("trades", asyncio.Queue()).get()

    async def watch_orders(self) -> Any:
        self.opened += 1
        return await self._pushed.setdefault("orders", asyncio.Queue()).get()


class Desk:
    def __init__(self) -> None:
        self.clock = ManualClock()
        self.api = Api()
        self.told: list[Any] = []
        self.asked: list[frozenset[str]] = []
        self.moved: frozenset[str] = frozenset()
        takers = Takers(self._take, self._take, self.told.append, self._ask)
        self.host = Host(BINANCE_SPOT.budgets, self.clock)
        self.streams = Streams(lambda: self.api, self.clock, takers, BINANCE_SPOT, self.host.paused_for)

    def _take(self, row: Any) -> None:
        if row == "odd":
            raise OverflowError("date value out of range")
        self.told.append(row)

    async def _ask(self, symbols: frozenset[str]) -> frozenset[str]:
        self.asked.append(symbols)
        return self.moved

    def price(self, symbol: str, of: str | None = None) -> None:
        self.api.push(of or symbol, {symbol: {"symbol": symbol}})

    async def wait(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await settle()


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    made.streams.stop()


@pytest.mark.expects_log_warnings
async def test_a_report_that_breaks_its_taker_ends_neither_the_stream_nor_the_reports_beside_it(desk: Desk) -> None:
    desk.streams.start()
    desk.api.push("trades", ["odd", "first"])
    desk.api.push("trades", ["second"])
    await settle()
    assert desk.told == ["first", "second"]


async def test_an_answer_that_is_no_list_of_reports_ends_no_stream(desk: Desk) -> None:
    desk.streams.start()
    desk.api.push("orders", None)
    await desk.wait(5)
    desk.api.push("orders", ["later"])
    await settle()
    assert desk.told == ["later"]


async def test_only_the_market_that_is_silent_is_asked_for(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    desk.streams.watch_prices(frozenset({"A", "B"}))
    await settle()
    desk.price("B")
    for _ in range(int(PRICES_SILENT_SEC) + 1):
        desk.price("A")
        await desk.wait(1)
    assert desk.asked == [frozenset({"B"})]


async def test_a_market_that_moved_while_its_stream_said_nothing_opens_the_streams_again(desk: Desk) -> None:
    desk.moved = frozenset({"A"})
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    await desk.wait(PRICES_SILENT_SEC)
    assert not desk.api.connection.errors
    await desk.wait(1)
    assert len(desk.api.connection.errors) == 1


async def test_until_a_stream_has_told_of_a_market_its_price_is_asked_for_every_two_seconds(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    for _ in range(4):
        await desk.wait(PRICES_POLLED_SEC)
    assert len(desk.asked) == 4
    desk.price("A")
    await settle()
    for _ in range(4):
        await desk.wait(PRICES_POLLED_SEC)
    assert len(desk.asked) == 4


async def test_a_stream_that_breaks_is_made_up_for_at_once(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    desk.price("A")
    await settle()
    desk.api.push("A", ConnectionResetError("gone"))
    await desk.wait(PRICES_POLLED_SEC)
    await desk.wait(PRICES_POLLED_SEC)
    assert desk.asked


async def test_a_stream_that_tells_the_move_a_moment_later_is_left_alone(desk: Desk) -> None:
    desk.moved = frozenset({"A"})
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    await desk.wait(PRICES_SILENT_SEC)
    desk.price("A")
    await desk.wait(1)
    assert not desk.api.connection.errors


async def test_prices_that_nothing_streams_are_asked_for_all_the_time(desk: Desk) -> None:
    desk.api.has = {"watchTickers": False}
    desk.moved = frozenset({"A"})
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    await desk.wait(PRICES_POLLED_SEC * 6)
    assert len(desk.asked) >= 3
    assert not desk.api.connection.errors


async def test_a_market_that_is_watched_no_more_is_followed_no_more(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A", "B"}))
    desk.streams.watch_prices(frozenset({"A", "B", "C"}))
    await settle()
    desk.streams.watch_prices(frozenset({"B"}))
    await settle()
    assert desk.api.ended == [["C"]]
    desk.price("A", of="A,B")
    await settle()
    assert desk.told == []
    desk.streams.watch_prices(frozenset({"A", "B"}))
    desk.price("A", of="A,B")
    await settle()
    assert desk.told == [{"symbol": "A"}]
    assert desk.api.followed == [["A", "B"], ["C"]]


async def test_very_many_markets_share_several_subscriptions(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset(f"C{number}" for number in range(250)))
    await settle()
    assert [len(symbols) for symbols in desk.api.followed] == [100, 100, 50]


def test_six_hundred_perpetuals_can_be_followed_one_by_one_within_what_a_connection_holds() -> None:
    exchange = make_exchange(BINANCE_USDM, Access(), StreamHooks(lambda: None, lambda _: None))
    held: dict[tuple[str, str], int] = {}
    for number in range(600):
        for channel in ("miniTicker", "bookTicker", "markPrice"):
            category = exchange.get_future_ws_category(channel)
            connection = (category, exchange.stream("linear", f"{channel}::C{number}/USDT:USDT"))
            held[connection] = held.get(connection, 0) + 1
    assert max(held.values()) <= CONNECTION_HOLDS


async def test_h41_a_market_that_is_listed_no_more_hides_none_of_the_others(desk: Desk) -> None:
    desk.api.markets = {"A", "B"}
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A", "B"}))
    await settle()
    desk.api.markets = {"B"}
    desk.price("A", of="A,B")
    await settle()
    desk.price("B")
    await settle()
    assert desk.api.followed == [["A", "B"], ["B"]]
    assert desk.told == [{"symbol": "A"}, {"symbol": "B"}]


async def test_markets_none_of_which_is_listed_are_followed_when_one_is(desk: Desk) -> None:
    desk.api.markets = set()
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    await desk.wait(60)
    assert desk.api.followed == []
    desk.api.markets = {"A"}
    await desk.wait(LONGEST_WAIT_SEC)
    assert desk.api.followed == [["A"]]


async def test_a_market_that_is_listed_later_than_the_others_is_followed_then(desk: Desk) -> None:
    desk.api.markets = {"A"}
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A", "B"}))
    await settle()
    desk.api.markets = {"A", "B"}
    await desk.wait(PRICES_POLLED_SEC)
    assert desk.api.followed == [["A"], ["B"]]


async def test_a_price_that_comes_past_who_watches_is_heard(desk: Desk) -> None:
    desk.streams.start(follow_own=False)
    desk.streams.watch_prices(frozenset({"A"}))
    for _ in range(int(PRICES_SILENT_SEC) + 1):
        desk.streams.push_ticker({"symbol": "A"})
        desk.streams.push_ticker({"symbol": "B"})
        await desk.wait(1)
    assert desk.asked == []
    assert {each["symbol"] for each in desk.told} == {"A"}


async def test_a_stream_that_lasted_is_opened_as_soon_as_at_first(desk: Desk) -> None:
    watched_at: list[float] = []

    async def watch_orders() -> None:
        watched_at.append(desk.clock.monotonic())
        await desk.clock.sleep(1 if len(watched_at) < 4 else LASTING_SEC + 1)
        raise ConnectionError("broke")

    desk.api.watch_orders = watch_orders  # type: ignore[method-assign]  # one that breaks
    desk.streams.start()
    for _ in range(60):
        await desk.wait(1)
    waits = [later - before for before, later in pairwise(watched_at)]
    assert waits[:4] == [1 + FIRST_WAIT_SEC, 3, 1 + LONGEST_WAIT_SEC, LASTING_SEC + 1 + FIRST_WAIT_SEC]


async def test_h28_no_stream_is_opened_while_the_venue_wants_to_hear_nothing(desk: Desk) -> None:
    desk.host.pause(60)
    desk.streams.start()
    desk.streams.watch_prices(frozenset({"A"}))
    await desk.wait(59)
    assert (desk.api.opened, desk.api.followed) == (0, [])
    await desk.wait(2)
    assert (desk.api.opened, desk.api.followed) == (2, [["A"]])


async def test_h28_a_stream_that_breaks_is_not_opened_again_before_a_ban_is_over_however_it_grew(desk: Desk) -> None:
    opened_at = breaking(desk, ConnectionError("broke"))
    desk.streams.start()
    await settle()
    desk.host.pause(60)
    await desk.wait(30)
    desk.host.pause(60)
    await desk.wait(59)
    assert opened_at == [0]
    await desk.wait(1)
    assert opened_at == [0, 90]


async def test_h28_a_stream_that_is_open_is_read_all_through_a_ban(desk: Desk) -> None:
    desk.streams.start()
    await settle()
    desk.host.pause(60)
    for told in ("first", "second"):
        desk.api.push("orders", [told])
        await settle()
    assert desk.told == ["first", "second"]


async def test_h28_a_stream_that_the_venue_refuses_to_open_waits_as_long_as_it_is_told_to(desk: Desk) -> None:
    opened_at = breaking(desk, await refused_handshake({"Retry-After": "60"}))
    desk.streams.start()
    await desk.wait(59)
    assert opened_at == [0]
    await desk.wait(2)
    assert opened_at == [0, 60]


def breaking(desk: Desk, error: Exception) -> list[float]:
    """When our own orders were followed; doing so ends in `error`."""
    opened_at: list[float] = []

    async def watch_orders() -> None:
        opened_at.append(desk.clock.monotonic())
        raise error

    desk.api.watch_orders = watch_orders  # type: ignore[method-assign]  # one that breaks
    return opened_at


async def refused_handshake(headers: dict[str, str]) -> Exception:
    """What ccxt raises where the venue answers 429 instead of opening a stream."""

    async def refuse(_request: web.Request) -> web.Response:
        return web.Response(status=429, headers=headers)

    app = web.Application()
    app.router.add_get("/{path:.*}", refuse)
    async with TestServer(app) as server:
        exchange = make_exchange(BINANCE_USDM, Access(), StreamHooks(lambda: None, lambda _: None))
        exchange.timeout_on_exit = 0
        raised: pytest.ExceptionInfo[Exception]
        with pytest.raises(import_module("ccxt").NetworkError) as raised:
            await exchange.watch(str(server.make_url("/ws")), "any")
        await exchange.close()
    return raised.value
