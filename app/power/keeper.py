"""Holds off sleep while there is something to watch over (hazard 34)."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from app.base.clock import Clock
from app.base.rounds import Rounds
from app.ports.power import StayAwake

log = structlog.get_logger("system")
LOOK_EVERY_SEC = 10.0
"""Far shorter than any system waits before it falls asleep."""
REASON = "positions are open"


class SleepKeeper:
    """Owns the hold: looks whether it is wanted, takes it anew where it was lost, and lets go in `stop`."""

    def __init__(self, awake: StayAwake, is_wanted: Callable[[], bool], clock: Clock) -> None:
        self._awake = awake
        self._is_wanted = is_wanted
        self._rounds = Rounds(clock, LOOK_EVERY_SEC, self._look)
        self._asked = self._told = False

    @property
    def held(self) -> bool:
        return self._awake.held

    def start(self) -> None:
        self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop()
        await self._awake.release()

    async def _look(self) -> None:
        wanted = self._is_wanted()
        if wanted and self._asked and not self._awake.held:
            self._tell()
        self._asked = wanted
        if wanted:
            await self._awake.hold(REASON)
        else:
            await self._awake.release()

    def _tell(self) -> None:
        """Once: whoever needs to know it now is told by the state."""
        if not self._told:
            self._told = True
            log.info("this system cannot be kept from falling asleep while positions are open")
