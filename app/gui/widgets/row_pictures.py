"""Rows of a table as they were painted last: when rows only move, nothing is written anew."""

from __future__ import annotations

from typing import Any

from PySide6.QtCore import QModelIndex, QPersistentModelIndex, QPoint, QRect
from PySide6.QtGui import QCursor, QPixmap
from PySide6.QtWidgets import QStyleOptionViewItem, QTreeView

from app.gui.models.tree import TreeModel

Index = QModelIndex | QPersistentModelIndex
KEPT = 120


class RowPictures:
    """Only plain rows: the chosen one and the one below the pointer look different and are painted each time.

    A picture is good as long as its row equals the one it was made of, with the same texts of the clock.
    """

    def __init__(self, view: QTreeView, model: TreeModel) -> None:
        self._view = view
        self._model = model
        self._ticking = [column for column in model.columns if column.ticks]
        self._made: dict[int, tuple[tuple[Any, ...], QPixmap]] = {}
        """The one used last at the end."""
        self._whole = False
        self._pointer: QPoint | None = None
        header = view.header()
        header.sectionResized.connect(self.forget)
        header.sectionMoved.connect(self.forget)

    def forget(self, *_: object) -> None:
        self._made.clear()

    def begin(self, *, whole: bool) -> None:
        """A paint event begins; `whole` rows are painted in it, not a few columns."""
        viewport = self._view.viewport()
        self._whole = whole
        self._pointer = viewport.mapFromGlobal(QCursor.pos()) if viewport.underMouse() else None

    def takes(self, rect: QRect, index: Index) -> bool:
        """Whether the row at `rect` is taken from here in this paint event."""
        if not self._whole or (self._pointer is not None and rect.contains(self._pointer)):
            return False
        return index.internalId() != self._view.currentIndex().internalId()

    def known(self, index: Index) -> QPixmap | None:
        made = self._made.pop(index.internalId(), None)
        if made is None or made[0] != self._look(index):
            return None
        self._made[index.internalId()] = made
        return made[1]

    def keep(self, index: Index, picture: QPixmap) -> None:
        self._made[index.internalId()] = (self._look(index), picture)
        if len(self._made) > KEPT:
            del self._made[next(iter(self._made))]

    def _look(self, index: Index) -> tuple[Any, ...]:
        """All that the picture of a row depends on."""
        node = self._model.node(index)
        texts = (column.text(node.row) for column in self._ticking)
        return node.row, bool(node.children), self._view.isExpanded(index), self._view.devicePixelRatioF(), *texts

    def blank(self, option: QStyleOptionViewItem) -> tuple[QPixmap, QStyleOptionViewItem]:
        """A picture of the row's size, and the option to paint on it."""
        ratio = self._view.devicePixelRatioF()
        picture = QPixmap(option.rect.size() * ratio)
        picture.setDevicePixelRatio(ratio)
        own = QStyleOptionViewItem(option)
        own.rect = QRect(QPoint(0, 0), option.rect.size())
        return picture, own
