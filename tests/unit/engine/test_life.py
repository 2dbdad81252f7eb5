"""The engine tells of its own end."""

from __future__ import annotations

from tests.unit.engine.worlds import Stage, scenario


def test_an_end_on_purpose_is_the_last_event_on_disk() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.run(stage.world.engine.stop(1))
        assert stage.world.events[-1].type == "engine.stopping"


def test_a_crash_says_nothing() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.world.engine.kill()
        assert "engine.stopping" not in {event.type for event in stage.world.events}
