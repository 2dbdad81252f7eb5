"""What a signal leads to that no scenario's check can see: the words of its alert."""

from __future__ import annotations

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
