"""How fills are booked into a group: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.group import (
    EntryState,
    Group,
    GroupStatus,
    Leg,
    LegStatus,
    book_entry,
    book_exit,
    end_entry,
    shrink,
    write_off_dust,
)
from app.domain.values import ZERO, CloseReason, Side
from tests.support.strategies import (
    MOMENT,
    Fills,
    booked,
    decimal_of,
    filled_at,
    filled_group,
    group_of,
    groups_and_fills,
    leg_of,
)

D = Decimal
TINY = D("1e-18")


def total(group: Group, of: Callable[[Leg], Decimal]) -> Decimal:
    return sum((of(leg) for leg in group.legs), ZERO)


def acquired(fills: Fills) -> Decimal:
    return sum((quantity - fee for _place, _price, quantity, fee in fills), ZERO)


def test_average_of_the_specification_to_the_digit() -> None:
    group = filled_group(Side.LONG, ("50", "8.00"), ("49", "6.12"), ("48", "6.25"))
    assert (group.open_quantity, group.open_value) == (D("20.37"), D("999.88"))
    assert str(group.average_entry).startswith("49.0859")


def test_exit_signal_scenario_loses_what_it_says() -> None:
    group = filled_group(Side.LONG, ("100000", "0.00500"), ("99000", "0.00252"), step_size=D("0.00001"))
    group, _ = book_exit(group, None, None, D(98500), D("0.00752"), ZERO)
    assert (group.open_quantity, group.realized_pnl) == (ZERO, D("-8.76"))


def test_limit_entry_scenario_has_the_average_it_says() -> None:
    group = filled_group(Side.LONG, ("99900", "0.00250"), ("98901", "0.00252"), step_size=D("0.00001"))
    assert group.open_quantity == D("0.00502")
    assert group.average_entry is not None
    assert round(group.average_entry, 2) == D("99398.51")


def test_per_leg_scenario_books_each_exit_to_its_leg() -> None:
    group = filled_group(Side.LONG, ("200", "1.000"), ("196", "1.020"))
    group, _ = book_exit(group, 0, 1, D("203.84"), D("1.020"), ZERO)
    assert (group.open_quantity, group.realized_pnl) == (D("1.000"), D("7.9968"))
    assert group.leg(0, 1).exit_price == D("203.84")
    group, _ = book_exit(group, 0, 0, D("206.00"), D("1.000"), ZERO)
    assert group.realized_pnl == D("13.9968")


def test_offset_scenario_takes_part_of_the_winner() -> None:
    winner = filled_group(Side.LONG, ("4000", "0.200"))
    winner, _ = book_exit(winner, None, None, D(4500), D("0.100"), ZERO)
    assert (winner.open_quantity, winner.realized_pnl) == (D("0.100"), D(50))


def test_short_gains_when_it_buys_back_lower() -> None:
    group = filled_group(Side.SHORT, ("100", "2"))
    assert group.unrealized_pnl(D(90)) == 20
    group, _ = book_exit(group, None, None, D(90), D(2), D("0.5"))
    assert group.realized_pnl == D("19.5")


def test_pnl_of_contracts_counts_their_size() -> None:
    group = filled_group(Side.LONG, ("100", "200"), contract_size=D("0.01"))
    assert (group.invested, group.unrealized_pnl(D(101))) == (D(200), D(2))
    group, _ = book_exit(group, None, None, D(101), D(200), ZERO)
    assert (group.realized_gross, group.invested) == (D(2), D(200))


def test_fee_taken_in_the_coin_leaves_less_open_and_is_paid_once() -> None:
    group = book_entry(group_of([leg_of(0, "100", "1")]), (0, 0), D(100), D(1), D("0.1"), D("0.001"), MOMENT)
    assert (group.legs[0].filled, group.open_quantity, group.open_value) == (D(1), D("0.999"), D("99.900"))
    group, _ = book_exit(group, None, None, D(110), D("0.999"), ZERO)
    # sold 0.999 x 110 = 109.89 of what cost 100
    assert group.realized_pnl == D("9.89")


def test_entry_filled_whole_is_over_and_a_late_fill_is_still_booked() -> None:
    group = filled_at(group_of([leg_of(0, "100", "1")]), (0, 0), "100", "0.4")
    assert group.legs[0].entry is EntryState.PLANNED
    group = filled_at(group, (0, 0), "100", "0.6")
    assert group.legs[0].entry is EntryState.ENDED
    assert filled_at(group, (0, 0), "100", "0.1").open_quantity == D("1.1")


def test_first_fill_sets_the_clock_of_the_trade() -> None:
    group = group_of([leg_of(0, "100", "2")])
    group = book_entry(group, (0, 0), D(100), D(1), ZERO, ZERO, MOMENT)
    later = book_entry(group, (0, 0), D(100), D(1), ZERO, ZERO, MOMENT + timedelta(minutes=1))
    assert later.first_fill_at == MOMENT


def test_group_wide_exit_takes_in_proportion_and_the_last_leg_absorbs_the_rounding() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("90", "1"), ("80", "1"))
    group, _ = book_exit(group, None, None, D(100), D("1"), ZERO)
    assert [leg.exited for leg in group.legs] == [D("0.333"), D("0.333"), D("0.334")]


def test_exit_larger_than_its_leg_takes_from_the_others_and_reports_what_nobody_had() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("90", "1"))
    group, unbooked = book_exit(group, 0, 1, D(100), D("1.5"), ZERO)
    assert ([leg.open_quantity for leg in group.legs], unbooked) == ([D("0.5"), ZERO], ZERO)
    group, unbooked = book_exit(group, 0, 0, D(100), D("0.7"), ZERO)
    assert (group.open_quantity, unbooked) == (ZERO, D("0.2"))


def test_shrink_takes_the_newest_leg_first() -> None:
    group = shrink(filled_group(Side.LONG, ("100", "1"), ("90", "1")), D("1.25"), D(95))
    assert [leg.open_quantity for leg in group.legs] == [D("0.75"), 0]
    assert group.realized_gross == 5 - D("1.25")


def test_dust_leaves_the_trade_and_is_remembered() -> None:
    group = write_off_dust(write_off_dust(filled_group(Side.LONG, ("100", "0.0004"))))
    assert (group.open_quantity, group.open_value, group.dust) == (ZERO, ZERO, D("0.0004"))


def test_group_status_follows_what_is_open_and_wanted() -> None:
    waiting = group_of([leg_of(0, "100", "1"), leg_of(1, "99", "1")])
    assert waiting.status is GroupStatus.WAITING
    live = replace(waiting, sent=True)
    assert live.status is GroupStatus.LIVE
    partly = filled_at(live, (0, 0), "100", "1")
    assert partly.status is GroupStatus.PARTIALLY_FILLED
    active = filled_at(partly, (0, 1), "99", "0.5").with_legs(end_entry)
    assert active.status is GroupStatus.ACTIVE
    closing = replace(active, closing=CloseReason.MANUAL)
    assert closing.status is GroupStatus.CLOSING
    assert replace(closing, closed_at=MOMENT).status is GroupStatus.CLOSED
    assert replace(live, closed_at=MOMENT, failed=True).status is GroupStatus.FAILED
    flat_again, _ = book_exit(partly, 0, 0, D(101), D(1), ZERO)
    assert flat_again.status is GroupStatus.LIVE


@pytest.mark.parametrize(
    ("entry", "filled", "exited", "expected"),
    [
        (EntryState.PLANNED, "0", "0", LegStatus.PENDING),
        (EntryState.WORKING, "0", "0", LegStatus.OPEN),
        (EntryState.ENDED, "0", "0", LegStatus.CANCELLED),
        (EntryState.WORKING, "0.5", "0", LegStatus.PARTIALLY_FILLED),
        (EntryState.WORKING, "0.5", "0.5", LegStatus.PARTIALLY_FILLED),
        (EntryState.WORKING, "1", "0", LegStatus.FILLED),
        (EntryState.ENDED, "0.5", "0", LegStatus.FILLED),
        (EntryState.ENDED, "0.5", "0.4", LegStatus.FILLED),
        (EntryState.ENDED, "0.5", "0.5", LegStatus.CLOSED),
        (EntryState.WORKING, "1", "1", LegStatus.CLOSED),
    ],
)
def test_leg_status(entry: EntryState, filled: str, exited: str, expected: LegStatus) -> None:
    group = group_of([replace(leg_of(0, "100", "1"), entry=entry)])
    if D(filled):
        group = filled_at(group, (0, 0), "100", filled)
    group, _ = book_exit(group, 0, 0, D(101), D(exited), ZERO) if D(exited) else (group, ZERO)
    assert group.legs[0].status(D("0.001")) is expected


@given(drawn=groups_and_fills(), data=st.data())
def test_every_coin_is_open_sold_lost_or_dust(drawn: tuple[Group, Fills], data: st.DataObject) -> None:
    group, fills = drawn
    bought = sold = lost = value_in = value_out = ZERO
    for fill in fills:
        group = booked(group, [fill])
        bought += acquired([fill])
        value_in += (fill[2] - fill[3]) * fill[1]
        if data.draw(st.booleans()):
            pyramid = data.draw(st.none() | st.integers(0, 2))
            leg = None if pyramid is None else data.draw(st.none() | st.integers(0, 3))
            quantity, price = data.draw(decimal_of("0.001", "3000", 3)), data.draw(decimal_of("1", "5000", 2))
            before = group.open_quantity
            group, unbooked = book_exit(group, pyramid, leg, price, quantity, ZERO)
            assert unbooked == max(quantity - before, ZERO)
            sold += quantity - unbooked
            value_out += (quantity - unbooked) * price
        if data.draw(st.integers(0, 4)) == 0:
            quantity = data.draw(decimal_of("0", "1000", 3))
            lost += min(quantity, group.open_quantity)
            value_out += min(quantity, group.open_quantity) * 100
            group = shrink(group, quantity, D(100))
        assert all(leg.open_quantity >= 0 for leg in group.legs)
        assert all((leg.open_quantity == 0) == (leg.open_value == 0) for leg in group.legs)
        assert bought == sold + lost + group.open_quantity
        assert total(group, lambda item: item.exited) == sold + lost
    gained = group.side.gain(value_in - group.open_value, value_out) * group.contract_size
    assert abs(group.realized_gross - gained) < TINY
    left_over = group.open_quantity
    group = write_off_dust(group)
    assert (group.open_quantity, group.dust) == (ZERO, left_over)
    assert bought == total(group, lambda item: item.exited) + group.dust


@given(drawn=groups_and_fills(), exits=st.lists(st.tuples(decimal_of("1", "5000", 2), st.integers(1, 9)), min_size=1))
def test_flat_group_has_gained_the_difference_of_all_values(
    drawn: tuple[Group, Fills], exits: list[tuple[Decimal, int]]
) -> None:
    group = booked(*drawn)
    spent = total(group, lambda leg: leg.open_value)
    received = ZERO
    for price, tenths in [*exits, (D(100), 10)]:
        quantity = group.open_quantity * tenths / 10
        received += price * quantity
        group, unbooked = book_exit(group, None, None, price, quantity, ZERO)
        assert unbooked == 0
    assert group.open_quantity == 0
    gained = (received - spent) * group.side.sign * group.contract_size
    assert abs(group.realized_gross - gained) < TINY
    fees = sum((price * fee for _place, price, _quantity, fee in drawn[1]), ZERO) * group.contract_size
    assert group.realized_pnl == group.realized_gross - fees


@given(drawn=groups_and_fills(), data=st.data())
def test_order_of_entry_fills_does_not_matter(drawn: tuple[Group, Fills], data: st.DataObject) -> None:
    group, fills = drawn
    shuffled = data.draw(st.permutations(fills))
    one, other = booked(group, fills), booked(group, shuffled)
    # the best price counts from the newest fill, and newest is the last one here
    assert replace(one, best_price=None) == replace(other, best_price=None)


@given(drawn=groups_and_fills(), parts=st.lists(st.integers(1, 500), min_size=1, max_size=6))
def test_group_wide_exit_in_parts_equals_one(drawn: tuple[Group, Fills], parts: list[int]) -> None:
    group = booked(*drawn)
    pieces = [part * group.step_size for part in parts]
    whole, left = book_exit(group, None, None, D(120), sum(pieces, ZERO), ZERO)
    by_part, left_by_part = group, ZERO
    for piece in pieces:
        by_part, unbooked = book_exit(by_part, None, None, D(120), piece, ZERO)
        left_by_part += unbooked
    assert (by_part.open_quantity, left_by_part) == (whole.open_quantity, left)
    if whole.open_quantity == 0:
        assert abs(by_part.realized_gross - whole.realized_gross) < TINY
    # legs differ by what each part was rounded, a step each and the rest in the last leg
    most = group.step_size * len(pieces) * len(group.legs)
    for one, other in zip(whole.legs, by_part.legs, strict=True):
        assert abs(one.exited - other.exited) <= most


@given(drawn=groups_and_fills(), quantity=decimal_of("0.001", "5000", 3))
def test_group_wide_exit_keeps_every_legs_share(drawn: tuple[Group, Fills], quantity: Decimal) -> None:
    group = booked(*drawn)
    after, _ = book_exit(group, None, None, D(120), quantity, ZERO)
    if not group.open_quantity:
        return
    share = min(quantity / group.open_quantity, D(1))
    holders = [leg for leg in group.legs if leg.open_quantity]
    for leg in holders[:-1]:
        taken = after.leg(*leg.key).exited
        most = leg.open_quantity * share
        assert most - group.step_size < taken <= most + group.step_size * len(holders)


@given(drawn=groups_and_fills(), quantity=decimal_of("0.001", "5000", 3))
def test_partial_exit_leaves_every_legs_average(drawn: tuple[Group, Fills], quantity: Decimal) -> None:
    group = booked(*drawn)
    after, _ = book_exit(group, None, None, D(120), quantity, ZERO)
    for before, leg in zip(group.legs, after.legs, strict=True):
        if leg.average_open is not None:
            assert before.average_open is not None
            assert abs(leg.open_value - before.average_open * leg.open_quantity) <= D("1e-16")
