"""The emergency stop: what trips it, what it leaves alone, and that it fails closed."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.engine import emergency
from app.messages.commands import CloseAll, EmergencyReset, EmergencyStop
from app.messages.records import Changes
from app.messages.reports import BreakerReport
from app.ports.store import StoreFailed
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
SOL = "SOL/USDT:USDT"
pytestmark = pytest.mark.expects_log_warnings


def buy(stage: Stage, coin: str = "SOL", timeframe: str = "60") -> None:
    price = stage.world.board.quotes[f"{coin}/USDT:USDT"].last
    stage.signal(
        action="buy", symbol=f"{coin}USDT.P", timeframe=timeframe, price=str(price), size="500", size_type="quote"
    )


def outcome(stage: Stage) -> tuple[str, str | None]:
    record = list(stage.world.signals.values())[-1]
    return record.outcome.value, record.reason


def level(stage: Stage) -> str:
    return stage.world.engine.snapshot().emergency.level


@pytest.mark.parametrize("text", ["{", '{"code": "x"}', '{"code": "x", "reason": "y", "at": "once"}', "[]"])
def test_a_state_that_cannot_be_read_counts_as_critical(text: str) -> None:
    found = emergency.read(text)
    assert found is not None
    assert found.code == "unreadable"


def test_nothing_kept_is_normal() -> None:
    assert emergency.read(None) is None
    assert emergency.read("") is None


def test_a_reset_needs_a_reason() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.ask(EmergencyStop("drill"))
        assert stage.ask(EmergencyReset("  ")) == "a reset needs a reason"
        assert level(stage) == "critical"
        assert stage.ask(EmergencyReset("drill over")) is None
        assert level(stage) == "normal"


def test_the_first_cause_stands() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.ask(EmergencyStop("drill"))
        stage.ask(CloseAll())
        assert stage.world.engine.snapshot().emergency.code == "by_hand"


def test_a_disk_that_failed_stops_entries_until_a_person_resets(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL")) as stage:
        store = stage.world._store
        works = store.commit

        async def fails(_: Changes) -> None:
            raise StoreFailed("the disk is full")

        monkeypatch.setattr(store, "commit", fails)
        buy(stage)
        assert level(stage) == "critical"
        monkeypatch.setattr(store, "commit", works)
        stage.wait(30)
        assert stage.world.engine.snapshot().emergency.code == "disk"
        buy(stage)
        assert outcome(stage) == ("rejected", "emergency_stop")


def test_an_open_breaker_holds_entries_warns_and_in_the_end_trips() -> None:
    with Stage(scenario("SOL", risk={"breaker_trip_minutes": 5}, queue={"max_age_minutes": 60})) as stage:
        deliver = stage.world.engine._deliver
        deliver(BreakerReport("paper", True, stage.world.clock.now(), "five errors"))
        stage.wait(20)
        assert level(stage) == "warning"
        buy(stage)
        assert outcome(stage) == ("queued", "breaker_open")
        stage.wait(300)
        assert stage.world.engine.snapshot().emergency.code == "breaker"
        deliver(BreakerReport("paper", False, stage.world.clock.now()))
        stage.ask(EmergencyReset("the venue is back"))
        stage.wait(1)
        assert outcome(stage) == ("executed", None)


def test_close_all_is_verified_by_a_reading_of_every_account() -> None:
    with Stage(scenario("SOL", "LTC", risk={"cooldown_sec": 0})) as stage:
        buy(stage)
        buy(stage, "LTC")
        stage.ask(CloseAll())
        stage.wait(30)
        shown = stage.world.engine.risk().close_all
        assert shown is not None
        assert [group.status for group in shown.groups] == ["closed", "closed"]
        assert shown.verified == {"paper": True}
        assert shown.finished_at is not None


def test_close_all_with_nothing_open_still_looks() -> None:
    with Stage(scenario("SOL")) as stage:
        stage.ask(CloseAll())
        stage.wait(10)
        shown = stage.world.engine.risk().close_all
        assert shown is not None
        assert shown.verified == {"paper": True}


def test_a_limit_that_is_nearly_reached_warns() -> None:
    with Stage(scenario("SOL", risk={"daily_loss_limit_quote": "50"})) as stage:
        buy(stage)
        stage.price(SOL, D(91))
        stage.wait(11)
        shown = stage.world.engine.snapshot().emergency
        assert shown.level == "warning"
        assert "daily_loss" in shown.warnings[0]
