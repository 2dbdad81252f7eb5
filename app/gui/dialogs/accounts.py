"""The accounts: how each stands, and what can be done with it. One sheet; every step is a page of it."""

from __future__ import annotations

from typing import Any

import shiboken6
from PySide6.QtCore import QModelIndex, QPersistentModelIndex, Qt, Signal
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from app.base.clock import Clock
from app.gui import formats
from app.gui.accounts import AccountBook, Ended, Then
from app.gui.dialogs.accounts_add import AddPage
from app.gui.dialogs.accounts_arm import arming_page
from app.gui.dialogs.accounts_held import HoldBox, OthersBox
from app.gui.dialogs.accounts_page import AskPage, FindingLines, Page, words
from app.gui.models.accounts import ENVIRONMENTS, VENUES, Choice, Standing, findings, rules_text, used_text
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, column, row
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import AccountSnapshot
from app.ports.accounts import Wire

Index = QModelIndex | QPersistentModelIndex
WIDTH = 920
ROWS_SHOWN = 8
COLUMNS = ("Account", "Exchange", "Environment", "Key", "State", "Limits used", "Rules' age")
WIDTHS = (164, 136, 118, 88, 116, 176, 72)
MARKET_WORDS = {"linear": "perpetuals", "spot": "spot"}


class AccountsSheet(Sheet):
    """Esc leaves a page for the list, and the list for the window."""

    def __init__(self, parent: QWidget, store: ViewStore, book: AccountBook, clock: Clock, account_id: str) -> None:
        super().__init__(parent, "Accounts", width=theme.scaled(WIDTH))
        self._store = store
        self._book = book
        self.list = AccountList(store, book, clock)
        self.page: Page | None = None
        self.list.page_wanted.connect(self._show_page)
        self.list.left.connect(self.dismiss)
        self.body.addWidget(self.list)
        store.changed.connect(self._follow)
        book.changed.connect(self.list.refresh)
        book.refresh()
        self.list.refresh()
        self.list.choose(account_id)
        self.open()
        self.list.table.setFocus(Qt.FocusReason.PopupFocusReason)

    def _show_page(self, page: Page) -> None:
        self._drop_page()
        self.page = page
        self.list.hide()
        self.body.addWidget(page)
        page.show()
        self.title.show_text(page.title)
        page.left.connect(self._leave_page)
        page.followed.connect(self._show_page)
        page.start()

    def _drop_page(self) -> None:
        page, self.page = self.page, None
        if page is not None:
            page.forget()
            page.hide()
            page.deleteLater()

    def _leave_page(self, account_id: str) -> None:
        if self.page is None:
            return
        self._drop_page()
        self.title.show_text("Accounts")
        self.list.show()
        self.list.refresh()
        self.list.choose(account_id)
        self.list.table.setFocus(Qt.FocusReason.OtherFocusReason)

    def _follow(self, _: Change) -> None:
        if self.page is None:
            self.list.refresh()

    def escape(self) -> None:
        if self.page is not None:
            self._leave_page("")
        else:
            super().escape()

    def dismiss(self) -> None:
        if self.page is not None:
            self.page.forget()
        self._store.changed.disconnect(self._follow)
        self._book.changed.disconnect(self.list.refresh)
        super().dismiss()


