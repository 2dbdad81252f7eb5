"""What is looked at when the world is at rest: each is broken here behind the engine's back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.base.changing import changed
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, OrderRole, Side
from app.messages.records import SignalOutcome
from app.replay.model import parse_scenario
from app.replay.rest import Rest
from app.replay.runner import replay
from app.replay.settled import unsettled
from tests.unit.engine.worlds import FINE, Stage, scenario

GRID = {
    "default": {
        "tp_mode": "per_leg",
        "levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 10}],
        "stop_loss": {"mode": "percent", "percent": 5},
    }
}


@pytest.fixture
def stage() -> Iterator[Stage]:
    """A group that is open with its take-profit and its stop, on an account that has been read since."""
    with Stage(scenario("SOL", grid=GRID)) as world:
        world.signal(action="buy", symbol="SOLUSDT.P", price=Decimal(100), size=Decimal(2))
        world.wait(2)
        world.run(world.world.engine.reconcile())
        world.wait(1)
        yield world


def found(stage: Stage, *, touched: bool = False) -> list[str]:
    rest = Rest(stage.world.scenario.start + timedelta(seconds=1))
    rest.touched = touched
    return list(unsettled(stage.world, rest))


def ours(stage: Stage, role: OrderRole) -> Any:
    return next(order for order in stage.world.engine.state.orders.values() if order.role is role)


def change_group(stage: Stage, **values: Any) -> None:
    groups = stage.world.engine.state.groups
    groups["g0000001"] = changed(groups["g0000001"], **values)


def change_order(stage: Stage, role: OrderRole, **values: Any) -> str:
    order = ours(stage, role)
    stage.world.engine.state.orders[order.client_order_id] = changed(order, **values)
    return str(order.client_order_id)


def test_a_world_in_order_shows_nothing(stage: Stage) -> None:
    assert found(stage) == []


def test_an_engine_that_has_not_recovered_shows_nothing_else(stage: Stage) -> None:
    stage.world.engine.state.recovered = False
    assert found(stage) == ["at rest the engine is not recovered"]


def test_an_account_that_nobody_reads_shows(stage: Stage) -> None:
    stage.world.engine.state.accounts["paper"].reconciled = False
    assert found(stage) == ["at rest paper is not connected and reconciled: None"]


def test_a_position_on_a_side_without_a_group_shows(stage: Stage) -> None:
    ledger = stage.world.venues["paper"].ledger
    [((symbol, _), held)] = ledger.positions.items()
    ledger.positions = {(symbol, Side.SHORT): changed(held, side=Side.SHORT)}
    assert found(stage) == [f"2 {symbol} short are held at paper, and no group was ever short there"]


def test_a_hold_shows_where_nobody_else_trades(stage: Stage) -> None:
    stage.world.engine.state.accounts["paper"].foreign = "another"
    assert "though nobody else trades there: another" in found(stage)[0]
    assert found(stage, touched=True) == []


def test_an_order_in_doubt_shows(stage: Stage) -> None:
    stop = change_order(stage, OrderRole.STOP_LOSS, status=OrderStatus.UNKNOWN)
    assert f"at rest {stop}, a stop_loss, is still unknown" in found(stage)


def test_an_order_of_a_group_that_is_over_shows(stage: Stage) -> None:
    change_group(stage, closed_at=stage.world.clock.now(), close_reason=CloseReason.MANUAL)
    texts = found(stage)
    assert "at rest g0000001 is closed with 2 open" in texts
    assert f"at rest {ours(stage, OrderRole.STOP_LOSS).client_order_id} is live at paper and its group is over" in texts


def test_a_close_that_does_not_end_shows(stage: Stage) -> None:
    change_group(stage, closing=CloseReason.MANUAL)
    assert found(stage) == ["at rest g0000001 is stuck: closing (manual), 2 orders live"]


def test_a_take_profit_over_more_than_is_open_shows(stage: Stage) -> None:
    change_order(stage, OrderRole.TAKE_PROFIT, quantity=Decimal(3))
    assert "at rest the take-profits of g0000001 sell 3, 2 are open" in found(stage)


def test_a_take_profit_over_less_than_is_open_shows(stage: Stage) -> None:
    change_order(stage, OrderRole.TAKE_PROFIT, quantity=Decimal(1))
    assert "at rest g0000001 (per_leg) sells 1 at its targets, 2 are open" in found(stage)


def test_a_stop_over_more_than_is_open_shows(stage: Stage) -> None:
    change_order(stage, OrderRole.STOP_LOSS, quantity=Decimal(3))
    assert "at rest the stop of g0000001 sells 3, 2 are open" in found(stage)


def test_a_stop_that_is_not_there_shows_unless_an_alert_tells(stage: Stage) -> None:
    stop = change_order(stage, OrderRole.STOP_LOSS, status=OrderStatus.CANCELLED)
    missing = "at rest g0000001 has no stop at its venue, and no alert tells so"
    assert missing in found(stage)
    for about in ({"group_id": "g0000001"}, {"group_id": None, "account": "paper"}):
        told = changed(stage.world.events[0], type="alert.raised", **about)
        stage.world.events.append(told)
        assert missing not in found(stage), stop
        stage.world.events.remove(told)


def test_a_signal_that_was_not_acted_on_shows(stage: Stage) -> None:
    [(signal_id, record)] = stage.world.signals.items()
    stage.world.signals[signal_id] = changed(record, outcome=SignalOutcome.PENDING)
    assert found(stage) == [f"at rest signal {signal_id} has not been acted on"]


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"fees": Decimal(1)}, "of fees, 1 are booked"),
        ({"funding": Decimal(1)}, "of funding, 1 are booked"),
    ],
)
def test_costs_that_nobody_paid_show_unless_somebody_else_traded(
    stage: Stage, values: dict[str, Decimal], sentence: str
) -> None:
    change_group(stage, **values)
    assert any(text.endswith(sentence) for text in found(stage))
    assert found(stage, touched=True) == []


def test_a_wallet_that_gained_more_than_the_groups_tell_shows(stage: Stage) -> None:
    stage.price("SOL/USDT:USDT", Decimal(120))
    stage.wait(2)
    stage.run(stage.world.engine.reconcile())
    assert found(stage) == []
    stage.world.venues["paper"].ledger.balances["USDT"] += 5
    [text] = found(stage)
    assert text.startswith("at rest paper gained ")


def test_coins_that_no_group_holds_show() -> None:
    spot = scenario(grid=GRID)
    spot["accounts"][0]["market_type"] = "spot"
    spot["markets"] = {"SOL/USDT": {**FINE, "price": "100"}}
    with Stage(spot) as stage:
        stage.signal(action="buy", symbol="SOLUSDT", price=Decimal(100), size=Decimal(2))
        stage.wait(2)
        stage.run(stage.world.engine.reconcile())
        assert found(stage) == []
        stage.world.venues["paper"].ledger.balances["SOL"] += 1
        assert found(stage) == ["at rest 3 SOL were bought on paper, the groups hold 2"]


# ------------------------------------------------------------------ when the world is at rest

SOL = '"SOL/USDT:USDT"'
MOVED_LATE = "{at: 700, price: {" + SOL + ": 201}}"
STAYED = "{at: 700, price: {" + SOL + ": 200}}"
READ = "{at: 700, command: {reconcile: {}}}"
PAUSED = "{at: 700, command: {pause: {}}}"
CRASHED = "{at: 700, crash: {}}"
DEEP = "{at: 1, book: {market: " + SOL + "}}"
SHALLOW = "{at: 1, book: {market: " + SOL + ", fill_size: 1}}"
SHOWN = "{at: 600, fault: {op: fetch_*, kind: unavailable}}"


@pytest.mark.parametrize(
    ("step", "looks"),
    [
        (MOVED_LATE, False),
        (STAYED, True),
        (READ, True),
        (PAUSED, False),
        (CRASHED, False),
        (SHOWN, False),
        (DEEP, True),
        (SHALLOW, False),
    ],
)
def test_only_what_moves_the_world_ends_its_rest(step: str, looks: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    assert (timedelta(seconds=900) in looked_at(f"at_rest: true\nsteps:\n  - {step}", monkeypatch)) is looks


def test_a_replay_that_does_not_ask_for_it_is_not_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    assert looked_at("steps:", monkeypatch) == []


def looked_at(rest: str, monkeypatch: pytest.MonkeyPatch) -> list[timedelta]:
    """When, since the start, in a replay that ends with a check at 900."""
    seen: list[timedelta] = []

    def noted(world: Any, _: Rest) -> Iterator[str]:
        seen.append(world.clock.now() - world.scenario.start)
        return iter(())

    monkeypatch.setattr("app.replay.runner.unsettled", noted)
    market = f"markets: {{{SOL}: {{tick_size: 1, step_size: 1, price: 200}}}}"
    replay(parse_scenario(f"{market}\n{rest}\n  - {{at: 900, check: {{}}}}", "rest.yaml"), Path())
    return seen
