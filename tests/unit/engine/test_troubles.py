"""What the trader is told of an exchange that does not answer, or does not let the keys in: once."""

from __future__ import annotations

import pytest

from app.messages.commands import ArmAccount
from app.messages.reports import BreakerReport, ConnectionReport
from tests.unit.engine.test_arming import LIVE, live
from tests.unit.engine.worlds import Stage, scenario

pytestmark = pytest.mark.expects_log_warnings
REFUSED = "the exchange refuses the keys of perp: -2015: Invalid API-key"


def alerts(stage: Stage, severity: str) -> list[str]:
    raised = [event for event in stage.world.events if event.type == "alert.raised"]
    return [str(event.data["detail"]) for event in raised if event.data["severity"] == severity]


def breaker(stage: Stage, *, is_open: bool) -> None:
    account = next(iter(stage.world.engine.state.accounts))
    reason = "the exchange did not answer" if is_open else None
    stage.world.engine._deliver(BreakerReport(account, is_open, stage.world.clock.now(), reason))
    stage.wait(1)


def test_an_open_breaker_is_told_once_in_an_outage_however_often_it_flaps() -> None:
    with Stage(scenario("SOL")) as stage:
        for _ in range(3):
            breaker(stage, is_open=True)
            breaker(stage, is_open=False)
        (told,) = alerts(stage, "warning")
        assert "is open: entries wait" in told
        assert "the exchange did not answer" in told
        stage.wait(600)
        breaker(stage, is_open=True)
        assert len(alerts(stage, "warning")) == 2


def test_refused_keys_are_a_critical_alert_and_keep_the_account_from_being_armed() -> None:
    with live() as stage:
        now = stage.world.clock.now()
        for _ in range(2):
            stage.world.engine._deliver(ConnectionReport("perp", False, now, REFUSED, None, needs_person=True))
            stage.wait(1)
        (told,) = alerts(stage, "critical")
        assert REFUSED in told
        account = stage.world.engine.state.accounts[str(LIVE["id"])]
        assert (account.ready, account.reason) == (False, REFUSED)
        assert stage.ask(ArmAccount("perp", typed_name="perp")) == f"perp cannot be armed: {REFUSED}"
