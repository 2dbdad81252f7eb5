"""Minds the room that is left on the disk: entries are held before it is full (hazard 40)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, Final

from app.base.clock import Clock
from app.base.rounds import Rounds
from app.messages.commands import Deed, Pause, RaiseAlert
from app.ports.engine import CommandRefused, EngineUnavailable

LOOK_EVERY_SEC: Final = 60.0
LEAST_BYTES: Final = 200_000_000
"""Room for the exits of what is open: the database's log grows to 64 MB, a log file to 50 MB."""
ENOUGH_BYTES: Final = 400_000_000
"""From here on the next shortage is another one."""
MEGABYTE: Final = 1_000_000


class SpaceGuard:
    """Pauses the engine and alerts the trader once a shortage; a person who resumes in spite of it is obeyed."""

    def __init__(
        self,
        clock: Clock,
        free_bytes: Callable[[], int],
        is_paused: Callable[[], bool],
        ask: Callable[[Deed], Awaitable[Any]],
    ) -> None:
        """`free_bytes` may block, and OSError where it does not know."""
        self._free_bytes = free_bytes
        self._is_paused = is_paused
        self._ask = ask
        self._free: int | None = None
        self._told = False
        self._rounds = Rounds(clock, LOOK_EVERY_SEC, self.look)

    @property
    def said(self) -> str:
        return "unknown" if self._free is None else f"{self._free // MEGABYTE} MB free"

    def start(self) -> None:
        self._rounds.start()

    async def stop(self) -> None:
        await self._rounds.stop()

    async def look(self) -> None:
        self._free = None
        with suppress(OSError):
            self._free = await asyncio.to_thread(self._free_bytes)
        if self._free is None:
            return
        if self._free >= ENOUGH_BYTES:
            self._told = False
        if self._free < LEAST_BYTES and not self._told:
            with suppress(EngineUnavailable, CommandRefused):  # the next look tells it
                await self._tell()

    async def _tell(self) -> None:
        short = f"the disk of the data directory has only {self.said}"
        if not self._is_paused():
            await self._ask(Pause(short))
        await self._ask(RaiseAlert("critical", f"{short}: no entries until room is made and the engine is resumed"))
        self._told = True
