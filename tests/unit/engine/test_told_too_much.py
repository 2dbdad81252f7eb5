"""An order of which more was told than it filled: once a look-up finds it over, what it has left is open again."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.order import OrderStatus
from app.domain.values import OrderRole, Side
from app.engine.inbox import AccountRead
from app.messages.effects import LookUpOrder
from app.messages.reports import Found, OutcomeUnknown, PositionReport
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench

D = Decimal


@pytest.fixture
def bench() -> Bench:
    """One contract with a stop, which the venue says has filled."""
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=grid_of(stop_loss={"mode": "percent", "percent": D(5)})))
    bench.care()
    return bench


def told_as_filled(bench: Bench) -> None:
    bench.tell(replace(bench.report(bench.stop().client_order_id, OrderStatus.FILLED), filled=D(1)))


def over_with(bench: Bench, filled: str) -> Found:
    return Found(replace(bench.report(bench.stop().client_order_id, OrderStatus.EXPIRED), filled=D(filled)))


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("filled", ["0", "0.4"])
def test_a_stop_that_filled_less_than_was_told_is_placed_again_for_what_is_open(bench: Bench, filled: str) -> None:
    bench.answers[LookUpOrder] = over_with(bench, filled)
    told_as_filled(bench)
    bench.wait(30)
    first = bench.orders(OrderRole.STOP_LOSS)[0]
    assert first.status is OrderStatus.EXPIRED
    assert [first.filled, first.owed] == [D(filled), 0]
    exits = [
        order for order in bench.state.orders.values() if order.is_live and order.role is not OrderRole.TAKE_PROFIT
    ]
    assert {order.quantity for order in exits} == {bench.group.open_quantity} == {1 - D(filled)}


def test_what_a_look_up_does_not_find_over_may_fill_still(bench: Bench) -> None:
    found = over_with(bench, "0").order
    bench.answers[LookUpOrder] = Found(replace(found, status=OrderStatus.OPEN))
    told_as_filled(bench)
    bench.wait(5)
    assert bench.stop().owed == 1


@pytest.mark.expects_log_warnings
def test_a_reading_asks_again_for_what_an_order_owes(bench: Bench) -> None:
    """No timer outlives a restart."""
    bench.answers[LookUpOrder] = OutcomeUnknown("no answer")
    told_as_filled(bench)
    stop = bench.stop()
    bench.tell(replace(bench.report(stop.client_order_id, OrderStatus.EXPIRED), filled=D(1)))
    bench.state.in_flight.clear()
    before = len(bench.asked_at(LookUpOrder, stop))
    bench.answers[LookUpOrder] = over_with(bench, "0")
    position = PositionReport(stop.account, stop.symbol, Side.LONG, D(1), D(100), D(1), None, bench.now)
    bench.tell(AccountRead(stop.account, bench.now, {}, (), (position,), (), (), ()))
    assert len(bench.asked_at(LookUpOrder, stop)) == before + 1
    assert stop.client_order_id != bench.stop().client_order_id
    assert bench.stop().is_live
