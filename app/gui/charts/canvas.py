"""A chart's ground: painted once into a picture; what follows the pointer is painted over it."""

from __future__ import annotations

import math

from PySide6.QtCore import QPointF, QRectF, QSizeF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QWidget

from app.gui.theme import theme

LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
CENTRE = Qt.AlignmentFlag.AlignCenter
BOX_PADDING = 6


class Canvas(QWidget):
    """Paints its picture again only after `redraw`, a new size or a new theme. Positions are logical pixels."""

    def __init__(self) -> None:
        super().__init__()
        self._picture: QPixmap | None = None
        theme.changed.connect(self.redraw)

    def redraw(self) -> None:
        """Something in the picture changed."""
        self._picture = None
        self.update()

    def paint_picture(self, painter: QPainter) -> None:
        """All but the pointer's lines, on `bg_panel` in the caption font."""
        raise NotImplementedError

    def paint_pointer(self, painter: QPainter) -> None:
        """What follows the pointer."""

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        ratio = self.devicePixelRatioF()
        size = (QSizeF(self.size()) * ratio).toSize()
        if size.isEmpty():
            return
        if self._picture is None or self._picture.size() != size or self._picture.devicePixelRatio() != ratio:
            self._picture = QPixmap(size)
            self._picture.setDevicePixelRatio(ratio)
            self._picture.fill(theme.color("bg_panel"))
            painter = QPainter(self._picture)
            painter.setFont(theme.font("caption"))
            self.paint_picture(painter)
            painter.end()
        painter = QPainter(self)
        painter.drawPixmap(0, 0, self._picture)
        painter.setFont(theme.font("caption"))
        self.paint_pointer(painter)
        painter.end()

    def crisp(self, value: float, width: float = 1.0) -> float:
        """Where a line `width` wide fills whole device pixels nearest to `value`."""
        ratio = self.devicePixelRatioF()
        if round(width * ratio) % 2:
            return (math.floor(value * ratio) + 0.5) / ratio
        return round(value * ratio) / ratio


def pen(name: str, width: float = 1.0, dash: tuple[float, ...] = ()) -> QPen:
    """A token's pen whose width and dashes are logical pixels on every screen."""
    made = theme.pen(name, width, dash)
    made.setCosmetic(False)
    if not dash:
        made.setCapStyle(Qt.PenCapStyle.FlatCap)
    return made


def box_font() -> QFont:
    """What boxes on the axes are written with."""
    return theme.font("caption", "strong")


def text_width(text: str, *, in_box: bool = False) -> float:
    """The advance of a caption, in logical pixels."""
    return QFontMetricsF(box_font() if in_box else theme.font("caption")).horizontalAdvance(text)


def box_height() -> int:
    return theme.line("caption") + 4


def paint_box(painter: QPainter, box: QRectF, text: str, ground: QColor, ink: str = "bg_panel") -> None:
    """A value in a filled box on an axis."""
    painter.fillRect(box, ground)
    painter.setFont(box_font())
    painter.setPen(theme.color(ink))
    painter.drawText(box.adjusted(BOX_PADDING, 0, 0, 0), LEFT, text)
    painter.setFont(theme.font("caption"))


def paint_sentence(painter: QPainter, room: QRectF, text: str) -> None:
    """Why there is nothing to see, in the middle of `room`, clear of the lines behind it."""
    painter.setFont(theme.font("body"))
    flags = CENTRE | Qt.TextFlag.TextWordWrap
    inner = room.adjusted(12, 0, -12, 0)
    taken = painter.boundingRect(inner, flags, text)
    painter.fillRect(taken.adjusted(-8, -4, 8, 4), theme.color("bg_panel"))
    painter.setPen(theme.color("text_tertiary"))
    painter.drawText(inner, flags, text)
    painter.setFont(theme.font("caption"))


def paint_level(painter: QPainter, left: float, right: float, y: float) -> None:
    """A level line in the painter's pen."""
    painter.drawLine(QPointF(left, y), QPointF(right, y))
