"""Work that is done again and again, one round at a time."""

from __future__ import annotations

import asyncio

from app.base.rounds import Rounds
from tests.support.clock import ManualClock, settle


class Work:
    """Counts its rounds, each of which lasts until `may_end`."""

    def __init__(self) -> None:
        self.clock = ManualClock()
        self.begun = self.ended = 0
        self.may_end = asyncio.Event()
        self.may_end.set()
        self.rounds = Rounds(self.clock, 10, self._work)

    async def _work(self) -> None:
        self.begun += 1
        await self.may_end.wait()
        self.ended += 1


async def test_the_first_round_is_at_once_and_the_others_follow_at_their_interval() -> None:
    work = Work()
    work.rounds.start()
    await settle()
    begun = [work.begun]
    for seconds in (9, 1, 10):
        await work.clock.advance(seconds)
        begun.append(work.begun)
    assert begun == [1, 1, 2, 3]


async def test_a_round_is_not_begun_while_the_one_before_goes_on() -> None:
    work = Work()
    work.may_end.clear()
    work.rounds.start()
    await work.clock.advance(25)
    assert work.begun == 1
    work.may_end.set()
    await work.clock.advance(10)
    assert (work.begun, work.ended) == (2, 2)


async def test_the_end_waits_for_the_round_that_goes_on_and_begins_no_other() -> None:
    work = Work()
    work.may_end.clear()
    work.rounds.start()
    await settle()
    stopping = asyncio.ensure_future(work.rounds.stop())
    await settle()
    assert not stopping.done()
    work.may_end.set()
    await stopping
    await work.clock.advance(100)
    assert (work.begun, work.ended) == (1, 1)
