"""The one event loop: Qt's, with asyncio on it."""

from __future__ import annotations

import asyncio
import math
import os
import sys
from collections.abc import Callable, Coroutine
from typing import Any

import qasync
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from app.base.errors import OperatorActionNeeded


class NoDisplay(OperatorActionNeeded):
    """There is no screen to open a window on."""

    exit_status = 2


class _PreciseTimers(qasync._SimpleTimer):  # type: ignore[misc]  # noqa: SLF001 - qasync has no setting for it
    """Qt's coarse timers are up to five per cent late, and cut fractions of a millisecond come early."""

    def startTimer(self, interval_ms: int) -> int:  # noqa: N802 - Qt's name
        return int(super().startTimer(interval_ms, Qt.TimerType.PreciseTimer))

    def add_callback(self, handle: asyncio.Handle, delay: float = 0) -> asyncio.Handle:
        added: asyncio.Handle = super().add_callback(handle, math.ceil(max(delay, 0.0) * 1000) / 1000)
        return added


def make_loop(app: QApplication) -> asyncio.AbstractEventLoop:
    """A qasync loop with precise timers."""
    loop = qasync.QEventLoop(app)
    loop._timer = _PreciseTimers()  # noqa: SLF001 - as above
    made: asyncio.AbstractEventLoop = loop
    return made


def require_display() -> None:
    """NoDisplay where Qt would abort the process for want of one."""
    if sys.platform != "linux" or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        raise NoDisplay("there is no display to open a window on; `python -m app serve` runs without one")


def run_on_qt(main: Callable[[QApplication], Coroutine[Any, Any, int]]) -> int:
    """Run `main` on Qt's loop until it returns. The window closing does not end it; `main` has the one shutdown."""
    require_display()
    app = QApplication.instance()
    if not isinstance(app, QApplication):
        app = QApplication(sys.argv[:1])
    app.setApplicationName("Ziggurat")
    app.setQuitOnLastWindowClosed(False)
    loop = make_loop(app)
    asyncio.set_event_loop(loop)
    try:
        return loop.run_until_complete(main(app))
    finally:
        _cancel_rest(loop)
        loop.close()
        asyncio.set_event_loop(None)


def _cancel_rest(loop: asyncio.AbstractEventLoop) -> None:
    rest = asyncio.all_tasks(loop)
    for task in rest:
        task.cancel()
    if rest:
        loop.run_until_complete(asyncio.gather(*rest, return_exceptions=True))
