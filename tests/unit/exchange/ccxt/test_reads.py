"""What reads make of odd answers: nothing of ours is ever left out, and somebody else's row never hides ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from app.base.errors import Retryable
from app.domain.values import OrderType
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.errors import Answer
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.mapping import Unreadable, milliseconds
from app.exchange.ccxt.reads import FEW_MARKETS
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import TRACE, Access
from app.messages.reports import Found
from app.ports.venue import OVERLAP, OrderRef
from tests.support.clock import MIDNIGHT, ManualClock, settle

ccxt = import_module("ccxt")
OURS, OTHERS = "zgabcde00group001zze001", "web_1"
SOL = "SOL/USDT"
PAGE = 50


def order(client_id: str | None, **others: Any) -> dict[str, Any]:
    told = {"id": "1", "clientOrderId": client_id, "symbol": SOL, "type": "limit", "side": "sell", "price": "150"}
    return {**told, "amount": "2", "filled": "0", "status": "open", "info": {}, **others}


def trade(number: int, at: int, client_id: str | None = OURS, **others: Any) -> dict[str, Any]:
    info = {} if client_id is None else {"clientOrderId": client_id}
    told = {"id": str(number), "order": "9", "symbol": SOL, "side": "buy", "price": "1", "amount": "1"}
    return {**told, "timestamp": at, "info": info, **others}


def not_found() -> Exception:
    trace = TRACE.get()
    assert trace is not None
    trace.begin()
    trace.answer = Answer(400, '{"code":-2013,"msg":"Order does not exist."}', {})
    error: Exception = ccxt.OrderNotFound("-2013")
    return error


LISTED = ("A/USDT", "LINK/USDT", "SOL/USDT", "Z/USDT")


class Api:
    """A venue with lists that a test writes."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.has: dict[str, Any] = {}
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.listed: list[str | None] = []
        self.answers = asyncio.Event()
        self.answers.set()
        self.broken = ""
        self.unpriced: set[str] = set()
        self.unfound = False
        self.looked_up = 0
        self.sizes: list[int] = []
        self.priced: list[str] = []
        self.markets = dict.fromkeys(LISTED)

    async def fetch_open_orders(self, symbol: str | None, *_asked: Any) -> list[dict[str, Any]]:
        self.listed.append(symbol)
        await self.answers.wait()
        return self.orders

    async def fetch_ticker(self, symbol: str) -> dict[str, Any]:
        self.priced.append(symbol)
        if symbol in self.unpriced:
            raise ccxt.BadSymbol(symbol)
        return {"symbol": symbol, "last": "150", "bid": "149", "ask": "151", "info": {}}

    async def fetch_order(self, order_id: str, *_asked: Any) -> dict[str, Any]:
        self.looked_up += 1
        if self.unfound:
            raise not_found()
        return next(iter(self.orders), order(OTHERS, id=order_id))

    async def fetch_my_trades(
        self, symbol: str, since: int | None, limit: int, params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        trace = TRACE.get()
        assert trace is not None
        trace.begin()
        self.asked.append((symbol, since, params))
        self.sizes.append(limit)
        if symbol == self.broken:
            raise ccxt.RequestTimeout("x")
        if self.broken:
            await asyncio.Event().wait()
        rows = self.trades if since is None else [row for row in self.trades if since <= row["timestamp"]]
        return [row for row in rows if int(row["id"]) >= params.get("fromId", 0)][:limit]


class Desk:
    def __init__(self, dialect: Dialect = BINANCE_SPOT) -> None:
        self.clock = ManualClock()
        self.api = Api()
        dialect = replace(dialect, trade_page=PAGE)
        self.venue = CcxtVenue(
            "main", dialect, Access(), self.clock, Host(dialect.budgets, self.clock), lambda *_: self.api
        )
        self.known = self.venue._known
        self.known.touch(SOL)

    async def owners(self) -> list[str | None]:
        told = await self.venue.fetch_fills(self.clock.now() - timedelta(minutes=6))
        return [fill.client_order_id for fill in told]

    async def fills(self, back: timedelta = timedelta(minutes=6)) -> list[str]:
        return [fill.trade_id for fill in await self.venue.fetch_fills(self.clock.now() - back)]


@pytest.fixture
def desk() -> Desk:
    return Desk()


A_MINUTE_AGO = milliseconds(MIDNIGHT) - 60_000


@pytest.mark.parametrize("client_id", [OTHERS, None])
async def test_somebody_elses_order_that_cannot_be_read_hides_none_of_ours(desk: Desk, client_id: str | None) -> None:
    desk.api.orders = [order(client_id, amount="0"), order(OURS, id="2")]
    assert [report.client_order_id for report in await desk.venue.fetch_open_orders()] == [OURS]


async def test_it_is_told_once_in_the_log(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", logger="app.exchange.ccxt.reads")
    desk.api.orders = [order(OTHERS, amount="0")]
    await desk.venue.fetch_open_orders()
    await desk.venue.fetch_open_orders()
    assert len(caplog.records) == 1


async def test_an_order_of_ours_that_cannot_be_read_fails_the_read(desk: Desk) -> None:
    desk.api.orders = [order(OURS, amount="0")]
    with pytest.raises(Unreadable):
        await desk.venue.fetch_open_orders()


async def test_what_a_stop_of_ours_became_is_ours_whatever_its_id_says(desk: Desk) -> None:
    desk.known.note_owner(SOL, "7", OURS)
    desk.api.orders = [order(OTHERS, id="7", amount="0")]
    with pytest.raises(Unreadable):
        await desk.venue.fetch_open_orders()


@pytest.mark.parametrize("client_id", [OTHERS, None])
async def test_somebody_elses_trade_that_cannot_be_read_is_left_out(desk: Desk, client_id: str | None) -> None:
    desk.api.trades = [trade(1, A_MINUTE_AGO, client_id, amount="0"), trade(2, A_MINUTE_AGO)]
    assert await desk.fills() == ["2"]


@pytest.mark.parametrize("odd", [{"amount": "0"}, {"amount": "0", "info": {"execType": "BustTrade"}}])
async def test_a_trade_that_is_ours_or_was_forced_upon_us_fails_the_read(desk: Desk, odd: dict[str, Any]) -> None:
    desk.api.trades = [trade(1, A_MINUTE_AGO, **odd)]
    with pytest.raises(Unreadable):
        await desk.fills()


async def test_more_trades_in_one_millisecond_than_a_page_holds_are_all_told(desk: Desk) -> None:
    rows = [trade(number, A_MINUTE_AGO) for number in range(98, 98 + 2 * PAGE)]
    desk.api.trades = [*rows, trade(999, A_MINUTE_AGO + 5000)]
    assert await desk.fills() == [row["id"] for row in desk.api.trades]


async def test_a_moment_that_is_to_come_is_not_waited_for(desk: Desk) -> None:
    desk.api.trades = [trade(1, A_MINUTE_AGO)]
    assert await desk.fills(-timedelta(days=30)) == ["1"]


async def test_when_one_market_cannot_be_read_the_others_are_given_up(desk: Desk) -> None:
    desk.api.broken = SOL
    for symbol in ("A/USDT", "Z/USDT"):
        desk.known.touch(symbol)
    with pytest.raises(Retryable):
        await desk.fills(timedelta(days=28))
    asked = len(desk.api.asked)
    await settle()
    assert len(desk.api.asked) == asked
    assert [task for task in asyncio.all_tasks() if task is not asyncio.current_task()] == []
    assert len(desk.venue._breaker._failures) == 1


async def test_markets_at_rest_for_long_are_not_asked_for_their_trades(desk: Desk) -> None:
    await desk.clock.advance(timedelta(days=9).total_seconds())
    desk.known.touch("LINK/USDT")
    await desk.fills()
    assert {symbol for symbol, _, _ in desk.api.asked} == {"LINK/USDT"}


async def test_what_is_read_from_long_ago_is_read_of_the_markets_of_that_time(desk: Desk) -> None:
    await desk.clock.advance(timedelta(days=9).total_seconds())
    await desk.fills(timedelta(days=3))
    assert {symbol for symbol, _, _ in desk.api.asked} == {SOL}


async def test_an_order_that_rests_keeps_its_market_among_those_that_are_asked(desk: Desk) -> None:
    await desk.clock.advance(timedelta(days=9).total_seconds())
    desk.api.orders = [order(OURS)]
    await desk.venue.fetch_open_orders()
    await desk.fills()
    assert {symbol for symbol, _, _ in desk.api.asked} == {SOL}


async def test_a_venue_that_tells_all_trades_at_once_is_asked_once() -> None:
    desk = Desk(OKX_SPOT)
    desk.api.trades = [trade(number, A_MINUTE_AGO) for number in range(10)]
    assert len(await desk.fills()) == 10
    assert len(desk.api.asked) == 1


SKEWS = [timedelta(minutes=10), timedelta(minutes=-10)]


@pytest.mark.parametrize("ahead", SKEWS)
async def test_h29_what_just_happened_is_read_and_dated_by_our_clock_however_wrong_that_is(ahead: timedelta) -> None:
    desk = Desk(OKX_SPOT)
    desk.venue._session.skew_ms = ahead // timedelta(milliseconds=1)
    half_a_minute_ago = desk.clock.now() - timedelta(seconds=30)
    at = milliseconds(half_a_minute_ago - ahead)
    desk.api.trades = [trade(1, at)]
    desk.api.orders = [order(OURS, timestamp=at)]
    (fill,) = await desk.venue.fetch_fills(desk.clock.now() - OVERLAP)
    (resting,) = await desk.venue.fetch_open_orders()
    assert (fill.at, resting.at) == (half_a_minute_ago, half_a_minute_ago)


@pytest.mark.parametrize("ahead", SKEWS)
async def test_h29_what_a_stream_tells_is_dated_by_our_clock(ahead: timedelta) -> None:
    desk = Desk()
    desk.venue._session.skew_ms = ahead // timedelta(milliseconds=1)
    told: list[Any] = []
    desk.venue._deliver = told.append
    at = milliseconds(desk.clock.now() - ahead)
    desk.venue._take_order(order(OURS, timestamp=at))
    desk.venue._take_trade(trade(1, at))
    desk.venue._take_ticker({"symbol": SOL, "last": "150", "timestamp": at})
    assert [told[0].at, told[1].at, told[2].quote.at] == [desk.clock.now()] * 3


async def test_h41_orders_are_asked_of_the_markets_that_are_still_listed(desk: Desk) -> None:
    desk.api.orders = [order(OURS)]
    told = await desk.venue._reader.open_orders_of(["GONE/USDT", SOL])
    assert [report.client_order_id for report in told] == [OURS]


@pytest.mark.parametrize(
    ("dialect", "markets", "lists"),
    [(BINANCE_SPOT, 13, 13), (BINANCE_SPOT, 14, 1), (KUCOIN_SPOT, 2, 2), (KUCOIN_SPOT, 3, 1)],
)
async def test_orders_of_some_markets_are_asked_for_at_the_least_weight(
    dialect: Dialect, markets: int, lists: int
) -> None:
    """On Binance spot 6 for one market and 80 for all, at KuCoin 2 and 4."""
    desk = Desk(dialect)
    symbols = [f"M{number}/USDT" for number in range(markets)]
    desk.api.markets = dict.fromkeys(symbols)
    await desk.venue._reader.open_orders_of(symbols)
    assert len(desk.api.listed) == lists


async def test_orders_of_many_markets_are_asked_for_a_few_at_a_time(desk: Desk) -> None:
    symbols = [f"M{number}/USDT" for number in range(13)]
    desk.api.markets = dict.fromkeys(symbols)
    desk.api.answers.clear()
    reading = asyncio.ensure_future(desk.venue._reader.open_orders_of(symbols))
    await settle()
    assert desk.api.listed == symbols[:FEW_MARKETS]
    desk.api.answers.set()
    await reading
    assert desk.api.listed == symbols


async def test_what_became_of_an_order_is_told_with_its_fills_though_reads_have_used_up_their_part(desk: Desk) -> None:
    desk.api.orders = [order(OURS, id="9", filled="2", status="closed")]
    desk.api.trades = [trade(1, A_MINUTE_AGO, amount="2")]
    (budget,) = [bucket for bucket in desk.venue._session._limiter.host.buckets if bucket.budget.seconds == 60]
    budget.spend(budget.budget.amount * 3 // 4)
    waiting = asyncio.ensure_future(desk.venue.fetch_open_orders())
    await settle()
    assert desk.api.listed == []
    found = await desk.venue.look_up(OrderRef(OURS, "9", SOL, OrderType.LIMIT))
    assert isinstance(found, Found)
    assert [fill.quantity for fill in found.order.fills] == [2]
    waiting.cancel()


async def test_h41_a_price_that_cannot_be_read_hides_none_of_the_others(desk: Desk) -> None:
    desk.api.unpriced = {"A/USDT"}
    told = await desk.venue._reader.prices({"A/USDT", "GONE/USDT", SOL})
    assert [report.symbol for report in told] == [SOL]
    assert desk.api.priced == ["A/USDT", SOL]


async def test_prices_none_of_which_can_be_read_fail_the_read(desk: Desk) -> None:
    desk.api.unpriced = {SOL}
    with pytest.raises(Retryable):
        await desk.venue._reader.prices({SOL})


async def test_trades_of_two_markets_with_one_id_are_two() -> None:
    desk = Desk(OKX_SPOT)
    desk.api.trades = [trade(77, A_MINUTE_AGO), trade(77, A_MINUTE_AGO, symbol="LINK/USDT")]
    assert await desk.fills() == ["77", "77"]


async def test_an_order_that_was_not_found_is_asked_for_once_in_a_read_and_again_in_the_next(desk: Desk) -> None:
    desk.api.trades = [trade(number, A_MINUTE_AGO, None) for number in (1, 2)]
    desk.api.unfound = True
    assert [await desk.owners(), desk.api.looked_up] == [[None, None], 1]
    desk.api.unfound = False
    assert [await desk.owners(), desk.api.looked_up] == [[OTHERS, OTHERS], 2]


async def test_the_trades_of_an_order_are_asked_for_by_whole_pages(desk: Desk) -> None:
    desk.api.trades = [trade(1, A_MINUTE_AGO, order="1")]
    desk.api.orders = [order(OURS, filled="1")]
    await desk.venue.look_up(OrderRef(OURS, "1", SOL, OrderType.LIMIT))
    assert desk.api.sizes == [PAGE]


async def test_with_the_breaker_open_orders_are_still_looked_up(desk: Desk) -> None:
    while not desk.venue._breaker.is_open:
        desk.venue._breaker.failed("words")
    assert isinstance(await desk.venue.look_up(OrderRef(OURS, "1", SOL, OrderType.STOP_LIMIT)), Found)
