"""Adding an account, or giving one new keys: what is typed, what the exchange says about it, then it is kept."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QGridLayout, QLineEdit, QWidget

from app.base.config.groups import WITHOUT_TESTNET
from app.gui.accounts import AccountBook, Ended
from app.gui.dialogs.accounts_page import FindingLines, Page, field, mark, words
from app.gui.models.accounts import VENUES, findings, id_fault, key_refusal, symbols_of
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Hairline, Segments, Text, column, row
from app.messages.snapshots import AccountSnapshot
from app.ports.accounts import KeyReport

REAL_VENUES = [(name, text) for name, text in VENUES.items() if name != "paper"]
MARKETS = (("linear", "Perpetuals"), ("spot", "Spot"))
LABEL_WIDTH = 96
OPEN_FIELDS = frozenset({"wallet_address"})
"""Those of a key that are no secret."""
AGENT = "Aster: an agent signer's key only, never the main wallet's. "
READ_ONLY = " A live account only reads until you arm it."
ACCEPT = "Keep them all the same: whoever gets hold of them can take all the money away"


class AddPage(Page):
    """The keys are asked about first; they are kept only after that. `known` is given new keys."""

    def __init__(self, book: AccountBook, accounts: Sequence[AccountSnapshot], known: AccountSnapshot | None) -> None:
        super().__init__(f"New keys for {known.id}" if known else "Add an account")
        self._book = book
        self._taken = [account.id for account in accounts]
        self._known = known
        self._keys: dict[str, QLineEdit] = {}
        self._report: KeyReport | None = None
        self._busy = ""
        both = QWidget()
        line = row(both, 20)
        line.addWidget(self._form(), 3, Qt.AlignmentFlag.AlignTop)
        line.addWidget(Hairline(vertical=True))
        line.addWidget(self._answer(), 2)
        self.layout_.addWidget(both)
        self.layout_.addWidget(self.fault)
        self.back = Button("Keep things as they are", kind="emphasis")
        self.back.clicked.connect(lambda: self.left.emit(""))
        self.test = Button("Test these keys", "test-tube")
        self.test.clicked.connect(self._test)
        self.go = Button("Keep these keys" if known else "Add this account", kind="primary")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._add)
        self.add_buttons(self.back, self.test, self.go)
        self._choose_venue()

    # ------------------------------------------------------------------ building

    def _form(self) -> QWidget:
        box = QWidget()
        self._grid = QGridLayout(box)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(8)
        self._grid.setColumnStretch(1, 1)
        known = self._known
        self.venue = Segments(REAL_VENUES, known.venue if known else "binance")
        self.market = Segments(MARKETS, known.market_type if known else "linear")
        self.environment = Segments(
            (("testnet", "Testnet"), ("live", "LIVE, real money")), known.environment if known else "testnet"
        )
        self.name = field("Name of the account", "for example binance-perp")
        self.name.setText(known.id if known else "")
        self.symbols = field("Markets that may be entered", "BTC/USDT:USDT, ETH/USDT:USDT; empty: all")
        self.name_says = words("", "critical")
        named: list[tuple[str, QWidget]] = [
            ("Exchange", self.venue),
            ("Markets", self.market),
            ("Environment", self.environment),
            ("Name", self.name),
            ("", self.name_says),
            ("Allowed", self.symbols),
        ]
        for label, widget in named:
            self._put(label, widget)
        self.name_says.hide()
        for segments in (self.venue, self.market, self.environment):
            segments.setEnabled(known is None)
            segments.chosen.connect(lambda _: self._choose_venue())
        self.name.setEnabled(known is None)
        for typed in (self.name, self.symbols):
            typed.textChanged.connect(lambda _: self._changed())
        return box

    def _put(self, label: str, widget: QWidget) -> None:
        place = self._grid.rowCount()
        if label:
            said = words(label)
            said.setFixedWidth(theme.scaled(LABEL_WIDTH))
            self._grid.addWidget(said, place, 0)
        self._grid.addWidget(widget, place, 1)

    def _answer(self) -> QWidget:
        box = QWidget()
        inner = column(box, 10)
        inner.addWidget(Text("What the exchange says", "strong"))
        self.says = words("")
        self.lines = FindingLines()
        self.accept = QCheckBox("Accept keys that may withdraw")
        self.accept.toggled.connect(lambda _: self._check())
        self.danger = words(f"{ACCEPT}.", "critical")
        for widget in (self.says, self.lines, self.accept, self.danger):
            inner.addWidget(widget)
        inner.addStretch(1)
        box.setMinimumWidth(theme.scaled(300))
        return box

    # ------------------------------------------------------------------ what is typed

    def start(self) -> None:
        first = self.name if self._known is None else next(iter(self._keys.values()))
        first.setFocus(Qt.FocusReason.PopupFocusReason)

    def _choose_venue(self) -> None:
        """Fields of keys by venue; what was typed into one that both have stays."""
        venue = self.venue.current
        wanted = self._book.desk.key_fields(venue)
        for name in [name for name in self._keys if name not in dict(wanted)]:
            gone = self._keys.pop(name)
            gone.setText("")
            self._drop(gone)
        for name, label in wanted:
            if name not in self._keys:
                made = self._keys[name] = field(label, hidden=name not in OPEN_FIELDS)
                made.textChanged.connect(lambda _: self._changed())
                made.returnPressed.connect(self._test_by_key)
                self._put(f"{label[:1].upper()}{label[1:]}", made)
        has_testnet = venue not in WITHOUT_TESTNET
        self.environment.allow("testnet", has_testnet, f"{VENUES[venue]} has no test network that can be reached.")
        if not has_testnet and self.environment.current == "testnet":
            self.environment.choose("live")
            return
        self._order_tabs()
        self._changed()

    def _drop(self, gone: QLineEdit) -> None:
        place = self._grid.getItemPosition(self._grid.indexOf(gone))[0]  # type: ignore[index]  # a tuple, untyped
        label = self._grid.itemAtPosition(place, 0)
        for widget in (gone, label.widget() if label else None):
            if widget is not None:
                self._grid.removeWidget(widget)
                widget.deleteLater()

    def _order_tabs(self) -> None:
        fields = [self.name, self.symbols, *self._keys.values()]
        for before, after in pairwise(fields):
            QWidget.setTabOrder(before, after)

    def _changed(self) -> None:
        """What was found out is about other keys now."""
        self._report = None
        self.accept.setChecked(False)
        self.tell_fault("")
        self._check()

    @property
    def _settings(self) -> dict[str, Any]:
        return {
            "id": self.name.text().strip(),
            "venue": self.venue.current,
            "market_type": self.market.current,
            "environment": self.environment.current,
            "allowed_symbols": symbols_of(self.symbols.text()),
        }

    @property
    def _given(self) -> dict[str, str]:
        return {name: typed.text() for name, typed in self._keys.items()}

    def _missing(self) -> str | None:
        """Why the keys cannot be asked about yet."""
        name = self.name.text().strip()
        if self._known is None and (wrong := id_fault(name, self._taken)):
            return wrong
        empty = [typed.accessibleName() for typed in self._keys.values() if not typed.text().strip()]
        return f"Still to be given: {', '.join(empty)}." if empty else None

    def _check(self) -> None:
        name = self.name.text().strip()
        wrong = id_fault(name, self._taken) if name and self._known is None else None
        mark(self.name, wrong=wrong is not None)
        self.name_says.show_text(wrong or "")
        self.name_says.setVisible(wrong is not None)
        missing = self._busy or self._missing()
        self.test.allow(not missing, missing or "")
        reason = missing or self._not_yet()
        self.go.allow(not reason, reason or "")
        self._show_report()

    def _not_yet(self) -> str | None:
        if self._report is None:
            return "Test these keys first."
        return key_refusal(self._report, withdrawal_accepted=self.accept.isChecked())

    def _show_report(self) -> None:
        report = self._report
        self.lines.show_findings(findings(report) if report is not None else [])
        may_withdraw = report is not None and bool(report.may_withdraw.value)
        self.accept.setVisible(may_withdraw)
        self.danger.setVisible(may_withdraw)
        told = self._busy
        if not told:
            told = (self._not_yet() or "") if report is not None else self._before()
        self.says.show_text(told)
        self.says.setVisible(bool(told))

    def _before(self) -> str:
        return (
            f"{AGENT if self.venue.current == 'aster' else ''}Make keys that may trade and not withdraw, bound to this "
            "computer's address. They are tested before they are kept, in the vault and nowhere else."
            f"{READ_ONLY if self.environment.current == 'live' else ''}"
        )

    # ------------------------------------------------------------------ doing

    def _test(self) -> None:
        self.tell_fault("")
        self._wait("Asking the exchange\u2026")
        self._book.ask(self._book.desk.try_keys(self._settings, self._given), self.safely(self._tested))

    def _test_by_key(self) -> None:
        (self.go if self.go.isEnabled() else self.test).click()

    def _tested(self, ended: Ended) -> None:
        self._wait("")
        self._report = ended.answer
        self._check()
        if ended.fault:
            self.tell_fault(ended.fault)
        elif self.go.isEnabled():
            self.go.setFocus(Qt.FocusReason.OtherFocusReason)

    def _add(self) -> None:
        self._wait("Testing once more, then keeping\u2026")
        work = self._book.desk.add(self._settings, self._given, allow_withdrawal=self.accept.isChecked())
        self._book.change(work, self.safely(self._added))

    def _added(self, ended: Ended) -> None:
        self._wait("")
        if ended.fault:
            self.tell_fault(ended.fault)
            return
        name = self.name.text().strip()
        self.forget()
        self.left.emit(name)

    def _wait(self, why: str) -> None:
        """What is being asked about is not changed meanwhile."""
        self._busy = why
        for typed in (self.symbols, *self._keys.values()):
            typed.setEnabled(not why)
        for widget in (self.venue, self.market, self.environment, self.name):
            widget.setEnabled(not why and self._known is None)
        self._check()

    def forget(self) -> None:
        for typed in self._keys.values():
            typed.setText("")  # unlike clear(), this empties the undo history too
