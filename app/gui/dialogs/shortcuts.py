"""Every key that does something, in one sheet."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.gui.widgets.basics import Button, Text
from app.gui.widgets.sheet import Sheet


def show_shortcuts(parent: QWidget, shortcuts: Sequence[tuple[str, str]]) -> Sheet:
    """`shortcuts` as (keys, what they do)."""
    sheet = Sheet(parent, "Shortcuts", width=780)
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(6)
    half = (len(shortcuts) + 1) // 2
    for place, (keys, what) in enumerate(shortcuts):
        line, side = place % half, place // half * 2
        grid.addWidget(Text(keys, "code", "accent"), line, side)
        grid.addWidget(Text(what, "body", "secondary"), line, side + 1)
    grid.setColumnStretch(1, 1)
    grid.setColumnStretch(3, 1)
    sheet.body.addWidget(table)
    close = Button("Close", kind="emphasis")
    close.clicked.connect(sheet.dismiss)
    sheet.add_buttons(close)
    sheet.open()
    close.setFocus(Qt.FocusReason.PopupFocusReason)
    return sheet
