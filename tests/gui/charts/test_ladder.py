"""The ladder chart: what it paints, and what the pointer does."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from time import thread_time
from typing import Any

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QImage, QWheelEvent
from PySide6.QtTest import QSignalSpy, QTest
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from app.gui.charts.axes import TimeWindow
from app.gui.charts.ladder import LadderChart, on_tick
from app.gui.charts.ladder_state import LadderFill, LadderLine, LadderState
from app.gui.charts.ladder_view import price_range
from app.gui.theme import theme
from tests.gui.charts.scenes import START, D, candle, candles, entries, holds, ladder, painted


@pytest.fixture
def chart(qtbot: QtBot) -> LadderChart:
    made = LadderChart()
    qtbot.addWidget(made)
    made.resize(690, 246)
    return made


def turn(chart: LadderChart, x: float, across: int, along: int) -> None:
    """Turn the wheel over the chart."""
    event = QWheelEvent(
        QPointF(x, 100), QPointF(x, 100), QPoint(), QPoint(across, along), Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier, Qt.ScrollPhase.NoScrollPhase, False,
    )  # fmt: skip
    QApplication.sendEvent(chart, event)


def hundred_lines() -> tuple[LadderLine, ...]:
    return tuple(
        LadderLine(("tp", "entry", "stop", "average")[place % 4], f"Line {place}", D(45) + D(place) / 10, START, place)
        for place in range(100)
    )


def priced(price: Decimal, swing: Decimal, tick: Decimal) -> LadderState:
    lines = (LadderLine("tp", "TP L0", price + swing * 5, START), LadderLine("stop", "Stop", price - swing, START))
    fills = (LadderFill(START, price),)
    return ladder(candles=candles(40, price, swing), lines=lines, fills=fills, tick_size=tick, mark=price)


ODD_STATES: dict[str, Callable[[], LadderState]] = {
    "no candles": lambda: ladder(candles=()),
    "no candles, no mark": lambda: ladder(candles=(), mark=None),
    "nothing at all": lambda: ladder(candles=(), lines=(), fills=(), mark=None),
    "only a mark": lambda: ladder(candles=(), lines=(), fills=()),
    "one candle": lambda: ladder(candles=candles(1)),
    "equal prices": lambda: ladder(candles=candles(20, D(50), D(0)), lines=(), fills=(), mark=D(50)),
    "all at nothing": lambda: ladder(candles=candles(20, D(0), D(0)), lines=(), fills=(), mark=D(0)),
    "no lines": lambda: ladder(lines=(), fills=()),
    "a hundred lines": lambda: ladder(lines=hundred_lines()),
    "equal lines": lambda: ladder(lines=entries(1) * 5),
    "tiny prices": lambda: priced(D("1e-8"), D("1e-9"), D("1e-10")),
    "huge prices": lambda: priced(D("1e6"), D("1e4"), D("0.1")),
    "huge prices, tiny moves": lambda: priced(D("1e6"), D("1e-8"), D("1e-8")),
    "tiny and huge": lambda: priced(D("1e-8"), D("1e6"), D("1e-8")),
    "a tick of a quarter": lambda: ladder(tick_size=D("0.25")),
    "old lines and fills": lambda: ladder(
        lines=tuple(replace(line, since=START - timedelta(days=9)) for line in entries(3)),
        fills=(LadderFill(START - timedelta(days=9), D(50)),),
    ),
    "lines of the future": lambda: ladder(lines=tuple(replace(e, since=START + timedelta(days=9)) for e in entries(3))),
    "stale": lambda: ladder(stale=True),
    "many candles": lambda: ladder(candles=candles(1500)),
}


@pytest.mark.parametrize("name", ODD_STATES)
@pytest.mark.parametrize("size", [(690, 246), (320, 160), (90, 40), (1, 1), (1600, 900)])
def test_painting_survives(chart: LadderChart, name: str, size: tuple[int, int]) -> None:
    chart.setMinimumSize(0, 0)
    chart.set_state(ODD_STATES[name]())
    chart.let_stop_move(lambda _: "")
    assert not painted(chart, *size).isNull()


@pytest.mark.parametrize("name", ODD_STATES)
def test_the_cross_hair_survives(chart: LadderChart, name: str) -> None:
    chart.set_state(ODD_STATES[name]())
    chart.show()
    for x in (5, 60, 300, 440, 600):
        QTest.mouseMove(chart, QPoint(x, 90))
        assert not chart.grab().isNull()


def test_without_a_state_a_sentence_stands_there(chart: LadderChart) -> None:
    before = painted(chart)
    chart.set_message("The candles of AVAX cannot be read.")
    assert painted(chart) != before
    assert chart.accessibleDescription() == "The candles of AVAX cannot be read."
    chart.set_state(ladder())
    chart.set_state(None)
    assert chart.state is None
    assert chart.accessibleDescription() == "The candles of AVAX cannot be read."


def test_the_chart_says_what_it_shows(chart: LadderChart) -> None:
    chart.set_state(ladder())
    assert chart.accessibleName() == "Ladder of AVAX/USDT:USDT, 4h"
    assert "stop 46.47" in chart.accessibleDescription()


@pytest.mark.parametrize(
    "color", ["chart_tp", "chart_entry", "chart_average", "chart_stop", "chart_price", "chart_grid", "text_primary"]
)
def test_every_role_has_its_colour(chart: LadderChart, color: str) -> None:
    chart.set_state(ladder())
    assert holds(painted(chart), theme.color(color))


def test_colours_follow_the_theme(chart: LadderChart) -> None:
    chart.set_state(ladder())
    dark, dark_ground, dark_stop = painted(chart), theme.color("bg_panel"), theme.color("chart_stop")
    theme.choose("light")
    light = painted(chart)
    assert dark.pixelColor(1, 1) == dark_ground
    assert light.pixelColor(1, 1) == theme.color("bg_panel") != dark_ground
    assert holds(light, theme.color("chart_stop"))
    assert not holds(light, dark_stop)


def test_text_grows_and_nothing_breaks(chart: LadderChart) -> None:
    chart.set_state(ladder())
    small = painted(chart)
    theme.zoom(150)
    assert painted(chart) != small


def test_the_grip_is_drawn_only_where_the_stop_can_be_moved(chart: LadderChart) -> None:
    chart.set_state(ladder())
    still = painted(chart)
    chart.let_stop_move(lambda _: "")
    assert painted(chart) != still
    chart.let_stop_move(None)
    assert painted(chart) == still


def columns_of(image: QImage, y: int, color: str) -> list[int]:
    wanted = theme.color(color)
    return [x for x in range(image.width()) if image.pixelColor(x, y) == wanted]


def test_a_line_starts_when_it_began_to_exist(chart: LadderChart) -> None:
    early, late = (
        ladder(lines=(LadderLine("stop", "Stop", D(46), START + timedelta(hours=hours)),), fills=(), mark=None)
        for hours in (2, 20)
    )
    chart.set_state(early)
    first = min(min(found) for y in range(246) if (found := columns_of(painted(chart), y, "chart_stop")))
    chart.set_state(late)
    second = min(min(found) for y in range(246) if (found := columns_of(painted(chart), y, "chart_stop")))
    spacing = (second - first) / 36
    assert 5 < spacing < 9
    assert first == pytest.approx(12 + 4.5 * spacing, abs=2)


def test_a_rising_candle_is_hollow_and_a_falling_one_filled(chart: LadderChart) -> None:
    def inked(opened: Decimal, closed: Decimal) -> int:
        chart.set_state(ladder(candles=(candle(0, opened, closed),), lines=(), fills=(), mark=None))
        image = painted(chart)
        return sum(len(columns_of(image, y, "chart_price")) for y in range(246))

    assert inked(D(50), D(51)) < inked(D(51), D(50)) / 2


def test_above_twelve_lines_the_labels_fold(chart: LadderChart) -> None:
    chart.set_state(ladder(lines=entries(12), fills=()))
    frames = label_frames(painted(chart, 690, 400))
    chart.set_state(ladder(lines=entries(13), fills=()))
    assert (frames, label_frames(painted(chart, 690, 400))) == (12, 1)


def label_frames(image: QImage) -> int:
    """Labels in the column: their upper and lower edges are the only lines without a gap right of the elbows."""
    x, wanted = 600, theme.color("chart_entry")
    return sum(
        all(image.pixelColor(x - step, y) == wanted for step in range(100)) for y in range(image.height())
    ) // 2  # fmt: skip


def test_lines_without_a_label_are_counted_at_the_foot_of_the_column(chart: LadderChart) -> None:
    chart.set_state(ladder(lines=hundred_lines(), mark=None))
    image = painted(chart)
    words = [y for y in range(246) if any(500 <= x < 600 for x in columns_of(image, y, "text_tertiary"))]
    assert words
    assert min(words) > 200


def test_an_old_price_loses_its_emphasis_and_gains_a_clock(chart: LadderChart) -> None:
    def box(state: LadderState, color: str, columns: range) -> int:
        chart.set_state(state)
        image = painted(chart)
        return sum(x in columns for y in range(246) for x in columns_of(image, y, color))

    edge, beside_the_text = range(682, 688), range(669, 682)
    fresh, old = ladder(), ladder(stale=True)
    assert box(fresh, "text_primary", edge) == box(old, "text_tertiary", edge) > 60
    assert box(old, "text_primary", edge) == 0
    assert box(old, "text_tertiary", beside_the_text) < box(fresh, "text_primary", beside_the_text)


@pytest.mark.parametrize(
    ("price", "tick", "said"),
    [
        (49.6237, D("0.25"), D("49.50")),
        (49.6237, D("0.01"), D("49.62")),
        (2.4e-8, D("1e-8"), D("2e-8")),
        (7.3, D(0), D("7.3")),
    ],
)
def test_the_cross_hair_tells_prices_that_the_market_knows(price: float, tick: Decimal, said: Decimal) -> None:
    assert on_tick(price, tick) == said


def test_the_wheel_zooms_around_the_pointer(chart: LadderChart) -> None:
    chart.set_state(ladder(candles=candles(100)))
    painted(chart)
    turn(chart, 230, 0, 120)
    assert chart.window_shown.width(100) == pytest.approx(85)
    assert 0 < chart.window_shown.behind < 15
    turn(chart, 230, 0, -120)
    turn(chart, 230, 0, -120)
    assert chart.window_shown == TimeWindow()


def test_a_wheel_turned_sideways_pans_and_does_not_zoom(chart: LadderChart) -> None:
    chart.set_state(ladder(candles=candles(100)))
    painted(chart)
    turn(chart, 440, 0, 600)
    painted(chart)
    width = chart.window_shown.width(100)
    before = chart.window_shown.behind
    turn(chart, 440, 120, 0)
    assert chart.window_shown.width(100) == width
    assert chart.window_shown.behind > before


def test_a_wheel_that_did_not_turn_changes_nothing(chart: LadderChart) -> None:
    chart.set_state(ladder())
    painted(chart)
    turn(chart, 230, 0, 0)
    assert chart.window_shown == TimeWindow()


def test_dragging_pans_and_a_double_click_resets(chart: LadderChart) -> None:
    chart.set_state(ladder(candles=candles(100)))
    chart.show()
    painted(chart)
    turn(chart, 450, 0, 600)
    chart.grab()
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(100, 90))
    QTest.mouseMove(chart, QPoint(200, 90))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 90))
    assert chart.window_shown.behind > 5
    panned = chart.window_shown
    QTest.mouseMove(chart, QPoint(300, 90))
    assert chart.window_shown == panned
    QTest.mouseDClick(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, QPoint(200, 90))
    assert chart.window_shown == TimeWindow()


def test_zoom_stays_for_new_prices_and_goes_with_another_market(chart: LadderChart) -> None:
    chart.set_state(ladder(candles=candles(100)))
    painted(chart)
    turn(chart, 440, 0, 240)
    zoomed = chart.window_shown
    chart.set_state(ladder(candles=candles(100), mark=D(50)))
    assert chart.window_shown == zoomed
    chart.set_state(ladder(candles=candles(100), symbol="ETH/USDT:USDT"))
    assert chart.window_shown == TimeWindow()


def test_the_pointer_moves_over_the_picture_without_painting_it_again(
    chart: LadderChart, monkeypatch: pytest.MonkeyPatch
) -> None:
    chart.set_state(ladder())
    chart.show()
    plain = painted(chart)
    painted_again: list[Any] = []
    monkeypatch.setattr(chart, "paint_picture", painted_again.append)
    QTest.mouseMove(chart, QPoint(200, 90))
    assert chart.grab().toImage() != plain
    chart.set_state(ladder())
    chart.grab()
    assert not painted_again
    chart.set_state(ladder(mark=D(50)))
    chart.grab()
    assert painted_again


def test_the_cross_hair_goes_with_the_pointer(chart: LadderChart) -> None:
    chart.set_state(ladder())
    chart.show()
    plain = painted(chart)
    QTest.mouseMove(chart, QPoint(200, 90))
    assert holds(chart.grab().toImage(), theme.color("chart_crosshair"))
    QApplication.sendEvent(chart, QEvent(QEvent.Type.Leave))
    assert chart.grab().toImage() == plain


def test_prices_in_sight_have_air_and_are_never_one() -> None:
    low, high = price_range(ladder(), TimeWindow())
    assert low < 46.47
    assert high > 53
    low, high = price_range(ladder(candles=candles(3, D(0), D(0)), lines=(), mark=None), TimeWindow())
    assert low < 0 < high


def test_two_hundred_candles_and_twenty_lines_are_painted_quickly(chart: LadderChart) -> None:
    chart.set_state(ladder(candles=candles(200), lines=(*entries(8), *entries(8, 1, D(47)), *ladder().lines[:4])))
    painted(chart)
    spent = []
    for _ in range(20):
        chart.redraw()
        began = thread_time()
        chart.grab()
        spent.append(thread_time() - began)
    assert min(spent) < 0.02  # some 0.003 on a quiet machine; a crowded one is slower


def test_what_the_pointer_does_the_keys_do_too(chart: LadderChart) -> None:
    chart.set_state(ladder())
    painted(chart)
    whole = chart.window_shown
    QTest.keyClick(chart, Qt.Key.Key_Plus)
    zoomed = chart.window_shown
    painted(chart)
    QTest.keyClick(chart, Qt.Key.Key_Left)
    panned = chart.window_shown
    QTest.keyClick(chart, Qt.Key.Key_Home)
    assert len({whole, zoomed, panned}) == 3
    assert chart.window_shown == whole


# ------------------------------------------------------------------------------------------- the stop is dragged


def dragged() -> LadderState:
    return priced(D(50), D(2), D("0.01"))


def stop_at(chart: LadderChart) -> QPoint:
    view, state = chart._view, chart.state
    assert view is not None
    assert state is not None
    return QPoint(120, round(view.y(next(line.price for line in state.lines if line.role == "stop"))))


def movable(chart: LadderChart, highest: Decimal) -> QSignalSpy:
    """A stop that may lie up to `highest`."""
    chart.set_state(dragged())
    chart.let_stop_move(lambda price: f"{price}" if price <= highest else None)
    chart.grab()
    return QSignalSpy(chart.stop_moved)


def test_a_dragged_stop_asks_for_the_tick_under_the_pointer(chart: LadderChart) -> None:
    asked = movable(chart, Decimal(10**6))
    at = stop_at(chart)
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.mouseMove(chart, at + QPoint(0, 12))
    assert not chart.grab().isNull()
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at + QPoint(0, 12))
    assert asked.count() == 1
    price, state = asked.at(0)[0], chart.state
    assert state is not None
    assert price % state.tick_size == 0
    assert price < next(line.price for line in state.lines if line.role == "stop")
    assert chart.window_shown == TimeWindow()


def test_a_stop_stays_where_it_may_lie(chart: LadderChart) -> None:
    stop = next(line.price for line in dragged().lines if line.role == "stop")
    asked = movable(chart, stop)
    at = stop_at(chart)
    QTest.mousePress(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at)
    QTest.mouseMove(chart, at - QPoint(0, 30))
    QTest.mouseRelease(chart, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier, at - QPoint(0, 30))
    assert asked.count() == 0


def test_the_arrow_keys_take_the_stop_along_and_escape_restores_it(chart: LadderChart) -> None:
    asked = movable(chart, Decimal(10**6))
    QTest.keyClick(chart, Qt.Key.Key_Down)
    QTest.keyClick(chart, Qt.Key.Key_Escape)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    assert asked.count() == 0
    QTest.keyClick(chart, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    state = chart.state
    assert state is not None
    stop = next(line.price for line in state.lines if line.role == "stop")
    assert asked.at(0)[0] == stop - 10 * state.tick_size


def test_without_leave_the_stop_cannot_be_dragged(chart: LadderChart) -> None:
    asked = movable(chart, Decimal(10**6))
    chart.let_stop_move(None)
    QTest.keyClick(chart, Qt.Key.Key_Down)
    QTest.keyClick(chart, Qt.Key.Key_Return)
    assert asked.count() == 0
