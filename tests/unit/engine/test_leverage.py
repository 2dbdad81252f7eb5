"""A position that runs at another leverage than was set for it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from app.domain.values import Side
from app.engine.inbox import AccountRead
from app.messages.reports import PositionReport
from tests.support.strategies import filled_group
from tests.unit.engine.bench import Bench

D = Decimal


def read(bench: Bench, leverage: str | None, activity: Mapping[str, int] | None = None) -> None:
    """The account, with the group's contract in a position of this leverage."""
    group, told = bench.group, None if leverage is None else D(leverage)
    position = PositionReport(group.account, group.symbol, group.side, D(1), D(100), told, None, bench.now)
    seen = bench.state.accounts[group.account].activity if activity is None else activity
    bench.tell(AccountRead(group.account, bench.now, seen, (), (position,), (), (), ()))


def findings(bench: Bench) -> list[tuple[object, object]]:
    told = [event.data for event in bench.events if event.type == "reconcile.finding"]
    return [(data["before"], data["after"]) for data in told if data["kind"] == "other_leverage"]


def test_another_leverage_is_told_once_and_again_when_it_changes() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    for leverage in ("1", "25", "25", "20", "1", "20"):
        read(bench, leverage)
    assert findings(bench) == [("1", "25"), ("1", "20"), ("1", "20")]
    alerts = [event.data["detail"] for event in bench.events if event.type == "alert.raised"]
    assert len(alerts) == 3
    assert "runs at 25x at the exchange, 1x was set for it" in str(alerts[0])


def test_a_leverage_that_a_venue_does_not_tell_is_no_difference() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    read(bench, None)
    assert findings(bench) == []


def test_a_reading_that_orders_have_overtaken_tells_no_leverage() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    bench.state.accounts[bench.group.account].note_activity(bench.group.symbol)
    read(bench, "25", activity={})
    assert findings(bench) == []


def test_orders_of_another_market_overtake_no_reading_of_this_one() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1")))
    bench.state.accounts[bench.group.account].note_activity("DOGE/USDT:USDT")
    read(bench, "25", activity={})
    assert findings(bench) == [("1", "25")]
