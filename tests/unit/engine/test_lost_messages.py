"""What is known, and what is not any more, once a message came to nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
import structlog

from app.domain.order import OrderStatus
from app.domain.values import Side
from app.engine import close_all
from app.engine.forgetting import watermark_fact
from app.engine.inbox import (
    AccountRead,
    AccountUnreachable,
    LeverageSet,
    LookUpAnswered,
    OrdersSent,
    SubmitAnswered,
    TimerDue,
)
from app.messages.effects import LookUpOrder, SubmitOrders
from app.messages.records import Changes, SignalOutcome
from app.messages.reports import NotSent, OutcomeUnknown
from app.ports.engine import CommandRefused
from app.ports.store import ChangeRefused
from tests.support.strategies import filled_group, grid_of
from tests.unit.engine.bench import Bench
from tests.unit.engine.test_failing_turns import CALM, Disk, alerts, buy, records
from tests.unit.engine.worlds import Stage, scenario

D = Decimal


def is_a_reading(changes: Changes) -> bool:
    return any(event.type == "reconcile.finished" for event in changes.events)


def refusing(stage: Stage, monkeypatch: pytest.MonkeyPatch, refuses: Any) -> Disk:
    disk = Disk(stage, monkeypatch, refuses)
    disk.failure = ChangeRefused("it contradicts what is held")
    return disk


@pytest.mark.expects_log_warnings
def test_an_account_is_held_until_a_reading_of_it_is_written(monkeypatch: pytest.MonkeyPatch) -> None:
    with Stage(scenario("SOL", "LTC", risk=CALM)) as stage:
        engine = stage.world.engine
        account = engine.state.accounts["paper"]
        mark = engine.state.facts[watermark_fact("paper")]
        disk = refusing(stage, monkeypatch, is_a_reading)
        stage.wait(90)
        since = account.stale_since
        assert since is not None
        stage.wait(300)
        assert (account.ready, account.stale_since) == (False, since)
        assert account.last_reconciled_at is not None
        assert account.last_reconciled_at < since
        assert engine.state.facts[watermark_fact("paper")] == mark
        assert len([event for event in stage.world.events if event.type == "account.stale"]) == 1
        buy(stage, "LTC")
        assert (records(stage)[-1].outcome, records(stage)[-1].reason) == (SignalOutcome.QUEUED, "account_stale")
        assert len(alerts(stage)) == 1
        disk.refuses = lambda _: False
        stage.wait(90)
        assert account.ready
        assert [group.symbol for group in stage.groups()] == ["LTC/USDT:USDT"]
        engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_an_account_whose_reading_breaks_is_held(monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(*_: Any) -> None:
        raise ValueError("nobody foresaw this")

    with Stage(scenario("SOL", risk=CALM)) as stage:
        monkeypatch.setattr(close_all, "account_was_read", breaks)
        stage.wait(90)
        assert not stage.world.engine.state.accounts["paper"].ready
        stage.world.engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_an_entry_that_comes_with_a_reading_is_held_where_the_reading_is_not_written(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with Stage(scenario("SOL", risk=CALM)) as stage:
        engine = stage.world.engine
        refusing(stage, monkeypatch, is_a_reading)

        engine._mailbox.post(AccountUnreachable("paper", "away"))
        stage.wait(1)

        async def together() -> None:
            now, activity = stage.world.clock.now(), engine.state.accounts["paper"].activity
            order = {"action": "buy", "symbol": "SOLUSDT.P", "price": D(100), "size": D(1000), "size_type": "quote"}
            sending = asyncio.ensure_future(stage.world.send(stage.world.body_of(order)))
            await stage.world.clock.sleep(0)
            engine._mailbox.post(AccountRead("paper", now, activity, (), (), (), (), ()), prompt=True)
            await sending

        stage.run(together())
        assert records(stage)[-1].reason == "account_stale"
        engine.defects.clear()


@pytest.mark.expects_log_warnings
def test_a_fill_that_was_lost_is_found_by_reading_the_account_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_done(changes: Changes) -> bool:
        return any(order.status is OrderStatus.FILLED for order in changes.orders)

    whole = {"entry_order_type": "market", "levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 1}]}
    with Stage(scenario("SOL", risk=CALM, grid={"default": whole})) as stage:
        disk = refusing(stage, monkeypatch, is_done)
        buy(stage)
        disk.refuses = lambda _: False
        (entry,) = stage.world.engine.state.orders.values()
        assert entry.status is not OrderStatus.FILLED
        stage.wait(15)
        assert stage.world.engine.state.orders[entry.client_order_id].status is OrderStatus.FILLED
        stage.world.engine.defects.clear()


@pytest.mark.parametrize(
    "told",
    [
        lambda order_id: SubmitAnswered(order_id, NotSent("the rate limit")),
        lambda order_id: OrdersSent((order_id,)),
        lambda order_id: LeverageSet("main", (order_id,)),
        lambda order_id: TimerDue(f"send/{order_id}"),
    ],
)
def test_an_order_for_which_a_lost_message_mattered_is_in_doubt_and_looked_up(
    told: Callable[[str], object],
) -> None:
    grid = grid_of(tp_mode="per_leg", stop_loss={"mode": "percent", "percent": D(5)})
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=grid))
    bench.answers = {SubmitOrders: NotSent("the rate limit", 3600)}
    bench.care()
    stop = bench.stop()
    assert stop.status is OrderStatus.PENDING
    bench.lose(told(stop.client_order_id))
    assert bench.stop().status is OrderStatus.UNKNOWN
    bench.care()
    assert bench.stop().status is OrderStatus.OPEN


def test_an_answer_that_is_lost_again_and_again_is_asked_for_at_the_usual_pauses() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=grid_of(stop_loss={"mode": "percent", "percent": D(5)})))
    bench.answers = {SubmitOrders: OutcomeUnknown("no answer"), LookUpOrder: OutcomeUnknown("no answer")}
    bench.care()
    stop, asked = bench.stop(), bench.stop().look_ups
    bench.lose(LookUpAnswered(stop.client_order_id, OutcomeUnknown("no answer")))
    assert bench.stop().look_ups == asked


@pytest.mark.expects_log_warnings
def test_every_message_that_is_lost_is_logged_and_the_trader_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refused(price: int) -> None:
        order = {"action": "buy", "symbol": "SOLUSDT.P", "price": D(price), "size": D(1000), "size_type": "quote"}
        with pytest.raises(CommandRefused):
            await stage.world.send(stage.world.body_of(order))

    with Stage(scenario("SOL", risk=CALM)) as stage:
        refusing(stage, monkeypatch, lambda changes: bool(changes.signals))
        with structlog.testing.capture_logs() as lines:
            for price in (100, 101, 102):
                stage.run(refused(price))
        lost = [line for line in lines if line["event"] == "a message was lost"]
        assert [line["message"] for line in lost] == ["AcceptSignal"] * 3
        assert len(alerts(stage)) == 1
        stage.world.engine.defects.clear()
