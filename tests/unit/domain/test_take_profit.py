"""Prices of exits: the worked examples, and that profit is always taken on the winning side."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from app.domain.booking import book_exit
from app.domain.market import MarketRules
from app.domain.take_profit import exit_target, group_target, leg_plan_target, leg_target, pyramid_target
from app.domain.values import ZERO, Side
from tests.support.strategies import (
    SIDES,
    decimal_of,
    filled_at,
    filled_group,
    grid_of,
    group_of,
    leg_of,
    market_rules,
    prices_for,
    rules_of,
)

D = Decimal


@pytest.mark.parametrize(("tick", "expected"), [("0.001", "100.485"), ("0.01", "100.49")])
def test_worked_example_of_the_specification_to_the_digit(tick: str, expected: str) -> None:
    group = filled_at(group_of([leg_of(0, "99", "1", "1.5")]), (0, 0), "99.00", "1")
    assert leg_target(group.legs[0], group, rules_of(tick, "1")) == D(expected)


@pytest.mark.parametrize(
    ("price", "percent", "tick", "expected"),
    [
        ("200", "3", "0.01", "206.00"),
        ("196", "4", "0.01", "203.84"),
        ("99900", "2", "0.1", "101898"),
        ("98901", "2", "0.1", "100879.1"),
    ],
)
def test_per_leg_exits_of_the_scenarios_to_the_digit(price: str, percent: str, tick: str, expected: str) -> None:
    group = filled_at(group_of([leg_of(0, price, "1", percent)]), (0, 0), price, "1")
    assert leg_target(group.legs[0], group, rules_of(tick, "0.001")) == D(expected)


def test_aggregate_exit_follows_the_average_of_the_scenario() -> None:
    grid = grid_of(tp_mode="aggregate", tp_aggregate_percent=5)
    rules = rules_of("0.001", "0.01")
    legs = [leg_of(0, "20", "2.50"), leg_of(1, "19.8", "2.52"), leg_of(2, "19.6", "2.55"), leg_of(3, "19.4", "2.57")]
    group = group_of(legs, grid=grid, step_size=D("0.01"))
    assert group_target(group, rules) is None
    group = filled_at(group, (0, 0), "20", "2.50")
    assert group_target(group, rules) == D("21")
    group = filled_at(filled_at(group, (0, 1), "19.8", "2.52"), (0, 2), "19.6", "2.55")
    assert group.open_quantity == D("7.57")
    assert group.average_entry is not None
    assert round(group.average_entry, 5) == D("19.79868")
    assert group_target(group, rules) == D("20.789")
    for part in ("0.01", "2.5", "3"):
        assert group_target(book_exit(group, None, None, D("20.789"), D(part), ZERO), rules) == D("20.789")
    closed = book_exit(group, None, None, D("20.789"), D("7.57"), ZERO)
    assert closed.oversold == 0
    assert round(closed.realized_pnl, 5) == D("7.49673")


def test_short_exits_lie_below_and_round_down() -> None:
    group = filled_at(group_of([leg_of(0, "99", "1", "1.5")], Side.SHORT), (0, 0), "99.01", "1")
    assert leg_target(group.legs[0], group, rules_of("0.01", "1")) == D("97.52")


def test_reference_is_the_fill_and_not_the_plan() -> None:
    group = filled_at(group_of([leg_of(0, "100", "2", "10")]), (0, 0), "90", "1")
    leg = group.legs[0]
    assert leg_target(leg, group, rules_of("0.1", "1")) == D(99)
    assert leg_plan_target(leg, group, rules_of("0.1", "1")) == D(110)
    more = filled_at(group, (0, 0), "100", "1")
    assert leg_target(more.legs[0], more, rules_of("0.1", "1")) == D("104.5")


def test_leg_without_a_fill_has_no_target_but_a_planned_one() -> None:
    group = group_of([leg_of(0, "100", "1", "1")])
    assert leg_target(group.legs[0], group, rules_of("0.1", "1")) is None
    assert leg_plan_target(group.legs[0], group, rules_of("0.1", "1")) == D(101)


def test_average_that_does_not_end_does_not_cost_a_tick() -> None:
    # (103 + 103 + 104) / 3 = 103.33… x 0.9 is 93 exactly
    grid = grid_of(tp_aggregate_percent=10)
    group = filled_group(Side.SHORT, ("103", "1"), ("103", "1"), ("104", "1"), grid=grid)
    assert group_target(group, rules_of("0.01", "1")) == D(93)


def test_signals_take_profit_replaces_every_legs_exit() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("98", "1"), signal_take_profit=D("104.005"))
    assert [leg_target(leg, group, rules_of("0.01", "1")) for leg in group.legs] == [D("104.01")] * 2


def test_signals_take_profit_too_near_a_leg_is_moved_away() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("98", "1"), signal_take_profit=D("100.05"))
    assert [leg_target(leg, group, rules_of("0.01", "1")) for leg in group.legs] == [D("100.10"), D("100.05")]


@pytest.mark.parametrize(("side", "second", "price"), [(Side.LONG, "80", "95"), (Side.SHORT, "120", "105")])
@pytest.mark.parametrize("mode", ["per_leg", "aggregate", "pyramid_aggregate"])
def test_a_pyramids_take_profit_is_every_legs_though_an_earlier_one_loses_by_it(
    mode: str, side: Side, second: str, price: str
) -> None:
    legs, grid = [leg_of(0, "100", "3"), leg_of(0, second, "1", pyramid=1)], grid_of(tp_mode=mode)
    group = group_of(legs, side, grid, signal_take_profit=D(price))
    group = filled_at(filled_at(group, (0, 0), "100", "3"), (1, 0), second, "1")
    assert [exit_target(leg, group, rules_of("0.01", "1")) for leg in group.legs] == [D(price)] * 2


@pytest.mark.parametrize(("mode", "expected"), [("aggregate", "110"), ("pyramid_aggregate", "110"), ("hybrid", "101")])
def test_signals_take_profit_is_the_aggregate_exit_save_in_hybrid_mode(mode: str, expected: str) -> None:
    group = filled_group(Side.LONG, ("100", "1"), grid=grid_of(tp_mode=mode), signal_take_profit=D(110))
    assert group_target(group, rules_of("0.01", "1")) == D(expected)
    assert pyramid_target(group, 0, rules_of("0.01", "1")) == D(expected)


def test_every_pyramid_has_its_own_average_and_percentage() -> None:
    grid = grid_of(tp_mode="pyramid_aggregate", tp_aggregate_percent=1, pyramid_tp_percents={"1": 3})
    group = group_of(
        [leg_of(0, "100", "1"), leg_of(0, "200", "1", pyramid=1), leg_of(0, "9", "1", pyramid=2)], grid=grid
    )
    group = filled_at(filled_at(group, (0, 0), "100", "1"), (1, 0), "200", "1")
    assert [pyramid_target(group, index, rules_of("0.01", "1")) for index in range(3)] == [D(101), D(206), None]
    assert group_target(group, rules_of("0.01", "1")) == D("151.5")


def test_exits_leave_the_aggregate_of_what_is_still_open() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("80", "1"), grid=grid_of(tp_mode="aggregate"))
    group = book_exit(group, 0, 0, D(101), D(1), ZERO)
    assert group_target(group, rules_of("0.01", "1")) == D("80.8")
    group = book_exit(group, 0, 1, D(101), D(1), ZERO)
    assert group_target(group, rules_of("0.01", "1")) is None
    assert pyramid_target(group, 0, rules_of("0.01", "1")) is None


@given(
    data=st.data(),
    rules=market_rules(),
    side=SIDES,
    percent=decimal_of("0.01", "1000", 2),
    nearest=decimal_of("0", "5", 2),
)
@example(data=None, rules=rules_of("0.01", "1"), side=Side.SHORT, percent=D(400), nearest=D("0.1"))
def test_profit_is_taken_on_the_winning_side_and_never_nearer_than_asked(
    data: st.DataObject | None, rules: MarketRules, side: Side, percent: Decimal, nearest: Decimal
) -> None:
    price = D(100) if data is None else data.draw(prices_for(rules))
    signal = None if data is None else data.draw(st.none() | prices_for(rules))
    grid = grid_of(min_distance_percent=nearest, tp_aggregate_percent=percent)
    group = group_of([leg_of(0, str(price), "3", str(percent))], side, grid, signal_take_profit=signal)
    group = filled_at(filled_at(group, (0, 0), price, "1"), (0, 0), side.shifted(price, D(-1)), "2")
    average = group.average_entry
    assert average is not None
    for target in (leg_target(group.legs[0], group, rules), group_target(group, rules)):
        assert target is not None
        assert target % rules.tick_size == 0
        assert target >= rules.tick_size
        assert side.is_better(target, average) or (signal is not None and nearest == 0)
        reached = side.gain(average, target) * 100 / average
        asked = nearest if signal is not None else max(nearest, percent)
        assert reached > asked - D("1e-15") or target == rules.tick_size
        if signal is None and target > rules.tick_size:
            assert side.gain(average, target) - average * asked / 100 < rules.tick_size
