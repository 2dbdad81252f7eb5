"""Exits that are over and have sold more, by the venue's count, than the trades that it has told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, MarketType, OrderRole, Side, TimeInForce
from app.messages.commands import CloseGroup
from app.messages.effects import CancelOrder
from app.messages.reports import Accepted
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench

D = Decimal
TAKE_PROFIT, CLOSE = OrderRole.TAKE_PROFIT, OrderRole.CLOSE


def bench_of(group: Group, *, spot: bool) -> Bench:
    return begun(Bench(group), spot=spot)


def begun(bench: Bench, *, spot: bool) -> Bench:
    if spot:
        account = bench.state.accounts[bench.group.account]
        account.capabilities = replace(
            account.capabilities, market_type=MarketType.SPOT, reduce_only=False, stop_market=False
        )
    bench.care()
    return bench


def cancelled_with(bench: Bench, order: Order, filled: str) -> None:
    """The venue ends the order and counts `filled`, without its trades."""
    report = bench.report(order.client_order_id, OrderStatus.CANCELLED)
    bench.answers[CancelOrder] = Accepted(replace(report, filled=D(filled), average=D(101)))


@pytest.mark.parametrize("spot", [False, True])
def test_a_close_is_not_over_what_a_cancelled_take_profit_has_sold_without_its_trade(spot: bool) -> None:
    bench = bench_of(filled_group(Side.LONG, ("100", "1")), spot=spot)
    profit = bench.orders(TAKE_PROFIT)[0]
    cancelled_with(bench, profit, "0.4")
    bench.tell(CloseGroup(bench.group.id, CloseReason.EXIT_SIGNAL))
    assert [order.quantity for order in bench.orders(CLOSE)] == [D("0.6")]
    bench.fill(profit, "101", quantity="0.4")
    bench.fill(bench.orders(CLOSE)[0], "100")
    assert (bench.group.open_quantity, bench.group.oversold, len(bench.orders(CLOSE))) == (D(0), D(0), 1)


@pytest.mark.parametrize("spot", [False, True])
def test_the_next_try_at_once_is_not_over_what_the_last_has_sold_without_its_trade(spot: bool) -> None:
    grid = grid_of(tp_mode="hybrid", tp_aggregate_percent=1)
    bench = begun(_PartOfTheFirst(filled_group(Side.LONG, ("100", "1"), grid=grid)), spot=spot)
    bench.quote("101.5")
    bench.care()
    tries = [order for order in bench.orders(TAKE_PROFIT) if order.time_in_force is TimeInForce.IOC]
    assert [order.quantity for order in tries] == [D(1), D("0.6")]


class _PartOfTheFirst(Bench):
    """The first order that is to fill at once does so in part, the next stay open."""

    def _open(self, order_id: str) -> Accepted:
        order = self.state.orders[order_id]
        tried = [other for other in self.state.orders.values() if other.time_in_force is TimeInForce.IOC]
        if [order] != tried:
            return super()._open(order_id)
        return Accepted(replace(self.report(order_id, OrderStatus.EXPIRED), filled=D("0.4"), average=order.price))


def test_a_take_profit_placed_again_is_not_over_what_the_one_before_has_sold_without_its_trade() -> None:
    bench = bench_of(filled_group(Side.LONG, ("100", "1")), spot=False)
    first = bench.orders(TAKE_PROFIT)[0]
    bench.tell(replace(bench.report(first.client_order_id, OrderStatus.CANCELLED), filled=D("0.4"), average=D(101)))
    assert [order.quantity for order in bench.orders(TAKE_PROFIT)] == [D(1), D("0.6")]


def test_a_partial_close_goes_on_with_what_it_has_not_sold() -> None:
    bench = bench_of(replace(filled_group(Side.LONG, ("100", "1")), reduce_quantity=D("0.5")), spot=False)
    first = bench.orders(CLOSE)[0]
    bench.tell(replace(bench.report(first.client_order_id, OrderStatus.EXPIRED), filled=D("0.2"), average=D(100)))
    assert [order.quantity for order in bench.orders(CLOSE)] == [D("0.5"), D("0.3")]


def test_a_close_that_waits_no_longer_leaves_out_what_a_live_take_profit_has_sold() -> None:
    bench = bench_of(filled_group(Side.LONG, ("100", "1")), spot=False)
    profit = bench.orders(TAKE_PROFIT)[0]
    bench.tell(replace(bench.report(profit.client_order_id, OrderStatus.PARTIALLY_FILLED), filled=D("0.4")))
    closing = replace(bench.group, closing=CloseReason.MANUAL, closing_at=bench.now.replace(hour=0))
    bench.state.groups[closing.id] = closing
    bench.care()
    assert [order.quantity for order in bench.orders(CLOSE)] == [D("0.6")]
