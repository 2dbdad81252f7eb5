"""How fills are booked into a group: nothing is lost, nothing is counted twice."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.booking import (
    average_for_exit,
    book_entry,
    book_exit,
    correct_exit,
    exit_average,
    shrink,
    write_off_dust,
)
from app.domain.group import EntryState, Group, GroupStatus, Leg, LegStatus, end_entry
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
    group = book_exit(group, None, None, D(98500), D("0.00752"), ZERO)
    assert (group.open_quantity, group.realized_pnl) == (ZERO, D("-8.76"))


def test_limit_entry_scenario_has_the_average_it_says() -> None:
    group = filled_group(Side.LONG, ("99900", "0.00250"), ("98901", "0.00252"), step_size=D("0.00001"))
    assert group.open_quantity == D("0.00502")
    assert group.average_entry is not None
    assert round(group.average_entry, 2) == D("99398.51")


def test_per_leg_scenario_books_each_exit_to_its_leg() -> None:
    group = filled_group(Side.LONG, ("200", "1.000"), ("196", "1.020"))
    group = book_exit(group, 0, 1, D("203.84"), D("1.020"), ZERO)
    assert (group.open_quantity, group.realized_pnl) == (D("1.000"), D("7.9968"))
    assert group.leg(0, 1).exit_price == D("203.84")
    group = book_exit(group, 0, 0, D("206.00"), D("1.000"), ZERO)
    assert group.realized_pnl == D("13.9968")


def test_offset_scenario_takes_part_of_the_winner() -> None:
    winner = filled_group(Side.LONG, ("4000", "0.200"))
    winner = book_exit(winner, None, None, D(4500), D("0.100"), ZERO)
    assert (winner.open_quantity, winner.realized_pnl) == (D("0.100"), D(50))


def test_short_gains_when_it_buys_back_lower() -> None:
    group = filled_group(Side.SHORT, ("100", "2"))
    assert group.unrealized_pnl(D(90)) == 20
    group = book_exit(group, None, None, D(90), D(2), D("0.5"))
    assert group.realized_pnl == D("19.5")


def test_pnl_of_contracts_counts_their_size() -> None:
    group = filled_group(Side.LONG, ("100", "200"), contract_size=D("0.01"))
    assert (group.invested, group.unrealized_pnl(D(101))) == (D(200), D(2))
    group = book_exit(group, None, None, D(101), D(200), ZERO)
    assert (group.realized_gross, group.invested) == (D(2), D(200))


def test_fee_taken_in_the_coin_leaves_less_open_and_is_paid_once() -> None:
    group = book_entry(group_of([leg_of(0, "100", "1")]), (0, 0), D(100), D(1), D("0.1"), D("0.001"), MOMENT)
    assert (group.legs[0].filled, group.open_quantity, group.open_value) == (D(1), D("0.999"), D("99.900"))
    group = book_exit(group, None, None, D(110), D("0.999"), ZERO)
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
    group = book_exit(group, None, None, D(100), D("1"), ZERO)
    assert [leg.exited for leg in group.legs] == [D("0.333"), D("0.333"), D("0.334")]


def test_exit_larger_than_its_leg_takes_from_the_others_and_remembers_what_nobody_had() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("90", "1"))
    group = book_exit(group, 0, 1, D(100), D("1.5"), ZERO)
    assert ([leg.open_quantity for leg in group.legs], group.oversold) == ([D("0.5"), ZERO], ZERO)
    group = book_exit(group, 0, 0, D(100), D("0.7"), ZERO)
    assert (group.open_quantity, group.oversold, group.oversold_value) == (ZERO, D("0.2"), D(20))


def test_entry_told_after_the_exit_that_sold_it_is_not_open() -> None:
    group = group_of([leg_of(0, "200", "1"), leg_of(1, "196", "1.020")])
    group = filled_at(group, (0, 0), "200", "1")
    group = book_exit(group, None, None, D(180), D("2.020"), ZERO)
    assert (group.open_quantity, group.realized_gross, group.oversold) == (ZERO, D(-20), D("1.020"))
    group = filled_at(group, (0, 1), "196", "0.020")
    assert (group.open_quantity, group.oversold) == (ZERO, D(1))
    group = filled_at(group, (0, 1), "196", "1")
    leg = group.leg(0, 1)
    assert (leg.status(group.step_size), leg.exit_price, group.open_quantity) == (LegStatus.CLOSED, D(180), ZERO)
    assert (group.realized_gross, group.oversold, group.oversold_value) == (D("-36.32"), ZERO, ZERO)


@given(drawn=groups_and_fills(), data=st.data())
def test_an_exit_told_before_its_entries_ends_as_if_told_after_them(
    drawn: tuple[Group, Fills], data: st.DataObject
) -> None:
    group, fills = drawn
    most, price = acquired(fills), data.draw(decimal_of("1", "5000", 2))
    quantity = most - data.draw(decimal_of("0", "1", 2)) * most
    at = data.draw(st.integers(0, len(fills)))
    early = booked(book_exit(booked(group, fills[:at]), None, None, price, quantity, D(1)), fills[at:])
    late = book_exit(booked(group, fills), None, None, price, quantity, D(1))
    assert (early.oversold, early.oversold_value, early.open_quantity) == (ZERO, ZERO, late.open_quantity)
    assert all(leg.open_quantity >= 0 for leg in early.legs)
    assert (early.fees, early.exit_fees) == (late.fees, late.exit_fees)
    assert abs(early.open_costs + early.closed_costs - late.open_costs - late.closed_costs) < TINY
    if not late.open_quantity:
        assert abs(early.realized_gross - late.realized_gross) < TINY
        assert (early.open_costs, exit_average(early)) == (ZERO, None)


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
    flat_again = book_exit(partly, 0, 0, D(101), D(1), ZERO)
    assert flat_again.status is GroupStatus.LIVE


def test_what_was_to_be_sold_of_a_position_that_is_gone_is_not_sold_of_the_next() -> None:
    group = filled_at(group_of([leg_of(0, "100", "1"), leg_of(1, "95", "1")]), (0, 0), "100", "1")
    flat = book_exit(replace(group, reduce_quantity=D("0.5")), 0, 0, D(101), D(1), ZERO)
    assert flat.reduce_quantity == D("0.5")
    assert filled_at(flat, (0, 1), "95", "1").reduce_quantity == 0


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
    group = book_exit(group, 0, 0, D(101), D(exited), ZERO) if D(exited) else group
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
            before, oversold = group.open_quantity, group.oversold
            group = book_exit(group, pyramid, leg, price, quantity, ZERO)
            assert group.oversold - oversold == max(quantity - before, ZERO)
            sold += quantity
            value_out += quantity * price
        if data.draw(st.integers(0, 4)) == 0:
            quantity = data.draw(decimal_of("0", "1000", 3))
            lost += min(quantity, group.open_quantity)
            value_out += min(quantity, group.open_quantity) * 100
            group = shrink(group, quantity, D(100))
        assert all(leg.open_quantity >= 0 for leg in group.legs)
        assert all((leg.open_quantity == 0) == (leg.open_value == 0) for leg in group.legs)
        assert group.open_quantity == 0 or group.oversold == 0
        assert bought == sold - group.oversold + lost + group.open_quantity
        assert total(group, lambda item: item.exited) == sold - group.oversold + lost
    gained = group.side.gain(value_in - group.open_value, value_out - group.oversold_value) * group.contract_size
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
        group = book_exit(group, None, None, price, quantity, ZERO)
        assert group.oversold == 0
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


@given(
    drawn=groups_and_fills(),
    pyramid=st.none() | st.integers(0, 2),
    parts=st.lists(st.integers(1, 900), min_size=1, max_size=6),
    before=st.lists(st.tuples(st.none() | st.integers(0, 2), st.none() | st.integers(0, 3), st.integers(1, 900))),
)
def test_an_exit_of_several_legs_in_parts_equals_one(
    drawn: tuple[Group, Fills],
    pyramid: int | None,
    parts: list[int],
    before: list[tuple[int | None, int | None, int]],
) -> None:
    group = booked(*drawn)
    for other, leg, steps in before:
        group = book_exit(group, other, leg, D(110), steps * group.step_size, ZERO)
    whole = book_exit(group, pyramid, None, D(120), sum(parts) * group.step_size, ZERO)
    by_part = group
    for part in parts:
        by_part = book_exit(by_part, pyramid, None, D(120), part * group.step_size, ZERO)
    assert [leg.open_quantity for leg in by_part.legs] == [leg.open_quantity for leg in whole.legs]
    assert [leg.exited for leg in by_part.legs] == [leg.exited for leg in whole.legs]
    assert (by_part.oversold, by_part.oversold_value) == (whole.oversold, whole.oversold_value)
    assert abs(by_part.realized_gross - whole.realized_gross) < D("1e-12")
    assert abs(by_part.closed_costs - whole.closed_costs) < D("1e-12")


@given(
    drawn=groups_and_fills(),
    pyramid=st.none() | st.integers(0, 2),
    parts=st.lists(st.integers(1, 900), min_size=1, max_size=6),
)
def test_exits_of_several_legs_that_fill_in_parts_do_not_move_their_average(
    drawn: tuple[Group, Fills], pyramid: int | None, parts: list[int]
) -> None:
    group = booked(*drawn)

    def average(now: Group) -> Decimal | None:
        return average_for_exit([leg for leg in now.legs if pyramid in {None, leg.pyramid}], now.step_size)

    before = average(group)
    for part in parts:
        group = book_exit(group, pyramid, None, D(120), part * group.step_size, ZERO)
        assert average(group) in {before, None}


def test_what_is_open_counts_again_once_an_entry_or_another_exit_has_filled() -> None:
    group = group_of([leg_of(0, "100", "3"), leg_of(1, "91", "3")])
    group = filled_at(filled_at(group, (0, 0), "100", "2"), (0, 1), "91", "1")
    reduced = book_exit(group, None, None, D(120), D("0.002"), ZERO)
    assert [leg.exited for leg in reduced.legs] == [D("0.001"), D("0.001")]
    assert (group.average_entry, exit_average(reduced)) == (D(97), D(97))
    assert reduced.average_entry != D(97)
    grown = filled_at(reduced, (0, 1), "91", "1")
    assert exit_average(grown) == grown.average_entry
    alone = book_exit(reduced, 0, 1, D(120), D("0.9"), ZERO)
    assert exit_average(alone) == alone.average_entry
    lost = shrink(reduced, D("0.5"), D(95))
    assert exit_average(lost) == lost.average_entry


@given(drawn=groups_and_fills(), quantity=decimal_of("0.001", "5000", 3))
def test_group_wide_exit_keeps_every_legs_share(drawn: tuple[Group, Fills], quantity: Decimal) -> None:
    group = booked(*drawn)
    after = book_exit(group, None, None, D(120), quantity, ZERO)
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
    after = book_exit(group, None, None, D(120), quantity, ZERO)
    for before, leg in zip(group.legs, after.legs, strict=True):
        if leg.average_open is not None:
            assert before.average_open is not None
            assert abs(leg.open_value - before.average_open * leg.open_quantity) <= D("1e-16")


@given(groups_and_fills(), decimal_of("1", "5000", 2), decimal_of("1", "5000", 2))
def test_an_exit_corrected_to_its_price_is_as_if_it_had_been_booked_at_it(
    drawn: tuple[Group, Fills], thought: Decimal, real: Decimal
) -> None:
    group = booked(*drawn)
    quantity = group.open_quantity
    estimated = book_exit(group, None, None, thought, quantity, ZERO)
    wanted = book_exit(group, None, None, real, quantity, D("0.5"))
    corrected = correct_exit(estimated, None, None, (real - thought) * quantity, D("0.5"))
    assert abs(corrected.realized_pnl - wanted.realized_pnl) < D("1e-12")
    assert [leg.exited for leg in corrected.legs] == [leg.exited for leg in wanted.legs]
    exits = zip(corrected.legs, wanted.legs, strict=True)
    assert all(abs(one.exit_value - other.exit_value) < D("1e-12") for one, other in exits)
