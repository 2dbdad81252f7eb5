"""Who is read first, and what shares a unit of work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from app.engine.mailbox import LINGER_SEC, PATIENCE_SEC, Mailbox
from app.replay.virtual_loop import VirtualLoop


def played(story: Callable[[VirtualLoop, Mailbox], Awaitable[None]]) -> None:
    """The story on a loop whose time moves only when it is told to."""
    loop = VirtualLoop()
    with asyncio.Runner(loop_factory=lambda: loop) as runner:

        async def told() -> None:
            await story(loop, Mailbox())

        runner.run(told())


class Reader:
    """Takes batches one after the other, with the moment of each."""

    def __init__(self, loop: VirtualLoop, mailbox: Mailbox) -> None:
        self.batches: list[tuple[float, list[Any]]] = []
        self._loop = loop
        self._mailbox = mailbox
        self.task = loop.create_task(self._read())

    async def _read(self) -> None:
        while True:
            batch = await self._mailbox.take()
            self.batches.append((round(self._loop.time(), 4), [envelope.message for envelope in batch]))


def test_reports_that_come_together_share_a_unit_of_work() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        reader = Reader(loop, mailbox)
        for number in range(3):
            mailbox.post(number)
        await loop.settle()
        assert [messages for _, messages in reader.batches] == [[0, 1, 2]]

    played(story)


def test_what_an_order_waits_for_is_not_held_back_with_the_reports() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        mailbox.ask("signal")
        mailbox.post("report")
        reader = Reader(loop, mailbox)
        await loop.settle()
        mailbox.post("the leverage is set", prompt=True)
        await loop.settle()
        assert reader.batches == [(0, ["signal"]), (0, ["the leverage is set"])]

    played(story)


def test_what_is_asked_does_not_wait_for_reports_and_these_follow_soon() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        mailbox.post("report")
        mailbox.ask("signal")
        reader = Reader(loop, mailbox)
        await loop.settle()
        assert [messages for _, messages in reader.batches] == [["signal"]]
        await loop.advance_to(LINGER_SEC)
        assert reader.batches[1:] == [(LINGER_SEC, ["report"])]

    played(story)


def test_who_has_just_been_answered_may_ask_again_before_reports_are_read() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        mailbox.ask("signal")
        assert [each.message for each in await mailbox.take()] == ["signal"]
        mailbox.post("report")
        await loop.advance_to(2 * LINGER_SEC)  # that long it took to decide and to write
        reader = Reader(loop, mailbox)
        await loop.settle()
        assert reader.batches == []
        mailbox.ask("next signal")
        await loop.settle()
        await loop.advance_to(4 * LINGER_SEC)
        assert [messages for _, messages in reader.batches] == [["next signal"], ["report"]]

    played(story)


def test_a_burst_of_signals_holds_reports_back_only_so_long() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        reader = Reader(loop, mailbox)
        mailbox.ask("first")
        mailbox.post("report")
        for step in range(1, 40):
            await loop.advance_to(step * LINGER_SEC / 2)
            mailbox.ask(step)
            await loop.settle()
        told = [at for at, messages in reader.batches if "report" in messages]
        assert told == [PATIENCE_SEC]

    played(story)


def test_the_urgent_lane_goes_first() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        mailbox.ask("signal")
        mailbox.ask("emergency stop", urgent=True)
        reader = Reader(loop, mailbox)
        await loop.settle()
        assert reader.batches == [(0, ["emergency stop", "signal"])]

    played(story)


def test_a_lazy_message_waits_for_the_next_that_is_not() -> None:
    async def story(loop: VirtualLoop, mailbox: Mailbox) -> None:
        reader = Reader(loop, mailbox)
        mailbox.post("lazy", lazy=True)
        await loop.advance_to(5)
        assert reader.batches == []
        mailbox.post("report")
        await loop.settle()
        assert reader.batches == [(5, ["lazy", "report"])]

    played(story)
