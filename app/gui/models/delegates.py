"""Paints table cells from typed values: one painter for each kind of column, so rows look the same in every style."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPointF, QRect, QSize, Qt
from PySide6.QtGui import QPainter, QPolygonF
from PySide6.QtWidgets import QStyle, QStyledItemDelegate, QStyleOptionViewItem, QTreeView

from app.gui import formats
from app.gui.models.positions import Blocks, PositionRow
from app.gui.models.risk import mark_of
from app.gui.models.signals import OUTCOME_ICONS
from app.gui.models.tree import ROW, Column, Kind
from app.gui.theme import theme

Index = QModelIndex | QPersistentModelIndex
Paint = Callable[[QPainter, QRect, Any, Column], None]
INDENT = 20
OVERLAID = frozenset({"timeframe", "side"})
CHEVRON = 16
MOST_BLOCKS = 18
"""More legs are one bar."""
TAG_HEIGHT = 17
OUTCOME_HEIGHT = 18


class CellDelegate(QStyledItemDelegate):
    """Background, selection bar and hairline are painted here too; `pad` is the space at both sides of a cell.

    A cell asks the model once, for its row; all else is the column's. Painting is latency: it shares the engine's loop.
    """

    def __init__(self, columns: tuple[Column, ...], parent: QTreeView) -> None:
        super().__init__(parent)
        self._view = parent
        self._columns = columns
        self._overlaid = [place for place, column in enumerate(columns) if column.name in OVERLAID]
        self.pad = theme.metric("size.cell_padding.below_1600")
        painters: dict[Kind, Paint] = {
            Kind.PAIR: _pair,
            Kind.PNL: _pnl,
            Kind.BLOCKS: _blocks,
            Kind.SIDE: _side,
            Kind.STATUS: _status,
            Kind.OUTCOME: _outcome,
            Kind.RANK: _rank,
            Kind.TAG: _tag,
            Kind.TAGS: _tags,
            Kind.CONDITION: _condition,
        }
        self._painters = [painters.get(column.kind, _text) for column in columns]

    def sizeHint(self, _option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's name
        return QSize(self._columns[index.column()].width, theme.row_height)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        place = index.column()
        row = index.data(ROW)
        level = row.level if isinstance(row, PositionRow) else 0
        rect: QRect = option.rect
        if level and place in self._overlaid:
            return  # a child's name runs on over the columns that only groups fill
        if level and place == 0:
            rect = rect.adjusted(0, 0, sum(self._view.columnWidth(other) for other in self._overlaid), 0)
        self._paint_ground(painter, rect, place, option.state)
        inner = rect.adjusted(self.pad, 0, -self.pad, 0)
        if place == 0:
            inner.setLeft(self._after_chevron(painter, rect, index, level))
        painter.setFont(theme.font("table"))
        self._painters[place](painter, inner, row, self._columns[place])

    def _paint_ground(self, painter: QPainter, rect: QRect, place: int, state: QStyle.StateFlag) -> None:
        selected = bool(state & QStyle.StateFlag.State_Selected)
        hovered = bool(state & QStyle.StateFlag.State_MouseOver)
        ground = "bg_selected" if selected else "bg_hover" if hovered else "bg_panel"
        painter.fillRect(rect, theme.color(ground))
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, theme.color("border_subtle"))
        if place == 0 and selected:
            painter.fillRect(0, rect.top(), theme.metric("stroke.selection_bar"), rect.height(), theme.color("accent"))

    def _after_chevron(self, painter: QPainter, rect: QRect, index: Index, level: int) -> int:
        """Where the first cell's text begins: after the edge, the level's indent and the chevron."""
        left = theme.metric("size.edge_padding")
        if self._view.property("flat"):
            return left
        left += level * INDENT
        if index.model().hasChildren(index):
            name = "chevron-down" if self._view.isExpanded(index) else "chevron-right"
            size = theme.metric("icon.table")
            painter.drawPixmap(left, rect.top() + (rect.height() - size) // 2, theme.pixmap(name, "text_tertiary", 13))
        return left + CHEVRON + 2


def _draw(
    painter: QPainter, rect: QRect, text: str, color: str, alignment: Qt.AlignmentFlag, weight_of: str | None = None
) -> None:
    painter.setPen(theme.color(color))
    if theme.advance(text, "table", weight_of) > rect.width():
        text = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(rect.width(), 0))
    painter.drawText(rect, alignment, text)


def _tone(row: Any, text: str) -> str:
    if text in {formats.NOTHING, "none", ""}:
        return "text_tertiary"
    if isinstance(row, PositionRow) and (row.level or row.stale):
        return "text_secondary"
    return "text_primary"


def _text(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    text = column.text(row)
    if not text:
        return
    quiet = column.kind in {Kind.TEXT, Kind.TIME}
    tone = "text_secondary" if quiet and column.name != "reason" else _tone(row, text)
    if column.name == "mark" and isinstance(row, PositionRow) and row.stale and not row.level:
        size = theme.metric("icon.table")
        left = rect.right() - theme.advance(text, "table") - size - 3
        painter.drawPixmap(left, rect.center().y() - size // 2, theme.pixmap("clock", "text_tertiary", 13))
    _draw(painter, rect, text, tone, column.alignment)


def _pair(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    if isinstance(row, PositionRow) and row.level:
        _draw(painter, rect, row.name, "text_secondary", column.alignment)
        used = theme.advance(f"{row.name} ", "table")
        _draw(painter, rect.adjusted(used, 0, 0, 0), row.timeframe, "text_tertiary", column.alignment)
        return
    base, rest = formats.pair(column.text(row))
    painter.setFont(theme.font("table", "strong"))
    _draw(painter, rect, base, "text_primary", column.alignment, "strong")
    used = theme.advance(base, "table", "strong")
    painter.setFont(theme.font("table"))
    _draw(painter, rect.adjusted(used, 0, 0, 0), rest, "text_tertiary", column.alignment)


def _pnl(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    """Arrow in the percent column, sign and colour in both; stale values lose colour and arrow."""
    value: Decimal | None = column.value(row)
    text = column.text(row)
    if value is None or value == 0 or (isinstance(row, PositionRow) and row.stale):
        _draw(painter, rect, text, "text_primary" if value == 0 else _tone(row, text), column.alignment)
        return
    color = "positive" if value > 0 else "negative"
    _draw(painter, rect, text, color, column.alignment)
    if column.name == "percent":
        left = rect.right() - theme.advance(text, "table") - 12
        paint_arrow(painter, left, rect.center().y(), color, up=value > 0)


def paint_arrow(painter: QPainter, left: float, middle: float, color: str, *, up: bool) -> None:
    """The 8 px triangle of profit and loss, its box beginning at `left`."""
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(color))
    top, bottom = (middle + 3, middle - 3) if up else (middle - 3, middle + 3)
    painter.drawPolygon(QPolygonF([QPointF(left, top), QPointF(left + 7, top), QPointF(left + 3.5, bottom)]))
    painter.restore()


def _blocks(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    width = paint_blocks(painter, rect.left(), rect.center().y(), row.blocks)
    _draw(painter, rect.adjusted(width + 6, 0, 0, 0), column.text(row), "text_secondary", column.alignment)


def paint_blocks(painter: QPainter, left: int, middle: int, blocks: Blocks) -> int:
    """Filled = bought, outlined = waiting, partly filled from below. Answers the width that was used."""
    if blocks.total > MOST_BLOCKS:
        _bar(painter, left, middle, blocks)
        return blocks_width(blocks.total)
    width, gap, height = _block_sizes(blocks.total)
    top = middle - height // 2
    for place, share in enumerate(blocks.shares):
        box = QRect(left + place * (width + gap), top, width, height)
        if share < 1:
            painter.setPen(theme.pen("accent"))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(box.adjusted(0, 0, -1, -1))
        if share > 0:
            filled = round(height * share)
            painter.fillRect(box.left(), box.bottom() + 1 - filled, width, filled, theme.color("accent"))
    return blocks_width(blocks.total)


def blocks_width(total: int) -> int:
    """How wide `paint_blocks` paints so many legs."""
    if total > MOST_BLOCKS:
        return theme.metric("space.4") * 4 + 2
    width, gap, _ = _block_sizes(total)
    return total * (width + gap)


def _block_sizes(total: int) -> tuple[int, int, int]:
    """Width, gap and height of each."""
    size = "to_10" if total <= 10 else "to_18"
    width, gap, height = (theme.metric(f"size.leg_block.{size}.{name}") for name in ("w", "gap", "h"))
    return width, gap, height


def _bar(painter: QPainter, left: int, middle: int, blocks: Blocks) -> None:
    width = theme.metric("space.4") * 4
    painter.fillRect(left, middle - 2, width, 4, theme.color("border_strong"))
    painter.fillRect(left, middle - 2, round(width * sum(blocks.shares) / blocks.total), 4, theme.color("accent"))


def _side(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    side = column.text(row)
    if not side:
        return
    size = theme.metric("icon.table")
    name = "arrow-up-right" if side == "long" else "arrow-down-right"
    painter.drawPixmap(rect.left(), rect.center().y() - size // 2, theme.pixmap(name, "text_secondary", 13))
    _draw(painter, rect.adjusted(size + 4, 0, 0, 0), side, "text_secondary", column.alignment)


def _status(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    left = rect
    is_position = isinstance(row, PositionRow)
    if is_position and row.unprotected:
        left = _shield(painter, left, "shield-alert", "critical")
    if is_position and row.blocked:
        left = _shield(painter, left, "shield-off", "text_secondary")
    if is_position and row.forced:
        left = left.adjusted(paint_tag(painter, left, "forced") + 5, 0, 0, 0)
    quiet = not is_position or row.level
    color = "accent" if row.pending else "text_secondary" if quiet else "text_primary"
    _draw(painter, left, column.text(row), color, column.alignment)


def _shield(painter: QPainter, rect: QRect, name: str, color: str) -> QRect:
    size = theme.metric("icon.table")
    painter.drawPixmap(rect.left(), rect.center().y() - size // 2, theme.pixmap(name, color, 13))
    return rect.adjusted(size + 4, 0, 0, 0)


def _rank(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    text = column.text(row)
    painter.setFont(theme.font("table", "strong"))
    _draw(painter, rect, text, _tone(row, text), column.alignment, "strong")


def _tag(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    paint_tag(painter, rect, column.text(row))


TAG_COLORS = {
    "loser": ("negative", "negative_bg", None),
    "pays": ("text_primary", None, "accent"),
}


def _tags(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    left = rect
    for tag in column.value(row):
        if left.width() > 0:
            left = left.adjusted(paint_tag(painter, left, tag) + 4, 0, 0, 0)


def paint_tag(painter: QPainter, rect: QRect, text: str) -> int:
    """A word in a frame. Answers the width that was used."""
    color, ground, frame = TAG_COLORS.get(text, ("text_secondary", None, "border_strong"))
    painter.save()
    painter.setFont(theme.font("caption"))
    width = min(theme.advance(text, "caption") + 11, rect.width())
    height = theme.scaled(TAG_HEIGHT)
    box = QRect(rect.left(), rect.center().y() - height // 2, width, height)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.pen(frame) if frame else Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(ground) if ground else Qt.BrushStyle.NoBrush)
    painter.drawRoundedRect(box, theme.metric("radius.tag"), theme.metric("radius.tag"))
    painter.setPen(theme.color(color))
    fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, width - 8)
    painter.drawText(box, Qt.AlignmentFlag.AlignCenter, fitted)
    painter.restore()
    return width


def _condition(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    """Icon and value: a tick for what is met, a cross for what is not, a dash for what has not begun."""
    condition = column.value(row)
    if condition is None:
        return
    size = theme.metric("icon.table")
    color = "positive" if condition.met else "text_tertiary"
    painter.drawPixmap(rect.left(), rect.center().y() - size // 2, theme.pixmap(mark_of(condition), color, 13))
    tone = "text_primary" if condition.met else "text_secondary"
    _draw(painter, rect.adjusted(size + 5, 0, 0, 0), column.text(row), tone, column.alignment)


def _outcome(painter: QPainter, rect: QRect, row: Any, column: Column) -> None:
    paint_outcome(painter, rect, column.text(row))


def paint_outcome(painter: QPainter, rect: QRect, outcome: str) -> None:
    """The tag of a signal's outcome: icon, word, tinted ground."""
    icon, color, ground = OUTCOME_ICONS.get(outcome, OUTCOME_ICONS["pending"])
    size = theme.metric("icon.tag")
    width = painter.fontMetrics().horizontalAdvance(outcome) + size + 16
    height = theme.scaled(OUTCOME_HEIGHT)
    box = QRect(rect.left(), rect.center().y() - height // 2 + 1, width, height)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(theme.pen("border_strong") if ground == "bg_panel" else Qt.PenStyle.NoPen)
    painter.setBrush(theme.color(ground))
    painter.drawRoundedRect(box, theme.metric("radius.tag"), theme.metric("radius.tag"))
    painter.drawPixmap(box.left() + 5, box.center().y() - size // 2, theme.pixmap(icon, color, 12))
    painter.setPen(theme.color(color))
    text = box.adjusted(size + 10, 0, 0, 0)
    painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, outcome)
    painter.restore()
