"""The status strip: what runs, on which accounts, and the two buttons that stop it. Always there."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QPainter, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QFrame, QSizePolicy, QWidget

from app.gui import formats
from app.gui.models.accounts import ENVIRONMENTS, Standing
from app.gui.models.risk import warning_text
from app.gui.theme import theme
from app.gui.widgets.account_cells import AccountCell, AccountCells
from app.gui.widgets.basics import Button, Hairline, Icon, row
from app.gui.widgets.cells import Cell
from app.messages.snapshots import EmergencySnapshot, EngineSnapshot
from app.ports.accounts import Wire

SPARE = 8
ROOMY = 900
"""Below this width, before zooming, the stop button has one word."""


class ModeBadge(QWidget):
    """PAPER, TESTNET or LIVE, unmistakably."""

    def __init__(self) -> None:
        super().__init__()
        self._mode = "paper"
        theme.changed.connect(self._resize)
        self._resize()

    def show_mode(self, mode: str) -> None:
        """live, testnet or paper."""
        self._mode = mode
        self.setAccessibleName(f"{self.word}: {'' if self.is_live else 'no '}real money")
        self._resize()
        self.update()

    @property
    def mode(self) -> str:
        return self._mode

    @property
    def is_live(self) -> bool:
        return self._mode == "live"

    @property
    def word(self) -> str:
        return ENVIRONMENTS[self._mode]

    def _resize(self) -> None:
        self.setFixedSize(theme.advance(self.word, "badge") + 26, theme.metric("size.button_small"))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(Qt.PenStyle.NoPen if self.is_live else theme.pen("paper"))
        painter.setBrush(theme.color("live_fill" if self.is_live else "paper_bg"))
        radius = theme.metric("radius.tag")
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), radius, radius)
        painter.setFont(theme.font("badge"))
        painter.setPen(theme.color("text_on_live" if self.is_live else "paper"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.word)
        painter.end()


class ModeEdge(QWidget):
    """The window's top edge: solid for real money, dashed on paper."""

    def __init__(self) -> None:
        super().__init__()
        self._live = False
        self.setFixedHeight(theme.metric("stroke.mode_edge"))

    def show_mode(self, *, live: bool) -> None:
        self._live = live
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_panel"))
        if self._live:
            painter.fillRect(self.rect(), theme.color("live_fill"))
        else:
            for left in range(0, self.width(), 22):
                painter.fillRect(left, 0, 14, self.height(), theme.color("paper"))
        painter.end()


