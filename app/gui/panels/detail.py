"""All about one group: what can be done with it, its ladder, its trace, legs, orders and fills."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Sequence
from decimal import Decimal
from functools import partial
from typing import Any

import structlog
from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QSplitter, QTabWidget, QWidget

from app.base.errors import AppError
from app.domain.fill import Fill
from app.gui import formats
from app.gui.actions import Actions
from app.gui.charts.ladder import LadderChart
from app.gui.desk import Desk
from app.gui.dialogs.block import ask_block
from app.gui.dialogs.changes import AddFundsSheet, MoveStopSheet, TakeProfitSheet
from app.gui.dialogs.close_group import CloseGroupSheet
from app.gui.dialogs.close_percent import ClosePercentSheet
from app.gui.models.accounts import read_only_reason
from app.gui.models.changes import stop_words
from app.gui.models.closing import free_on, waiting_entries
from app.gui.models.ladder import ladder_of
from app.gui.models.trace import trace_of
from app.gui.panels.detail_tabs import FillList, LegList, OrderList, TraceList
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.action_bar import ActionBar
from app.gui.widgets.basics import Button, Text, column
from app.gui.widgets.money import MoneyText
from app.gui.widgets.read_only import ReadOnlySign
from app.gui.widgets.sheet import Sheet, confirm, dismiss_when_gone, sheet_parent
from app.messages.records import SignalRecord
from app.messages.reports import Candle
from app.messages.snapshots import GroupSnapshot
from app.ports.queries import Filter, PageRequest

log = structlog.get_logger("window")
CANDLES = 120
CANDLES_EVERY_SEC = 5
FEW_CANDLES = 24
FINER = ("15m", "1m", "1S")
"""Where a timeframe has only a few bars yet, the chart shows finer ones."""
FILLS_SHOWN = 200


class GroupDetail(QFrame):
    accounts_wanted = Signal(str)
    """An account that is to be armed before anything may be opened on it."""

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._actions = actions
        self._group_id = ""
        self._block_words = "Block"
        self._candles: Sequence[Candle] = ()
        self._candles_timeframe = ""
        self._candles_at = 0.0
        self._signals: Sequence[SignalRecord] = ()
        self._fills: Sequence[Fill] = ()
        self._seen: tuple[int, Decimal] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = column(self)
        self.bar = self._build_bar()
        layout.addWidget(self.bar)
        layout.addWidget(self._body(), 1)

    def _build_bar(self) -> ActionBar:
        self._title = Text("", "mid")
        self._what = Text("", "body", "secondary")
        self._percent = MoneyText("body", arrow=True)
        self._pnl = MoneyText("body")
        self._currency = Text("", "body", "tertiary")
        self.read_only = ReadOnlySign("")
        self.read_only.wanted.connect(self.accounts_wanted)
        self.close_button = Button("Close\u2026", "x", kind="emphasis", tip="Close the group at market (C)")
        self.percent_button = Button("Close %\u2026", "scissors", tip="Close part of it at market (Shift+C)")
        self.cancel_button = Button("Cancel entries\u2026", "ban", tip="Cancel what has not filled (X)")
        self.stop_button = Button("Move stop\u2026", "move-vertical", tip="Set the stop by hand (S)")
        self.funds_button = Button("Add funds\u2026", "plus", tip="Add a pyramid of one leg at market (A)")
        self.mode_button = Button("TP mode\u2026", "target", tip="Exit it another way from now on (T)")
        self.block_button = Button("Block", "shield-off", tip="Keep it out of the offset engine (B)")
        self.close_button.clicked.connect(self.ask_close)
        self.percent_button.clicked.connect(self.ask_close_percent)
        self.cancel_button.clicked.connect(self.ask_cancel_entries)
        self.stop_button.clicked.connect(self.ask_move_stop)
        self.funds_button.clicked.connect(self.ask_add_funds)
        self.mode_button.clicked.connect(self.ask_tp_mode)
        self.block_button.clicked.connect(self._toggle_block)
        facts = (self._title, self._what, self._percent, self._pnl, self._currency, self.read_only)
        return ActionBar(facts, self._buttons)

    @property
    def _buttons(self) -> dict[str, Button]:
        """By their keys."""
        return {
            "C": self.close_button,
            "Shift+C": self.percent_button,
            "X": self.cancel_button,
            "S": self.stop_button,
            "A": self.funds_button,
            "T": self.mode_button,
            "B": self.block_button,
        }

    def _body(self) -> QWidget:
        self.chart = LadderChart()
        self.chart.stop_moved.connect(self.ask_move_stop)
        self.trace = TraceList()
        self.legs = LegList()
        self.orders = OrderList(self._desk.clock.now)
        self.fills = FillList(self._desk.clock.now)
        self.tabs = QTabWidget()
        self.tabs.setDocumentMode(True)
        self.tabs.addTab(self.trace, "Decision trace")
        self.tabs.addTab(self.legs, "Legs to TP")
        self.tabs.addTab(self.orders, "Orders")
        self.tabs.addTab(self.fills, "Fills")
        self._side = QTabWidget()
        self._side.setDocumentMode(True)
        self._side.hide()
        split = QSplitter(Qt.Orientation.Horizontal)
        split.setHandleWidth(1)
        split.setChildrenCollapsible(False)
        for widget in (self.chart, self.tabs, self._side):
            split.addWidget(widget)
        split.setSizes([690, 510, 0])
        split.setStretchFactor(0, 4)
        split.setStretchFactor(1, 3)
        split.setStretchFactor(2, 3)
        self._columns = split
        return split

    def set_wide(self, wide: bool) -> None:
        """From 1600 px the legs and the trace stand side by side."""
        self._block_words = "Block from risk" if wide else "Block"
        if (group := self.group) is not None:
            self._allow(group)
        if wide == self._side.isVisibleTo(self):
            return
        if wide:
            self._side.addTab(self.trace, "Decision trace")
            self._side.show()
        else:
            self.tabs.insertTab(0, self.trace, "Decision trace")
            self._side.hide()
        self.tabs.setCurrentIndex(0)
        room = self._columns.width()
        self._columns.setSizes([room * 46 // 100, room * 20 // 100, room * 34 // 100] if wide else [690, 510, 0])

    # ------------------------------------------------------------------ showing

    @property
    def group(self) -> GroupSnapshot | None:
        return self._store.groups.get(self._group_id)

    def show_group(self, group_id: str) -> None:
        if group_id == self._group_id:
            return
        self._group_id = group_id
        self._candles, self._candles_at = (), 0.0
        self._signals, self._fills, self._seen = (), (), None
        self.refresh(None)

    def refresh(self, change: Change | None) -> None:
        group = self.group
        if group is None:
            self.setVisible(False)
            return
        self.setVisible(True)
        if change is None or group.id in change.groups or change.pending:
            self._show(group)
        self._read_when_due(group)

    def _show(self, group: GroupSnapshot) -> None:
        self._title.show_text(group.symbol)
        self._what.show_text(f"{group.timeframe} {group.side}")
        has_open = group.open_quantity > 0
        self._percent.show_percent(group.unrealized_percent)
        self._pnl.show_money(group.unrealized_pnl if has_open else None)
        self._currency.show_text(group.quote_currency if has_open else "")
        self._allow(group)
        self.read_only.show_account(self._store.engine.accounts, group.account)
        self.legs.show_group(group)
        self.orders.show_orders(group)
        self.tabs.setTabText(self.tabs.indexOf(self.orders), f"Orders {len(group.orders)}")
        self._show_ladder(group)

    def _allow(self, group: GroupSnapshot) -> None:
        pending = self._store.pending.get(group.id)
        if pending is not None or group.status == "closing":
            reason = pending.text if pending else "The group is closing."
            for button in self._buttons.values():
                button.allow(False, reason)
            return
        self.close_button.allow(True)
        self.percent_button.allow(group.open_quantity > 0, "Nothing of it is open.")
        waiting = waiting_entries(group)
        self.cancel_button.allow(waiting > 0, "No entry of it is waiting.")
        self.stop_button.allow(group.open_quantity > 0, "Nothing of it is open.")
        self.mode_button.allow(group.open_quantity > 0, "Nothing of it is open.")
        stopped = self._store.engine.emergency.level == "critical"
        barred = read_only_reason(self._store.engine.accounts, group.account)
        self.funds_button.allow(not stopped and barred is None, barred or "The emergency stop is on.")
        self.block_button.allow(True)
        self.block_button.show_as(
            *(("Unblock", "shield-check") if group.blocked else (self._block_words, "shield-off"))
        )

    def _show_ladder(self, group: GroupSnapshot) -> None:
        movable = self.stop_button.isEnabled() and group.stop_price is not None
        self.chart.let_stop_move(partial(stop_words, group) if movable else None)
        self.chart.set_state(
            ladder_of(group, self._candles, self._candles_timeframe, self._fills, self._desk.clock.now())
        )

    # ------------------------------------------------------------------ reading

    def _read_when_due(self, group: GroupSnapshot) -> None:
        now = self._desk.clock.monotonic()
        if now - self._candles_at >= CANDLES_EVERY_SEC or not self._candles_at:
            self._candles_at = now
            self._do(self._read_candles(group))
        filled = (len(group.orders) + len(group.entries), sum((order.filled for order in group.orders), Decimal(0)))
        if filled != self._seen:
            self._seen = filled
            self._do(self._read_history(group))

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_candles(self, group: GroupSnapshot) -> None:
        found: Sequence[Candle] = ()
        timeframe = group.timeframe
        try:
            for timeframe in (group.timeframe, *FINER):
                found = await self._desk.engine.candles(group.account, group.symbol, timeframe, CANDLES)
                if len(found) >= FEW_CANDLES:
                    break
        except AppError as error:
            log.info("candles could not be read", symbol=group.symbol, error=str(error))
            return
        if group.id == self._group_id and (current := self.group) is not None:
            self._candles, self._candles_timeframe = found, timeframe
            self._show_ladder(current)

    async def _read_history(self, group: GroupSnapshot) -> None:
        try:
            signals = await self._desk.queries.signals_of_group(group.id)
            fills = await self._desk.queries.fills(Filter(group_id=group.id), PageRequest(FILLS_SHOWN))
        except AppError as error:
            log.warning("a group's history could not be read", group=group.id, error=str(error))
            self._seen = None
            return
        current = self.group
        if current is None or current.id != group.id:
            return
        self._signals, self._fills = signals, tuple(reversed(fills.rows))
        self.trace.show_lines(trace_of(current, self._signals, self._fills))
        self.fills.show_fills(current, self._fills)
        self.tabs.setTabText(self.tabs.indexOf(self.fills), f"Fills {len(self._fills)}")
        self._show_ladder(current)

    # ------------------------------------------------------------------ acting

    def key(self, keys: str) -> None:
        """A letter of the table. B asks first, for a letter never acts at once."""
        button = self._buttons.get(keys)
        if button is None or not button.isEnabled():
            return
        if button is self.block_button:
            self.ask_block()
        else:
            button.click()

    def ask_close(self) -> None:
        group = self.group
        if group is None:
            return
        if group.open_quantity <= 0:
            self.ask_cancel_entries()
            return
        CloseGroupSheet(sheet_parent(self), self._store, group, lambda: self._actions.close_group(group.id))

    def ask_close_percent(self) -> None:
        group = self.group
        if group is not None:
            act = partial(self._actions.reduce, group.id)
            ClosePercentSheet(sheet_parent(self), self._store, group, act)

    def ask_move_stop(self, price: Decimal | bool | None = None) -> None:
        """`price` is where its line was dragged to."""
        group = self.group
        if group is not None:
            wanted = price if isinstance(price, Decimal) else None
            act = partial(self._actions.move_stop, group.id)
            sheet = MoveStopSheet(sheet_parent(self), group, act, wanted)
            self._while_open(sheet, group.id)

    def ask_add_funds(self) -> None:
        group = self.group
        if group is not None:
            free = free_on(self._store.engine.accounts, group.account)
            act = partial(self._actions.add_funds, group.id)
            self._while_open(AddFundsSheet(sheet_parent(self), group, free, act), group.id)

    def ask_tp_mode(self) -> None:
        group = self.group
        if group is not None:
            act = partial(self._actions.set_tp_mode, group.id)
            self._while_open(TakeProfitSheet(sheet_parent(self), group, act), group.id)

    def ask_block(self) -> None:
        group = self.group
        if group is not None:
            wanted = not group.blocked
            act = partial(self._actions.block, group.id, blocked=wanted)
            sheet = ask_block(sheet_parent(self), _name(group), blocked=group.blocked, act=act)
            self._while_open(sheet, group.id)

    def _toggle_block(self) -> None:
        """At once: the undo bar takes it back."""
        group = self.group
        if group is not None:
            self._actions.block(group.id, blocked=not group.blocked)

    def ask_cancel_entries(self) -> None:
        group = self.group
        if group is None:
            return
        waiting = waiting_entries(group)
        stays = (
            f"{formats.quantity(group.open_quantity, group.step_size)} open, with its exits"
            if group.open_quantity > 0
            else "nothing: the group ends"
        )
        sheet = confirm(
            sheet_parent(self),
            f"Cancel the entries of {_name(group)}?",
            [
                ("Entries cancelled", f"{waiting} on {group.account}"),
                ("Not bought", f"{formats.money(group.reserved)} {group.quote_currency}"),
                ("Stays", stays),
            ],
            do="Cancel entries",
            keep="Keep entries",
            act=lambda: self._actions.cancel_entries(group.id),
        )
        self._while_open(sheet, group.id)

    def _while_open(self, sheet: Sheet, group_id: str) -> None:
        dismiss_when_gone(sheet, self._store, lambda: group_id in self._store.groups)


def _name(group: GroupSnapshot) -> str:
    return f"{formats.pair(group.symbol)[0]} {group.timeframe}"
