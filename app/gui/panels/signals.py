"""Signals: every message with its outcome, and the answer to why nothing happened."""

from __future__ import annotations

import asyncio
import json

import structlog
from PySide6.QtCore import QRect, QSettings, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QPlainTextEdit, QSplitter, QStackedLayout, QTabWidget, QWidget

from app.base.errors import AppError
from app.gui import formats
from app.gui.desk import Desk
from app.gui.models.signals import (
    SIGNAL_COLUMNS,
    SignalRow,
    answer,
    check_text,
    intent_text,
    question,
    signal_spec,
    time_taken,
)
from app.gui.models.tree import TreeModel
from app.gui.panels.detail_tabs import Lines
from app.gui.panels.panel import EmptyState, Panel
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, FilterField, Segments, Text, column, row
from app.gui.widgets.column_room import ColumnRoom
from app.gui.widgets.header import ViewHeader
from app.gui.widgets.outcome import OutcomeTag
from app.gui.widgets.table import Table
from app.messages.records import CheckResult, SignalRecord
from app.ports.queries import Filter, PageRequest

log = structlog.get_logger("window")
OUTCOMES = (
    ("all", "All"),
    ("executed", "Executed"),
    ("queued", "Queued"),
    ("ignored", "Ignored"),
    ("rejected", "Rejected"),
)
MORE_AT_ONCE = 100
RESULT_ICONS = {
    "passed": ("check", "positive"),
    "adjusted": ("check", "positive"),
    "held": ("hourglass", "info"),
    "failed": ("ban", "warning"),
    "not_reached": ("circle-dashed", "text_tertiary"),
}


class SignalsPanel(Panel):
    """`group_wanted(id)` asks for the group that a signal went to."""

    group_wanted = Signal(str)
    test_wanted = Signal()

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__(store)
        self._desk = desk
        self._cursor: str | None = None
        self._reading: asyncio.Task[None] | None = None
        self._has_signals: bool | None = None
        self.model = TreeModel(SIGNAL_COLUMNS)
        self.table = Table("signals", self.model, flat=True)
        self.room = ColumnRoom(self.table)
        self.answer = _Answer()
        self.answer.group_wanted.connect(self.group_wanted)
        self._build_header()
        self._split = QSplitter(Qt.Orientation.Horizontal)
        self._split.setHandleWidth(1)
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.answer)
        self._split.setSizes([740, 460])
        self.empty = EmptyState(
            "No signal yet",
            "Every message that reaches the webhook is listed here, with what became of it and why.",
            "Send a test signal",
            "send",
        )
        self.empty.acted.connect(self.test_wanted)
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self._split)
        self._stack.addWidget(self.empty)
        layout = column(self)
        layout.addWidget(self.header)
        layout.addWidget(body, 1)
        self.table.chosen.connect(self._show_answer)
        self.table.sortByColumn(0, Qt.SortOrder.DescendingOrder)
        self.table.verticalScrollBar().valueChanged.connect(self._read_more_at_end)

    def _build_header(self) -> None:
        self.header = ViewHeader("Signals")
        self.filter = FilterField("Filter pair, alert, reason")
        self.segments = Segments(OUTCOMES, "all")
        self.header.add_left(self.filter)
        self.header.add_left(self.segments)
        self.filter.textChanged.connect(self._refilter)
        self.segments.chosen.connect(self._refilter)

    def refresh(self, change: Change | None) -> None:
        if change is not None and not change.signals:
            return
        now = self._desk.clock.now()
        known = set(self.model.keys())
        for signal_id in known - self.store.signals.keys():
            self.model.drop(signal_id)
        new = False
        for record in reversed(self.store.signals.values()):
            shown = self.model.row_of(record.id)
            new = new or shown is None
            if shown is None or shown.record is not record:
                self.model.put(signal_spec(record, now), at=0)
        if new:
            self.table.settle()
            if not self.table.current_key:
                self.table.choose_first()
        self._show_counts()
        has_signals = bool(self.store.signals)
        if has_signals != self._has_signals:
            self._has_signals = has_signals
            self._stack.setCurrentWidget(self._split if has_signals else self.empty)
        self._show_answer(self.table.current_key)

    def _show_counts(self) -> None:
        records = self.store.signals.values()
        for name, words in OUTCOMES:
            count = sum(name in {"all", record.outcome.value} for record in records)
            self.segments.label(name, f"{words} {count}" if count else words)

    def _show_answer(self, signal_id: str) -> None:
        self.answer.show_record(self.store.signals.get(signal_id))

    def _refilter(self, *_: object) -> None:
        words = self.filter.text().casefold().split()
        wanted = self.segments.current
        self.table.rows.accept(lambda item: _passes(item, words, wanted))
        if not self.table.current_key:
            self.table.choose_first()

    # ------------------------------------------------------------------ older ones, when they are scrolled to

    def _read_more_at_end(self, place: int) -> None:
        bar = self.table.verticalScrollBar()
        idle = self._reading is None or self._reading.done()
        if place == bar.maximum() and bar.maximum() > 0 and idle:
            self._reading = asyncio.get_running_loop().create_task(self._read_more())

    async def _read_more(self) -> None:
        oldest = next(reversed(self.store.signals.values()), None)
        if oldest is None:
            return
        try:
            page = await self._desk.queries.signals(Filter(until=oldest.received_at), PageRequest(MORE_AT_ONCE))
        except AppError as error:
            log.warning("older signals could not be read", error=str(error))
            return
        if page.rows:
            self.store.signals_kept = len(self.store.signals) + MORE_AT_ONCE
            self.store.put_signals(page.rows)
            self.refresh(None)

    # ------------------------------------------------------------------ the frame's wishes

    def set_wide(self, wide: bool) -> None:
        self.room.set_wide(wide)

    def regions(self) -> list[QWidget]:
        return [self.table, self.answer.body]

    def focus_filter(self) -> None:
        self.filter.take_focus()

    def choose(self, signal_id: str) -> None:
        self.table.choose(signal_id)

    def save(self, settings: QSettings) -> None:
        self.room.save(settings)
        settings.setValue("signals/split", self._split.saveState())

    def restore(self, settings: QSettings) -> None:
        self.room.restore(settings)
        state = settings.value("signals/split")
        if state is not None:
            self._split.restoreState(state)


