"""The adapter speaks to Aster on the wire, perpetuals and spot: the fake's own book is the judge."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from app.base.config.groups import AccountConfig
from app.base.errors import Retryable
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, Side
from app.exchange.breaker import FAILURES
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR, ASTER_SPOT
from app.exchange.ccxt.dialects.aster_wire import MainWalletRefused
from app.exchange.ccxt.wire import Access
from app.messages.reports import (
    Accepted,
    BreakerReport,
    ConnectionReport,
    FillReport,
    Found,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    PriceReport,
    RefusalCode,
    Refused,
)
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, market, ref, request
from tests.support.venues.aster_gate import wallet_of
from tests.support.venues.aster_linear import AGENT_KEY, WALLET, AsterLinear, AsterSpot
from tests.support.venues.faults import FaultKind

D = Decimal
SPOT = "SOL/USDT"


@pytest.fixture
async def linear() -> AsyncIterator[WireHarness]:
    board = board_with(SYMBOL)
    fake = AsterLinear(board)
    access = Access(private_key=AGENT_KEY, wallet_address=WALLET, base_url=await fake.start())
    async with joined(fake, board, ASTER_LINEAR, access, SYMBOL) as harness:
        yield harness


@pytest.fixture
async def spot() -> AsyncIterator[WireHarness]:
    board = board_with(SPOT)
    fake = AsterSpot(board, config=AccountConfig(id="aster", market_type="spot", balances={"USDT": D(10_000)}))
    access = Access(private_key=AGENT_KEY, wallet_address=WALLET, base_url=await fake.start())
    async with joined(fake, board, ASTER_SPOT, access, SPOT) as harness:
        yield harness


def fake_of(harness: WireHarness) -> AsterLinear:
    assert isinstance(harness.fake, AsterLinear)
    return harness.fake


def stop_order(number: int, **changes: Any) -> Any:
    fields = {"type": OrderType.STOP_MARKET, "price": None, "trigger_price": D("190.00"), "reduce_only": True}
    return request(number, OrderSide.SELL, **{**fields, **changes})


# --------------------------------------------------------------------------------------------------- who asks, and how


async def test_the_agent_asks_for_the_wallet_and_never_for_a_builder(linear: WireHarness) -> None:
    await linear.venue.create_order(market(1))
    fake = fake_of(linear)
    signed = [asked.params for asked in fake.requests if "signer" in asked.params]
    assert {(params["user"], params["signer"]) for params in signed} == {(WALLET, wallet_of(AGENT_KEY))}
    assert not [name for asked in fake.requests for name in (*asked.params, asked.path) if "builder" in name.lower()]
    assert fake.gate.builder_asked == []


async def test_the_main_wallets_key_is_refused_before_anything_is_asked() -> None:
    board = board_with(SYMBOL)
    fake = AsterLinear(board)
    access = Access(private_key=AGENT_KEY, wallet_address=wallet_of(AGENT_KEY), base_url=await fake.start())
    with pytest.raises(MainWalletRefused):
        async with joined(fake, board, ASTER_LINEAR, access, SYMBOL):
            raise AssertionError("connected")
    assert fake.requests == []


async def test_nonces_grow_with_every_request_even_side_by_side(linear: WireHarness) -> None:
    fake = fake_of(linear)
    orders = [request(number) for number in range(1, 13)]
    await asyncio.gather(*(linear.venue.create_order(order) for order in orders))
    await asyncio.gather(*(linear.venue.look_up(ref(order)) for order in orders))
    nonces = [int(asked.params["nonce"]) for asked in fake.requests if "nonce" in asked.params]
    assert len(nonces) == len(set(nonces)) > len(orders)
    assert [asked.code for asked in fake.requests if asked.code is not None] == []


@pytest.mark.parametrize("skew_ms", [120_000, -120_000], ids=["ahead", "behind"])
async def test_a_clock_that_went_off_is_put_right_and_the_order_sent_once_more(
    linear: WireHarness, skew_ms: int
) -> None:
    fake = fake_of(linear)
    fake.faults.clock_skew_ms = skew_ms
    assert isinstance(await linear.venue.create_order(request(1)), Accepted)
    assert [asked.code for asked in fake.asked("POST", "/order")] == [-1021, None]
    fake.faults.clock_skew_ms = 0
    assert isinstance(await linear.venue.create_order(request(2)), Accepted)
    assert len(fake.ledger.orders) == 2


async def test_a_nonce_that_counts_as_expired_is_replaced(linear: WireHarness) -> None:
    fake = fake_of(linear)
    fake.faults.arm(FaultKind.REFUSE, "/order", method="POST", code=-4225, message="Nonce Expired")
    assert isinstance(await linear.venue.create_order(request(1)), Accepted)
    first, second = (int(asked.params["nonce"]) for asked in fake.asked("POST", "/order"))
    assert first < second
    assert len(fake.ledger.orders) == 1


async def test_an_agent_that_is_not_registered_needs_its_owner(linear: WireHarness) -> None:
    fake_of(linear).gate.signer = WALLET
    refused = await linear.venue.create_order(request(1))
    assert isinstance(refused, Refused)
    assert refused.code is RefusalCode.PERMISSION


async def test_reduce_only_is_written_as_the_documents_have_it(linear: WireHarness) -> None:
    await linear.venue.create_order(market(1))
    await linear.venue.create_order(market(2, OrderSide.SELL, reduce_only=True))
    assert [asked.params.get("reduceOnly") for asked in fake_of(linear).asked("POST", "/order")] == [None, "true"]


# ---------------------------------------------------------------------------------------------------- unknown outcomes


@pytest.mark.parametrize(
    "fault", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER, FaultKind.HTML_AFTER, FaultKind.CUT_BODY]
)
async def test_h01_an_answer_that_is_lost_leaves_the_order_in_doubt_until_it_is_found(
    linear: WireHarness, fault: FaultKind
) -> None:
    fake, order = fake_of(linear), request(1)
    fake.faults.arm(fault, "/order", method="POST")
    assert isinstance(await linear.venue.create_order(order), OutcomeUnknown)
    found = await linear.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.OPEN
    assert len(fake.ledger.orders) == len(fake.asked("POST", "/order")) == 1


@pytest.mark.parametrize("fault", [FaultKind.LOST_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.HTML])
async def test_a_request_that_did_nothing_is_in_doubt_until_it_is_not_found(
    linear: WireHarness, fault: FaultKind
) -> None:
    fake, order = fake_of(linear), request(1)
    fake.faults.arm(fault, "/order", method="POST")
    assert isinstance(await linear.venue.create_order(order), OutcomeUnknown)
    assert isinstance(await linear.venue.look_up(ref(order)), NotFound)
    assert fake.ledger.orders == {}


async def test_an_id_is_taken_once(linear: WireHarness) -> None:
    order = request(1)
    await linear.venue.create_order(order)
    again = await linear.venue.create_order(order)
    assert isinstance(again, Refused)
    assert again.code is RefusalCode.DUPLICATE_ID


async def test_a_cancel_whose_answer_is_lost_has_cancelled(linear: WireHarness) -> None:
    fake, order = fake_of(linear), request(1)
    await linear.venue.create_order(order)
    fake.faults.arm(FaultKind.LOST_AFTER, "/order", method="DELETE", times=2)
    outcome = await linear.venue.cancel_order(ref(order))
    assert not isinstance(outcome, NotSent)
    found = await linear.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.CANCELLED


# -------------------------------------------------------------------------------------------------------------- orders


async def test_an_order_that_filled_in_part_is_cancelled_with_what_it_has(linear: WireHarness) -> None:
    fake, order = fake_of(linear), request(1)
    await linear.venue.create_order(order)
    fake.book.core.matcher.fill_sizes[SYMBOL] = D("0.400")
    await linear.set_price("189")
    await linear.settle()
    cancelled = await linear.venue.cancel_order(ref(order))
    assert isinstance(cancelled, Accepted)
    assert (cancelled.order.status, cancelled.order.filled) == (OrderStatus.CANCELLED, D("0.400"))
    assert [fill.quantity for fill in cancelled.order.fills] == [D("0.400")]


async def test_a_batch_is_answered_one_by_one(linear: WireHarness) -> None:
    await linear.venue.create_order(request(1))
    outcomes = await linear.venue.create_orders([request(1), request(2), request(3, quantity=D("9000.000"))])
    codes = [outcome.code if isinstance(outcome, Refused) else None for outcome in outcomes]
    assert codes == [RefusalCode.DUPLICATE_ID, None, RefusalCode.INSUFFICIENT_BALANCE]
    assert len(fake_of(linear).asked("POST", "/batchOrders")) == 1


async def test_a_batch_takes_stops_and_plain_orders_alike(linear: WireHarness) -> None:
    await linear.venue.create_order(market(1))
    exits = [stop_order(2), request(3, OrderSide.SELL, price=D("210.00"), reduce_only=True)]
    assert all(isinstance(outcome, Accepted) for outcome in await linear.venue.create_orders(exits))
    assert len(fake_of(linear).asked("POST", "/batchOrders")) == 1
    resting = {order.client_order_id: order for order in await linear.venue.fetch_open_orders()}
    assert [(resting[order.client_order_id].type, resting[order.client_order_id].reduce_only) for order in exits] == [
        (OrderType.STOP_MARKET, True),
        (OrderType.LIMIT, True),
    ]


@pytest.mark.parametrize("expires", [False, True], ids=["silently", "told_as_expired_first"])
async def test_a_stop_that_triggers_is_told_as_filled_and_never_as_gone(linear: WireHarness, expires: bool) -> None:
    fake_of(linear).expires_on_trigger = expires
    await linear.venue.create_order(market(1))
    stop = stop_order(2)
    await linear.venue.create_order(stop)
    await linear.set_price("189")
    await linear.settle()
    told = [r for r in linear.seen if isinstance(r, OrderReport) and r.client_order_id == stop.client_order_id]
    assert told[-1].status is OrderStatus.FILLED
    assert {report.type for report in told} == {OrderType.STOP_MARKET}
    assert OrderStatus.EXPIRED not in {report.status for report in told}
    assert await linear.venue.fetch_positions() == []


async def test_a_short_position_is_short(linear: WireHarness) -> None:
    await linear.venue.create_order(market(1, OrderSide.SELL, position_side=Side.SHORT))
    (position,) = await linear.venue.fetch_positions()
    assert (position.side, position.quantity, position.entry_price) == (Side.SHORT, D("1.000"), D(200))


async def test_settings_that_are_so_already_are_success(linear: WireHarness) -> None:
    await linear.venue.set_leverage(SYMBOL, D(20), "cross")
    assert [asked.code for asked in fake_of(linear).asked("POST", "/marginType")] == [-4046]


# -------------------------------------------------------------------------------------------------- limits and outages


async def test_after_429_nothing_is_sent_until_the_time_is_over(linear: WireHarness) -> None:
    fake = fake_of(linear)
    fake.faults.arm(FaultKind.RATE_LIMIT, "/order", method="POST", seconds=60)
    first = await linear.venue.create_order(request(1))
    assert isinstance(first, NotSent)
    assert first.retry_after == 60
    before = len(fake.requests)
    assert isinstance(await linear.venue.create_order(request(2)), NotSent)
    assert len(fake.requests) == before


async def test_h42_spot_reads_that_answer_with_a_page_are_no_empty_lists_and_hold_entries(spot: WireHarness) -> None:
    """asterdex/api-docs#110: signed GETs answered with a page and 500 while orders went through."""
    fake = fake_of(spot)
    fake.faults.arm(FaultKind.HTML, method="GET", containing="signer", times=None)
    for _ in range(FAILURES):
        with pytest.raises(Retryable):
            await spot.venue.fetch_open_orders()
    assert any(isinstance(report, BreakerReport) and report.is_open for report in spot.seen)
    held = await spot.venue.create_order(request(1, symbol=SPOT))
    assert isinstance(held, NotSent)
    assert fake.asked("POST", "/order") == []


