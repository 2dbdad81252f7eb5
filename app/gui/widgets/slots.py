"""The pool as cards: one a slot, with its group's name, age and result; what is free is dashed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from PySide6.QtCore import QEvent, QPoint, QRect, Qt, Signal
from PySide6.QtGui import QHelpEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QToolTip, QWidget

from app.gui import formats
from app.gui.models.delegates import paint_arrow
from app.gui.theme import theme
from app.messages.snapshots import GroupSnapshot

MOST_CARDS = 14
GAP = 6
HEIGHT = 68
INSET = 9
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class SlotCards(QWidget):
    """`chosen(group_id)`; beyond fourteen slots one bar with a count."""

    chosen = Signal(str)

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__()
        self._now = now
        self._groups: Sequence[GroupSnapshot] = ()
        self._slots = 0
        self._ages: list[str] = []
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        many = max(self._slots, len(self._groups)) > MOST_CARDS
        self.setFixedHeight(theme.scaled(24 if many else HEIGHT))
        self.update()

    def show_slots(self, groups: Sequence[GroupSnapshot], slots: int) -> None:
        """Beyond the slots there are cards only for groups that were forced open."""
        ages = [formats.age(self._now() - group.opened_at) for group in groups[:MOST_CARDS]]
        if (groups, slots, ages) == (self._groups, self._slots, self._ages):
            return
        self._groups, self._slots, self._ages = groups, slots, ages
        self.setAccessibleName(f"{len(groups)} of {slots} slots taken")
        self.setAccessibleDescription("; ".join(self._sentence(group) for group in groups[:MOST_CARDS]))
        self._restyle()

    def shown(self) -> list[str]:
        return [self._sentence(group) for group in self._groups]

    def _sentence(self, group: GroupSnapshot) -> str:
        result = formats.signed_money(group.unrealized_pnl) if group.open_quantity > 0 else "no fill yet"
        forced = ", forced" if group.forced else ""
        return f"{formats.pair(group.symbol)[0]} {group.timeframe} {group.side}: {result}{forced}"

    @property
    def _is_bar(self) -> bool:
        return max(self._slots, len(self._groups)) > MOST_CARDS

    def _boxes(self) -> list[QRect]:
        count = max(self._slots, len(self._groups), 1)
        width = (self.width() - GAP * (count - 1)) / count
        return [QRect(round(place * (width + GAP)), 0, round(width), self.height() - 1) for place in range(count)]

    # ------------------------------------------------------------------ painting

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        if self._is_bar:
            self._paint_bar(painter)
        else:
            for place, box in enumerate(self._boxes()):
                if place < len(self._groups):
                    self._paint_card(painter, box, place)
                else:
                    self._paint_free(painter, box, place)
        painter.end()

    def _paint_card(self, painter: QPainter, box: QRect, place: int) -> None:
        group = self._groups[place]
        painter.setPen(theme.pen("border_strong"))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        bar = theme.metric("stroke.selection_bar")
        beyond = place >= self._slots
        painter.fillRect(box.left(), box.top(), box.width(), bar, theme.color("warning" if beyond else "accent"))
        inner = box.adjusted(INSET, bar + 3, -INSET, -3)
        line = inner.height() // 3
        painter.setFont(theme.font("caption"))
        top = QRect(inner.left(), inner.top(), inner.width(), line)
        number = f"{place + 1} forced" if group.forced else str(place + 1)
        age = theme.advance(self._ages[place], "caption")
        _draw(painter, top.adjusted(0, 0, -age - 4, 0), number, "text_tertiary", _LEFT)
        _draw(painter, top, self._ages[place], "text_tertiary", _RIGHT)
        self._paint_name(painter, top.translated(0, line), group)
        self._paint_result(painter, top.translated(0, 2 * line), group)

    def _paint_name(self, painter: QPainter, rect: QRect, group: GroupSnapshot) -> None:
        base = formats.pair(group.symbol)[0]
        painter.setFont(theme.font("table", "strong"))
        _draw(painter, rect, base, "text_primary", _LEFT)
        used = theme.advance(f"{base} ", "table", "strong")
        painter.setFont(theme.font("table"))
        _draw(painter, rect.adjusted(used, 0, 0, 0), f"{group.timeframe} {group.side}", "text_tertiary", _LEFT)

    def _paint_result(self, painter: QPainter, rect: QRect, group: GroupSnapshot) -> None:
        painter.setFont(theme.font("table"))
        value = group.unrealized_pnl
        if group.open_quantity <= 0 or value is None:
            _draw(painter, rect, "no fill yet" if group.open_quantity <= 0 else "no price", "text_tertiary", _LEFT)
            return
        color = "text_primary" if not value else "positive" if value > 0 else "negative"
        left = rect
        if value:
            paint_arrow(painter, rect.left(), rect.center().y() + 1, color, up=value > 0)
            left = rect.adjusted(12, 0, 0, 0)
        _draw(painter, left, formats.signed_money(value), color, _LEFT)

    def _paint_free(self, painter: QPainter, box: QRect, place: int) -> None:
        painter.setPen(theme.pen("border_control", 1, (3, 3)))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawRect(box.adjusted(0, 0, -1, -1))
        painter.setFont(theme.font("caption"))
        inner = box.adjusted(INSET, 6, -INSET, -3)
        line = inner.height() // 3
        _draw(painter, QRect(inner.left(), inner.top(), inner.width(), line), str(place + 1), "text_tertiary", _LEFT)
        middle = QRect(inner.left(), inner.top() + line, inner.width(), line)
        painter.setFont(theme.font("table"))
        _draw(painter, middle, "free", "text_tertiary", _LEFT)

    def _paint_bar(self, painter: QPainter) -> None:
        box = self.rect().adjusted(0, 0, -1, -1)
        share = min(len(self._groups) / self._slots, 1.0) if self._slots else 0.0
        painter.fillRect(QRect(0, 0, round(box.width() * share), box.height()), theme.color("bg_selected"))
        painter.setPen(theme.pen("accent"))
        painter.drawRect(box)
        painter.setFont(theme.font("control"))
        _draw(painter, box, f"{len(self._groups)} of {self._slots}", "text_primary", Qt.AlignmentFlag.AlignCenter)

    # ------------------------------------------------------------------ the pointer

    def _group_at(self, point: QPoint) -> GroupSnapshot | None:
        if self._is_bar:
            return None
        pairs = zip(self._boxes(), self._groups, strict=False)
        return next((group for box, group in pairs if box.contains(point)), None)

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            group = self._group_at(event.pos())
            QToolTip.showText(event.globalPos(), self._sentence(group) if group is not None else "", self)
            return True
        return super().event(event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        group = self._group_at(event.position().toPoint())
        if group is not None:
            self.chosen.emit(group.id)


def _draw(painter: QPainter, rect: QRect, text: str, color: str, align: Qt.AlignmentFlag) -> None:
    painter.setPen(theme.color(color))
    fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(rect.width(), 0))
    painter.drawText(rect, align, fitted)
