"""The adapter's hard paths against Bybit on the wire: the fake's own book is the judge."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from decimal import Decimal

import pytest

from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt import streams
from app.exchange.ccxt.dialects.bybit import BYBIT_SPOT
from app.messages.reports import (
    FillKind,
    FillReport,
    Found,
    NotFound,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
)
from tests.integration.exchange.bybit import SPOT, Met, access, met_linear, met_spot, stop
from tests.integration.exchange.joined import board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, accepted, market, ref, refused, request
from tests.support.venues.bybit import BybitSpot
from tests.support.venues.faults import FaultKind

D = Decimal
HOUR = timedelta(hours=1)


@pytest.fixture
async def met() -> AsyncIterator[Met]:
    async with met_linear() as met:
        yield met


@pytest.fixture
async def spot() -> AsyncIterator[Met]:
    async with met_spot() as met:
        yield met


# --------------------------------------------------------------------------------------------------- other categories


@pytest.mark.parametrize(("meet", "symbol", "other"), [(met_linear, SYMBOL, "spot"), (met_spot, SPOT, "linear")])
async def test_what_the_user_does_in_another_category_is_none_of_this_accounts(
    meet: Callable[[], AbstractAsyncContextManager[Met]], symbol: str, other: str
) -> None:
    async with meet() as met:
        met.fake.told_as = other
        met.place(market(1, symbol=symbol))
        met.fake.told_as = met.fake.market_type.value
        met.place(market(2, symbol=symbol))
        await met.harness.until(lambda: bool(met.fills()))
        named = {report.client_order_id for report in met.harness.seen if isinstance(report, OrderReport | FillReport)}
    assert named == {market(2).client_order_id}


# --------------------------------------------------------------------------------------------------- unknown outcomes


@pytest.mark.parametrize(
    "kind", [FaultKind.LOST_AFTER, FaultKind.ERROR_AFTER, FaultKind.HTML_AFTER, FaultKind.CUT_BODY]
)
async def test_an_order_whose_answer_is_lost_is_found_by_our_id(met: Met, kind: FaultKind) -> None:
    met.fake.faults.arm(kind, "/order/create")
    assert isinstance(await met.harness.venue.create_order(request(1)), OutcomeUnknown)
    found = await met.harness.venue.look_up(ref(request(1)))
    assert isinstance(found, Found)
    assert (found.order.status, len(met.fake.ledger.orders)) == (OrderStatus.OPEN, 1)


@pytest.mark.parametrize("kind", [FaultKind.LOST_BEFORE, FaultKind.ERROR_BEFORE, FaultKind.HTML])
async def test_an_order_that_did_not_arrive_is_in_doubt_and_then_not_found(met: Met, kind: FaultKind) -> None:
    met.fake.faults.arm(kind, "/order/create")
    assert isinstance(await met.harness.venue.create_order(request(1)), OutcomeUnknown)
    assert isinstance(await met.harness.venue.look_up(ref(request(1))), NotFound)


async def test_a_look_up_that_fails_is_no_answer(met: Met) -> None:
    await met.harness.venue.create_order(request(1))
    met.fake.faults.arm(FaultKind.ERROR_BEFORE, "/order/realtime")
    assert isinstance(await met.harness.venue.look_up(ref(request(1))), OutcomeUnknown)


async def test_a_batch_whose_answer_is_lost_leaves_every_order_in_doubt(met: Met) -> None:
    orders = [request(1), request(2, price=D("180.00"))]
    met.fake.faults.arm(FaultKind.LOST_AFTER, "/order/create-batch")
    outcomes = await met.harness.venue.create_orders(orders)
    assert all(isinstance(outcome, OutcomeUnknown) for outcome in outcomes)
    assert all([isinstance(await met.harness.venue.look_up(ref(order)), Found) for order in orders])


async def test_half_of_a_batch_fails_with_the_venues_reasons(met: Met) -> None:
    taken, lonely, twice = request(1), request(2, OrderSide.SELL, price=D("210.00"), reduce_only=True), request(1)
    outcomes = await met.harness.venue.create_orders([taken, lonely])
    assert accepted(outcomes[0]).client_order_id == taken.client_order_id
    assert refused(outcomes[1]) is RefusalCode.REDUCE_ONLY
    assert refused((await met.harness.venue.create_orders([twice, request(3)]))[0]) is RefusalCode.DUPLICATE_ID
    assert [order.status for order in met.fake.ledger.orders.values()] == [OrderStatus.OPEN] * 2


async def test_an_order_that_the_realtime_list_forgot_is_found_in_the_history(met: Met) -> None:
    await met.harness.venue.create_order(market(1))
    met.fake.reading.forgotten.add(1)
    found = await met.harness.venue.look_up(ref(market(1)))
    assert isinstance(found, Found)
    assert (found.order.status, sum(fill.quantity for fill in found.order.fills)) == (OrderStatus.FILLED, D("1.000"))


# ------------------------------------------------------------------------------------------------- what requests cost


async def test_an_order_that_rests_costs_one_request(met: Met) -> None:
    before = len(met.fake.requests)
    accepted(await met.harness.venue.create_order(request(1)))
    assert [item.path for item in met.fake.requests[before:]] == ["/v5/order/create"]


async def test_a_market_order_is_accepted_though_it_cannot_be_looked_at(met: Met) -> None:
    met.fake.faults.arm(FaultKind.ERROR_BEFORE, "/order/realtime")
    report = accepted(await met.harness.venue.create_order(market(1)))
    assert report.status is OrderStatus.OPEN
    await met.harness.settle()
    assert [fill.quantity for fill in met.fills()] == [D("1.000")]


# -------------------------------------------------------------------------------------------------- fills and streams


async def test_an_order_that_filled_in_part_is_cancelled_with_what_it_has(met: Met) -> None:
    met.fake.book.core.matcher.fill_sizes[SYMBOL] = D("0.400")
    await met.harness.venue.create_order(request(1))
    met.fake.set_price(SYMBOL, "190")
    await met.harness.settle()
    report = accepted(await met.harness.venue.cancel_order(ref(request(1))))
    assert (report.status, report.filled) == (OrderStatus.CANCELLED, D("0.400"))
    assert sum(fill.quantity for fill in met.fills()) == D("0.400")


async def test_what_happened_while_the_stream_was_away_is_found(met: Met) -> None:
    await met.harness.venue.create_order(request(1))
    met.fake.faults.is_silent = True
    met.fake.set_price(SYMBOL, "189")
    assert met.fills() == []
    met.fake.streams.cut_user_streams()
    await met.harness.until(lambda: bool(met.fills()))
    orders = [report for report in met.harness.seen if isinstance(report, OrderReport)]
    assert orders[-1].status is OrderStatus.FILLED
    assert [each.connected for each in met.links()][:2] == [True, False]


async def test_a_stream_that_was_cut_comes_back_and_is_followed_again(
    met: Met, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "FIRST_WAIT_SEC", 0.01)
    met.fake.streams.cut_user_streams()
    await met.harness.until(lambda: [each.connected for each in met.links()][:3] == [True, False, True])
    accepted(await met.harness.venue.create_order(market(1)))
    await met.harness.until(lambda: bool(met.fills()))
    assert [fill.quantity for fill in met.fills()] == [D("1.000")]


async def test_prices_have_both_sides_of_the_book_to_the_last_digit(met: Met) -> None:
    met.harness.venue.watch_prices(frozenset({SYMBOL}))
    met.fake.set_quote(SYMBOL, D("199.91"), D("200.07"), D("199.99"), D("200.01"))
    wanted = (D("199.91"), D("200.07"), D("199.99"), D("200.01"))
    await met.harness.until(lambda: met.quotes()[-1:] == [wanted])


async def test_spot_prices_come_from_ticker_and_book_together(spot: Met) -> None:
    spot.harness.venue.watch_prices(frozenset({SPOT}))
    spot.fake.set_quote(SPOT, D("199.91"), D("200.07"), D("199.99"), D("199.99"))
    await spot.harness.until(
        lambda: [quote[:3] for quote in spot.quotes()][-1:] == [(D("199.91"), D("200.07"), D("199.99"))]
    )


async def test_a_fill_told_twice_and_late_has_one_name(met: Met) -> None:
    met.fake.faults.arm(FaultKind.REORDER_EVENTS, "execution")
    met.fake.faults.arm(FaultKind.DUPLICATE_EVENTS, "execution")
    await met.harness.venue.create_order(market(1))
    await met.harness.venue.create_order(market(2))
    await met.harness.until(lambda: len({fill.trade_id for fill in met.fills()}) == 2)
    assert {fill.trade_id for fill in met.fills()} == {
        fill.trade_id for fill in await met.harness.venue.fetch_fills(met.harness.clock.now() - HOUR)
    }


async def test_a_stop_that_triggers_keeps_its_id_and_is_never_told_as_cancelled(met: Met) -> None:
    await met.harness.venue.create_order(market(1))
    await met.harness.venue.create_order(stop(2, "190.00"))
    met.fake.set_price(SYMBOL, "189")
    await met.harness.settle()
    told = [report for report in met.harness.seen if isinstance(report, OrderReport)]
    own = [report for report in told if report.client_order_id == stop(2, "190.00").client_order_id]
    assert {report.type for report in own} == {OrderType.STOP_MARKET}
    assert [report.status for report in own][-1] is OrderStatus.FILLED
    assert OrderStatus.CANCELLED not in {report.status for report in own}


async def test_what_the_venue_forced_is_among_the_fills(met: Met) -> None:
    await met.harness.venue.create_order(market(1))
    met.fake.book.force(SYMBOL, FillKind.LIQUIDATION)
    read = await met.harness.venue.fetch_fills(met.harness.clock.now() - HOUR)
    assert [(fill.kind, fill.client_order_id is None) for fill in read] == [
        (FillKind.TRADE, False),
        (FillKind.LIQUIDATION, True),
    ]
    await met.harness.until(lambda: len(met.fills()) == 2)
    assert met.fills()[-1].kind is FillKind.LIQUIDATION


async def test_funding_is_told_with_its_sign_and_is_no_fill(met: Met) -> None:
    await met.harness.venue.create_order(market(1))
    met.fake.book.pay_funding(SYMBOL, D("0.001"))
    since = met.harness.clock.now() - HOUR
    paid = await met.harness.venue.fetch_funding(since)
    assert [(item.amount, item.rate) for item in paid] == [(D("-0.2"), D("0.001"))]
    assert len(await met.harness.venue.fetch_fills(since)) == 1


# --------------------------------------------------------------------------------------------------------- long lists


async def test_every_open_order_is_listed_not_only_the_first_page(met: Met) -> None:
    met.place(*[request(number, quantity=D("0.100")) for number in range(1, 61)])
    assert len(await met.harness.venue.fetch_open_orders()) == 60


async def test_every_fill_is_told_not_only_the_newest_page(met: Met) -> None:
    met.place(*[market(number, quantity=D("0.100")) for number in range(1, 131)])
    read = await met.harness.venue.fetch_fills(met.harness.clock.now() - HOUR)
    assert len({fill.trade_id for fill in read}) == 130


async def test_every_funding_payment_is_told(met: Met) -> None:
    met.place(market(1))
    for _ in range(120):
        met.fake.book.pay_funding(SYMBOL, D("0.0001"))
    assert len(await met.harness.venue.fetch_funding(met.harness.clock.now() - HOUR)) == 120


async def test_the_largest_order_is_one_that_any_type_may_have(met: Met) -> None:
    report = await met.harness.venue.load_market(SYMBOL, None)
    assert report is not None
    assert report.rules.max_qty == D(200_000)
    too_large = market(1, OrderSide.SELL, quantity=D(200_001))
    assert refused(await met.harness.venue.create_order(too_large)) is RefusalCode.INVALID_ORDER


async def test_h25_one_conditional_order_more_than_the_market_takes_is_refused(met: Met) -> None:
    loaded = await met.harness.venue.load_market(SYMBOL, None)
    assert loaded is not None
    most = loaded.rules.max_conditional_orders
    assert most == 10
    met.place(market(0, quantity=D(11)), *(stop(number, "150") for number in range(1, most + 1)))
    answer = await met.harness.venue.create_order(stop(most + 1, "150"))
    assert isinstance(answer, Refused)
    assert "110009" in answer.detail


async def test_twelve_spot_markets_are_streamed_though_a_subscription_takes_ten() -> None:
    names = [f"C{number:02d}/USDT" for number in range(12)]
    board = board_with(*names)
    fake = BybitSpot(board)
    async with joined(fake, board, BYBIT_SPOT, access(await fake.start()), names[0]) as harness:
        for name in names[1:]:
            await harness.venue.load_market(name, None)
        harness.venue.watch_prices(frozenset(names))
        wanted = {f"tickers.{name.replace('/', '')}" for name in names}
        await harness.until(lambda: wanted <= {topic for line in fake.streams.public_lines for topic in line.topics})
        assert len(fake.streams.public_lines) == 1
