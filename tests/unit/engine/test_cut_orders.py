"""Orders that the venue, or a person there, has made smaller than they were asked for."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.domain.booking import shrink
from app.domain.group import GroupStatus
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, OrderRole, Side
from app.messages.effects import LookUpOrder, SubmitOrders
from app.messages.reports import Found, OrderReport
from tests.support.strategies import filled_group, group_of, leg_of
from tests.unit.engine.bench import Bench

D = Decimal
ENTRY, CLOSE = OrderRole.ENTRY, OrderRole.CLOSE


def filled_as(bench: Bench, order: Order, quantity: str) -> OrderReport:
    whole = bench.report(order.client_order_id, OrderStatus.FILLED)
    return replace(whole, quantity=D(quantity), filled=D(quantity), average=D(100))


def closing() -> Bench:
    bench = Bench(replace(filled_group(Side.LONG, ("100", "1")), closing=CloseReason.MANUAL))
    bench.care()
    return bench


def test_a_close_cut_to_the_position_ends_with_it_and_its_group_when_the_rest_is_gone() -> None:
    bench = closing()
    close = bench.orders(CLOSE)[0]
    bench.state.groups[bench.group.id] = shrink(bench.group, D("0.4"), D(100))
    bench.fill(close, "100", quantity="0.6")
    bench.tell(filled_as(bench, close, "0.6"))
    (close,) = bench.orders(CLOSE)
    assert (close.status, close.quantity, close.filled) == (OrderStatus.FILLED, D("0.6"), D("0.6"))
    assert bench.group.status is GroupStatus.CLOSED


def test_what_a_cut_close_has_left_is_closed_by_another() -> None:
    bench = closing()
    close = bench.orders(CLOSE)[0]
    bench.fill(close, "100", quantity="0.6")
    bench.tell(filled_as(bench, close, "0.6"))
    assert [order.quantity for order in bench.orders(CLOSE)] == [D("0.6"), D("0.4")]


def test_a_cut_close_waits_for_its_fills() -> None:
    bench = closing()
    close = bench.orders(CLOSE)[0]
    told = filled_as(bench, close, "0.6")
    bench.tell(told)
    assert bench.orders(CLOSE)[0].is_live
    bench.answers[LookUpOrder] = Found(told)
    bench.wait(1)
    assert (bench.orders(CLOSE)[0].status, bench.group.open_quantity) == (OrderStatus.FILLED, D("0.4"))


def test_an_entry_that_a_person_made_smaller_ends_with_what_it_bought() -> None:
    bench = Bench(group_of([leg_of(0, "100", "1")]))
    bench.care()
    entry = bench.orders(ENTRY)[0]
    bench.asked.clear()
    bench.fill(entry, "100", quantity="0.6")
    bench.tell(filled_as(bench, entry, "0.6"))
    leg = bench.group.leg(0, 0)
    assert (bench.orders(ENTRY)[0].status, len(bench.orders(ENTRY))) == (OrderStatus.FILLED, 1)
    assert (leg.quantity, leg.is_whole, leg.wants_entry) == (D("0.6"), True, False)
    assert len(bench.asked_at(SubmitOrders)) == 1  # the take-profit
