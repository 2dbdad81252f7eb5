"""The logo: three steps and a spire."""

from __future__ import annotations

from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.theme import theme

STEPS = ((0.0, 0.72, 1.0, 0.22), (0.17, 0.44, 0.66, 0.2), (0.34, 0.2, 0.32, 0.16))
SPIRE = (0.45, 0.0, 0.1, 0.14)


def paint_logo(painter: QPainter, box: QRectF, spire: str = "text_primary") -> None:
    for left, top, width, height in STEPS:
        painter.fillRect(_part(box, left, top, width, height), theme.color("accent"))
    painter.fillRect(_part(box, *SPIRE), theme.color(spire))


def _part(box: QRectF, left: float, top: float, width: float, height: float) -> QRectF:
    return QRectF(
        box.left() + left * box.width(), box.top() + top * box.height(), width * box.width(), height * box.height()
    )


def logo_pixmap(size: int, *, live: bool, sign: str | None = None) -> QPixmap:
    """For window and tray; the ground tells paper from live money, a dot in the colour `sign` that something is off."""
    pixmap = QPixmap(size, size)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color("live_fill" if live else "bg_panel"))
    painter.drawRoundedRect(0, 0, size, size, size // 6, size // 6)
    inset = size * 0.18
    paint_logo(painter, QRectF(inset, inset, size - 2 * inset, size - 2 * inset))
    if sign is not None:
        painter.setBrush(theme.color(sign))
        painter.drawEllipse(QRectF(size * 0.62, size * 0.62, size * 0.36, size * 0.36))
    painter.end()
    return pixmap


class Logo(QWidget):
    """The rail's head: the mark, with the name beside it where there is room."""

    def __init__(self) -> None:
        super().__init__()
        self._wide = False
        self.setAccessibleName("Ziggurat")
        theme.changed.connect(self._resize)

    def set_wide(self, wide: bool) -> None:
        self._wide = wide
        self._resize()

    def _resize(self) -> None:
        width = theme.metric("size.rail_wide" if self._wide else "size.rail_narrow")
        self.setFixedSize(width, theme.metric("size.status_strip"))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_window"))
        side = theme.metric("space.4") + 2
        left = theme.metric("space.4") + 2 if self._wide else (self.width() - side) / 2
        paint_logo(painter, QRectF(left, (self.height() - side) / 2, side, side))
        if self._wide:
            painter.setFont(theme.font("strong"))
            painter.setPen(theme.color("text_primary"))
            text = self.rect().adjusted(round(left) + side + 12, 0, 0, 0)
            painter.drawText(text, Qt.AlignmentFlag.AlignVCenter, "Ziggurat")
        painter.fillRect(0, self.height() - 1, self.width(), 1, theme.color("border_subtle"))
        painter.fillRect(self.width() - 1, 0, 1, self.height(), theme.color("border_subtle"))
        painter.end()
