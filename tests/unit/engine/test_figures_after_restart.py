"""What the checks know of the accounts is the same after every restart: equity, peak, day, exposure, order rate."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.domain.values import Identity, Side
from app.engine import emergency, figures, offsetting
from app.engine.engine import Engine
from app.messages.commands import BlockGroup, CloseGroup, EmergencyReset, EmergencyStop, SampleEquity, SkipOffset
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
COINS = ("SOL", "LTC", "DOT")
LIMITS = {
    "daily_loss_limit_quote": "100000",
    "max_drawdown_percent": "90",
    "max_exposure_quote": "10000000",
    "cooldown_sec": 0,
}
SETTINGS = {"risk": LIMITS, "offset": {"mode": "auto", "wait_minutes": 1}, "pool": {"max_open_groups": 3}}
SCENARIO = {**scenario(*COINS, **SETTINGS), "start": "2026-01-05T23:30:00Z"}
STEP = st.one_of(
    st.tuples(st.just("signal"), st.sampled_from(COINS), st.sampled_from(["buy", "sell"])),
    st.tuples(st.just("price"), st.sampled_from(COINS), st.integers(90, 110)),
    st.tuples(st.just("wait"), st.sampled_from([5, 70, 4_000])),
    st.tuples(st.sampled_from(["close", "block", "skip"]), st.integers(0, 3)),
    st.tuples(st.sampled_from(["stop", "reset", "sample"])),
)


def done(stage: Stage, step: tuple[Any, ...]) -> None:
    match step:
        case ("signal", coin, action):
            symbol, price = f"{coin}USDT.P", stage.world.board.quotes[f"{coin}/USDT:USDT"].last
            stage.signal(action=action, symbol=symbol, timeframe="60", price=str(price), size="500", size_type="quote")
        case ("price", coin, price):
            stage.price(f"{coin}/USDT:USDT", D(price))
        case ("wait", seconds):
            stage.wait(seconds)
        case ("stop",):
            stage.ask(EmergencyStop("drill"))
        case ("reset",):
            stage.ask(EmergencyReset("over"))
        case ("sample",):
            stage.ask(SampleEquity())
        case (word, number):
            group = next(iter(stage.groups()[number:]), None)
            if group is not None:
                commands = {"close": CloseGroup(group.id), "block": BlockGroup(group.id, blocked=True)}
                stage.ask(commands.get(word) or SkipOffset(group.id))


def figures_of(engine: Engine) -> dict[str, Any]:
    turn = engine._new_turn()
    symbol = "SOL/USDT:USDT"
    return {
        "equity": figures.equities(turn, "paper"),
        "peak": {name: turn.fact(name) for name in turn.facts_under("peak_equities/")},
        "drawdown": figures.drawdown_percent(turn, "paper"),
        "realised": figures.realized_today(turn, "paper"),
        "day": figures.day_result(turn, "paper"),
        "exposure": figures.exposure(turn, Identity("paper", symbol, "1h", Side.LONG)),
        "free": figures.free_funds(turn, "paper", "USDT", D("0.0005")),
        "rate": turn.entries_since(turn.now - timedelta(minutes=1)),
        "slots": turn.slots_used(),
        "emergency": emergency.critical(turn),
        "holdings": offsetting.holdings(turn),
        "actions": list(turn.actions.values()),
        "money": engine.snapshot().money,
        "queue": [(entry.signal_id, entry.rank) for entry in engine.queue()],
        "limits": list(emergency.limits(turn)),
    }


@pytest.mark.expects_log_warnings
@settings(max_examples=25, deadline=None)
@given(st.lists(STEP, min_size=3, max_size=14))
def test_every_figure_is_the_same_after_a_restart(steps: list[tuple[Any, ...]]) -> None:
    with Stage(SCENARIO) as stage:
        for step in steps:
            done(stage, step)
        stage.wait(11)  # the last look at the limits has seen it all
        before = figures_of(stage.world.engine)
        stage.crash()
        after = figures_of(stage.world.engine)

        assert after == before
