"""Paired exits as the engine keeps them: refusals, ends on either side, and another group that needs a stop."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.domain.booking import book_entry
from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, MarketType, OrderRole, OrderType, Side
from app.engine.indexing import index_group
from app.engine.views import group_view
from app.messages.effects import CancelOrder, LookUpOrder, SubmitOrders
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused
from tests.support.examples import NOON
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import RULES, Bench

D = Decimal
GRID = grid_of(tp_mode="per_leg", stop_loss={"mode": "percent", "percent": D(5)})
PROFIT, STOP = OrderRole.TAKE_PROFIT, OrderRole.STOP_LOSS


def bench_of(group: Group, **config: Any) -> Bench:
    """On spot, where the venue has pairs."""
    bench = Bench(group, **config)
    account = bench.state.accounts[group.account]
    account.capabilities = replace(
        account.capabilities, market_type=MarketType.SPOT, reduce_only=False, exits_below_minimum=False, oco=True,
        amend_types=frozenset(),
    )  # fmt: skip
    return bench


def held(*fills: tuple[str, str]) -> Group:
    """Target of a leg at 100: 101; its stop: 95."""
    return filled_group(Side.LONG, *(fills or (("100", "2"),)), grid=GRID)


def live(bench: Bench, role: OrderRole) -> list[Order]:
    return [order for order in bench.orders(role) if order.is_live]


def pair(bench: Bench) -> tuple[Order, Order]:
    (profit,), (stop,) = live(bench, PROFIT), live(bench, STOP)
    return profit, stop


def end(bench: Bench, order: Order, status: OrderStatus, filled: str = "0") -> None:
    """The venue tells the order's state without its fills."""
    bench.tell(replace(bench.report(order.client_order_id, status), filled=D(filled)))


# ---------------------------------------------------------------------------------------------- placing


def test_a_pair_goes_as_one_request_and_both_know_each_other() -> None:
    bench = bench_of(held())
    bench.care()
    profit, stop = pair(bench)
    assert (profit.paired_with, stop.paired_with) == (stop.client_order_id, profit.client_order_id)
    sent = [effect for _, effect in bench.asked if isinstance(effect, SubmitOrders)]
    assert [effect.client_order_ids for effect in sent] == [(profit.client_order_id, stop.client_order_id)]
    assert (profit.price, stop.trigger_price) == (D(101), D(95))
    assert not any(leg.watched for leg in group_view(bench.state, bench.group).legs)


def test_a_refused_pair_becomes_a_lone_stop_at_once_and_its_take_profit_is_watched() -> None:
    bench = bench_of(held())
    refuse_pairs(bench, RefusalCode.WOULD_TRIGGER)
    bench.care()
    (stop,) = live(bench, STOP)
    assert (stop.paired_with, stop.quantity, live(bench, PROFIT)) == (None, D(2), [])
    assert bench.asked_at(SubmitOrders) == [0, 0]
    assert bench.group.unprotected_since is None
    assert [leg.watched for leg in group_view(bench.state, bench.group).legs] == [True]
    bench.quote("101")
    bench.care()
    assert [order.type for order in bench.orders(PROFIT)] == [OrderType.LIMIT, OrderType.MARKET]


def test_that_a_pair_was_refused_is_told_once() -> None:
    bench = bench_of(held(("100", "2"), ("99", "2")))
    refuse_pairs(bench, RefusalCode.INVALID_ORDER)
    bench.care()
    bench.wait(8000)
    assert len([order for order in bench.orders(PROFIT) if order.status is OrderStatus.REJECTED]) > 2
    (told,) = bench.alerts("warning")
    assert "could not be placed beside its stop" in told


def test_an_hour_after_a_refusal_pairs_are_tried_again() -> None:
    bench = bench_of(held())
    refuse_pairs(bench, RefusalCode.WOULD_TRIGGER)
    bench.care()
    del bench._answers_to  # from here on the venue takes pairs
    bench.wait(3590)
    assert (live(bench, PROFIT), len(live(bench, STOP))) == ([], 1)
    bench.wait(20)
    assert [order.status for order in pair(bench)] == [OrderStatus.OPEN] * 2


