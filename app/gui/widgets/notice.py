"""The notice bar: how an action or a trade ended, at the foot of the window for eight seconds."""

from __future__ import annotations

from collections.abc import Callable
from html import escape

from PySide6.QtCore import Qt, QTimer
from PySide6.QtWidgets import QWidget

from app.gui.formats import MINUS
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Icon, Text, row

NOTICE_MS = 8000
WIDEST = 420
"""Of the sentence, before zooming; a longer one takes another line."""
KINDS = {
    "done": ("circle-check", "positive"),
    "info": ("info", "info"),
    "warning": ("triangle-alert", "warning"),
    "error": ("octagon-x", "critical"),
    "critical": ("octagon-x", "critical"),
}
"""Icon and colour of each kind of notice, and of alerts by their severity."""


class NoticeBar(QWidget):
    """One sentence. What can be undone stands in the middle, where people look; all else in the corner."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self._over = parent
        self.setObjectName("notice")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        layout = row(self, 8, (12, 3, 3, 3))
        self.sentence = ""
        self.kind = "done"
        self._amount = ""
        self._undo: Callable[[], None] | None = None
        self._icon = Icon("info", "info", 15)
        self._text = Text()
        self._text.setTextFormat(Qt.TextFormat.RichText)
        self.undo = Button("Undo", "undo-2", kind="quiet", tip="Take it back (Ctrl+Z)")
        self.undo.clicked.connect(self.take_back)
        close = Button("", "x", kind="quiet", tip="Dismiss")
        close.clicked.connect(self.hide)
        for widget in (self._icon, self._text, self.undo, close):
            layout.addWidget(widget)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.timeout.connect(self.hide)
        theme.changed.connect(self._restyle)
        self.hide()

    def take_back(self) -> None:
        """Undo what was told, as long as the bar is there."""
        undo, self._undo = self._undo, None
        if undo is not None and self.isVisible():
            self.hide()
            undo()

    def tell(
        self, sentence: str, *, kind: str = "done", amount: str = "", undo: Callable[[], None] | None = None
    ) -> None:
        """`kind` is done, info, warning or critical; `amount` a sum in the sentence, coloured by its sign."""
        self.sentence, self.kind, self._amount, self._undo = sentence, kind, amount, undo
        self.undo.setVisible(undo is not None)
        self._icon.show_icon(*KINDS[kind])
        self._text.setAccessibleName(sentence)
        self._restyle()
        self.show()
        self.raise_()
        self._timer.start(NOTICE_MS)

    def _restyle(self) -> None:
        before, amount, after = self.sentence.partition(self._amount or "\n")
        color = theme.color("negative" if amount.startswith(MINUS) else "positive").name()
        self._text.setText(f'{escape(before)}<span style="color: {color}">{escape(amount)}</span>{escape(after)}')
        length, widest = theme.advance(self.sentence, "body") + 2, theme.scaled(WIDEST)
        self._text.setWordWrap(length > widest)
        self._text.setFixedWidth(min(length, widest))
        self.place()

    def place(self) -> None:
        self.adjustSize()
        room, edge = self._over.rect(), theme.metric("space.4")
        right = room.width() - self.width() - edge
        left = (room.width() - self.width()) // 2 if self._undo is not None else right
        self.move(left, room.height() - self.height() - edge)
