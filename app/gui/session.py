"""One window over one engine: builds store, bridge, actions and frame, and ends them in order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

from PySide6.QtCore import QSettings
from PySide6.QtGui import QAction, QIcon
from PySide6.QtWidgets import QApplication, QMenu, QSystemTrayIcon

from app.gui.actions import Actions
from app.gui.bridge import EngineBridge
from app.gui.desk import Desk
from app.gui.stylesheet import stylesheet
from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.logo import logo_pixmap
from app.gui.window import MainWindow

LAYOUT_FILE = "window.ini"


def start_theme(app: QApplication, data_dir: Path) -> QSettings:
    """Fonts and colours, before the first widget; the remembered layout."""
    settings = QSettings(str(data_dir / LAYOUT_FILE), QSettings.Format.IniFormat)
    choice = str(settings.value("window/theme", "system"))
    theme.start(app, stylesheet, choice if choice in {"light", "dark"} else "system")
    return settings


class WindowSession:
    """`stopped` is set when the trader wants everything to end."""

    def __init__(self, desk: Desk, settings: QSettings) -> None:
        self.stopped = asyncio.Event()
        self.store = ViewStore(desk.engine.snapshot())
        self.bridge = EngineBridge(desk, self.store)
        self.actions = Actions(desk, self.store)
        self.window = MainWindow(desk, self.store, self.actions, settings)
        self.window.leaving.connect(self._ask_leave)
        self._settings = settings
        has_tray = QSystemTrayIcon.isSystemTrayAvailable()
        self._tray = _Tray(self.window, self.store, self.stopped.set) if has_tray else None

    async def open(self, *, first_start: bool = True) -> None:
        """Show the window with what there is; the first time, the way in."""
        self.window.setWindowIcon(QIcon(logo_pixmap(64, live=False)))
        await self.bridge.start()
        self.window.show()
        if first_start and self.window.needs_first_start:
            self.window.show_first_start()

    def close(self) -> None:
        self.window.save()
        self.bridge.stop()
        self.actions.stop()
        self.window.accounts.stop()
        if self._tray is not None:
            self._tray.hide()
        self.window.allow_close()
        self.window.close()

    def _ask_leave(self) -> None:
        self.window.ask_leave(tray=self._tray is not None, stop=self.stopped.set)


class _Tray(QSystemTrayIcon):
    """The engine's state beside the clock; a click brings the window back."""

    def __init__(self, window: MainWindow, store: ViewStore, stop: Callable[[], None]) -> None:
        super().__init__(QIcon(logo_pixmap(64, live=False)), window)
        self._store = store
        self._shown = ""
        self._menu = QMenu()
        show = QAction("Show window", self._menu)
        show.triggered.connect(window.showNormal)
        end = QAction("Stop Ziggurat", self._menu)
        end.triggered.connect(stop)
        self._menu.addAction(show)
        self._menu.addAction(end)
        self.setContextMenu(self._menu)
        store.changed.connect(self._tell)
        theme.changed.connect(self._draw)
        self._tell()
        self.activated.connect(lambda _: window.showNormal())
        self.show()

    def _tell(self, _: object = None) -> None:
        """The icon and its words follow the engine's state."""
        engine = self._store.engine
        said = f"Ziggurat \u2013 {engine.state}, {engine.open_groups} open"
        if said != self._shown:
            self._shown = said
            self.setToolTip(said)
            self._draw()

    def _draw(self) -> None:
        engine = self._store.engine
        live = engine.money.environment == "live"
        sign = {"paused": "warning", "halted": "critical_fill"}.get(engine.state)
        self.setIcon(QIcon(logo_pixmap(64, live=live, sign=sign)))