class StatusStrip(QFrame):
    finder_wanted = Signal()
    pause_wanted = Signal()
    resume_wanted = Signal()
    emergency_wanted = Signal()
    close_all_wanted = Signal()
    accounts_wanted = Signal(str)
    """An account that was chosen; empty where their count was."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("strip")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        layout = row(self, 0, (10, 0, 12, 0))
        self.badge = ModeBadge()
        self.engine = Cell()
        self._accounts = AccountCells()
        self._accounts.chosen.connect(self.accounts_wanted)
        self.webhook = Cell()
        self.webhook.light.hide()
        self._webhook_icon = Icon("radio", "positive", 15)
        self.webhook.layout().insertWidget(0, self._webhook_icon)  # type: ignore[union-attr]  # it has one
        self.finder = Button("", "search", kind="quiet", tip="Find an action or a group (Ctrl+K)")
        self.pause = Button("Pause", "pause", tip="Refuse new entries; exits and stops go on (Ctrl+Shift+P)")
        self._paused = False
        self.stop = Button(
            "Emergency stop",
            "octagon-x",
            kind="danger",
            tip="Stop all new exposure at once; exits and stops go on (Ctrl+Shift+E)",
        )
        self.stop.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)  # it is never cut
        self.close_all = Button("Close all\u2026", "x", kind="emphasis", tip="Close every group at market")
        layout.addWidget(self.badge)
        layout.addSpacing(12)
        layout.addWidget(Hairline(vertical=True))
        for cell in (self.engine, self._accounts, self.webhook):
            layout.addWidget(cell)
        layout.addStretch(1)
        layout.addWidget(self.finder)
        layout.addSpacing(4)
        layout.addWidget(self.pause)
        layout.addSpacing(8)
        layout.addWidget(self.stop)
        layout.addWidget(self.close_all)
        self.close_all.hide()
        self.stop.clicked.connect(self.emergency_wanted)
        self.close_all.clicked.connect(self.close_all_wanted)
        self.finder.clicked.connect(self.finder_wanted)
        self.pause.clicked.connect(self._toggle)
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setFixedHeight(theme.metric("size.status_strip"))
        self._shorten()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._shorten()

    def _shorten(self) -> None:
        self.stop.show_as("Emergency stop" if self.width() >= theme.scaled(ROOMY) else "Stop", "octagon-x")
        self.stop.setAccessibleName("Emergency stop")
        self._fit_accounts()

    def _fit_accounts(self) -> None:
        """They get the room that the rest leaves."""
        layout = self.layout()
        if layout is None:
            return
        margins = layout.contentsMargins()
        taken = margins.left() + margins.right() + SPARE
        for place in range(layout.count()):
            item = layout.itemAt(place)
            if item is not None and item.widget() is not self._accounts:
                taken += item.sizeHint().width()
        self._accounts.fit(self.width() - taken)

    @property
    def accounts(self) -> list[AccountCell]:
        """Their cells, whether seen or not."""
        return self._accounts.cells

    @property
    def folded(self) -> AccountCell:
        """The count of those that there is no room for."""
        return self._accounts.folded

    def _toggle(self) -> None:
        (self.resume_wanted if self._paused else self.pause_wanted).emit()

    @property
    def first_button(self) -> Button:
        """Where the keyboard lands."""
        return self.close_all if self.pause.isHidden() else self.pause

    def show_emergency(self, emergency: EmergencySnapshot, pending: str | None) -> None:
        """The stop button, or what takes its place while the emergency stop is on."""
        critical = emergency.level == "critical"
        self.stop.setVisible(not critical)
        self.close_all.setVisible(critical)
        self.pause.setVisible(not critical)
        self.stop.allow(pending is None, pending or "")

    def show_accounts(
        self, engine: EngineSnapshot, mode: str, standings: Mapping[str, Standing], wires: Mapping[str, Wire]
    ) -> None:
        self.badge.show_mode(mode)
        self._accounts.show_accounts(engine.accounts, standings, wires)
        self._fit_accounts()

    def show_state(
        self, engine: EngineSnapshot, now: datetime, turning: str | None, pending: str | None, *, wide: bool
    ) -> None:
        """`turning` is a pause or a resumption under way, `pending` that or anything else of the engine."""
        self._show_engine(engine, pending, now)
        self._show_webhook(engine, now, wide=wide)
        self._paused = engine.state == "paused"
        self.pause.show_as(*(("Resume", "play") if self._paused else ("Pause", "pause")))
        ready = engine.state in {"running", "paused"} and turning is None
        self.pause.allow(ready, turning or f"The engine is {engine.state}.")

    def _show_engine(self, engine: EngineSnapshot, pending: str | None, now: datetime) -> None:
        emergency = engine.emergency
        critical = emergency.level == "critical" and engine.state != "halted"
        self.engine.alarm(on=critical)
        if critical:
            self._show_critical(emergency, now)
            return
        if emergency.level == "warning" and engine.state == "running":
            self.engine.light.show_icon("shield-alert", "warning")
            self.engine.tell(
                "Warning",
                pending or "",
                spoken=f"Engine running, warning. {warning_text(emergency)}".strip(),
                tone="warning",
            )
            return
        word = engine.state.capitalize()
        match engine.state:
            case "running":
                self.engine.light.show_good()
            case "paused":
                self.engine.light.show_icon("pause", "warning")
            case "halted":
                self.engine.light.show_icon("octagon-x", "critical")
            case _:
                self.engine.light.show_icon("clock", "text_secondary")
        tone = {"paused": "warning", "halted": "critical"}.get(engine.state, "primary")
        reason = engine.halted_reason or engine.paused_reason or ""
        self.engine.tell(word, pending or "", spoken=f"Engine {engine.state}. {reason}".strip(), tone=tone)

    def _show_critical(self, emergency: EmergencySnapshot, now: datetime) -> None:
        since = formats.clock_time(emergency.since, now) if emergency.since is not None else ""
        why = formats.sentence(emergency.reason or emergency.code or "")
        self.engine.light.show_icon("octagon-x", "text_on_critical")
        self.engine.tell("EMERGENCY STOP", since, spoken=f"Emergency stop since {since}. {why}".strip())

    def _show_webhook(self, engine: EngineSnapshot, now: datetime, *, wide: bool) -> None:
        if engine.last_signal_at is None:
            self._webhook_icon.show_icon("radio", "text_tertiary")
            self.webhook.tell("No signal yet" if wide else "\u2013", spoken="No signal has arrived yet")
            return
        passed = formats.spoken_age(now - engine.last_signal_at)
        self._webhook_icon.show_icon("radio", "positive")
        self.webhook.tell(f"Last signal {passed} ago" if wide else passed, spoken=f"Last signal {passed} ago")
