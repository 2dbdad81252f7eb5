"""Watches the event loop: how late it comes back."""

from __future__ import annotations

from collections import deque

from app.base.clock import Clock, Timer

EVERY_SEC = 0.25
KEPT = 240


class LoopWatch:
    """Measures the lag of the loop four times a second; keeps the last minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lags: deque[float] = deque(maxlen=KEPT)
        self._timer: Timer | None = None
        self._due = 0.0

    def start(self) -> None:
        self._due = self._clock.monotonic() + EVERY_SEC
        self._timer = self._clock.call_later(EVERY_SEC, self._measure)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _measure(self) -> None:
        self._lags.append(max(self._clock.monotonic() - self._due, 0.0) * 1000)
        self.start()

    def lag_ms(self) -> float:
        """The worst lag of the last minute, in milliseconds."""
        return max(self._lags, default=0.0)
