"""The header of a table: the sorted column is told by brightness and chevron, and titles stand over their cells."""

from __future__ import annotations

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from app.gui.theme import theme
from app.gui.widgets.table import Table
from tests.gui.conftest import Scene, group


def section(table: Table, place: int) -> QImage:
    """One title, as it is painted."""
    header = table.header()
    whole = header.viewport().grab().toImage()
    return whole.copy(header.sectionViewportPosition(place), 0, header.sectionSize(place), header.height())


def columns_of(image: QImage, color: str) -> list[int]:
    """Where from left to right that colour is met."""
    wanted = theme.color(color).name()
    return [
        x for x in range(image.width()) if any(image.pixelColor(x, y).name() == wanted for y in range(image.height()))
    ]


def table_of(scene: Scene) -> Table:
    scene.window.show_view("positions")
    scene.show([group(1), group(2)])
    return scene.window.positions.table


@pytest.mark.parametrize("place", [0, 4, 9, 15])
async def test_the_sorted_title_is_bright_and_no_other(scene: Scene, place: int) -> None:
    table = table_of(scene)
    table.sortByColumn(place, Qt.SortOrder.AscendingOrder)
    shown = [at for at in range(len(table.rows.columns)) if not table.isColumnHidden(at)]
    assert [at for at in shown if columns_of(section(table, at), "text_primary")] == [place]


async def test_the_chevron_turns_with_the_order(scene: Scene) -> None:
    table = table_of(scene)
    table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
    up = section(table, 0)
    table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
    down = section(table, 0)
    assert up != down
    title = theme.metric("size.edge_padding") + theme.advance("Pair", "header")
    assert up.copy(0, 0, title, up.height()) == down.copy(0, 0, title, down.height())


@pytest.mark.parametrize(("width", "pad"), [(1280, 6), (1920, 8)])
async def test_a_title_begins_where_its_cells_begin(scene: Scene, width: int, pad: int) -> None:
    scene.window.resize(width, 900)
    table = table_of(scene)
    assert table.cells.pad == pad
    image = section(table, 3)
    ground = theme.color("bg_raised").name()
    first = next(x for x in range(image.width()) if image.pixelColor(x, image.height() // 2).name() != ground)
    assert pad <= first <= pad + 2


async def test_no_title_is_cut_at_the_smallest_size_while_it_is_not_sorted(scene: Scene) -> None:
    table = table_of(scene)
    room = [
        (table.rows.columns[at].short_title or table.rows.columns[at].title, table.columnWidth(at))
        for at in range(1, len(table.rows.columns))
        if not table.isColumnHidden(at)
    ]
    cut = [title for title, width in room if theme.advance(title, "header") > width - table.titles.pad - 2]
    assert cut == []
