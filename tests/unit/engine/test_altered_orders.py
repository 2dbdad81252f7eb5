"""Orders that a person at the exchange, or the venue, has changed while they rested there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

from app.domain.order import Order, OrderStatus
from app.domain.values import OrderRole, Side
from app.engine import reports
from app.engine.altered import MOST_PUT_BACK
from app.engine.inbox import AccountRead
from app.engine.state import Suspicion
from app.messages.effects import AmendOrder, CancelOrder, LookUpOrder, SubmitOrders
from app.messages.reports import Accepted, Found, OrderReport, PositionReport
from tests.support.strategies import filled_group, grid_of, group_of, leg_of
from tests.unit.engine.bench import Bench

D = Decimal
ENTRY, PROFIT, STOP = OrderRole.ENTRY, OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS


def protected() -> Bench:
    """A long of 1 at 100 with its stop at 95, which can be amended, and its take-profit, which cannot."""
    stop = {"mode": "percent", "percent": D(5)}
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=grid_of(tp_mode="per_leg", stop_loss=stop)))
    bench.care()
    bench.wait(60)
    bench.asked.clear()
    return bench


def as_changed(bench: Bench, order: Order, **told: Any) -> OrderReport:
    return replace(bench.report(order.client_order_id), **told)


def change(bench: Bench, order: Order, **told: Any) -> None:
    """Somebody changes it there: the stream tells, and so does whoever asks until it is mended."""
    report = as_changed(bench, order, **told)
    bench.answers = {LookUpOrder: Found(report)}
    bench.tell(report)
    bench.answers = {}


def read(bench: Bench, *listed: OrderReport) -> None:
    group, seen = bench.group, bench.state.accounts[bench.group.account].activity
    position = PositionReport(group.account, group.symbol, group.side, D(1), D(100), None, None, bench.now)
    bench.tell(AccountRead(group.account, bench.now, seen, listed, (position,), (), (), ()))


def findings(bench: Bench) -> list[tuple[str, str, str]]:
    found = [event.data for event in bench.events if event.type == "reconcile.finding"]
    changes = [each for each in found if each["kind"] == "order_changed"]
    return [(str(each["before"]), str(each["after"]), str(each["action"])) for each in changes]


def test_a_stop_moved_at_the_exchange_is_told_and_put_back() -> None:
    bench = protected()
    change(bench, bench.stop(), trigger_price=D(60))
    assert [type(effect) for _, effect in bench.asked] == [LookUpOrder, AmendOrder]
    assert (bench.stop().trigger_price, bench.stop().quantity) == (D(95), D(1))
    assert findings(bench) == [("1 at 95", "1 at 60", "put back")]
    assert "is 1 at 60 at the exchange, not 1 at 95" in bench.alerts("warning")[-1]


def test_a_stop_cut_at_the_exchange_is_made_whole() -> None:
    bench = protected()
    change(bench, bench.stop(), quantity=D("0.3"))
    assert len(bench.asked_at(AmendOrder)) == 1
    assert findings(bench) == [("1 at 95", "0.3 at 95", "put back")]


def test_a_stop_that_can_not_be_made_whole_leaves_the_group_unprotected() -> None:
    bench = protected()
    cut = as_changed(bench, bench.stop(), quantity=D("0.3"))
    bench.answers = {LookUpOrder: Found(cut), AmendOrder: Accepted(cut), SubmitOrders: Accepted(cut)}
    bench.tell(cut)
    assert bench.group.unprotected_since is not None


def test_a_take_profit_that_cannot_be_amended_is_replaced() -> None:
    bench = protected()
    profit = bench.orders(PROFIT)[0]
    change(bench, profit, price=D(150))
    assert [type(effect) for _, effect in bench.asked] == [LookUpOrder, CancelOrder, SubmitOrders]
    assert [order.price for order in bench.orders(PROFIT) if order.is_live] == [profit.price]


def test_a_reading_finds_what_no_stream_told() -> None:
    bench = protected()
    moved = as_changed(bench, bench.stop(), trigger_price=D(60))
    bench.answers = {LookUpOrder: Found(moved)}
    read(bench, moved, bench.report(bench.orders(PROFIT)[0].client_order_id))
    assert len(findings(bench)) == 1
    assert len(bench.asked_at(AmendOrder)) == 1


def test_what_a_look_up_does_not_bear_out_is_not_believed() -> None:
    bench = protected()
    bench.tell(as_changed(bench, bench.stop(), trigger_price=D(60)))
    assert [type(effect) for _, effect in bench.asked] == [LookUpOrder]
    assert findings(bench) == []


def test_what_is_not_told_and_less_than_a_tick_or_a_step_are_no_difference() -> None:
    bench = protected()
    stop, profit = bench.stop(), bench.orders(PROFIT)[0]
    for order, told in (
        (stop, {"trigger_price": None}),
        (stop, {"trigger_price": D("95.09"), "quantity": D("1.0009")}),
        (stop, {"price": D(94)}),
        (profit, {"price": None}),
    ):
        report = as_changed(bench, order, **told)
        assert reports.is_known(bench.state, report)
        bench.tell(report)
    assert bench.asked == []


def test_an_order_whose_amendment_is_on_its_way_is_not_doubted() -> None:
    bench = protected()
    stop = bench.stop()
    bench.state.orders[stop.client_order_id] = replace(stop, amend_quantity=D(1), amend_price=D(96))
    bench.tell(as_changed(bench, stop, trigger_price=D(60)))
    assert bench.asked == []


def test_an_answer_older_than_an_amendment_is_not_believed() -> None:
    bench = protected()
    stop = bench.stop()
    moved = as_changed(bench, stop, trigger_price=D(60))
    bench.state.doubted[stop.client_order_id] = stop.updated_at - timedelta(seconds=1)
    bench.answers = {LookUpOrder: Found(moved)}
    bench.state.in_flight.add(("look_up", stop.client_order_id))
    bench.tell(moved)
    assert findings(bench) == []


def test_a_venue_that_tells_its_orders_otherwise_is_believed_so_often_and_no_more() -> None:
    bench = protected()
    for _ in range(20):
        bench.wait(60)
        told = [
            replace(as_changed(bench, order), price=D(150) if order.role is PROFIT else None)
            for order in bench.orders(PROFIT)
            if order.is_live
        ]
        bench.answers = {LookUpOrder: Found(told[0])}
        read(bench, *told, bench.report(bench.stop().client_order_id))
    assert [action for *_, action in findings(bench)] == ["put back"] * MOST_PUT_BACK + ["left"]
    assert len(bench.orders(PROFIT)) == 1 + MOST_PUT_BACK
    assert len(bench.alerts("critical")) == 1


def test_a_person_who_changes_it_again_and_again_finds_it_put_back_each_time() -> None:
    bench = protected()
    for price in (60, 70, 60, 70, 60, 70):
        change(bench, bench.stop(), trigger_price=D(price))
        bench.tell(bench.report(bench.stop().client_order_id))
    assert [action for *_, action in findings(bench)] == ["put back"] * 6
    assert bench.alerts("critical") == []


def test_what_was_cut_while_some_of_the_position_is_missing_waits_for_the_next_reading() -> None:
    bench = protected()
    book = (bench.group.account, bench.group.symbol, bench.group.side)
    bench.state.suspicions[book] = Suspicion(D("0.3"), bench.now)
    change(bench, bench.stop(), quantity=D("0.3"))
    assert findings(bench) == []
    del bench.state.suspicions[book]
    change(bench, bench.stop(), quantity=D("0.3"))
    assert len(findings(bench)) == 1


def test_an_entry_changed_at_the_exchange_is_told_once_and_left() -> None:
    bench = Bench(group_of([leg_of(0, "90", "1")]))
    bench.care()
    entry = bench.orders(ENTRY)[0]
    bench.asked.clear()
    for _ in range(3):
        change(bench, entry, price=D(80), quantity=D("0.5"))
    assert findings(bench) == [("1 at 90", "0.5 at 80", "left")]
    assert {type(effect) for _, effect in bench.asked} == {LookUpOrder}
    assert bench.orders(ENTRY)[0].status is OrderStatus.OPEN


def test_an_amendment_that_is_accepted_and_changes_nothing_is_tried_so_often() -> None:
    bench = protected()
    stop = bench.stop()
    moved = as_changed(bench, stop, trigger_price=D(60))
    bench.answers = {LookUpOrder: Found(moved), AmendOrder: Accepted(moved)}
    bench.tell(moved)
    assert len(bench.asked_at(AmendOrder)) == 3
    assert bench.stop().client_order_id != stop.client_order_id
    assert bench.stop().trigger_price == D(95)
