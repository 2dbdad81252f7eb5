"""Two exits over one quantity on the paper exchange's spot: reserved once, and only one happens."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType
from app.messages.reports import OrderReport, RefusalCode, Refused
from app.ports.venue import OrderRequest
from tests.unit.exchange.paper.bench import SPOT, Bench

D = Decimal


def a_bench() -> Bench:
    return Bench(symbol=SPOT, balances={"USDT": D(1000), "SOL": D(5)})


def profit(bench: Bench, price: str = "110", quantity: str = "5", **changes: Any) -> OrderRequest:
    return bench.request(OrderSide.SELL, quantity, price, **changes)


def loss(bench: Bench, trigger: str = "90", quantity: str = "5", **changes: Any) -> OrderRequest:
    return bench.request(OrderSide.SELL, quantity, **{"type_": OrderType.STOP_MARKET, "trigger": trigger, **changes})


def pair(bench: Bench, one: OrderRequest | None = None, other: OrderRequest | None = None) -> list[OrderReport]:
    told = bench.core.submit_pair(one or profit(bench), other or loss(bench), bench.at)
    assert isinstance(told, tuple), told
    return [accepted.order for accepted in told]


def refusal(bench: Bench, one: OrderRequest, other: OrderRequest) -> RefusalCode:
    told = bench.core.submit_pair(one, other, bench.at)
    assert isinstance(told, Refused), told
    return told.code


def statuses(bench: Bench, orders: list[OrderReport]) -> list[OrderStatus]:
    return [bench.now(order).status for order in orders]


def test_a_pair_over_all_the_coins_binds_them_once() -> None:
    bench = a_bench()
    pair(bench)

    assert bench.free("SOL") == 0


def test_a_pair_of_buys_binds_the_dearer_of_both() -> None:
    bench = a_bench()
    above = bench.request(OrderSide.BUY, "2", type_=OrderType.STOP_MARKET, trigger="120")
    pair(bench, bench.request(OrderSide.BUY, "2", "90"), above)

    assert bench.free() == D(1000) - 240


def test_a_limit_that_costs_more_than_its_stop_limit_is_what_is_bound() -> None:
    bench = a_bench()
    above = bench.request(OrderSide.BUY, "2", "80", type_=OrderType.STOP_LIMIT, trigger="120")
    orders = pair(bench, bench.request(OrderSide.BUY, "2", "90"), above)
    assert bench.free() == D(1000) - 180

    bench.core.on_price(SPOT, Quote.flat(D(120), bench.at), bench.at)
    assert statuses(bench, orders) == [OrderStatus.EXPIRED, OrderStatus.OPEN]
    assert bench.free() == D(1000) - 160


@pytest.mark.parametrize(("price", "happens"), [("110", 0), ("90", 1)])
def test_the_first_to_be_reached_fills_and_the_other_expires(price: str, happens: int) -> None:
    bench = a_bench()
    orders = pair(bench)
    bench.price(price)
    expected = [OrderStatus.EXPIRED, OrderStatus.EXPIRED]
    expected[happens] = OrderStatus.FILLED

    assert statuses(bench, orders) == expected
    assert bench.balance("SOL") == 0


def test_a_part_of_the_profit_ends_the_stop_and_its_rest_stays_bound() -> None:
    bench = a_bench()
    bench.core.matcher.fill_sizes[SPOT] = D(2)
    orders = pair(bench)
    bench.price("110")

    assert statuses(bench, orders) == [OrderStatus.PARTIALLY_FILLED, OrderStatus.EXPIRED]
    assert (bench.balance("SOL"), bench.free("SOL")) == (D(3), D(0))


def test_a_stop_limit_that_triggers_ends_the_profit_before_it_fills() -> None:
    bench = a_bench()
    orders = pair(bench, None, loss(bench, price="89", type_=OrderType.STOP_LIMIT))
    bench.price("85")

    assert statuses(bench, orders) == [OrderStatus.EXPIRED, OrderStatus.OPEN]
    assert bench.free("SOL") == 0


def test_a_spread_that_crosses_both_at_once_lets_only_one_happen() -> None:
    bench = a_bench()
    orders = pair(bench)
    bench.quote(Quote(bid=D(111), ask=D(112), last=D(89), mark=D(100), at=bench.at))

    assert sorted(statuses(bench, orders)) == sorted([OrderStatus.FILLED, OrderStatus.EXPIRED])
    assert bench.balance("SOL") == 0


@pytest.mark.parametrize("which", [0, 1])
def test_cancelling_either_cancels_both_and_frees_the_coins(which: int) -> None:
    bench = a_bench()
    orders = pair(bench)
    bench.core.cancel_by_hand(lambda order: str(order.number) == orders[which].venue_order_id, bench.at)

    assert statuses(bench, orders) == [OrderStatus.CANCELLED] * 2
    assert bench.free("SOL") == 5


def test_an_order_of_a_pair_cannot_be_changed_but_one_that_is_left_can() -> None:
    bench = a_bench()
    bench.core.matcher.fill_sizes[SPOT] = D(2)
    orders = pair(bench)
    assert bench.amend(orders[1], "5", "95") is RefusalCode.INVALID_ORDER

    bench.price("110")
    assert isinstance(bench.amend(orders[0], "4", "110"), OrderReport)


def test_a_change_that_was_taken_back_leaves_the_pair_as_it_was() -> None:
    bench = a_bench()
    orders = pair(bench)
    mark = bench.ledger.mark()
    bench.price("110")
    bench.ledger.roll_back(mark)

    assert statuses(bench, orders) == [OrderStatus.OPEN] * 2
    assert (bench.balance("SOL"), bench.free("SOL")) == (D(5), D(0))
    bench.ledger.roll_back()
    assert bench.ledger.orders == {}


@pytest.mark.parametrize(
    ("one", "other", "code"),
    [
        ({"price": "100"}, {}, RefusalCode.WOULD_TRIGGER),
        ({}, {"trigger": "100"}, RefusalCode.WOULD_TRIGGER),
        ({"quantity": "4"}, {}, RefusalCode.INVALID_ORDER),
        ({"quantity": "6"}, {"quantity": "6"}, RefusalCode.INSUFFICIENT_BALANCE),
        ({"order_id": "same"}, {"order_id": "same"}, RefusalCode.DUPLICATE_ID),
        ({}, {"type_": OrderType.TAKE_PROFIT_MARKET}, RefusalCode.INVALID_ORDER),
    ],
)
def test_a_pair_is_refused_whole(one: dict[str, Any], other: dict[str, Any], code: RefusalCode) -> None:
    bench = a_bench()

    assert refusal(bench, profit(bench, **one), loss(bench, **other)) is code
    assert bench.ledger.orders == {}
    assert bench.free("SOL") == 5


def test_perpetuals_have_no_pairs() -> None:
    bench = Bench()

    assert refusal(bench, profit(bench), loss(bench)) is RefusalCode.INVALID_ORDER
