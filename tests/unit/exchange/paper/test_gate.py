"""The breaker of a paper account: what opens it, what it holds back, and what closes it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

import pytest

from app.base.errors import Retryable
from app.domain.values import OrderSide
from app.messages.reports import Accepted, BreakerReport, NotSent
from app.ports.faults import FaultKind
from tests.support.clock import settle
from tests.unit.exchange.paper.shop import Shop, ref

BUY, SELL = OrderSide.BUY, OrderSide.SELL
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def states(shop: Shop) -> list[bool]:
    return [report.is_open for report in shop.seen if isinstance(report, BreakerReport)]


async def fail(shop: Shop, times: int = 5) -> None:
    shop.arm("create_order", FaultKind.UNAVAILABLE, times=times)
    for _ in range(times):
        assert isinstance(await shop.buy("1"), NotSent)


async def test_the_fifth_failure_in_a_row_opens_it() -> None:
    shop = await Shop().open()
    await fail(shop, 4)
    assert states(shop) == []
    await fail(shop, 1)
    assert states(shop) == [True]


async def test_requests_that_their_sender_gave_up_count() -> None:
    shop = await Shop().open()
    shop.arm("create_order", FaultKind.TIMEOUT_BEFORE, times=5)
    waiting = [asyncio.ensure_future(shop.buy("1")) for _ in range(5)]
    await settle()
    for request in waiting:
        request.cancel()
    await settle()

    assert states(shop) == [True]


async def test_an_answer_between_starts_the_count_again() -> None:
    shop = await Shop().open()
    await fail(shop, 4)
    shop.arm("create_order", FaultKind.REJECT)
    await shop.buy("1")
    await fail(shop, 4)

    assert states(shop) == []


async def test_limits_do_not_count() -> None:
    shop = await Shop().open()
    shop.arm("create_order", FaultKind.RATE_LIMIT, times=9)
    for _ in range(9):
        await shop.buy("1")

    assert states(shop) == []


async def test_while_it_is_open_entries_never_arrive_and_use_up_no_faults() -> None:
    shop = await Shop().open()
    await fail(shop)
    shop.arm("create_order", FaultKind.REJECT)

    outcome = await shop.buy("1")

    assert isinstance(outcome, NotSent)
    assert outcome.retry_after == 10
    assert shop.venue.ledger.orders == {}
    assert shop.venue.faults.fails("create_order")


async def test_exits_go_out_and_one_that_gets_through_closes_it() -> None:
    shop = await Shop().open()
    await shop.buy("1")
    await fail(shop)

    exit_order = shop.order(SELL, "1", "105", reduce_only=True)

    assert isinstance(await shop.venue.create_order(exit_order), Accepted)
    assert states(shop) == [True, False]


async def test_questions_are_asked_on_and_decide_nothing() -> None:
    shop = await Shop().open()
    await fail(shop)
    order = shop.order(BUY, "1")

    await shop.venue.look_up(ref(order))
    await shop.venue.fetch_positions()

    assert states(shop) == [True]


async def test_after_ten_seconds_the_exchange_is_asked_for_its_time() -> None:
    shop = await Shop().open()
    await fail(shop)
    await shop.clock.advance(9.9)
    assert states(shop) == [True]
    await shop.clock.advance(0.1)

    assert states(shop) == [True, False]
    assert isinstance(await shop.buy("1"), Accepted)


async def test_a_probe_without_an_answer_doubles_the_time() -> None:
    shop = await Shop().open()
    await fail(shop)
    shop.arm("fetch_time", FaultKind.TIMEOUT_BEFORE)
    await shop.clock.advance(29.9)
    assert states(shop) == [True]
    await shop.clock.advance(0.1)

    assert states(shop) == [True, False]


async def test_a_reading_that_fails_counts_once_however_many_questions_it_has() -> None:
    shop = await Shop().open()
    shop.arm("fetch_*", FaultKind.UNAVAILABLE, times=99)
    for reading in range(5):
        assert states(shop) == [], reading
        for ask in (shop.venue.fetch_positions, shop.venue.fetch_balances, lambda: shop.venue.fetch_fills(LONG_AGO)):
            with pytest.raises(Retryable):
                await ask()
        await shop.clock.advance(5)

    assert states(shop) == [True]


async def test_a_new_session_starts_with_it_closed() -> None:
    shop = await Shop().open()
    await fail(shop)
    await shop.venue.connect(shop.seen.append)

    assert isinstance(await shop.buy("1"), Accepted)
