"""Positions: the tree of groups, and below it all about the chosen one."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QModelIndex, QPoint, QSettings, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QSplitter, QStackedLayout, QWidget

from app.gui.actions import RECONCILING, Actions
from app.gui.desk import Desk
from app.gui.models.accounts import money_unit
from app.gui.models.positions import PositionRow, group_row, position_columns, position_spec
from app.gui.models.tree import ROW, TreeModel
from app.gui.panels.detail import GroupDetail
from app.gui.panels.panel import EmptyState, Panel
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, FilterField, Segments, Text, column
from app.gui.widgets.column_room import ColumnRoom
from app.gui.widgets.header import ViewHeader
from app.gui.widgets.money import MoneyText
from app.gui.widgets.table import Table
from app.messages.snapshots import GroupSnapshot

TALL = 1000
"""From this window height on the detail has room for more."""
LETTERS = frozenset("CXSATB")
FILTERS = (("all", "All"), ("winning", "Winning"), ("losing", "Losing"), ("no_stop", "No stop"))


class PositionsPanel(Panel):
    """`test_wanted` asks for a test signal: the empty view's next action."""

    test_wanted = Signal()
    close_all_wanted = Signal()

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions) -> None:
        super().__init__(store)
        self._desk = desk
        self._actions = actions
        self.model = TreeModel(position_columns(desk.clock.now))
        self.table = Table("positions", self.model)
        self.room = ColumnRoom(self.table)
        self.detail = GroupDetail(desk, store, actions)
        self.empty = EmptyState(
            "No open groups",
            "A group opens when a TradingView alert with an entry arrives and every check passes.",
            "Send a test signal",
            "send",
        )
        self.empty.acted.connect(self.test_wanted)
        self.no_match = EmptyState(
            "No group matches", "The filter hides the open groups.", "Clear the filter", "funnel"
        )
        self.no_match.acted.connect(self._clear_filter)
        self._build_header()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(theme.metric("size.splitter"))
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([340, 292])
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self._split)
        self._stack.addWidget(self.empty)
        self._stack.addWidget(self.no_match)
        layout = column(self)
        layout.addWidget(self.header)
        layout.addWidget(body, 1)
        self.table.chosen.connect(self.detail.show_group)
        self.table.opened.connect(lambda _: self.detail.setFocus())
        self.table.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.table.customContextMenuRequested.connect(self._open_menu)
        self.table.sortByColumn(15, Qt.SortOrder.DescendingOrder)
        self.table.expanded.connect(lambda index: self._fold(index, unfolded=True))
        self.table.collapsed.connect(lambda index: self._fold(index, unfolded=False))
        self._unfolded: set[str] = set()
        self._shapes: dict[str, tuple[int, int]] = {}
        """Pyramids and legs that the model has of each group."""

    def _build_header(self) -> None:
        self.header = ViewHeader("Positions")
        self._count = Text("", "body", "secondary")
        self._percent = MoneyText("body", arrow=True)
        self._pnl = MoneyText("body")
        self._currency = Text("", "body", "tertiary")
        self.filter = FilterField("Filter pair, account, status")
        self.segments = Segments(FILTERS, "all")
        for widget in (self._count, self._percent, self._pnl, self._currency, self.filter, self.segments):
            self.header.add_left(widget)
        self.reconcile = Button("Reconcile", "refresh-cw", kind="quiet", tip="Compare with the exchange (Ctrl+Shift+R)")
        self.reconcile.clicked.connect(self._actions.reconcile)
        self.header.add_right(self.reconcile)
        self.close_all = Button("Close all\u2026", "x", tip="Close every group at market")
        self.close_all.clicked.connect(self.close_all_wanted)
        self.header.add_right(self.close_all)
        self.filter.textChanged.connect(self._refilter)
        self.segments.chosen.connect(self._refilter)

    # ------------------------------------------------------------------ showing

    def refresh(self, change: Change | None) -> None:
        if change is None:
            gone = set(self.model.keys()) - self.store.groups.keys()
            self._put(list(self.store.groups), gone)
            self.table.settle()
        else:
            self._put([group_id for group_id in change.groups if group_id in self.store.groups], set(change.gone))
        self._show_totals()
        self._show_body()
        if change is not None and change.ages:
            self.table.tick()
        self.detail.refresh(change)

    def _put(self, ids: list[str], gone: set[str]) -> None:
        now = self._desk.clock.now()
        for group_id in gone:
            self.model.drop(group_id)
            self._shapes.pop(group_id, None)
            self._unfolded.discard(group_id)
        for group_id in ids:
            pending = self.store.pending.get(group_id)
            self._put_group(self.store.groups[group_id], now, pending.text if pending else None)
        self._choose_one()

    def _put_group(self, group: GroupSnapshot, now: datetime, pending: str | None) -> None:
        """Pyramids and legs follow only where they are seen, or where one came."""
        shape = (len(group.entries), len(group.legs))
        if self._shapes.get(group.id) == shape and group.id not in self._unfolded:
            self.model.put_row(group.id, group_row(group, now, pending))
            return
        self._shapes[group.id] = shape
        self.model.put(position_spec(group, now, pending))

    def _fold(self, index: QModelIndex, unfolded: bool) -> None:
        row: PositionRow = index.data(ROW)
        if row.level:
            return
        if not unfolded:
            self._unfolded.discard(row.group_id)
            return
        self._unfolded.add(row.group_id)
        if row.group_id in self.store.groups:
            self._put([row.group_id], set())

    def _show_totals(self) -> None:
        money = self.store.engine.money
        self._count.show_text(f"{len(self.store.groups)} open")
        percent = money.unrealized * 100 / money.invested if money.invested > 0 else None
        for widget in (self._percent, self._pnl, self._currency):
            widget.setVisible(money.invested > 0)
        self._percent.show_percent(percent)
        self._pnl.show_money(money.unrealized if money.invested > 0 else None)
        self._currency.show_text(money_unit(self.store.engine) if money.invested > 0 else "")
        without = sum(group.stop_price is None for group in self.store.groups.values())
        self.segments.label("no_stop", f"No stop {without}" if without else "No stop")
        self.close_all.allow(bool(self.store.groups), "No group is open.")
        self.reconcile.allow(RECONCILING not in self.store.pending, "Reconciling\u2026")

    def _show_body(self) -> None:
        if not self.store.groups:
            self._stack.setCurrentWidget(self.empty)
            self.empty.show_facts(self._facts())
        elif not self.table.rows.rowCount():
            self._stack.setCurrentWidget(self.no_match)
        else:
            self._stack.setCurrentWidget(self._split)

    def _facts(self) -> list[tuple[bool, str]]:
        engine = self.store.engine
        last = engine.last_signal_at
        return [
            (engine.state == "running", f"The engine is {engine.state}"),
            (bool(engine.accounts), _accounts(len(engine.accounts))),
            (last is not None, f"The last signal came at {last:%H:%M:%S} UTC" if last else "No signal yet"),
        ]

    def _refilter(self, *_: object) -> None:
        words = self.filter.text().casefold().split()
        wanted = self.segments.current
        self.table.rows.accept(lambda item: _passes(item, words, wanted))
        self._choose_one()
        self._show_body()

    def _clear_filter(self) -> None:
        self.filter.clear()
        self.segments.choose("all")

    def _open_menu(self, at: QPoint) -> None:
        """What can be done with the group under the pointer."""
        index = self.table.indexAt(at)
        if index.isValid():
            self.table.setCurrentIndex(index)
            self.detail.bar.open_menu(self.table.viewport().mapToGlobal(at))

    def _choose_one(self) -> None:
        """The detail shows a group whenever the table does."""
        if not self.table.current_key:
            self.table.choose_first()

    # ------------------------------------------------------------------ the frame's wishes

    def set_wide(self, wide: bool) -> None:
        self.room.set_wide(wide)
        height = 420 if self.window().height() >= TALL else 292
        self._split.setSizes([max(self._split.height() - height, 120), height])
        self.detail.set_wide(wide)

    def regions(self) -> list[QWidget]:
        return [self.table, self.detail]

    def focus_filter(self) -> None:
        self.filter.take_focus()

    def choose(self, group_id: str) -> None:
        self._clear_filter()
        self.table.choose(group_id)
        self.table.setFocus()

    def unfold_first(self) -> None:
        """Show the first group with its first pyramid."""
        first = self.table.rows.index(0, 0)
        self.table.setCurrentIndex(first)
        self.table.setExpanded(first, True)
        self.table.setExpanded(self.table.rows.index(0, 0, first), True)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """Letters open a sheet for the chosen group; they act only with the focus in the table."""
        letter = event.text().upper()
        if self.focusWidget() is self.table and letter in LETTERS:
            shifted = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
            self.detail.key(f"Shift+{letter}" if shifted and letter == "C" else letter)
            return
        super().keyPressEvent(event)

    def save(self, settings: QSettings) -> None:
        self.room.save(settings)
        settings.setValue("positions/split", self._split.saveState())
        settings.setValue("positions/filter", self.segments.current)

    def restore(self, settings: QSettings) -> None:
        self.room.restore(settings)
        state = settings.value("positions/split")
        if state is not None:
            self._split.restoreState(state)
        chosen = str(settings.value("positions/filter", "all"))
        if chosen in dict(FILTERS):
            self.segments.choose(chosen)


def _accounts(count: int) -> str:
    return "1 account is set up" if count == 1 else f"{count} accounts are set up"


def _passes(item: PositionRow, words: list[str], wanted: str) -> bool:
    text = f"{item.symbol} {item.account} {item.status} {item.timeframe} {item.side}".casefold()
    if not all(word in text for word in words):
        return False
    pnl = item.pnl or Decimal(0)
    match wanted:
        case "winning":
            return pnl > 0
        case "losing":
            return pnl < 0
        case "no_stop":
            return item.stop is None
        case _:
            return True
