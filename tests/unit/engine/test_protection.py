"""How long a group counts as unprotected, which tries count, and how often it is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.domain.group import EntryState, Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, MarketType, OrderRole, OrderType, Side
from app.engine.answers import TRIES_OF_ONE_WAY
from app.engine.inbox import MarketLoaded, TimerDue
from app.engine.state import external_fact
from app.engine.views import group_view
from app.engine.watching import watch_of
from app.messages.effects import AmendOrder, CancelOrder, LoadMarket, LookUpOrder, SubmitOrders
from app.messages.reports import Found, NotFound, NotSent, OutcomeUnknown, RefusalCode, Refused
from tests.support.strategies import filled_group, grid_of, rules_of
from tests.unit.engine.bench import Bench, gaps

D = Decimal
STOP_AT_95: dict[str, Any] = {"tp_mode": "per_leg", "stop_loss": {"mode": "percent", "percent": D(5)}}
ALERT_ONLY = {"protection": {"on_failure": "alert_only"}}
REFUSED = Refused(RefusalCode.INVALID_ORDER, "no")
STOP, PROFIT = OrderRole.STOP_LOSS, OrderRole.TAKE_PROFIT
SPELLS = ("protection.missing", "protection.restored", "protection.failed")


def bench_of(*, quantity: str = "1", config: dict[str, Any] | None = None, **grid: Any) -> Bench:
    group = filled_group(Side.LONG, ("100", quantity), grid=grid_of(**{**STOP_AT_95, **grid}))
    return Bench(group, **(config or {}))


def on_spot(bench: Bench) -> Bench:
    account = bench.state.accounts[bench.group.account]
    can = replace(account.capabilities, market_type=MarketType.SPOT, reduce_only=False, exits_below_minimum=False)
    account.capabilities = replace(can, amend_types=frozenset())
    return bench


def answer_stops_with(bench: Bench, outcome: Any) -> None:
    """Take-profits rest."""
    bench.answers = {SubmitOrders: outcome}
    usual = bench._answers_to

    def answers(effect: Any) -> list[Any]:
        told = usual(effect)
        if not isinstance(effect, SubmitOrders):
            return told
        stops = {order.client_order_id for order in bench.orders(STOP)}
        return [
            item if item.client_order_id in stops else replace(item, outcome=bench._open(item.client_order_id))
            for item in told
        ]

    bench._answers_to = answers  # type: ignore[method-assign]  # this venue judges by what is asked


def end_at_the_venue(bench: Bench, order: Order) -> None:
    bench.tell(bench.report(order.client_order_id, OrderStatus.CANCELLED))


# ---------------------------------------------------------------------------------------------- spells


def test_a_stop_that_stays_refused_is_told_once_an_hour() -> None:
    bench = bench_of(config={**ALERT_ONLY, "risk": {"max_protection_failures": 2}})
    answer_stops_with(bench, REFUSED)
    bench.care()
    bench.wait(600)
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.failed"]
    assert len(bench.alerts("critical")) == 1
    assert len(bench.orders(STOP)) > 20
    for _ in range(100):
        bench.care()
    assert len(bench.alerts("critical")) == 1


def test_an_unprotected_spell_lasts_from_the_first_refusal_until_a_stop_rests() -> None:
    bench = bench_of(config=ALERT_ONLY)
    answer_stops_with(bench, REFUSED)
    bench.care()
    began = bench.group.unprotected_since
    bench.wait(60)
    assert bench.group.unprotected_since == began is not None
    bench.answers = {}
    bench.wait(20)
    assert bench.stop().status is OrderStatus.OPEN
    assert bench.group.unprotected_since is None
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.failed", "protection.restored"]


def test_a_stop_on_its_way_again_neither_ends_the_spell_nor_lets_it_run_out() -> None:
    bench = bench_of()
    answer_stops_with(bench, REFUSED)
    bench.care()
    bench.answers = {SubmitOrders: OutcomeUnknown("no answer"), LookUpOrder: OutcomeUnknown("no answer")}
    bench.wait(60)
    assert (bench.stop().status, bench.group.closing) == (OrderStatus.UNKNOWN, None)
    assert bench.seen(*SPELLS) == ["protection.missing"]
    bench.answers = {}
    bench.wait(60)
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.restored"]


def test_a_stop_that_only_waits_to_be_sent_again_has_the_whole_grace() -> None:
    bench = bench_of()
    answer_stops_with(bench, NotSent("limits", retry_after=8))
    bench.care()
    bench.wait(29)
    assert bench.group.closing is None
    bench.wait(2)
    assert bench.group.closing is CloseReason.PROTECTION_FAILED


# ---------------------------------------------------------------------------------------------- tries


def test_a_stop_that_had_rested_is_placed_anew_as_a_first_try_however_often_it_is_deleted() -> None:
    bench = bench_of()
    bench.care()
    for _ in range(8):
        bench.wait(31)
        end_at_the_venue(bench, bench.stop())
        assert (bench.stop().status, bench.stop().attempt) == (OrderStatus.OPEN, 1)
    assert not bench.seen("protection.failed")


def test_a_stop_that_the_venue_drops_at_once_counts_as_a_try() -> None:
    bench = bench_of()
    bench.care()
    for _ in range(4):
        end_at_the_venue(bench, bench.stop())
        bench.wait(5)
    assert bench.stop().attempt == 5
    end_at_the_venue(bench, bench.stop())
    assert bench.group.closing is CloseReason.PROTECTION_FAILED


def test_a_refused_kind_of_take_profit_leaves_the_accounts_stops_alone() -> None:
    bench = bench_of(tp_order="trigger")
    bench.care()
    (profit,) = bench.orders(PROFIT)
    bench.answers = {SubmitOrders: Refused(RefusalCode.UNSUPPORTED, "no such type")}
    end_at_the_venue(bench, profit)
    refused = bench.orders(PROFIT)[-1]
    assert (refused.status, refused.type.is_conditional) == (OrderStatus.REJECTED, True)
    assert bench.state.accounts[bench.group.account].conditional_refused is None
    assert bench.stop().status is OrderStatus.OPEN


# ---------------------------------------------------------------------------------------------- spot


def test_a_stop_on_spot_is_lost_once_all_look_ups_were_answered() -> None:
    bench = on_spot(bench_of())
    bench.answers = {SubmitOrders: OutcomeUnknown("no answer"), LookUpOrder: NotFound()}
    bench.care()
    bench.wait(14)
    assert [order.status for order in bench.orders(STOP)] == [OrderStatus.UNKNOWN]
    bench.answers = {LookUpOrder: NotFound()}
    bench.wait(1.5)
    assert [order.status for order in bench.orders(STOP)] == [OrderStatus.LOST, OrderStatus.OPEN]
    assert not bench.seen("protection.missing")


def test_too_little_for_a_stop_to_rest_is_not_unprotected() -> None:
    bench = on_spot(bench_of(quantity="0.04"))
    bench.quote("100", rules_of("0.1", "0.001", min_notional=D(5), market_type=MarketType.SPOT))
    bench.state.groups[bench.group.id] = wanting_more(bench)
    bench.care()
    bench.wait(120)
    assert (bench.orders(STOP), bench.group.closing) == ([], None)
    assert not bench.seen(*SPELLS)
    bench.quote("94", rules_of("0.1", "0.001", min_notional=D(5), market_type=MarketType.SPOT))
    bench.care()
    assert bench.group.closing is CloseReason.STOP_LOSS


def wanting_more(bench: Bench) -> Group:
    """The group with a second entry that still rests."""
    (leg,) = bench.group.legs
    second = replace(
        leg, index=1, price=D(99), quantity=D(1), entry=EntryState.PLANNED, filled=D(0), filled_value=D(0),
        open_quantity=D(0), open_value=D(0),
    )  # fmt: skip
    return replace(bench.group, legs=(leg, second))


# ---------------------------------------------------------------------------------------------- the rest


def test_a_market_that_could_not_be_fetched_is_asked_for_again_soon() -> None:
    bench = bench_of()
    bench.state.markets.clear()
    bench.care()
    assert bench.asked_at(LoadMarket) == [0]
    bench.tell(MarketLoaded(bench.group.account, bench.group.symbol, None, failure="no answer within 20 s"))
    bench.wait(6)
    assert bench.asked_at(LoadMarket) == [0, 5]


def test_only_a_partner_that_waits_too_goes_again_with_an_order_that_never_left() -> None:
    bench = on_spot(bench_of())
    account = bench.state.accounts[bench.group.account]
    account.capabilities = replace(account.capabilities, oco=True)
    bench.answers = {SubmitOrders: NotSent("no connection")}
    bench.care()
    (profit,), (stop,) = bench.orders(PROFIT), bench.orders(STOP)
    bench.state.orders[profit.client_order_id] = replace(profit, status=OrderStatus.SUBMITTED)
    bench.asked.clear()
    bench.now = stop.retry_at or bench.now
    bench.tell(TimerDue(f"send/{stop.client_order_id}"))
    assert [effect.client_order_ids for _, effect in bench.asked if isinstance(effect, SubmitOrders)] == [
        (stop.client_order_id,)
    ]
    assert bench.state.orders[profit.client_order_id].retry_at == profit.retry_at


# ---------------------------------------------------------------------------------------------- read back


def test_an_accepted_stop_is_read_back_until_the_venue_has_answered() -> None:
    bench = bench_of()
    bench.answers = {LookUpOrder: OutcomeUnknown("no answer")}
    bench.care()
    bench.wait(40)
    sent = bench.asked_at(SubmitOrders)[-1:]
    assert [round(gap) for gap in gaps(sent + bench.asked_at(LookUpOrder))] == [1, 1, 2, 4, 8, 16]
    bench.answers = {}
    bench.wait(60)
    assert len(bench.asked_at(LookUpOrder)) == 7


def test_an_accepted_stop_that_was_dropped_is_placed_again_though_the_first_look_was_not_answered() -> None:
    bench = bench_of()
    bench.answers = {LookUpOrder: NotSent("no connection")}
    bench.care()
    bench.wait(2)
    bench.answers = {LookUpOrder: NotFound()}
    bench.wait(30)
    dropped, again = bench.orders(STOP)[:2]
    assert (dropped.status, again.quantity) == (OrderStatus.LOST, dropped.quantity)


# ---------------------------------------------------------------------------------------------- stops too small


def resting_bench() -> Bench:
    """Its exits rest and have been read back."""
    bench = bench_of()
    bench.care()
    bench.wait(2)
    return bench


def asked(bench: Bench) -> list[type]:
    """What was asked of the venue, look-ups aside."""
    return [type(effect) for _, effect in bench.asked if not isinstance(effect, LookUpOrder)]


def with_more(bench: Bench, quantity: str = "2") -> None:
    """So much has been bought by now."""
    grown = filled_group(Side.LONG, ("100", quantity), grid=bench.group.grid)
    bench.state.groups[bench.group.id] = replace(bench.group, legs=grown.legs)
    bench.care()


def test_what_a_stop_does_not_cover_is_unprotected_once_its_amendment_has_failed() -> None:
    bench = resting_bench()
    bench.answers = {AmendOrder: NotSent("no connection"), SubmitOrders: NotSent("no connection")}
    with_more(bench)
    assert bench.group.unprotected_since == bench.now
    bench.wait(29)
    assert (bench.group.closing, bench.orders(STOP)[0].status) == (None, OrderStatus.OPEN)
    bench.wait(2)
    assert bench.group.closing is CloseReason.PROTECTION_FAILED
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.failed"]
    (told,) = bench.alerts("critical")
    assert "could not be made larger than 1 of 2: no connection" in told


def test_a_stop_that_is_amended_at_once_was_never_missing() -> None:
    bench = resting_bench()
    with_more(bench)
    assert (bench.stop().quantity, len(bench.orders(STOP))) == (D(2), 1)
    assert not bench.seen(*SPELLS)


def test_a_whole_stop_rests_before_the_one_that_cannot_be_amended_goes() -> None:
    bench = resting_bench()
    bench.answers = {AmendOrder: NotSent("no connection")}
    with_more(bench)
    bench.wait(10)
    old, new = bench.orders(STOP)
    assert (old.status, new.status, new.quantity) == (OrderStatus.CANCELLED, OrderStatus.OPEN, D(2))
    assert asked(bench)[-2:] == [SubmitOrders, CancelOrder]
    assert len(bench.asked_at(AmendOrder)) == TRIES_OF_ONE_WAY
    assert bench.seen(*SPELLS) == ["protection.missing", "protection.restored"]


def test_an_amendment_that_the_venue_never_saw_counts_as_a_try_and_one_it_took_does_not() -> None:
    bench = resting_bench()
    stop = bench.stop()
    as_it_was = Found(bench.report(stop.client_order_id))
    bench.answers = {AmendOrder: OutcomeUnknown("no answer"), LookUpOrder: as_it_was}
    with_more(bench)
    assert len(bench.asked_at(AmendOrder)) == TRIES_OF_ONE_WAY
    assert [order.quantity for order in bench.orders(STOP)] == [D(1), D(2)]
    bench.answers = {AmendOrder: OutcomeUnknown("no answer")}  # a look-up finds it amended
    with_more(bench, "3")
    assert (len(bench.orders(STOP)), bench.stop().quantity, bench.stop().look_ups) == (2, D(3), 0)


def test_a_stop_beside_that_waits_to_be_sent_is_not_made_anew() -> None:
    bench = resting_bench()
    bench.answers = {AmendOrder: NotSent("no connection"), SubmitOrders: NotSent("no connection")}
    with_more(bench)
    bench.wait(20)
    assert [order.status for order in bench.orders(STOP)] == [OrderStatus.OPEN, OrderStatus.PENDING]


def test_where_others_hold_some_of_the_position_the_stop_goes_first() -> None:
    bench = resting_bench()
    group = bench.group
    bench.state.facts[external_fact((group.account, group.symbol, group.side))] = "1"
    bench.answers = {AmendOrder: NotSent("no connection")}
    with_more(bench)
    bench.wait(10)
    assert asked(bench)[-2:] == [CancelOrder, SubmitOrders]
    assert (bench.stop().status, bench.stop().quantity) == (OrderStatus.OPEN, D(2))


# ---------------------------------------------------------------------------------------------- take-profits


def profits_answered_with(bench: Bench, outcome: Any) -> None:
    """All else rests."""
    usual = bench._answers_to

    def answers(effect: Any) -> list[Any]:
        told, profits = usual(effect), {order.client_order_id for order in bench.orders(PROFIT)}
        is_sent = isinstance(effect, SubmitOrders)
        return [
            replace(item, outcome=outcome) if is_sent and item.client_order_id in profits else item for item in told
        ]

    bench._answers_to = answers  # type: ignore[method-assign]  # this venue judges by what is asked


def test_a_refused_take_profit_is_watched_and_its_price_closes_the_group() -> None:
    bench = bench_of()
    profits_answered_with(bench, REFUSED)
    bench.care()
    (leg,) = group_view(bench.state, bench.group).legs
    assert leg.watched
    assert leg.tp_price is not None
    assert watch_of(bench.state, bench.group).high == leg.tp_price
    bench.quote(str(leg.tp_price))
    bench.care()
    assert bench.group.closing is CloseReason.TAKE_PROFIT
    (close,) = bench.orders(OrderRole.CLOSE)
    assert (close.type, close.quantity, close.reduce_only) == (OrderType.MARKET, D(1), True)


def test_a_take_profit_that_rests_is_not_watched() -> None:
    bench = bench_of()
    bench.care()
    (leg,) = group_view(bench.state, bench.group).legs
    assert not leg.watched
    assert watch_of(bench.state, bench.group).high is None
    bench.quote(str(leg.tp_price))
    bench.care()
    assert bench.group.closing is None


def test_only_the_leg_whose_take_profit_was_refused_is_sold_at_market() -> None:
    bench = bench_of(cancel_entries_when_flat=False)
    bench.state.groups[bench.group.id] = wanting_more(bench)
    profits_answered_with(bench, REFUSED)
    bench.care()
    (leg, _) = group_view(bench.state, bench.group).legs
    bench.quote(str(leg.tp_price))
    bench.care()
    limit, sale = bench.orders(PROFIT)
    assert (limit.type, sale.type, sale.quantity, sale.attempt) == (OrderType.LIMIT, OrderType.MARKET, D(1), 1)
    assert bench.group.closing is None
    bench.quote("99.5")
    bench.wait(5)
    assert bench.orders(PROFIT)[-1].type is OrderType.LIMIT


def test_a_take_profit_refused_since_nothing_is_left_waits_for_the_position_to_be_read() -> None:
    bench = bench_of()
    profits_answered_with(bench, Refused(RefusalCode.REDUCE_ONLY, "no position"))
    bench.care()
    bench.quote("150")
    bench.care()
    assert (bench.group.closing, len(bench.orders(PROFIT))) == (None, 1)


def test_a_pair_that_never_leaves_lets_the_stop_go_alone() -> None:
    bench = on_spot(bench_of())
    account = bench.state.accounts[bench.group.account]
    account.capabilities = replace(account.capabilities, oco=True)
    profits_answered_with(bench, NotSent("no connection"))
    bench.answers = {SubmitOrders: NotSent("no connection")}
    bench.care()
    bench.wait(1)
    assert [order.paired_with is not None for order in bench.orders(STOP)] == [True]
    bench.answers = {}
    bench.wait(1)
    assert (bench.stop().paired_with, bench.stop().quantity, bench.stop().status) == (None, D(1), OrderStatus.OPEN)
    assert bench.group.unprotected_since is None


def test_a_take_profit_ended_at_the_venue_rests_again_though_the_last_price_makes_it_too_small() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "0.052")))
    account = bench.state.accounts[bench.group.account]
    account.capabilities = replace(account.capabilities, exits_below_minimum=False)
    rules = rules_of("0.1", "0.001", min_notional=D(5))
    bench.quote("100", rules)
    bench.care()
    bench.quote("95", rules)
    end_at_the_venue(bench, bench.orders(OrderRole.TAKE_PROFIT)[0])
    assert (bench.group.open_quantity, bench.group.dust) == (D("0.052"), D(0))
    assert bench.orders(OrderRole.TAKE_PROFIT)[-1].status is OrderStatus.OPEN


# ---------------------------------------------------------------------------------------------- slippage


@pytest.mark.parametrize(("price", "told"), [("94.1", 0), ("94", 1), ("96", 0)])
def test_a_stop_that_slips_beyond_the_bound_is_told(price: str, told: int) -> None:
    bench = bench_of()
    bench.care()
    bench.fill(bench.stop(), price)
    assert len(bench.alerts("warning")) == told
    if told:
        assert bench.alerts("warning") == ["an exit of BTC/USDT:USDT at 94 was 1.05 % worse than 95"]


def test_a_stop_that_was_moved_is_judged_by_its_new_trigger() -> None:
    bench = bench_of()
    bench.care()
    bench.state.groups[bench.group.id] = replace(bench.group, manual_stop=D(90))
    bench.care()
    bench.fill(bench.stop(), "89.5")
    assert bench.stop().trigger_price == D(90)
    assert bench.alerts("warning") == []
