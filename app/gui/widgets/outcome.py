"""A signal's outcome as a tag."""

from __future__ import annotations

from PySide6.QtCore import QSize
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.models.delegates import paint_outcome
from app.gui.theme import theme


class OutcomeTag(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._outcome = ""
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def show_outcome(self, outcome: str) -> None:
        self._outcome = outcome
        self.setAccessibleName(outcome)
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        width = QFontMetrics(theme.font("table")).horizontalAdvance(self._outcome)
        return QSize(width + theme.metric("icon.tag") + 18, theme.scaled(20))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        if self._outcome:
            painter = QPainter(self)
            painter.setFont(theme.font("table"))
            paint_outcome(painter, self.rect(), self._outcome)
            painter.end()
