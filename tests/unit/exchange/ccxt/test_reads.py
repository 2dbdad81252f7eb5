"""What reads make of odd answers: nothing of ours is ever left out, and somebody else's row never hides ours."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from typing import Any

import pytest

from app.base.errors import Retryable
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.mapping import Unreadable, milliseconds
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import TRACE, Access
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


LISTED = ("A/USDT", "LINK/USDT", "SOL/USDT", "Z/USDT")


class Api:
    """A venue with lists that a test writes."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.has: dict[str, Any] = {}
        self.orders: list[dict[str, Any]] = []
        self.trades: list[dict[str, Any]] = []
        self.asked: list[tuple[Any, ...]] = []
        self.broken = ""
        self.markets = dict.fromkeys(LISTED)

    async def fetch_open_orders(self, *_asked: Any) -> list[dict[str, Any]]:
        return self.orders

    async def fetch_order(self, order_id: str, *_asked: Any) -> dict[str, Any]:
        return order(OTHERS, id=order_id)

    async def fetch_my_trades(
        self, symbol: str, since: int | None, limit: int, params: dict[str, Any]
    ) -> list[dict[str, Any]]:
        trace = TRACE.get()
        assert trace is not None
        trace.begin()
        self.asked.append((symbol, since, params))
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
    desk.known.note_owner("7", OURS)
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
