"""A report that tells of another account or market, or of what was before, books nothing."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import structlog

from app.domain.order import Order, OrderStatus
from app.domain.values import Liquidity, OrderRole
from app.messages.reports import FillReport
from tests.support.strategies import filled_at, group_of, leg_of
from tests.unit.engine.bench import Bench

D = Decimal
ELSEWHERE: list[dict[str, Any]] = [{"account": "other"}, {"symbol": "LINK/USDT:USDT"}]


def waiting() -> tuple[Bench, Order]:
    """One leg of two is filled, the other rests."""
    bench = Bench(filled_at(group_of([leg_of(0, "100", "1"), leg_of(1, "98", "1")]), (0, 0), "100", "1"))
    bench.care()
    return bench, bench.orders(OrderRole.ENTRY)[-1]


def fill_of(bench: Bench, order: Order) -> FillReport:
    return FillReport(
        order.account, order.symbol, "t9", order.client_order_id, order.side, D(98), order.quantity, D(0), "USDT",
        Liquidity.TAKER, bench.now,
    )  # fmt: skip


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_a_fill_from_elsewhere_is_not_booked_and_its_own_still_is(elsewhere: dict[str, Any]) -> None:
    bench, order = waiting()
    bench.tell(replace(fill_of(bench, order), **elsewhere))
    assert bench.group.open_quantity == D(1)
    bench.tell(fill_of(bench, order))
    assert bench.group.open_quantity == D(2)


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_an_order_from_elsewhere_moves_nothing(elsewhere: dict[str, Any]) -> None:
    bench, order = waiting()
    bench.tell(replace(bench.report(order.client_order_id, OrderStatus.CANCELLED), **elsewhere))
    assert bench.state.orders[order.client_order_id].status is OrderStatus.OPEN


def test_news_that_came_too_late_move_nothing_and_are_in_the_log() -> None:
    bench, order = waiting()
    late = bench.report(order.client_order_id, OrderStatus.OPEN)
    bench.tell(bench.report(order.client_order_id, OrderStatus.CANCELLED))
    with structlog.testing.capture_logs() as lines:
        bench.tell(late)
    assert bench.state.orders[order.client_order_id].status is OrderStatus.CANCELLED
    assert [(line["order"], line["status"], line["told"]) for line in lines] == [
        (order.client_order_id, OrderStatus.CANCELLED, OrderStatus.OPEN)
    ]
