"""What the poller finds that no stream has told, and what it makes of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.base.clock import EPOCH
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.poller import FAST_SEC, SLOW_SEC, Poller
from app.exchange.ccxt.reads import FEW_MARKETS
from app.messages.reports import BalanceReport, FillReport, Found, LookUpOutcome, NotFound, OrderReport
from app.ports.venue import OrderRef
from tests.support.clock import ManualClock, settle

SOL = "SOL/USDT:USDT"
RESTING = OrderReport(
    account="main", symbol=SOL, client_order_id="zg1", venue_order_id="77", side=OrderSide.BUY, type=OrderType.LIMIT,
    status=OrderStatus.OPEN, quantity=Decimal(2), filled=Decimal(0), average=None, price=Decimal(150),
    trigger_price=None, reduce_only=False, at=EPOCH,
)  # fmt: skip
FILL = FillReport(
    account="main", symbol=SOL, trade_id="t1", client_order_id="zg1", side=OrderSide.BUY, price=Decimal(150),
    quantity=Decimal(2), fee=Decimal(0), fee_asset="USDT", liquidity=Liquidity.MAKER, at=EPOCH,
)  # fmt: skip
FILLED = replace(RESTING, status=OrderStatus.FILLED, filled=Decimal(2), average=Decimal(150))


class Venue:
    """A reader whose answers are set by hand."""

    def __init__(self, known: Known) -> None:
        self.listed: list[OrderReport] = []
        self.found: LookUpOutcome = NotFound()
        self.asked = 0
        self.broken: Exception | None = None
        self.meanwhile: Callable[[], None] = lambda: None
        self._known = known

    async def open_orders_of(self, symbols: Sequence[str]) -> Sequence[OrderReport]:
        assert list(symbols) == [SOL]
        self.asked += 1
        self.meanwhile()
        if self.broken is not None:
            raise self.broken
        return self.listed

    async def look_up(self, order: OrderRef) -> LookUpOutcome:
        assert (order.client_order_id, order.venue_order_id) == ("zg1", "77")
        if isinstance(self.found, Found):
            self._known.learn(self.found.order, {})
        return self.found

    async def balances(self) -> Sequence[BalanceReport]:
        return [BalanceReport("main", "USDT", Decimal(100), Decimal(100), EPOCH)]


class Desk:
    def __init__(self, scan_sec: float = SLOW_SEC) -> None:
        self.clock = ManualClock()
        self.known = Known(self.clock)
        self.venue = Venue(self.known)
        self.told: list[Any] = []
        self.is_streaming = True
        self.silences = 0
        self.poller = Poller(
            self.clock, self.venue, self.known, self.told.append, lambda: self.is_streaming, self._silent, scan_sec,  # type: ignore[arg-type]  # a reader by hand
        )  # fmt: skip
        self.known.learn(RESTING, {})
        self.poller.start()

    def _silent(self) -> None:
        self.silences += 1

    async def wait(self, seconds: float) -> None:
        await self.clock.advance(seconds)
        await settle()


@pytest.fixture
async def desk() -> Any:
    made = Desk()
    await settle()
    yield made
    made.poller.stop()


async def test_it_looks_slowly_beside_a_stream_and_fast_without_one(desk: Desk) -> None:
    desk.venue.listed = [RESTING]
    await desk.wait(SLOW_SEC - 1)
    assert desk.venue.asked == 0
    await desk.wait(1)
    assert desk.venue.asked == 1
    desk.is_streaming = False
    desk.poller.hurry()
    await settle()
    assert desk.venue.asked == 2
    await desk.wait(FAST_SEC)
    assert desk.venue.asked == 3
    assert desk.told == []


async def test_few_markets_are_looked_at_as_often_as_protection_is_scanned() -> None:
    desk = Desk(scan_sec=10.0)
    await settle()
    desk.venue.listed = [RESTING]
    await desk.wait(10)
    assert desk.venue.asked == 1
    desk.poller.stop()


async def test_many_markets_weigh_more_and_are_looked_at_slowly() -> None:
    desk = Desk(scan_sec=10.0)
    for number in range(FEW_MARKETS):
        desk.known.learn(replace(RESTING, client_order_id=f"other{number}", symbol=f"M{number}/USDT:USDT"), {})
    await settle()
    await desk.wait(SLOW_SEC - 1)
    assert desk.venue.asked == 0
    desk.poller.stop()


async def test_a_fill_that_no_stream_told_is_told_with_its_executions_and_the_balance(desk: Desk) -> None:
    desk.venue.found = Found(replace(FILLED, fills=(FILL,)))
    await desk.wait(SLOW_SEC)
    assert desk.told == [FILL, FILLED]
    await desk.wait(1)
    assert [type(each) for each in desk.told[2:]] == [BalanceReport]


async def test_a_stream_that_has_not_told_it_by_the_next_look_counts_as_silent(desk: Desk) -> None:
    desk.venue.found = Found(FILLED)
    await desk.wait(SLOW_SEC)
    assert desk.silences == 0
    await desk.wait(SLOW_SEC)
    assert desk.silences == 1


async def test_a_stream_that_tells_it_late_is_forgiven(desk: Desk) -> None:
    desk.venue.found = Found(FILLED)
    await desk.wait(SLOW_SEC)
    desk.poller.streamed(FILLED)
    await desk.wait(SLOW_SEC)
    assert desk.silences == 0


async def test_what_was_missed_before_the_stream_came_back_is_not_held_against_it(desk: Desk) -> None:
    desk.poller.hurry()
    desk.venue.found = Found(FILLED)
    await settle()
    assert desk.told == [FILLED]
    await desk.wait(SLOW_SEC)
    assert desk.silences == 0


async def test_h03_an_order_that_is_not_to_be_found_is_not_told_as_gone(desk: Desk) -> None:
    await desk.wait(SLOW_SEC)
    assert desk.told == []


async def test_an_order_that_was_twice_not_to_be_found_is_asked_for_no_more(desk: Desk) -> None:
    await desk.wait(SLOW_SEC)
    assert "zg1" in desk.known.live
    await desk.wait(SLOW_SEC)
    await desk.wait(SLOW_SEC * 3)
    assert desk.venue.asked == 2


async def test_an_order_that_was_found_in_between_is_still_asked_for(desk: Desk) -> None:
    for listed in ([], [RESTING], []):
        desk.venue.listed = listed
        await desk.wait(SLOW_SEC)
    assert "zg1" in desk.known.live


async def test_one_answer_that_breaks_the_look_does_not_end_looking(desk: Desk) -> None:
    desk.venue.broken = OverflowError("date value out of range")
    await desk.wait(SLOW_SEC)
    desk.venue.broken = None
    await desk.wait(SLOW_SEC)
    assert desk.venue.asked == 2


async def test_without_live_orders_nothing_is_asked(desk: Desk) -> None:
    desk.known.learn(FILLED, {})
    await desk.wait(SLOW_SEC * 3)
    assert desk.venue.asked == 0


async def test_an_answer_that_comes_after_the_streams_news_is_not_held_against_the_stream(desk: Desk) -> None:
    desk.known.learn(FILLED, {})
    desk.poller.streamed(FILLED)
    desk.known.learn(RESTING, {})
    desk.venue.found = Found(FILLED)
    for _ in range(2):
        await desk.wait(SLOW_SEC)
    assert (desk.silences, desk.told) == (0, [])


async def test_what_the_stream_told_while_the_list_was_on_its_way_is_not_held_against_it(desk: Desk) -> None:
    def told_meanwhile() -> None:
        desk.known.learn(FILLED, {})
        desk.poller.streamed(FILLED)

    desk.venue.meanwhile = told_meanwhile
    desk.venue.found = Found(FILLED)
    for _ in range(2):
        await desk.wait(SLOW_SEC)
    assert desk.silences == 0


async def test_a_stream_that_told_of_less_than_was_found_counts_as_silent(desk: Desk) -> None:
    desk.poller.streamed(RESTING)
    desk.venue.found = Found(replace(RESTING, status=OrderStatus.CANCELLED))
    for _ in range(2):
        await desk.wait(SLOW_SEC)
    assert desk.silences == 1
