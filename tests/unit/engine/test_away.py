"""A venue that cannot be reached, or has shut us out: what waits, how long, and what the trader is told."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest

from app.domain.group import Group
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, OrderRole, Side
from app.engine.inbox import AccountRead, AccountUnreachable
from app.engine.views import group_view
from app.engine.watching import watch_of
from app.messages.commands import CancelEntries, CloseGroup, EmergencyStop, MoveStop, Pause
from app.messages.effects import AmendOrder, CancelOrder, LoadMarket, LookUpOrder, SubmitOrders
from app.messages.reports import NotFound, NotSent, OutcomeUnknown, PositionReport, RefusalCode, Refused
from tests.support.strategies import filled_group, grid_of, group_of, leg_of, levels_of, rules_of
from tests.unit.engine.bench import Bench, gaps

D = Decimal
GRID = grid_of(levels=levels_of(("0", "100", "5")), tp_mode="per_leg", stop_loss={"mode": "percent", "percent": D(5)})
BANNED = NotSent("the exchange has asked us to wait", 20)
CUT = NotSent("no connection")
QUICK: dict[str, Any] = {"protection": {"grace_sec": 5, "monitor_interval_sec": 5}}


def held() -> Group:
    """One contract at 100, whose stop belongs at 95."""
    return filled_group(Side.LONG, ("100", "1"), grid=GRID)


def resting() -> Group:
    """An entry of one contract at 90."""
    return group_of([leg_of(0, "90", "1")], grid=GRID)


# ---------------------------------------------------------------------------------------------- look-ups


def test_an_order_in_doubt_is_looked_up_ever_more_rarely_while_the_venue_is_away() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: OutcomeUnknown("no connection")}
    bench.care()
    bench.wait(120)
    assert gaps(bench.asked_at(LookUpOrder, bench.stop())) == [1, 1, 2, 4, 8, 16, 30, 30]
    assert bench.stop().status is OrderStatus.UNKNOWN


def test_a_look_up_that_may_not_be_sent_waits_as_long_as_told() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: BANNED}
    bench.care()
    bench.wait(45)
    assert bench.asked_at(LookUpOrder, bench.stop()) == [0, 20, 40]


def returned(bench: Bench) -> None:
    """The account was given up while nothing answered, and has just been read."""
    bench.tell(AccountUnreachable(bench.group.account, "no connection"))
    position = PositionReport(
        bench.group.account, bench.group.symbol, bench.group.side, D(1), D(100), D(1), None, bench.now
    )
    activity = bench.state.accounts[bench.group.account].activity
    bench.tell(AccountRead(bench.group.account, bench.now, activity, (), (position,), (), (), ()))


def test_an_order_in_doubt_is_looked_up_as_soon_as_its_account_is_back() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: OutcomeUnknown("no connection")}
    bench.care()
    bench.wait(65)
    bench.answers = {}
    returned(bench)
    assert bench.asked_at(LookUpOrder, bench.stop())[-2:] == [62, 65]
    assert bench.stop().status is OrderStatus.OPEN


def test_the_pauses_between_look_ups_begin_anew_when_the_account_is_back() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: OutcomeUnknown("no connection")}
    bench.care()
    bench.wait(65)
    returned(bench)
    bench.wait(9)
    assert gaps(bench.asked_at(LookUpOrder, bench.stop()))[-5:] == [3, 1, 1, 2, 4]


def test_what_the_venue_did_not_answer_does_not_count_as_not_found() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: CUT}
    bench.care()
    bench.wait(300)
    bench.answers = {LookUpOrder: NotFound()}
    bench.wait(30)
    assert not bench.seen("order.lost") or bench.stop().number > 2
    bench.answers = {}
    bench.wait(30)
    assert bench.stop().status is OrderStatus.OPEN


# ---------------------------------------------------------------------------------------------- amendments


def protected(**config: Any) -> Bench:
    bench = Bench(held(), **config)
    bench.care()
    bench.wait(2)
    assert bench.stop().status is OrderStatus.OPEN
    return bench


def test_an_amendment_that_cannot_be_sent_is_tried_three_times_and_then_another_order_takes_its_place() -> None:
    bench = protected()
    bench.answers = {AmendOrder: CUT}
    old = bench.stop().client_order_id
    bench.tell(MoveStop(bench.group.id, D(96)))
    bench.wait(120)
    assert gaps(bench.asked_at(AmendOrder)) == [1, 2]
    assert bench.state.orders[old].status is OrderStatus.CANCELLED
    assert (bench.stop().trigger_price, bench.stop().status) == (D(96), OrderStatus.OPEN)


def test_an_amendment_that_may_not_be_sent_waits_as_long_as_told_and_then_takes_the_newest_price() -> None:
    bench = protected()
    bench.answers = {AmendOrder: BANNED}
    bench.tell(MoveStop(bench.group.id, D(96)))
    bench.answers = {}
    bench.tell(MoveStop(bench.group.id, D(97)))
    assert bench.stop().trigger_price == 95
    bench.wait(25)
    assert gaps(bench.asked_at(AmendOrder)) == [20]
    assert (bench.stop().trigger_price, bench.stop().status) == (D(97), OrderStatus.OPEN)


def test_a_stop_whose_amendment_waits_is_cancelled_once_all_is_sold() -> None:
    bench = protected()
    bench.answers = {AmendOrder: BANNED}
    bench.tell(MoveStop(bench.group.id, D(96)))
    bench.tell(CloseGroup(bench.group.id))
    bench.fill(bench.orders(OrderRole.CLOSE)[0], "99")
    assert len(bench.asked_at(CancelOrder, bench.stop())) == 1
    assert bench.stop().status is OrderStatus.CANCELLED


# ---------------------------------------------------------------------------------------------- cancels


@pytest.mark.parametrize(("answer", "pause"), [(BANNED, 20), (CUT, 2), (OutcomeUnknown("cut"), 2)])
def test_a_cancel_that_may_not_be_sent_waits_as_long_as_told(answer: object, pause: int) -> None:
    bench = Bench(resting())
    bench.care()
    bench.wait(2)
    bench.answers = {CancelOrder: answer}
    bench.tell(CancelEntries(bench.group.id))
    bench.wait(2 * pause + 1)
    assert gaps(bench.asked_at(CancelOrder)) == [pause, pause]


# ---------------------------------------------------------------------------------------------- protection


def test_a_stop_that_cannot_be_sent_is_missing_and_the_policy_acts() -> None:
    bench = Bench(held(), **QUICK)
    bench.answers = {SubmitOrders: CUT}
    bench.care()
    shown = group_view(bench.state, bench.group)
    assert shown.protected is False
    assert bench.seen("protection.missing") == ["protection.missing"]
    assert watch_of(bench.state, bench.group).low == 95
    bench.wait(6)
    assert bench.seen("protection.missing", "protection.restored", "protection.failed") == [
        "protection.missing", "protection.failed",
    ]  # fmt: skip
    assert bench.group.closing is CloseReason.PROTECTION_FAILED


def test_a_stop_that_is_sent_after_all_restores_the_protection() -> None:
    bench = Bench(held(), **QUICK)
    bench.answers = {SubmitOrders: CUT}
    bench.care()
    bench.answers = {}
    bench.wait(2)
    assert bench.seen("protection.missing", "protection.restored", "protection.failed") == [
        "protection.missing", "protection.restored",
    ]  # fmt: skip
    assert bench.group.unprotected_since is None


def test_a_close_that_cannot_be_sent_within_the_grace_is_told_once() -> None:
    bench = protected(**QUICK)
    bench.answers = {SubmitOrders: CUT}
    bench.tell(CloseGroup(bench.group.id))
    bench.wait(4)
    assert bench.alerts("critical") == []
    bench.wait(60)
    assert bench.alerts("critical") == ["the close of BTC/USDT:USDT cannot be sent and is tried on: no connection"]


# ---------------------------------------------------------------------------------------------- not found


def test_one_answer_that_a_cancelled_order_is_not_there_is_not_believed() -> None:
    bench = Bench(resting())
    bench.care()
    bench.answers = {CancelOrder: Refused(RefusalCode.NOT_FOUND, "-2011"), LookUpOrder: NotFound()}
    bench.tell(CancelEntries(bench.group.id))
    (entry,) = bench.orders(OrderRole.ENTRY)
    assert (entry.status, bench.group.is_open) == (OrderStatus.PENDING_CANCEL, True)
    bench.answers = {}
    bench.wait(5)
    (entry,) = bench.orders(OrderRole.ENTRY)
    assert (entry.status, bench.group.is_open) == (OrderStatus.CANCELLED, False)


def test_a_cancelled_order_that_is_never_there_is_lost_after_the_grace() -> None:
    bench = Bench(resting())
    bench.care()
    bench.answers = {CancelOrder: Refused(RefusalCode.NOT_FOUND, "-2011"), LookUpOrder: NotFound()}
    bench.tell(CancelEntries(bench.group.id))
    bench.wait(25)
    assert bench.orders(OrderRole.ENTRY)[0].status is OrderStatus.PENDING_CANCEL
    bench.wait(10)
    assert bench.orders(OrderRole.ENTRY)[0].status is OrderStatus.LOST
    assert not bench.group.is_open


# ---------------------------------------------------------------------------------------------- entries that wait


@pytest.mark.parametrize("command", [Pause("by hand"), EmergencyStop("by hand")])
def test_an_entry_that_waits_to_be_sent_is_given_up_with_all_entries(command: Pause | EmergencyStop) -> None:
    bench = Bench(resting(), risk={"emergency_cancels_entries": False})
    bench.answers = {SubmitOrders: BANNED}
    bench.care()
    bench.tell(command)
    assert [order.status for order in bench.orders(OrderRole.ENTRY)] == [OrderStatus.ABANDONED]
    bench.answers = {}
    bench.wait(60)
    assert len(bench.asked_at(SubmitOrders)) == 1
    assert not bench.group.is_open


def test_an_entry_for_which_our_own_limits_have_no_room_stands_in_line_and_has_not_been_tried() -> None:
    bench = Bench(resting())
    bench.answers = {SubmitOrders: NotSent("the exchange's limits are used up", 1, tried=False)}
    bench.care()
    bench.wait(30)
    assert len(bench.asked_at(SubmitOrders)) > bench.state.config.order.max_attempts
    bench.answers = {SubmitOrders: NotSent("no connection", 1)}
    bench.wait(1)
    assert [order.status for order in bench.orders(OrderRole.ENTRY)] == [OrderStatus.PENDING]
    bench.answers = {}
    bench.wait(1)
    assert [order.status for order in bench.orders(OrderRole.ENTRY)] == [OrderStatus.OPEN]


def test_an_entry_is_not_sent_again_under_an_emergency_that_came_by_itself() -> None:
    bench = Bench(resting(), risk={"emergency_cancels_entries": False})
    bench.answers = {SubmitOrders: BANNED}
    bench.care()
    bench.state.facts["emergency"] = '{"code": "drawdown", "reason": "too deep", "at": "2026-01-05T12:00:00+00:00"}'
    bench.wait(60)
    assert len(bench.asked_at(SubmitOrders)) == 1
    assert [order.status for order in bench.orders(OrderRole.ENTRY)] == [OrderStatus.ABANDONED]


def test_an_exit_that_waits_to_be_sent_goes_out_though_the_engine_is_paused() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: BANNED}
    bench.care()
    bench.tell(Pause("by hand"))
    bench.answers = {}
    bench.wait(25)
    assert bench.stop().status is OrderStatus.OPEN


# ---------------------------------------------------------------------------------------------- rules that changed


@pytest.mark.parametrize("code", [RefusalCode.PRECISION, RefusalCode.MIN_NOTIONAL])
def test_an_exit_refused_by_the_markets_rules_goes_again_by_fresh_ones(code: RefusalCode) -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: Refused(code, "-1111")}
    bench.care()
    loads = [effect for _, effect in bench.asked if isinstance(effect, LoadMarket)]
    assert loads
    assert all(load.fresh for load in loads)
    bench.answers = {}
    bench.wait(5)
    assert {order.status for order in bench.state.orders.values()} == {OrderStatus.REJECTED}
    bench.load(rules_of("7", "0.001"))
    bench.wait(1)
    assert (bench.stop().trigger_price, bench.stop().status) == (D(98), OrderStatus.OPEN)


def test_an_exit_refused_by_rules_that_cannot_be_had_goes_again_at_the_next_look() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: Refused(RefusalCode.PRECISION, "-1111")}
    bench.care()
    bench.answers = {}
    bench.wait(11)
    assert bench.stop().status is OrderStatus.OPEN


def test_rules_that_go_on_refusing_an_exit_do_not_make_it_go_faster() -> None:
    bench = Bench(held())
    bench.answers = {SubmitOrders: Refused(RefusalCode.PRECISION, "-1111")}
    bench.care()
    for _ in range(30):
        bench.load(rules_of("0.1", "0.001"))
        bench.wait(0.1)
    assert all(pause >= 0.5 for pause in gaps(sorted(set(bench.asked_at(SubmitOrders)))))
