"""Rows of a table as they were painted last: when rows only move, nothing is written anew."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect
from PySide6.QtGui import QCursor, QPixmap
from PySide6.QtWidgets import QStyleOptionViewItem, QTreeView

from app.gui.models.tree import Node, TreeModel

Index = QModelIndex | QPersistentModelIndex
KEPT = 120
ANEW_AT_ONCE = 2
"""So many rows that changed are painted in one go, 2 ms each: before the next go an alert may come."""


class RowPictures:
    """Of all rows but the one below the pointer, which looks different and is painted each time.

    A picture is good as long as its row equals the one it was made of, with the same texts of the clock.
    """

    def __init__(self, view: QTreeView, model: TreeModel) -> None:
        self._view = view
        self._model = model
        self._ticking = [column for column in model.columns if column.ticks]
        self._made: dict[Node, tuple[tuple[Any, ...], QPixmap]] = {}
        """The one used last at the end."""
        self._whole = False
        self._anew = 0
        self._pointer: QPoint | None = None
        self._chosen: tuple[int, bool] = (0, False)
        """The current row, and whether it has the ring."""
        header = view.header()
        header.sectionResized.connect(self.forget)
        header.sectionMoved.connect(self.forget)

    def forget(self, *_: object) -> None:
        self._made.clear()

    def begin(self, *, whole: bool, ringed: bool) -> None:
        """A paint event begins; `whole` rows are painted in it, not a few columns; the current one is `ringed`."""
        viewport = self._view.viewport()
        self._whole = whole
        self._anew = 0
        self._pointer = viewport.mapFromGlobal(QCursor.pos()) if viewport.underMouse() else None
        self._chosen = (self._view.currentIndex().internalId(), ringed)

    def takes(self, rect: QRect) -> bool:
        """Whether the row at `rect` is taken from here in this paint event."""
        return self._whole and (self._pointer is None or not rect.contains(self._pointer))

    def known(self, rect: QRect, index: Index) -> QPixmap | None:
        """The row's picture; the one before where enough were painted anew in this event: another follows then."""
        node = self._model.node(index)
        made = self._made.pop(node, None)
        if made is None or made[1].deviceIndependentSize() != rect.size().toSizeF():
            return None
        if made[0] != self._look(node, index):
            if self._anew < ANEW_AT_ONCE:
                return None
            self._view.viewport().update(rect)
        self._made[node] = made
        return made[1]

    def keep(self, index: Index, picture: QPixmap) -> None:
        node = self._model.node(index)
        self._made[node] = (self._look(node, index), picture)
        self._anew += 1
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]

    def _look(self, node: Node, index: Index) -> tuple[Any, ...]:
        """All that the picture of a row depends on."""
        texts = (column.text(node.row) for column in self._ticking)
        chosen = self._chosen if index.internalId() == self._chosen[0] else None
        state = (chosen, self._view.isExpanded(index), self._view.devicePixelRatioF())
        return node.row, bool(node.children), *state, *texts

    def blank(self, option: QStyleOptionViewItem) -> tuple[QPixmap, QStyleOptionViewItem]:
        """A picture of the row's size, and the option to paint on it."""
        ratio = self._view.devicePixelRatioF()
        picture = QPixmap(option.rect.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        own = QStyleOptionViewItem(option)
        own.rect = QRect(QPoint(0, 0), option.rect.size())
        return picture, own
