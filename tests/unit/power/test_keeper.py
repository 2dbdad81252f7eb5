import structlog

from app.power.keeper import LOOK_EVERY_SEC, REASON, SleepKeeper
from tests.support.clock import ManualClock, settle


class FakeAwake:
    """A system that holds off sleep on request, unless it `fails`."""

    def __init__(self) -> None:
        self.held = self.fails = False
        self.asked: list[str] = []

    async def hold(self, reason: str) -> None:
        if not self.held:
            self.asked.append(reason)
            self.held = not self.fails

    async def release(self) -> None:
        self.held = False


class Desk:
    """A keeper that looks after `is_wanted`."""

    def __init__(self) -> None:
        self.awake, self.clock, self.is_wanted = FakeAwake(), ManualClock(), False
        self.keeper = SleepKeeper(self.awake, lambda: self.is_wanted, self.clock)

    async def look(self) -> None:
        await self.clock.advance(LOOK_EVERY_SEC)


async def test_sleep_is_held_off_from_the_first_position_to_the_last() -> None:
    desk = Desk()
    desk.keeper.start()
    held = []
    for desk.is_wanted in (False, True, True, False):
        await desk.look()
        held.append(desk.keeper.held)
    assert held == [False, True, True, False]


async def test_what_is_open_at_the_start_is_watched_over_at_once() -> None:
    desk = Desk()
    desk.is_wanted = True
    desk.keeper.start()
    await settle()
    assert desk.awake.asked == [REASON]


async def test_a_quit_lets_it_sleep_and_looks_no_more() -> None:
    desk = Desk()
    desk.is_wanted = True
    desk.keeper.start()
    await desk.keeper.stop()
    assert not desk.keeper.held
    await desk.look()
    assert desk.awake.asked == [REASON]


async def test_a_hold_that_was_lost_is_taken_again() -> None:
    desk = Desk()
    desk.is_wanted = True
    desk.keeper.start()
    await settle()
    desk.awake.held = False
    await desk.look()
    assert desk.awake.asked == [REASON, REASON]
    assert desk.keeper.held


async def test_a_system_that_cannot_is_told_of_once() -> None:
    desk = Desk()
    desk.is_wanted = desk.awake.fails = True
    desk.keeper.start()
    with structlog.testing.capture_logs() as lines:
        for _ in range(5):
            await desk.look()
    assert len(lines) == 1
    assert "cannot be kept from falling asleep" in lines[0]["event"]
    assert not desk.keeper.held
