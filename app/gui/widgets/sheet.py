"""Sheets: child widgets over the content, never a nested loop."""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, Signal
from PySide6.QtGui import QKeySequence, QPainter, QPaintEvent, QResizeEvent, QShortcut
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Text, area, column, row
from app.gui.widgets.focus import tab_stops, tab_within
from app.gui.widgets.strip import ModeBadge, StatusStrip


def sheet_parent(widget: QWidget) -> QWidget:
    """What a sheet covers: the window's content, so that the status strip stays in reach."""
    window = widget.window()
    return window.findChild(QWidget, "content") or window


def open_sheet(parent: QWidget) -> Sheet | None:
    """The one that covers `parent`."""
    sheets = parent.findChildren(Sheet, options=Qt.FindChildOption.FindDirectChildrenOnly)
    return next((sheet for sheet in sheets if not sheet.isHidden()), None)


class Sheet(QWidget):
    """Covers its parent with a scrim and shows one question. One sheet at a time.

    Esc keeps things as they are, wherever the keyboard is; Tab stays in the sheet.
    """

    closed = Signal()

    def __init__(self, parent: QWidget, title: str, *, width: int | None = None) -> None:
        other = open_sheet(parent)
        if other is not None:
            other.dismiss()
        super().__init__(parent)
        self._over = parent
        self._focused_before = QApplication.focusWidget()
        outer = column(self)
        self._box = area("sheet")
        edge = theme.metric("space.5")
        self._body = column(self._box, 12, (edge, edge, edge, edge))
        self.title = Text(title, "sheet_title")
        self._head = QWidget()
        self._head_row = row(self._head, 10)
        self._head_row.addWidget(self.title, 1)
        self._body.addWidget(self._head)
        self._box.setFixedWidth(width or theme.metric("size.sheet_width"))
        outer.addSpacing(theme.metric("space.5"))
        middle = QHBoxLayout()  # by itself, so that wrapped text is measured at the box's own width
        middle.addStretch(1)
        middle.addWidget(self._box)
        middle.addStretch(1)
        outer.addLayout(middle)
        outer.addStretch(1)
        parent.installEventFilter(self)
        self.setAccessibleName(title)
        self.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        QShortcut(QKeySequence(Qt.Key.Key_Escape), self).activated.connect(self.escape)

    @property
    def body(self) -> QVBoxLayout:
        return self._body

    def repeat_mode(self) -> None:
        """A sheet that sends orders repeats the badge of the strip."""
        strip = self.window().findChild(StatusStrip)
        badge = ModeBadge()
        badge.show_mode(strip.badge.mode if strip is not None else "paper")
        self._head_row.addWidget(badge, 0, Qt.AlignmentFlag.AlignTop)

    def add_buttons(self, *buttons: QWidget) -> QHBoxLayout:
        """The last line: buttons at the right, the safe one first."""
        line = QWidget()
        layout = row(line, 8)
        layout.addStretch(1)
        for button in buttons:
            layout.addWidget(button)
        self._body.addSpacing(4)
        self._body.addWidget(line)
        return layout

    def open(self) -> None:
        """Show over the parent; the first focus is the caller's to give."""
        self.setGeometry(self._over.rect())
        self.show()
        self.raise_()

    def escape(self) -> None:
        """What Esc does."""
        self.dismiss()

    def take_keyboard(self) -> None:
        """To where it last was in the sheet, else to the first stop."""
        last, stops = self.focusWidget(), tab_stops(self)
        if last in stops:
            last.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            tab_within(self, forward=True)

    def dismiss(self) -> None:
        self._over.removeEventFilter(self)
        self.hide()
        if self._focused_before is not None and shiboken6.isValid(self._focused_before):
            self._focused_before.setFocus()
        self.closed.emit()
        self.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if isinstance(event, QResizeEvent) and watched is self._over:
            self.setGeometry(self._over.rect())
        return False

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        return tab_within(self, forward=forward) if self.isVisible() else super().focusNextPrevChild(forward)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_window", 0.72))
        painter.end()


def confirm(
    parent: QWidget, title: str, lines: list[tuple[str, str]], *, do: str, keep: str, act: Callable[[], None]
) -> Sheet:
    """A sheet that says what will happen, in numbers: label and value a line. The safe button has the focus."""
    sheet = Sheet(parent, title, width=520)
    sheet.repeat_mode()
    for label, value in lines:
        line = QWidget()
        layout = row(line, 12)
        layout.addWidget(Text(label, "body", "secondary"))
        layout.addStretch(1)
        layout.addWidget(Text(value, "body"))
        sheet.body.addWidget(line)
    stay = Button(keep, kind="emphasis")
    stay.clicked.connect(sheet.dismiss)
    go = Button(do, kind="danger")

    def done() -> None:
        sheet.dismiss()
        act()

    go.clicked.connect(done)
    go.setObjectName("do")
    sheet.add_buttons(stay, go)
    sheet.open()
    stay.setFocus(Qt.FocusReason.PopupFocusReason)
    return sheet


def dismiss_when_gone(sheet: Sheet, store: ViewStore, is_there: Callable[[], bool]) -> None:
    """Close a question whose subject has ended meanwhile: there is nothing left to answer."""

    def look(_: object) -> None:
        if not is_there():
            sheet.dismiss()

    store.changed.connect(look)
    sheet.closed.connect(lambda: store.changed.disconnect(look))
