"""Arming a live account: the worst case in money, what is missing, and words that are typed."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui import formats
from app.gui.accounts import AccountBook, Ended
from app.gui.dialogs.accounts_page import Page, field, words
from app.gui.models.accounts import NO_STOP, arm_refusal
from app.gui.widgets.basics import Button, Text, row
from app.gui.widgets.facts import Facts


class ArmPage(Page):
    def __init__(self, book: AccountBook, account_id: str) -> None:
        super().__init__(f"Arm live trading on {account_id}?")
        self._book = book
        self._account_id = account_id
        self._plan = book.desk.plan(account_id)
        self._busy = False
        self.says = words(f"From then on {account_id} opens positions with real money, without asking again.")
        self.layout_.addWidget(self.says)
        self.layout_.addWidget(Text("Worst case, everything open at once", "body", "secondary"))
        self.worst = Text(formats.sentence(str(self._plan["worst_case"])), "strong")
        self.worst.setWordWrap(True)
        self.layout_.addWidget(self.worst)
        self.missing = Facts()
        self.missing.show_facts([(name, "not set") for name in self._plan["missing"]])
        if self._plan["missing"]:
            self.layout_.addWidget(words("It cannot be armed before these are set in the configuration:", "warning"))
            self.layout_.addWidget(self.missing)
        self.name = self._typed(f"Type the account's name, {account_id}", "The account's name")
        self.stop = self._typed(
            f"A grid of it has no stop: a fall is never cut short. Type {NO_STOP} to accept that", "No stop"
        )
        has_all = not self._plan["missing"]
        self.name[0].setVisible(has_all)
        self.stop[0].setVisible(has_all and bool(self._plan["without_stop"]))
        self.layout_.addWidget(self.fault)
        self.keep = Button("Keep it read-only", kind="emphasis")
        self.keep.clicked.connect(lambda: self.left.emit(""))
        self.go = Button("Arm live trading", kind="armed")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._arm)
        self.add_buttons(self.keep, self.go)
        self._check()

    def _typed(self, question: str, name: str) -> tuple[QWidget, QLineEdit]:
        box = QWidget()
        line = row(box, 12)
        line.addWidget(words(question), 1)
        typed = field(name)
        typed.textChanged.connect(lambda _: self._check())
        typed.returnPressed.connect(self._arm)
        line.addWidget(typed)
        self.layout_.addWidget(box)
        return box, typed

    def start(self) -> None:
        first = self.keep if self._plan["missing"] else self.name[1]
        first.setFocus(Qt.FocusReason.PopupFocusReason)

    @property
    def _words(self) -> tuple[str, str]:
        return self.name[1].text().strip(), self.stop[1].text().strip()

    def _check(self) -> None:
        reason = "Arming\u2026" if self._busy else arm_refusal(self._plan, self._account_id, *self._words)
        self.go.allow(reason is None, reason or "")

    def _arm(self) -> None:
        if not self.go.isEnabled():
            return
        self.tell_fault("")
        self._busy = True
        self._check()
        work = self._book.desk.arm(self._account_id, *self._words)
        self._book.change(work, self.safely(self._armed))

    def _armed(self, ended: Ended) -> None:
        self._busy = False
        self._check()
        if ended.fault:
            self.tell_fault(ended.fault)
        else:
            self.left.emit(self._account_id)