class AccountList(QWidget):
    page_wanted = Signal(object)
    left = Signal()

    def __init__(self, store: ViewStore, book: AccountBook, clock: Clock) -> None:
        super().__init__()
        self._store = store
        self._book = book
        self._clock = clock
        self._wanted = ""
        self._tested = ""
        """The account whose keys `found` speaks of."""
        layout = column(self, 12)
        self.table = _Table()
        self.table.currentCellChanged.connect(lambda *_: self._show_chosen())
        layout.addWidget(self.table)
        self.says = words("")
        layout.addWidget(self.says)
        self.hold = HoldBox()
        self.hold.chosen.connect(self._settle)
        layout.addWidget(self.hold)
        layout.addWidget(self._actions())
        self.others = OthersBox()
        layout.addWidget(self.others)
        self.found = FindingLines()
        layout.addWidget(self.found)
        self.fault = words("", "critical")
        layout.addWidget(self.fault)
        theme.changed.connect(self.refresh)

    def _actions(self) -> QWidget:
        box = QWidget()
        line = row(box, 8)
        self.test = Button("Test keys", "test-tube", tip="Ask the exchange what the keys may do; nothing is changed")
        self.keys = Button("New keys\u2026", "key-round", tip="Replace the keys; a live account is disarmed by it")
        self.arm = Button("Arm live trading\u2026", "lock-open", tip="Let it open positions with real money")
        self.disarm = Button("Disarm\u2026", "lock", tip="Take no entries any more; exits go on")
        self.remove = Button("Remove\u2026", "trash-2", tip="Forget the account and its keys")
        self.add = Button("Add account\u2026", "plus", kind="primary")
        self.close_ = Button("Close this sheet", kind="emphasis")
        for button, act in (
            (self.test, self._test),
            (self.keys, self._new_keys),
            (self.arm, self._arm),
            (self.disarm, self._disarm),
            (self.remove, self._remove),
            (self.add, self._add),
            (self.close_, self.left),
        ):
            button.clicked.connect(act)
            if button is self.add:
                line.addStretch(1)
            line.addWidget(button)
        return box

    # ------------------------------------------------------------------ showing

    @property
    def _accounts(self) -> tuple[AccountSnapshot, ...]:
        return self._store.engine.accounts

    @property
    def chosen(self) -> AccountSnapshot | None:
        place = self.table.currentRow()
        return self._accounts[place] if 0 <= place < len(self._accounts) else None

    def choose(self, account_id: str) -> None:
        """One that is not there yet is chosen when it comes."""
        self._wanted = account_id
        places = [place for place, account in enumerate(self._accounts) if account.id == account_id]
        if places and places[0] < self.table.rowCount():
            self._wanted = ""
            self.table.selectRow(places[0])
        elif self.table.currentRow() < 0 and self._accounts:
            self.table.selectRow(0)

    def refresh(self) -> None:
        now, wires = self._clock.now(), self._book.wires()
        self.table.show_rows(
            [
                _cells(account, self._book.standing(account), self._book.key_of(account.id), wires[account.id], now)
                for account in self._accounts
            ]
        )
        if self._wanted:
            self.choose(self._wanted)
        self._show_chosen()

    def _show_chosen(self) -> None:
        account = self.chosen
        if account is None:
            return
        stands = self._book.standing(account)
        held = self._book.open_groups(account.id)
        groups = f" {_counted(held, 'group is', 'groups are')} open on it." if held else ""
        self.says.show_text(f"{account.id}: {stands.sentence}{groups}", "warning" if stands.is_trouble else "secondary")
        self.hold.show_account(account)
        self.others.show_account(account)
        real = account.venue != "paper"
        self.test.allow(real, "The paper exchange has no keys.")
        self.keys.allow(real, "The paper exchange has no keys.")
        self.arm.setVisible(not account.armed)
        self.arm.allow(account.armed is False, "Only a live account is armed; this one trades no real money.")
        self.disarm.setVisible(bool(account.armed))
        why = f"{_counted(held, 'group is', 'groups are')} open on {account.id}; close first." if held else ""
        self.remove.allow(not held, why)
        if account.id != self._tested:
            self.found.show_findings([])
            self.fault.show_text("")
        self.fault.setVisible(bool(self.fault.text()))
        self.found.setVisible(bool(self.found.sentences))

    # ------------------------------------------------------------------ doing

    def _test(self) -> None:
        account = self.chosen
        if account is None:
            return
        self._tested = account.id
        self.found.show_findings([])
        self.fault.show_text("Asking the exchange\u2026", "secondary")
        self._show_chosen()
        self.test.allow(False, "Asking the exchange\u2026")
        self._book.ask(self._book.desk.test(account.id), self._safely(account.id))

    def _safely(self, account_id: str) -> Then:
        def tested(ended: Ended) -> None:
            if not shiboken6.isValid(self) or self._tested != account_id:
                return
            self.fault.show_text(ended.fault, "critical")
            self.found.show_findings(findings(ended.answer) if ended.answer is not None else [])
            self._show_chosen()

        return tested

    def _add(self) -> None:
        self.page_wanted.emit(AddPage(self._book, self._accounts, None))

    def _new_keys(self) -> None:
        if self.chosen is not None:
            self.page_wanted.emit(AddPage(self._book, self._accounts, self.chosen))

    def _arm(self) -> None:
        if self.chosen is not None:
            self.page_wanted.emit(arming_page(self._book, self.chosen.id))

    def _disarm(self) -> None:
        account = self.chosen
        if account is None:
            return
        name, book = account.id, self._book
        waiting, held = book.waiting_entries(name), book.open_groups(name)
        sentences = (
            f"Cancels {_counted(waiting, 'unfilled entry', 'unfilled entries')} on {name} and takes no new ones."
            if waiting
            else f"{name} takes no entries any more; none of it is waiting now.",
            f"{_counted(held, 'open group is', 'open groups are')} still managed to the exit."
            if held
            else "No group is open on it.",
        )
        act = lambda then: book.change(book.desk.disarm(name), then)  # noqa: E731 - handed on
        self.page_wanted.emit(AskPage(f"Disarm {name}?", sentences, do="Disarm", keep="Keep it armed", act=act))

    def _settle(self, choice: Choice) -> None:
        account = self.chosen
        if account is None:
            return
        name, book = account.id, self._book

        def act(then: Then) -> None:
            if choice.name == "accept":
                book.change(book.desk.accept_difference(name), then)
            else:
                book.change(book.desk.settle_foreign(name, "adopt" if choice.name == "adopt" else "ignore"), then)

        self.page_wanted.emit(AskPage(choice.title, choice.sentences, do=choice.do, keep="Keep entries held", act=act))

    def _remove(self) -> None:
        account = self.chosen
        if account is None:
            return
        name, book = account.id, self._book
        sentences = (
            f"Ziggurat forgets {name} and deletes its keys. What it traded stays in the books.",
            "The keys still work at the exchange: revoke them there too." if account.venue != "paper" else "",
        )
        act = lambda then: book.change(book.desk.remove(name), then)  # noqa: E731 - handed on
        page = AskPage(f"Remove {name}?", [text for text in sentences if text],
                       do="Remove the account", keep="Keep the account", act=act)  # fmt: skip
        self.page_wanted.emit(page)


