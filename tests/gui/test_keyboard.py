"""The keyboard: where it is can be seen, Enter presses, and under a sheet nothing else is reached."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtCore import QEvent, QPoint, Qt
from PySide6.QtGui import QImage, QKeyEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QWidget

from app.gui.theme import theme
from app.gui.widgets.basics import Button
from app.gui.widgets.table import Table
from tests.gui.conftest import Scene, group


@pytest.fixture(autouse=True)
def dark_again() -> Iterator[None]:
    yield
    theme.choose("dark")


def color_at(image: QImage, x: int, y: int) -> str:
    return image.pixelColor(x, y).name()


def edge_of(button: Button) -> list[str]:
    """The three uppermost pixels in its middle."""
    image = button.grab().toImage()
    return [color_at(image, image.width() // 2, y) for y in range(3)]


def question(scene: Scene) -> QWidget:
    """A question of a view, which the frame did not open itself."""
    scene.window.show_view("positions")
    scene.show([group(1), group(2)])
    scene.window.activateWindow()
    scene.window.positions.table.setFocus()
    scene.window.positions.detail.ask_close()
    sheet: QWidget = scene.sheet()
    return sheet


def is_inside(scene: Scene, sheet: QWidget) -> bool:
    return sheet.isAncestorOf(scene.window.focusWidget())


# ---------------------------------------------------------------------- where it is


@pytest.mark.parametrize("choice", ["dark", "light"])
@pytest.mark.parametrize("kind", ["default", "emphasis", "primary", "danger", "armed", "quiet", "segment"])
async def test_a_focused_button_has_a_ring_and_a_gap_inside_it(scene: Scene, kind: str, choice: str) -> None:
    theme.choose(choice)
    button = Button("Close at market", kind=kind)
    button.setParent(scene.window.content)
    button.show()
    button.adjustSize()
    scene.window.activateWindow()
    button.setFocus()
    focus, ground, size = theme.color("focus").name(), theme.color("bg_panel").name(), button.sizeHint()
    assert edge_of(button) == [focus, focus, ground]
    scene.window.strip.pause.setFocus()
    assert edge_of(button) != [focus, focus, ground]
    assert button.sizeHint() == size


def row_colors(table: Table) -> tuple[str, str]:
    """Of the current row: its edge, and its ground between the selection bar and the text."""
    image, rect = table.viewport().grab().toImage(), table.visualRect(table.currentIndex())
    return color_at(image, rect.center().x(), rect.top()), color_at(image, rect.left() + 8, rect.center().y())


@pytest.mark.parametrize("choice", ["dark", "light"])
async def test_the_chosen_row_has_a_ring_while_the_keyboard_is_in_the_table(scene: Scene, choice: str) -> None:
    theme.choose(choice)
    scene.window.show_view("positions")
    scene.show([group(1), group(2)])
    scene.window.activateWindow()
    table = scene.window.positions.table
    focus, ground = theme.color("focus").name(), theme.color("bg_selected").name()
    QTest.mouseClick(table.viewport(), Qt.MouseButton.LeftButton, pos=table.visualRect(table.rows.index(0, 0)).center())
    table.setFocus(Qt.FocusReason.MouseFocusReason)
    assert row_colors(table) == (ground, ground)
    QTest.keyClick(table, Qt.Key.Key_Down)
    assert table.currentIndex().row() == 1
    assert row_colors(table) == (focus, ground)
    scene.window.strip.pause.setFocus(Qt.FocusReason.TabFocusReason)
    assert row_colors(table) == (ground, ground)


async def test_f6_into_a_table_shows_where_the_keyboard_is(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.window.activateWindow()
    scene.window.rail.widgets()[0].setFocus()
    scene.window.next_region()
    assert row_colors(scene.window.positions.table)[0] == theme.color("focus").name()


# ---------------------------------------------------------------------- Enter


@pytest.mark.parametrize("key", [Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space])
async def test_enter_and_space_press_the_button_that_has_the_keyboard(scene: Scene, key: Qt.Key) -> None:
    question(scene)
    scene.window.activateWindow()
    QTest.keyClick(scene.window.focusWidget(), key)
    assert not scene.has_sheet()
    assert scene.engine.asked == []


async def test_enter_held_down_does_not_answer_the_question_that_it_opened(scene: Scene) -> None:
    question(scene)
    held = QKeyEvent(
        QEvent.Type.KeyPress, Qt.Key.Key_Return, Qt.KeyboardModifier.NoModifier, "\r", autorep=True, count=1
    )
    QApplication.sendEvent(scene.window.focusWidget(), held)
    assert scene.has_sheet()


async def test_enter_opens_the_view_whose_button_in_the_rail_has_the_keyboard(scene: Scene) -> None:
    button = scene.window.rail.widgets()[3]
    button.setFocus()
    QTest.keyClick(button, Qt.Key.Key_Return)
    assert scene.window.current == "risk"


# ---------------------------------------------------------------------- under a sheet


async def test_escape_ends_a_sheet_wherever_the_keyboard_is(scene: Scene) -> None:
    sheet = question(scene)
    QTest.mouseClick(sheet, Qt.MouseButton.LeftButton, pos=QPoint(5, sheet.height() - 5))
    QTest.keyClick(scene.window, Qt.Key.Key_Escape)
    assert not scene.has_sheet()
    question(scene)
    scene.window.strip.stop.setFocus(Qt.FocusReason.TabFocusReason)
    QTest.keyClick(scene.window.strip.stop, Qt.Key.Key_Escape)
    assert not scene.has_sheet()
    assert scene.engine.asked == []


@pytest.mark.parametrize("key", [Qt.Key.Key_Tab, Qt.Key.Key_Backtab])
async def test_tab_goes_around_in_the_sheet(scene: Scene, key: Qt.Key) -> None:
    sheet = question(scene)
    seen: list[str] = []
    for _ in range(4):
        QTest.keyClick(scene.window.focusWidget(), key)
        assert is_inside(scene, sheet)
        seen.append(scene.window.focusWidget().accessibleName())
    assert seen == ["Close at market", "Keep position", "Close at market", "Keep position"]


async def test_tab_finds_back_into_the_sheet_from_its_blank_ground(scene: Scene) -> None:
    sheet = question(scene)
    QTest.mouseClick(sheet, Qt.MouseButton.LeftButton, pos=QPoint(5, sheet.height() - 5))
    QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Tab)
    assert is_inside(scene, sheet)


async def test_f6_goes_between_the_sheet_and_the_strip_and_tab_stays_there(scene: Scene) -> None:
    sheet = question(scene)
    strip = scene.window.strip
    scene.window.next_region()
    assert scene.window.focusWidget() is strip.pause
    seen = set()
    for _ in range(8):
        QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Tab)
        assert strip.isAncestorOf(scene.window.focusWidget())
        seen.add(scene.window.focusWidget())
    assert strip.stop in seen
    scene.window.next_region()
    assert is_inside(scene, sheet)
    assert scene.window.focusWidget().accessibleName() == "Keep position"


async def test_keys_of_the_view_do_nothing_under_a_sheet(scene: Scene) -> None:
    sheet = question(scene)
    name = sheet.accessibleName()
    QTest.mouseClick(sheet, Qt.MouseButton.LeftButton, pos=QPoint(5, sheet.height() - 5))
    for key in (Qt.Key.Key_F6, Qt.Key.Key_F6, Qt.Key.Key_X, Qt.Key.Key_S, Qt.Key.Key_Slash, Qt.Key.Key_Question):
        QTest.keyClick(scene.window.focusWidget(), key)
    for key in (Qt.Key.Key_1, Qt.Key.Key_F, Qt.Key.Key_K):
        QTest.keyClick(scene.window, key, Qt.KeyboardModifier.ControlModifier)
    assert scene.sheet() is sheet
    assert sheet.accessibleName() == name
    assert scene.window.current == "positions"
    assert is_inside(scene, sheet)


async def test_a_sheet_covers_the_rail_too_and_leaves_the_strip(scene: Scene) -> None:
    question(scene)
    sheet = scene.sheet()
    assert sheet.rect().contains(sheet.mapFromGlobal(scene.window.rail.mapToGlobal(QPoint(10, 10))))
    assert not sheet.rect().contains(sheet.mapFromGlobal(scene.window.strip.mapToGlobal(QPoint(10, 10))))


async def test_closing_the_window_is_asked_in_place_of_another_question(scene: Scene) -> None:
    question(scene)
    scene.window.ask_leave(tray=False, stop=lambda: None)
    assert scene.sheet().accessibleName() == "Close the window?"


async def test_the_keyboard_goes_back_to_where_it_was(scene: Scene) -> None:
    question(scene)
    QTest.keyClick(scene.window, Qt.Key.Key_Escape)
    assert scene.window.focusWidget() is scene.window.positions.table
    QTest.keyClick(scene.window, Qt.Key.Key_1, Qt.KeyboardModifier.ControlModifier)
    assert scene.window.current == "dashboard"
