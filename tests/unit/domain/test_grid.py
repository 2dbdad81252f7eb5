"""Legs of a pyramid: the worked examples of grid.md and the scenarios, and what holds for every grid."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from app.base.config.grid import GridSettings
from app.domain.grid import plan_legs
from app.domain.group import EntryState, Leg
from app.domain.market import MarketRules
from app.domain.refusal import Refusal
from app.domain.values import ZERO, OrderType, Side
from tests.support.strategies import (
    SIDES,
    decimal_of,
    grid_of,
    grids,
    levels,
    levels_of,
    market_rules,
    prices_for,
    rules_of,
)

D = Decimal
ONE_LEG = levels_of(("0", "100", "1"))


def planned(
    grid: GridSettings, rules: MarketRules, price: str, capital: str, side: Side = Side.LONG, stop: str | None = None
) -> tuple[Leg, ...]:
    plan = plan_legs(grid, rules, side, 0, D(price), D(capital), None if stop is None else D(stop))
    assert not isinstance(plan, Refusal), plan
    return plan


def refused(
    grid: GridSettings, rules: MarketRules, price: str, capital: str, side: Side = Side.LONG, stop: str | None = None
) -> Refusal:
    plan = plan_legs(grid, rules, side, 0, D(price), D(capital), None if stop is None else D(stop))
    assert isinstance(plan, Refusal), plan
    return plan


def shown(legs: tuple[Leg, ...]) -> list[str]:
    return [f"{leg.quantity.normalize():f} @ {leg.price.normalize():f}" for leg in legs]


def sent(legs: tuple[Leg, ...]) -> list[Leg]:
    return [leg for leg in legs if leg.wants_entry]


def test_worked_example_of_the_specification_to_the_digit() -> None:
    grid = grid_of(levels=levels_of(("0", "40", "1"), ("-2", "30", "1"), ("-4", "30", "1")))
    legs = planned(grid, rules_of("0.01", "0.01"), "50", "1000")
    assert shown(legs) == ["8 @ 50", "6.12 @ 49", "6.25 @ 48"]
    assert sum(leg.quantity for leg in legs) == D("20.37")
    assert sum(leg.quantity * leg.price for leg in legs) == D("999.88")


@pytest.mark.parametrize(
    ("tick", "step", "price", "capital", "rungs", "expected"),
    [
        (
            "0.001", "0.01", "20", "200", [("0", "25"), ("-1", "25"), ("-2", "25"), ("-3", "25")],
            ["2.5 @ 20", "2.52 @ 19.8", "2.55 @ 19.6", "2.57 @ 19.4"],
        ),
        (
            "0.1", "0.00001", "99900", "1000", [("0", "25"), ("-1", "25"), ("-2", "25"), ("-3", "25")],
            ["0.0025 @ 99900", "0.00252 @ 98901", "0.00255 @ 97902", "0.00257 @ 96903"],
        ),
        (
            "0.1", "0.00001", "100000", "1000", [("0", "50"), ("-1", "25"), ("-3", "25")],
            ["0.005 @ 100000", "0.00252 @ 99000", "0.00257 @ 97000"],
        ),
        ("0.01", "0.001", "200", "400", [("0", "50"), ("-2", "50")], ["1 @ 200", "1.02 @ 196"]),
        ("0.1", "0.00001", "100000", "200", [("0", "100")], ["0.002 @ 100000"]),
        ("0.1", "0.001", "100000", "500", [("0", "100")], ["0.005 @ 100000"]),
        ("0.01", "0.001", "4000", "800", [("0", "100")], ["0.2 @ 4000"]),
    ],
    ids=["aggregate", "limit entry", "exit signal", "per leg", "duplicate", "offset loser", "offset winner"],
)  # fmt: skip
def test_grids_of_the_scenarios_to_the_digit(
    tick: str, step: str, price: str, capital: str, rungs: list[tuple[str, str]], expected: list[str]
) -> None:
    grid = grid_of(levels=levels_of(*[(gap, weight, "1") for gap, weight in rungs]))
    rules = rules_of(tick, step, min_notional=D(5))
    assert shown(planned(grid, rules, price, capital)) == expected


def test_legs_of_a_short_lie_above_the_entry_and_round_up() -> None:
    grid = grid_of(levels=levels_of(("0", "50", "1"), ("-2", "50", "1")))
    assert shown(planned(grid, rules_of("0.01", "0.001"), "33.333", "1000", Side.SHORT)) == [
        "14.997 @ 33.34",
        "14.705 @ 34",
    ]


def test_sign_of_a_gap_does_not_matter() -> None:
    deeper = [levels_of(("0", "50", "1"), (gap, "50", "1")) for gap in ("-2", "2")]
    one, other = (planned(grid_of(levels=item), rules_of("0.01", "0.01"), "50", "1000") for item in deeper)
    assert shown(one) == shown(other)


def test_quantities_are_counted_in_contracts() -> None:
    rules = rules_of("0.1", "1", contract_size=D("0.01"))
    assert shown(planned(grid_of(levels=ONE_LEG), rules, "200", "100")) == ["50 @ 200"]


@pytest.mark.parametrize(
    ("entry_order_type", "gap", "expected"),
    [
        ("market", "0", OrderType.MARKET),
        ("market", "-1", OrderType.LIMIT),
        ("limit", "0", OrderType.LIMIT),
    ],
)
def test_only_a_first_leg_without_gap_enters_at_market(entry_order_type: str, gap: str, expected: OrderType) -> None:
    grid = grid_of(entry_order_type=entry_order_type, levels=levels_of((gap, "50", "1"), ("-3", "50", "1")))
    legs = planned(grid, rules_of("0.01", "0.01"), "50", "1000")
    assert [leg.order_type for leg in legs] == [expected, OrderType.LIMIT]


def test_pyramid_with_legs_of_its_own_uses_them() -> None:
    grid = grid_of(pyramid_levels={"1": ONE_LEG})
    plan = plan_legs(grid, rules_of("0.01", "0.01"), Side.LONG, 1, D(50), D(1000), None)
    assert not isinstance(plan, Refusal)
    assert [(leg.key, leg.quantity) for leg in plan] == [((1, 0), D(20))]


def test_leg_beyond_the_stop_is_shown_and_never_sent() -> None:
    # the stop before leg 3 counts from the average of the others: 599.67 / 6.11 = 98.145… x 0.97 = 95.2…
    grid = grid_of(
        levels=levels_of(("0", "20", "1"), ("-2", "20", "1"), ("-3.5", "20", "1"), ("-4.8", "40", "1")),
        stop_loss={"mode": "percent", "percent": 3},
    )
    legs = planned(grid, rules_of("0.01", "0.01"), "100", "1000")
    assert [leg.entry for leg in legs] == [EntryState.PLANNED] * 3 + [EntryState.ENDED]


def test_leg_at_the_signals_stop_is_not_sent() -> None:
    grid = grid_of(levels=levels_of(("0", "50", "1"), ("-2", "50", "1")))
    rules = rules_of("0.01", "0.01")
    assert len(sent(planned(grid, rules, "100", "1000", stop="98"))) == 1
    assert len(sent(planned(grid, rules, "100", "1000", stop="97.99"))) == 2


def test_grid_that_lies_wholly_beyond_its_stop_is_refused() -> None:
    grid = grid_of(levels=levels_of(("-3", "100", "1")))
    assert refused(grid, rules_of("0.01", "0.01"), "100", "1000", stop="98").code == "stop_sanity"


def test_stop_on_the_wrong_side_is_refused_before_anything_is_planned() -> None:
    assert refused(grid_of(levels=ONE_LEG), rules_of("0.01", "0.01"), "100", "1000", stop="101").code == "stop_sanity"


def test_price_of_a_single_tick_leaves_no_room_for_a_stop() -> None:
    grid = grid_of(levels=ONE_LEG, stop_loss={"mode": "percent", "percent": 3})
    assert refused(grid, rules_of("0.01", "1"), "0.01", "1000").code == "stop_sanity"


def test_leg_under_the_minimum_refuses_the_whole_grid_and_names_leg_and_capital() -> None:
    grid = grid_of(levels=levels_of(("0", "90", "1"), ("-2", "10", "1")))
    rules = rules_of("0.01", "0.01", min_notional=D(5))
    refusal = refused(grid, rules, "50", "40")
    assert refusal.code == "below_minimum"
    # leg 1: 0.11 @ 49 = 5.39 is the least, and a tenth of the capital
    assert refusal.detail == (
        "leg 1 would be 0.08 at 49, 3.92 USDT, under the market's minimum of 0.01 and 5 USDT; "
        "the smallest capital that would do is 53.9 USDT"
    )
    assert len(planned(grid, rules, "50", "53.9")) == 2
    assert refused(grid, rules, "50", "53.89").code == "below_minimum"


def test_legs_beyond_the_stop_need_no_minimum() -> None:
    grid = grid_of(levels=levels_of(("0", "99", "1"), ("-5", "1", "1")), stop_loss={"mode": "percent", "percent": 3})
    assert len(sent(planned(grid, rules_of("0.01", "0.01", min_notional=D(5)), "50", "40"))) == 1


def test_merge_joins_a_small_leg_with_the_next_shallower() -> None:
    grid = grid_of(
        on_leg_below_minimum="merge",
        levels=levels_of(("0", "50", "1"), ("-1", "30", "2"), ("-2", "10", "3"), ("-3", "10", "4")),
    )
    legs = planned(grid, rules_of("0.01", "0.001", min_notional=D(5)), "50", "30")
    # 3 each in legs 2 and 3: together they do, at leg 2's price and target
    assert [(leg.index, leg.weight_percent, leg.tp_percent) for leg in legs] == [
        (0, D(50), D(1)),
        (1, D(30), D(2)),
        (2, D(20), D(3)),
    ]
    assert legs[2].price == D("49.00")


def test_merge_takes_deeper_legs_into_a_small_first_one() -> None:
    grid = grid_of(
        on_leg_below_minimum="merge", levels=levels_of(("0", "10", "1"), ("-1", "40", "2"), ("-2", "50", "3"))
    )
    legs = planned(grid, rules_of("0.01", "0.001", min_notional=D(5)), "50", "30")
    assert [(leg.index, leg.weight_percent, leg.price) for leg in legs] == [
        (0, D(50), D("50.00")),
        (1, D(50), D("49.00")),
    ]
    assert legs[0].order_type is OrderType.MARKET


def test_merge_never_moves_capital_of_a_leg_beyond_the_stop() -> None:
    grid = grid_of(
        on_leg_below_minimum="merge",
        levels=levels_of(("0", "10", "1"), ("-5", "90", "2")),
        stop_loss={"mode": "percent", "percent": 3},
    )
    refusal = refused(grid, rules_of("0.01", "0.01", min_notional=D(5)), "50", "40")
    assert refusal.code == "below_minimum"
    assert refusal.detail.endswith("the smallest capital that would do is 50 USDT")


def test_grid_too_small_even_when_merged_into_one_leg_is_refused() -> None:
    grid = grid_of(on_leg_below_minimum="merge", levels=levels_of(("0", "50", "1"), ("-1", "50", "2")))
    refusal = refused(grid, rules_of("0.01", "0.01", min_notional=D(5)), "50", "4")
    assert refusal.detail.endswith("the smallest capital that would do is 5 USDT")


def test_leg_priced_under_one_tick_is_refused_without_promising_a_capital() -> None:
    grid = grid_of(levels=levels_of(("0", "50", "1"), ("-60", "50", "1")))
    refusal = refused(grid, rules_of("0.1", "0.1"), "0.2", "1000")
    assert (refusal.code, refusal.detail) == ("below_minimum", "leg 1 would be priced under one tick of 0.1 USDT")


@given(data=st.data(), rules=market_rules(minimums=False), side=SIDES, capital=decimal_of("1", "100000", 2))
def test_weights_conserve_the_capital_within_a_step_a_leg(
    data: st.DataObject, rules: MarketRules, side: Side, capital: Decimal
) -> None:
    grid, price = data.draw(grids()), data.draw(prices_for(rules))
    plan = plan_legs(grid, rules, side, 0, price, capital, None)
    assume(not isinstance(plan, Refusal))
    assert isinstance(plan, tuple)
    spent = sum((rules.notional(leg.price, leg.quantity) for leg in plan), ZERO)
    assert spent <= capital
    assert spent > capital - sum((rules.notional(leg.price, rules.step_size) for leg in plan), ZERO)


@given(data=st.data(), rules=market_rules(), side=SIDES, capital=decimal_of("1", "1000000", 2))
def test_every_leg_is_on_tick_and_step_and_on_its_side_of_the_entry(
    data: st.DataObject, rules: MarketRules, side: Side, capital: Decimal
) -> None:
    merge = data.draw(st.sampled_from(["merge", "refuse"]))
    grid, price = data.draw(grids(on_leg_below_minimum=merge)), data.draw(prices_for(rules))
    plan = plan_legs(grid, rules, side, 0, price, capital, None)
    assume(not isinstance(plan, Refusal))
    assert isinstance(plan, tuple)
    assert [leg.index for leg in plan] == list(range(len(plan)))
    assert sum(leg.weight_percent for leg in plan) == 100
    for leg in plan:
        assert leg.price % rules.tick_size == 0
        assert leg.quantity % rules.step_size == 0
        assert rules.meets_minimum(leg.price, leg.quantity)
        exact = price * (1 - side.sign * abs(leg.gap_percent) / 100)
        assert 0 <= side.gain(leg.price, exact) < rules.tick_size


@given(data=st.data(), rules=market_rules(), side=SIDES, capital=decimal_of("0.01", "200", 2))
@example(data=None, rules=rules_of("0.01", "1", min_notional=D(5)), side=Side.LONG, capital=D(1))
def test_the_smallest_capital_named_really_does_and_anything_less_does_not(
    data: st.DataObject | None, rules: MarketRules, side: Side, capital: Decimal
) -> None:
    if data is None:
        grid, price = grid_of(levels=levels_of(("0", "30", "1"), ("-3", "70", "1"))), D(7)
    else:
        policy = data.draw(st.sampled_from(["merge", "refuse"]))
        stop = data.draw(st.none() | decimal_of("0.5", "20", 1).map(_percent_stop))
        grid = data.draw(grids(levels(deepest=2000), on_leg_below_minimum=policy, stop_loss=stop))
        price = data.draw(prices_for(rules))
    plan = plan_legs(grid, rules, side, 0, price, capital, None)
    if not isinstance(plan, Refusal):
        return
    found = re.search(r"would do is (\S+) USDT", plan.detail)
    assert found is not None
    enough = D(found.group(1))
    assert isinstance(plan_legs(grid, rules, side, 0, price, enough, None), tuple)
    if grid.stop_loss is None:
        assert isinstance(plan_legs(grid, rules, side, 0, price, enough - D("1e-7"), None), Refusal)


def _percent_stop(percent: Decimal) -> dict[str, Any]:
    return {"mode": "percent", "percent": percent}


@given(data=st.data(), rules=market_rules(minimums=False), side=SIDES, percent=decimal_of("0.1", "20", 1))
def test_sent_legs_lie_before_the_stop_of_the_shallower_ones_and_ended_legs_behind_it(
    data: st.DataObject, rules: MarketRules, side: Side, percent: Decimal
) -> None:
    grid = data.draw(grids(levels(deepest=3000), stop_loss=_percent_stop(percent)))
    plan = plan_legs(grid, rules, side, 0, data.draw(prices_for(rules)), D(10**6), None)
    assume(not isinstance(plan, Refusal))
    assert isinstance(plan, tuple)
    for leg in plan[1:]:
        before = [other for other in sent(plan) if other.index < leg.index]
        quantity = sum((other.quantity for other in before), ZERO)
        average = sum((other.quantity * other.price for other in before), ZERO) / quantity
        margin = side.gain(average * (1 - side.sign * percent / 100), leg.price)
        assert (margin > 0) if leg.wants_entry else (margin < rules.tick_size)


@given(data=st.data(), rules=market_rules(minimums=False), side=SIDES)
def test_no_leg_is_sent_at_or_beyond_the_signals_stop(data: st.DataObject, rules: MarketRules, side: Side) -> None:
    grid, price = data.draw(grids(levels(deepest=3000))), data.draw(prices_for(rules))
    stop = side.shifted(price, -data.draw(decimal_of("0.5", "40", 1)))
    plan = plan_legs(grid, rules, side, 0, price, D(10**6), stop)
    assume(not isinstance(plan, Refusal))
    assert isinstance(plan, tuple)
    assert all(side.is_better(leg.price, stop) for leg in sent(plan))
