"""All about one queued signal: why this rank, what opening it would do, when it moves."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QVBoxLayout, QWidget

from app.gui import formats
from app.gui.actions import Actions
from app.gui.desk import Desk
from app.gui.models.queue import (
    RuleLine,
    expires_text,
    force_refusal,
    is_ranked,
    opening_lines,
    promote_refusal,
    rule_lines,
    waits_for,
)
from app.gui.panels.detail_tabs import Lines
from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Hairline, Text, area, column, row
from app.gui.widgets.facts import Facts
from app.gui.widgets.read_only import ReadOnlySign
from app.gui.widgets.sheet import Sheet, confirm, dismiss_when_gone, sheet_parent
from app.messages.snapshots import QueueSnapshot


class QueueDetail(QFrame):
    accounts_wanted = Signal(str)
    """An account that is to be armed before anything may be opened on it."""

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._actions = actions
        self._signal_id = ""
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        layout = column(self)
        layout.addWidget(self._bar())
        body = QWidget()
        line = row(body, 0)
        line.addWidget(self._why(), 9)
        line.addWidget(Hairline(vertical=True))
        line.addWidget(self._what(), 7)
        line.addWidget(Hairline(vertical=True))
        line.addWidget(self._when(), 7)
        layout.addWidget(body, 1)

    def _bar(self) -> QFrame:
        bar = area("ruled")
        bar.setFixedHeight(theme.metric("size.detail_bar"))
        edge = theme.metric("size.edge_padding")
        line = row(bar, 8, (edge, 0, edge, 0))
        self._title = Text("", "mid")
        self._place = Text("", "body", "secondary")
        line.addWidget(self._title)
        line.addWidget(self._place)
        self.read_only = ReadOnlySign()
        self.read_only.wanted.connect(self.accounts_wanted)
        line.addWidget(self.read_only)
        line.addStretch(1)
        self.promote_button = Button("Promote\u2026", "arrow-up", tip="Open it now, out of its turn (P)")
        self.remove_button = Button("Remove\u2026", "trash-2", tip="Take it out of the queue for good")
        self.force_button = Button(
            "Force open\u2026", "zap", kind="emphasis", tip="Open it although every slot is taken; marked as forced"
        )
        self.promote_button.clicked.connect(self.ask_promote)
        self.remove_button.clicked.connect(self.ask_remove)
        self.force_button.clicked.connect(self.ask_force)
        for button in (self.promote_button, self.remove_button, self.force_button):
            line.addWidget(button)
        return bar

    def _why(self) -> QWidget:
        box, inner = _field()
        self._why_title = Text("", "section")
        inner.addWidget(self._why_title)
        self.rules = RuleList()
        inner.addWidget(self.rules, 1)
        inner.setContentsMargins(0, 12, 0, 6)
        self._why_title.setContentsMargins(theme.metric("size.edge_padding"), 0, 0, 0)
        return box

    def _what(self) -> QWidget:
        box, inner = _field()
        inner.addWidget(Text("What promoting would do", "section"))
        self.opening = Facts()
        inner.addWidget(self.opening)
        inner.addStretch(1)
        return box

    def _when(self) -> QWidget:
        box, inner = _field()
        inner.addWidget(Text("When it moves", "section"))
        self.waits = Text("", "body", "secondary")
        self.waits.setWordWrap(True)
        self.expires = Text("", "body", "secondary")
        self.expires.setWordWrap(True)
        inner.addWidget(self.waits)
        inner.addWidget(self.expires)
        inner.addStretch(1)
        return box

    # ------------------------------------------------------------------ showing

    @property
    def entry(self) -> QueueSnapshot | None:
        return next((entry for entry in self._store.queue if entry.signal_id == self._signal_id), None)

    def show_entry(self, signal_id: str) -> None:
        if signal_id != self._signal_id:
            self._signal_id = signal_id
            self.refresh()

    def refresh(self) -> None:
        entry = self.entry
        self.setVisible(entry is not None)
        if entry is None:
            return
        engine, now = self._store.engine, self._desk.clock.now()
        self._title.show_text(formats.market(entry.symbol))
        place = f"rank {entry.rank} of {len(self._store.queue)}" if is_ranked(entry) else "not ranked"
        self._place.show_text(f"{entry.timeframe} {entry.side} \u00b7 {place}")
        following = next((item for item in self._store.queue if item.rank == entry.rank + 1), None)
        self._why_title.show_text(f"Why rank {entry.rank}" if is_ranked(entry) else "Why it has no rank yet")
        self.rules.show_rules(rule_lines(entry, following, self._desk.config().queue.selection_priority, now))
        self.opening.show_facts(opening_lines(entry, engine, forced=False))
        self.waits.show_text(" ".join(waits_for(entry, engine, now)))
        self.expires.show_text(expires_text(entry, now))
        self._allow(entry)
        self.read_only.show_account(engine.accounts, entry.account)

    def _allow(self, entry: QueueSnapshot) -> None:
        pending = self._store.pending.get(entry.signal_id)
        engine = self._store.engine
        promote = pending.text if pending else promote_refusal(engine, entry)
        force = pending.text if pending else force_refusal(engine, entry)
        self.promote_button.allow(promote is None, promote or "")
        self.force_button.allow(force is None, force or "")
        self.remove_button.allow(pending is None, pending.text if pending else "")

    # ------------------------------------------------------------------ acting

    def key(self, keys: str) -> None:
        if keys == "P" and self.promote_button.isEnabled():
            self.promote_button.click()

    def ask_promote(self) -> None:
        entry = self.entry
        if entry is None:
            return
        sheet = confirm(
            sheet_parent(self),
            f"Promote {_name(entry)}?",
            opening_lines(entry, self._store.engine, forced=False),
            do="Open it now",
            keep="Keep it queued",
            act=lambda: self._actions.promote(entry.signal_id),
        )
        self._while_it_waits(sheet, entry.signal_id)

    def ask_force(self) -> None:
        entry = self.entry
        if entry is None:
            return
        sheet = confirm(
            sheet_parent(self),
            f"Force {_name(entry)} open?",
            opening_lines(entry, self._store.engine, forced=True),
            do="Force it open",
            keep="Keep it queued",
            act=lambda: self._actions.force(entry.signal_id),
        )
        self._while_it_waits(sheet, entry.signal_id)

    def ask_remove(self) -> None:
        entry = self.entry
        if entry is None:
            return
        waited = formats.age(self._desk.clock.now() - entry.first_queued_at)
        sheet = confirm(
            sheet_parent(self),
            f"Take {_name(entry)} out of the queue?",
            [
                ("Removed", f"{formats.market(entry.symbol)} {entry.timeframe} {entry.side} on {entry.account}"),
                ("Waited", waited),
                ("Stays", "every open group; a new alert can queue it again"),
            ],
            do="Remove for good",
            keep="Keep it queued",
            act=lambda: self._actions.remove(entry.signal_id),
        )
        self._while_it_waits(sheet, entry.signal_id)

    def _while_it_waits(self, sheet: Sheet, signal_id: str) -> None:
        dismiss_when_gone(sheet, self._store, lambda: any(item.signal_id == signal_id for item in self._store.queue))


class RuleList(Lines):
    """The rules of rank in their order; the deciding one is ticked, those after it are grey."""

    def __init__(self) -> None:
        super().__init__("Rules of rank", "")
        self._rules: Sequence[RuleLine] = ()

    def show_rules(self, rules: Sequence[RuleLine]) -> None:
        if rules != self._rules:
            self._rules = rules
            self.changed()

    @property
    def count(self) -> int:
        return len(self._rules)

    def text_of(self, number: int) -> str:
        rule = self._rules[number]
        decides = " (decides)" if rule.state == "decides" else ""
        return f"{rule.number}. {rule.words}: {rule.value}{decides}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        rule = self._rules[number]
        edge = theme.metric("size.edge_padding")
        inner = rect.adjusted(edge, 0, -edge - 22, 0)
        reached = rule.state in {"passed", "decides"}
        painter.setPen(theme.color("text_tertiary"))
        align = Qt.AlignmentFlag.AlignVCenter
        painter.drawText(inner, align, str(rule.number))
        painter.setPen(theme.color("text_primary" if reached else "text_tertiary"))
        painter.drawText(inner.adjusted(24, 0, 0, 0), align, rule.words)
        if rule.state == "decides":
            painter.setFont(theme.font("table", "strong"))
            size = theme.metric("icon.table")
            top = rect.center().y() - size // 2
            painter.drawPixmap(rect.right() - edge - size, top, theme.pixmap("check", "accent", 13))
        used = theme.advance(rule.words, "table") + 36
        room = inner.adjusted(used, 0, 0, 0)
        text = painter.fontMetrics().elidedText(rule.value, Qt.TextElideMode.ElideRight, max(room.width(), 0))
        painter.drawText(room, align | Qt.AlignmentFlag.AlignRight, text)
        painter.setFont(theme.font("table"))


def _field() -> tuple[QWidget, QVBoxLayout]:
    box = QWidget()
    edge = theme.metric("size.edge_padding")
    return box, column(box, 8, (edge, 12, edge, 8))


def _name(entry: QueueSnapshot) -> str:
    return f"{formats.pair(entry.symbol)[0]} {entry.timeframe} {entry.side}"
