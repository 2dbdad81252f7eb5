"""In the accounts sheet: what holds an account's entries, and what lies on it that is not Ziggurat's."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QGridLayout, QWidget

from app.gui.models.accounts import Choice, hold_choices, others_of
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Text, column, row
from app.messages.snapshots import AccountSnapshot

MOST_OTHERS = 6
HEADS = ("Symbol", "Side", "Type", "Quantity", "Price")
_NUMBERS = frozenset({3, 4})


class HoldBox(QWidget):
    """The choices that end a hold; hidden where nothing is held. `chosen(choice)`."""

    chosen = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self._line = row(self, 8)
        self._line.addWidget(Text("Entries wait for your choice:", "body", "critical"))
        self._line.addStretch(1)
        self._shown: tuple[Choice, ...] = ()
        self.buttons: list[Button] = []

    def show_account(self, account: AccountSnapshot) -> None:
        choices = hold_choices(account)
        self.setVisible(bool(choices))
        if choices == self._shown:
            return
        self._shown = choices
        for button in self.buttons:
            self._line.removeWidget(button)
            button.hide()
            button.deleteLater()
        self.buttons = [Button(choice.button, kind="emphasis") for choice in choices]
        for button, choice in zip(self.buttons, choices, strict=True):
            button.setObjectName(choice.name)
            button.clicked.connect(self._teller(choice))
            self._line.addWidget(button)

    def _teller(self, choice: Choice) -> Callable[[], None]:
        return lambda: self.chosen.emit(choice)


class OthersBox(QWidget):
    """The trader's own orders and positions: shown so that nobody wonders, and never touched."""

    def __init__(self) -> None:
        super().__init__()
        layout = column(self, 6)
        layout.addWidget(Text("Not Ziggurat's", "section"))
        self.says = Text("Placed by you or by another program. Never changed, cancelled or closed from here.",
                         "body", "secondary")  # fmt: skip
        layout.addWidget(self.says)
        body = QWidget()
        self._grid = QGridLayout(body)
        self._grid.setContentsMargins(0, 2, 0, 0)
        self._grid.setHorizontalSpacing(theme.metric("space.4"))
        self._grid.setVerticalSpacing(4)
        self._grid.setColumnStretch(len(HEADS), 1)
        layout.addWidget(body)
        self._more = Text("", "body", "tertiary")
        layout.addWidget(self._more)
        self._lines: list[list[Text]] = []
        self._put(0, HEADS, "tertiary")

    def show_account(self, account: AccountSnapshot) -> None:
        found = others_of(account)
        self.setVisible(bool(found))
        seen = found[:MOST_OTHERS]
        for place, cells in enumerate(seen, start=1):
            self._put(place, cells, "secondary")
        for place, line in enumerate(self._lines):
            for text in line:
                text.setVisible(place <= len(seen))
        rest = len(found) - len(seen)
        self._more.show_text(f"and {rest} more" if rest else "")
        self._more.setVisible(bool(rest))

    def _put(self, place: int, cells: tuple[str, ...], tone: str) -> None:
        while len(self._lines) <= place:
            self._lines.append([Text("", "table", tone) for _ in HEADS])
            for number, text in enumerate(self._lines[-1]):
                side = Qt.AlignmentFlag.AlignRight if number in _NUMBERS else Qt.AlignmentFlag.AlignLeft
                self._grid.addWidget(text, len(self._lines) - 1, number, side)
        for text, said in zip(self._lines[place], cells, strict=True):
            text.show_text(said)

    @property
    def shown(self) -> list[str]:
        """Line by line, without the heads."""
        return [" ".join(text.text() for text in line) for line in self._lines[1:] if not line[0].isHidden()]