class _Delegate(QStyledItemDelegate):
    """A chosen line keeps its colours."""

    def initStyleOption(self, option: QStyleOptionViewItem, index: Index) -> None:  # noqa: N802 - Qt's name
        super().initStyleOption(option, index)
        brush = index.data(Qt.ItemDataRole.ForegroundRole)
        if brush is not None:
            option.palette.setBrush(QPalette.ColorRole.HighlightedText, brush)


class _Table(QTableWidget):
    """A line an account; only cells that differ are written."""

    def __init__(self) -> None:
        super().__init__(0, len(COLUMNS))
        self.setAccessibleName("Accounts")
        self.setItemDelegate(_Delegate(self))
        self.setHorizontalHeaderLabels(COLUMNS)
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        self.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.setTabKeyNavigation(False)
        self.setShowGrid(False)
        self.setWordWrap(False)
        self.verticalHeader().hide()
        header = self.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        header.setStretchLastSection(True)
        header.setSectionResizeMode(QHeaderView.ResizeMode.Interactive)
        for place, width in enumerate(WIDTHS):
            self.setColumnWidth(place, theme.scaled(width))

    def show_rows(self, rows: list[list[tuple[str, str, Any]]]) -> None:
        self.setRowCount(len(rows))
        shown = min(max(len(rows), 1), ROWS_SHOWN)
        self.setFixedHeight(shown * theme.row_height + theme.metric("size.table_header") + 2)
        self.horizontalHeader().setFixedHeight(theme.metric("size.table_header"))
        for line, cells in enumerate(rows):
            self.setRowHeight(line, theme.row_height)
            for place, (text, color, icon) in enumerate(cells):
                item = self.item(line, place)
                if item is None:
                    item = QTableWidgetItem()
                    self.setItem(line, place, item)
                _write(item, text, color, icon)

    def texts(self, line: int) -> list[str]:
        items = [self.item(line, place) for place in range(self.columnCount())]
        return [item.text() for item in items if item is not None]


def _write(item: QTableWidgetItem, text: str, color: str, icon: Any) -> None:
    if item.text() != text:
        item.setText(text)
        item.setToolTip(text)
    item.setFont(theme.font("table"))
    item.setForeground(theme.color(color))
    if icon is not None:
        item.setIcon(theme.icon(*icon))


def _cells(account: AccountSnapshot, stands: Standing, key: str, wire: Wire, now: Any) -> list[tuple[str, str, Any]]:
    """Text, colour and icon of each column."""
    icon = (stands.icon or "circle-check", stands.color)
    environment = ENVIRONMENTS.get(account.environment, account.environment)
    kind = {True: "LIVE, armed", False: "LIVE, read-only"}.get(account.armed, environment)  # type: ignore[arg-type]  # None has no entry
    market = MARKET_WORDS.get(account.market_type, account.market_type)
    return [
        (account.id, "text_primary", icon),
        (f"{VENUES.get(account.venue, account.venue)} {market}", "text_secondary", None),
        (kind, "live_text" if account.environment == "live" else "paper", None),
        (key or formats.NOTHING, "text_secondary", None),
        (stands.word or "connected", stands.color if stands.is_trouble else "text_secondary", None),
        (used_text(wire), "text_secondary", None),
        (rules_text(wire, now), "text_secondary", None),
    ]


def _counted(count: int, one: str, more: str) -> str:
    return f"{count} {one if count == 1 else more}"
