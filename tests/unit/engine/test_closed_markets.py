"""Markets that are halted, delisted or gone while groups are open there."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.domain.order import OrderStatus
from app.domain.values import OrderRole, Side
from app.engine.inbox import AccountRead, MarketLoaded
from app.engine.markets import GROUPS_REFRESH
from app.messages.effects import LoadMarket
from app.messages.reports import PositionReport
from tests.support.examples import NOON
from tests.support.strategies import filled_group, grid_of, group_of, leg_of
from tests.unit.engine.bench import RULES, Bench

D = Decimal


def bench_of() -> Bench:
    return Bench(filled_group(Side.LONG, ("100", "1")))


def told(bench: Bench) -> list[str]:
    return [alert.partition(";")[0] for alert in bench.alerts("warning") if "new entries are not" in alert]


def read(bench: Bench) -> None:
    group, seen = bench.group, bench.state.accounts[bench.group.account].activity
    position = PositionReport(group.account, group.symbol, group.side, D(1), D(100), None, None, bench.now)
    bench.tell(AccountRead(group.account, bench.now, seen, (), (position,), (), (), ()))


def test_each_reason_is_told_once() -> None:
    bench = bench_of()
    halted, leaving = replace(RULES, is_trading=False), replace(RULES, delisted_at=NOON)
    for rules in (RULES, halted, halted, leaving, leaving, RULES, halted):
        bench.load(rules)
    sentences = [rules.closed for rules in (halted, leaving, halted)]
    assert told(bench) == sentences


def test_a_market_that_is_listed_no_more_is_closed_and_told_once() -> None:
    bench = bench_of()
    for _ in range(2):
        bench.tell(MarketLoaded(bench.group.account, bench.group.symbol, None))
    market = bench.state.market(bench.group.account, bench.group.symbol)
    assert market is not None
    assert told(bench) == [market.rules.closed]


def test_a_market_that_could_not_be_asked_for_is_not_closed() -> None:
    bench = bench_of()
    bench.tell(MarketLoaded(bench.group.account, bench.group.symbol, None, failure="no answer"))
    assert told(bench) == []


def test_the_rules_of_an_open_groups_market_are_asked_for_again_after_an_hour() -> None:
    bench = bench_of()
    read(bench)
    bench.now += GROUPS_REFRESH * 1.5
    read(bench)
    read(bench)
    assert len(bench.asked_at(LoadMarket)) == 1
    bench.now += GROUPS_REFRESH * 1.5
    read(bench)
    assert len(bench.asked_at(LoadMarket)) == 2


def gridded() -> Bench:
    """Two legs, of which one rests."""
    legs = [leg_of(0, "98", "1"), leg_of(1, "96", "1")]
    bench = Bench(group_of(legs, grid=grid_of(max_resting_legs=1)))
    bench.care()
    return bench


def entries(bench: Bench) -> list[tuple[int | None, OrderStatus]]:
    return [(order.leg, order.status) for order in bench.orders(OrderRole.ENTRY)]


def test_a_leg_that_is_to_follow_waits_while_its_market_is_halted_and_what_rests_stays() -> None:
    bench = gridded()
    bench.load(replace(RULES, is_trading=False))
    assert entries(bench) == [(0, OrderStatus.OPEN)]
    bench.fill(bench.orders(OrderRole.ENTRY)[0], "98")
    bench.care()
    assert entries(bench) == [(0, OrderStatus.FILLED)]
    assert bench.orders(OrderRole.TAKE_PROFIT)
    bench.load(RULES)
    assert entries(bench) == [(0, OrderStatus.FILLED), (1, OrderStatus.OPEN)]


def test_a_market_that_is_to_be_delisted_loses_its_entries_and_keeps_its_exits() -> None:
    bench = gridded()
    bench.fill(bench.orders(OrderRole.ENTRY)[0], "98", quantity="0.5")
    bench.load(replace(RULES, delisted_at=NOON + timedelta(days=1)))
    assert entries(bench) == [(0, OrderStatus.CANCELLED)]
    assert not bench.group.wants_entries
    assert [order.is_live for order in bench.orders(OrderRole.TAKE_PROFIT)] == [True]
    assert "those that rest are cancelled" in bench.alerts("warning")[-1]


def test_a_halted_market_is_asked_for_again_after_five_minutes() -> None:
    bench = bench_of()
    bench.load(replace(RULES, is_trading=False))
    for seconds, asked in ((200, 0), (200, 1)):
        bench.now += timedelta(seconds=seconds)
        read(bench)
        assert len(bench.asked_at(LoadMarket)) == asked
