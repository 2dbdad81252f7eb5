"""Closing a part of a group: how much, and what that is in numbers."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal, InvalidOperation

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui import formats
from app.gui.models.closing import Closing, part_sentence, takers_of
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Segments, Text, repolish, row
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import GroupSnapshot

CHOICES = (("25", "25%"), ("50", "50%"), ("75", "75%"), ("100", "100%"))


def read_percent(text: str) -> Decimal | None:
    """Above 0, at most 100; None for anything else."""
    try:
        value = Decimal(text.strip().rstrip("%").strip())
    except InvalidOperation:
        return None
    return value if value.is_finite() and 0 < value <= 100 else None


def closed_quantity(group: GroupSnapshot, percent: Decimal) -> Decimal:
    """What is sold: the share of what is open, on the market's step, never more."""
    wanted = group.open_quantity * percent / 100
    steps = wanted // group.step_size if group.step_size > 0 else wanted
    return steps * group.step_size if group.step_size > 0 else wanted


class ClosePercentSheet(Sheet):
    """It ends with its group."""

    def __init__(self, parent: QWidget, store: ViewStore, group: GroupSnapshot, act: Callable[[Decimal], None]) -> None:
        name = f"{formats.pair(group.symbol)[0]} {group.timeframe}"
        super().__init__(parent, f"Close part of {name} at market?", width=520)
        self.repeat_mode()
        self._store = store
        self._group = group
        self._act = act
        line = QWidget()
        layout = row(line, 12)
        self.field = QLineEdit("50")
        self.field.setAccessibleName("Per cent of what is open")
        self.field.setFixedWidth(90)
        segments = Segments(CHOICES, "50")
        segments.chosen.connect(self.field.setText)
        layout.addWidget(self.field)
        layout.addWidget(Text("% of what is open", "body", "secondary"))
        layout.addStretch(1)
        layout.addWidget(segments)
        self.body.addWidget(line)
        self.says = Text("", "body")
        self.says.setWordWrap(True)
        self.body.addWidget(self.says)
        keep = Button("Keep position", kind="emphasis")
        keep.clicked.connect(self.dismiss)
        self.go = Button("Close at market", kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(keep, self.go)
        self.field.textChanged.connect(self._restate)
        self.field.returnPressed.connect(self.go.click)
        self._restate()
        store.changed.connect(self._follow)
        self.open()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)
        self.field.selectAll()

    def _follow(self, _: object) -> None:
        group = self._store.groups.get(self._group.id)
        if group is None:
            self.dismiss()
            return
        self._group = group
        self._restate()

    def _restate(self) -> None:
        percent = read_percent(self.field.text())
        quantity = closed_quantity(self._group, percent) if percent is not None else None
        good = quantity is not None and quantity > 0
        self.field.setProperty("state", "" if good else "error")
        repolish(self.field)
        self.go.allow(good, "Give a share above 0 and at most 100.")
        self.says.show_text(self._sentence(percent, quantity), "primary" if good else "critical")

    def _sentence(self, percent: Decimal | None, quantity: Decimal | None) -> str:
        group = self._group
        if percent is None or quantity is None:
            return "A share is above 0 and at most 100."
        if quantity <= 0:
            step = formats.plain(group.step_size)
            return f"{formats.plain(percent)}% is less than one step of {step}; nothing would be sold."
        taker = takers_of(self._store.engine.accounts).get(group.account)
        return part_sentence(Closing(group, quantity, taker))

    def _done(self) -> None:
        percent = read_percent(self.field.text())
        if percent is not None and self.go.isEnabled():
            self.dismiss()
            self._act(percent)

    def dismiss(self) -> None:
        self._store.changed.disconnect(self._follow)
        super().dismiss()
