"""What the pages of the accounts sheet have in common: a fault in words, buttons, and findings line by line."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import shiboken6
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui.accounts import Ended, Then
from app.gui.models.accounts import Finding
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Icon, Text, column, repolish, row


class Page(QWidget):
    """`left(account)` goes back to the list, where that account is chosen; `followed(page)` goes on to another page."""

    left = Signal(str)
    followed = Signal(object)

    def __init__(self, title: str) -> None:
        super().__init__()
        self.title = title
        self.layout_ = column(self, 12)
        self.fault = words("", "critical")
        self.fault.hide()

    def tell_fault(self, sentence: str) -> None:
        self.fault.show_text(sentence)
        self.fault.setAccessibleName(sentence)
        self.fault.setVisible(bool(sentence))

    def add_buttons(self, *buttons: Button) -> None:
        line = QWidget()
        layout = row(line, 8)
        layout.addStretch(1)
        for button in buttons:
            layout.addWidget(button)
        self.layout_.addWidget(line)

    def start(self) -> None:
        """Give the first focus."""

    def forget(self) -> None:
        """Let go of what must not stay in a widget."""

    def safely(self, then: Callable[[Ended], None]) -> Then:
        """`then`, as long as the page is there."""

        def after(ended: Ended) -> None:
            if shiboken6.isValid(self):
                then(ended)

        return after


class FindingLines(QWidget):
    """Icon and sentence, line by line."""

    def __init__(self) -> None:
        super().__init__()
        self._layout = column(self, 8)
        self._lines: list[tuple[QWidget, Icon, Text]] = []

    def show_findings(self, findings: Sequence[Finding]) -> None:
        while len(self._lines) < len(findings):
            line = QWidget()
            inner = row(line, 8)
            icon, text = Icon("info", "text_secondary", 15), words("", "primary")
            inner.addWidget(icon, 0, Qt.AlignmentFlag.AlignTop)
            inner.addWidget(text, 1)
            self._layout.addWidget(line)
            self._lines.append((line, icon, text))
        for place, (line, icon, text) in enumerate(self._lines):
            line.setVisible(place < len(findings))
            if place < len(findings):
                finding = findings[place]
                icon.show_icon(finding.icon, finding.color)
                text.show_text(finding.sentence)

    @property
    def sentences(self) -> list[str]:
        return [text.text() for line, _, text in self._lines if not line.isHidden()]


class AskPage(Page):
    """What will happen, line by line, and the button that does it."""

    def __init__(
        self, title: str, sentences: Sequence[str], *, do: str, keep: str, act: Callable[[Then], None]
    ) -> None:
        super().__init__(title)
        self._act = act
        for sentence in sentences:
            self.layout_.addWidget(words(sentence))
        self.layout_.addWidget(self.fault)
        self.keep = Button(keep, kind="emphasis")
        self.keep.clicked.connect(lambda: self.left.emit(""))
        self.go = Button(do, kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(self.keep, self.go)

    def start(self) -> None:
        self.keep.setFocus(Qt.FocusReason.PopupFocusReason)

    def _done(self) -> None:
        self.tell_fault("")
        self.go.allow(False, "Under way\u2026")
        self._act(self.safely(self._ended))

    def _ended(self, ended: Ended) -> None:
        self.go.allow(True)
        if ended.fault:
            self.tell_fault(ended.fault)
        else:
            self.left.emit("")


def words(text: str, tone: str = "secondary") -> Text:
    """A sentence that wraps."""
    made = Text(text, "body", tone)
    made.setWordWrap(True)
    return made


def field(name: str, hint: str = "", *, hidden: bool = False) -> QLineEdit:
    made = QLineEdit()
    made.setAccessibleName(name)
    made.setPlaceholderText(hint)
    made.setMinimumWidth(theme.scaled(220))
    if hidden:
        made.setEchoMode(QLineEdit.EchoMode.Password)
    return made


def mark(line: QLineEdit, *, wrong: bool) -> None:
    line.setProperty("state", "error" if wrong else "")
    repolish(line)
