"""An account is taken out of the configuration while something of it is under way."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.values import Side
from app.engine.binding import put_balance
from app.engine.inbox import AccountLeft, AccountReplaced
from app.engine.money import money_view
from app.engine.state import AccountState, Balance
from app.exchange.paper.venue import PaperVenue
from app.messages.commands import ApplyConfig, ChangeKeys, CloseAll, CloseGroup, SampleEquity
from app.messages.records import ActionStatus, SignalOutcome
from app.messages.reports import BalanceReport
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


TWO = [{"id": name, "market_type": "linear"} for name in ("alpha", "beta")]
PEAK = "peak_equities/paper/2026-01-05"


def with_a_past() -> Bench:
    """A group on `alpha`, nothing on `beta`; both have been there for long."""
    bench = Bench(replace(filled_group(Side.LONG, ("100", "1")), account="alpha"))
    state = bench.state
    state.config = parse_config({"accounts": TWO})
    state.accounts["beta"] = AccountState("beta", state.accounts["alpha"].capabilities, connected=True, reconciled=True)
    for name in ("alpha", "beta"):
        put_balance(state, name, "USDT", Balance(D(1000), D(1000), bench.now))
        state.facts |= {
            f"started_with/{name}": "10000",
            f"watermark/{name}": "2026-01-05T11:00:00Z",
            f"mass_difference/{name}": "accepted g1",
            f"foreign/{name}/zzzzz": "ignore",
            f"external/{name}/SOL/USDT:USDT/long": "3",
            f"realized/{name}/2026-01-05": "5",
        }
    state.facts[PEAK] = '{"alpha": "700", "beta": "10000"}'
    return bench


def past_of(bench: Bench, name: str) -> set[str]:
    """Which facts still say something of the account."""
    return {fact.partition("/")[0] for fact, told in bench.state.facts.items() if told and f"/{name}" in fact}


ALL = {"started_with", "watermark", "mass_difference", "foreign", "external", "realized"}


def changed_keys(*, same_account: bool) -> ApplyConfig:
    return ApplyConfig(parse_config({"accounts": TWO}), keys=ChangeKeys("beta", "new", same_account))


@pytest.mark.parametrize(
    "command", [ApplyConfig(parse_config({"accounts": TWO[:1]})), changed_keys(same_account=False)]
)
def test_what_an_account_leaves_is_not_the_past_of_the_next_one_of_its_name(command: ApplyConfig) -> None:
    bench = with_a_past()
    bench.tell(command)
    assert past_of(bench, "beta") == {"realized"}
    assert past_of(bench, "alpha") == ALL
    assert bench.state.facts[PEAK] == '{"alpha": "700"}'
    assert list(bench.state.balances) == ["alpha"]


def test_other_keys_of_the_same_account_keep_its_past() -> None:
    bench = with_a_past()
    bench.tell(changed_keys(same_account=True))
    assert past_of(bench, "beta") == ALL
    assert list(bench.state.balances) == ["alpha", "beta"]


def test_what_is_noted_before_the_account_has_left_goes_with_it() -> None:
    bench = with_a_past()
    bench.tell(ApplyConfig(parse_config({"accounts": TWO[:1]})))
    bench.tell(BalanceReport("beta", "USDT", D(10000), D(10000), bench.now))
    bench.tell(SampleEquity())
    assert "started_with" in past_of(bench, "beta")
    bench.tell(AccountLeft("beta"))
    assert past_of(bench, "beta") == {"realized"}
    assert money_view(bench.state, bench.now, "paper", ["beta"]).started_with is None


def test_a_balance_that_is_read_after_its_account_has_left_is_kept_for_nobody() -> None:
    bench = with_a_past()
    bench.tell(ApplyConfig(parse_config({"accounts": TWO[:1]})))
    bench.tell(AccountLeft("beta"))
    bench.tell(BalanceReport("beta", "USDT", D(10000), D(10000), bench.now))
    assert list(bench.state.balances) == ["alpha"]


@pytest.mark.parametrize("same_account", [False, True])
def test_what_is_told_through_old_keys_after_they_were_changed_is_not_the_past_of_another_account(
    same_account: bool,
) -> None:
    bench = with_a_past()
    bench.tell(changed_keys(same_account=same_account))
    bench.tell(BalanceReport("beta", "USDT", D(10000), D(10000), bench.now))
    bench.tell(SampleEquity())
    bench.tell(AccountReplaced("beta"))
    assert past_of(bench, "beta") == (ALL if same_account else {"realized"})
    assert list(bench.state.balances) == (["alpha", "beta"] if same_account else ["alpha"])
    assert bench.state.accounts["beta"].reconciled is same_account


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
