"""A tree of rows as a Qt model. Columns are data; what changed is told cell by cell, and a model is never reset."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import groupby
from typing import Any

from PySide6.QtCore import QAbstractItemModel, QModelIndex, QObject, QPersistentModelIndex, Qt

from app.gui import formats

Index = QModelIndex | QPersistentModelIndex
VALUE = Qt.ItemDataRole.UserRole + 1
"""The column's typed value of a row, for delegates and sorting."""
ROW = Qt.ItemDataRole.UserRole + 2
"""The whole row."""
HIDDEN = -1
"""The place of a row that is not shown."""


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
    ticks: bool = False
    """Whether the text goes on with the clock while the row stays the same."""
    spare: int = 0
    """Where room is short the column with the highest one hides first; 0 stays."""

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


class TreeModel(QAbstractItemModel):
    """Holds rows by key; `put` and `drop` change single ones.

    Of the top rows those are shown that the filter accepts, in a column's order or as they came. A new row goes where
    it belongs; known ones stay where they are until `settle`, which the view calls when the pointer is away. Children
    keep their order and go with their parent. There is no proxy between model and view: each call into Python that a
    layout makes for each row is latency of the engine's loop.
    """

    def __init__(self, columns: Sequence[Column], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.columns = tuple(columns)
        self._root = Node("", None, None)
        """Its children are the top rows that are shown."""
        self._top: dict[str, Node] = {}
        self._came: list[Node] = []
        """All top rows, in the order they came."""
        self._accepts: Callable[[Any], bool] = lambda _: True
        self._sorted_by = -1
        self._down = False
        self.short_titles = False

    # ------------------------------------------------------------------ changing

    def put(self, spec: Spec, at: int | None = None) -> None:
        """Add a top row, as the last that came or as the one at `at`, or bring a known one up to date."""
        node = self._top.get(spec.key)
        if node is None:
            self._add(spec, len(self._came) if at is None else at)
        elif node.place == HIDDEN:
            node.row = spec.row
            _grow(node, spec)
        else:
            self._update(node, spec)

    def _add(self, spec: Spec, at: int) -> None:
        node = self._top[spec.key] = _grown(spec, self._root)
        node.place = HIDDEN
        self._came.insert(at, node)
        if self._accepts(node.row):
            self._show([node], self._place_of(node, at))

    def put_row(self, key: str, row: Any) -> None:
        """Bring a known top row up to date and leave its children as they are."""
        self._change(self._top[key], row)

    def drop(self, key: str) -> None:
        node = self._top.pop(key, None)
        if node is not None:
            self._came.remove(node)
            if node.place != HIDDEN:
                self._remove(node)

    def keys(self) -> list[str]:
        """Of all top rows, shown or not, in the order they came."""
        return [node.key for node in self._came]

    def row_of(self, key: str) -> Any:
        node = self._top.get(key)
        return None if node is None else node.row

    def index_of(self, key: str) -> QModelIndex:
        """Invalid where the row is not shown."""
        node = self._top.get(key)
        return QModelIndex() if node is None or node.place == HIDDEN else self.createIndex(node.place, 0, node)

    def _insert(self, parent: Node, spec: Spec, place: int) -> None:
        self.beginInsertRows(self._index(parent), place, place)
        parent.children.insert(place, _grown(spec, parent))
        _number(parent, place)
        self.endInsertRows()

    def _remove(self, node: Node) -> None:
        parent = node.parent or self._root
        self.beginRemoveRows(self._index(parent), node.place, node.place)
        del parent.children[node.place]
        _number(parent, node.place)
        node.place = HIDDEN
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
        if node.place == HIDDEN or old == row:
            return
        changed = [index for index, column in enumerate(self.columns) if column.value(old) != column.value(row)] or [
            0,
            len(self.columns) - 1,
        ]
        left = self.createIndex(node.place, changed[0], node)
        self.dataChanged.emit(left, self.createIndex(node.place, changed[-1], node))

    # ------------------------------------------------------------------ order and filter

    def accept(self, accepts: Callable[[Any], bool]) -> None:
        """Show the top rows that `accepts` says yes to."""
        self._accepts = accepts
        self.settle()

    def sort(self, column: int, order: Qt.SortOrder = Qt.SortOrder.AscendingOrder) -> None:
        """By a column's values; -1 for the order in which the rows came."""
        self._sorted_by, self._down = column, order is Qt.SortOrder.DescendingOrder
        self.settle()

    def settle(self) -> None:
        """Filter and sort anew, where that changes anything."""
        wanted = [node for node in self._came if self._accepts(node.row)]
        if self._sorted_by >= 0:
            wanted.sort(key=self._key, reverse=self._down)
        if wanted == self._root.children:
            return
        kept = set(map(id, wanted))
        for node in [node for node in self._root.children if id(node) not in kept]:
            self._remove(node)
        self._reorder([node for node in wanted if node.place != HIDDEN])
        for is_hidden, nodes in groupby(wanted, lambda node: node.place == HIDDEN):
            if is_hidden:
                new = list(nodes)
                self._show(new, wanted.index(new[0]))

    def _key(self, node: Node) -> tuple[int, Any]:
        value = self.columns[self._sorted_by].value(node.row)
        return (0, 0) if value is None else (1, value)

    def _place_of(self, node: Node, at: int) -> int:
        """Where a new row belongs among those that are shown, after its equals."""
        shown = self._root.children
        if self._sorted_by < 0:
            is_last = at == len(self._came) - 1
            return len(shown) if is_last else sum(other.place != HIDDEN for other in self._came[:at])
        low, high, key = 0, len(shown), self._key(node)
        while low < high:
            middle = (low + high) // 2
            other = self._key(shown[middle])
            if other >= key if self._down else other <= key:
                low = middle + 1
            else:
                high = middle
        return low

    def _show(self, nodes: Sequence[Node], place: int) -> None:
        self.beginInsertRows(QModelIndex(), place, place + len(nodes) - 1)
        self._root.children[place:place] = nodes
        _number(self._root, place)
        self.endInsertRows()

    def _reorder(self, wanted: list[Node]) -> None:
        """The shown rows, in another order."""
        if wanted == self._root.children:
            return
        self.layoutAboutToBeChanged.emit()
        held = self.persistentIndexList()
        self._root.children = wanted
        _number(self._root, 0)
        nodes = [self.node(index) for index in held]
        moved = [self.createIndex(node.place, index.column(), node) for node, index in zip(nodes, held, strict=True)]
        self.changePersistentIndexList(held, moved)
        self.layoutChanged.emit()

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
        children = (parent.internalPointer() if parent.isValid() else self._root).children
        if not (0 <= row < len(children) and 0 <= column < len(self.columns)):
            return QModelIndex()
        return self.createIndex(row, column, children[row])

    def parent(self, index: Index | None = None) -> Any:
        if index is None:
            return super().parent()
        parent = self.node(index).parent
        return QModelIndex() if parent is None else self._index(parent)

    def hasChildren(self, parent: Index = QModelIndex()) -> bool:  # noqa: N802, B008 - Qt's name and way
        return bool(self.node(parent).children)

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
    _grow(node, spec)
    return node


def _grow(node: Node, spec: Spec) -> None:
    """Give a node that nobody sees its children."""
    node.children = [_grown(child, node) for child in spec.children]
    _number(node, 0)


def _number(parent: Node, start: int) -> None:
    for place in range(start, len(parent.children)):
        parent.children[place].place = place
