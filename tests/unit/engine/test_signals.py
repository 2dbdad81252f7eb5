"""What a signal leads to that no scenario's check can see: the words of its alert."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.unit.engine.worlds import Stage, scenario


def warnings(stage: Stage) -> list[str]:
    return [str(event.data["detail"]) for event in stage.world.events if event.type == "alert.raised"]


@pytest.mark.parametrize(
    ("timeframe", "told"),
    [
        ("240", ["no long of SOL/USDT:USDT 4h is open; open on other timeframes: 1h"]),
        ("60", []),
    ],
)
def test_an_exit_of_nothing_names_the_other_timeframes_only(timeframe: str, told: list[str]) -> None:
    with Stage(scenario("SOL")) as stage:
        order = {"symbol": "SOLUSDT.P", "price": Decimal(100)}
        stage.signal(action="buy", timeframe="60", size=Decimal(4), strategy_id="first", **order)
        stage.signal(action="sell", intent="exit", timeframe=timeframe, strategy_id="second", **order)
        assert warnings(stage) == told


@pytest.mark.parametrize(("ahead_ms", "measured_by"), [(-40_000, "paper"), (90_000, "paper"), (-40_000, "other")])
def test_an_exit_is_not_stale_by_as_much_as_this_machines_clock_is_off(ahead_ms: int, measured_by: str) -> None:
    world = scenario("SOL", risk={"cooldown_sec": 0}, webhook={"exit_max_age_sec": 60})
    world["accounts"].append({**world["accounts"][0], "id": "other"})
    with Stage(world) as stage:
        order = {"account": "paper", "symbol": "SOLUSDT.P", "price": Decimal(100), "timeframe": "60"}
        stage.signal(action="buy", size=Decimal(4), **order)
        stage.world.engine.state.accounts[measured_by].clock_skew_ms = ahead_ms
        body = stage.world.body_of({"action": "sell", "intent": "exit", "size": Decimal(0), **order})
        there = stage.world.clock.now() - timedelta(milliseconds=ahead_ms)
        assert stage.run(stage.world.send({**body, "timestamp": there.isoformat()})) == 202
        stage.wait(2)
        assert stage.groups() == []


def test_a_reverse_is_not_too_old_by_as_much_as_this_machines_clock_is_ahead() -> None:
    with Stage(scenario("SOL", risk={"cooldown_sec": 0})) as stage:
        order = {"account": "paper", "symbol": "SOLUSDT.P", "price": Decimal(100), "timeframe": "60"}
        stage.signal(action="buy", size=Decimal(4), **order)
        stage.world.engine.state.accounts["paper"].clock_skew_ms = 90_000
        body = stage.world.body_of({"action": "sell", "intent": "reverse", "size": Decimal(4), **order})
        there = stage.world.clock.now() - timedelta(seconds=90)
        assert stage.run(stage.world.send({**body, "timestamp": there.isoformat()})) == 202
        stage.wait(2)
        assert [group.side for group in stage.groups()] == ["short"]
