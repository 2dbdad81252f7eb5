"""A tree of rows as a Qt model. Columns are data; what changed is told cell by cell, and a model is never reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, QSortFilterProxyModel, Qt

from app.gui import formats

Index = QModelIndex | QPersistentModelIndex
VALUE = Qt.ItemDataRole.UserRole + 1
"""The column's typed value of a row, for delegates and sorting."""
ROW = Qt.ItemDataRole.UserRole + 2
"""The whole row."""


class Kind(StrEnum):
    """How a column's cells are painted."""

    TEXT = "text"
    PAIR = "pair"
    NUMBER = "number"
    PNL = "pnl"
    BLOCKS = "blocks"
    SIDE = "side"
    STATUS = "status"
    OUTCOME = "outcome"
    TIME = "time"
    RANK = "rank"
    TAG = "tag"
    TAGS = "tags"
    CONDITION = "condition"


@dataclass(frozen=True, slots=True)
class Column:
    """`value` is what sorting and the delegate see, `text` what a person reads; `width` in logical pixels."""

    name: str
    title: str
    kind: Kind
    width: int
    value: Callable[[Any], Any]
    text: Callable[[Any], str]
    short_title: str | None = None
    tip: Callable[[Any], str] | None = None
    stretches: bool = False
    only_wide: bool = False
    wide_width: int | None = None

    def spoken(self, row: Any) -> str:
        """What a screen reader says; of a condition, whether it is met."""
        if self.kind is Kind.CONDITION and self.tip is not None and self.tip(row):
            return formats.spoken(self.tip(row))
        return formats.spoken(self.text(row))

    @property
    def is_right(self) -> bool:
        return self.kind in {Kind.NUMBER, Kind.PNL}

    @property
    def alignment(self) -> Qt.AlignmentFlag:
        if self.kind is Kind.RANK:
            return Qt.AlignmentFlag.AlignCenter
        side = Qt.AlignmentFlag.AlignRight if self.is_right else Qt.AlignmentFlag.AlignLeft
        return side | Qt.AlignmentFlag.AlignVCenter


@dataclass(frozen=True, slots=True)
class Spec:
    """A row as it should be: its key, unique among its siblings, and its children."""

    key: str
    row: Any
    children: tuple[Spec, ...] = ()


@dataclass(slots=True, eq=False)
class Node:
    """A row in the tree."""

    key: str
    row: Any
    parent: Node | None
    place: int = 0
    children: list[Node] = field(default_factory=list)

    @property
    def is_top(self) -> bool:
        return self.parent is not None and self.parent.parent is None


