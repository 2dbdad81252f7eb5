"""The table of order states."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.base.errors import InvariantBroken
from app.domain.order import TERMINAL, TRANSITIONS, UNSETTLED, Order, OrderStatus, may_become, refusal_reason
from app.domain.values import OrderRole, OrderSide, OrderType, TimeInForce
from tests.support.strategies import MOMENT

S = OrderStatus
D = Decimal


def order_of(status: OrderStatus = S.OPEN) -> Order:
    return Order(
        client_order_id="zg",
        account="paper",
        symbol="BTC/USDT:USDT",
        group_id="g0000001",
        pyramid=0,
        leg=0,
        role=OrderRole.ENTRY,
        side=OrderSide.BUY,
        type=OrderType.LIMIT,
        quantity=D(2),
        price=D(100),
        trigger_price=None,
        reduce_only=False,
        time_in_force=TimeInForce.GTC,
        number=1,
        attempt=1,
        status=status,
        created_at=MOMENT,
        updated_at=MOMENT,
    )


def reachable(start: OrderStatus) -> set[OrderStatus]:
    found, new = {start}, {start}
    while new:
        new = {then for now in new for then in TRANSITIONS[now]} - found
        found |= new
    return found


def test_every_status_is_in_the_table() -> None:
    assert set(TRANSITIONS) == set(S)


def test_every_status_is_reached_from_pending() -> None:
    assert reachable(S.PENDING) == set(S)


@pytest.mark.parametrize("status", [S.FILLED, S.REJECTED, S.ABANDONED])
def test_filled_rejected_and_abandoned_never_change(status: OrderStatus) -> None:
    assert reachable(status) == {status}


@pytest.mark.parametrize("status", sorted(set(S) - TERMINAL))
def test_every_live_order_can_be_filled_and_cancelled(status: OrderStatus) -> None:
    assert {S.FILLED, S.CANCELLED, S.EXPIRED} <= TRANSITIONS[status]


@pytest.mark.parametrize("status", [S.CANCELLED, S.EXPIRED])
def test_fill_that_races_a_cancel_counts_and_nothing_else_does(status: OrderStatus) -> None:
    assert TRANSITIONS[status] == {S.FILLED}


def test_lost_order_may_turn_up_and_is_never_sent_again() -> None:
    assert {S.OPEN, S.PARTIALLY_FILLED, S.FILLED} <= TRANSITIONS[S.LOST]
    assert not TRANSITIONS[S.LOST] & {S.PENDING, S.SUBMITTED, S.UNKNOWN}


def test_only_an_order_that_was_never_acknowledged_is_pending_or_lost() -> None:
    before = {status for status in S if TRANSITIONS[status] & {S.PENDING}}
    assert before == {S.SUBMITTED}
    assert {status for status in S if S.LOST in TRANSITIONS[status]} == {
        S.PENDING,
        S.SUBMITTED,
        S.UNKNOWN,
        S.PENDING_CANCEL,
    }


def test_only_a_pending_order_is_abandoned() -> None:
    assert {status for status in S if S.ABANDONED in TRANSITIONS[status]} == {S.PENDING}


def test_an_acknowledged_order_never_goes_back_to_sent() -> None:
    acknowledged = set(S) - {S.PENDING}
    assert not any(S.SUBMITTED in TRANSITIONS[status] for status in acknowledged)
    assert not may_become(S.PARTIALLY_FILLED, S.OPEN)
    assert not may_become(S.FILLED, S.OPEN)


@pytest.mark.parametrize("status", S)
def test_staying_as_one_is_counts_as_allowed(status: OrderStatus) -> None:
    assert may_become(status, status)


def test_unknown_outcome_is_neither_live_no_more_nor_settled() -> None:
    for status in UNSETTLED:
        assert order_of(status).is_live
        assert order_of(status).is_unsettled
    assert not UNSETTLED & TERMINAL


def test_fills_told_and_not_yet_booked_leave_an_order_unsettled() -> None:
    order = replace(order_of(S.CANCELLED), seen_filled=D(1), filled=D("0.5"))
    assert order.is_unsettled
    assert not replace(order, filled=D(1)).is_unsettled


def test_remaining_is_never_negative() -> None:
    assert order_of().remaining == 2
    assert replace(order_of(), filled=D("0.5"), filled_value=D(50)).remaining == D("1.5")
    assert replace(order_of(), filled=D(3)).remaining == 0


def test_average_is_of_what_filled() -> None:
    assert order_of().average is None
    assert replace(order_of(), filled=D("0.5"), filled_value=D(50)).average == 100


def test_move_keeps_the_last_reason() -> None:
    moved = order_of().moved(S.CANCELLED, MOMENT, "too small")
    assert (moved.status, moved.reason) == (S.CANCELLED, "too small")
    assert moved.moved(S.FILLED, MOMENT).reason == "too small"


def test_a_step_that_the_table_does_not_allow_is_a_broken_invariant() -> None:
    filled = order_of().moved(S.FILLED, MOMENT)
    with pytest.raises(InvariantBroken, match="is filled and cannot become open"):
        filled.moved(S.OPEN, MOMENT)


def test_an_order_knows_the_code_that_it_was_refused_for() -> None:
    refused = replace(order_of(S.REJECTED), reason=refusal_reason("precision", "min_notional: no, the digits"))
    assert refused.was_refused_for("precision")
    assert not refused.was_refused_for("min_notional")
    assert not order_of().was_refused_for("precision")
