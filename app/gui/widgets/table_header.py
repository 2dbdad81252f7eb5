"""The header of a table: titles stand over their cells, and the sorted one has a chevron."""

from __future__ import annotations

from PySide6.QtCore import QPointF, QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QHeaderView, QStyle, QStyleOptionHeader, QWidget

from app.gui.theme import theme

CHEVRON = 8
GAP = 4


class TableHeader(QHeaderView):
    """`pad` is the space at both sides of a title, as in the cells."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(Qt.Orientation.Horizontal, parent)
        self.pad = theme.metric("size.cell_padding.below_1600")

    def paintSection(self, painter: QPainter, rect: QRect, section: int) -> None:  # noqa: N802 - Qt's name
        option = QStyleOptionHeader()
        self.initStyleOptionForIndex(option, section)
        is_sorted = self.isSortIndicatorShown() and section == self.sortIndicatorSection()
        is_bright = is_sorted or bool(option.state & QStyle.StateFlag.State_MouseOver)
        painter.fillRect(rect, theme.color("bg_raised"))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, theme.color("border_subtle"))
        painter.setFont(theme.font("header"))
        painter.setPen(theme.color("text_primary" if is_bright else "text_tertiary"))
        room = self._title_room(rect, section, is_sorted, option.textAlignment)
        title = painter.fontMetrics().elidedText(option.text, Qt.TextElideMode.ElideRight, max(room.width(), 0))
        painter.drawText(room, option.textAlignment, title)
        if is_sorted:
            self._paint_chevron(painter, painter.boundingRect(room, option.textAlignment, title), option.textAlignment)

    def _title_room(self, rect: QRect, section: int, is_sorted: bool, alignment: Qt.AlignmentFlag) -> QRect:
        """On the side where it ends as the cells do, a long title may use the padding, and the chevron stands there."""
        near = theme.metric("size.edge_padding") if section == 0 else self.pad
        far = GAP // 2 + (theme.scaled(CHEVRON) + GAP if is_sorted else 0)
        is_right = bool(alignment & Qt.AlignmentFlag.AlignRight)
        return rect.adjusted(far, 0, -near, 0) if is_right else rect.adjusted(near, 0, -far, 0)

    def _paint_chevron(self, painter: QPainter, title: QRect, alignment: Qt.AlignmentFlag) -> None:
        """Up where the least comes first."""
        width = theme.scaled(CHEVRON)
        is_right = bool(alignment & Qt.AlignmentFlag.AlignRight)
        left = title.left() - GAP - width if is_right else title.right() + GAP
        rise = width / 4 if self.sortIndicatorOrder() is Qt.SortOrder.AscendingOrder else -width / 4
        middle = title.center().y() + 0.5
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.pen("text_primary", 1.5))
        painter.drawPolyline(
            [
                QPointF(left + 0.5, middle + rise),
                QPointF(left + width / 2, middle - rise),
                QPointF(left + width - 0.5, middle + rise),
            ]
        )
