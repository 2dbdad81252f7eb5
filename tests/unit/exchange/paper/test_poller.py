"""What the stream has not told is asked for: every ten seconds, and every two while the stream is cut."""

from __future__ import annotations

from app.domain.order import OrderStatus
from app.domain.values import OrderSide
from app.messages.reports import BalanceReport, FillReport, OrderReport
from app.ports.faults import FaultKind
from app.ports.paper_store import PaperOrder
from tests.support.clock import settle
from tests.unit.exchange.paper.shop import Shop, ref

BUY = OrderSide.BUY


async def with_a_resting_buy() -> Shop:
    shop = await Shop().open()
    await shop.buy("1", "95")
    await settle()
    shop.seen.clear()
    return shop


def any_order(_: PaperOrder) -> bool:
    return True


async def test_a_lost_fill_is_told_by_the_next_look_and_what_is_left_to_spend_with_it() -> None:
    shop = await with_a_resting_buy()
    await shop.clock.advance(3)
    shop.arm("stream", FaultKind.DROP_EVENTS, times=2)
    await shop.price("94")
    await shop.clock.advance(6.9)
    assert shop.mine == []
    shop.seen.clear()

    await shop.clock.advance(0.1)

    assert [type(report) for report in shop.mine] == [FillReport, OrderReport]
    assert isinstance(shop.seen[-1], BalanceReport)


async def test_an_order_that_vanished_without_a_word_is_told_as_cancelled() -> None:
    shop = await with_a_resting_buy()
    shop.arm("stream", FaultKind.DROP_EVENTS)
    await shop.venue.cancel_external(any_order)
    await shop.clock.advance(10)

    (told,) = shop.mine
    assert isinstance(told, OrderReport)
    assert told.status is OrderStatus.CANCELLED


async def test_while_the_stream_is_cut_it_is_asked_every_two_seconds() -> None:
    shop = await with_a_resting_buy()
    shop.arm("stream", FaultKind.DISCONNECT, seconds=60.0)
    await shop.clock.advance(1)
    await shop.price("94")
    assert shop.mine == []

    await shop.clock.advance(1)

    assert [type(report) for report in shop.mine] == [FillReport, OrderReport]
    await shop.clock.advance(57)
    assert len(shop.mine) == 2


async def test_nothing_is_told_twice() -> None:
    shop = await with_a_resting_buy()
    shop.arm("stream", FaultKind.DUPLICATE_EVENTS)
    await shop.price("94")
    told = len(shop.mine)
    await shop.clock.advance(60)

    assert len(shop.mine) == told


async def test_what_an_answer_has_told_meanwhile_is_not_told_again() -> None:
    shop = await Shop().open()
    order = shop.order(BUY, "1", "95")
    await shop.venue.create_order(order)
    await settle()
    shop.seen.clear()
    shop.arm("stream", FaultKind.DROP_EVENTS, times=2)
    await shop.price("94")
    await shop.venue.look_up(ref(order))
    await shop.clock.advance(20)

    assert shop.mine == []


async def test_an_order_whose_creation_was_never_answered_is_nobodys_to_look_after() -> None:
    shop = await Shop().open()
    shop.arm("create_order", FaultKind.DISCONNECT)
    await shop.buy("1", "95")
    await shop.clock.advance(30)

    assert shop.mine == []


async def test_a_look_fails_with_the_readings_and_leaves_them_their_fault() -> None:
    shop = await with_a_resting_buy()
    shop.arm("stream", FaultKind.DROP_EVENTS, times=2)
    shop.arm("fetch_open_orders", FaultKind.REJECT)
    await shop.price("94")
    await shop.clock.advance(10)
    assert shop.mine == []
    assert shop.venue.faults.fails("fetch_open_orders")

    shop.venue.faults.clear()
    await shop.clock.advance(10)
    assert len(shop.mine) == 2


async def test_a_client_that_is_gone_is_told_nothing() -> None:
    shop = await with_a_resting_buy()
    shop.arm("stream", FaultKind.DROP_EVENTS, times=2)
    await shop.price("94")
    shop.venue.drop()
    await shop.clock.advance(10)

    assert shop.mine == []
    assert len(shop.venue.ledger.fills) == 1
