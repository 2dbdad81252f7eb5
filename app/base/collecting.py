"""Garbage is collected while nobody waits for an answer."""

from __future__ import annotations

import gc
from collections.abc import Callable
from typing import Final

from app.base.clock import Clock, Timer

EVERY_SEC: Final = 1.0
THRESHOLDS: Final = (2_000, 1_000, 1_000)
"""Two thousand young objects are still in the caches; to look through twenty thousand took 8 to 23 ms. The older
generations wait for a calm moment, or for hours."""


class Collector:
    """Collects what `EVERY_SEC` left over, unless it is busy just then. One in a process."""

    def __init__(self, clock: Clock, is_calm: Callable[[], bool]) -> None:
        self._clock = clock
        self._is_calm = is_calm
        self._timer: Timer | None = None
        self._before = gc.get_threshold()

    def start(self) -> None:
        """What is there by now will be as long as the process: it is never looked at again."""
        keep()
        gc.set_threshold(*THRESHOLDS)
        self._timer = self._clock.call_later(EVERY_SEC, self._look)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        gc.set_threshold(*self._before)

    def _look(self) -> None:
        if self._is_calm():
            gc.collect(1)
        self._timer = self._clock.call_later(EVERY_SEC, self._look)


def keep() -> None:
    """Have all that is alive now left out of every collection: to look through it stops the loop for 50 ms and more."""
    gc.collect()
    gc.freeze()
