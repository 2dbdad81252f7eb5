"""Ctrl+K: any action or group by a few letters."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from PySide6.QtCore import QEvent, QModelIndex, QObject, QPersistentModelIndex, QSize, Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QFrame,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QWidget,
)

from app.gui.theme import theme
from app.gui.widgets.sheet import Sheet

SHOWN = 12
HINT = Qt.ItemDataRole.UserRole
Index = QModelIndex | QPersistentModelIndex


@dataclass(frozen=True, slots=True)
class Entry:
    """What can be found: its words, a hint at the right, its icon, and what choosing it does."""

    words: str
    hint: str
    icon: str
    act: Callable[[], None]


def matches(entries: Sequence[Entry], text: str) -> list[Entry]:
    """Those that hold every word typed; those that begin with the text come first."""
    words = text.casefold().split()
    found = [entry for entry in entries if all(word in f"{entry.words} {entry.hint}".casefold() for word in words)]
    return sorted(found, key=lambda entry: not entry.words.casefold().startswith(text.strip().casefold()))


class _Line(QStyledItemDelegate):
    """The words as the list shows them, and the hint at the right."""

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        super().paint(painter, option, index)
        painter.setPen(theme.color("text_secondary"))
        painter.setFont(theme.font("body"))
        room = option.rect.adjusted(0, 0, -theme.metric("space.2"), 0)
        painter.drawText(room, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter, str(index.data(HINT)))

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:  # noqa: N802 - Qt's name
        return QSize(super().sizeHint(option, index).width(), theme.row_height)


class CommandPalette(Sheet):
    def __init__(self, parent: QWidget, entries: Sequence[Entry]) -> None:
        super().__init__(parent, "Find an action or a group", width=560)
        self._entries = entries
        self._found: list[Entry] = []
        self.field = QLineEdit()
        self.field.setPlaceholderText("Type a few letters")
        self.field.setAccessibleName("Find an action or a group")
        self.field.installEventFilter(self)
        self.list = QListWidget()
        self.list.setFrameShape(QFrame.Shape.NoFrame)
        self.list.setFont(theme.font("body"))
        self.list.setItemDelegate(_Line(self.list))
        self.list.setFixedHeight(SHOWN * theme.row_height)
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.list.itemClicked.connect(lambda _: self._act())
        self.body.addWidget(self.field)
        self.body.addWidget(self.list)
        self.field.textChanged.connect(self._find)
        self.field.returnPressed.connect(self._act)
        self._find("")
        self.open()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Down: 1, Qt.Key.Key_Up: -1}.get(Qt.Key(event.key()))
            if step is not None and self.list.count():
                self.list.setCurrentRow((self.list.currentRow() + step) % self.list.count())
                return True
        return super().eventFilter(watched, event)

    def _find(self, text: str) -> None:
        self._found = matches(self._entries, text)[:SHOWN]
        self.list.clear()
        for entry in self._found:
            item = QListWidgetItem(theme.icon(entry.icon), entry.words)
            item.setData(HINT, entry.hint)
            item.setData(Qt.ItemDataRole.AccessibleTextRole, f"{entry.words} {entry.hint}".strip())
            self.list.addItem(item)
        if not self._found:
            nothing = QListWidgetItem("Nothing here is called that. Try a pair, a view or an action.")
            nothing.setFlags(Qt.ItemFlag.NoItemFlags)
            self.list.addItem(nothing)
        self.list.setCurrentRow(0)

    def _act(self) -> None:
        place = self.list.currentRow()
        if 0 <= place < len(self._found):
            entry = self._found[place]
            self.dismiss()
            entry.act()
