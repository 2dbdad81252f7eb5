"""What is left at the exchange when the program ends on purpose, and what becomes of it after the next start."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.domain.values import OrderType
from app.messages.reports import OrderReport
from tests.unit.engine.worlds import Stage, scenario

SOL, ETH = "SOL/USDT:USDT", "ETH/USDT:USDT"
LEVELS = [
    {"gap_percent": "0", "weight_percent": "50", "tp_percent": "2"},
    {"gap_percent": "-2", "weight_percent": "50", "tp_percent": "3"},
]
STOPPED: dict[str, Any] = {"stop_loss": {"mode": "percent", "percent": "10"}}
D = Decimal


def traded(
    *, alone: bool = True, protection: dict[str, Any] | None = None, pool: dict[str, Any] | None = None, **grid: Any
) -> Stage:
    """One group with a filled leg and one that waits at 98, at a venue that may trade on `alone`."""
    default = {"levels": LEVELS, **grid}
    stage = Stage(scenario("SOL", "ETH", grid={"default": default}, protection=protection or {}, pool=pool or {}))
    account = stage.world.engine.state.accounts["paper"]
    account.capabilities = replace(account.capabilities, trades_alone=alone)
    stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1000, size_type="quote")
    stage.wait(2)
    return stage


def leave(stage: Stage) -> None:
    stage.run(stage.world.engine.stop(10))
    stage.wait(11)


def come_back(stage: Stage) -> None:
    stage.crash()
    stage.wait(2)


def resting(stage: Stage) -> list[OrderReport]:
    return list(stage.run(stage.world.venues["paper"].fetch_open_orders()) or ())


def entries(stage: Stage) -> list[Decimal | None]:
    return [order.price for order in resting(stage) if order.side.value == "buy"]


def exits(stage: Stage) -> dict[Decimal | None, Decimal]:
    return {
        order.price: order.quantity
        for order in resting(stage)
        if order.side.value == "sell" and order.type is OrderType.LIMIT
    }


def test_an_entry_that_no_stop_would_follow_is_cancelled() -> None:
    with traded(**STOPPED) as stage:
        assert entries(stage) == [D(98)]
        leave(stage)
        assert entries(stage) == []
        assert [order.trigger_price for order in resting(stage) if order.trigger_price] == [D(90)]
        said = [event.data.get("detail") for event in stage.world.events if event.type == "position.updated"]
        assert "1 entries cancelled: nothing would guard their fills while the program is away" in said
        come_back(stage)
        (group,) = stage.groups()
        assert (group.open_quantity, group.legs_filled, entries(stage)) == (D(5), 1, [])


@pytest.mark.parametrize(
    "grid", [{}, {**STOPPED, "stop_sizing": "planned"}], ids=["no stop is wanted", "the stop is over the whole grid"]
)
def test_an_entry_that_lacks_nothing_when_it_fills_stays(grid: dict[str, Any]) -> None:
    with traded(**grid) as stage:
        leave(stage)
        assert entries(stage) == [D(98)]
        come_back(stage)
        assert entries(stage) == [D(98)]


@pytest.mark.parametrize(("policy", "left"), [("cancel_all", []), ("keep", [D(98)])])
def test_the_trader_may_want_all_or_none_of_them_cancelled(policy: str, left: list[Decimal]) -> None:
    with traded(protection={"on_suspend": policy}, **(STOPPED if policy == "keep" else {})) as stage:
        leave(stage)
        assert entries(stage) == left


def test_on_paper_nothing_fills_meanwhile_so_nothing_is_cancelled() -> None:
    with traded(alone=False, tp_mode="hybrid", **STOPPED) as stage:
        before = resting(stage)
        leave(stage)
        assert resting(stage) == before


def test_a_hybrid_group_exits_as_one_while_nobody_watches_and_by_legs_after_it() -> None:
    with traded(tp_mode="hybrid", tp_aggregate_percent="5") as stage:
        assert exits(stage) == {D(102): D(5)}
        leave(stage)
        assert exits(stage) == {D(105): D(5)}
        come_back(stage)
        assert exits(stage) == {D(102): D(5)}
        assert stage.groups()[0].tp_mode == "hybrid"


def test_a_hybrid_group_that_exited_meanwhile_is_over_with_its_entries() -> None:
    with traded(tp_mode="hybrid", tp_aggregate_percent="5") as stage:
        leave(stage)
        stage.price(SOL, D(106))
        come_back(stage)
        assert stage.groups() == []
        (closed,) = stage.world.engine.all_groups()
        assert closed.close_reason == "take_profit"
        assert resting(stage) == []


def test_a_slot_that_becomes_free_at_the_end_is_given_away_after_the_next_start() -> None:
    below = [{**level, "gap_percent": gap} for level, gap in zip(LEVELS, ("-1", "-2"), strict=True)]
    with traded(pool={"max_open_groups": 1}, levels=below, **STOPPED) as stage:
        stage.signal(action="buy", symbol="ETHUSDT.P", timeframe="60", price=100, size=1000, size_type="quote")
        assert [queued.symbol for queued in stage.world.engine.queue()] == [ETH]
        leave(stage)
        assert resting(stage) == []
        come_back(stage)
        assert [group.symbol for group in stage.groups()] == [ETH]


def test_a_program_that_may_take_no_time_to_end_leaves_all_as_it_is() -> None:
    with traded(**STOPPED) as stage:
        stage.run(stage.world.engine.stop(0))
        assert entries(stage) == [D(98)]


def fail_to_start(stage: Stage) -> None:
    """As where a port is taken: the database is open, and the accounts are never asked."""
    world = stage.world
    world.engine.kill()
    world.venues["paper"].drop()
    world.engine = world._new_engine()
    stage.run(world.engine.open())
    account = world.engine.state.accounts["paper"]
    account.capabilities = replace(account.capabilities, trades_alone=True)
    leave(stage)


def test_a_start_that_fails_cancels_no_entry() -> None:
    with traded(**STOPPED) as stage:
        fail_to_start(stage)
        come_back(stage)
        assert entries(stage) == [D(98)]


def test_a_hybrid_group_exits_by_legs_again_after_a_start_that_failed() -> None:
    with traded(tp_mode="hybrid", tp_aggregate_percent="5") as stage:
        leave(stage)
        fail_to_start(stage)
        come_back(stage)
        assert exits(stage) == {D(102): D(5)}
        assert stage.groups()[0].tp_mode == "hybrid"
