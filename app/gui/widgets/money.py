"""Profit and loss as a label: arrow, sign, colour; and large figures with their currency."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QFontMetrics, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui import formats
from app.gui.models.delegates import paint_arrow
from app.gui.theme import theme


class MoneyText(QWidget):
    """A signed figure; the arrow and the colour say what the sign says."""

    def __init__(self, role: str = "body", *, arrow: bool = False) -> None:
        super().__init__()
        self._role = role
        self._has_arrow = arrow
        self._value: Decimal | None = None
        self._text = formats.NOTHING
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    @property
    def text(self) -> str:
        return self._text

    def show_money(self, value: Decimal | None) -> None:
        self._show(value, formats.signed_money(value))

    def show_percent(self, value: Decimal | None) -> None:
        self._show(value, formats.signed_percent(value))

    def _show(self, value: Decimal | None, text: str) -> None:
        if (value, text) == (self._value, self._text):
            return
        self._value, self._text = value, text
        self.setAccessibleName(formats.spoken(text))
        self.setToolTip(formats.plain(value) if value is not None else "")
        self.updateGeometry()
        self.update()

    @property
    def _arrow_width(self) -> int:
        return theme.metric("space.3") if self._has_arrow and self._value else 0

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        metrics = QFontMetrics(theme.font(self._role))
        return QSize(metrics.horizontalAdvance(self._text) + self._arrow_width + 2, theme.line(self._role))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setFont(theme.font(self._role))
        value = self._value
        color = "text_primary" if not value else "positive" if value > 0 else "negative"
        if value is None:
            color = "text_tertiary"
        if self._arrow_width and value:
            paint_arrow(painter, 0, self.height() / 2, color, up=value > 0)
        painter.setPen(theme.color(color))
        text = self.rect().adjusted(self._arrow_width, 0, 0, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self._text)
        painter.end()
