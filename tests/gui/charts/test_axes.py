"""Axes: round numbers, round times, and what stays in sight."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.gui.charts.axes import FEWEST_BARS, TimeWindow, bar_seconds, finer, multiples, round_step, time_ticks
from tests.gui.charts.scenes import START, D

ranges = st.tuples(st.floats(-1e7, 1e7), st.floats(1e-8, 1e7)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(ranges, st.integers(1, 12))
def test_round_numbers_are_inside_and_never_too_many(span: tuple[float, float], most: int) -> None:
    low, high = span
    assume(high > low)
    step = round_step(low, high, most)
    assert step is not None
    values = multiples(step, low, high)
    assert len(values) <= most
    assert all(Decimal(low) <= value <= Decimal(high) and value % step == 0 for value in values)


@given(ranges)
def test_axis_texts_stand_on_every_grid_line(span: tuple[float, float]) -> None:
    low, high = span
    assume(high > low)
    step = round_step(low, high, 6)
    assert step is not None
    part = finer(step, low, high, 10)
    assert set(multiples(step, low, high)) <= set(multiples(part, low, high))
    assert len(multiples(part, low, high)) <= 10


def test_grid_lines_stand_at_ones_twos_and_fives() -> None:
    assert multiples(D(500), 9_980.0, 11_420.0) == [D(10_000), D(10_500), D(11_000)]
    assert round_step(9_980.0, 11_420.0, 6) == D(500)
    assert round_step(46.2, 50.8, 6) == D(1)
    assert finer(D(1), 46.2, 50.8, 10) == D("0.5")


def test_no_grid_line_is_finer_than_the_tick() -> None:
    assert round_step(49.99, 50.02, 6, D("0.01")) == D("0.01")
    assert finer(D("0.01"), 49.99, 50.02, 99, D("0.01")) == D("0.01")


def test_where_there_is_no_room_there_is_no_grid() -> None:
    assert round_step(1.0, 1.0, 6) is None
    assert round_step(1.0, 2.0, 0) is None


def test_times_are_round_and_a_day_is_said_once() -> None:
    times = [START + timedelta(minutes=30 * place) for place in range(58)]
    ticks = time_ticks(times, 0, 57, 12)
    assert [tick.text for tick in ticks] == ["19 Nov 18:00", "20 Nov 00:00", "06:00", "12:00"]
    assert [times[tick.place].hour for tick in ticks] == [18, 0, 6, 12]


def test_days_are_said_without_hours_and_a_new_year_with_its_number() -> None:
    times = [START + timedelta(days=7 * place) for place in range(9)]
    said = [tick.text for tick in time_ticks(times, 0, 8, 1)]
    assert said == ["26 Nov", "3 Dec", "10 Dec", "17 Dec", "24 Dec", "31 Dec", "7 Jan 2027", "14 Jan"]


def test_seconds_are_said_where_bars_are_that_short() -> None:
    times = [START + timedelta(seconds=place) for place in range(60)]
    assert [tick.text for tick in time_ticks(times, 0, 59, 12)][:2] == ["19 Nov 13:00:00", "13:00:15"]


def test_a_tick_stands_behind_the_text_before_it() -> None:
    times = [START + timedelta(seconds=place) for place in range(120)]
    ticks = time_ticks(times, 0, 119, 15, lambda text: 1.2 * len(text))
    assert [tick.text for tick in ticks][:3] == ["19 Nov 13:00:00", "13:00:30", "13:00:45"]


def test_a_single_bar_has_its_time() -> None:
    assert [tick.text for tick in time_ticks([START + timedelta(minutes=7)], 0, 0, 4)] == ["19 Nov 13:07"]
    assert time_ticks([], 0, -1, 4) == []


@given(st.lists(st.integers(1, 10_000), min_size=1, max_size=60), st.floats(0.5, 40))
def test_ticks_keep_their_distance(gaps: list[int], apart: float) -> None:
    times = [START + timedelta(seconds=sum(gaps[:place])) for place in range(len(gaps))]
    places = [tick.place for tick in time_ticks(times, 0, len(times) - 1, apart)]
    assert places
    assert all(after - before >= apart * 0.8 for before, after in pairwise(places))


def test_the_time_of_a_bar_is_the_smallest_gap() -> None:
    assert bar_seconds([START, START + timedelta(hours=3), START + timedelta(hours=4)]) == 3600
    assert bar_seconds([START]) == 60


@given(st.floats(0.2, 5), st.floats(0, 1), st.integers(0, 500), st.floats(1, 500), st.floats(0, 500))
def test_zoom_and_pan_stay_inside_the_candles(
    factor: float, anchor: float, count: int, bars: float, back: float
) -> None:
    window = TimeWindow(bars).inside(count).zoomed(factor, anchor, count).panned(back, count)
    assert 0 <= window.behind <= max(count - window.width(count), 0)
    assert FEWEST_BARS <= window.width(count) <= max(count, FEWEST_BARS)
    assert count < FEWEST_BARS or window.first(count) >= -1e-6


@given(st.floats(0.3, 0.95), st.floats(0, 1))
def test_the_bar_under_the_pointer_stays_under_it(factor: float, anchor: float) -> None:
    before = TimeWindow(100, 50)
    after = before.zoomed(factor, anchor, 200)
    under = before.first(200) + anchor * before.width(200)
    assert after.first(200) + anchor * after.width(200) == pytest.approx(under)


def test_zooming_out_to_all_bars_follows_new_ones() -> None:
    window = TimeWindow(20).zoomed(1000, 1, 100)
    assert window == TimeWindow()
    assert window.width(101) == 101
