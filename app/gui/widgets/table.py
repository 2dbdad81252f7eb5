"""The one table of the window: a tree view that sorts quietly, remembers its columns and paints through delegates."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from PySide6.QtCore import QByteArray, QEvent, QModelIndex, QPersistentModelIndex, QPoint, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QAction, QFocusEvent, QKeyEvent, QPainter, QPaintEvent, QShowEvent
from PySide6.QtWidgets import QAbstractItemView, QHeaderView, QMenu, QStyleOptionViewItem, QTreeView

from app.gui.models.delegates import CellDelegate
from app.gui.models.tree import TreeModel
from app.gui.theme import theme
from app.gui.widgets.row_pictures import RowPictures
from app.gui.widgets.table_header import TableHeader

RESORT_MS = 5000
BY_KEY = frozenset(
    {Qt.FocusReason.TabFocusReason, Qt.FocusReason.BacktabFocusReason, Qt.FocusReason.ShortcutFocusReason}
)


class Table(QTreeView):
    """`chosen(key)` follows the current top row, empty where there is none. `flat` tables have no children."""

    chosen = Signal(str)
    opened = Signal(str)

    def __init__(self, name: str, model: TreeModel, *, flat: bool = False) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(name)
        self.rows = model
        self.setProperty("flat", flat)
        self.titles = TableHeader(self)
        self.setHeader(self.titles)
        self.setModel(model)
        self.cells = CellDelegate(model.columns, self)
        self.setItemDelegate(self.cells)
        self.setUniformRowHeights(True)
        self.setRootIsDecorated(False)
        self.setIndentation(0)
        self.setMouseTracking(True)
        self.setAllColumnsShowFocus(False)  # the style's own frame is not wanted: the row has a ring
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self._wide = False
        self._by_key = False
        """Whether the keyboard is used in it, not the pointer."""
        self._prepare_header()
        self._pictures = RowPictures(self, model)
        self._resort = QTimer(self)
        self._resort.setInterval(RESORT_MS)
        self._resort.timeout.connect(self._settle_seen)
        self._resort.start()
        self.selectionModel().currentChanged.connect(self._tell)
        self.doubleClicked.connect(lambda index: self.setExpanded(index, not self.isExpanded(index)))
        self.setExpandsOnDoubleClick(False)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _prepare_header(self) -> None:
        header = self.header()
        header.setSortIndicatorShown(True)
        header.setSectionsClickable(True)
        header.setSectionsMovable(True)
        header.setHighlightSections(False)
        header.setStretchLastSection(False)
        header.setMinimumSectionSize(28)
        header.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        header.customContextMenuRequested.connect(self._column_menu)
        for place, column in enumerate(self.rows.columns):
            self.setColumnWidth(place, column.width)
            if column.stretches:
                header.setSectionResizeMode(place, QHeaderView.ResizeMode.Stretch)
        self.setSortingEnabled(True)

    def _restyle(self) -> None:
        self.header().setFixedHeight(theme.metric("size.table_header"))
        self.header().setFont(theme.font("header"))
        self._pictures.forget()
        self.viewport().update()

    # ------------------------------------------------------------------ rows

    @property
    def current_key(self) -> str:
        index = self.currentIndex()
        while index.parent().isValid():
            index = index.parent()
        return self.rows.node(index).key

    def choose(self, key: str) -> None:
        index = self.rows.index_of(key)
        if index.isValid():
            self.setCurrentIndex(index)

    def _tell(self, *_: Any) -> None:
        self.chosen.emit(self.current_key)

    def choose_first(self) -> None:
        self.setCurrentIndex(self.rows.index(0, 0))

    def tick(self) -> None:
        """Paint those columns anew whose texts go on with the clock."""
        for place, column in enumerate(self.rows.columns):
            if column.ticks:
                left, width = self.columnViewportPosition(place), self.columnWidth(place)
                self.viewport().update(left, 0, width, self.viewport().height())

    def settle(self) -> None:
        """Put new rows where they belong."""
        with self.kept_scroll():
            self.rows.settle()

    def _settle_seen(self) -> None:
        if self.isVisible():
            self.settle()

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.settle()

    @contextmanager
    def kept_scroll(self) -> Iterator[None]:
        place = self.verticalScrollBar().value()
        yield
        self.verticalScrollBar().setValue(place)

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        super().leaveEvent(event)
        self.settle()

    def focusInEvent(self, event: QFocusEvent) -> None:  # noqa: N802 - Qt's name
        super().focusInEvent(event)
        if event.reason() in BY_KEY:
            self._use_keys(True)

    def _use_keys(self, by_key: bool) -> None:
        if by_key != self._by_key:
            self._by_key = by_key
            self.viewport().update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        self._use_keys(True)
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.opened.emit(self.current_key)
            return
        if event.text().isalpha() and not event.modifiers() & Qt.KeyboardModifier.ControlModifier:
            event.ignore()  # letters are the view's shortcuts, not a search
            return
        super().keyPressEvent(event)

    def mousePressEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        self._use_keys(False)
        index = self.indexAt(event.position().toPoint())
        super().mousePressEvent(event)
        if index.isValid() and index.column() == 0 and self.rows.hasChildren(index) and _on_chevron(self, event):
            self.setExpanded(index, not self.isExpanded(index))

    # ------------------------------------------------------------------ painting

    @property
    def _is_ringed(self) -> bool:
        return self._by_key and self.hasFocus()

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        self._pictures.begin(whole=event.rect().width() >= self.viewport().width(), ringed=self._is_ringed)
        super().paintEvent(event)

    def drawRow(  # noqa: N802 - Qt's name
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        if not self._pictures.takes(option.rect):
            self._paint_row(painter, option, index)
            return
        picture = self._pictures.known(option.rect, index)
        if picture is None:
            picture, blank = self._pictures.blank(option)
            inner = QPainter(picture)
            self._paint_row(inner, blank, index)
            inner.end()
            self._pictures.keep(index, picture)
        painter.drawPixmap(option.rect.topLeft(), picture)

    def _paint_row(
        self, painter: QPainter, option: QStyleOptionViewItem, index: QModelIndex | QPersistentModelIndex
    ) -> None:
        super().drawRow(painter, option, index)
        if self._is_ringed and index.internalId() == self.currentIndex().internalId():
            painter.setPen(theme.pen("focus", 2))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(option.rect.adjusted(1, 1, -1, -2))

    # ------------------------------------------------------------------ columns

    def set_wide(self, wide: bool) -> None:
        """Below 1600 px some columns are hidden and titles shorten."""
        self._wide = wide
        self.rows.short_titles = not wide
        self.rows.headerDataChanged.emit(Qt.Orientation.Horizontal, 0, len(self.rows.columns) - 1)
        self._pictures.forget()
        self.cells.pad = self.titles.pad = theme.metric(f"size.cell_padding.{'from_1600' if wide else 'below_1600'}")
        for place, column in enumerate(self.rows.columns):
            if column.only_wide:
                self.setColumnHidden(place, not wide)
            if not column.stretches:
                roomy = column.wide_width or column.width * 1.3
                self.setColumnWidth(place, theme.scaled(roomy if wide else column.width))

    def _column_menu(self, at: QPoint) -> None:
        menu = QMenu(self)
        for place, column in enumerate(self.rows.columns[1:], start=1):
            action = QAction(column.title, menu)
            action.setCheckable(True)
            action.setChecked(not self.isColumnHidden(place))
            action.toggled.connect(lambda shown, place=place: self.setColumnHidden(place, not shown))
            menu.addAction(action)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(self.header().mapToGlobal(at))

    def save(self, settings: QSettings) -> None:
        settings.setValue(f"table/{self.objectName()}", self.header().saveState())

    def restore(self, settings: QSettings) -> None:
        state = settings.value(f"table/{self.objectName()}")
        if isinstance(state, QByteArray):
            self.header().restoreState(state)


def _on_chevron(table: Table, event: Any) -> bool:
    index = table.indexAt(event.position().toPoint())
    level = 0
    parent = index.parent()
    while parent.isValid():
        level += 1
        parent = parent.parent()
    left = theme.metric("size.edge_padding") + level * 20
    return bool(left - 6 <= event.position().x() <= left + 20)
