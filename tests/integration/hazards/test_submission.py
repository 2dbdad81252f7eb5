"""Hazards 1–8: what was sent, what became of it, and whose it is."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.domain.client_order_id import Namespace, OrderAddress, decode, encode
from app.domain.values import OrderRole, OrderType, Side
from app.exchange import breaker
from app.messages.records import SignalOutcome
from app.ports.venue import OrderRequest
from tests.integration.exchange.venue_contract import request
from tests.support.trading import ACCOUNT, HASTY, ORDER, QUICK, SOL, Trading, grid
from tests.support.venues.faults import FaultKind

D = Decimal
TWO_LEGS = grid(("0", "50", "2"), ("-5", "50", "2"), stop="20")
PATIENT = grid() | {"order": {**QUICK["order"], "unknown_grace_sec": 30}}
NO_SUCH_ORDER = {"code": -2013, "message": "Order does not exist."}


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        (FaultKind.LOST_AFTER, {}),
        (FaultKind.HANG_AFTER, {}),
        (FaultKind.CUT_BODY, {}),
        (FaultKind.ERROR_AFTER, {}),
        (FaultKind.ERROR_AFTER, {"status": 408, "code": -1007, "message": "Timeout waiting for response."}),
    ],
    ids=["lost", "hangs", "cut", "503", "-1007"],
)
async def test_h01_an_entry_that_landed_without_an_answer_is_adopted(
    kind: FaultKind, fields: Mapping[str, Any]
) -> None:
    async with Trading(grid() | HASTY) as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(kind, ORDER, method="POST", **fields)
        group = await trading.enter()
        assert len(trading.placed(OrderRole.ENTRY)) == 1
        assert group.open_quantity == trading.held() == 5


async def test_h01_a_batch_that_landed_without_an_answer_is_adopted() -> None:
    async with Trading(TWO_LEGS) as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.LOST_AFTER, "/batchOrders", method="POST")
        group = await trading.enter()
        await trading.until(lambda: [order.status for order in trading.orders(OrderRole.ENTRY)] == ["filled", "open"])
        assert len(trading.fake.asked("POST", "/batchOrders")) == 1
        assert group.open_quantity == trading.held() == D("2.5")


async def test_h01_an_entry_that_never_landed_goes_again_under_a_new_id_once_the_venue_denied_the_first() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.LOST_BEFORE, ORDER, method="POST")
        await trading.enter()
        first, second = (params["newClientOrderId"] for params in trading.placed(OrderRole.ENTRY))
        told = [(item.method, item.params.get("origClientOrderId"), item.code) for item in trading.requests]
        sent = [item.params.get("newClientOrderId") for item in trading.requests]
        assert first != second
        assert ("GET", first, -2013) in told[: sent.index(second)]
        assert trading.held() == 5


async def test_h02_a_duplicate_id_proves_that_the_first_request_landed() -> None:
    async with Trading() as trading:
        trading.fake.faults.is_silent = True
        duplicate = {"status": 400, "code": -4116, "message": "ClientOrderId is duplicated."}
        trading.fake.faults.arm(FaultKind.ERROR_AFTER, ORDER, method="POST", **duplicate)
        group = await trading.enter()
        assert len(trading.placed(OrderRole.ENTRY)) == 1
        assert group.open_quantity == trading.held() == 5


async def test_h02_a_duplicate_id_that_cannot_be_found_gives_way_to_a_new_one() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="POST", code=-4116)
        await trading.enter()
        ids = [params["newClientOrderId"] for params in trading.placed(OrderRole.ENTRY)]
        assert len(ids) == len(set(ids)) == 2
        assert trading.held() == 5


async def test_h03_an_order_the_venue_does_not_know_yet_is_asked_for_again() -> None:
    async with Trading(PATIENT) as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.LOST_AFTER, ORDER, method="POST")
        trading.fake.faults.arm(FaultKind.REFUSE, ORDER, method="GET", **NO_SUCH_ORDER)
        await trading.enter()
        assert trading.codes() == [-2013]
        assert len(trading.placed(OrderRole.ENTRY)) == 1


async def test_h03_a_stop_the_venue_forgets_once_is_not_placed_a_second_time() -> None:
    async with Trading(PATIENT) as trading:
        trading.fake.faults.arm(FaultKind.REFUSE, "/algoOrder", method="GET", **NO_SUCH_ORDER)
        await trading.enter()
        await trading.until(
            lambda: [item.code for item in trading.fake.asked("GET", "/algoOrder")][:2] == [-2013, None]
        )
        await trading.until(lambda: trading.orders(OrderRole.STOP_LOSS)[0].status == "open")
        assert len(trading.placed(OrderRole.STOP_LOSS)) == 1


async def test_h04_a_look_up_without_an_answer_does_not_count_as_not_found() -> None:
    async with Trading() as trading:
        trading.fake.faults.is_silent = True
        trading.fake.faults.arm(FaultKind.LOST_AFTER, ORDER, method="POST")
        trading.fake.faults.arm(FaultKind.ERROR_BEFORE, ORDER, method="GET", times=2)
        await trading.enter()
        assert [item.status for item in trading.fake.asked("GET", ORDER)][:2] == [503, 503]
        assert not trading.seen("order.lost")
        assert len(trading.placed(OrderRole.ENTRY)) == 1


async def test_h04_while_the_venue_is_away_nothing_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(breaker, "FIRST_SEC", 0.5)
    async with Trading(grid() | {"reconcile": {"interval_sec": 1}}) as trading:
        before = await trading.enter()
        port = int(trading.fake.url.rpartition(":")[2])
        await trading.fake.stop()
        report = await trading.reconcile()
        assert list(report.failed) == ["perp"]
        assert trading.group.open_quantity == before.open_quantity
        assert {order.status for order in trading.group.orders} == {"filled", "open"}
        await trading.fake.start(port)
        await trading.until(lambda: trading.engine.state.accounts["perp"].ready)
        assert len(trading.placed()) == 3
        assert trading.group.open_quantity == trading.held() == 5


async def test_h05_a_cancel_of_an_order_that_is_gone_finds_its_fill() -> None:
    async with Trading(TWO_LEGS) as trading:
        await trading.enter()
        trading.fake.faults.is_silent = True
        trading.price("190")
        assert trading.held() == D("5.131")
        await trading.exit(price="190")
        await trading.flat()
        assert -2011 in trading.codes()
        assert [leg.filled for leg in trading.last.legs] == [D("2.5"), D("2.631")]
        assert trading.held(side=Side.SHORT) == 0


async def test_h06_a_restart_leaves_to_others_what_is_theirs() -> None:
    async with Trading(grid(margin_mode="cross")) as trading:
        book = trading.fake.book
        theirs = replace(by_hand(1), type=OrderType.MARKET, price=None)
        book.act(lambda: book.core.submit(theirs, trading.clock.now()))
        book.act(lambda: book.core.submit(by_hand(2), trading.clock.now()))
        await trading.enter()
        await trading.exit()
        await trading.until(lambda: not trading.groups())
        await trading.signal()
        await trading.protected()
        await trading.restart()
        assert trading.group.open_quantity == 5
        await trading.exit()
        await trading.until(lambda: not trading.groups())
        assert trading.held() == 1
        assert [order.client_order_id for order in trading.resting()] == ["by-hand-2"]
        assert [group.realized_pnl for group in trading.engine.all_groups()] == [D("-1.0"), D("-1.0")]


async def test_h06_leverage_is_not_changed_under_a_position_of_the_traders_own() -> None:
    async with Trading(grid(margin_mode="cross")) as trading:
        book = trading.fake.book
        theirs = replace(by_hand(1), type=OrderType.MARKET, price=None)
        book.act(lambda: book.core.submit(theirs, trading.clock.now()))
        await trading.reconcile()
        await trading.until(lambda: trading.engine.state.external((ACCOUNT, SOL, Side.LONG)) == 1)
        await trading.signal()
        await trading.until(lambda: len(trading.alerts("warning")) == 2)
        assert "at 20x cross, the entry wants 1x cross" in trading.alerts("warning")[1]
        assert trading.fake.asked("POST", "/leverage") == trading.fake.asked("POST", "/marginType") == []
        assert trading.placed() == []
        book.act(lambda: book.core.set_leverage(SOL, D(1), "cross"))
        await trading.signal()
        await trading.protected()
        assert trading.fake.asked("POST", "/leverage") == []


async def test_h06_an_entry_is_tried_again_where_the_venues_list_lacks_its_market(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def empty(*_: object) -> dict[str, Any]:
        return {}

    async with Trading() as trading:
        book = trading.fake.book
        book.act(lambda: book.core.set_leverage(SOL, D(1), "isolated"))
        book.act(lambda: book.core.submit(by_hand(1), trading.clock.now()))
        await trading.reconcile()
        monkeypatch.setattr(trading.venue._session.exchange, "fetch_leverages", empty)
        await trading.signal()
        await trading.until(lambda: any(order.retry_at for order in trading.orders(OrderRole.ENTRY)))
        assert trading.placed() == []
        monkeypatch.undo()
        await trading.protected()


async def test_h06_a_margin_mode_that_the_venue_does_not_change_refuses_the_entry_once() -> None:
    async with Trading() as trading:
        book = trading.fake.book
        book.act(lambda: book.core.submit(by_hand(1), trading.clock.now()))
        await trading.signal()
        await trading.until(lambda: bool(trading.alerts("warning")))
        assert "Margin type cannot be changed" in trading.alerts("warning")[0]
        await trading.until(lambda: not trading.groups())
        assert trading.codes() == [-4047]
        assert trading.placed() == []


def by_hand(number: int) -> OrderRequest:
    return request(number, client_order_id=f"by-hand-{number}", symbol=SOL)


async def test_h06_an_id_says_whose_order_it_is() -> None:
    async with Trading() as trading:
        group = await trading.enter()
        addresses = [decode(order.client_order_id) for order in group.orders]
        assert {address.group_id for address in addresses if address} == {group.id}
        assert [address.role for address in addresses if address] == [
            OrderRole.ENTRY, OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS,
        ]  # fmt: skip


async def test_h07_another_instances_order_holds_entries_and_is_not_touched() -> None:
    async with Trading() as trading:
        theirs = encode(OrderAddress(Namespace("other", 0), "g1234567", 0, 0, OrderRole.ENTRY, 1))
        book = trading.fake.book
        book.act(lambda: book.core.submit(request(1, client_order_id=theirs, symbol=SOL), trading.clock.now()))
        await trading.reconcile()
        answer = await trading.signal()
        assert (answer.outcome, answer.reason) == (SignalOutcome.QUEUED, "account_stale")
        (alert,) = trading.alerts("critical")
        assert alert.startswith("orders of another Ziggurat instance are live on perp")
        assert [order.client_order_id for order in trading.resting()] == [theirs]


async def test_h08_a_reading_that_is_older_than_our_own_entry_changes_nothing() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.SLOW_BODY, "/positionRisk", times=2, seconds=0.7)
        asked = len(trading.fake.asked("GET", "/positionRisk"))
        reading = asyncio.ensure_future(trading.reconcile())
        await trading.until(lambda: len(trading.fake.asked("GET", "/positionRisk")) > asked)
        await trading.enter()
        report = await reading
        assert report.findings == ()
        assert not trading.engine.state.suspicions
        assert trading.group.open_quantity == trading.held() == 5


async def test_h08_an_entry_under_way_counts_before_the_venue_has_answered() -> None:
    async with Trading() as trading:
        trading.fake.faults.arm(FaultKind.HANG_BEFORE, ORDER, method="POST")
        first = await trading.signal(size=D(6000))
        second = await trading.signal(symbol="LINKUSDT.P", price="20", size=D(6000))
        assert first.outcome is SignalOutcome.EXECUTED
        assert second.outcome is SignalOutcome.REJECTED, second
