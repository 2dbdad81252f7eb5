"""Every fault of replay.md, at the edge where it belongs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.client_order_id import Namespace, OrderAddress, encode
from app.domain.order import OrderStatus
from app.domain.values import OrderRole, OrderSide
from app.messages.reports import (
    Accepted,
    ConnectionReport,
    FillReport,
    Found,
    FundingReport,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    RefusalCode,
    Refused,
)
from app.ports.faults import FaultKind
from tests.support.clock import settle
from tests.unit.exchange.paper.bench import SOL
from tests.unit.exchange.paper.shop import Shop, is_unanswered, ref, taken

BUY, SELL = OrderSide.BUY, OrderSide.SELL
LONG_AGO = datetime(2020, 1, 1, tzinfo=UTC)


def address(role: OrderRole, number: int = 1) -> str:
    return encode(OrderAddress(Namespace("abcde", 0), "g0000001", 0, 0, role, number))


class TestCreating:
    async def test_a_request_that_times_out_before_never_arrives(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.TIMEOUT_BEFORE)
        order = shop.order(BUY, "1")

        assert await is_unanswered(shop.venue.create_order(order), shop.clock)
        assert isinstance(await shop.venue.look_up(ref(order)), NotFound)

    async def test_a_request_that_times_out_after_was_done_and_its_events_are_told(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.TIMEOUT_AFTER_ACCEPT)
        order = shop.order(BUY, "1")

        assert await is_unanswered(shop.venue.create_order(order), shop.clock)
        assert isinstance(await shop.venue.look_up(ref(order)), Found)
        assert [type(report) for report in shop.mine] == [OrderReport, FillReport, OrderReport]

    @pytest.mark.parametrize("code", [RefusalCode.INSUFFICIENT_BALANCE, RefusalCode.HALTED])
    async def test_a_reject_refuses_with_its_code(self, code: RefusalCode) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.REJECT, code=code)

        outcome = await shop.buy("1")

        assert isinstance(outcome, Refused)
        assert outcome.code is code
        assert isinstance(await shop.buy("1"), Accepted)

    async def test_a_rate_limit_and_an_outage_mean_that_it_was_not_sent(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.RATE_LIMIT)
        shop.arm("create_order", FaultKind.UNAVAILABLE)

        limited, unavailable = await shop.buy("1"), await shop.buy("1")

        assert isinstance(limited, NotSent)
        assert limited.retry_after == 1
        assert isinstance(unavailable, NotSent)
        assert shop.venue.ledger.orders == {}

    async def test_a_slow_answer_comes_after_the_events(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.SLOW, seconds=3.0)
        answer = asyncio.ensure_future(shop.buy("1"))
        await shop.clock.advance(2.9)
        assert not answer.done()
        assert len(shop.mine) == 3

        await shop.clock.advance(0.1)
        assert taken(await answer).status is OrderStatus.FILLED

    async def test_a_disconnect_leaves_the_outcome_unknown_and_cuts_the_stream(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.DISCONNECT)

        assert isinstance(await shop.buy("1"), OutcomeUnknown)
        assert not shop.venue.health().connected
        assert len(shop.venue.ledger.fills) == 1

    async def test_times_counts_the_orders_of_a_batch(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.REJECT, times=2)

        outcomes = await shop.venue.create_orders([shop.order(BUY, "1", "95") for _ in range(3)])

        assert [type(outcome) for outcome in outcomes] == [Refused, Refused, Accepted]

    async def test_a_batch_of_which_one_answer_is_lost_is_not_answered_at_all(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.TIMEOUT_BEFORE)
        orders = [shop.order(BUY, "1", "95") for _ in range(2)]

        assert await is_unanswered(shop.venue.create_orders(orders), shop.clock)
        assert [type(await shop.venue.look_up(ref(order))) for order in orders] == [NotFound, Found]

    async def test_a_fault_waits_for_its_symbol_and_role(self) -> None:
        shop = await Shop().open()
        await shop.buy("2")
        shop.arm("create_order", FaultKind.REJECT, symbol=SOL, role=OrderRole.TAKE_PROFIT)
        shop.arm("create_order", FaultKind.REJECT, symbol="BTC/USDT:USDT")

        entry = await shop.buy("1", "95", order_id=address(OrderRole.ENTRY))
        exit_order = shop.order(SELL, "1", "105", order_id=address(OrderRole.TAKE_PROFIT))

        assert isinstance(entry, Accepted)
        assert isinstance(await shop.venue.create_order(exit_order), Refused)


class TestCancellingAndAmending:
    async def test_a_cancel_may_be_done_and_not_answered(self) -> None:
        shop = await Shop().open()
        order = shop.order(BUY, "1", "95")
        await shop.venue.create_order(order)
        shop.arm("cancel_order", FaultKind.TIMEOUT_AFTER_ACCEPT)

        assert await is_unanswered(shop.venue.cancel_order(ref(order)), shop.clock)
        assert await shop.venue.fetch_open_orders() == []

    async def test_an_amendment_may_be_lost_on_the_way(self) -> None:
        shop = await Shop().open()
        order = shop.order(BUY, "1", "95")
        await shop.venue.create_order(order)
        shop.arm("amend_order", FaultKind.TIMEOUT_BEFORE)
        shop.arm("amend_order", FaultKind.REJECT, code=RefusalCode.WOULD_TRIGGER)

        assert await is_unanswered(shop.venue.amend_order(ref(order), Decimal(2), None), shop.clock)
        assert isinstance(await shop.venue.amend_order(ref(order), Decimal(2), None), Refused)
        assert [item.quantity for item in await shop.venue.fetch_open_orders()] == [Decimal(1)]


READS: list[Callable[[Shop], Awaitable[Any]]] = [
    lambda shop: shop.venue.fetch_open_orders(),
    lambda shop: shop.venue.fetch_positions(),
    lambda shop: shop.venue.fetch_balances(),
    lambda shop: shop.venue.fetch_fills(LONG_AGO),
    lambda shop: shop.venue.fetch_funding(LONG_AGO),
    lambda shop: shop.venue.fetch_candles(SOL, "1h", 5),
    lambda shop: shop.venue.load_market(SOL, None),
    lambda shop: shop.venue.server_time(),
]


class TestReading:
    @pytest.mark.parametrize("read", READS)
    @pytest.mark.parametrize("kind", [FaultKind.UNAVAILABLE, FaultKind.RATE_LIMIT, FaultKind.REJECT])
    async def test_a_read_that_fails_is_retryable(
        self, read: Callable[[Shop], Awaitable[Any]], kind: FaultKind
    ) -> None:
        shop = await Shop().open()
        shop.arm("fetch_*", kind)

        with pytest.raises(Retryable):
            await read(shop)
        await read(shop)

    @pytest.mark.parametrize("read", READS)
    @pytest.mark.parametrize("fault", [{"kind": FaultKind.TIMEOUT_BEFORE}, {"kind": FaultKind.SLOW, "seconds": 30.0}])
    async def test_a_read_that_is_not_answered_in_time_is_retryable(
        self, read: Callable[[Shop], Awaitable[Any]], fault: dict[str, Any]
    ) -> None:
        shop = await Shop().open()
        shop.arm("fetch_*", **fault)
        asked = asyncio.ensure_future(read(shop))
        await shop.clock.advance(4.9)
        assert not asked.done()
        await shop.clock.advance(0.1)

        with pytest.raises(Retryable, match="no answer within 5 s"):
            await asked

    async def test_a_fault_may_be_meant_for_one_read(self) -> None:
        shop = await Shop().open()
        shop.arm("fetch_positions", FaultKind.UNAVAILABLE)

        await shop.venue.fetch_balances()
        with pytest.raises(Retryable):
            await shop.venue.fetch_positions()

    async def test_a_look_up_tells_by_its_outcome(self) -> None:
        shop = await Shop().open()
        order = shop.order(BUY, "1", "95")
        await shop.venue.create_order(order)
        shop.arm("look_up", FaultKind.UNAVAILABLE)
        shop.arm("fetch_*", FaultKind.REJECT, code=RefusalCode.NOT_FOUND)
        shop.arm("fetch_order", FaultKind.REJECT)

        outcomes = [await shop.venue.look_up(ref(order)) for _ in range(4)]

        assert [type(outcome) for outcome in outcomes] == [NotSent, NotFound, OutcomeUnknown, Found]

    async def test_leverage_may_be_refused(self) -> None:
        shop = await Shop().open()
        shop.arm("set_leverage", FaultKind.REJECT)

        with pytest.raises(OperatorActionNeeded):
            await shop.venue.set_leverage(SOL, Decimal(2), "isolated")


class TestStreams:
    async def resting_buy(self) -> Shop:
        shop = await Shop().open()
        await shop.buy("1", "95")
        await settle()
        shop.seen.clear()
        return shop

    async def test_events_come_twice(self) -> None:
        shop = await self.resting_buy()
        shop.arm("stream", FaultKind.DUPLICATE_EVENTS)

        await shop.price("94")

        assert [type(report) for report in shop.mine] == [FillReport, FillReport, OrderReport]
        assert shop.mine[0] == shop.mine[1]

    async def test_events_change_places(self) -> None:
        shop = await self.resting_buy()
        shop.arm("stream", FaultKind.REORDER_EVENTS)

        await shop.price("94")

        assert [type(report) for report in shop.mine] == [OrderReport, FillReport]

    async def test_an_event_that_no_other_follows_comes_late(self) -> None:
        shop = await self.resting_buy()
        await shop.price("94")
        shop.seen.clear()
        shop.arm("stream", FaultKind.REORDER_EVENTS)
        shop.venue._stream.send([FundingReport("paper", SOL, "1", Decimal(1), Decimal(1), shop.clock.now())])
        assert shop.seen == []

        await shop.clock.advance(1)
        assert len(shop.seen) == 1

    async def test_events_are_lost(self) -> None:
        shop = await self.resting_buy()
        shop.arm("stream", FaultKind.DROP_EVENTS, times=2)

        await shop.price("94")

        assert shop.mine == []
        assert len(await shop.venue.fetch_fills(LONG_AGO)) == 1

    async def test_a_cut_stream_loses_events_until_it_is_back_a_second_later(self) -> None:
        shop = await self.resting_buy()
        shop.venue.watch_prices(frozenset({SOL}))
        await settle()
        shop.seen.clear()
        shop.arm("stream", FaultKind.DISCONNECT)

        await shop.price("94")
        assert [report.connected for report in shop.seen if isinstance(report, ConnectionReport)] == [False]
        assert shop.mine == []
        assert shop.prices == []
        assert not shop.venue.health().connected
        await shop.clock.advance(1)

        assert [report.connected for report in shop.seen if isinstance(report, ConnectionReport)] == [False, True]
        assert shop.prices == [Decimal(94)]
        assert shop.venue.health().connected

    async def test_a_disconnect_happens_at_once(self) -> None:
        shop = await self.resting_buy()

        shop.arm("stream", FaultKind.DISCONNECT, times=2)

        assert not shop.venue.health().connected
        await shop.clock.advance(1)
        assert shop.venue.health().connected
        await shop.price("94")
        assert not shop.venue.health().connected

    async def test_a_disconnect_for_one_market_waits_for_its_message(self) -> None:
        shop = await self.resting_buy()
        shop.arm("stream", FaultKind.DISCONNECT, symbol=SOL)
        assert shop.venue.health().connected

        await shop.price("94")
        assert not shop.venue.health().connected

    async def test_a_client_that_connects_anew_does_not_wait_for_a_cut_stream(self) -> None:
        shop = await self.resting_buy()
        shop.arm("stream", FaultKind.DISCONNECT)
        await shop.price("94")
        seen: list[Any] = []
        await shop.venue.connect(seen.append)

        assert shop.venue.health().connected
        await shop.clock.advance(5)
        assert seen == []

    async def test_stream_faults_on_a_request_wait_for_its_events(self) -> None:
        shop = await Shop().open()
        shop.arm("create_order", FaultKind.DROP_EVENTS)

        assert isinstance(await shop.buy("1", "95"), Accepted)
        await settle()
        assert shop.mine == []


class TestLatency:
    async def test_a_request_travels_before_it_arrives(self) -> None:
        shop = await Shop(latency_ms=200).open_after(0.3)
        order = shop.order(BUY, "1")
        answer = asyncio.ensure_future(shop.venue.create_order(order))
        await shop.clock.advance(0.1)
        assert shop.venue.ledger.orders == {}

        await shop.clock.advance(0.1)
        assert isinstance(await answer, Accepted)

    async def test_what_is_on_its_way_arrives_though_nobody_waits(self) -> None:
        shop = await Shop(latency_ms=200).open_after(0.3)
        sending = asyncio.ensure_future(shop.buy("1"))
        await shop.clock.advance(0.1)
        sending.cancel()
        await shop.clock.advance(0.1)

        assert len(shop.venue.ledger.fills) == 1
