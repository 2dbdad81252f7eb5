"""Columns hide in the order of their importance where there is no room for all."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import QSettings
from PySide6.QtWidgets import QApplication

from app.gui.models.delegates import blocks_width
from app.gui.models.positions import position_columns
from app.gui.theme import theme
from app.gui.widgets.table import Table
from tests.gui.conftest import Scene, signal
from tests.support.examples import NOON


@pytest.fixture(autouse=True)
def plain_size() -> Iterator[None]:
    yield
    theme.zoom(100)


def shown(table: Table) -> list[str]:
    return [column.name for place, column in enumerate(table.rows.columns) if not table.isColumnHidden(place)]


def taken(table: Table) -> int:
    return sum(table.columnWidth(place) for place in range(len(table.rows.columns)))


async def test_at_the_usual_size_every_column_is_shown(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(1)])
    QApplication.processEvents()
    table = scene.window.signals.table
    assert shown(table) == [column.name for column in table.rows.columns]


async def test_in_large_text_the_least_important_columns_hide_and_the_others_grow(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(1)])
    theme.zoom(150)
    QApplication.processEvents()
    table = scene.window.signals.table
    assert shown(table) == ["time", "pair", "outcome", "reason"]
    assert table.columnWidth(0) == theme.scaled(table.rows.columns[0].width)
    assert taken(table) <= table.viewport().width()
    theme.zoom(100)
    QApplication.processEvents()
    assert len(shown(table)) == len(table.rows.columns)


@pytest.mark.parametrize("view", ["queue", "risk"])
async def test_no_table_is_wider_than_its_room(scene: Scene, view: str) -> None:
    scene.window.show_view(view)
    theme.zoom(150)
    QApplication.processEvents()
    panel = getattr(scene.window, view)
    assert taken(panel.table) <= panel.table.width()


async def test_what_the_trader_has_hidden_is_not_shown_again(scene: Scene) -> None:
    scene.window.show_view("signals")
    table = scene.window.signals.table
    place = [column.name for column in table.rows.columns].index("latency")
    table.setColumnHidden(place, True)
    theme.zoom(150)
    theme.zoom(100)
    QApplication.processEvents()
    assert table.isColumnHidden(place)


async def test_what_was_hidden_for_want_of_room_is_remembered_as_shown(scene: Scene, tmp_path: Path) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(1)])
    settings = QSettings(str(tmp_path / "columns.ini"), QSettings.Format.IniFormat)
    theme.zoom(150)
    QApplication.processEvents()
    panel = scene.window.signals
    panel.save(settings)
    assert "latency" not in shown(panel.table)
    panel.restore(settings)
    theme.zoom(100)
    assert "latency" in shown(panel.table)


def test_nine_legs_and_their_count_fit_and_more_are_told_by_the_tooltip() -> None:
    legs = next(column for column in position_columns(lambda: NOON) if column.name == "legs")
    padding = 2 * theme.metric("size.cell_padding.below_1600")
    assert legs.width >= blocks_width(9) + 6 + theme.advance("9 of 9", "table") + padding
    assert legs.tip is not None
