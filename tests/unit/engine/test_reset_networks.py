"""A test network is reset, and its trade ids begin anew."""

from __future__ import annotations

from decimal import Decimal

from app.exchange.paper.memory_store import MemoryPaperStore
from app.exchange.paper.venue import PaperVenue
from app.messages.commands import CloseGroup
from tests.unit.engine.worlds import Stage, scenario

SELDOM = {"protection": {"monitor_interval_sec": 3600}, "reconcile": {"interval_sec": 3600}}
LEVELS = [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 50}]
GRID = {"default": {"entry_order_type": "market", "levels": LEVELS}}


def buy(stage: Stage) -> None:
    stage.signal(action="buy", symbol="SOLUSDT.P", timeframe="60", price=100, size=1000, size_type="quote")
    stage.wait(5)


def reset(stage: Stage) -> None:
    world = stage.world
    world.board._watchers.clear()
    world.venues["paper"] = PaperVenue(
        world.config.accounts[0], world.board, world.clock, MemoryPaperStore(), 0, 5.0, 10.0
    )
    stage.crash()
    stage.wait(30)


def test_a_trade_id_that_a_forgotten_order_had_is_booked_for_another() -> None:
    with Stage(scenario("SOL", grid=GRID, risk={"cooldown_sec": 0}, **SELDOM)) as stage:
        buy(stage)
        stage.ask(CloseGroup(stage.groups()[0].id))
        stage.wait(26 * 3600)
        assert stage.world.engine.state.trade_ids == set()
        reset(stage)
        buy(stage)
        assert stage.world.engine.state.halted is None
        assert [group.open_quantity for group in stage.groups()] == [Decimal(10)]
