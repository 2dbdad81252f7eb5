"""Venues that are replaced, removed or closed while they hang, break or are being asked."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from typing import Any

import pytest

from app.engine.recovery import CLOSE_SEC
from app.messages.commands import ApplyConfig, ChangeKeys
from app.messages.records import QueueReason
from app.messages.reports import BreakerReport
from tests.unit.engine.worlds import Stage, scenario


class Stubborn:
    """Stands for another venue, which it asks for all but its end."""

    def __init__(self, venue: Any, ending: Any) -> None:
        self._venue = venue
        self._ending = ending
        self.is_closing = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._venue, name)

    async def close(self) -> None:
        self.is_closing = True
        await self._ending()
        await self._venue.close()


async def at_once() -> None:
    return None


async def hangs() -> None:
    await asyncio.Event().wait()


async def breaks() -> None:
    raise OSError("the socket is gone")


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("ending", [hangs, breaks])
def test_a_venue_that_does_not_close_keeps_no_other_open(ending: Any) -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        paper = engine._venues.pop("paper")
        last = Stubborn(paper, at_once)
        engine._venues.update({"stubborn": Stubborn(paper, ending), "last": last})
        stopping = stage.loop.create_task(engine.stop(0))
        stage.wait(int(CLOSE_SEC) + 1)
        assert stopping.done()
        assert last.is_closing
        engine._venues.clear()


@pytest.mark.expects_log_warnings
def test_an_account_that_is_reached_another_way_is_asked_thereat_once() -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        old, new = Stubborn(engine._venues["paper"], hangs), engine._venues["paper"]
        engine._venues["paper"] = old
        coming = stage.loop.create_task(engine.add_account(new))
        stage.wait(1)
        assert old.is_closing
        assert engine._venues["paper"] is new
        assert not engine.state.accounts["paper"].ready
        stage.wait(int(CLOSE_SEC) + 5)
        assert coming.done()
        assert engine.state.accounts["paper"].ready


def test_the_breaker_of_a_venue_that_was_replaced_holds_no_entries() -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        account, venue = engine.state.accounts["paper"], engine._venues.pop("paper")
        account.breaker_since = account.last_reconciled_at
        stage.run(engine.add_account(venue))
        assert account.breaker_since is None


def test_a_breaker_that_opened_just_before_its_venue_was_replaced_holds_no_entries() -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        account, venue = engine.state.accounts["paper"], engine._venues["paper"]

        async def replaced() -> None:
            engine._mailbox.post(BreakerReport("paper", True, stage.world.clock.now(), "no answer"))
            await engine.add_account(venue)

        stage.run(replaced())
        stage.wait(5)
        assert (account.breaker_since, account.ready) == (None, True)


def test_nothing_is_opened_through_the_keys_of_before_once_they_are_of_another_account() -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        stage.run(engine.ask(ApplyConfig(engine.state.config, keys=ChangeKeys("paper", "new", same_account=False))))
        stage.signal(action="buy", symbol="SOLUSDT.P", price=Decimal(100), size=Decimal(2), timeframe="60")
        assert [entry.reason for entry in engine.state.queue.values()] == [QueueReason.ACCOUNT_STALE]
        stage.run(engine.add_account(engine._venues["paper"]))
        stage.wait(5)
        assert len(engine.state.open_ids) == 1


def test_what_comes_through_other_keys_begins_after_all_that_came_through_those_of_before() -> None:
    with Stage(scenario("SOL")) as stage:
        engine = stage.world.engine
        account, venue = engine.state.accounts["paper"], engine._venues["paper"]
        stage.run(engine.ask(ApplyConfig(engine.state.config, keys=ChangeKeys("paper", "new", same_account=False))))
        assert account.is_another
        stage.run(engine.add_account(venue))
        stage.wait(5)
        assert (account.is_another, account.ready) == (False, True)
