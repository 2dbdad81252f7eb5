"""The computer's clock is set back by hours while something waits for a moment of before (hazard 34)."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.domain.values import OrderRole, Side
from app.engine.inbox import AccountRead, ClockStepped, Recovered
from app.messages.commands import CloseAll, CloseGroup
from app.messages.effects import LookUpOrder, Reconcile, SubmitOrders
from app.messages.reports import NotFound, OutcomeUnknown
from app.ports.faults import Fault, FaultKind
from tests.support.strategies import filled_group, grid_of, levels_of
from tests.unit.engine.bench import Bench
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
STEP = timedelta(hours=2)
GRID = grid_of(levels=levels_of(("0", "100", "5")), tp_mode="per_leg", stop_loss={"mode": "percent", "percent": D(5)})


def entered(*lost: OrderRole) -> Stage:
    """A long from 100 with its stop at 95; the next order of each role in `lost` never arrives, and nobody knows."""
    grid = {
        "entry_order_type": "market", "tp_mode": "per_leg", "stop_loss": {"mode": "percent", "percent": 5},
        "levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 50}],
    }  # fmt: skip
    stage = Stage(scenario("SOL", grid={"default": grid}))
    for role in lost:
        stage.world.venues["paper"].faults.arm(Fault("create_order", FaultKind.TIMEOUT_BEFORE, role=role))
    stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=D(100), size=D(400), size_type="quote")
    return stage


def set_back(stage: Stage, by: timedelta = STEP) -> None:
    clock: Any = stage.world.clock
    before = clock._wall
    clock._wall = lambda: before() - by


@pytest.mark.parametrize("by", [STEP, timedelta(seconds=45)])
def test_h34_a_stop_in_doubt_is_placed_soon_after(by: timedelta) -> None:
    with entered(OrderRole.STOP_LOSS) as stage:
        stage.wait(6)
        set_back(stage, by)
        stage.wait(30)
        stage.price("SOL/USDT:USDT", D(90))
        stage.wait(1)
        assert stage.groups() == []


def test_h34_a_close_in_doubt_goes_on_soon_after() -> None:
    with entered(OrderRole.CLOSE) as stage:
        stage.ask(CloseGroup(stage.groups()[0].id))
        stage.wait(6)
        set_back(stage)
        stage.wait(60)
        assert stage.groups() == []


def test_h34_a_stop_in_doubt_is_placed_soon_after_a_crash_before_which_the_clock_was_set_back() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=GRID))
    bench.answers = {SubmitOrders: OutcomeUnknown("cut"), LookUpOrder: OutcomeUnknown("no connection")}
    bench.care()
    bench.state.recovered = False
    bench.answers = {LookUpOrder: NotFound()}
    bench.now -= STEP
    bench.tell(Recovered())
    bench.wait(60)
    assert len(bench.orders(OrderRole.STOP_LOSS)) > 1


def test_h34_moments_of_a_group_and_its_orders_are_none_of_the_future() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=GRID))
    bench.care()
    bench.state.groups[bench.group.id] = replace(bench.group, offset_timer_at=bench.now)
    bench.state.accounts[bench.group.account].stop_moves.append(bench.now)
    bench.now -= STEP
    bench.tell(ClockStepped())
    group = bench.group
    assert group.offset_timer_at == bench.now
    assert {order.updated_at for order in bench.orders(OrderRole.TAKE_PROFIT)} == {bench.now}
    assert list(bench.state.accounts[group.account].stop_moves) == [bench.now]


def test_h34_closing_all_counts_readings_of_after_the_step() -> None:
    bench = Bench(filled_group(Side.LONG, ("100", "1"), grid=GRID))
    bench.tell(CloseAll())
    bench.fill(bench.orders(OrderRole.CLOSE)[0], "100")
    bench.now -= STEP
    bench.tell(ClockStepped())
    asked = len(bench.asked_at(Reconcile))
    account = bench.state.accounts[bench.group.account]
    bench.tell(AccountRead(account.id, bench.now, account.activity, (), (), (), (), ()))
    assert len(bench.asked_at(Reconcile)) == asked
    assert bench.alerts("info") == ["everything is closed and verified"]


@pytest.mark.parametrize("ahead_sec", [40, -1000])
def test_h34_a_clock_that_was_set_right_is_not_believed_to_be_off_any_more(ahead_sec: int) -> None:
    with entered() as stage:
        accounts = stage.world.engine.state.accounts
        accounts["paper"].clock_skew_ms = ahead_sec * 1000
        set_back(stage, timedelta(seconds=ahead_sec))
        exit_ = {"action": "sell", "intent": "exit", "symbol": "SOLUSDT.P", "timeframe": "60", "price": D(100)}
        assert stage.run(stage.world.send(stage.world.body_of(exit_))) == 202
        assert [account.clock_skew_ms for account in accounts.values()] == [None]
        stage.wait(5)
        assert stage.groups() == []
