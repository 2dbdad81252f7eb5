"""How near each limit is: name, used of limit, a bar, and the distance in the limit's own unit."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.gui.models.risk import limit_name, limit_note, limit_state, limit_text, room
from app.gui.theme import theme
from app.messages.snapshots import LimitSnapshot

HEIGHT = 48
BAR = 72
LEAST_BAR = 16
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
BAR_COLORS = {"normal": "text_secondary", "warning": "warning", "critical": "critical"}
ROOM_COLORS = {"normal": "text_primary", "warning": "warning", "critical": "critical"}


class LimitList(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._limits: tuple[LimitSnapshot, ...] = ()
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self.setFixedHeight(max(len(self._limits), 1) * theme.scaled(HEIGHT))
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(300, self.minimumHeight())

    def show_limits(self, limits: Sequence[LimitSnapshot]) -> None:
        if tuple(limits) != self._limits:
            self._limits = tuple(limits)
            self.setAccessibleName("Limits")
            self.setAccessibleDescription("; ".join(self.shown()))
            self.setToolTip("\n".join(self.shown()))
            self._restyle()

    def shown(self) -> list[str]:
        return [f"{limit_name(item)}: {limit_text(item)}, {room(item)}" for item in self._limits]

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        edge = theme.metric("size.edge_padding")
        if not self._limits:
            painter.setFont(theme.font("table"))
            painter.setPen(theme.color("text_tertiary"))
            painter.drawText(self.rect().adjusted(edge, 0, -edge, 0), _LEFT, "No limit is set.")
        height = theme.scaled(HEIGHT)
        for place, limit in enumerate(self._limits):
            box = QRect(0, place * height, self.width(), height)
            self._paint(painter, box.adjusted(edge, 6, -edge, -6), limit)
            painter.fillRect(0, box.bottom(), box.width(), 1, theme.color("border_subtle"))
        painter.end()

    def _paint(self, painter: QPainter, box: QRect, limit: LimitSnapshot) -> None:
        state = limit_state(limit)
        upper = QRect(box.left(), box.top(), box.width(), box.height() // 2)
        name = limit_name(limit)
        painter.setFont(theme.font("table", "control"))
        painter.setPen(theme.color("text_primary"))
        painter.drawText(upper, _LEFT, name)
        used = theme.advance(f"{name}  ", "table", "control")
        painter.setFont(theme.font("caption"))
        painter.setPen(theme.color("text_tertiary"))
        painter.drawText(upper.adjusted(used, 0, 0, 0), _LEFT, limit_note(limit))
        lower = upper.translated(0, box.height() // 2)
        painter.setFont(theme.font("table"))
        painter.setPen(theme.color("text_secondary"))
        painter.drawText(lower, _LEFT, limit_text(limit))
        painter.setFont(theme.font("table", "strong"))
        painter.setPen(theme.color(ROOM_COLORS[state]))
        painter.drawText(lower, _RIGHT, room(limit))
        self._paint_bar(painter, lower, limit, state)

    def _paint_bar(self, painter: QPainter, line: QRect, limit: LimitSnapshot, state: str) -> None:
        before = theme.advance(limit_text(limit), "table") + 10
        after = theme.advance(room(limit), "table", "strong") + 10
        left = line.left() + max(round(line.width() * 0.42), before)
        wide = min(theme.scaled(BAR), line.right() - after - left)
        if wide < LEAST_BAR:
            return
        share = float(min(max(limit.share, Decimal(0)), Decimal(100)) / 100)
        top = line.center().y() - 1
        painter.fillRect(left, top, wide, 4, theme.color("border_strong"))
        painter.fillRect(left, top, round(wide * share), 4, theme.color(BAR_COLORS[state]))
