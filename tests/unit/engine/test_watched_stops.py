"""A stop that is watched here protects only while the exchange answers and tells prices."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

import pytest

from app.domain.values import CloseReason, Side
from app.engine.state import AccountState, Market
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench

D = Decimal
SPELLS = ("protection.missing", "protection.restored", "protection.failed")


def bench_of() -> Bench:
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=grid_of(stop_loss={"mode": "percent", "percent": D(5)})))
    account_of(bench).connected = True
    account_of(bench).conditional_refused = "none are taken"
    bench.care()
    return bench


def account_of(bench: Bench) -> AccountState:
    return bench.state.accounts[bench.group.account]


def market_of(bench: Bench) -> Market:
    market = bench.state.market(bench.group.account, bench.group.symbol)
    assert market is not None
    return market


def lose_connection(bench: Bench) -> None:
    account_of(bench).connected = False


def open_breaker(bench: Bench) -> None:
    account_of(bench).breaker_since = bench.now


@pytest.mark.parametrize("cut", [lose_connection, open_breaker])
def test_while_the_exchange_cannot_be_reached_past_the_grace_the_trader_is_told_once_and_nothing_is_sold(
    cut: Callable[[Bench], None],
) -> None:
    bench = bench_of()
    bench.wait(60)
    assert bench.seen(*SPELLS) == []
    cut(bench)
    bench.care()
    bench.wait(29)
    assert bench.seen(*SPELLS) == ["protection.missing"]
    bench.wait(31)
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.failed"]
    assert [alert for alert in bench.alerts("critical") if "could not be watched" in alert] == bench.alerts("critical")
    assert bench.group.closing is None
    account_of(bench).connected, account_of(bench).breaker_since = True, None
    bench.care()
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.failed", "protection.restored"]


def test_an_outage_of_the_exchange_does_not_use_up_the_failures_after_which_all_is_stopped() -> None:
    bench = bench_of()
    most = bench.state.config.risk.max_protection_failures or 0
    for _ in range(most + 1):
        lose_connection(bench)
        bench.care()
        bench.wait(31)
        account_of(bench).connected = True
        bench.care()
    assert bench.seen("protection.failed") == ["protection.failed"] * (most + 1)
    assert bench.seen("ess.tripped") == []


def test_without_a_price_past_the_grace_the_position_is_closed() -> None:
    bench = bench_of()
    market_of(bench).quote = None
    bench.care()
    bench.wait(31)
    assert bench.group.closing is CloseReason.PROTECTION_FAILED
