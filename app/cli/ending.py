"""How a process that serves is told to end."""

from __future__ import annotations

import signal


def stop_signals() -> list[signal.Signals]:
    """What means: stop cleanly. Windows knows no hang-up (a terminal that closes), and `nohup` wants it ignored."""
    asked = [signal.SIGTERM, signal.SIGINT]
    hang_up = signal.Signals.__members__.get("SIGHUP")
    if hang_up is not None and signal.getsignal(hang_up) is not signal.SIG_IGN:
        asked.append(hang_up)
    return asked
