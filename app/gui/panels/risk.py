"""Risk: the emergency stop and every limit to the left; groups, the projected plan and its actions to the right."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

from PySide6.QtCore import QRect, QSettings, Qt, QTimer, Signal
from PySide6.QtGui import QHideEvent, QKeyEvent, QPainter, QShowEvent
from PySide6.QtWidgets import QFrame, QScrollArea, QSplitter, QStackedLayout, QWidget

from app.gui import formats
from app.gui.actions import EMERGENCY, RISK, Actions
from app.gui.desk import Desk
from app.gui.dialogs.block import ask_block
from app.gui.models.risk import (
    LEVEL_ICONS,
    RISK_COLUMNS,
    action_text,
    action_time,
    in_currency,
    level_sentence,
    mode_text,
    name_of,
    risk_rows,
)
from app.gui.models.tree import Spec, TreeModel
from app.gui.panels.detail_tabs import Lines
from app.gui.panels.panel import EmptyState, Panel
from app.gui.panels.risk_plan import PlanField
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Hairline, Icon, Text, area, column, row
from app.gui.widgets.column_room import ColumnRoom
from app.gui.widgets.header import ViewHeader
from app.gui.widgets.limits import LimitList
from app.gui.widgets.sheet import sheet_parent
from app.gui.widgets.table import Table
from app.messages.records import RiskAction
from app.messages.snapshots import LimitSnapshot, RiskSnapshot

ROWS_AT_ONCE = 50
MORE_MS = 15
LEFT_WIDTH = 360
LEAST_LEFT = 300
HISTORY_HEIGHT = 150


class RiskPanel(Panel):
    """`reset_wanted` asks for the sheet of the emergency stop, `group_wanted(id)` for a group."""

    reset_wanted = Signal()
    group_wanted = Signal(str)

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions) -> None:
        super().__init__(store)
        self._desk = desk
        self._actions = actions
        self.header = ViewHeader("Risk")
        self._mode = Text("", "body", "secondary")
        self.header.add_left(self._mode)
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self._left())
        self._split.addWidget(self._right())
        self._split.setStretchFactor(1, 1)
        self._split.setSizes([LEFT_WIDTH, 840])
        layout = column(self)
        layout.addWidget(self.header)
        layout.addWidget(self._split, 1)
        self.table.chosen.connect(lambda _: self._show_buttons())
        self.table.opened.connect(self.group_wanted)
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._columns: frozenset[str] | None = None
        self._rest: Iterator[Spec] = iter(())
        self._moved = False
        self._more = QTimer(self)
        self._more.setSingleShot(True)
        self._more.setInterval(MORE_MS)
        self._more.timeout.connect(self.put_more)

    # ------------------------------------------------------------------ building

    def _left(self) -> QFrame:
        side = area("plain")
        side.setMinimumWidth(theme.scaled(LEAST_LEFT))
        layout = column(side)
        layout.addWidget(self._state())
        self.limits = LimitList()
        scroll = QScrollArea()
        scroll.setWidgetResizable(True)
        scroll.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        holder = area("panel")
        inner = column(holder)
        inner.addWidget(self.limits)
        inner.addStretch(1)
        scroll.setWidget(holder)
        layout.addWidget(scroll, 1)
        layout.addWidget(Hairline())
        self._history_head = Text("What the offset engine did", "section")
        edge = theme.metric("size.edge_padding")
        self._history_head.setContentsMargins(edge, 10, edge, 4)
        layout.addWidget(self._history_head)
        self.history = HistoryList(self._desk)
        self.history.setFixedHeight(theme.scaled(HISTORY_HEIGHT))
        layout.addWidget(self.history)
        return side

    def _state(self) -> QFrame:
        box = area("ruled")
        edge = theme.metric("size.edge_padding")
        line = row(box, 12, (edge, 12, edge, 12))
        self._level_icon = Icon("shield-check", "positive", 20)
        words = QWidget()
        inner = column(words, 2)
        self.level = Text("", "mid")
        self.level_words = Text("", "table", "secondary")
        self.level_words.setWordWrap(True)
        inner.addWidget(self.level)
        inner.addWidget(self.level_words)
        self.reset_button = Button("Reset\u2026", kind="emphasis", tip="Leave the emergency stop; it needs a reason")
        self.reset_button.clicked.connect(self.reset_wanted)
        line.addWidget(self._level_icon, 0, Qt.AlignmentFlag.AlignTop)
        line.addWidget(words, 1)
        line.addWidget(self.reset_button, 0, Qt.AlignmentFlag.AlignTop)
        return box

    def _right(self) -> QWidget:
        side = QWidget()
        layout = column(side)
        layout.addWidget(self._groups_head())
        self.model = TreeModel(RISK_COLUMNS)
        self.table = Table("risk", self.model, flat=True)
        self.room = ColumnRoom(self.table)
        self.empty = EmptyState(
            "No open groups",
            "Every open group is listed here as a possible loser, with what it would take to be one.",
            None,
            None,
        )
        self.plan = PlanField()
        self.plan.run_button.clicked.connect(self.ask_run)
        self.plan.skip_button.clicked.connect(self._skip)
        self.plan.block_button.clicked.connect(self._toggle_block)
        self._tall = QSplitter(Qt.Orientation.Vertical)
        self._tall.setHandleWidth(theme.metric("size.splitter"))
        self._tall.setChildrenCollapsible(False)
        self._tall.addWidget(self.table)
        self._tall.addWidget(self.plan)
        self._tall.setStretchFactor(0, 1)
        self._tall.setSizes([300, 280])
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self._tall)
        self._stack.addWidget(self.empty)
        layout.addWidget(body, 1)
        return side

    def _groups_head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(theme.metric("size.row.form"))
        edge = theme.metric("size.edge_padding")
        line = row(head, 10, (edge, 0, edge, 0))
        line.addWidget(Text("Groups and conditions", "section"))
        line.addStretch(1)
        self._needs = Text("", "caption", "tertiary")
        line.addWidget(self._needs)
        return head

    # ------------------------------------------------------------------ showing

    def showEvent(self, event: QShowEvent) -> None:  # noqa: N802 - Qt's name
        super().showEvent(event)
        self.store.watch_risk("view")

    def hideEvent(self, event: QHideEvent) -> None:  # noqa: N802 - Qt's name
        super().hideEvent(event)
        self.store.leave_risk("view")

    def refresh(self, change: Change | None) -> None:
        risk = self.store.risk
        if change is None or change.engine or change.risk:
            self._show_level(risk)
        if risk is None:
            return
        if change is None or change.risk or change.pending:
            self._put(risk)
            self._show_risk(risk)

    def _show_level(self, risk: RiskSnapshot | None) -> None:
        emergency = self.store.engine.emergency
        words = "Emergency stop" if emergency.level == "critical" else emergency.level.capitalize()
        icon, color = LEVEL_ICONS.get(emergency.level, LEVEL_ICONS["warning"])
        self._level_icon.show_icon(icon, color)
        self.level.show_text(words, "critical" if emergency.level == "critical" else "primary")
        self.level_words.show_text(level_sentence(emergency, self._limits(risk)))
        self.reset_button.setVisible(emergency.level == "critical")
        pending = self.store.pending.get(EMERGENCY)
        self.reset_button.allow(pending is None, pending.text if pending else "")

    def _limits(self, risk: RiskSnapshot | None) -> tuple[LimitSnapshot, ...]:
        return in_currency(risk.limits, self.store.engine.money.currency) if risk is not None else ()

    def _put(self, risk: RiskSnapshot) -> None:
        """The first rows at once, the others a few at a time: hundreds would hold the loop up."""
        bound = self._desk.config().offset.loss_threshold_percent
        pending = {subject: item.text for subject, item in self.store.pending.items()}
        for group_id in set(self.model.keys()) - {item.group_id for item in risk.groups}:
            self.model.drop(group_id)
        self._rest = risk_rows(risk, dict(self.store.groups), pending, bound)
        self._moved = False
        self.put_more()
        self._show_columns(risk)
        if not self.table.current_key:
            self._choose_one(risk)
        self._stack.setCurrentWidget(self._tall if risk.groups else self.empty)

    def put_more(self) -> bool:
        """Whether rows are still to come."""
        specs = list(islice(self._rest, ROWS_AT_ONCE))
        for spec in specs:
            old = self.model.row_of(spec.key)
            self._moved = self._moved or old is None or old.place != spec.row.place
            self.model.put(spec)
        if len(specs) == ROWS_AT_ONCE:
            self._more.start()
            return True
        if self._moved and not self.table.underMouse():
            self.table.settle()
        return False

    def _choose_one(self, risk: RiskSnapshot) -> None:
        if risk.plan is not None and self.model.row_of(risk.plan.loser_id) is not None:
            self.table.choose(risk.plan.loser_id)
        else:
            self.table.choose_first()

    def _show_columns(self, risk: RiskSnapshot) -> None:
        """Conditions that are switched off have no column."""
        names = frozenset(item.name for assessment in risk.groups for item in assessment.conditions)
        if not names or names == self._columns:
            return
        self._columns = names
        for place, item in enumerate(RISK_COLUMNS):
            if item.name in {"pyramids", "age"}:
                self.room.want(place, item.name in names)

    def _show_risk(self, risk: RiskSnapshot) -> None:
        offset = self._desk.config().offset
        self._mode.show_text(mode_text(risk))
        self._mode.setToolTip(mode_text(risk))
        needs = [f"timer of {offset.wait_minutes} min", f"loss \u2264 {formats.plain(offset.loss_threshold_percent)}%"]
        needs = ["all pyramids", *needs] if offset.require_full_pyramids else needs
        self._needs.show_text(f"a loser needs: {', '.join(needs)}, not blocked")
        self.limits.show_limits(self._limits(risk))
        self.history.show_actions(risk.actions)
        pending = self.store.pending.get(RISK)
        self.plan.show_plan(risk, self.store.engine.money.currency, pending.text if pending else None)
        self._show_buttons()

    def _show_buttons(self) -> None:
        """Skip and block act on the chosen group."""
        found = self.model.row_of(self.table.current_key)
        if found is None:
            self.plan.show_chosen(None, blocked=False, skipped=False, pending=None)
            return
        name = name_of(found.assessment.symbol, found.assessment.timeframe)
        self.plan.show_chosen(name, blocked=found.blocked, skipped=found.skipped, pending=found.pending)

    # ------------------------------------------------------------------ acting

    def ask_run(self) -> None:
        risk = self.store.risk
        if risk is not None and risk.plan is not None:
            self.plan.ask_run(sheet_parent(self), self.store, self._actions.run_offset)

    def _skip(self) -> None:
        if self.table.current_key:
            self._actions.skip_offset(self.table.current_key)

    def _toggle_block(self) -> None:
        found = self.model.row_of(self.table.current_key)
        if found is not None:
            self._actions.block(found.assessment.group_id, blocked=not found.blocked)

    def ask_block(self) -> None:
        """What B does: the same behind a sheet, for a letter never acts at once."""
        found = self.model.row_of(self.table.current_key)
        if found is None or found.pending:
            return
        name = name_of(found.assessment.symbol, found.assessment.timeframe)
        ask_block(sheet_parent(self), name, blocked=found.blocked, act=self._toggle_block)

    # ------------------------------------------------------------------ the frame's wishes

    def set_wide(self, wide: bool) -> None:
        self.room.set_wide(wide)
        self._columns = None
        if self.store.risk is not None:
            self._show_columns(self.store.risk)
        left = 440 if wide else LEFT_WIDTH
        self._split.setSizes([left, max(self._split.width() - left, 400)])

    def regions(self) -> list[QWidget]:
        return [self.table, self.plan.run_button, self.history]

    def choose(self, group_id: str) -> None:
        self.table.choose(group_id)
        self.table.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if self.focusWidget() is self.table and event.text().upper() == "B":
            self.ask_block()
            return
        super().keyPressEvent(event)

    def save(self, settings: QSettings) -> None:
        self.room.save(settings)
        settings.setValue("risk/split", self._split.saveState())

    def restore(self, settings: QSettings) -> None:
        self.room.restore(settings)
        state = settings.value("risk/split")
        if state is not None:
            self._split.restoreState(state)


class HistoryList(Lines):
    """Offset actions, the newest first."""

    def __init__(self, desk: Desk) -> None:
        super().__init__("What the offset engine did", "It has not acted yet.")
        self._desk = desk
        self._actions: Sequence[RiskAction] = ()

    def show_actions(self, actions: Sequence[RiskAction]) -> None:
        if actions != self._actions:
            self._actions = actions
            self.changed()

    @property
    def count(self) -> int:
        return len(self._actions)

    def text_of(self, number: int) -> str:
        action = self._actions[number]
        return f"{action_time(action, self._desk.clock.now())}: {action_text(action)}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        action = self._actions[number]
        edge = theme.metric("size.edge_padding")
        inner = rect.adjusted(edge, 0, -edge, 0)
        align = Qt.AlignmentFlag.AlignVCenter
        stamp = formats.clock_time(action.at, self._desk.clock.now())
        painter.setPen(theme.color("text_tertiary"))
        painter.drawText(inner, align, stamp)
        left = inner.adjusted(theme.advance("00 Mmm 00:00", "table") + 8, 0, 0, 0)
        painter.setPen(theme.color("text_primary"))
        text = painter.fontMetrics().elidedText(action_text(action), Qt.TextElideMode.ElideRight, left.width())
        painter.drawText(left, align, text)
