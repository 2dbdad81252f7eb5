"""Labels with their values, line by line: in sheets and beside tables."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.gui.widgets.basics import Text


class Facts(QWidget):
    """Label left, value right. Lines are kept and only their words change."""

    def __init__(self, spacing: int = 6) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setVerticalSpacing(spacing)
        self._grid.setColumnStretch(1, 1)
        self._lines: list[tuple[Text, Text]] = []

    def show_facts(self, facts: Sequence[tuple[str, str]]) -> None:
        while len(self._lines) < len(facts):
            label, value = Text("", "body", "secondary"), Text("", "body")
            value.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(label, len(self._lines), 0)
            self._grid.addWidget(value, len(self._lines), 1)
            self._lines.append((label, value))
        for place, (label, value) in enumerate(self._lines):
            known = place < len(facts)
            label.setVisible(known)
            value.setVisible(known)
            if known:
                label.show_text(facts[place][0])
                value.show_text(facts[place][1])

    @property
    def shown(self) -> list[tuple[str, str]]:
        return [(label.text(), value.text()) for label, value in self._lines if not label.isHidden()]
