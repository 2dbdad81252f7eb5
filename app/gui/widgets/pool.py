"""The pool as slots, and the capital as one bar: filled = taken, hatched = reserved, outlined = free."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QBrush, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.theme import theme
from app.messages.snapshots import GroupSnapshot

MOST_SLOTS = 14


class SlotBar(QWidget):
    """One block a slot, with its group's base; beyond fourteen slots one bar with a count."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(23)
        self._groups: Sequence[GroupSnapshot] = ()
        self._names: list[str] = []
        self._slots = 0
        theme.changed.connect(self.update)

    def show_slots(self, groups: Sequence[GroupSnapshot], slots: int) -> None:
        names = [group.id for group in groups]
        if names != self._names or slots != self._slots:
            self._groups, self._names, self._slots = groups, names, slots
            self.setAccessibleName(f"{len(groups)} of {slots} slots taken")
            self.update()

    def _boxes(self) -> list[QRect]:
        count = max(self._slots, len(self._groups), 1)
        gap = 5
        width = (self.width() - gap * (count - 1)) / count
        return [QRect(round(place * (width + gap)), 0, round(width), self.height() - 1) for place in range(count)]

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setFont(theme.font("control"))
        if max(self._slots, len(self._groups)) > MOST_SLOTS:
            self._paint_bar(painter)
        else:
            self._paint_slots(painter)
        painter.end()

    def _paint_slots(self, painter: QPainter) -> None:
        for place, box in enumerate(self._boxes()):
            taken = place < len(self._groups)
            painter.setPen(theme.pen("accent" if taken else "border_strong"))
            painter.setBrush(theme.color("bg_selected") if taken else Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0, 0, -1, -1))
            if taken:
                painter.setPen(theme.color("text_primary"))
                name = formats.pair(self._groups[place].symbol)[0]
                fitted = painter.fontMetrics().elidedText(name, Qt.TextElideMode.ElideRight, box.width() - 6)
                painter.drawText(box, Qt.AlignmentFlag.AlignCenter, fitted)

    def _paint_bar(self, painter: QPainter) -> None:
        box = self.rect().adjusted(0, 0, -1, -1)
        share = min(len(self._groups) / self._slots, 1.0) if self._slots else 0.0
        painter.fillRect(QRect(0, 0, round(box.width() * share), box.height()), theme.color("bg_selected"))
        painter.setPen(theme.pen("accent"))
        painter.drawRect(box)
        painter.setPen(theme.color("text_primary"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, f"{len(self._groups)} of {self._slots}")

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if max(self._slots, len(self._groups)) > MOST_SLOTS:
            return
        for box, group in zip(self._boxes(), self._groups, strict=False):
            if box.contains(event.position().toPoint()):
                self.chosen.emit(group.id)


class CapitalBar(QWidget):
    """Deployed solid, reserved hatched, free outlined, on one scale."""

    def __init__(self) -> None:
        super().__init__()
        self.setFixedHeight(11)
        self._parts = (Decimal(0), Decimal(0), Decimal(0))
        theme.changed.connect(self.update)

    def show_capital(self, deployed: Decimal, reserved: Decimal, free: Decimal) -> None:
        parts = (max(deployed, Decimal(0)), max(reserved, Decimal(0)), max(free, Decimal(0)))
        if parts != self._parts:
            self._parts = parts
            words = zip(parts, ("deployed", "reserved", "free"), strict=True)
            self.setAccessibleName(", ".join(f"{formats.fixed(part, 0)} {word}" for part, word in words))
            self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        box = self.rect().adjusted(0, 0, -1, -1)
        total = sum(self._parts, Decimal(0))
        if total > 0:
            deployed = round(float(self._parts[0] / total) * box.width())
            reserved = round(float(self._parts[1] / total) * box.width())
            painter.fillRect(QRect(0, 0, deployed, box.height() + 1), theme.color("accent"))
            hatched = QRect(deployed, 0, reserved, box.height() + 1)
            painter.fillRect(hatched, QBrush(theme.color("accent"), Qt.BrushStyle.BDiagPattern))
            if reserved:
                painter.setPen(theme.pen("accent"))
                painter.drawRect(hatched.adjusted(0, 0, -1, -1))
        painter.setPen(theme.pen("border_control"))
        painter.drawRect(box)
        painter.end()
