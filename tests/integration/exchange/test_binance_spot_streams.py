"""Pairs of exits and the account's stream at Binance spot, on the wire: the fake's own book is the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.domain.order import OrderStatus
from app.domain.values import OrderSide
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.wire import Access
from app.messages.reports import (
    FillReport,
    Found,
    NotFound,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
)
from tests.integration.exchange.binance_spot_bench import PAIR, SPOT, Bench, D, a_fake, market, order, spot_bench
from tests.integration.exchange.joined import joined
from tests.integration.exchange.venue_contract import accepted, ref, refused
from tests.support.venues import FaultKind
from tests.support.venues.refusals import VenueRefusal


@pytest.fixture
async def bench() -> AsyncIterator[Bench]:
    async with spot_bench() as made:
        yield made


# ---------------------------------------------------------------------- pairs


@pytest.mark.parametrize("kind", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER, FaultKind.CUT_BODY])
async def test_a_pair_whose_answer_is_lost_is_in_doubt_and_both_are_found(bench: Bench, kind: FaultKind) -> None:
    bench.fake.faults.arm(kind, "/orderList/oco")
    outcomes = await bench.venue.create_oco(*PAIR)

    assert [isinstance(outcome, OutcomeUnknown) for outcome in outcomes] == [True, True]
    found = [await bench.venue.look_up(ref(each)) for each in PAIR]
    assert [isinstance(each, Found) for each in found] == [True, True]


async def test_a_pair_lost_on_its_way_is_in_doubt_and_neither_is_found(bench: Bench) -> None:
    bench.fake.faults.arm(FaultKind.LOST_BEFORE, "/orderList/oco")
    outcomes = await bench.venue.create_oco(*PAIR)

    assert [isinstance(outcome, OutcomeUnknown) for outcome in outcomes] == [True, True]
    found = [await bench.venue.look_up(ref(each)) for each in PAIR]
    assert [isinstance(each, NotFound) for each in found] == [True, True]


async def test_a_pair_is_sent_once_more_in_step_with_the_venues_clock(bench: Bench) -> None:
    bench.fake.faults.clock_skew_ms = 60_000
    for outcome in await bench.venue.create_oco(*PAIR):
        accepted(outcome)

    assert len(bench.fake.ledger.orders) == 2


async def test_a_pair_sent_twice_is_refused_as_a_duplicate(bench: Bench) -> None:
    await bench.venue.create_oco(*PAIR)
    outcomes = await bench.venue.create_oco(*PAIR)

    assert [refused(outcome) for outcome in outcomes] == [RefusalCode.DUPLICATE_ID] * 2
    assert len(bench.fake.ledger.orders) == 2


async def test_a_pair_counts_as_two_orders(bench: Bench) -> None:
    await bench.venue.create_oco(*PAIR)

    assert bench.fake.limits.headers(with_orders=True)["X-MBX-ORDER-COUNT-10S"] == "2"


async def test_a_profit_that_fills_in_part_ends_the_stop_at_once(bench: Bench) -> None:
    bench.fake.book.core.matcher.fill_sizes[SPOT] = D("0.400")
    await bench.venue.create_oco(*PAIR)
    await bench.set_price("211")
    await bench.until(lambda: OrderStatus.EXPIRED in bench.told(PAIR[1]) and len(bench.fills()) == 1)
    balances = {item.asset: item for item in await bench.venue.fetch_balances()}

    assert bench.told(PAIR[0])[-1] is OrderStatus.PARTIALLY_FILLED
    assert balances["SOL"].locked == D("0.600")


async def test_an_off_step_pair_is_not_sent(bench: Bench) -> None:
    odd = {"quantity": D("1.0005")}
    outcomes = await bench.venue.create_oco(order(1, OrderSide.SELL, price=D("210.00"), **odd), PAIR[1])

    assert [refused(outcome) for outcome in outcomes] == [RefusalCode.PRECISION] * 2
    assert bench.fake.asked("POST", "/orderList/oco") == []


# ---------------------------------------------------------------------- streams


async def test_what_happened_while_the_stream_was_cut_is_told(bench: Bench) -> None:
    await bench.venue.create_order(order(1))
    bench.fake.faults.is_silent = True
    bench.fake.set_price(SPOT, "189")
    bench.fake.streams.cut_user_streams()
    await bench.until(lambda: OrderStatus.FILLED in bench.told(order(1)))

    assert [fill.quantity for fill in bench.fills()] == [D("1.000")]
    assert bench.connections[:2] == [True, False]


@pytest.mark.parametrize("how", ["cut", "terminated"])
async def test_a_stream_that_ends_is_opened_and_subscribed_again(bench: Bench, how: str) -> None:
    bench.fake.streams.cut_user_streams() if how == "cut" else bench.fake.streams.expire_key()
    await bench.until(lambda: bench.connections[:3] == [True, False, True])
    await bench.venue.create_order(market(1))
    await bench.settle()

    assert [fill.client_order_id for fill in bench.fills()] == [market(1).client_order_id]


async def test_the_stream_is_up_only_once_the_subscription_is_confirmed() -> None:
    fake = a_fake()
    access = Access(api_key="key", secret="secret", base_url=await fake.start())
    fake.streams.refusals.append(VenueRefusal(-1021, "Timestamp for this request is outside of the recvWindow."))
    async with joined(fake, fake.board, BINANCE_SPOT, access, SPOT) as harness:
        subscriptions = fake.asked("WS", "userDataStream.subscribe.signature")

        assert harness.venue.health().connected
        assert len(subscriptions) == 2
        assert len(fake.streams.user_lines) == 1
        await harness.venue.create_order(market(1))
        await harness.settle()
        assert {type(each) for each in harness.seen} >= {FillReport, OrderReport}


async def test_events_told_twice_or_late_leave_the_right_end(bench: Bench) -> None:
    bench.fake.faults.arm(FaultKind.DUPLICATE_EVENTS, "executionReport", containing='"TRADE"')
    bench.fake.faults.arm(FaultKind.REORDER_EVENTS, "executionReport", containing='"NEW"')
    await bench.venue.create_order(order(1))
    await bench.set_price("189")
    await bench.until(lambda: len(bench.told(order(1))) >= 2 and len(bench.fills()) >= 1)

    assert {fill.trade_id for fill in bench.fills()} == {"1"}
    assert OrderStatus.FILLED in bench.told(order(1))
