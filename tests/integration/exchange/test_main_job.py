"""The main job on every market: a signal, its grid, fills and exits, alone and many at once."""

from __future__ import annotations

from collections import Counter
from decimal import Decimal

from app.domain.values import ZERO, CloseReason, Side
from tests.integration.exchange.main_job import (
    ENTRY,
    PLAIN,
    PROFIT,
    RESTING,
    STOP,
    STOPPED,
    D,
    every_perpetual,
    every_place,
    judge_result,
    live,
    of_group,
    on_step,
    placed,
    role,
    settled,
    stop_is_whole,
    total,
)
from tests.support.markets import PLACES, Place
from tests.support.trading import Trading

WITH_PAIRS = next(place for place in PLACES if place.dialect.oco)


@every_place
async def test_a_signal_becomes_a_grid_of_five_on_the_wire(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        entries = live(trading, ENTRY)
        assert {order.price: order.quantity for order in entries} == RESTING
        assert placed(trading) == {ENTRY: 5, PROFIT: 1}
        assert [order.price for order in live(trading, PROFIT)] == [D(202)]
        together = [item for item in trading.requests if item.path.endswith(("batchOrders", "create-batch"))]
        assert len(together) == (1 if place.dialect.batch_size > 1 else 0)


@every_place
async def test_fills_over_the_stream_bring_take_profits_that_end_in_the_wallet(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("195.5")
        group = await settled(trading, 3)
        assert [leg.status for leg in group.legs] == ["filled"] * 3 + ["open"] * 2
        assert {order.price for order in live(trading, PROFIT)} == {D(202), D("199.98"), D("197.96")}
        trading.price("203")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT
        assert placed(trading) == {ENTRY: 5, PROFIT: 3}
        assert trading.gained("USDT") > 0
        judge_result(trading)


@every_perpetual
async def test_a_short_is_the_mirror_of_a_long(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal("sell")
        await trading.until(lambda: len(live(trading, PROFIT)) == 1 and len(live(trading, ENTRY)) == 4)
        assert trading.held(side=Side.SHORT) == 1
        assert {order.price for order in live(trading, ENTRY)} == {D(202), D(204), D(206), D(208)}
        trading.price("197")
        await trading.until(lambda: not trading.groups())
        assert trading.held(side=Side.SHORT) == ZERO
        assert trading.resting() == []
        judge_result(trading)


@every_place
async def test_a_stop_rests_right_after_the_first_fill_and_grows_with_the_position(place: Place) -> None:
    never_looked_after = {"protection": {"monitor_interval_sec": 600}}
    async with Trading(STOPPED | never_looked_after, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: bool(live(trading, STOP)))
        await trading.until(lambda: stop_is_whole(trading))
        trading.price("195.5")
        await trading.until(lambda: trading.held() > 3 and stop_is_whole(trading))
        assert len(live(trading, PROFIT)) == (3 if place.dialect.oco or not place.is_spot else 0)


@every_place
async def test_a_price_through_the_stop_leaves_nothing(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: stop_is_whole(trading))
        trading.price("195.5")
        await trading.until(lambda: trading.held() > 3 and stop_is_whole(trading))
        trading.price("170")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        assert trading.held(side=Side.SHORT) == ZERO
        judge_result(trading)


@every_place
async def test_take_profits_are_taken_where_a_stop_rests(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal()
        await trading.until(lambda: stop_is_whole(trading))
        trading.price("203")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.TAKE_PROFIT
        judge_result(trading)


async def test_exits_on_spot_are_pairs_at_the_venue_and_live_on_while_the_program_is_away() -> None:
    async with Trading(STOPPED, place=WITH_PAIRS) as trading:
        await trading.signal()
        await trading.until(lambda: stop_is_whole(trading))
        trading.price("195.5")
        await trading.until(lambda: trading.held() > 3 and stop_is_whole(trading))
        book = trading.fake.book.ledger
        profits = live(trading, PROFIT)
        assert {role(partner) for order in profits if (partner := book.paired(order))} == {STOP}
        assert {order.price for order in profits} == {D(202), D("199.98"), D("197.96")}

        await trading.crash()
        trading.price("199")
        await trading.start()
        await trading.until(lambda: len(live(trading, PROFIT)) == 2 and stop_is_whole(trading))
        trading.price("170")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.STOP_LOSS
        judge_result(trading)


async def test_a_take_profit_of_a_pair_that_fills_in_part_leaves_nothing_unprotected() -> None:
    async with Trading(STOPPED, place=WITH_PAIRS) as trading:
        await trading.signal()
        await trading.until(lambda: stop_is_whole(trading))
        trading.fake.book.core.matcher.fill_sizes[trading.symbol] = D("0.4")
        trading.price("202")
        trading.price("201")
        del trading.fake.book.core.matcher.fill_sizes[trading.symbol]
        await trading.until(lambda: trading.held() < D("0.6") and stop_is_whole(trading))
        assert [order.filled for order in live(trading, PROFIT)] == [0]
        trading.price("170")
        await trading.flat()
        judge_result(trading)


@every_place
async def test_what_the_venue_takes_of_a_grid_is_kept(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        impoverish(trading, D(410))
        await trading.signal()
        group = await settled(trading, 1)
        assert len(live(trading, ENTRY)) == 1
        assert Counter(leg.status for leg in group.legs) == {"filled": 1, "open": 1, "cancelled": 3}
        assert len(trading.seen("order.rejected")) == 3
        assert trading.alerts("warning")
        trading.price("191")
        await settled(trading, 2)
        trading.price("203")
        await trading.flat()
        judge_result(trading)


def impoverish(trading: Trading, money: Decimal) -> None:
    """The account has no more than this, of which the engine has not heard: somebody took the rest away."""
    ledger = trading.fake.book.ledger
    ledger.set_balance("USDT", money)
    ledger.settle()
    trading.began["USDT"] = money


@every_place
async def test_an_exit_signal_ends_everything(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("195.5")
        await settled(trading, 3)
        await trading.exit(price="195.5")
        await trading.flat()
        assert trading.last.close_reason == CloseReason.EXIT_SIGNAL
        assert trading.held(side=Side.SHORT) == ZERO
        judge_result(trading)


# ---------------------------------------------------------------------------------------------- many at once


@every_place
async def test_a_pyramid_adds_its_own_grid_and_take_profits(place: Place) -> None:
    async with Trading(PLAIN, place=place) as trading:
        await trading.signal()
        await settled(trading, 1)
        trading.price("201")
        await trading.until_quoted(D(201))
        await trading.signal(price="201")
        group = await settled(trading, 2)
        assert group.pyramids == 2
        assert len(live(trading, ENTRY)) == 8
        assert {order.price for order in live(trading, PROFIT)} == {D(202), D("203.01")}
        trading.price("204")
        await trading.flat()
        judge_result(trading)


@every_place
async def test_groups_on_one_book_keep_to_their_own(place: Place) -> None:
    async with Trading(STOPPED, place=place) as trading:
        await trading.signal(timeframe="60")
        await trading.signal(timeframe="240", size=D(2000))
        await trading.until(lambda: len(trading.groups()) == 2 and len(live(trading, STOP)) == 2)
        await trading.until(lambda: len(live(trading, ENTRY)) == 8)
        small, large = sorted(trading.groups(), key=lambda group: group.open_quantity)
        assert [total(of_group(live(trading, STOP), group)) for group in (small, large)] == [
            on_step(trading, small.open_quantity),
            on_step(trading, large.open_quantity),
        ]
        assert trading.held() == small.open_quantity + large.open_quantity

        await trading.exit(timeframe="60")
        await trading.until(lambda: len(trading.groups()) == 1)
        (left,) = trading.groups()
        assert (left.id, left.open_quantity) == (large.id, large.open_quantity)
        assert trading.held() == left.open_quantity + sum(group.dust for group in trading.engine.all_groups())
        assert of_group(trading.resting(), left) == trading.resting()
        assert [order.quantity for order in live(trading, STOP)] == [on_step(trading, left.open_quantity)]
        assert (await trading.reconcile()).findings == ()

        await trading.exit(timeframe="240")
        await trading.flat()
        judge_result(trading)
