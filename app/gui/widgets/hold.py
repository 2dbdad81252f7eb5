"""A moment for reading again: what was just re-stated is not acted on by a click already on its way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer

HOLD_MS = 1000


class Hold(QTimer):
    """`check` is called when it is over."""

    def __init__(self, parent: QObject, check: Callable[[], None]) -> None:
        super().__init__(parent)
        self.setSingleShot(True)
        self.setInterval(HOLD_MS)
        self.timeout.connect(check)

    @property
    def reason(self) -> str:
        """Why a button waits; empty where it need not."""
        return "The result has just changed; read it again." if self.isActive() else ""
