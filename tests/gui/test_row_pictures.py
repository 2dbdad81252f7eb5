"""Rows as pictures: when one is good for another painting."""

from __future__ import annotations

from PySide6.QtCore import QRect
from PySide6.QtWidgets import QApplication

from tests.gui.conftest import Scene, group


async def test_a_picture_is_good_for_its_own_size_only(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    QApplication.processEvents()
    table = scene.window.positions.table
    table.viewport().grab()
    index = table.rows.index(0, 0)
    row = QRect(0, 0, table.viewport().width(), table.visualRect(index).height())
    pictures = table._pictures
    assert pictures.known(row, index) is not None
    assert pictures.known(row.adjusted(0, 0, 60, 0), index) is None
