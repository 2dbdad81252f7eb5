"""An account is taken out of the configuration while something of it is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.base.config import parse_config
from app.domain.values import Side
from app.exchange.paper.venue import PaperVenue
from app.messages.commands import ApplyConfig, CloseAll, CloseGroup
from app.messages.records import ActionStatus, SignalOutcome
from tests.support.examples import signal_record
from tests.support.strategies import filled_group
from tests.unit.engine.bench import Bench
from tests.unit.engine.worlds import FINE, Stage

D = Decimal


def test_what_is_recorded_for_it_is_rejected_and_not_read_for_another() -> None:
    group = replace(filled_group(Side.LONG, ("100", "1")), account="alpha")
    bench = Bench(group)
    accounts = [{"id": name, "market_type": "linear"} for name in ("alpha", "beta")]
    bench.state.config = parse_config({"accounts": accounts})
    record = replace(signal_record(1), account="beta", outcome=SignalOutcome.PENDING)
    bench.state.pending_signals = {record.id: record}
    bench.tell(ApplyConfig(parse_config({"accounts": accounts[:1]})))
    told = [event.data for event in bench.events if event.type == "signal.rejected"]
    assert [(data["reason"], data["detail"]) for data in told] == [("account_removed", "the account beta was removed")]


def account(name: str) -> dict[str, Any]:
    return {"id": name, "balances": {"USDT": "10000"}, "fees": {"maker": "0", "taker": "0"}}


LEVELS = [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 50}]
STOPPED = {"default": {"entry_order_type": "market", "levels": LEVELS, "stop_loss": {"mode": "percent", "percent": 5}}}


@contextmanager
def opened() -> Iterator[Stage]:
    """A group on each of two accounts."""
    markets = {"SOL/USDT:USDT": {**FINE, "price": "200"}}
    accounts = [account("alpha"), account("beta")]
    with Stage({"accounts": accounts, "markets": markets, "config": {"grid": STOPPED}}) as stage:
        order: dict[str, Any] = {"action": "buy", "timeframe": "60", "size_type": "quote"}
        for name in ("alpha", "beta"):
            stage.signal(account=name, symbol="SOLUSDT.P", price=D(200), size=D(400), **order)
        stage.wait(5)
        yield stage


def start_with(stage: Stage, venues: dict[str, PaperVenue]) -> None:
    """With these accounts in the file."""
    stage.world.venues = venues
    stage.world.config = parse_config({"accounts": [account(name) for name in venues], "grid": STOPPED})
    stage.crash()
    stage.wait(600)


@contextmanager
def gone() -> Iterator[Stage]:
    """Beta was taken out of the file before this start."""
    with opened() as stage:
        start_with(stage, {"alpha": stage.world.venues["alpha"]})
        yield stage


def alerts(stage: Stage) -> list[tuple[str, str]]:
    told = [event.data for event in stage.world.events if event.type == "alert.raised"]
    return [(str(data["severity"]), str(data["detail"])) for data in told]


def test_a_group_whose_account_is_gone_is_told_once_and_shown_as_unprotected() -> None:
    with gone() as stage:
        [(severity, detail)] = alerts(stage)
        assert severity == "critical"
        assert "SOL/USDT:USDT 1h long: the account beta is not in the settings" in detail
        assert [group.protected for group in stage.groups()] == [True, False]
        assert stage.world.engine.snapshot().emergency.level == "warning"
        assert stage.world.engine.defects == []


def test_it_is_refused_to_close_it() -> None:
    with gone() as stage:
        refusal = stage.ask(CloseGroup(stage.groups()[1].id))
        assert refusal is not None
        assert "the account beta is not in the settings" in refusal
        assert stage.groups()[1].status == "active"


def test_closing_all_counts_it_as_failed_and_never_says_that_all_is_closed() -> None:
    with gone() as stage:
        stage.ask(CloseAll())
        stage.wait(60)
        assert [group.account for group in stage.groups()] == ["beta"]
        assert alerts(stage)[-1] == ("critical", "not flat after closing all: beta")
        closing = stage.world.engine.risk().close_all
        assert closing is not None
        assert closing.verified == {"alpha": True, "beta": False}
        assert [group.status for group in closing.groups] == ["closed", "failed"]


def test_once_the_account_is_back_it_is_managed_again() -> None:
    with opened() as stage:
        venues = stage.world.venues
        start_with(stage, {"alpha": venues["alpha"]})
        start_with(stage, venues)
        assert len(alerts(stage)) == 1
        assert [group.protected for group in stage.groups()] == [True, True]
        assert stage.ask(CloseGroup(stage.groups()[1].id)) is None
        stage.wait(5)
        assert [group.account for group in stage.groups()] == ["alpha"]


def test_an_offset_whose_winner_was_on_it_goes_on_to_its_end() -> None:
    offset = {
        "mode": "auto", "scope": "quote", "partial_close_enabled": False, "wait_minutes": 1, "min_interval_minutes": 1,
        "loss_threshold_percent": "-1", "require_full_pyramids": False,
    }  # fmt: skip
    levels = [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 50}]
    grid = {"default": {"entry_order_type": "market", "tp_mode": "per_leg", "levels": levels}}
    markets = {"SOL/USDT:USDT": {**FINE, "price": "200"}, "ETH/USDT:USDT": {**FINE, "price": "2000"}}
    accounts = [account("alpha"), account("beta")]
    config = {"offset": offset, "risk": {"cooldown_sec": 0}, "grid": grid}
    with Stage({"accounts": accounts, "markets": markets, "config": config}) as stage:
        order: dict[str, Any] = {"action": "buy", "timeframe": "60", "size_type": "quote"}
        stage.signal(account="alpha", symbol="SOLUSDT.P", price=D(200), size=D(400), **order)
        stage.signal(account="beta", symbol="ETHUSDT.P", price=D(2000), size=D(2000), **order)
        stage.wait(50)
        stage.world.venues["alpha"].set_book("SOL/USDT:USDT", D("0.5"))
        stage.price("SOL/USDT:USDT", D(196))
        stage.price("ETH/USDT:USDT", D(2100))
        stage.wait(70)
        [action] = stage.world.engine.state.actions.values()
        assert action.status is ActionStatus.LOSER
        kept = stage.world.engine.state.config
        stage.ask(ApplyConfig(kept.model_copy(update={"accounts": kept.accounts[:1]})))
        stage.run(stage.world.engine.remove_account("beta"))
        for price in (195, 196, 195, 196):
            stage.price("SOL/USDT:USDT", D(price))
            stage.wait(10)
        assert [action.status for action in stage.world.engine.state.actions.values()] == [ActionStatus.DONE]
        assert stage.world.engine.defects == []
