"""What of the other side an entry waits for on a one-way account."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.domain.values import Side
from app.engine.blocking import blocked_by
from app.engine.state import external_fact
from app.messages.records import QueueReason
from tests.support.strategies import filled_group, rules_of
from tests.unit.engine.bench import Bench

LEFT = {"min_qty": Decimal("0.01"), "min_notional": Decimal(5)}


@pytest.mark.parametrize(
    ("left", "exits_below_minimum", "waits"),
    [("0.005", True, False), ("0.04", True, True), ("0.04", False, False), ("0.05", False, True)],
)
def test_what_the_venue_takes_no_exit_of_blocks_no_entry(left: str, exits_below_minimum: bool, waits: bool) -> None:
    bench = Bench(replace(filled_group(Side.LONG, ("100", "1")), symbol="LTC/USDT:USDT"))
    identity = replace(bench.group.identity.opposite, symbol="BTC/USDT:USDT")
    account = bench.state.accounts[identity.account]
    account.capabilities = replace(account.capabilities, exits_below_minimum=exits_below_minimum)
    bench.state.markets[identity.account, identity.symbol] = replace(
        bench.state.markets[bench.group.market_key], rules=rules_of("0.1", "0.001", **LEFT)
    )
    bench.state.facts[external_fact((identity.account, identity.symbol, Side.LONG))] = left
    assert blocked_by(bench._new_turn(), identity, None) is (QueueReason.OPPOSITE_SIDE_OPEN if waits else None)
