"""Sheets, and the notice bar: child widgets over the content, never a nested loop."""

from __future__ import annotations

from collections.abc import Callable

import shiboken6
from PySide6.QtCore import QEvent, QObject, Qt, QTimer, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QApplication, QHBoxLayout, QVBoxLayout, QWidget

from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Icon, Text, area, column, row
from app.gui.widgets.strip import ModeBadge, StatusStrip

NOTICE_MS = 8000


def sheet_parent(widget: QWidget) -> QWidget:
    """What a sheet covers: the window's content, so that the status strip stays in reach."""
    window = widget.window()
    return window.findChild(QWidget, "content") or window


class Sheet(QWidget):
    """Covers its parent with a scrim and shows one question. Esc keeps things as they are. One sheet at a time."""

    closed = Signal()

    def __init__(self, parent: QWidget, title: str, *, width: int | None = None) -> None:
        for other in parent.findChildren(Sheet, options=Qt.FindChildOption.FindDirectChildrenOnly):
            if not other.isHidden():
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

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() == Qt.Key.Key_Escape:
            self.dismiss()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_window", 0.72))
        painter.end()


class NoticeBar(QWidget):
    """One sentence at the foot of the window for eight seconds: how an action ended."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        layout = row(self, 10, (14, 8, 8, 8))
        self._icon = Icon("info", "info", 15)
        self._text = Text("", "body")
        self._text.setWordWrap(False)
        self.undo = Button("Undo", "undo-2", kind="quiet", tip="Take it back (Ctrl+Z)")
        self.undo.clicked.connect(self.take_back)
        self.undo.hide()
        self._undo: Callable[[], None] | None = None
        self._close = Button("", "x", kind="quiet", tip="Dismiss")
        self._close.clicked.connect(self.hide)
        layout.addWidget(self._icon)
        layout.addWidget(self._text, 1)
        layout.addWidget(self.undo)
        layout.addWidget(self._close)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        self.hide()

    @property
    def sentence(self) -> str:
        return self._text.text()

    def take_back(self) -> None:
        """Undo what was told, as long as the bar is there."""
        undo, self._undo = self._undo, None
        if undo is not None and self.isVisible():
            self.hide()
            undo()

    def tell(self, sentence: str, *, ok: bool = True, undo: Callable[[], None] | None = None) -> None:
        self._undo = undo
        self.undo.setVisible(undo is not None)
        self._icon.show_icon(*(("circle-check", "positive") if ok else ("triangle-alert", "warning")))
        self._text.setText(sentence)
        self._text.setAccessibleName(sentence)
        self.adjustSize()
        self.place()
        self.show()
        self.raise_()
        self._timer.start(NOTICE_MS)

    def place(self) -> None:
        parent = self._over
        width = min(self.sizeHint().width(), parent.width() - 32)
        self.resize(width, self.sizeHint().height())
        self.move((parent.width() - width) // 2, parent.height() - self.height() - 16)


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
