"""Queue: the slots, the signals that wait for one, and below them why each stands where it stands."""

from __future__ import annotations

from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QFrame, QSplitter, QStackedLayout, QWidget

from app.gui.actions import Actions
from app.gui.desk import Desk
from app.gui.models.queue import (
    SHORT_RULES,
    QueueRow,
    is_paused,
    pause_text,
    queue_columns,
    queue_spec,
    reason_text,
)
from app.gui.models.tree import TreeModel
from app.gui.panels.panel import EmptyState, Panel
from app.gui.panels.queue_detail import QueueDetail
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import FilterField, Text, area, column, row
from app.gui.widgets.column_room import ColumnRoom
from app.gui.widgets.header import ViewHeader
from app.gui.widgets.slots import SlotCards
from app.gui.widgets.table import Table

DETAIL_HEIGHT = 220
ORDER_WORDS = SHORT_RULES | {"pyramid_continuation": "pyramid"}


class QueuePanel(Panel):
    """`group_wanted(id)` asks for the group of a slot, `signals_wanted` for what came in."""

    group_wanted = Signal(str)
    signals_wanted = Signal()

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions) -> None:
        super().__init__(store)
        self._desk = desk
        self.model = TreeModel(queue_columns(desk.clock.now))
        self.table = Table("queue", self.model, flat=True)
        self.room = ColumnRoom(self.table)
        self.detail = QueueDetail(desk, store, actions)
        self.empty = EmptyState(
            "Nothing waits",
            "A signal waits here when every slot is taken, or when something else holds it back for a while: "
            "the other side is open, an account is stale, a limit is reached.",
            "Show signals",
            "radio",
        )
        self.empty.acted.connect(self.signals_wanted)
        self._build_header()
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.setHandleWidth(theme.metric("size.splitter"))
        self._split.setChildrenCollapsible(False)
        self._split.addWidget(self.table)
        self._split.addWidget(self.detail)
        self._split.setStretchFactor(0, 1)
        self._split.setSizes([300, DETAIL_HEIGHT])
        body = QWidget()
        self._stack = QStackedLayout(body)
        self._stack.addWidget(self._split)
        self._stack.addWidget(self.empty)
        layout = column(self)
        layout.addWidget(self.header)
        layout.addWidget(self._slots())
        layout.addWidget(body, 1)
        self.table.chosen.connect(self.detail.show_entry)
        self.table.opened.connect(lambda _: self.detail.setFocus())
        self.table.sortByColumn(0, Qt.SortOrder.AscendingOrder)
        self._has_entries: bool | None = None
        self._paused = False

    def _build_header(self) -> None:
        self.header = ViewHeader("Queue")
        self._count = Text("", "body", "secondary")
        self._wait = Text("", "body", "warning")
        self.filter = FilterField("Filter pair, reason")
        for widget in (self._count, self._wait, self.filter):
            self.header.add_left(widget)
        self._order = Text("", "table", "secondary")
        self.header.add_right(self._order)
        self.filter.textChanged.connect(self._refilter)

    def _slots(self) -> QFrame:
        frame = area("ruled")
        edge = theme.metric("size.edge_padding")
        inner = column(frame, 8, (edge, 12, edge, 12))
        head = QWidget()
        line = row(head, 8)
        self._slots_text = Text("", "section")
        line.addWidget(self._slots_text)
        line.addStretch(1)
        line.addWidget(Text("a slot is free when its group is flat", "caption", "tertiary"))
        inner.addWidget(head)
        self.slots = SlotCards(self._desk.clock.now)
        self.slots.chosen.connect(self.group_wanted)
        inner.addWidget(self.slots)
        return frame

    # ------------------------------------------------------------------ showing

    def refresh(self, change: Change | None) -> None:
        was_paused, self._paused = self._paused, is_paused(self.store.engine, self._desk.clock.now())
        if change is None or change.queue or change.pending or self._paused != was_paused:
            self._put()
        if change is None or change.groups or change.gone or change.ages or change.engine:
            self._show_pool()
        if change is not None and change.ages:
            self.table.tick()
        if change is None or change.queue or change.engine or change.ages or change.pending:
            self._show_header()
            self.detail.refresh()

    def _put(self) -> None:
        known = set(self.model.keys())
        wanted = {entry.signal_id for entry in self.store.queue}
        for signal_id in known - wanted:
            self.model.drop(signal_id)
        moved = False
        for entry in self.store.queue:
            pending = self.store.pending.get(entry.signal_id)
            old = self.model.row_of(entry.signal_id)
            moved = moved or old is None or old.entry.rank != entry.rank
            self.model.put(queue_spec(entry, pending.text if pending else None, paused=self._paused))
        if moved and not self.table.underMouse():
            self.table.settle()
        if not self.table.current_key:
            self.table.choose_first()
        self._show_body()

    def _show_pool(self) -> None:
        engine = self.store.engine
        groups = list(self.store.groups.values())
        self._slots_text.show_text(f"Slots, {engine.slots_used} of {engine.max_open_groups} taken")
        self.slots.show_slots(groups, engine.max_open_groups)

    def _show_header(self) -> None:
        config = self._desk.config().queue
        self._count.show_text(f"{len(self.store.queue)} of {config.max_size} places")
        wait = pause_text(self.store.engine, self._desk.clock.now())
        self._wait.setVisible(wait is not None)
        said = f"{wait[:1].upper()}{wait[1:]}" if wait else ""
        self._wait.show_text(said)
        self._wait.setToolTip(said)
        order = ", ".join(ORDER_WORDS[rule] for rule in config.selection_priority)
        self._order.show_text(f"Order: {order}")
        self._order.setToolTip(f"Order: {order}")

    def _show_body(self) -> None:
        has_entries = bool(self.store.queue)
        if has_entries != self._has_entries:
            self._has_entries = has_entries
            self._stack.setCurrentWidget(self._split if has_entries else self.empty)
        if not has_entries:
            engine = self.store.engine
            free = max(engine.max_open_groups - engine.slots_used, 0)
            slots = "1 slot is free" if free == 1 else f"{free} slots are free"
            self.empty.show_facts(
                [
                    (free > 0, f"{slots} of {engine.max_open_groups}"),
                    (engine.state == "running", f"The engine is {engine.state}"),
                    (engine.emergency.level != "critical", _emergency_fact(engine.emergency.level)),
                ]
            )

    def _refilter(self, *_: object) -> None:
        words = self.filter.text().casefold().split()
        self.table.rows.accept(lambda item: _passes(item, words))
        if not self.table.current_key:
            self.table.choose_first()

    # ------------------------------------------------------------------ the frame's wishes

    def set_wide(self, wide: bool) -> None:
        self.room.set_wide(wide)

    def regions(self) -> list[QWidget]:
        return [self.table, self.detail]

    def focus_filter(self) -> None:
        self.filter.take_focus()

    def choose(self, signal_id: str) -> None:
        self.filter.clear()
        self.table.choose(signal_id)
        self.table.setFocus()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        """P opens the sheet of promotion; it acts only with the focus in the table."""
        if self.focusWidget() is self.table and event.text().upper() == "P":
            self.detail.key("P")
            return
        super().keyPressEvent(event)

    def save(self, settings: QSettings) -> None:
        self.room.save(settings)
        settings.setValue("queue/split", self._split.saveState())

    def restore(self, settings: QSettings) -> None:
        self.room.restore(settings)
        state = settings.value("queue/split")
        if state is not None:
            self._split.restoreState(state)


def _emergency_fact(level: str) -> str:
    return "The emergency stop is on" if level == "critical" else "The emergency stop is off"


def _passes(item: QueueRow, words: list[str]) -> bool:
    entry = item.entry
    parts = (entry.symbol, entry.timeframe, entry.side, entry.account, reason_text(item.reason))
    text = " ".join(parts).casefold()
    return all(word in text for word in words)
