"""The equity chart."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytestqt.qtbot import QtBot

from app.gui.charts.equity import TOO_FEW, EquityChart
from app.gui.charts.equity_points import EquityPoint, thinned
from app.gui.theme import theme
from tests.gui.charts.scenes import START, D, holds, painted

BASE, STEP = D(10_000), D(10)


def points(count: int, base: Decimal = BASE, step: Decimal = STEP, minutes: int = 1440) -> tuple[EquityPoint, ...]:
    return tuple(
        EquityPoint(START + timedelta(minutes=minutes * place), base + step * (place // 3 * 3), base + step * place)
        for place in range(count)
    )


@pytest.fixture
def chart(qtbot: QtBot) -> EquityChart:
    made = EquityChart()
    qtbot.addWidget(made)
    return made


ODD_POINTS = {
    "none": (),
    "one": points(1),
    "two": points(2),
    "equal": points(9, step=D(0)),
    "nothing": points(9, D(0), D(0)),
    "below nothing": points(9, D(-40)),
    "tiny": points(9, D("1e-8"), D("1e-9")),
    "huge": points(9, D("1e12"), D("1e9")),
    "huge, tiny moves": points(9, D("1e9"), D("1e-6")),
    "one moment": points(3, minutes=0),
    "seconds": tuple(EquityPoint(START + timedelta(seconds=place), D(place), D(place)) for place in range(4)),
    "years": points(900),
    "very many": points(20_000, minutes=5),
}


@pytest.mark.parametrize("name", ODD_POINTS)
@pytest.mark.parametrize("size", [(720, 230), (200, 80), (1, 1), (1200, 500)])
def test_painting_survives(chart: EquityChart, name: str, size: tuple[int, int]) -> None:
    chart.setMinimumSize(0, 0)
    chart.set_points(ODD_POINTS[name])
    assert not painted(chart, *size).isNull()


@pytest.mark.parametrize("count", [0, 1])
def test_with_fewer_than_two_samples_the_axes_stay_and_a_sentence_says_why(chart: EquityChart, count: int) -> None:
    chart.set_points(points(count))
    image = painted(chart, 720, 230)
    assert holds(image, theme.color("chart_grid"))
    assert holds(image, theme.color("text_tertiary"))
    assert chart.accessibleDescription() == TOO_FEW


def test_the_curve_is_told_in_one_sentence(chart: EquityChart) -> None:
    chart.set_points(points(3))
    assert chart.accessibleName() == "Equity curve"
    assert chart.accessibleDescription() == (
        "19 Nov 13:00 to 21 Nov 13:00 UTC: total from 10,000.00 to 10,020.00, realised 10,000.00."
    )


def test_realised_is_grey_and_the_last_total_stands_in_an_accent_box(chart: EquityChart) -> None:
    chart.set_points(points(60))
    image = painted(chart, 720, 230)
    assert holds(image, theme.color("chart_axis"))
    box = [y for y in range(230) if image.pixelColor(720 - 18, y) == theme.color("accent")]
    assert len(box) == theme.line("caption") + 4
    assert image.pixelColor(720 - 8, box[0]) == theme.color("bg_panel")


def test_grid_lines_are_at_most_six(chart: EquityChart) -> None:
    for step in (D(1), D(7), D(13), D(100)):
        chart.set_points(points(30, step=step))
        image = painted(chart, 720, 900)
        grid = [y for y in range(900) if image.pixelColor(17, y) == theme.color("chart_grid")]
        assert 2 <= len(grid) <= 6


def test_the_zero_line_is_stronger(chart: EquityChart) -> None:
    chart.set_points(points(9, D(-40)))
    assert holds(painted(chart, 720, 230), theme.color("border_control"))


def test_colours_follow_the_theme(chart: EquityChart) -> None:
    chart.set_points(points(30))
    dark = painted(chart, 720, 230)
    theme.choose("light")
    light = painted(chart, 720, 230)
    assert light.pixelColor(1, 1) == theme.color("bg_panel") != dark.pixelColor(1, 1)
    assert holds(light, theme.color("accent"))


@pytest.mark.parametrize(
    ("minutes", "count", "said"),
    [
        (1440, 60, ["19 Nov", "3 Dec", "18 Dec", "2 Jan 2027", "17 Jan"]),
        (5, 25, ["19 Nov 13:00", "13:30", "14:00", "14:30", "15:00"]),
        (1440, 900, ["19 Nov 2026", "2 Jul 2027", "11 Feb 2028", "22 Sep 2028", "6 May 2029"]),
    ],
)
def test_times_suit_the_span(chart: EquityChart, minutes: int, count: int, said: list[str]) -> None:
    chart.set_points(points(count, minutes=minutes))
    assert chart._times(5)[0] == said[0]
    assert chart._times(5)[-1].split()[0] == said[-1].split()[0]
    assert [text.split()[-1] for text in chart._times(5)] == [text.split()[-1] for text in said]


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(-1000, 1000)), max_size=400))
def test_a_thinned_line_keeps_its_ends_its_peaks_and_few_points(line: list[tuple[float, float]]) -> None:
    line.sort(key=lambda point: point[0])
    kept = thinned(line)
    assert len(kept) <= 4 * 51
    assert [point for point in line if point in set(kept)][:1] == kept[:1]
    if line:
        assert (kept[0], kept[-1]) == (line[0], line[-1])
        heights = [y for _, y in line]
        found = [y for _, y in kept]
        assert (min(found), max(found)) == (min(heights), max(heights))
        assert [x for x, _ in kept] == sorted(x for x, _ in kept)


def test_the_live_point_is_the_end_of_the_curve(chart: EquityChart) -> None:
    chart.set_points(points(3))
    chart.set_live(EquityPoint(START + timedelta(days=2, minutes=1), BASE, BASE + 25))
    assert chart.points[-1].total == BASE + 25
    assert chart.accessibleDescription().endswith("total from 10,000.00 to 10,025.00, realised 10,000.00.")


def test_one_sample_and_the_live_point_are_a_curve(chart: EquityChart) -> None:
    chart.set_points(points(1))
    chart.set_live(EquityPoint(START + timedelta(seconds=20), BASE, BASE + 5))
    assert chart.accessibleDescription() != TOO_FEW
    assert holds(painted(chart, 720, 230), theme.color("accent"))


def test_the_picture_of_the_samples_is_kept_while_the_live_point_moves_within_it(chart: EquityChart) -> None:
    chart.set_points(points(60))
    at = START + timedelta(days=59, seconds=10)
    chart.set_live(EquityPoint(at, BASE + 570, BASE + 580))
    painted(chart, 720, 230)
    kept = chart._picture
    chart.set_live(EquityPoint(at + timedelta(seconds=1), BASE + 570, BASE + 400))
    painted(chart, 720, 230)
    assert chart._picture is kept
    chart.set_live(EquityPoint(at + timedelta(seconds=2), BASE + 570, BASE + 4000))
    painted(chart, 720, 230)
    assert chart._picture is not kept