def test_a_leg_is_no_longer_sold_at_market_once_it_is_sold() -> None:
    bench = bench_of(held(("100", "1"), ("90", "1")))
    bench.quote("95")
    bench.care()
    (sale,) = [order for order in live(bench, PROFIT) if order.type is OrderType.MARKET]
    assert [leg.take_profit_triggered for leg in bench.group.legs] == [False, True]
    bench.fill(sale, "95")
    assert [leg.take_profit_triggered for leg in bench.group.legs] == [False, False]


def test_what_fills_while_its_leg_is_being_sold_is_not_sold_with_it() -> None:
    group = held(("100", "1"), ("90", "1"))
    group = group.with_leg(replace(group.leg(0, 1), take_profit_triggered=True))
    group = book_entry(group, (0, 1), D(90), D("0.5"), D(0), D(0), NOON)
    bench = bench_of(group)
    bench.care()
    assert {(order.leg, order.type) for order in live(bench, PROFIT)} == {(0, OrderType.LIMIT), (1, OrderType.MARKET)}
    bench = bench_of(group)
    bench.quote("90.5")
    bench.care()
    assert {order.type for order in live(bench, PROFIT)} == {OrderType.LIMIT}


def test_what_cannot_be_sold_at_its_target_stays_under_the_stop() -> None:
    bench = bench_of(held(("100", "1"), ("90", "0.01")))
    bench.quote("97", replace(RULES, min_notional=D(5)))
    bench.care()
    assert [leg.take_profit_triggered for leg in bench.group.legs] == [False, False]
    assert [order.quantity for order in pair(bench)] == [D("1.01")] * 2


def test_a_pair_refused_because_the_stop_is_through_closes_as_stopped() -> None:
    bench = bench_of(held())
    refuse_pairs(bench, RefusalCode.WOULD_TRIGGER, then_price="94")
    bench.care()
    assert bench.group.closing is CloseReason.STOP_LOSS
    assert [order.type for order in live(bench, OrderRole.CLOSE)] == [OrderType.MARKET]


def test_a_pair_refused_because_the_take_profit_is_through_sells_at_market() -> None:
    bench = bench_of(held())
    refuse_pairs(bench, RefusalCode.WOULD_TRIGGER, then_price="101.5")
    bench.care()
    assert bench.group.closing is None
    assert [order.type for order in live(bench, PROFIT)] == [OrderType.MARKET]


def test_what_is_through_its_target_before_a_pair_rests_is_sold_at_once() -> None:
    bench = bench_of(held(("100", "1"), ("90", "1")))
    bench.quote("95")
    bench.care()
    assert {(order.leg, order.type) for order in live(bench, PROFIT)} == {(0, OrderType.LIMIT), (1, OrderType.MARKET)}
    assert [order.leg for order in live(bench, STOP)] == [0]


def refuse_pairs(bench: Bench, code: RefusalCode, then_price: str | None = None) -> None:
    """The venue takes what comes alone; with `then_price` a refusal comes as the price has moved there."""
    usual = bench._answers_to

    def answers(effect: Any) -> list[Any]:
        is_pair = isinstance(effect, SubmitOrders) and len(effect.client_order_ids) > 1
        bench.answers = {SubmitOrders: Refused(code, "-2010")} if is_pair else {}
        if is_pair and then_price is not None:
            bench.quote(then_price)
        return usual(effect)

    bench._answers_to = answers  # type: ignore[method-assign]  # this venue judges by what is asked


def test_a_pair_that_never_left_goes_again_whole() -> None:
    bench = bench_of(held())
    bench.answers = {SubmitOrders: NotSent("no connection")}
    bench.care()
    first = [order.client_order_id for order in pair(bench)]
    bench.answers = {}
    bench.wait(3)
    assert [order.client_order_id for order in pair(bench)] == first
    assert [order.status for order in pair(bench)] == [OrderStatus.OPEN] * 2
    sent = [effect.client_order_ids for _, effect in bench.asked if isinstance(effect, SubmitOrders)]
    assert sent == [tuple(first), tuple(first)]


