"""Orders in pieces, since one cannot hold so much, of which the venue does not take every one; and sales at market
that it ends unfilled."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.domain.order import Order, OrderStatus
from app.domain.values import OrderRole, OrderType, Side
from app.messages.effects import SubmitOrders
from app.messages.reports import Accepted, RefusalCode, Refused
from tests.support.strategies import filled_group, grid_of, group_of, leg_of, rules_of
from tests.unit.engine.bench import Bench, gaps

D = Decimal
REFUSED = Refused(RefusalCode.INVALID_ORDER, "no")
LARGEST_IS_ONE = rules_of("0.1", "0.01", max_qty=D(1))
ENTRY, STOP, PROFIT = OrderRole.ENTRY, OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT


def entered(quantity: str) -> Bench:
    """A leg at 99, sent in pieces of at most 1."""
    bench = Bench(group_of([leg_of(0, "99", quantity)]))
    bench.quote("100", LARGEST_IS_ONE)
    return bench


def answer(bench: Bench, judge: Callable[[Order], Any]) -> None:
    """The venue answers a new order as `judge` says, None: it rests."""
    usual = bench._answers_to

    def answers(effect: Any) -> list[Any]:
        told = usual(effect)
        if not isinstance(effect, SubmitOrders):
            return told
        outcomes = [(item, judge(bench.state.orders[item.client_order_id])) for item in told]
        return [item if outcome is None else replace(item, outcome=outcome) for item, outcome in outcomes]

    bench._answers_to = answers  # type: ignore[method-assign]  # this venue judges by what is asked


def end(bench: Bench, order: Order, status: OrderStatus) -> None:
    bench.tell(bench.report(order.client_order_id, status))


def resting(bench: Bench, role: OrderRole) -> list[Decimal]:
    return [order.quantity for order in bench.orders(role) if order.is_live]


# ---------------------------------------------------------------------------------------------- entries


def test_a_leg_does_without_what_a_refused_piece_was_over() -> None:
    bench = entered("2.5")
    answer(bench, lambda order: REFUSED if order.quantity < 1 else None)
    bench.care()
    bench.wait(60)
    assert (resting(bench, ENTRY), len(bench.orders(ENTRY))) == ([D(1), D(1)], 3)
    assert bench.group.legs[0].unfilled == D(2)


def test_a_leg_does_without_what_a_cancelled_piece_had_left() -> None:
    bench = entered("2.5")
    bench.care()
    first = bench.orders(ENTRY)[0]
    bench.fill(first, "99", quantity="0.4")
    end(bench, first, OrderStatus.CANCELLED)
    assert (resting(bench, ENTRY), len(bench.orders(ENTRY))) == ([D(1), D("0.5")], 3)
    leg = bench.group.legs[0]
    assert (leg.filled, leg.unfilled) == (D("0.4"), D("1.5"))


def test_a_leg_ends_with_the_last_of_its_pieces() -> None:
    bench = entered("2.5")
    bench.care()
    *others, last = bench.orders(ENTRY)
    for order in others:
        end(bench, order, OrderStatus.CANCELLED)
    assert bench.group.wants_entries
    bench.fill(last, "99")
    assert (bench.group.wants_entries, bench.group.open_quantity) == (False, D("0.5"))


# ---------------------------------------------------------------------------------------------- exits


def test_a_piece_of_a_stop_that_stays_refused_is_tried_with_pauses() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "2.5"), grid=grid_of(stop_loss={"mode": "percent", "percent": D(5)})))
    bench.quote("100", LARGEST_IS_ONE)

    def refuse_the_first(order: Order) -> Refused | None:
        together = [other for other in bench.orders(STOP) if other.created_at == order.created_at]
        return REFUSED if order in together[:1] else None

    answer(bench, refuse_the_first)
    bench.care()
    bench.wait(7.4)
    assert [order.attempt for order in bench.orders(STOP) if order.status is OrderStatus.REJECTED] == [1, 2, 3, 4]
    assert gaps(bench.asked_at(SubmitOrders)) == [0.5, 1, 2]
    assert resting(bench, STOP) == [D(1), D("0.5")]


def test_a_sale_at_market_that_the_venue_ends_at_once_is_tried_with_pauses() -> None:
    grid = grid_of(tp_mode="per_leg", tp_order="trigger")
    bench = Bench(filled_group(Side.LONG, ("100", "1"), ("99", "1"), grid=grid))
    bench.quote("101")

    def end_or_refuse(order: Order) -> Refused | Accepted | None:
        if order.leg != 0:
            return None
        ended = Accepted(bench.report(order.client_order_id, OrderStatus.CANCELLED))
        return ended if order.type is OrderType.MARKET else Refused(RefusalCode.WOULD_TRIGGER, "it is there")

    answer(bench, end_or_refuse)
    bench.care()
    bench.wait(7)
    assert {order.type for order in bench.orders(PROFIT) if order.leg == 0} == {
        OrderType.TAKE_PROFIT_MARKET,
        OrderType.MARKET,
    }
    assert len(bench.asked_at(SubmitOrders)) < 12
