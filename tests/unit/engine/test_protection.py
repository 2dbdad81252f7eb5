"""How long a group counts as unprotected, which tries count, and how often it is told."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

from app.domain.group import EntryState, Group
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, MarketType, OrderRole, Side
from app.engine.inbox import MarketLoaded, TimerDue
from app.messages.effects import LoadMarket, LookUpOrder, SubmitOrders
from app.messages.reports import NotFound, NotSent, OutcomeUnknown, RefusalCode, Refused
from tests.support.strategies import filled_group, grid_of, rules_of
from tests.unit.engine.bench import Bench

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
