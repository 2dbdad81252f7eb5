"""A live account takes entries only after a person has armed it, and only as long as its limits are set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.alert import validate
from app.domain.client_order_id import Namespace
from app.domain.order import OrderStatus
from app.domain.values import Side
from app.engine.arming import arm, armed_in, follow_config, may_enter
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.commands import (
    AddFunds,
    ApplyConfig,
    ArmAccount,
    ChangeKeys,
    DisarmAccount,
    KeyGrant,
    PlaceOrder,
    PreviewSignal,
)
from tests.support.examples import NOON
from tests.unit.engine.test_reconciling import Ids
from tests.unit.engine.worlds import FINE, Stage

SYMBOL = "SOL/USDT:USDT"
LIVE = {"id": "perp", "venue": "binance", "environment": "live", "allowed_symbols": [SYMBOL]}
LIMITS = {"max_exposure_quote": "5000", "daily_loss_limit_quote": "250", "max_order_quote": "1000", "cooldown_sec": 0}
STOPPED = {"default": {"stop_loss": {"mode": "percent", "percent": "10"}}}
ARM = ArmAccount("perp", typed_name="perp")


def live(account: dict[str, Any] | None = None, **config: Any) -> Stage:
    """The paper exchange stands in for the venue; to the engine the account is live."""
    return Stage(
        {
            "accounts": [account or LIVE],
            "markets": {SYMBOL: {**FINE, "price": "100"}},
            "config": {"risk": LIMITS, "grid": STOPPED, **config},
        }
    )


def buy(stage: Stage, **short: Any) -> tuple[str, str | None]:
    """Outcome and reason of an entry."""
    stage.signal(
        **{"symbol": "SOLUSDT.P", "action": "buy", "price": "100", "size": "1000", "size_type": "quote", **short}
    )
    record = list(stage.world.engine.state.recent_signals.values())[-1]
    return record.outcome.value, record.reason


def turn_of(state: EngineState) -> Turn:
    return Turn(state, NOON, Ids(), lambda: 0.0, Namespace("aaaaa", 1))


def live_entries(stage: Stage) -> int:
    orders = stage.world.engine.state.orders.values()
    return sum(order.is_live and not order.reduce_only for order in orders)


def test_an_unarmed_live_account_takes_no_entry() -> None:
    with live() as stage:
        assert buy(stage) == ("rejected", "not_armed")
        assert not stage.world.engine.state.orders


def test_an_armed_account_takes_entries_after_a_restart_too() -> None:
    with live() as stage:
        assert stage.ask(ARM) is None
        stage.crash()
        assert buy(stage)[0] == "executed"


@pytest.mark.parametrize(
    ("command", "config", "said"),
    [
        (ArmAccount("perp", typed_name="prep"), {}, "not the account's name"),
        (ArmAccount("other", typed_name="other"), {}, "there is no account other"),
        (ARM, {"risk": {"max_order_quote": "5"}}, "set risk.max_exposure_quote, risk.daily_loss_limit_quote"),
        (ARM, {"accounts": [{**LIVE, "allowed_symbols": None}]}, "set allowed_symbols of perp"),
        (ARM, {"grid": {}}, "no stop"),
    ],
)
def test_arming_is_refused_with_the_reason(command: ArmAccount, config: dict[str, Any], said: str) -> None:
    with live(**config) as stage:
        assert said in (stage.ask(command) or "")
        assert buy(stage) == ("rejected", "not_armed")


def test_a_grid_without_a_stop_is_armed_by_typing_none() -> None:
    with live(grid={}) as stage:
        assert stage.ask(ArmAccount("perp", "perp", "none")) is None
        assert buy(stage)[0] == "executed"


def test_a_testnet_account_needs_no_arming() -> None:
    with live({**LIVE, "environment": "testnet"}) as stage:
        assert "needs no arming" in (stage.ask(ARM) or "")
        assert buy(stage)[0] == "executed"


def test_disarming_cancels_entries_and_leaves_the_exits() -> None:
    with live() as stage:
        stage.ask(ARM)
        buy(stage)
        assert live_entries(stage) == 4
        stage.ask(DisarmAccount("perp"))
        stage.wait(1)
        assert live_entries(stage) == 0
        exits = [order for order in stage.world.engine.state.orders.values() if order.reduce_only]
        assert [order.status for order in exits if order.is_live] == [OrderStatus.OPEN] * 2
        stage.signal(symbol="SOLUSDT.P", action="sell", intent="exit", price="100", size="1000")
        stage.wait(5)
        assert not stage.groups()


def test_no_way_in_is_left_open_on_an_unarmed_account() -> None:
    with live() as stage:
        stage.ask(ARM)
        buy(stage)
        stage.ask(DisarmAccount("perp"))
        stage.wait(1)
        (group,) = stage.groups()
        before = len(stage.world.engine.state.orders)
        now = stage.world.clock.now()
        by_hand = PlaceOrder(now, "manual", SYMBOL, Side.LONG, Decimal(1), account="perp")
        answer = stage.run(stage.world.engine.ask(by_hand))
        assert answer is not None
        assert (answer.outcome, answer.reason) == ("rejected", "not_armed")
        assert "not armed" in (stage.ask(AddFunds(group.id, Decimal(100))) or "")
        assert buy(stage) == ("rejected", "not_armed")
        sent_since = list(stage.world.engine.state.orders.values())[before:]
        assert [order for order in sent_since if not order.reduce_only] == []


def test_a_key_for_paper_only_does_not_move_a_live_account() -> None:
    with live() as stage:
        stage.ask(ARM)
        body = stage.world.body_of({"symbol": "SOLUSDT.P", "action": "buy", "price": "100", "size": "1"})
        signal = validate(body)
        key = KeyGrant("desk", (), (), (), None, allows_live=False)
        preview = PreviewSignal(stage.world.clock.now(), signal, key)
        told = stage.run(stage.world.engine.ask(preview))
        assert told is not None
        assert [error.field for error in told.errors] == ["account"]


def test_settings_that_are_no_longer_complete_disarm() -> None:
    with live() as stage:
        stage.ask(ARM)
        loose = {"accounts": [LIVE], "risk": {**LIMITS, "max_exposure_quote": None}, "grid": STOPPED}
        assert stage.ask(ApplyConfig(parse_config(loose))) is None
        assert buy(stage) == ("rejected", "not_armed")


def test_an_account_that_comes_back_is_not_armed_any_more() -> None:
    with live() as stage:
        stage.ask(ARM)
        base = {"risk": LIMITS, "grid": STOPPED}
        stage.ask(ApplyConfig(parse_config({"accounts": [{"id": "paper"}], **base})))
        stage.ask(ApplyConfig(parse_config({"accounts": [LIVE], **base})))
        assert stage.world.engine.snapshot().accounts[0].armed is False


# ---------------------------------------------------------------------------------------------- what was armed


def restart_with(stage: Stage, **config: Any) -> list[str]:
    """End the process, edit the configuration on disk, start again; the alerts of the start."""
    settings = {"accounts": [LIVE], "risk": LIMITS, "grid": STOPPED, **config}
    stage.world.config = parse_config(settings)
    stage.crash()
    return [str(event.data["detail"]) for event in stage.world.events if event.type == "alert.raised"]


@pytest.mark.parametrize(
    ("edited", "said"),
    [
        ({"risk": {**LIMITS, "max_order_quote": None}}, "risk.max_order_quote must be set"),
        ({"risk": {**LIMITS, "max_order_quote": "2000"}}, "risk.max_order_quote was raised from 1000 to 2000"),
        ({"grid": {}}, "a grid of it has no stop any more"),
        ({"accounts": [{**LIVE, "allowed_symbols": None}]}, "allowed_symbols of perp must be set"),
        ({"accounts": [{**LIVE, "allowed_symbols": [SYMBOL, "LTC/USDT:USDT"]}]}, "LTC/USDT:USDT may be entered too"),
        ({"accounts": [{**LIVE, "venue": "bybit"}]}, "venue binance became bybit"),
    ],
)
def test_what_was_edited_on_disk_disarms_and_is_told(edited: dict[str, Any], said: str) -> None:
    with live() as stage:
        stage.ask(ARM)
        assert [alert for alert in restart_with(stage, **edited) if said in alert]
        assert stage.world.engine.snapshot().accounts[0].armed is False
        assert buy(stage) == ("rejected", "not_armed")
        restart_with(stage)
        assert buy(stage, price="101") == ("rejected", "not_armed")


def test_a_narrower_configuration_stays_armed_and_may_be_put_back() -> None:
    with live() as stage:
        stage.ask(ARM)
        assert restart_with(stage, risk={**LIMITS, "max_exposure_quote": "4000"}) == []
        assert restart_with(stage) == []
        assert buy(stage)[0] == "executed"


def test_a_raised_limit_disarms_at_once() -> None:
    with live() as stage:
        stage.ask(ARM)
        raised = {"accounts": [LIVE], "risk": {**LIMITS, "daily_loss_limit_quote": "9000"}, "grid": STOPPED}
        assert stage.ask(ApplyConfig(parse_config(raised))) is None
        assert buy(stage) == ("rejected", "not_armed")


def test_other_keys_at_the_start_disarm() -> None:
    state = EngineState(parse_config({"accounts": [LIVE], "risk": LIMITS, "grid": STOPPED}), key_prints={"perp": "one"})
    turn = turn_of(state)
    arm(turn, ARM)
    turn.changes()
    turn.apply()
    assert armed_in(state, "perp") is True
    state.key_prints["perp"] = "another"
    assert armed_in(state, "perp") is False
    turn = turn_of(state)
    assert not may_enter(turn, "perp")
    follow_config(turn)
    assert [event.data["detail"] for event in turn.ledger.events][-1] == "perp was disarmed: its keys are others"


@pytest.mark.parametrize("fact", ["2026-01-01T00:00:00Z", "{}", "[]", '{"limits": {"max_order_quote": "x"}}'])
def test_what_cannot_be_read_is_not_armed(fact: str) -> None:
    state = EngineState(parse_config({"accounts": [LIVE], "risk": LIMITS, "grid": STOPPED}))
    state.facts["armed/perp"] = fact
    assert armed_in(state, "perp") is False


def test_keys_that_may_be_of_another_account_wait_until_no_group_is_open() -> None:
    with live() as stage:
        stage.ask(ARM)
        buy(stage)
        change = ApplyConfig(stage.world.config, keys=ChangeKeys("perp", "new"))
        assert "groups are open on perp" in (stage.ask(change) or "")
        assert stage.world.engine.snapshot().accounts[0].armed is True
        same = ChangeKeys("perp", "new", same_account=True)
        assert stage.ask(ApplyConfig(stage.world.config, keys=same)) is None
        assert stage.world.engine.snapshot().accounts[0].armed is False
