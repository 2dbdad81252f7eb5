"""Facts of the status strip: a light and words."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.gui.theme import theme
from app.gui.widgets.basics import Text, repolish, row


class Light(QWidget):
    """Connected is a filled circle; anything else has a shape of its own."""

    def __init__(self) -> None:
        super().__init__()
        self._icon: tuple[str, str] | None = None
        self._color = "positive"
        self.setFixedSize(QSize(14, 14))

    def show_good(self, color: str = "positive") -> None:
        self._icon, self._color = None, color
        self.update()

    def show_icon(self, name: str, color: str) -> None:
        self._icon = (name, color)
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if self._icon is not None:
            painter.drawPixmap(0, 0, theme.pixmap(*self._icon, 14))
        else:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(theme.color(self._color))
            painter.drawEllipse(3, 3, 8, 8)
        painter.end()


class Cell(QFrame):
    """One fact of the strip: a light and words."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("cell")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        self._layout: QHBoxLayout = row(self, 6, (12, 0, 12, 0))
        self.light = Light()
        self.words = Text("", "control")
        self.more = Text("", "control", "tertiary")
        for widget in (self.light, self.words, self.more):
            self._layout.addWidget(widget)
        self.more.hide()

    def add(self, widget: QWidget) -> None:
        self._layout.addWidget(widget)

    def alarm(self, *, on: bool) -> None:
        """The cell becomes a block that cannot be overlooked."""
        name = "cell_critical" if on else "cell"
        if self.objectName() != name:
            self.setObjectName(name)
            repolish(self)

    def tell(self, words: str, more: str = "", *, spoken: str = "", tone: str = "primary") -> None:
        alarmed = self.objectName() == "cell_critical"
        self.words.show_text(words, "on_critical" if alarmed else tone)
        self.more.show_text(more, "on_critical" if alarmed else "tertiary")
        self.more.setVisible(bool(more))
        self.setAccessibleName(spoken or f"{words} {more}".strip())
        self.setToolTip(spoken)
