"""Every key that does something, in one sheet."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.gui.widgets.basics import Button, Text
from app.gui.widgets.rail import VIEWS
from app.gui.widgets.sheet import Sheet

SHORTCUTS = (
    (f"Ctrl+1 \u2026 {len(VIEWS)}", "views in the rail's order"),
    ("Ctrl+K", "find an action or a group"),
    ("?", "this list"),
    ("Ctrl+F  /", "filter of this view"),
    ("\u2191 \u2193 \u2190 \u2192", "rows; fold and unfold"),
    ("Enter", "open the detail"),
    ("F6", "next region: rail, table, detail, strip"),
    ("+ \u2212 \u2190 \u2192 Home", "the ladder: zoom, pan, all of it"),
    ("C", "close group\u2026"),
    ("Shift+C", "close %\u2026"),
    ("X", "cancel entries\u2026"),
    ("S", "move stop\u2026"),
    ("A", "add funds\u2026"),
    ("T", "TP mode\u2026"),
    ("B", "block or unblock from risk"),
    ("P", "promote (Queue)"),
    ("Ctrl+Shift+E", "emergency stop, at once"),
    ("Ctrl+Shift+P", "pause, resume"),
    ("Ctrl+Shift+R", "reconcile"),
    ("Ctrl+Shift+A", "accounts"),
    ("Ctrl+T", "light, dark, system"),
    ("Ctrl+Z", "undo, while the bar at the foot offers it"),
    ("Ctrl+= \u2212 0", "text 90 to 150 %"),
    ("Esc", "close a sheet, keep things as they are"),
)
"""The keys, and what they do."""


def show_shortcuts(parent: QWidget) -> Sheet:
    sheet = Sheet(parent, "Shortcuts", width=780)
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 0, 0, 0)
    grid.setVerticalSpacing(6)
    half = (len(SHORTCUTS) + 1) // 2
    for place, (keys, what) in enumerate(SHORTCUTS):
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
