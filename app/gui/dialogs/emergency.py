"""Leaving the emergency stop: it needs a reason, in words, and says what goes on then."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui import formats
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Text
from app.gui.widgets.facts import Facts
from app.gui.widgets.sheet import Sheet

SHORTEST = 3


def reset_sheet(parent: QWidget, store: ViewStore, now: datetime, act: Callable[[str], None]) -> Sheet:
    return ResetSheet(parent, store, now, act)


class ResetSheet(Sheet):
    def __init__(self, parent: QWidget, store: ViewStore, now: datetime, act: Callable[[str], None]) -> None:
        super().__init__(parent, "Reset the emergency stop?", width=560)
        self._act = act
        facts = Facts()
        facts.show_facts(_facts(store, now))
        self.body.addWidget(facts)
        self.body.addWidget(Text("Why is it safe to go on? The reason is kept with the event.", "body", "secondary"))
        self.field = QLineEdit()
        self.field.setAccessibleName("Reason of the reset")
        self.field.setPlaceholderText("For example: the limit was raised for today")
        self.field.setMaxLength(200)
        self.body.addWidget(self.field)
        keep = Button("Keep it stopped", kind="emphasis")
        keep.clicked.connect(self.dismiss)
        self.go = Button("Reset the emergency stop", kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(keep, self.go)
        self.field.textChanged.connect(self._check)
        self.field.returnPressed.connect(self.go.click)
        self._check()
        self.open()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    @property
    def _reason(self) -> str:
        return self.field.text().strip()

    def _check(self) -> None:
        self.go.allow(len(self._reason) >= SHORTEST, "Give a reason of three letters or more.")

    def _done(self) -> None:
        if self.go.isEnabled():
            reason = self._reason
            self.dismiss()
            self._act(reason)


def _facts(store: ViewStore, now: datetime) -> list[tuple[str, str]]:
    engine = store.engine
    emergency = engine.emergency
    since = f"{formats.clock_time(emergency.since, now)} UTC" if emergency.since is not None else formats.NOTHING
    queued = "1 signal waits" if engine.queued == 1 else f"{engine.queued} signals wait"
    free = max(engine.max_open_groups - engine.slots_used, 0)
    return [
        ("Stopped since", since),
        ("Because", formats.sentence(emergency.reason or emergency.code or "")),
        ("Then goes on", "entries, pyramids, promotions and offsets"),
        ("In the queue", f"{queued}; {free} of {engine.max_open_groups} slots are free"),
    ]
