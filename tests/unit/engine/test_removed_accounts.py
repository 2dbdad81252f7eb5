"""An account is taken out of the configuration while something of it is under way."""

from __future__ import annotations

from dataclasses import replace

from app.base.config import parse_config
from app.domain.values import Side
from app.messages.commands import ApplyConfig
from app.messages.records import SignalOutcome
from tests.support.examples import signal_record
from tests.support.strategies import filled_group
from tests.unit.engine.bench import Bench


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
