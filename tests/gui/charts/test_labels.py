"""Labels of the ladder: they never overlap, and fold where they are too many."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gui.charts.ladder_state import LadderLine, chosen, folded, pushed_apart, summary
from tests.gui.charts.scenes import START, D, entries, ladder

GAP = 17.0
NEARLY = 1e-6
pixels = st.floats(-500, 1500)
rooms = st.tuples(st.floats(0, 400), st.floats(0, 1000)).map(lambda pair: (pair[0], pair[0] + pair[1]))
fitting = st.lists(pixels, max_size=30).flatmap(
    lambda wanted: st.tuples(st.just(wanted), st.floats(GAP * max(len(wanted) - 1, 0), 2000))
)
prices = st.decimals(D("0.01"), D(100_000), places=2)
lines = st.lists(
    st.builds(
        LadderLine,
        role=st.sampled_from(["entry", "entry", "tp", "average", "stop"]),
        label=st.just("label"),
        price=prices,
        since=st.just(START),
        pyramid=st.sampled_from([None, 0, 1, 2]),
    ),
    max_size=60,
)


@given(fitting)
def test_labels_that_fit_never_overlap_and_stay_inside(case: tuple[list[float], float]) -> None:
    wanted, room = case
    placed = sorted(pushed_apart(wanted, GAP, 0.0, room))
    assert all(after - before >= GAP - NEARLY for before, after in pairwise(placed))
    assert all(-NEARLY <= position <= room + NEARLY for position in placed)


@given(st.lists(pixels, max_size=60), rooms)
def test_labels_keep_their_order(wanted: list[float], room: tuple[float, float]) -> None:
    placed = pushed_apart(wanted, GAP, *room)
    assert len(placed) == len(wanted)
    ranks = sorted(range(len(wanted)), key=lambda place: wanted[place])
    assert all(placed[one] <= placed[other] + NEARLY for one, other in pairwise(ranks))


@given(st.lists(pixels, min_size=1, max_size=60), rooms)
def test_labels_that_do_not_fit_stay_inside_too(wanted: list[float], room: tuple[float, float]) -> None:
    low, high = room
    assert all(low - NEARLY <= position <= high + NEARLY for position in pushed_apart(wanted, GAP, low, high))


@given(st.integers(1, 20), st.floats(0, 100), st.floats(GAP, 60))
def test_labels_with_room_stay_where_they_want(count: int, first: float, step: float) -> None:
    wanted = [first + place * (step + NEARLY) for place in range(count)]
    assert pushed_apart(wanted, GAP, 0, 2000) == pytest.approx(wanted)


def test_a_label_gives_way_downwards_as_in_the_picture() -> None:
    assert pushed_apart([52.0, 65.0, 76.0], 17, 8, 220) == [52.0, 69.0, 86.0]


def test_labels_at_the_bottom_are_pushed_up() -> None:
    assert pushed_apart([219.0, 220.0], 17, 8, 220) == [203.0, 220.0]


def test_no_labels_need_no_room() -> None:
    assert pushed_apart([], 17, 0, 100) == []


def test_a_column_without_height_stacks_its_labels() -> None:
    assert pushed_apart([5.0, 1.0], 17, 10, 0) == [10, 10]


def test_twelve_labels_do_not_fold() -> None:
    assert [label.text for label in folded(entries(12))] == [f"Entry P0 L{leg}" for leg in range(12)]


def test_above_twelve_a_pyramids_waiting_entries_fold_into_one() -> None:
    labels = folded((*entries(10, 0), *entries(3, 1, D(48))))
    assert [(label.text, label.line.pyramid) for label in labels] == [("10 entries", 0), ("3 entries", 1)]


def test_a_pyramids_only_entry_keeps_its_name() -> None:
    labels = folded((*entries(12, 0), *entries(1, 1, D(40))))
    assert [label.text for label in labels] == ["12 entries", "Entry P1 L0"]


@given(lines)
def test_folding_loses_no_line_and_touches_entries_only(given_lines: list[LadderLine]) -> None:
    labels = folded(given_lines)
    assert sum(label.legs for label in labels) == len(given_lines)
    assert all(label.line.role == "entry" for label in labels if label.legs > 1)
    found = [label.line.price for label in labels]
    assert found == sorted(found, reverse=True)


@given(lines, st.integers(0, 20), st.none() | prices)
def test_what_is_shown_fits_and_what_is_not_is_counted(
    given_lines: list[LadderLine], room: int, near: Decimal | None
) -> None:
    labels, hidden = chosen(given_lines, room, near)
    assert len(labels) + (1 if hidden else 0) <= max(room, 1)
    assert sum(label.legs for label in labels) + hidden == len(given_lines)


def test_where_labels_are_too_many_stop_and_average_stay() -> None:
    crowd = [LadderLine("tp", f"TP L{leg}", D(50) + leg, START) for leg in range(30)]
    far = [LadderLine("stop", "Stop", D(1), START), LadderLine("average", "Average", D(99), START)]
    labels, hidden = chosen([*crowd, *far], 5, D(50))
    assert [label.text for label in labels] == ["Average", "TP L1", "TP L0", "Stop"]
    assert hidden == 28


def test_labels_fold_also_where_the_chart_is_too_low_for_them() -> None:
    labels, hidden = chosen(entries(8), 6, D(49))
    assert [label.text for label in labels] == ["8 entries"]
    assert hidden == 0


def test_the_summary_is_one_sentence_with_the_nearest_prices() -> None:
    assert summary(ladder()) == (
        "AVAX/USDT:USDT, price 49.62: 1 take-profit at 50.50; average 49.43; "
        "2 waiting entries, nearest 49.00; stop 46.47."
    )


def test_the_summary_says_that_a_price_is_old_or_missing() -> None:
    assert summary(ladder(stale=True, lines=())) == "AVAX/USDT:USDT, price 49.62, which is old: no orders."
    assert summary(ladder(mark=None, lines=entries(1))) == "AVAX/USDT:USDT, no price: 1 waiting entry at 49.00."
