"""Markets that are halted, delisted or gone while groups are open there."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from app.domain.values import Side
from app.engine.inbox import AccountRead, MarketLoaded
from app.engine.markets import GROUPS_REFRESH
from app.messages.effects import LoadMarket
from app.messages.reports import PositionReport
from tests.support.examples import NOON
from tests.support.strategies import filled_group
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