def _passes(item: SignalRow, words: list[str], wanted: str) -> bool:
    record = item.record
    if wanted not in {"all", record.outcome.value}:
        return False
    parts = (record.symbol, record.timeframe, record.side, record.intent, record.reason, record.detail, record.key_name)
    text = " ".join(part for part in parts if part).casefold()
    return all(word in text for word in words)


class _Answer(QFrame):
    """The sentence first, then the checks in order, the route, the raw body."""

    group_wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._record: SignalRecord | None = None
        layout = column(self)
        head = QWidget()
        edge = theme.metric("size.edge_padding")
        inner = column(head, 8, (edge, 14, edge, 10))
        line = QWidget()
        title_row = row(line, 8)
        self.question = Text("", "mid")
        self.tag = OutcomeTag()
        title_row.addWidget(self.question)
        title_row.addStretch(1)
        title_row.addWidget(self.tag)
        inner.addWidget(line)
        self.sentence = Text("", "body")
        self.sentence.setWordWrap(True)
        inner.addWidget(self.sentence)
        buttons = QWidget()
        button_row = row(buttons, 6)
        self.open_group = Button("Open group", "layers", tip="Show the group that this signal went to")
        self.open_group.clicked.connect(self._want_group)
        button_row.addWidget(self.open_group)
        button_row.addStretch(1)
        inner.addWidget(buttons)
        layout.addWidget(head)
        self.checks = CheckList()
        self.route = RouteList()
        self.body = QPlainTextEdit()
        self.body.setReadOnly(True)
        self.body.setFont(theme.font("code"))
        self.body.setFrameShape(QFrame.Shape.NoFrame)
        tabs = QTabWidget()
        tabs.setDocumentMode(True)
        tabs.addTab(self.checks, "Checks, in order")
        tabs.addTab(self.route, "Route")
        tabs.addTab(self.body, "Raw body")
        layout.addWidget(tabs, 1)

    def show_record(self, record: SignalRecord | None) -> None:
        if record == self._record and record is not None:
            return
        self._record = record
        self.setVisible(record is not None)
        if record is None:
            return
        self.question.show_text(question(record))
        self.tag.show_outcome(record.outcome.value)
        self.sentence.show_text(answer(record))
        self.open_group.setVisible(record.group_id is not None)
        self.checks.show_record(record)
        self.route.show_record(record)
        self.body.setPlainText(pretty_body(record.payload))

    def _want_group(self) -> None:
        if self._record is not None and self._record.group_id is not None:
            self.group_wanted.emit(self._record.group_id)


