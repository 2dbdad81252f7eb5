"""What may happen while a turn is being told, and to those who are told."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.messages.commands import MoveStop
from app.messages.records import EventRecord
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
SOL = "SOL/USDT:USDT"
ONE_LEG = {"levels": [{"gap_percent": "0", "weight_percent": "100", "tp_percent": "50"}]}
STOPPED = {"default": {**ONE_LEG, "stop_loss": {"mode": "percent", "percent": "5"}}}


def buy(stage: Stage) -> None:
    stage.signal(action="buy", symbol="SOLUSDT.P", price=D(100), size=D(1000), size_type="quote")


def test_a_price_that_comes_while_a_turn_is_told_is_not_overlooked() -> None:
    with Stage(scenario("SOL", grid=STOPPED)) as stage:
        engine = stage.world.engine
        engine.state.accounts["paper"].conditional_refused = "the stop is watched here"
        buy(stage)
        (group,) = stage.groups()

        async def moved() -> None:
            await engine.ask(MoveStop(group.id, D(98)))
            stage.world.set_quote(SOL, D("97.9"), None, None, None)

        stage.run(moved())
        assert stage.groups() == []


def test_who_listens_is_told_of_the_end() -> None:
    with Stage(scenario("SOL")) as stage:
        heard: list[str] = []
        stage.world.engine.subscribe(lambda event: heard.append(event.type))
        stage.run(stage.world.engine.stop(1))
        assert heard[-1] == "engine.stopping"


@pytest.mark.expects_log_warnings
def test_a_listener_that_breaks_keeps_nobody_back() -> None:
    def broken(event: EventRecord) -> None:
        raise ValueError("a listener's own fault")

    with Stage(scenario("SOL")) as stage:
        heard: list[str] = []
        stage.world.engine.subscribe(broken)
        stage.world.engine.subscribe(lambda event: heard.append(event.type))
        buy(stage)
        assert "signal.executed" in heard
        assert len(stage.groups()) == 1
        assert "a listener's own fault" in stage.world.engine.defects[0]
        stage.world.engine.defects.clear()
