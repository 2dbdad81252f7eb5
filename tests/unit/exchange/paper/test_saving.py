"""Everything is saved before anyone learns of it."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.base.errors import Retryable
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.messages.reports import Accepted, BalanceReport, FillReport, Found, NotSent, OrderReport, PositionReport
from app.ports.store import StoreFailed
from tests.support.clock import settle
from tests.unit.exchange.paper.bench import SOL
from tests.unit.exchange.paper.shop import GatedStore, Shop, ref, taken

BUY, SELL = OrderSide.BUY, OrderSide.SELL


async def test_nothing_is_answered_or_told_before_it_is_saved() -> None:
    shop = await Shop().open()
    shop.store.gate = asyncio.Event()

    answer = asyncio.ensure_future(shop.buy("1"))
    await settle()
    assert not answer.done()
    assert shop.mine == []
    shop.store.gate.set()

    assert taken(await answer).status is OrderStatus.FILLED


async def test_a_reader_waits_for_a_save_under_way() -> None:
    shop = await Shop().open()
    shop.store.gate = asyncio.Event()
    order = shop.order(BUY, "1", "95")
    answer = asyncio.ensure_future(shop.venue.create_order(order))
    await settle()

    found = asyncio.ensure_future(shop.venue.look_up(ref(order)))
    await settle()
    assert not found.done()
    shop.store.gate.set()

    assert isinstance(await found, Found)
    assert isinstance(await answer, Accepted)


async def test_the_answer_comes_before_the_events_of_its_request() -> None:
    shop = await Shop().open()
    order = taken(await shop.buy("1"))
    assert shop.mine == []
    await settle()

    told = [(type(report), getattr(report, "status", None)) for report in shop.seen]
    assert order.status is OrderStatus.FILLED
    assert told == [
        (OrderReport, OrderStatus.OPEN),
        (FillReport, None),
        (OrderReport, OrderStatus.FILLED),
        (PositionReport, None),
        (BalanceReport, None),
    ]


async def test_a_save_that_fails_leaves_no_trace_and_the_request_was_not_sent() -> None:
    shop = await Shop().open()
    shop.store.failing = "the disk is full"
    order = shop.order(BUY, "1")

    assert await shop.venue.create_order(order) == NotSent("the disk is full")
    await settle()
    assert shop.venue.health().detail == "the disk is full"
    assert (shop.mine, shop.venue.ledger.orders, shop.venue.ledger.positions) == ([], {}, {})

    shop.store.failing = None
    assert taken(await shop.venue.create_order(order)).venue_order_id == "1"
    assert shop.venue.health().detail is None


async def test_fills_that_could_not_be_saved_come_once_the_disk_takes_them() -> None:
    shop = await Shop().open()
    await shop.buy("1", "95")
    shop.store.failing = "the disk is full"
    await shop.price("94")
    assert shop.venue.ledger.fills == []

    shop.store.failing = None
    await shop.clock.advance(2)

    assert [fill.price for fill in shop.venue.ledger.fills] == [Decimal(95)]


async def test_what_waits_while_a_save_is_under_way_shares_the_next() -> None:
    shop = await Shop().open()
    shop.store.gate = asyncio.Event()
    saves = shop.store.saves
    answers = [asyncio.ensure_future(shop.buy("1", "95"))]
    await settle()
    answers += [asyncio.ensure_future(shop.buy("1", "95")) for _ in range(5)]
    await settle()
    shop.store.gate.set()
    await asyncio.gather(*answers)

    assert shop.store.saves == saves + 2


async def test_a_batch_is_one_save() -> None:
    shop = await Shop().open()
    saves = shop.store.saves

    await shop.venue.create_orders([shop.order(BUY, "1", "95") for _ in range(5)])

    assert shop.store.saves == saves + 1


async def test_prices_that_change_nothing_else_are_not_saved_until_the_end() -> None:
    shop = await Shop().open()
    saves = shop.store.saves
    for price in ("99", "98", "97"):
        await shop.price(price)
    assert shop.store.saves == saves

    await shop.venue.close()

    assert shop.store.saves == saves + 1
    kept = await shop.store.load("paper")
    assert kept is not None
    assert [(row.symbol, row.price) for row in kept.prices] == [(SOL, Decimal(97))]


async def test_prices_that_come_during_a_save_are_all_matched_in_order() -> None:
    shop = await Shop().open()
    await shop.buy("1", "95")
    shop.store.gate = asyncio.Event()
    slow = asyncio.ensure_future(shop.buy("1", "90"))
    await settle()
    for price in ("94", "105"):
        shop.board.move(SOL, Decimal(price))
    shop.store.gate.set()
    await slow
    await settle()

    assert [fill.price for fill in shop.venue.ledger.fills] == [Decimal(95)]
    assert shop.venue.ledger.quotes[SOL].last == 105


async def test_a_request_whose_sender_stops_waiting_is_done_nevertheless() -> None:
    shop = await Shop().open()
    shop.store.gate = asyncio.Event()
    order = shop.order(BUY, "1")
    sending = asyncio.ensure_future(shop.venue.create_order(order))
    await settle()
    sending.cancel()
    await settle()
    shop.store.gate.set()
    await settle()

    found = await shop.venue.look_up(ref(order))
    assert isinstance(found, Found)
    assert found.order.status is OrderStatus.FILLED
    assert any(isinstance(report, FillReport) for report in shop.mine)


async def test_a_venue_opened_again_goes_on_with_the_same_books_and_counters() -> None:
    store = GatedStore()
    first = await Shop(store).open()
    await first.venue.set_leverage(SOL, Decimal(3), "isolated")
    await first.buy("2")
    await first.buy("1", "95")
    await first.venue.pay_funding(SOL, Decimal("0.001"))

    second = Shop(store)
    second._orders = 2
    await second.open()

    before, after = first.venue.ledger, second.venue.ledger
    assert (after.orders, after.fills, after.funding) == (before.orders, before.fills, before.funding)
    assert (after.positions, after.balances, after.leverages) == (before.positions, before.balances, before.leverages)
    assert taken(await second.buy("1", "95")).venue_order_id == "3"
    assert await second.venue.fetch_balances() != []


async def test_what_the_price_passed_while_the_program_was_away_fills_at_the_start() -> None:
    store = GatedStore()
    first = await Shop(store).open()
    await first.buy("1", "95")

    second = Shop(store)
    second.board.quotes[SOL] = Quote.flat(Decimal(90), second.clock.now())
    await second.open()

    assert [fill.price for fill in second.venue.ledger.fills] == [Decimal(95)]


async def test_derived_rules_stay_as_fine_as_what_was_traded_by_them() -> None:
    store, odd = GatedStore(), "ODD/USDT:USDT"
    first = await Shop(store).open()
    await first.venue.load_market(odd, Decimal(120))
    await first.buy("1.2345", symbol=odd)
    first.board.move(odd, Decimal(9))
    await first.venue.close()

    second = await Shop(store).open()
    report = await second.venue.load_market(odd, None)

    assert report is not None
    assert report.quote is not None
    assert report.quote.last == 9
    assert report.rules.step_size <= Decimal("0.0001")
    second._orders = 1
    order = second.order(SELL, "1.2345", symbol=odd, reduce_only=True)
    assert taken(await second.venue.create_order(order)).status is OrderStatus.FILLED


async def test_before_the_account_is_connected_nothing_is_sent_and_nothing_read() -> None:
    shop = Shop()

    assert isinstance(await shop.buy("1"), NotSent)
    with pytest.raises(Retryable):
        await shop.venue.fetch_open_orders()
    with pytest.raises(Retryable):
        await shop.venue.fetch_balances()


async def test_an_account_whose_books_cannot_be_read_is_not_connected() -> None:
    shop = Shop()
    shop.store.failing = "the disk is full"
    with pytest.raises(StoreFailed, match="the disk is full"):
        await shop.open()
    assert not shop.venue.health().connected

    shop.store.failing = None
    await shop.open()
    assert shop.venue.ledger.balances == {"USDT": Decimal(10_000)}


async def test_a_second_connect_takes_over_the_streams() -> None:
    shop = await Shop().open()
    await shop.buy("1", "95")
    await settle()
    before = len(shop.seen)
    later: list[object] = []
    await shop.venue.connect(later.append)
    await shop.price("94")

    assert len(shop.seen) == before
    assert any(isinstance(report, FillReport) for report in later)


async def test_stops_wait_on_the_venue_while_nobody_is_connected() -> None:
    shop = await Shop().open()
    await shop.buy("1")
    stop = shop.order(SELL, "1", type_=OrderType.STOP_MARKET, trigger="95", reduce_only=True)
    await shop.venue.create_order(stop)
    shop.venue.drop()
    await shop.price("94")

    assert shop.venue.ledger.positions == {}