def pretty_body(payload: str) -> str:
    """The recorded message, a line a field; it holds no secret."""
    try:
        return json.dumps(json.loads(payload), indent=2, ensure_ascii=False)
    except json.JSONDecodeError:
        return payload


class CheckList(Lines):
    def __init__(self) -> None:
        super().__init__("Checks, in order", "No check was made: the signal was decided before them.")
        self._checks: tuple[CheckResult, ...] = ()
        self._symbol: str | None = None

    def show_record(self, record: SignalRecord) -> None:
        self._checks, self._symbol = record.checks, record.symbol
        self.changed()

    def _detail(self, check: CheckResult) -> str:
        return formats.with_markets(check.detail, self._symbol)

    @property
    def count(self) -> int:
        return len(self._checks)

    def text_of(self, number: int) -> str:
        check = self._checks[number]
        return f"{check_text(check)}: {check.result.replace('_', ' ')}. {self._detail(check)}".strip()

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        check = self._checks[number]
        decides = check.result == "failed"
        if decides:
            painter.fillRect(rect, theme.color("warning_bg"))
        icon, color = RESULT_ICONS.get(check.result, ("minus", "text_tertiary"))
        size = theme.metric("icon.button")
        painter.drawPixmap(16, rect.center().y() - size // 2 + 1, theme.pixmap(icon, color, 14))
        reached = check.result != "not_reached"
        painter.setPen(theme.color("text_primary" if reached else "text_tertiary"))
        name = check_text(check)
        painter.drawText(rect.adjusted(40, 0, -16, 0), Qt.AlignmentFlag.AlignVCenter, name)
        used = painter.fontMetrics().horizontalAdvance(name)
        text = self._detail(check) if reached else "not reached"
        painter.setPen(theme.color("warning" if decides else "text_secondary" if reached else "text_tertiary"))
        room = rect.adjusted(40 + used + 16, 0, -16, 0)
        fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, room.width())
        painter.drawText(room, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, fitted)


class RouteList(Lines):
    """Where the signal went, fact by fact."""

    def __init__(self) -> None:
        super().__init__("Route", "")
        self._facts: list[tuple[str, str]] = []

    def show_record(self, record: SignalRecord) -> None:
        nothing = formats.NOTHING
        self._facts = [
            ("Received", formats.full_time(record.received_at)),
            ("Sent by the alert", formats.full_time(record.signal_at) if record.signal_at else nothing),
            ("Decided after", time_taken(record)),
            ("Webhook key", record.key_name or nothing),
            ("Account", record.account or nothing),
            ("Market", record.symbol or nothing),
            ("Timeframe", record.timeframe or nothing),
            ("Intent", intent_text(record)),
            ("Price in the alert", formats.plain(record.price) if record.price is not None else nothing),
            ("Size in the alert", formats.plain(record.size) if record.size is not None else nothing),
            ("Strategy", record.strategy_id or nothing),
            ("Group", record.group_id or nothing),
            ("Signal id", record.id),
        ]
        self.changed()

    @property
    def count(self) -> int:
        return len(self._facts)

    def text_of(self, number: int) -> str:
        return ": ".join(self._facts[number])

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        label, value = self._facts[number]
        inner = rect.adjusted(16, 0, -16, 0)
        painter.setPen(theme.color("text_secondary"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, label)
        painter.setPen(theme.color("text_primary"))
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, value)
