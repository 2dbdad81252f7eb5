"""A live account takes entries only after a person has armed it, and only as long as its limits are set."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.alert import validate
from app.domain.order import OrderStatus
from app.domain.values import Side
from app.messages.commands import (
    AddFunds,
    ApplyConfig,
    ArmAccount,
    DisarmAccount,
    KeyGrant,
    PlaceOrder,
    PreviewSignal,
)
from app.replay.webhooks import body_of
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
        body = body_of({"symbol": "SOLUSDT.P", "action": "buy", "price": "100", "size": "1"}, stage.world.clock.now())
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
