"""Hazards 18, 19 and 21–27: sizes, filters and money."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from app.domain.values import OrderRole, OrderType, Side
from app.messages.records import SignalOutcome
from app.replay.model import load_scenario
from app.replay.runner import replay
from tests.integration.exchange.venue_contract import request
from tests.support.markets import PLACES
from tests.support.trading import ALGO_ORDER, ORDER, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

D = Decimal
SCENARIOS = Path(__file__).parents[2] / "scenarios"
RESTING = grid(entry_order_type="limit")
FAR_LEG = grid(("0", "50", "2"), ("-85", "50", "2"), stop=None)
SPOT = next(place for place in PLACES if place.name == "binance spot")
THREE_LEGS = grid(("0", "34", "2"), ("-1", "33", "2"), ("-2", "33", "2"), stop="20")


def assert_replays(name: str) -> None:
    """A scenario holds, checks and invariants."""
    played = replay(load_scenario(SCENARIOS / f"{name}.yaml"), SCENARIOS)
    assert played.document["failed_checks"] == []
    assert played.document["invariant_violations"] == []


async def enter_in_part(trading: Trading) -> None:
    """Five SOL wanted, of which two have filled and are protected."""
    trading.fake.book.core.matcher.fill_sizes[SOL] = D(2)
    await trading.signal()
    await trading.until(lambda: trading.held() == 2)
    await trading.until(lambda: sizes_of_exits(trading) == [2, 2])


def sizes_of_exits(trading: Trading) -> list[Decimal]:
    """What the take-profit and the stop at the venue would sell."""
    return [order.quantity - order.filled for order in trading.resting() if order.reduce_only]


def types_of_targets(trading: Trading) -> list[OrderType]:
    return [order.type for order in trading.resting() if order.reduce_only and order.price is not None]


def waits_for(trading: Trading) -> Decimal | None:
    """The price that lets the second leg rest at the venue."""
    return trading.group.legs[1].waits_for


async def test_h18_exits_grow_with_every_fill_of_the_entry() -> None:
    async with Trading(RESTING) as trading:
        await enter_in_part(trading)
        trading.price("199.99")
        await trading.until(lambda: sizes_of_exits(trading) == [4, 4])
        trading.price("199.98")
        await trading.until(lambda: sizes_of_exits(trading) == [5, 5])
        assert trading.group.status == "active"


async def test_h19_what_filled_of_an_entry_stays_protected_when_the_rest_is_cancelled() -> None:
    async with Trading(RESTING) as trading:
        await enter_in_part(trading)
        core = trading.fake.book.core
        trading.fake.book.act(lambda: core.cancel_by_hand(lambda order: not order.reduce_only, trading.clock.now()))
        await trading.until(lambda: trading.group.status == "active")
        assert sizes_of_exits(trading) == [2, 2]
        assert len(trading.placed(OrderRole.ENTRY)) == 1
        trading.fake.book.core.matcher.fill_sizes.clear()
        trading.price("204")
        await trading.flat()


async def test_h19_what_is_left_of_an_entry_is_given_up_where_the_trader_said_so() -> None:
    async with Trading(grid(entry_order_type="limit", stop="20", cancel_beyond_percent="5")) as trading:
        await enter_in_part(trading)
        trading.fake.book.core.matcher.fill_sizes[SOL] = D("0.001")
        trading.price("189")
        await trading.until(lambda: trading.orders(OrderRole.ENTRY)[0].status == "cancelled")
        await trading.until(lambda: trading.group.open_quantity == trading.held())
        await trading.until(lambda: set(sizes_of_exits(trading)) == {trading.held()})


@pytest.mark.expects_log_warnings
def test_h21_what_a_fee_in_coins_leaves_is_dust_and_the_trade_closes() -> None:
    assert_replays("spot-dust-from-base-fees")


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("policy", ["refuses", "merges"])
def test_h22_a_leg_under_the_minimum_never_reaches_the_venue(policy: str) -> None:
    assert_replays(f"leg-below-the-minimum-{policy}")


async def test_h22_a_whole_close_may_be_under_the_minimum() -> None:
    async with Trading(grid(stop=None)) as trading:
        await trading.signal(size=D("5.2"))
        await trading.until(lambda: bool(trading.groups()) and trading.group.open_quantity == D("0.026"))
        trading.price("100")
        await trading.exit(price="100")
        await trading.flat()
        assert trading.codes() == []
        assert trading.last.dust == 0


async def test_h23_crooked_numbers_arrive_on_step_and_tick() -> None:
    crooked = grid(("0", "33", "1.77"), ("-1.33", "33", "0.77"), ("-2.71", "34", "1.13"), stop="7.77")
    async with Trading(crooked) as trading:
        trading.price("200.37")
        await trading.signal(price="200.37", size=D("777.77"))
        await trading.protected()
        trading.price("197.01")
        await trading.until(lambda: trading.group.legs_filled == 2)
        await trading.until(lambda: {order.quantity for order in trading.stops()} == {trading.held()})
        await trading.exit(price="197.01")
        await trading.flat()
        assert trading.codes() == []


async def test_h23_an_order_is_no_larger_than_the_market_takes() -> None:
    async with Trading(grid(("0", "100", "2"))) as trading:
        report = await trading.venue.load_market(SOL, None)
        assert report is not None
        assert report.rules.max_qty == 1000


async def test_h24_a_leg_outside_the_venues_price_band_waits_here_until_the_price_comes_near() -> None:
    async with Trading(FAR_LEG, place=SPOT) as trading:
        await trading.signal(size=D(800))
        await trading.until(lambda: [order.price for order in trading.resting()] == [204])
        assert waits_for(trading) == D(30) / D("0.28")
        assert trading.group.reserved > 399
        trading.price("107.2")
        await trading.until_quoted(D("107.2"))
        assert [order.price for order in trading.resting()] == [204]
        trading.price("107")
        await trading.until(lambda: [order.price for order in trading.resting()] == [204, 30])
        assert waits_for(trading) is None
        trading.price("160")  # 30 is below the band again: what rests stays
        await trading.until_quoted(D(160))
        await trading.reconcile()
        assert [order.price for order in trading.resting()] == [204, 30]
        assert trading.codes() == []


async def test_h24_a_leg_that_waits_is_given_up_with_its_group() -> None:
    async with Trading(FAR_LEG, place=SPOT) as trading:
        await trading.signal(size=D(800))
        await trading.until(lambda: len(trading.resting()) == 1)
        await trading.exit()
        await trading.flat()
        assert trading.codes() == []


async def test_h24_a_take_profit_outside_the_band_waits_for_the_price_too() -> None:
    async with Trading(grid(("0", "100", "500"), stop=None), place=SPOT) as trading:
        await trading.signal()
        await trading.until(lambda: bool(trading.groups()) and trading.group.legs[0].tp_waits_for is not None)
        assert trading.resting() == []
        assert trading.group.status == "active"
        trading.price("262")
        await trading.until(lambda: [order.price for order in trading.resting()] == [1200])
        assert trading.group.legs[0].tp_waits_for is None
        assert trading.codes() == []


async def test_h24_perpetuals_bound_only_what_crosses_the_market() -> None:
    async with Trading(grid(("0", "50", "2"), ("-60", "50", "2"), stop=None)) as trading:
        await trading.signal()
        await trading.until(lambda: sorted(order.price for order in trading.resting()) == [80, 204])


async def test_h24_stops_are_stop_market_orders() -> None:
    async with Trading() as trading:
        await trading.enter()
        assert [order.type for order in trading.stops()] == [OrderType.STOP_MARKET]


async def test_h25_a_group_has_one_stop_and_its_take_profits_are_limits() -> None:
    async with Trading(THREE_LEGS) as trading:
        await trading.enter()
        trading.price("196")
        await trading.until(lambda: trading.group.legs_filled == 3)
        await trading.until(lambda: [stop.quantity for stop in trading.stops()] == [trading.held()])
        await trading.until(lambda: types_of_targets(trading) == [OrderType.LIMIT] * 3)


async def test_h25_a_stop_over_the_venues_count_is_tried_a_few_times_then_the_position_closed() -> None:
    async with Trading() as trading:
        too_many = {"code": -4045, "message": "Reach max stop order limit."}
        trading.fake.faults.arm(FaultKind.REFUSE, ALGO_ORDER, method="POST", times=None, **too_many)
        await trading.signal()
        await trading.until(lambda: bool(trading.seen("trade.closed")))
        assert 2 <= len(trading.placed(OrderRole.STOP_LOSS)) <= 5
        assert trading.held() == 0


async def test_h25_an_entry_whose_stop_would_be_one_too_many_is_refused_before_it_opens() -> None:
    async with Trading(place=SPOT) as trading:
        for number in range(5):
            await trading.signal(size=D(100), timeframe=f"{number + 1}")
        await trading.until(lambda: len(trading.stops()) == 5)
        record = await trading.signal(size=D(100), timeframe="240")
        assert (record.outcome, record.reason) == (SignalOutcome.REJECTED, "conditional_orders")
        assert "takes 5 conditional orders" in (record.detail or "")
        elsewhere = await trading.signal(size=D(100), symbol=trading.place.ticker("LINK"), price="20")
        assert elsewhere.outcome is SignalOutcome.EXECUTED
        await trading.exit(timeframe="1")
        await trading.until(lambda: len(trading.groups()) == 5)
        again = await trading.signal(size=D(100), timeframe="240")
        assert again.outcome is SignalOutcome.EXECUTED


async def test_h25_pairs_make_room_for_the_stop_of_another_group() -> None:
    async with Trading(grid(*[(f"{-gap}", "20", "8") for gap in range(5)], stop="20"), place=SPOT) as trading:
        await trading.signal()
        await trading.until(lambda: trading.held() > 0)
        trading.price("191")
        await trading.until(lambda: len(trading.stops()) == 5)
        record = await trading.signal(price="191", timeframe="240")
        assert record.outcome is SignalOutcome.EXECUTED
        await trading.until(lambda: len(trading.groups()) == 2 and all(group.protected for group in trading.groups()))
        await trading.until(lambda: trading.held() - sum(stop.quantity for stop in trading.stops()) < D("0.002"))
        assert trading.seen("trade.closed") == []


async def test_h25_the_traders_own_conditional_orders_count_too() -> None:
    async with Trading() as trading:
        book = trading.fake.book
        for number in range(10):
            stop = request(
                number,
                client_order_id=f"by-hand-{number}",
                symbol=SOL,
                type=OrderType.STOP_MARKET,
                price=None,
                trigger_price=D(300),
            )
            book.act(lambda stop=stop: book.core.submit(stop, trading.clock.now()))
        await trading.reconcile()
        assert (await trading.signal()).reason == "conditional_orders"


async def test_h26_the_whole_grid_must_be_affordable_before_its_first_leg_is_sent() -> None:
    async with Trading(THREE_LEGS) as trading:
        record = await trading.signal(size=D(12_000))
        assert (record.outcome, record.reason) == (SignalOutcome.REJECTED, "insufficient_margin")
        assert trading.placed() == []


@pytest.mark.expects_log_warnings
def test_h26_a_leg_refused_for_want_of_money_leaves_the_rest() -> None:
    assert_replays("one-refused-leg-of-three")


async def test_h27_an_entry_refused_for_want_of_money_is_not_sent_again() -> None:
    async with Trading() as trading:
        broke = {"code": -2019, "message": "Margin is insufficient."}
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="POST", times=None, **broke)
        await trading.signal()
        await trading.until(lambda: bool(trading.seen("trade.closed", status="failed")))
        await trading.reconcile()
        assert len(trading.placed()) == 1
        assert "Margin is insufficient." in trading.alerts("warning")[0]
        assert trading.held(side=Side.LONG) == 0