class TreeModel(QAbstractItemModel):
    """Holds rows by key; `put` and `drop` change single ones."""

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._root = Node("", None, None)
        self._top: dict[str, Node] = {}
        self.short_titles = False

    # ------------------------------------------------------------------ changing

    def put(self, spec: Spec, at: int | None = None) -> None:
        """Add a top row, at the end or at `at`, or bring a known one up to date."""
        node = self._top.get(spec.key)
        if node is None:
            self._top[spec.key] = self._insert(self._root, spec, len(self._root.children) if at is None else at)
        else:
            self._update(node, spec)

    def put_row(self, key: str, row: Any) -> None:
        """Bring a known top row up to date and leave its children as they are."""
        self._change(self._top[key], row)

    def touch(self, key: str, column: str) -> None:
        """Have one cell of a top row painted anew."""
        node = self._top.get(key)
        if node is not None:
            place = next(place for place, item in enumerate(self.columns) if item.name == column)
            index = self.createIndex(node.place, place, node)
            self.dataChanged.emit(index, index)

    def drop(self, key: str) -> None:
        node = self._top.pop(key, None)
        if node is not None:
            self._remove(node)

    def keys(self) -> list[str]:
        return [node.key for node in self._root.children]

    def top(self) -> Sequence[Node]:
        """The top rows, in the order they came."""
        return self._root.children

    def row_of(self, key: str) -> Any:
        node = self._top.get(key)
        return None if node is None else node.row

    def index_of(self, key: str) -> QModelIndex:
        node = self._top.get(key)
        return QModelIndex() if node is None else self.createIndex(node.place, 0, node)

    def _insert(self, parent: Node, spec: Spec, place: int) -> Node:
        self.beginInsertRows(self._index(parent), place, place)
        node = _grown(spec, parent)
        parent.children.insert(place, node)
        _number(parent, place)
        self.endInsertRows()
        return node

    def _remove(self, node: Node) -> None:
        parent = node.parent or self._root
        self.beginRemoveRows(self._index(parent), node.place, node.place)
        del parent.children[node.place]
        _number(parent, node.place)
        self.endRemoveRows()

    def _update(self, node: Node, spec: Spec) -> None:
        self._change(node, spec.row)
        wanted = {child.key for child in spec.children}
        for child in [child for child in node.children if child.key not in wanted]:
            self._remove(child)
        for place, child_spec in enumerate(spec.children):
            self._place(node, child_spec, place)

    def _place(self, parent: Node, spec: Spec, place: int) -> None:
        """Have the child that `spec` means at `place`; one that stood elsewhere moves there."""
        known = next((child for child in parent.children if child.key == spec.key), None)
        if known is not None and known.place == place:
            self._update(known, spec)
            return
        if known is not None:
            self._remove(known)
        self._insert(parent, spec, place)

    def _change(self, node: Node, row: Any) -> None:
        old, node.row = node.row, row
        if old == row:
            return
        changed = [index for index, column in enumerate(self.columns) if column.value(old) != column.value(row)] or [
            0,
            len(self.columns) - 1,
        ]
        left = self.createIndex(node.place, changed[0], node)
        self.dataChanged.emit(left, self.createIndex(node.place, changed[-1], node))

    # ------------------------------------------------------------------ what Qt asks

    def _index(self, node: Node) -> QModelIndex:
        return QModelIndex() if node.parent is None else self.createIndex(node.place, 0, node)

    def node(self, index: Index) -> Node:
        """The row behind an index; the root where it is invalid."""
        if not index.isValid():
            return self._root
        node: Node = index.internalPointer()
        return node

    def index(self, row: int, column: int, parent: Index = QModelIndex()) -> QModelIndex:  # noqa: B008 - Qt's way
        children = self.node(parent).children
        if not (0 <= row < len(children) and 0 <= column < len(self.columns)):
            return QModelIndex()
        return self.createIndex(row, column, children[row])

    def parent(self, index: Index | None = None) -> Any:
        if index is None:
            return super().parent()
        parent = self.node(index).parent
        return QModelIndex() if parent is None else self._index(parent)

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and way
        return len(self.node(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, _parent: Index = QModelIndex()) -> int:  # noqa: N802, B008 - Qt's name and way
        return len(self.columns)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        if not index.isValid():
            return None
        column, row = self.columns[index.column()], self.node(index).row
        match role:
            case Qt.ItemDataRole.DisplayRole:
                return column.text(row)
            case Qt.ItemDataRole.AccessibleTextRole:
                return f"{column.title}, {column.spoken(row)}"
            case Qt.ItemDataRole.ToolTipRole:
                return column.tip(row) if column.tip else None
            case Qt.ItemDataRole.TextAlignmentRole:
                return column.alignment
        if role == VALUE:
            return column.value(row)
        return row if role == ROW else None

    def headerData(  # noqa: N802 - Qt's name
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal or not 0 <= section < len(self.columns):
            return None
        column = self.columns[section]
        if role == Qt.ItemDataRole.DisplayRole:
            return column.short_title if self.short_titles and column.short_title is not None else column.title
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return column.alignment
        return None


def _grown(spec: Spec, parent: Node) -> Node:
    node = Node(spec.key, spec.row, parent)
    node.children = [_grown(child, node) for child in spec.children]
    _number(node, 0)
    return node


def _number(parent: Node, start: int) -> None:
    for place in range(start, len(parent.children)):
        parent.children[place].place = place


class SortedRows(QSortFilterProxyModel):
    """Sorts and filters the top rows; children keep their order and go with their parent.

    The order does not follow every change: `settle` sorts anew, and the view calls it when the pointer is away.
    """

    def __init__(self, model: TreeModel, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._model = model
        self._accepts: Callable[[Any], bool] = lambda _: True
        self.setDynamicSortFilter(False)
        self.setSourceModel(model)

    def accept(self, accepts: Callable[[Any], bool]) -> None:
        """Show the top rows that `accepts` says yes to."""
        self.beginFilterChange()
        self._accepts = accepts
        self.endFilterChange(QSortFilterProxyModel.Direction.Rows)

    def settle(self) -> None:
        """Filter and sort anew, where that changes anything."""
        if not self._is_in_order():
            self.invalidate()

    def _is_in_order(self) -> bool:
        """Whether all rows that pass are shown, in the order asked for."""
        model = self._model
        if self.sortColumn() < 0:
            return False
        shown = [model.node(self.mapToSource(self.index(row, 0))) for row in range(self.rowCount())]
        if len(shown) != sum(self._accepts(node.row) for node in model.top()):
            return False
        keys = [self._key(node) for node in shown]
        down = self.sortOrder() is Qt.SortOrder.DescendingOrder
        return all((second <= first if down else first <= second) for first, second in pairwise(keys))

    def _key(self, node: Node) -> tuple[int, Any]:
        value = self._model.columns[self.sortColumn()].value(node.row)
        return (0, 0) if value is None else (1, value)

    def filterAcceptsRow(self, row: int, parent: Index) -> bool:  # noqa: N802 - Qt's name
        return parent.isValid() or self._accepts(self._model.top()[row].row)

    def lessThan(self, left: Index, right: Index) -> bool:  # noqa: N802 - Qt's name
        first, second = self._model.node(left), self._model.node(right)
        if not first.is_top:
            before = first.place < second.place
            return before if self.sortOrder() is Qt.SortOrder.AscendingOrder else not before
        return self._key(first) < self._key(second)
