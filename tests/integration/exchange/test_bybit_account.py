"""Settings, keys, limits and spot at Bybit on the wire: the fake's own book is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, PositionMode, Side
from app.exchange.ccxt import errors
from app.exchange.ccxt.dialects.base import Pool
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR
from app.exchange.ccxt.dialects.bybit_wire import _Mends
from app.exchange.ccxt.keytest import ask_about_keys
from app.exchange.ccxt.limits import Rolling
from app.exchange.ccxt.wire import Access
from app.messages.reports import Accepted, Found, NotSent, OutcomeUnknown, RefusalCode, Refused
from app.ports.venue import OrderRequest
from tests.integration.exchange.bybit import SPOT, Met, access, met_linear, met_spot, stop
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, accepted, market, ref, refused, request
from tests.support.venues.bybit import BybitLinear
from tests.support.venues.faults import FaultKind

D = Decimal


@pytest.fixture
async def met() -> AsyncIterator[Met]:
    async with met_linear() as met:
        yield met


@pytest.fixture
async def spot() -> AsyncIterator[Met]:
    async with met_spot() as met:
        yield met


# ----------------------------------------------------------------------------------------------------------- settings


async def test_another_margin_mode_than_the_accounts_needs_a_person(met: Met) -> None:
    with pytest.raises(OperatorActionNeeded, match="margin mode is cross"):
        await met.harness.venue.set_leverage(SYMBOL, D(5), "isolated")
    assert met.asked("POST", "/position/set-leverage") == 0


async def test_leverage_that_is_set_already_is_success(met: Met) -> None:
    await met.harness.venue.set_leverage(SYMBOL, D(10), "cross")
    assert [item.code for item in met.fake.asked("POST", "/position/set-leverage")] == [110043]


async def test_an_amendment_that_changes_nothing_is_success(met: Met) -> None:
    await met.harness.venue.create_order(request(1))
    report = accepted(await met.harness.venue.amend_order(ref(request(1)), D("1.000"), D("190.00")))
    assert (report.quantity, report.price) == (D("1.000"), D("190.00"))
    assert [item.code for item in met.fake.asked("POST", "/order/amend")] == [10001]


async def test_a_stop_is_moved_where_it_rests(met: Met) -> None:
    await met.harness.venue.create_order(market(1))
    await met.harness.venue.create_order(stop(2, "180.00"))
    report = accepted(await met.harness.venue.amend_order(ref(stop(2, "180.00")), D("1.000"), D("185.00")))
    assert (report.trigger_price, met.fake.ledger.orders[2].trigger_price) == (D("185.00"), D("185.00"))


async def test_hedge_mode_is_seen_on_a_flat_account_and_both_sides_are_told() -> None:
    async with met_linear(config=AccountConfig(id="bybit", position_mode="hedge")) as met:
        venue = met.harness.venue
        assert venue.capabilities.position_mode is PositionMode.HEDGE
        await venue.create_order(market(1))
        await venue.create_order(market(2, OrderSide.SELL, position_side=Side.SHORT, quantity=D("0.500")))
        held = await venue.fetch_positions()
        assert {(item.side, item.quantity) for item in held} == {(Side.LONG, D("1.000")), (Side.SHORT, D("0.500"))}


async def test_a_position_mode_that_was_changed_meanwhile_is_explained(met: Met) -> None:
    met.fake.ledger.is_hedged = True
    outcome = await met.harness.venue.create_order(request(1))
    assert isinstance(outcome, Refused)
    assert (outcome.code, "position idx" in outcome.detail) == (RefusalCode.INVALID_ORDER, True)


async def test_h30_a_market_in_hedge_mode_takes_the_orders_of_an_account_that_is_in_one_way_mode(met: Met) -> None:
    venue = met.harness.venue
    met.fake.ledger.is_hedged = True
    await venue.load_market(SYMBOL, None)
    assert venue.capabilities.position_mode is PositionMode.ONE_WAY
    accepted(await venue.create_order(market(1)))
    accepted(await venue.create_order(stop(2, "180.00")))
    accepted(await venue.create_order(market(3, OrderSide.SELL, reduce_only=True)))
    assert await venue.fetch_positions() == []


async def test_h30_a_markets_mode_is_read_again_once_an_order_was_made_for_another(
    met: Met, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = met.harness.venue
    await venue.load_market(SYMBOL, None)
    monkeypatch.setattr(venue._session.exchange, "_usual_market", lambda: None)
    met.fake.ledger.is_hedged = True
    assert isinstance(await venue.create_order(market(1)), Refused)
    assert venue._checking is not None
    await venue._checking
    accepted(await venue.create_order(market(2)))


async def test_h30_a_markets_mode_is_read_anew_with_the_next_connection() -> None:
    async with met_linear(config=AccountConfig(id="bybit", position_mode="hedge")) as met:
        venue = met.harness.venue
        await venue.load_market(SYMBOL, None)
        await venue.close()
        met.fake.ledger.is_hedged = False
        await venue.connect(met.harness.deliver)
        accepted(await venue.create_order(market(1)))


async def test_h30_a_mode_of_its_own_that_a_market_has_got_meanwhile_is_known_after_the_next_connection(
    met: Met, monkeypatch: pytest.MonkeyPatch
) -> None:
    venue = met.harness.venue
    await venue.load_market(SYMBOL, None)
    await venue.close()
    met.fake.ledger.is_hedged = True
    monkeypatch.setattr(_Mends, "_usual_market", lambda _: None)
    await venue.connect(met.harness.deliver)
    assert venue.capabilities.position_mode is PositionMode.ONE_WAY
    accepted(await venue.create_order(market(1)))


# -------------------------------------------------------------------------------------------- keys, clocks and limits


async def test_a_clock_that_went_astray_is_put_right_and_the_order_sent_once_more(met: Met) -> None:
    met.fake.faults.clock_skew_ms = 20_000
    accepted(await met.harness.venue.create_order(request(1)))
    assert [item.code for item in met.fake.asked("POST", "/order/create")] == [10002, None]
    assert len(met.fake.ledger.orders) == 1
    assert met.harness.venue.health().detail is not None


async def test_the_private_stream_is_opened_in_the_venues_time() -> None:
    board = board_with(SYMBOL)
    fake = BybitLinear(board)
    fake.faults.clock_skew_ms = 30_000
    async with joined(fake, board, BYBIT_LINEAR, access(await fake.start()), SYMBOL) as harness:
        assert harness.venue.health().connected


async def test_too_many_requests_hold_the_next_one_back_until_the_time_that_is_told(
    met: Met, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(errors, "LONGEST_RESET_SEC", 60.0)
    met.harness.venue._session.patience_sec = 1.0
    met.fake.faults.arm(FaultKind.RATE_LIMIT, "/order/create", seconds=60)
    first = await met.harness.venue.create_order(request(1))
    second = await met.harness.venue.create_order(request(2))
    for outcome in (first, second):
        assert isinstance(outcome, NotSent)
        assert outcome.retry_after is not None
        assert 30 < outcome.retry_after <= 60
    assert met.asked("POST", "/order/create") == 1


async def test_an_address_that_is_shut_out_keeps_quiet_for_ten_minutes(met: Met) -> None:
    met.fake.faults.arm(FaultKind.BANNED, "/order/create")
    outcome = await met.harness.venue.create_order(request(1))
    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == 600


async def test_the_order_budget_is_learnt_from_the_answers(met: Met, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Rolling, "left", lambda bucket, _now: bucket._left)
    met.fake.limits.in_a_second["/order/create"] = 2
    await met.harness.venue.create_order(request(1))
    assert met.harness.venue.limiter.used()[Pool.ORDERS] > 0.7


async def test_h28_many_cancels_at_once_are_sent_no_faster_than_the_account_may(met: Met) -> None:
    met.harness.venue._session.patience_sec = 60.0
    orders = [request(number, price=D(150)) for number in range(1, 26)]
    met.place(*orders)
    outcomes = await asyncio.gather(*(met.harness.venue.cancel_order(ref(order)) for order in orders))
    assert {item.code for item in met.fake.asked("POST", "/order/cancel")} == {None}
    assert {accepted(outcome).status for outcome in outcomes} == {OrderStatus.CANCELLED}


async def test_h28_a_stop_does_not_wait_for_a_batch_of_entries_that_is_not_answered(met: Met) -> None:
    venue = met.harness.venue
    await venue.create_order(market(1))
    met.fake.faults.arm(FaultKind.HANG_AFTER, "/order/create-batch")
    batch = asyncio.create_task(venue.create_orders([request(10 + number) for number in range(10)]))
    await met.harness.until(lambda: met.asked("POST", "/order/create-batch") > 0)
    assert isinstance(await venue.create_order(stop(30, "150")), Accepted)
    batch.cancel()
    await asyncio.wait([batch])


async def test_h28_leverage_is_set_in_no_more_markets_at_once_than_the_account_may(met: Met) -> None:
    met.harness.venue._session.patience_sec = 60.0
    await asyncio.gather(*(met.harness.venue.set_leverage(SYMBOL, D(11 + number), "cross") for number in range(15)))
    assert {item.code for item in met.fake.asked("POST", "/position/set-leverage")} == {None}


async def test_h28_many_look_ups_at_once_are_no_more_than_the_account_may(met: Met) -> None:
    met.harness.venue._session.patience_sec = 60.0
    await asyncio.gather(*(met.harness.venue.look_up(ref(request(number))) for number in range(1, 66)))
    assert {item.code for item in met.fake.asked("GET", "/order/realtime")} == {None}


async def test_h28_an_account_that_asked_too_often_keeps_no_other_back(met: Met) -> None:
    met.fake.faults.arm(FaultKind.RATE_LIMIT, "/order/create", seconds=60)
    assert isinstance(await met.harness.venue.create_order(request(1)), NotSent)
    assert met.harness.venue.limiter.paused_for() > 0
    assert met.harness.venue.limiter.host.paused_for() == 0


async def test_keys_that_the_venue_refuses_need_a_person() -> None:
    board = board_with(SYMBOL)
    fake = BybitLinear(board)
    wrong = Access(api_key="key", secret="other", base_url=await fake.start())
    harness = WireHarness(fake, board, BYBIT_LINEAR, wrong, SYMBOL)
    try:
        with pytest.raises(OperatorActionNeeded, match="10004"):
            await harness.venue.connect(harness.deliver)
    finally:
        await harness.venue.close()
        await fake.stop()


@pytest.mark.parametrize("may_trade", [True, False])
async def test_keys_tell_what_they_may_do_and_which_mode_the_account_has(may_trade: bool) -> None:
    fake = BybitLinear(board_with(SYMBOL), config=AccountConfig(id="bybit", position_mode="hedge"))
    fake.gate.may_trade = may_trade
    try:
        report = await ask_about_keys(BYBIT_LINEAR, access(await fake.start()))
    finally:
        await fake.stop()
    assert (report.may_trade.value, report.may_withdraw.value) == (may_trade, False)
    assert (report.position_mode.value, report.address_restricted.value) == ("hedge", False)


async def test_keys_that_may_not_trade_are_refused_as_such(met: Met) -> None:
    met.fake.gate.may_trade = False
    assert refused(await met.harness.venue.create_order(request(1))) is RefusalCode.PERMISSION


# --------------------------------------------------------------------------------------------------------------- spot


def spot_stop(number: int, trigger: str, **changes: Any) -> OrderRequest:
    return stop(number, trigger, symbol=SPOT, reduce_only=False, **changes)


async def test_a_spot_stop_on_the_wrong_side_is_taken_back(spot: Met) -> None:
    assert refused(await spot.harness.venue.create_order(spot_stop(1, "201.00"))) is RefusalCode.WOULD_TRIGGER
    assert [order.status for order in spot.fake.ledger.orders.values()] == [OrderStatus.CANCELLED]


async def test_a_spot_stop_on_the_wrong_side_whose_answer_was_lost_is_taken_back_by_the_look_up(spot: Met) -> None:
    spot.fake.faults.arm(FaultKind.LOST_AFTER, "/order/create")
    order = spot_stop(1, "201.00")
    assert isinstance(await spot.harness.venue.create_order(order), OutcomeUnknown)
    found = await spot.harness.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.CANCELLED
    assert [order.status for order in spot.fake.ledger.orders.values()] == [OrderStatus.CANCELLED]


async def test_a_spot_stop_whose_answer_was_lost_is_found_and_stays(spot: Met) -> None:
    spot.fake.faults.arm(FaultKind.LOST_AFTER, "/order/create")
    order = spot_stop(1, "190.00")
    assert isinstance(await spot.harness.venue.create_order(order), OutcomeUnknown)
    spot.fake.set_price(SPOT, "195")
    found = await spot.harness.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.OPEN
    spot.fake.set_price(SPOT, "189")
    found = await spot.harness.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.FILLED


async def test_a_spot_stop_stays_where_its_direction_cannot_be_seen(spot: Met) -> None:
    spot.fake.faults.arm(FaultKind.ERROR_BEFORE, "/order/realtime")
    accepted(await spot.harness.venue.create_order(spot_stop(1, "190.00")))
    assert [order.status for order in spot.fake.ledger.orders.values()] == [OrderStatus.OPEN]


async def test_a_spot_stop_that_was_triggered_and_rests_is_cancelled(spot: Met) -> None:
    order = spot_stop(1, "190.00", type=OrderType.STOP_LIMIT, price=D("195.00"))
    accepted(await spot.harness.venue.create_order(order))
    spot.fake.set_price(SPOT, "189")
    assert spot.fake.ledger.orders[1].triggered
    assert accepted(await spot.harness.venue.cancel_order(ref(order))).status is OrderStatus.CANCELLED


async def test_a_spot_market_order_buys_the_base_quantity_and_pays_its_fee_in_coins(spot: Met) -> None:
    report = accepted(await spot.harness.venue.create_order(market(1, symbol=SPOT)))
    assert (report.filled, report.fills[0].fee_asset) == (D("1.000"), "SOL")
    assert spot.fake.ledger.balances["SOL"] == D(11) - report.fills[0].fee


async def test_an_id_is_never_free_again_on_spot(spot: Met) -> None:
    order = request(1, symbol=SPOT)
    await spot.harness.venue.create_order(order)
    await spot.harness.venue.cancel_order(ref(order))
    assert refused(await spot.harness.venue.create_order(order)) is RefusalCode.DUPLICATE_ID
    assert [item.code for item in spot.fake.asked("POST", "/order/create")] == [None, 170141]
