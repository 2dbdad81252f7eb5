"""Stops: where they lie, what tightens them, and what is refused."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.booking import book_exit
from app.domain.group import Group
from app.domain.market import MarketRules, Quote
from app.domain.stop_loss import (
    awaited_break_even,
    current_stop,
    is_through,
    legs_beyond_stop,
    needs_stop,
    resting_stop,
    secured_stop,
    stop_mode_price,
    stop_refusal,
    tightened_stop,
    trailed_stop,
    with_price,
)
from app.domain.values import ZERO, OrderRole, Side
from tests.support.strategies import (
    MOMENT,
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
CENT = rules_of("0.01", "0.001")
FEE = D("0.0005")


def stopped(side: Side, *fills: tuple[str, str], stop: dict[str, Any] | None, **others: Any) -> Group:
    return filled_group(side, *fills, grid=grid_of(stop_loss=stop), **others)


def percent_stop(percent: str = "3", **others: Any) -> dict[str, Any]:
    return {"mode": "percent", "percent": percent, **others}


def after_exits(group: Group, count: int, quantity: str = "0.1") -> Group:
    for _ in range(count):
        group = book_exit(group, None, None, D(110), D(quantity), ZERO)
    return group


@pytest.mark.parametrize(("side", "expected"), [(Side.LONG, "96.03"), (Side.SHORT, "101.95")])
def test_percent_counts_from_the_average_and_rounds_toward_it(side: Side, expected: str) -> None:
    # the average is 98.99; 3 % off: 96.0203 and 101.9597
    group = stopped(side, ("100", "1"), ("97.98", "1"), stop=percent_stop())
    assert current_stop(group, CENT) == D(expected)


def test_percent_stop_moves_down_as_deeper_legs_fill() -> None:
    group = group_of([leg_of(0, "100", "1"), leg_of(1, "98", "1")], grid=grid_of(stop_loss=percent_stop()))
    group = filled_at(group, (0, 0), "100", "1")
    assert current_stop(group, CENT) == D(97)
    assert current_stop(filled_at(group, (0, 1), "98", "1"), CENT) == D("96.03")


@pytest.mark.parametrize("stop", [None, {"mode": "signal"}])
def test_signals_stop_is_used_where_the_grid_sets_none(stop: dict[str, Any] | None) -> None:
    group = stopped(Side.LONG, ("100", "1"), stop=stop, signal_stop=D("95.005"))
    assert current_stop(group, CENT) == D("95.01")


def test_percent_of_the_grid_goes_before_the_signals_stop() -> None:
    assert current_stop(stopped(Side.LONG, ("100", "1"), stop=percent_stop(), signal_stop=D(95)), CENT) == D(97)


@pytest.mark.parametrize(("side", "stop", "expected"), [(Side.LONG, "99.95", "99.9"), (Side.SHORT, "100.05", "100.1")])
def test_stop_too_near_is_moved_to_the_least_distance(side: Side, stop: str, expected: str) -> None:
    group = stopped(side, ("100", "1"), stop=None, signal_stop=D(stop))
    assert stop_mode_price(group, CENT, D(100)) == D(expected)


@pytest.mark.parametrize(
    ("side", "second", "stop", "expected"),
    [
        (Side.LONG, "120", "115", "115"),
        (Side.LONG, "120", "119.95", "119.88"),
        (Side.SHORT, "80", "85", "85"),
        (Side.SHORT, "80", "80.05", "80.08"),
    ],
)
def test_a_pyramids_stop_is_only_kept_off_the_pyramids_own_entry(
    side: Side, second: str, stop: str, expected: str
) -> None:
    group = group_of([leg_of(0, "100", "1"), leg_of(0, second, "1", pyramid=1)], side, signal_stop=D(stop))
    group = filled_at(filled_at(group, (0, 0), "100", "1"), (1, 0), second, "1")
    assert current_stop(group, CENT) == resting_stop(group, CENT) == D(expected)


def test_average_that_does_not_end_does_not_cost_a_tick() -> None:
    # (106 + 107 + 107) / 3 = 106.66… x 0.9 is 96 exactly
    group = stopped(Side.LONG, ("106", "1"), ("107", "1"), ("107", "1"), stop=percent_stop("10"))
    assert current_stop(group, CENT) == D(96)


def test_rounding_toward_the_entry_never_brings_a_stop_too_near() -> None:
    group = stopped(Side.LONG, ("10", "1"), stop=percent_stop("3"))
    assert current_stop(group, rules_of("1", "0.001")) == D(9)


def test_no_stop_without_one_set_or_with_nothing_open() -> None:
    assert current_stop(stopped(Side.LONG, ("100", "1"), stop=None), CENT) is None
    flat = after_exits(stopped(Side.LONG, ("100", "1"), stop=percent_stop(), stop_price=D(98)), 1, "1")
    assert current_stop(flat, CENT) is None
    assert tightened_stop(flat, CENT) is None


@pytest.mark.parametrize(
    ("side", "fee", "expected"),
    [
        (Side.LONG, "0", "100"),
        (Side.SHORT, "0", "100"),
        # 100 x 1.0005 / 0.9995 = 100.10005…, and its mirror 99.90004…, toward the entry
        (Side.LONG, "0.0005", "100.10"),
        (Side.SHORT, "0.0005", "99.91"),
    ],
)
def test_break_even_pays_the_fees_of_both_ways_after_the_exits_asked_for(side: Side, fee: str, expected: str) -> None:
    group = stopped(side, ("100", "1"), stop=percent_stop(breakeven_after_tp=2))
    far = side.shifted(D(100), D(2))
    assert (
        current_stop(secured(after_exits(group, 1), far, D(fee)), CENT) == {Side.LONG: D(97), Side.SHORT: D(103)}[side]
    )
    assert current_stop(secured(after_exits(group, 2), far, D(fee)), CENT) == D(expected)


@pytest.mark.parametrize(
    ("side", "before", "at", "beyond"),
    [(Side.LONG, "99", "100.10", "100.11"), (Side.SHORT, "101", "99.91", "99.90")],
)
def test_break_even_is_no_stop_before_the_price_is_beyond_it_and_stays_one_after(
    side: Side, before: str, at: str, beyond: str
) -> None:
    group = after_exits(stopped(side, ("100", "1"), stop=percent_stop(breakeven_after_tp=1)), 1)
    configured = {Side.LONG: D(97), Side.SHORT: D(103)}[side]
    for price in (before, at):
        group = secured(group, D(price))
        assert current_stop(group, CENT) == resting_stop(group, CENT) == configured
        assert awaited_break_even(group, CENT, FEE) == D(at)
    for price in (beyond, before):
        group = secured(group, D(price))
        assert current_stop(group, CENT) == resting_stop(group, CENT) == D(at)
        assert awaited_break_even(group, CENT, FEE) is None


def test_break_even_waits_for_what_can_be_sold_and_for_what_would_trigger_it() -> None:
    group = after_exits(stopped(Side.LONG, ("100", "1"), stop=percent_stop(breakeven_after_tp=1)), 1)
    beyond = Quote.flat(D(102), MOMENT)
    assert secured_stop(group, CENT, FEE, None) is None
    assert secured_stop(group, CENT, FEE, replace(beyond, bid=D(100))) is None
    assert secured_stop(group, CENT, FEE, replace(beyond, last=D(100))) is None
    assert secured_stop(group, CENT, FEE, beyond) == D("100.10")


def test_an_entry_below_the_break_even_that_waits_is_not_beyond_the_stop() -> None:
    legs = [leg_of(index, price, "2") for index, price in enumerate(("100", "99", "98"))]
    group = group_of(legs, grid=grid_of(stop_loss=percent_stop(breakeven_after_tp=1)))
    group = after_exits(filled_at(group, (0, 0), "100", "2"), 1)
    assert legs_beyond_stop(group, CENT) == frozenset()
    assert legs_beyond_stop(secured(group, D(102)), CENT) == {(0, 1), (0, 2)}


def test_break_even_before_rounding_leaves_neither_profit_nor_loss() -> None:
    fine = rules_of("1e-15", "0.001")
    for side in Side:
        group = after_exits(stopped(side, ("100", "2"), stop=percent_stop(breakeven_after_tp=1)), 1)
        stop = secured_stop(group, fine, FEE, Quote.flat(side.shifted(D(100), D(2)), MOMENT))
        assert stop is not None
        fees = FEE * (group.open_value + stop * group.open_quantity)
        assert abs(group.unrealized_pnl(stop) - fees) < D("1e-12")


def secured(group: Group, price: Decimal, fee: Decimal = FEE) -> Group:
    """The group with its stop moved on at this price."""
    return replace(group, stop_price=secured_stop(group, CENT, fee, Quote.flat(price, MOMENT)))


def trailing(activation: str, callback: str) -> dict[str, Any]:
    return percent_stop("5", trailing={"activation_percent": activation, "callback_percent": callback})


@pytest.mark.parametrize(
    ("side", "before", "activating", "further", "at_first", "later"),
    [(Side.LONG, "101.99", "102", "110", "100.98", "108.90"), (Side.SHORT, "98.01", "98", "90", "98.98", "90.90")],
)
def test_trailing_begins_at_its_activation_and_follows_the_best_price(
    side: Side, before: str, activating: str, further: str, at_first: str, later: str
) -> None:
    group = stopped(side, ("100", "1"), stop=trailing("2", "1"))
    configured = current_stop(group, CENT)
    assert current_stop(with_price(group, D(before)), CENT) == configured
    group = with_price(group, D(activating))
    assert current_stop(group, CENT) == D(at_first)
    group = with_price(with_price(group, D(further)), D(100))
    assert current_stop(group, CENT) == D(later)


@pytest.mark.parametrize(
    ("side", "rests", "best", "expected"),
    [
        (Side.LONG, "108.90", "110.06", None),  # 108.95 is 0.05 further, which is less than 0.05 % of it
        (Side.LONG, "108.90", "110.07", "108.96"),
        (Side.SHORT, "90.90", "89.96", None),
        (Side.SHORT, "90.90", "89.95", "90.85"),
        (Side.LONG, None, "110", "108.90"),  # the configured stop rests far below
        (Side.LONG, "108.90", "109", None),  # never back
    ],
)
def test_h20_a_stop_trails_only_by_what_is_worth_an_order(
    side: Side, rests: str | None, best: str, expected: str | None
) -> None:
    group = with_price(stopped(side, ("100", "1"), stop=trailing("2", "1")), D(best))
    group = replace(group, stop_price=None if rests is None else D(rests))
    assert trailed_stop(group, CENT) == (None if expected is None else D(expected))


def test_h20_a_coarse_tick_is_the_least_that_a_stop_trails() -> None:
    group = with_price(stopped(Side.LONG, ("100", "1"), stop=trailing("2", "1")), D("112.5"))
    assert trailed_stop(replace(group, stop_price=D(110)), rules_of("1", "0.001")) == D(111)
    assert trailed_stop(replace(group, stop_price=D(111)), rules_of("1", "0.001")) is None


def test_h20_break_even_is_not_held_back_however_near_the_stop_is() -> None:
    group = after_exits(stopped(Side.LONG, ("100", "2"), stop=percent_stop(breakeven_after_tp=1)), 1)
    even = secured(group, D(102)).stop_price
    assert even is not None
    assert secured(replace(group, stop_price=even - D("0.01")), D(102)).stop_price == even


def test_best_price_is_kept_only_where_something_trails_and_is_open() -> None:
    plain = stopped(Side.LONG, ("100", "1"), stop=percent_stop())
    assert with_price(plain, D(120)) is plain
    trails = stopped(Side.LONG, ("100", "1"), stop=trailing("2", "1"))
    assert with_price(trails, D(100)) is trails
    flat = after_exits(trails, 1, "1")
    assert with_price(flat, D(120)) is flat


def test_high_from_before_a_deeper_fill_does_not_set_off_the_trailing_stop() -> None:
    grid = grid_of(stop_loss=trailing("2", "1"))
    group = group_of([leg_of(0, "100", "1"), leg_of(1, "90", "9")], grid=grid)
    group = with_price(filled_at(group, (0, 0), "100", "1"), D(101))
    group = filled_at(group, (0, 1), "90", "9")
    assert current_stop(group, CENT) == D("86.45")


def test_stop_once_tightened_is_never_loosened() -> None:
    group = replace(stopped(Side.LONG, ("100", "1"), stop=percent_stop()), stop_price=D("99.5"))
    assert current_stop(group, CENT) == D("99.5")
    assert current_stop(replace(group, stop_price=D(90)), CENT) == D(97)


def test_new_position_of_a_group_that_was_flat_starts_with_its_configured_stop() -> None:
    stop = percent_stop(breakeven_after_tp=1, trailing={"activation_percent": 2, "callback_percent": 1})
    group = group_of([leg_of(0, "100", "1"), leg_of(1, "90", "1")], grid=grid_of(stop_loss=stop))
    group = with_price(filled_at(group, (0, 0), "100", "1"), D(110))
    group = replace(group, stop_price=current_stop(group, CENT))
    group = after_exits(group, 1, "1")
    assert current_stop(filled_at(group, (0, 1), "90", "1"), CENT) == D("87.30")


@pytest.mark.parametrize(("side", "last", "expected"), [
    (Side.LONG, "97.01", False), (Side.LONG, "97", True), (Side.LONG, "96", True),
    (Side.SHORT, "96.99", False), (Side.SHORT, "97", True), (Side.SHORT, "98", True),
])  # fmt: skip
def test_stop_is_through_once_the_last_price_is_at_it_or_beyond(side: Side, last: str, expected: bool) -> None:
    assert is_through(side, D(97), Quote.flat(D(last), MOMENT)) is expected


@pytest.mark.parametrize(
    ("side", "stop", "take_profit", "refused"),
    [
        (Side.LONG, "97", "103", False),
        (Side.LONG, None, None, False),
        (Side.LONG, "99.95", "100.05", False),
        (Side.LONG, "100", None, True),
        (Side.LONG, "101", None, True),
        (Side.LONG, "0", None, True),
        (Side.LONG, "97", "100", True),
        (Side.LONG, "97", "99", True),
        (Side.SHORT, "103", "97", False),
        (Side.SHORT, "99", None, True),
        (Side.SHORT, None, "101", True),
        (Side.SHORT, None, "0", True),
    ],
)
def test_wrong_side_is_always_refused(side: Side, stop: str | None, take_profit: str | None, refused: bool) -> None:
    prices = [None if price is None else D(price) for price in (stop, take_profit)]
    refusal = stop_refusal(side, D(100), prices[0], prices[1], grid_of())
    assert (refusal is not None) is refused
    assert refusal is None or refusal.code == "stop_sanity"


@pytest.mark.parametrize(
    ("stop", "take_profit", "says"),
    [
        ("99.95", None, "the stop 99.95 is nearer than 0.1 % to the entry 100"),
        ("99", "100.09", "the take-profit 100.09 is nearer than 0.1 % to the entry 100"),
        ("99.9", "100.1", None),
    ],
)
def test_too_near_is_refused_only_by_setting(stop: str, take_profit: str | None, says: str | None) -> None:
    target = None if take_profit is None else D(take_profit)
    refusal = stop_refusal(Side.LONG, D(100), D(stop), target, grid_of(on_too_near="refuse"))
    assert (None if refusal is None else refusal.detail) == says
    assert stop_refusal(Side.LONG, D(100), D(stop), target, grid_of(on_too_near="adjust")) is None


def test_percent_stop_too_near_is_refused_by_setting() -> None:
    grid = grid_of(on_too_near="refuse", stop_loss=percent_stop("0.05"))
    assert stop_refusal(Side.LONG, D(100), None, None, grid) is not None


def test_signal_mode_without_a_price_is_refused() -> None:
    refusal = stop_refusal(Side.LONG, D(100), None, None, grid_of(stop_loss={"mode": "signal"}))
    assert refusal is not None
    assert refusal.code == "stop_sanity"


def test_signals_stop_that_the_grid_does_not_use_is_not_judged() -> None:
    assert stop_refusal(Side.LONG, D(100), D(105), None, grid_of(stop_loss=percent_stop())) is None


@pytest.mark.parametrize(
    ("stop", "signal_stop", "expected"),
    [(None, None, False), (None, "95", True), ({"mode": "signal"}, "95", True), (percent_stop(), None, True)],
)
def test_open_quantity_needs_a_stop_where_one_is_set(
    stop: dict[str, Any] | None, signal_stop: str | None, expected: bool
) -> None:
    price = None if signal_stop is None else D(signal_stop)
    group = stopped(Side.LONG, ("100", "1"), stop=stop, signal_stop=price)
    assert needs_stop(group) is expected
    assert not needs_stop(after_exits(group, 1, "1"))


@given(data=st.data(), rules=market_rules(), side=SIDES, nearest=decimal_of("0", "5", 2))
def test_configured_stop_lies_on_the_losing_side_and_never_nearer_than_asked(
    data: st.DataObject, rules: MarketRules, side: Side, nearest: Decimal
) -> None:
    price = data.draw(prices_for(rules))
    percent = data.draw(decimal_of("0.01", "90", 2))
    by_signal = data.draw(st.booleans())
    grid = grid_of(min_distance_percent=nearest, stop_loss=None if by_signal else percent_stop(str(percent)))
    signal_stop = data.draw(prices_for(rules)) if by_signal else None
    group = filled_group(side, (str(price), "1"), (str(side.shifted(price, D(-1))), "2"), grid=grid)
    group = replace(group, signal_stop=signal_stop)
    stop, average = current_stop(group, rules), group.average_entry
    assert stop is not None
    assert average is not None
    assert stop % rules.tick_size == 0
    assert side.is_better(average, stop)
    assert side.gain(stop, average) > average * nearest / 100 - D("1e-12")
    if not by_signal:
        assert abs(side.gain(stop, average) - average * max(percent, nearest) / 100) < rules.tick_size


@given(
    data=st.data(),
    side=SIDES,
    prices=st.lists(decimal_of("50", "200", 2), min_size=1, max_size=12),
    activation=decimal_of("0", "20", 1),
    callback=decimal_of("0.1", "20", 1),
)
def test_stop_only_ever_moves_in_favour_while_prices_come_and_exits_fill(
    data: st.DataObject, side: Side, prices: list[Decimal], activation: Decimal, callback: Decimal
) -> None:
    stop = percent_stop(breakeven_after_tp=2, trailing={"activation_percent": activation, "callback_percent": callback})
    group = stopped(side, ("100", "5"), ("98", "5"), stop=stop)
    seen: list[Decimal] = []
    for price in prices:
        if data.draw(st.booleans()) and group.open_quantity > 1:
            leg = data.draw(st.sampled_from([0, 1]))
            group = book_exit(group, 0, leg, price, D("0.4"), ZERO)
        group = with_price(group, price)
        group = secured(group, price)
        group = replace(group, stop_price=tightened_stop(group, CENT))
        now = tightened_stop(group, CENT)
        if now is not None:
            seen.append(now)
        wanted = current_stop(group, CENT)
        assert wanted is not None
        assert now is None or not side.is_better(now, wanted)
    assert all(not side.is_better(before, after) for before, after in itertools.pairwise(seen))


@given(
    side=SIDES,
    prices=st.lists(decimal_of("50", "200", 2), min_size=2, max_size=12),
    activation=decimal_of("0", "20", 1),
    callback=decimal_of("0.1", "20", 1),
)
def test_current_stop_rises_with_the_best_price(
    side: Side, prices: list[Decimal], activation: Decimal, callback: Decimal
) -> None:
    group = stopped(side, ("100", "1"), stop=trailing(str(activation), str(callback)))
    stops: list[Decimal] = []
    for price in prices:
        group = with_price(group, price)
        stop = current_stop(group, CENT)
        assert stop is not None
        stops.append(stop)
        assert group.best_price is not None
        assert not side.is_better(price, group.best_price)
    assert all(not side.is_better(before, after) for before, after in itertools.pairwise(stops))


@pytest.mark.parametrize(("side", "prices"), [(Side.LONG, ["200", "192", "188"]), (Side.SHORT, ["200", "208", "212"])])
def test_a_leg_is_beyond_the_stop_only_if_it_is_so_once_all_shallower_legs_have_filled(
    side: Side, prices: list[str]
) -> None:
    legs = [leg_of(index, price, "1") for index, price in enumerate(prices)]
    group = filled_at(group_of(legs, side, grid_of(stop_loss=percent_stop("5"))), (0, 0), "200", "1")
    assert current_stop(group, CENT) == {Side.LONG: D("190"), Side.SHORT: D("210")}[side]
    assert legs_beyond_stop(group, CENT) == frozenset()
    by_hand = replace(group, manual_stop=D("190") if side is Side.LONG else D("210"))
    assert legs_beyond_stop(by_hand, CENT) == {(0, 2)}


def test_a_leg_beyond_the_stop_does_not_hold_a_deeper_one_within_it() -> None:
    legs = [leg_of(0, "200", "1"), leg_of(1, "189", "100"), leg_of(2, "188", "1")]
    group = filled_at(group_of(legs, Side.LONG, grid_of(stop_loss=percent_stop("5"))), (0, 0), "200", "1")
    assert legs_beyond_stop(group, CENT) == {(0, 1), (0, 2)}


@pytest.mark.parametrize("role", [OrderRole.CLOSE, OrderRole.STOP_LOSS])
def test_only_fills_of_take_profits_count_for_break_even(role: OrderRole) -> None:
    group = stopped(Side.LONG, ("100", "2"), stop=percent_stop(breakeven_after_tp=1))
    reduced = book_exit(group, None, None, D(99), D("0.5"), ZERO, role)
    assert awaited_break_even(reduced, CENT, FEE) is None
    assert awaited_break_even(after_exits(reduced, 1), CENT, FEE) is not None
