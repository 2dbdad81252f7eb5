"""The alert strip: at most two lines, only when a person is needed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QFrame, QWidget

from app.gui import formats
from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Icon, Text, column, row
from app.messages.snapshots import CloseAllSnapshot

SHOWN = 2
ACCOUNT = "account/"
"""Begins the name of a button that leads to an account."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """What needs a person now: it goes by itself when it is over."""

    severity: str
    sentence: str
    actions: tuple[tuple[str, str], ...] = ()
    """Buttons of its line, as (what the strip tells, words)."""


def troubles(store: ViewStore, now: datetime) -> list[Trouble]:
    """Everything that needs a person, the worst first."""
    found = [
        *_emergency_troubles(store),
        *_engine_troubles(store),
        *_account_troubles(store, now),
        *_group_troubles(store, now),
    ]
    return sorted(found, key=lambda trouble: trouble.severity != "critical")


def _emergency_troubles(store: ViewStore) -> list[Trouble]:
    """The emergency stop, and *Close all* until it is over or a person has repeated what failed."""
    emergency = store.engine.emergency
    found: list[Trouble] = []
    closing = store.risk.close_all if store.risk is not None else None
    if closing is not None and emergency.level == "critical":
        sentence = closing_sentence(closing)
        failed = any(item.status == "failed" for item in closing.groups)
        if closing.finished_at is None or failed:
            found.append(Trouble("critical", sentence, (("close_all", "Show\u2026"),)))
    if emergency.level == "critical" and store.engine.halted_reason is None:
        why = formats.sentence(emergency.reason or emergency.code or "")
        sentence = f"Emergency stop: {why} Nothing new opens. Exits and stops go on."
        found.append(Trouble("critical", sentence, (("reset", "Reset\u2026"),)))
    return found


def closing_sentence(closing: CloseAllSnapshot) -> str:
    total = len(closing.groups)
    closed = sum(item.status == "closed" for item in closing.groups)
    failed = sum(item.status == "failed" for item in closing.groups)
    doing = "Closing all" if closing.finished_at is None else "Close all"
    rest = f", {failed} failed" if failed else ""
    return f"{doing}: {closed} of {total} groups closed{rest}."


def _engine_troubles(store: ViewStore) -> list[Trouble]:
    engine = store.engine
    found: list[Trouble] = []
    if engine.halted_reason is not None:
        sentence = f"Trading is halted: {engine.halted_reason} Resting orders stay at the exchange."
        found.append(Trouble("critical", sentence))
    if store.lost_at is not None:
        sentence = "This window missed events. Trading goes on without it; it is catching up."
        found.append(Trouble("critical", sentence))
    if engine.unknown_orders:
        one = engine.unknown_orders == 1
        orders = "1 order has" if one else f"{engine.unknown_orders} orders have"
        found.append(Trouble("warning", f"{orders} no answer yet. They are looked for; nothing is sent twice."))
    return found


def _account_troubles(store: ViewStore, now: datetime) -> list[Trouble]:
    if store.engine.state == "starting":
        return []
    held = [
        Trouble(
            "critical",
            f"{account.id} takes no entries: {account.reason}.",
            ((f"{ACCOUNT}{account.id}", "Settle\u2026"),),
        )
        for account in store.engine.accounts
        if account.hold is not None
    ]
    return held + [
        Trouble(
            "warning",
            f"{account.id} cannot be trusted since {formats.clock_time(account.stale_since, now)}"
            f"{f' ({account.reason})' if account.reason else ''}. "
            "New entries on it wait; its resting exits stay at the exchange.",
        )
        for account in store.engine.accounts
        if account.hold is None and account.stale and account.stale_since is not None
    ]


def _group_troubles(store: ViewStore, now: datetime) -> list[Trouble]:
    watched = {account.id for account in store.engine.accounts if account.conditional_refused is not None}
    return [
        Trouble(
            "critical",
            f"{group.symbol} {group.timeframe} has no stop at the exchange for "
            f"{formats.spoken_age(now - group.unprotected_since)}. "
            + ("It cannot be watched here either." if group.account in watched else "It is being placed again."),
        )
        for group in store.groups.values()
        if group.unprotected_since is not None
    ]


class AlertStrip(QWidget):
    """`wanted(name)` tells which button of a line was pressed."""

    wanted = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self._layout = column(self)
        self._shown: list[Trouble] = []
        self.hide()

    @property
    def sentences(self) -> list[str]:
        return [trouble.sentence for trouble in self._shown]

    def show_troubles(self, found: Sequence[Trouble]) -> None:
        if list(found) == self._shown:
            return
        self._shown = list(found)
        while (item := self._layout.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for trouble in found[:SHOWN]:
            self._layout.addWidget(self._with_actions(_line(trouble.severity, trouble.sentence), trouble.actions))
        if len(found) > SHOWN:
            self._layout.addWidget(_line("warning", f"and {len(found) - SHOWN} more"))
        self.setVisible(bool(found))

    def _with_actions(self, line: QFrame, actions: Sequence[tuple[str, str]]) -> QFrame:
        for name, words in actions:
            button = Button(words)
            button.setObjectName(name)
            button.clicked.connect(self._teller(name))
            line.layout().addWidget(button)  # type: ignore[union-attr]  # a line has one
        return line

    def _teller(self, name: str) -> Callable[[], None]:
        return lambda: self.wanted.emit(name)


def _line(severity: str, sentence: str) -> QFrame:
    line = QFrame()
    line.setObjectName(f"alert_{severity}")
    line.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
    line.setFixedHeight(theme.metric("size.alert_strip"))
    layout = row(line, 10, (14, 0, 14, 0))
    layout.addWidget(Icon("octagon-x" if severity == "critical" else "triangle-alert", severity, 15))
    text = Text(sentence, "body")
    text.setToolTip(sentence)
    layout.addWidget(text, 1)
    line.setAccessibleName(sentence)
    return line
