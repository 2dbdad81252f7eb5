"""Which way this system is kept awake."""

from __future__ import annotations

import ctypes
import sys

from app.ports.power import StayAwake
from app.power.child import ChildStayAwake, caffeinate, systemd_inhibit
from app.power.windows import ThreadStayAwake


def system_stay_awake() -> StayAwake:
    """The way of this operating system; where its tool is missing, nothing is ever held."""
    if sys.platform == "win32":
        return ThreadStayAwake(ctypes.windll.kernel32.SetThreadExecutionState)
    return ChildStayAwake(caffeinate if sys.platform == "darwin" else systemd_inhibit)
