"""The adapter speaks to Binance USD-M on the wire: the fake's own book is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from decimal import Decimal

import pytest

from app.base.clock import system_clock
from app.domain.market import MarketRules
from app.domain.order import OrderStatus
from app.domain.values import MarketType, OrderSide, OrderType, PositionMode
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import Access
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from app.messages.reports import Accepted, ConnectionReport, Found, NotFound, RefusalCode, Refused, VenueReport
from app.ports.venue import OrderRef
from tests.integration.exchange.venue_contract import SYMBOL, market, ref, request
from tests.support.venues import BinanceLinear

D = Decimal


@dataclass
class Joined:
    fake: BinanceLinear
    venue: CcxtVenue
    seen: list[VenueReport]


@pytest.fixture
async def joined() -> AsyncIterator[Joined]:
    clock = system_clock()
    step = D("0.001")
    rules = MarketRules(SYMBOL, MarketType.LINEAR, "SOL", "USDT", D("0.01"), step, step, D(5), D(1000))
    board = PriceBoard(clock, RuleBook({SYMBOL: rules}))
    board.open(SYMBOL, D(200))
    fake = BinanceLinear(board)
    base_url = await fake.start()
    access = Access(api_key="key", secret="secret", base_url=base_url)
    venue = CcxtVenue("perp", BINANCE_USDM, access, clock, Host(BINANCE_USDM.budgets, clock))
    seen: list[VenueReport] = []
    try:
        await venue.connect(seen.append)
        await venue.load_market(SYMBOL, None)
        yield Joined(fake, venue, seen)
    finally:
        await venue.close()
        await fake.stop()


async def test_rules_and_mode_are_the_venues(joined: Joined) -> None:
    report = await joined.venue.load_market(SYMBOL, None)
    assert report is not None
    assert (report.rules.tick_size, report.rules.step_size, report.rules.min_notional) == (D("0.01"), D("0.001"), D(5))
    assert joined.venue.capabilities.position_mode is PositionMode.ONE_WAY


async def test_an_order_rests_is_found_by_our_id_and_cancelled(joined: Joined) -> None:
    order = request(1)
    placed = await joined.venue.create_order(order)
    assert isinstance(placed, Accepted)
    assert placed.order.status is OrderStatus.OPEN
    found = await joined.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert [item.client_order_id for item in await joined.venue.fetch_open_orders()] == [order.client_order_id]
    assert isinstance(await joined.venue.cancel_order(ref(order)), Accepted)
    assert await joined.venue.fetch_open_orders() == []


async def test_a_grid_goes_as_one_batch_and_its_market_leg_fills(joined: Joined) -> None:
    outcomes = await joined.venue.create_orders([market(1), request(2), request(3, price=D("180.00"))])
    assert all(isinstance(outcome, Accepted) for outcome in outcomes)
    (position,) = await joined.venue.fetch_positions()
    assert (position.quantity, position.entry_price) == (D("1.000"), D(200))
    assert len(await joined.venue.fetch_open_orders()) == 2


async def test_a_stop_rests_with_the_algo_orders(joined: Joined) -> None:
    await joined.venue.create_order(market(1))
    stop = request(
        2, OrderSide.SELL, type=OrderType.STOP_MARKET, price=None, trigger_price=D("190.00"), reduce_only=True
    )
    assert isinstance(await joined.venue.create_order(stop), Accepted)
    resting = await joined.venue.fetch_open_orders()
    assert [(item.client_order_id, item.trigger_price) for item in resting] == [(stop.client_order_id, D("190.00"))]


async def test_the_margin_of_resting_entries_is_none_of_the_positions_leverage(joined: Joined) -> None:
    await joined.venue.set_leverage(SYMBOL, D(10), "cross")
    await joined.venue.create_orders([market(1), request(2), request(3)])
    [position] = await joined.venue.fetch_positions()
    assert position.leverage == 10


async def test_the_venues_refusals_are_ours(joined: Joined) -> None:
    order = request(1)
    await joined.venue.create_order(order)
    again = await joined.venue.create_order(order)
    assert isinstance(again, Refused)
    assert again.code is RefusalCode.DUPLICATE_ID
    lonely = request(2, OrderSide.SELL, price=D("210.00"), reduce_only=True)
    refused = await joined.venue.create_order(lonely)
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.REDUCE_ONLY
    assert isinstance(await joined.venue.look_up(ref(request(9))), NotFound)


async def until(holds: Callable[[], bool]) -> None:
    clock = system_clock()
    async with asyncio.timeout(30):
        while not holds():
            await clock.sleep(0.02)


async def test_an_old_private_stream_that_ends_after_the_new_one_is_up_is_not_missed(joined: Joined) -> None:
    streams = joined.fake.streams
    (old,) = streams.user_lines
    streams.listen_key = None
    await joined.venue._session.exchange.keep_alive_listen_key()
    await until(lambda: bool(set(streams.user_lines) - {old}))
    old.hang_up()
    await until(lambda: old not in streams.user_lines)
    told = [report.connected for report in joined.seen if isinstance(report, ConnectionReport)]
    assert joined.venue.health().connected
    assert told == [True]


async def test_h41_orders_of_a_market_that_is_listed_no_more_keep_no_look_from_the_others(joined: Joined) -> None:
    venue, api = joined.venue, joined.venue._session.exchange
    gone = OrderRef("zggone", "1", "GONE/USDT:USDT", OrderType.LIMIT)
    placed = await venue.create_order(request(1))
    assert isinstance(placed, Accepted)
    venue._known.learn(replace(placed.order, client_order_id=gone.client_order_id, symbol=gone.symbol), {})
    assert gone.symbol not in api.markets
    for _ in range(2):
        await venue._poller.look()
    assert set(venue._known.live) == {placed.order.client_order_id}
