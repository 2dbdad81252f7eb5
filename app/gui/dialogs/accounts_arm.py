"""Arming a live account: its limits, the worst case in money, and words that are typed."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui import formats
from app.gui.accounts import AccountBook, Ended
from app.gui.dialogs.accounts_page import Page, field, mark, words
from app.gui.models.accounts import LIMIT_WORDS, NO_STOP, arm_refusal, missing_limits
from app.gui.models.changes import read_limit
from app.gui.widgets.basics import Button, Text, row
from app.gui.widgets.facts import Facts


def arming_page(book: AccountBook, account_id: str) -> Page:
    """The limits first, where some are not set."""
    limits = missing_limits(book.desk.plan(account_id))
    return LimitsPage(book, account_id, limits) if limits else ArmPage(book, account_id)


class LimitsPage(Page):
    """What bounds the money that can be lost; nobody but the trader can say it, so nothing is proposed."""

    def __init__(self, book: AccountBook, account_id: str, names: Sequence[str]) -> None:
        super().__init__("Set your limits first")
        self._book = book
        self._account_id = account_id
        self.fields = {name: self._asked(name) for name in names}
        self.layout_.addWidget(words("They hold from now on for every account; the paper exchange's too."))
        self.layout_.addWidget(self.fault)
        self.keep = Button(f"Keep {account_id} read-only", kind="emphasis")
        self.keep.clicked.connect(lambda: self.left.emit(""))
        self.go = Button("Set the limits")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._set)
        self.add_buttons(self.keep, self.go)
        self._check()

    def _asked(self, name: str) -> QLineEdit:
        typed = field(LIMIT_WORDS[name], "in the quote currency")
        typed.textChanged.connect(lambda _: self._check())
        typed.returnPressed.connect(self.go_on)
        box = QWidget()
        line = row(box, 12)
        line.addWidget(words(LIMIT_WORDS[name]), 1)
        line.addWidget(typed)
        self.layout_.addWidget(box)
        return typed

    def start(self) -> None:
        next(iter(self.fields.values())).setFocus(Qt.FocusReason.PopupFocusReason)

    def go_on(self) -> None:
        """To the next field that says nothing yet; with all of them said, set them."""
        empty = next((typed for typed in self.fields.values() if not typed.text().strip()), None)
        if empty is not None:
            empty.setFocus(Qt.FocusReason.TabFocusReason)
        else:
            self._set()

    def _check(self) -> None:
        faults = []
        for typed in self.fields.values():
            fault = read_limit(typed.text()).fault if typed.text().strip() else ""
            mark(typed, wrong=bool(fault))
            faults.append(fault)
        self.tell_fault(next(filter(None, faults), ""))
        all_said = all(read_limit(typed.text()).value for typed in self.fields.values())
        self.go.allow(all_said, "Give every limit, a number above 0.")

    def _set(self) -> None:
        if not self.go.isEnabled():
            return
        self.tell_fault("")
        self.go.allow(False, "Under way\u2026")
        said = {name: read_limit(typed.text()).value for name, typed in self.fields.items()}
        limits = {name.removeprefix("risk."): f"{most:f}" for name, most in said.items() if most is not None}
        self._book.change(self._book.desk.set_limits(limits), self.safely(self._ended))

    def _ended(self, ended: Ended) -> None:
        self._check()
        if ended.fault:
            self.tell_fault(ended.fault)
        else:
            self.followed.emit(arming_page(self._book, self._account_id))


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
        if self._plan["watched_stops"]:
            self.layout_.addWidget(words(formats.sentence(str(self._plan["watched_stops"])), "warning"))
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