async def test_an_order_that_a_page_answers_while_it_was_taken_is_in_doubt_on_spot_too(spot: WireHarness) -> None:
    order = request(1, symbol=SPOT)
    fake_of(spot).faults.arm(FaultKind.HTML_AFTER, "/order", method="POST")
    assert isinstance(await spot.venue.create_order(order), OutcomeUnknown)
    assert isinstance(await spot.venue.look_up(ref(order)), Found)


# ------------------------------------------------------------------------------------------------------------- streams


def ups(harness: WireHarness) -> int:
    return sum(isinstance(report, ConnectionReport) and report.connected for report in harness.seen)


async def test_what_a_cut_stream_missed_can_be_read(linear: WireHarness) -> None:
    fake, order = fake_of(linear), request(1)
    await linear.venue.create_order(order)
    fake.streams.cut_user_streams()
    await linear.until(lambda: not linear.venue.health().connected)
    fake.set_price(SYMBOL, D(189))
    fills = await linear.venue.fetch_fills(linear.clock.now().replace(hour=0, minute=0))
    assert [(fill.client_order_id, fill.quantity) for fill in fills] == [(order.client_order_id, D("1.000"))]


@pytest.mark.parametrize("how", ["cut", "expired"])
async def test_the_private_stream_comes_back_and_tells_again(linear: WireHarness, how: str) -> None:
    fake = fake_of(linear)
    before = ups(linear)
    if how == "cut":
        fake.streams.cut_user_streams()
    else:
        fake.streams.expire_key()
    await linear.until(lambda: ups(linear) > before)
    await linear.venue.create_order(market(2))
    await linear.until(lambda: any(_is_fill_of(report, 2) for report in linear.seen))
    assert len(fake.asked("POST", "/listenKey")) >= 2


def _is_fill_of(report: object, number: int) -> bool:
    return isinstance(report, FillReport) and report.client_order_id == request(number).client_order_id


async def test_marks_are_streamed_beside_last_prices(linear: WireHarness) -> None:
    linear.venue.watch_prices(frozenset({SYMBOL}))
    fake_of(linear).set_quote(SYMBOL, D(201), D(203), D(202), D("201.5"))
    await linear.until(lambda: _prices(linear)[-1:] == [(D(201), D(203), D(202), D("201.5"))])


async def test_best_prices_of_spot_are_streamed_though_they_have_no_event_type(spot: WireHarness) -> None:
    spot.venue.watch_prices(frozenset({SPOT}))
    fake_of(spot).set_quote(SPOT, D(201), D(203), D(202), D(202))
    await spot.until(lambda: [row[:3] for row in _prices(spot)][-1:] == [(D(201), D(203), D(202))])


def _prices(harness: WireHarness) -> list[tuple[Decimal, Decimal, Decimal, Decimal]]:
    quotes = [report.quote for report in harness.seen if isinstance(report, PriceReport)]
    return [(quote.bid, quote.ask, quote.last, quote.mark) for quote in quotes]
