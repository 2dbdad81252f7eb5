"""The engine tells of its own end."""

from __future__ import annotations

import asyncio

import pytest

from app.messages.commands import Pause
from app.ports.engine import EngineUnavailable
from tests.unit.engine.worlds import Stage, scenario


def test_an_end_on_purpose_is_the_last_event_on_disk() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.run(stage.world.engine.stop(1))
        assert stage.world.events[-1].type == "engine.stopping"


def test_a_crash_says_nothing() -> None:
    with Stage(scenario("SOL")) as stage:
        written = len(stage.world.events)

        async def dies() -> None:
            asked = asyncio.ensure_future(stage.world.engine.ask(Pause("what waited dies too")))
            await stage.world.clock.sleep(0)
            stage.world.engine.kill()
            with pytest.raises(EngineUnavailable):
                await asked

        stage.run(dies())
        stage.wait(60)
        assert len(stage.world.events) == written