def test_a_pair_in_doubt_is_looked_up_order_by_order() -> None:
    bench = bench_of(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut")}
    bench.care()
    looked = {effect.client_order_id for _, effect in bench.asked if isinstance(effect, LookUpOrder)}
    assert looked == {order.client_order_id for order in pair(bench)}
    assert [order.status for order in pair(bench)] == [OrderStatus.OPEN] * 2


# ---------------------------------------------------------------------------------------------- one side happens


def test_a_stop_that_the_venue_ended_first_does_not_touch_the_take_profit_that_fills() -> None:
    bench = bench_of(held())
    bench.care()
    profit, stop = pair(bench)
    bench.answers = {LookUpOrder: OutcomeUnknown("slow")}
    end(bench, stop, OrderStatus.EXPIRED)
    bench.fill(profit, "101")
    assert bench.asked_at(CancelOrder) == []
    assert bench.group.close_reason is CloseReason.TAKE_PROFIT


def test_a_take_profit_that_the_venue_ended_first_does_not_touch_the_stop_that_fills() -> None:
    bench = bench_of(held())
    bench.care()
    profit, stop = pair(bench)
    bench.answers = {LookUpOrder: OutcomeUnknown("slow")}
    end(bench, profit, OrderStatus.EXPIRED)
    bench.fill(stop, "95")
    assert bench.asked_at(CancelOrder) == []
    assert bench.group.close_reason is CloseReason.STOP_LOSS


def test_what_a_part_of_a_take_profit_left_is_paired_anew_however_often() -> None:
    bench = bench_of(held(("100", "8")))
    bench.care()
    for left in range(7, 1, -1):
        profit, stop = pair(bench)
        end(bench, stop, OrderStatus.EXPIRED)
        bench.fill(replace(profit, quantity=D(1)), "101")
        assert [order.quantity for order in pair(bench)] == [D(left)] * 2
        assert [order.status for order in pair(bench)] == [OrderStatus.OPEN] * 2
    assert bench.group.closing is None
    assert bench.seen("protection.failed") == []


def test_a_pair_cancelled_by_hand_is_placed_again() -> None:
    bench = bench_of(held())
    bench.care()
    bench.answers = {LookUpOrder: OutcomeUnknown("slow")}
    for order in pair(bench):
        end(bench, order, OrderStatus.CANCELLED)
    assert [order.attempt for order in pair(bench)] == [2, 2]


# ---------------------------------------------------------------------------------------------- another group


def test_a_group_gives_up_its_pairs_where_another_ones_stop_needs_the_room() -> None:
    bench = bench_of(held(*(("100", "1"),) * 5))
    bench.care()
    assert len(live(bench, STOP)) == 5
    other = replace(held(), id="g0000002")
    index_group(bench.state, other, bench.now)
    bench.care()
    stops = [order for order in live(bench, STOP) if order.group_id == bench.group.id]
    assert [(order.leg, order.quantity) for order in stops] == [(None, D(5))]


def test_the_traders_own_conditional_orders_take_room_too() -> None:
    bench = bench_of(held(("100", "1"), ("100", "1")))
    bench.care()
    theirs = bench.report(live(bench, STOP)[0].client_order_id)
    assert len(live(bench, STOP)) == 2
    bench.state.accounts[bench.group.account].external_orders = (theirs,) * 4
    bench.care()
    assert [(order.leg, order.quantity) for order in live(bench, STOP)] == [(None, D(2))]


def test_a_take_profit_that_waits_for_its_price_counts_like_a_stop() -> None:
    fills = (("100", "1"),) * 3
    bench = bench_of(filled_group(Side.LONG, *fills, grid=GRID.model_copy(update={"tp_order": "trigger"})))
    bench.care()
    assert [order.leg for order in live(bench, STOP)] == [None]
