"""The adapter's hard paths at Binance spot, on the wire: the fake's own book is the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt.dialects.base import Pool
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.keytest import ask_about_keys
from app.exchange.ccxt.wire import Access
from app.messages.reports import (
    Accepted,
    Found,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
)
from tests.integration.exchange.binance_spot_bench import SPOT, Bench, D, a_fake, market, order, spot_bench, stop
from tests.integration.exchange.venue_contract import accepted, ref, refused
from tests.support.venues import FaultKind


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with spot_bench() as made:
        yield made


# ---------------------------------------------------------------------- coins


async def test_a_buys_fee_is_taken_in_coins_and_what_is_left_can_be_sold(bench: Bench) -> None:
    before = bench.fake.ledger.balances["SOL"]
    await bench.venue.create_order(market(1))
    await bench.settle()

    assert [(fill.fee, fill.fee_asset) for fill in bench.fills()] == [(D("0.001"), "SOL")]
    assert bench.fake.ledger.balances["SOL"] - before == D("0.999")
    whole = market(2, OrderSide.SELL, quantity=D("11.000"))
    assert refused(await bench.venue.create_order(whole)) is RefusalCode.INSUFFICIENT_BALANCE
    accepted(await bench.venue.create_order(market(3, OrderSide.SELL, quantity=D("10.999"))))


async def test_streams_and_reads_tell_the_same_fee(bench: Bench) -> None:
    await bench.venue.create_order(market(1))
    await bench.settle()
    read = await bench.venue.fetch_fills(bench.clock.now() - timedelta(hours=1))

    assert [(fill.trade_id, fill.fee, fill.fee_asset) for fill in read] == [
        (fill.trade_id, fill.fee, fill.fee_asset) for fill in bench.fills()
    ]


async def test_fills_of_a_month_are_asked_day_by_day(bench: Bench) -> None:
    await bench.venue.create_order(market(1))
    fills = await bench.venue.fetch_fills(bench.clock.now() - timedelta(days=5))
    asked = [each.params for each in bench.fake.asked("GET", "/myTrades") if "startTime" in each.params]
    spans = [int(params["endTime"]) - int(params["startTime"]) for params in asked]

    assert len(fills) == 1
    assert len(spans) == 6
    assert max(spans) < 24 * 3600 * 1000


# ---------------------------------------------------------------------- unknown outcomes


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FaultKind.LOST_AFTER, {}),
        (FaultKind.CUT_BODY, {}),
        (FaultKind.HTML_AFTER, {"status": 502}),
        (FaultKind.ERROR_AFTER, {"status": 504}),
        (FaultKind.ERROR_AFTER, {"status": 408, "code": -1007, "message": "Timeout waiting for response."}),
        (FaultKind.ERROR_AFTER, {"status": 400, "code": -1006, "message": "An unexpected response was received."}),
    ],
)
async def test_an_order_whose_answer_is_lost_is_in_doubt_and_found_by_its_id(
    bench: Bench, kind: FaultKind, fields: dict[str, Any]
) -> None:
    bench.fake.faults.arm(kind, "/order", method="POST", **fields)
    outcome = await bench.venue.create_order(order(1))

    assert isinstance(outcome, OutcomeUnknown)
    assert isinstance(await bench.venue.look_up(ref(order(1))), Found)
    assert len(bench.fake.ledger.orders) == 1


@pytest.mark.parametrize("kind", [FaultKind.LOST_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.HTML])
async def test_an_order_that_was_lost_on_its_way_is_in_doubt_and_not_found(bench: Bench, kind: FaultKind) -> None:
    bench.fake.faults.arm(kind, "/order", method="POST")
    outcome = await bench.venue.create_order(order(1))

    assert isinstance(outcome, OutcomeUnknown)
    assert isinstance(await bench.venue.look_up(ref(order(1))), NotFound)
    assert bench.fake.ledger.orders == {}


async def test_sending_an_order_in_doubt_again_is_refused_as_a_duplicate(bench: Bench) -> None:
    bench.fake.faults.arm(FaultKind.LOST_AFTER, "/order", method="POST")
    await bench.venue.create_order(order(1))

    assert refused(await bench.venue.create_order(order(1))) is RefusalCode.DUPLICATE_ID
    assert len(bench.fake.ledger.orders) == 1


# ---------------------------------------------------------------------- refusals


INVALID = RefusalCode.INVALID_ORDER
CODES = [
    (-1013, "Filter failure: PRICE_FILTER", RefusalCode.PRECISION),
    (-1013, "Filter failure: LOT_SIZE", RefusalCode.PRECISION),
    (-1013, "Filter failure: MARKET_LOT_SIZE", RefusalCode.PRECISION),
    (-1013, "Filter failure: NOTIONAL", RefusalCode.MIN_NOTIONAL),
    (-1013, "Filter failure: MIN_NOTIONAL", RefusalCode.MIN_NOTIONAL),
    (-1013, "Filter failure: PERCENT_PRICE_BY_SIDE", INVALID),
    (-1013, "Filter failure: MAX_NUM_ORDERS", INVALID),
    (-1013, "Filter failure: MAX_NUM_ALGO_ORDERS", INVALID),
    (-1013, "Filter failure: MAX_POSITION", INVALID),
    (-1013, "Market is closed.", RefusalCode.HALTED),
    (-1014, "Unsupported order combination.", INVALID),
    (-1020, "This operation is not supported.", INVALID),
    (-1102, "Mandatory parameter 'price' was not sent, was empty/null, or malformed.", INVALID),
    (-1106, "Parameter 'price' sent when not required.", INVALID),
    (-1111, "Parameter 'quantity' has too much precision.", RefusalCode.PRECISION),
    (-1112, "No orders on book for symbol.", RefusalCode.HALTED),
    (-1116, "Invalid orderType.", RefusalCode.UNSUPPORTED),
    (-1121, "Invalid symbol.", RefusalCode.HALTED),
    (-2010, "Account has insufficient balance for requested action.", RefusalCode.INSUFFICIENT_BALANCE),
    (-2010, "Duplicate order sent.", RefusalCode.DUPLICATE_ID),
    (-2010, "Market is closed.", RefusalCode.HALTED),
    (-2010, "Order would trigger immediately.", RefusalCode.WOULD_TRIGGER),
    (-2010, "Order would immediately match and take.", RefusalCode.WOULD_TRIGGER),
    (-2010, "The relationship of the prices for the orders is not correct.", RefusalCode.WOULD_TRIGGER),
    (-2010, "This symbol is not permitted for this account.", RefusalCode.PERMISSION),
    (-2010, "This symbol is restricted for this account.", RefusalCode.PERMISSION),
    (-2010, "This account may not place or cancel orders.", RefusalCode.PERMISSION),
    (-2010, "This action is disabled on this account.", RefusalCode.PERMISSION),
    (-2010, "Rest API trading is not enabled.", RefusalCode.PERMISSION),
    (-2010, "This order type is not possible in this trading phase.", RefusalCode.HALTED),
    (-2010, "Limit orders require GTC for this phase.", RefusalCode.HALTED),
    (-2010, "Stop loss orders are not supported for this symbol.", INVALID),
    (-2014, "API-key format invalid.", RefusalCode.PERMISSION),
    (-2015, "Invalid API-key, IP, or permissions for action.", RefusalCode.PERMISSION),
    (-1022, "Signature for this request is not valid.", RefusalCode.PERMISSION),
]


async def test_the_venues_own_codes_are_ours(bench: Bench) -> None:
    got = []
    for code, message, _ in CODES:
        bench.fake.faults.arm(FaultKind.REFUSE, "/order", method="POST", code=code, message=message)
        outcome = await bench.venue.create_order(order(1))
        bench.venue._session.refused = None  # as if no keys had been refused before
        got.append((code, message, outcome.code if isinstance(outcome, Refused) else outcome))

    assert got == CODES
    assert bench.fake.ledger.orders == {}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"price": D("30.00")}, "PERCENT_PRICE_BY_SIDE"),
        ({"quantity": D("0.010")}, "NOTIONAL"),
        ({"quantity": D("2000000.000")}, "LOT_SIZE"),
    ],
)
async def test_the_fakes_filters_refuse_in_binances_words(bench: Bench, changes: dict[str, Any], words: str) -> None:
    outcome = await bench.venue.create_order(order(1, **changes))

    assert isinstance(outcome, Refused)
    assert outcome.detail == f"-1013: Filter failure: {words}"


async def test_a_sixth_stop_is_refused(bench: Bench) -> None:
    for number in range(1, 6):
        accepted(await bench.venue.create_order(stop(number)))
    outcome = await bench.venue.create_order(stop(6))

    assert isinstance(outcome, Refused)
    assert "MAX_NUM_ALGO_ORDERS" in outcome.detail


async def test_a_market_that_is_halted_takes_nothing(bench: Bench) -> None:
    bench.fake.book.core.admission.halted.add(SPOT)

    assert refused(await bench.venue.create_order(order(1))) is RefusalCode.HALTED


async def test_a_wrong_key_needs_a_person(bench: Bench) -> None:
    bench.fake.gate.api_key = "another"

    assert refused(await bench.venue.create_order(order(1))) is RefusalCode.PERMISSION
    with pytest.raises(OperatorActionNeeded):
        await bench.venue.fetch_balances()


async def test_a_wrong_key_is_told_when_connecting_and_not_as_a_stream_that_stays_away() -> None:
    fake = a_fake()
    bench = Bench(fake, Access(api_key="another", secret="secret", base_url=await fake.start()))
    try:
        with pytest.raises(OperatorActionNeeded):
            await bench.venue.connect(bench.deliver)
    finally:
        await fake.stop()


# ---------------------------------------------------------------------- time and limits


@pytest.mark.parametrize("skew", [60_000, -60_000])
async def test_a_time_stamp_that_is_off_is_put_right_and_the_order_sent_once_more(bench: Bench, skew: int) -> None:
    bench.fake.faults.clock_skew_ms = skew
    accepted(await bench.venue.create_order(order(1)))

    assert [each.code for each in bench.fake.asked("POST", "/order")] == [-1021, None]
    assert len(bench.fake.ledger.orders) == 1


@pytest.mark.parametrize("kind", [FaultKind.RATE_LIMIT, FaultKind.BANNED])
async def test_too_many_requests_hold_everything_back(bench: Bench, kind: FaultKind) -> None:
    bench.fake.faults.arm(kind, "/order", method="POST", seconds=30)
    first = await bench.venue.create_order(order(1))
    second = await bench.venue.create_order(order(2))

    assert isinstance(first, NotSent)
    assert first.retry_after == 30
    assert isinstance(second, NotSent)
    assert len(bench.fake.asked("POST", "/order")) == 1
    with pytest.raises(Retryable):
        await bench.venue.fetch_balances()


async def test_too_many_orders_are_refused_without_having_been_placed(bench: Bench) -> None:
    bench.fake.limits.orders_in_ten_sec = 1
    await bench.venue.create_order(order(1))

    assert isinstance(await bench.venue.create_order(order(2)), NotSent)
    assert len(bench.fake.ledger.orders) == 1


async def test_the_budgets_follow_the_headers(bench: Bench) -> None:
    bench.fake.limits.spend(3000, 0)
    await bench.venue.create_order(order(1))

    assert bench.venue.limiter.used()[Pool.WEIGHT] > 0.5
    told = bench.fake.limits.headers(with_orders=True)
    assert {budget.header for budget in BINANCE_SPOT.budgets} <= {name.lower() for name in told}


# ---------------------------------------------------------------------- partial fills and stops


async def test_an_order_cancelled_half_way_keeps_what_it_filled(bench: Bench) -> None:
    bench.fake.book.core.matcher.fill_sizes[SPOT] = D("0.400")
    await bench.venue.create_order(order(1))
    await bench.set_price("189")
    await bench.settle()
    cancelled = accepted(await bench.venue.cancel_order(ref(order(1))))

    assert (cancelled.status, cancelled.filled) == (OrderStatus.CANCELLED, D("0.400"))
    assert [fill.quantity for fill in cancelled.fills] == [D("0.400")]
    assert bench.fake.ledger.balances["SOL"] == D("10.3996")


async def test_a_stop_that_triggers_keeps_its_id_and_its_type(bench: Bench) -> None:
    await bench.venue.create_order(stop(1))
    await bench.set_price("189")
    await bench.settle()
    found = await bench.venue.look_up(ref(stop(1)))
    told = [report for report in bench.seen if isinstance(report, OrderReport)]

    assert isinstance(found, Found)
    assert (found.order.status, found.order.type) == (OrderStatus.FILLED, OrderType.STOP_MARKET)
    assert {(report.client_order_id, report.type) for report in told} == {
        (stop(1).client_order_id, OrderType.STOP_MARKET)
    }
    assert [fill.client_order_id for fill in bench.fills()] == [stop(1).client_order_id]


# ---------------------------------------------------------------------- keys


@pytest.mark.parametrize("may_withdraw", [True, False])
async def test_what_the_keys_may_do_is_told(may_withdraw: bool) -> None:
    fake = a_fake()
    access = Access(api_key="key", secret="secret", base_url=await fake.start())
    fake.rights |= {"enableWithdrawals": may_withdraw}
    try:
        report = await ask_about_keys(BINANCE_SPOT, access)
    finally:
        await fake.stop()

    assert report.reachable.value is True
    assert (report.may_trade.value, report.may_withdraw.value) == (True, may_withdraw)
    assert report.address_restricted.value is True


async def test_an_accepted_order_is_what_was_asked(bench: Bench) -> None:
    outcome = await bench.venue.create_order(order(1))

    assert isinstance(outcome, Accepted)
    (sent,) = bench.fake.asked("POST", "/order")
    assert (sent.params["quantity"], sent.params["price"]) == ("1", "190")
    assert sent.params["newClientOrderId"] == order(1).client_order_id
