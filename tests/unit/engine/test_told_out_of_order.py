"""Exits whose fills are told before those of the entries they sold, and exits refused as there is nothing to sell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from app.domain.group import Group, GroupStatus, LegStatus
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, OrderRole, Side
from app.engine.inbox import AccountRead
from app.messages.commands import CancelEntries, CloseGroup
from app.messages.effects import AmendOrder, CancelOrder, Reconcile, SubmitOrders
from app.messages.reports import OutcomeUnknown, PositionReport, RefusalCode, Refused
from tests.support.strategies import filled_at, group_of, leg_of
from tests.unit.engine.bench import Bench

D = Decimal
STOP, ENTRY, CLOSE = OrderRole.STOP_LOSS, OrderRole.ENTRY, OrderRole.CLOSE
GONE = Refused(RefusalCode.REDUCE_ONLY, "no position")


def planned(side: Side = Side.LONG) -> Bench:
    """One leg of two is filled at 100, the other rests; the stop at the venue is over both."""
    group = group_of([leg_of(0, "100", "1"), leg_of(1, "98" if side is Side.LONG else "102", "1")], side)
    stop = {"stop_sizing": "planned", "stop_loss": {"mode": "percent", "percent": D(8)}}
    grid = type(group.grid).model_validate({**group.grid.model_dump(), **stop})
    bench = Bench(filled_at(replace(group, grid=grid), (0, 0), "100", "1"))
    bench.care()
    assert (bench.stop().quantity, bench.stop().status) == (D(2), OrderStatus.OPEN)
    return bench


def read(bench: Bench, *, seconds_ago: float = 0, activity: Mapping[str, int] | None = None, holds: str = "0") -> None:
    account = bench.state.accounts[bench.group.account]
    began = bench.now - timedelta(seconds=seconds_ago)
    position = PositionReport(account.id, bench.group.symbol, bench.group.side, D(holds), D(100), D(1), None, began)
    listed = [order for order in bench.state.orders.values() if order.status is OrderStatus.OPEN]
    reports = tuple(bench.report(order.client_order_id) for order in listed)
    activity = account.activity if activity is None else activity
    bench.tell(AccountRead(account.id, began, activity, reports, (position,), (), (), ()))


def second_entry(bench: Bench) -> Order:
    return bench.orders(ENTRY)[-1]


def test_an_entry_told_after_the_stop_that_sold_it_is_closed_with_it() -> None:
    bench = planned()
    bench.fill(bench.stop(), "92")
    assert (bench.group.open_quantity, bench.group.oversold, bench.group.status) == (D(0), D(1), GroupStatus.CLOSING)
    bench.fill(second_entry(bench), "98")
    group = bench.group
    assert (group.status, group.close_reason) == (GroupStatus.CLOSED, CloseReason.STOP_LOSS)
    assert (group.realized_pnl, group.oversold) == (D(-14), D(0))
    assert [leg.status(group.step_size) for leg in group.legs] == [LegStatus.CLOSED, LegStatus.CLOSED]
    assert bench.orders(CLOSE) == []
    assert bench.alerts("error") == []


def test_a_shorts_entry_told_after_the_stop_that_bought_it_back_is_closed_with_it() -> None:
    bench = planned(Side.SHORT)
    bench.fill(bench.stop(), "108")
    bench.fill(second_entry(bench), "102")
    assert (bench.group.status, bench.group.realized_pnl) == (GroupStatus.CLOSED, D(-14))


def test_a_planned_stop_that_has_triggered_is_left_to_sell_though_less_is_open_than_it_is_over() -> None:
    bench = planned()
    bench.asked.clear()
    bench.fill(bench.stop(), "92", quantity="0.5")
    bench.wait(60)
    assert second_entry(bench).status is OrderStatus.CANCELLED
    assert (bench.group.open_quantity, bench.stop().remaining) == (D("0.5"), D("1.5"))
    assert bench.asked_at(AmendOrder) == bench.asked_at(CancelOrder, bench.stop()) == []
    assert len(bench.orders(STOP)) == 1


def test_a_planned_stop_that_fills_in_parts_before_its_entry_is_told_is_not_made_larger() -> None:
    bench = planned()
    bench.answers = {CancelOrder: OutcomeUnknown("no answer")}
    bench.asked.clear()
    bench.fill(bench.stop(), "92", quantity="1.5")
    assert (bench.group.oversold, bench.stop().remaining) == (D("0.5"), D("0.5"))
    assert (bench.asked_at(AmendOrder), len(bench.orders(STOP))) == ([], 1)
    bench.fill(second_entry(bench), "98")
    assert (bench.group.open_quantity, bench.group.oversold, bench.stop().remaining) == (D("0.5"), D(0), D("0.5"))
    assert (bench.asked_at(AmendOrder), len(bench.orders(STOP)), bench.orders(CLOSE)) == ([], 1, [])


def test_a_group_that_sold_more_than_it_had_waits_for_a_reading_and_is_then_told_of() -> None:
    bench = planned()
    bench.fill(bench.stop(), "92")
    assert second_entry(bench).status is OrderStatus.CANCELLED
    assert any(isinstance(effect, Reconcile) for _, effect in bench.asked)
    bench.wait(30)
    assert bench.group.is_open
    read(bench, activity={})
    assert (bench.group.oversold, bench.alerts("error")) == (D(1), [])
    read(bench)
    assert bench.alerts("error") == ["1.000 BTC/USDT:USDT more was sold than was open"]
    group: Group = bench.group
    assert (group.status, group.oversold, group.realized_pnl) == (GroupStatus.CLOSED, D(0), D(-8))


def test_what_was_sold_too_much_is_not_given_up_while_an_order_may_tell_of_its_entry() -> None:
    bench = planned()
    entry = second_entry(bench)
    bench.state.orders[entry.client_order_id] = replace(entry, seen_filled=D(1))
    bench.fill(bench.stop(), "92")
    read(bench)
    assert (bench.group.oversold, bench.alerts("error")) == (D(1), [])


def refused_close() -> Bench:
    bench = Bench(filled_at(group_of([leg_of(0, "100", "1")]), (0, 0), "100", "1"))
    bench.care()
    bench.answers = {SubmitOrders: GONE}
    bench.state.groups[bench.group.id] = replace(bench.group, closing=CloseReason.MANUAL, closing_at=bench.now)
    bench.care()
    assert len(bench.orders(CLOSE)) == 1
    return bench


def tries(bench: Bench, seconds: float = 60) -> int:
    """How many closes have been sent after the group was looked at for so long, as the engine does every 10 s."""
    for _ in range(int(seconds // 10)):
        bench.wait(10)
        bench.care()
    return len(bench.orders(CLOSE))


def test_a_close_refused_as_nothing_is_there_goes_again_only_after_a_reading_that_began_later() -> None:
    bench = refused_close()
    assert tries(bench) == 1
    read(bench, seconds_ago=61, holds="1")
    assert tries(bench) == 1
    read(bench, holds="1")
    assert tries(bench) == 2
    bench.answers = {}
    read(bench, holds="1")
    tries(bench)
    assert [order.status for order in bench.orders(CLOSE)][-1] is OrderStatus.OPEN


def test_a_close_refused_as_nothing_is_there_waits_while_the_trader_is_asked() -> None:
    bench = refused_close()
    account = bench.state.accounts[bench.group.account]
    read(bench, holds="1")
    account.mass_difference = "2 groups seem to be gone"
    assert tries(bench) == 1
    account.mass_difference = None
    assert tries(bench) == 2


def test_a_venue_that_refuses_what_is_there_is_read_at_once_no_more_than_a_few_times() -> None:
    bench = refused_close()
    for _ in range(10):
        read(bench, holds="1")
        tries(bench, 40)
    assert len(bench.orders(CLOSE)) == 11
    at_once = [effect for _, effect in bench.asked if effect == Reconcile(bench.group.account, 0)]
    assert len(at_once) == bench.state.config.protection.max_attempts - 1
    assert len(bench.alerts("critical")) == 1


def test_a_reading_counts_though_exits_were_refused_meanwhile() -> None:
    bench = planned()
    bench.answers = {SubmitOrders: GONE}
    activity = bench.state.accounts[bench.group.account].activity
    bench.tell(CancelEntries(bench.group.id))
    bench.tell(CloseGroup(bench.group.id))
    assert bench.orders(CLOSE)[-1].status is OrderStatus.REJECTED
    for _ in range(2):
        read(bench, seconds_ago=1, activity=activity, holds="0")
        bench.wait(6)
    assert (bench.group.status, bench.group.close_reason) == (GroupStatus.CLOSED, CloseReason.MANUAL)
    assert bench.group.open_quantity == 0


def test_a_reading_does_not_count_where_an_order_reached_the_venue_meanwhile() -> None:
    bench = planned()
    activity = bench.state.accounts[bench.group.account].activity
    bench.tell(CloseGroup(bench.group.id))
    for _ in range(4):
        bench.wait(4)
        read(bench, seconds_ago=4, activity=activity, holds="0")
    assert bench.group.open_quantity == 1
