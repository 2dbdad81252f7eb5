"""Entries are held before the disk is full, and the trader is told once."""

from __future__ import annotations

from app.bootstrap.space import ENOUGH_BYTES, LEAST_BYTES, SpaceGuard
from app.messages.commands import Deed, Pause, RaiseAlert
from app.ports.engine import EngineUnavailable
from tests.support.clock import ManualClock


class Desk:
    """A disk of so many free bytes, and an engine that remembers what it was asked."""

    def __init__(self, free: int) -> None:
        self.free: int | None = free
        self.asked: list[Deed] = []
        self.is_paused = False
        self.answers = True
        self.guard = SpaceGuard(ManualClock(), self._free, lambda: self.is_paused, self._ask)

    def _free(self) -> int:
        if self.free is None:
            raise OSError(5, "Input/output error")
        return self.free

    async def _ask(self, deed: Deed) -> None:
        if not self.answers:
            raise EngineUnavailable("starting")
        self.asked.append(deed)

    async def kinds_after(self, *free: int | None) -> list[type]:
        for self.free in free:
            await self.guard.look()
        return [type(deed) for deed in self.asked]


async def test_a_disk_with_room_holds_nothing() -> None:
    desk = Desk(LEAST_BYTES)
    assert await desk.kinds_after(LEAST_BYTES) == []
    assert desk.guard.said == "200 MB free"


async def test_a_disk_that_is_nearly_full_pauses_the_engine_and_says_so_once() -> None:
    desk = Desk(LEAST_BYTES)
    assert await desk.kinds_after(LEAST_BYTES - 1, 0, LEAST_BYTES, 0) == [Pause, RaiseAlert]
    assert desk.asked[0] == Pause("the disk of the data directory has only 199 MB free")


async def test_the_next_shortage_is_told_again() -> None:
    desk = Desk(LEAST_BYTES)
    assert await desk.kinds_after(0, ENOUGH_BYTES, 0) == [Pause, RaiseAlert] * 2


async def test_what_a_person_paused_keeps_its_reason() -> None:
    desk = Desk(0)
    desk.is_paused = True
    assert await desk.kinds_after(0) == [RaiseAlert]


async def test_an_engine_that_does_not_answer_is_told_with_the_next_look() -> None:
    desk = Desk(0)
    desk.answers = False
    assert await desk.kinds_after(0) == []
    desk.answers = True
    assert await desk.kinds_after(0) == [Pause, RaiseAlert]


async def test_a_disk_that_does_not_tell_holds_nothing() -> None:
    desk = Desk(0)
    assert await desk.kinds_after(None) == []
    assert desk.guard.said == "unknown"
