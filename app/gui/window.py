"""The frame: mode edge, status strip, alerts, rail, views; sheets over them. Views know nothing of each other."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import structlog
from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtGui import QCloseEvent, QKeySequence, QResizeEvent, QShortcut
from PySide6.QtWidgets import QMainWindow, QStackedWidget, QWidget

from app.gui import formats
from app.gui.accounts import AccountBook
from app.gui.actions import ENGINE, RECONCILING, RESUMING, STOP, Actions, Settled
from app.gui.desk import Desk
from app.gui.dialogs.accounts import AccountsSheet
from app.gui.dialogs.close_all import CloseAllSheet
from app.gui.dialogs.emergency import ResetSheet
from app.gui.dialogs.first_start import FirstStart
from app.gui.dialogs.leave import leave_sheet
from app.gui.dialogs.palette import CommandPalette
from app.gui.dialogs.reconciliation import ReconciliationSheet
from app.gui.dialogs.shortcuts import show_shortcuts
from app.gui.finder import entries
from app.gui.models.accounts import ENVIRONMENTS
from app.gui.panels.dashboard import DashboardPanel
from app.gui.panels.panel import PanelHost
from app.gui.panels.positions import PositionsPanel
from app.gui.panels.queue import QueuePanel
from app.gui.panels.risk import RiskPanel
from app.gui.panels.signals import SignalsPanel
from app.gui.theme import CHOICES, theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.alerts import ACCOUNT, AlertStrip, troubles
from app.gui.widgets.basics import column, row
from app.gui.widgets.focus import holds, region_after, tab_within
from app.gui.widgets.logo import Logo
from app.gui.widgets.notice import NoticeBar
from app.gui.widgets.rail import VIEWS, Rail
from app.gui.widgets.sheet import Sheet, open_sheet
from app.gui.widgets.strip import ModeEdge, StatusStrip
from app.messages.snapshots import ReconcileReport

log = structlog.get_logger("window")
THEME_ICONS = {"system": "monitor", "light": "sun", "dark": "moon"}


class MainWindow(QMainWindow):
    """`leaving` tells that the trader closed the window; the caller decides what that means."""

    leaving = Signal()

    def __init__(self, desk: Desk, store: ViewStore, actions: Actions, settings: QSettings) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._actions = actions
        self._settings = settings
        self._wide = False
        self._may_close = False
        self._told = store.engine.last_sequence
        self.accounts = AccountBook(desk, store)
        self.dashboard = DashboardPanel(desk, store)
        self.positions = PositionsPanel(desk, store, actions)
        self.queue = QueuePanel(desk, store, actions)
        self.risk = RiskPanel(desk, store, actions)
        self.signals = SignalsPanel(desk, store)
        self._hosts = {
            "dashboard": PanelHost("dashboard", self.dashboard),
            "positions": PanelHost("positions", self.positions),
            "queue": PanelHost("queue", self.queue),
            "risk": PanelHost("risk", self.risk),
            "signals": PanelHost("signals", self.signals),
        }
        self._build()
        self._wire()
        self._add_shortcuts()
        self._restore()
        store.changed.connect(self._on_change)

    # ------------------------------------------------------------------ building

    def _build(self) -> None:
        self.edge = ModeEdge()
        self.strip = StatusStrip()
        self.alerts = AlertStrip()
        self.rail = Rail(list(VIEWS))
        self.views = QStackedWidget()
        self.logo = Logo()
        for host in self._hosts.values():
            self.views.addWidget(host)
        self.theme_button = self.rail.add_tool(
            "Theme", "sun", "Light, dark or the system's theme (Ctrl+T)", self.next_theme
        )
        self.rail.add_tool("Accounts", "key-round", "Keys, tests and arming (Ctrl+Shift+A)", self.list_accounts)
        self.rail.add_tool("Shortcuts", "circle-help", "List of shortcuts (?)", self.show_shortcuts)
        top = QWidget()
        top_row = row(top, 0)
        top_row.addWidget(self.logo)
        top_row.addWidget(self.strip, 1)
        main = QWidget()
        main_column = column(main)
        main_column.addWidget(self.alerts)
        main_column.addWidget(self.views, 1)
        self.content = QWidget()
        self.content.setObjectName("content")
        content = row(self.content, 0)
        content.addWidget(self.rail)
        content.addWidget(main, 1)
        body = QWidget()
        layout = column(body)
        layout.addWidget(self.edge)
        layout.addWidget(top)
        layout.addWidget(self.content, 1)
        self.setCentralWidget(body)
        body.setFocusPolicy(Qt.FocusPolicy.ClickFocus)
        body.setFocus()
        self.setMinimumSize(1024, 640)
        self.notice = NoticeBar(self.content)

    def _wire(self) -> None:
        self.rail.chosen.connect(self.show_view)
        self.strip.pause_wanted.connect(self._actions.pause)
        self.strip.resume_wanted.connect(self._actions.resume)
        self.strip.finder_wanted.connect(self.show_palette)
        self._actions.settled.connect(self._on_settled)
        self._actions.reported.connect(self.show_reconciliation)
        self.dashboard.signals_wanted.connect(lambda: self.show_view("signals"))
        self.dashboard.group_wanted.connect(self.show_group)
        self.dashboard.signal_wanted.connect(self.show_signal)
        self.signals.group_wanted.connect(self.show_group)
        self.strip.accounts_wanted.connect(self.show_accounts)
        self.accounts.changed.connect(self._show_frame)
        self.accounts.told.connect(self.notice.tell)
        self.positions.detail.accounts_wanted.connect(self.show_accounts)
        self.queue.detail.accounts_wanted.connect(self.show_accounts)
        self.strip.emergency_wanted.connect(self._actions.emergency_stop)
        self.strip.close_all_wanted.connect(self.show_close_all)
        self.alerts.wanted.connect(self._on_alert_button)
        self.positions.close_all_wanted.connect(self.show_close_all)
        self.queue.group_wanted.connect(self.show_group)
        self.queue.signals_wanted.connect(lambda: self.show_view("signals"))
        self.risk.group_wanted.connect(self.show_group)
        self.risk.reset_wanted.connect(self.show_reset)
        self.positions.test_wanted.connect(self.show_first_start)
        self.signals.test_wanted.connect(self.show_first_start)

    def _add_shortcuts(self) -> None:
        for number, (name, _, _) in enumerate(VIEWS, start=1):
            self._shortcut(f"Ctrl+{number}", partial(self._unasked, partial(self.show_view, name)))
        self._shortcut("Ctrl+K", self.show_palette)
        self._shortcut("?", self.show_shortcuts)
        self._shortcut("Ctrl+F", partial(self._unasked, self._focus_filter))
        self._shortcut("/", partial(self._unasked, self._focus_filter))
        self._shortcut("Ctrl+Shift+P", self.toggle_pause)
        self._shortcut("Ctrl+Shift+E", self.stop_by_key)
        self._shortcut("Ctrl+Z", self.notice.take_back)
        self._shortcut("Ctrl+Shift+R", self._actions.reconcile)
        self._shortcut("Ctrl+Shift+A", self.list_accounts)
        self._shortcut("Ctrl+T", self.next_theme)
        self._shortcut("F6", self.next_region)
        self._shortcut("Ctrl+=", lambda: theme.zoom_by(1))
        self._shortcut("Ctrl+-", lambda: theme.zoom_by(-1))
        self._shortcut("Ctrl+0", lambda: theme.zoom(100))

    def _shortcut(self, keys: str, act: Callable[[], None]) -> None:
        QShortcut(QKeySequence(keys), self).activated.connect(act)

    def _unasked(self, act: Callable[[], None]) -> None:
        """What changes the view waits while a sheet covers it."""
        if open_sheet(self.content) is None:
            act()

    # ------------------------------------------------------------------ views

    @property
    def current(self) -> str:
        host = self.views.currentWidget()
        return host.name if isinstance(host, PanelHost) else ""

    def show_view(self, name: str) -> None:
        host = self._hosts[name]
        self.rail.select(name)
        self.views.setCurrentWidget(host)
        host.refresh(None)

    def show_group(self, group_id: str) -> None:
        self.show_view("positions")
        self.positions.choose(group_id)

    def show_signal(self, signal_id: str) -> None:
        self.show_view("signals")
        self.signals.choose(signal_id)

    def host(self, name: str) -> PanelHost:
        return self._hosts[name]

    def _on_change(self, change: Change) -> None:
        """Only the view that is seen follows; another takes everything anew when it is shown."""
        host = self.views.currentWidget()
        if isinstance(host, PanelHost):
            host.refresh(change)
        if change.alerts:
            self._tell_closed()
        self.accounts.follow()
        self._show_frame()

    def _tell_closed(self) -> None:
        """A trade that has just closed, with its result."""
        newest = self._store.alerts[0] if self._store.alerts else None
        if newest is None or newest.sequence <= self._told:
            return
        self._told = newest.sequence
        if newest.result is not None:
            amount = formats.signed_money(newest.result)
            self.notice.tell(f"{newest.sentence}.", kind=newest.severity, amount=amount)

    def _show_frame(self) -> None:
        now = self._desk.clock.now()
        engine = self._store.engine
        mode = engine.money.environment
        self.edge.show_mode(live=mode == "live")
        self.strip.show_accounts(engine, mode, self.accounts.standings(), self.accounts.wires())
        turning = self._pending(ENGINE, RESUMING)
        self.strip.show_state(engine, now, turning, turning or self._pending(RECONCILING), wide=self._wide)
        self.strip.show_emergency(engine.emergency, self._pending(STOP))
        found = troubles(self._store, now)
        self.alerts.show_troubles(found)
        self.rail.badge("positions", str(engine.open_groups) if engine.open_groups else "")
        self.rail.badge("queue", str(engine.queued) if engine.queued else "")
        level = engine.emergency.level
        self.rail.badge("risk", "" if level == "normal" else "!", warns=True)
        self.setWindowTitle(f"{ENVIRONMENTS[mode]} \u2013 Ziggurat")

    def _pending(self, *subjects: str) -> str | None:
        """What is under way of these, in words."""
        return next((self._store.pending[one].text for one in subjects if one in self._store.pending), None)

    def next_region(self) -> None:
        """Rail, table, detail, strip, and around again; under a sheet only the sheet and the strip."""
        region = region_after(self._regions(), self.focusWidget())
        if isinstance(region, Sheet):
            region.take_keyboard()
            return
        firsts: dict[QWidget, QWidget] = {self.rail: self.rail.widgets()[0], self.strip: self.strip.first_button}
        firsts.get(region, region).setFocus(Qt.FocusReason.TabFocusReason)

    def _regions(self) -> list[QWidget]:
        sheet = open_sheet(self.content)
        if sheet is not None:
            return [sheet, self.strip]
        host = self.views.currentWidget()
        panel = host.panel.regions() if isinstance(host, PanelHost) else []
        return [region for region in (self.rail, *panel, self.strip) if region.isVisible()]

    def focusNextPrevChild(self, forward: bool) -> bool:  # noqa: N802 - Qt's name
        """Nothing under a sheet is reached: from outside of it Tab goes around in the strip, or into the sheet."""
        sheet = open_sheet(self.content)
        if sheet is None:
            return super().focusNextPrevChild(forward)
        region = self.strip if holds(self.strip, self.focusWidget()) else sheet
        return tab_within(region, forward=forward)

    def _focus_filter(self) -> None:
        host = self.views.currentWidget()
        if isinstance(host, PanelHost):
            host.panel.focus_filter()

    # ------------------------------------------------------------------ actions

    def toggle_pause(self) -> None:
        (self._actions.resume if self._store.engine.state == "paused" else self._actions.pause)()

    def _on_settled(self, settled: Settled) -> None:
        stopped = settled.subject == STOP
        kind = "warning" if not settled.ok else "critical" if stopped else "done"
        self.notice.tell(settled.sentence, kind=kind, undo=settled.undo)

    def stop_by_key(self) -> None:
        if self._store.engine.emergency.level != "critical":
            self._actions.emergency_stop()

    def _on_alert_button(self, name: str) -> None:
        if name.startswith(ACCOUNT):
            self.show_accounts(name.removeprefix(ACCOUNT))
            return
        {"reset": self.show_reset, "close_all": self.show_close_all}[name]()

    def next_theme(self) -> None:
        chosen = CHOICES[(CHOICES.index(theme.choice) + 1) % len(CHOICES)]
        theme.choose(chosen)
        self._show_theme()

    def _show_theme(self) -> None:
        words = {"system": "System theme", "light": "Light theme", "dark": "Dark theme"}
        self.theme_button.show_icon(THEME_ICONS[theme.choice], words[theme.choice])

    # ------------------------------------------------------------------ sheets, one at a time

    def _open(self, make: Callable[[], Sheet], *, instead: bool = False) -> None:
        """`instead` takes the place of a sheet that is open; others wait until it is answered."""
        if instead or open_sheet(self.content) is None:
            make()

    def show_shortcuts(self) -> None:
        self._open(lambda: show_shortcuts(self.content))

    def show_palette(self) -> None:
        self._open(lambda: CommandPalette(self.content, entries(self, self._store, self._actions)))

    def show_reset(self) -> None:
        """Leave the emergency stop, with a reason."""
        if self._store.engine.emergency.level == "critical":
            now = self._desk.clock.now()
            self._open(lambda: ResetSheet(self.content, self._store, now, self._actions.emergency_reset), instead=True)

    def show_reconciliation(self, report: ReconcileReport) -> None:
        self._open(lambda: ReconciliationSheet(self.content, report))

    def show_close_all(self) -> None:
        """Ask to close every group; while that is under way, show how far it is."""
        self._open(lambda: CloseAllSheet(self.content, self._store, self._actions), instead=True)

    def list_accounts(self) -> None:
        self.show_accounts("")

    def show_accounts(self, account_id: str) -> None:
        """List them, with `account_id` chosen; the first where it is empty."""
        self._open(lambda: AccountsSheet(self.content, self._store, self.accounts, self._desk.clock, account_id))

    def show_first_start(self) -> None:
        def make() -> Sheet:
            sheet = FirstStart(self.content, self._desk, self._store)
            sheet.finished.connect(self._first_start_over)
            sheet.accounts_wanted.connect(self.list_accounts)
            return sheet

        self._open(make)

    def _first_start_over(self, group_id: str) -> None:
        self._settings.setValue("first_start/done", "yes")
        if group_id:
            self.show_group(group_id)

    def end_first_start(self) -> None:
        sheet = open_sheet(self.content)
        if sheet is not None:
            sheet.dismiss()

    @property
    def needs_first_start(self) -> bool:
        return self._settings.value("first_start/done") != "yes" and not self._store.signals

    def ask_run(self) -> None:
        """Show the offset plan and ask whether it is to run."""
        self.show_view("risk")
        self.risk.ask_run()

    def show_queued(self, signal_id: str) -> None:
        self.show_view("queue")
        self.queue.choose(signal_id)

    # ------------------------------------------------------------------ size, remembered layout, closing

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._set_wide(self.width() >= theme.metric("size.rail_wide_from_width"))
        if self.notice.isVisible():
            self.notice.place()

    def _set_wide(self, wide: bool) -> None:
        if wide != self._wide:
            self._wide = wide
            self.rail.set_wide(wide)
            self.logo.set_wide(wide)
            for host in self._hosts.values():
                host.panel.set_wide(wide)
            self._show_frame()

    def _restore(self) -> None:
        self.rail.set_wide(False)
        self.logo.set_wide(False)
        for host in self._hosts.values():
            host.panel.set_wide(False)
        self.resize(1280, 720)
        geometry = self._settings.value("window/geometry")
        if geometry is not None:
            self.restoreGeometry(geometry)
        choice = str(self._settings.value("window/theme", "system"))
        if choice in CHOICES and choice != theme.choice:
            theme.choose(choice)
        theme.zoom(int(str(self._settings.value("window/zoom", 100))))
        self._show_theme()
        for host in self._hosts.values():
            host.panel.restore(self._settings)
        view = str(self._settings.value("window/view", "dashboard"))
        self.show_view(view if view in self._hosts else "dashboard")
        self._show_frame()

    def save(self) -> None:
        """Remember how the window is arranged."""
        self._settings.setValue("window/geometry", self.saveGeometry())
        self._settings.setValue("window/view", self.current)
        self._settings.setValue("window/theme", theme.choice)
        self._settings.setValue("window/zoom", theme.zoom_percent)
        for host in self._hosts.values():
            host.panel.save(self._settings)
        self._settings.sync()

    def allow_close(self) -> None:
        self._may_close = True

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 - Qt's name
        if self._may_close:
            event.accept()
            return
        event.ignore()
        self.leaving.emit()

    def ask_leave(self, *, tray: bool, stop: Callable[[], None]) -> None:
        """Keep running in the tray, or stop; what stays at the venue is said."""
        policy = self._desk.config().protection.on_suspend
        self._open(
            lambda: leave_sheet(self.content, self._store, policy, tray=tray, hide=self.hide, stop=stop), instead=True
        )
