"""The invariants that a replay holds can fail: each is broken here behind the engine's back."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.base.changing import changed
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, OrderRole, OrderSide, Side
from app.engine.state import external_fact
from app.exchange.paper.venue import PaperVenue
from app.replay.invariants import books_differ, violations
from app.replay.protection import BareGroups
from app.replay.trap import Trap, TrappedVenue
from tests.unit.engine.worlds import FINE, Stage, scenario
from tests.unit.exchange.paper.shop import Shop, taken

SOL = "SOL/USDT:USDT"
STOPPED = {
    "default": {
        "tp_mode": "aggregate",
        "tp_aggregate_percent": 10,
        "levels": [{"gap_percent": 0, "weight_percent": 100, "tp_percent": 10}],
        "stop_loss": {"mode": "percent", "percent": 5},
    }
}


def bought(stage: Stage, symbol: str = "SOLUSDT.P") -> None:
    stage.signal(action="buy", symbol=symbol, price=Decimal(100), size=Decimal(2))
    stage.wait(1)


@pytest.fixture
def stage() -> Iterator[Stage]:
    with Stage(scenario("SOL", grid=STOPPED)) as world:
        bought(world)
        yield world


def read_again(stage: Stage) -> None:
    stage.wait(1)
    stage.run(stage.world.engine.reconcile())
    stage.wait(1)


def found(stage: Stage) -> list[str]:
    """What is wrong at an account that was read after the last thing that moved it."""
    long_ago = stage.world.clock.now() - timedelta(seconds=2)
    return list(books_differ(stage.world.engine.state, stage.world.venues, long_ago))


def paper(stage: Stage) -> PaperVenue:
    return next(iter(stage.world.venues.values()))


def resting(stage: Stage, role: OrderRole) -> Any:
    return next(order for order in stage.world.engine.state.orders.values() if order.role is role and order.is_live)


def test_books_that_are_equal_show_nothing(stage: Stage) -> None:
    read_again(stage)
    assert found(stage) == []


def test_an_order_that_the_venue_no_longer_has_shows(stage: Stage) -> None:
    read_again(stage)
    stop = resting(stage, OrderRole.STOP_LOSS).client_order_id
    ledger = paper(stage).ledger
    del ledger.resting[SOL][ledger.by_client_id[stop]]
    assert found(stage) == [f"{stop} is live here and not at paper"]


def test_an_order_that_changed_after_the_reading_shows_nothing(stage: Stage) -> None:
    read_again(stage)
    orders, stop = stage.world.engine.state.orders, resting(stage, OrderRole.STOP_LOSS)
    orders[stop.client_order_id] = changed(stop, updated_at=stage.world.clock.now())
    paper(stage).ledger.resting[SOL].clear()
    assert not [text for text in found(stage) if stop.client_order_id in text]


def test_a_position_that_no_group_has_shows(stage: Stage) -> None:
    read_again(stage)
    [(book, held)] = paper(stage).ledger.positions.items()
    paper(stage).ledger.positions[book] = changed(held, quantity=Decimal(3))
    assert found(stage) == [f"{SOL} on paper: 2 here, 3 at the venue"]


def test_dust_that_an_entry_of_the_other_side_netted_shows_nothing_in_one_way_mode(stage: Stage) -> None:
    read_again(stage)
    state = stage.world.engine.state
    [(book, held)] = paper(stage).ledger.positions.items()
    paper(stage).ledger.positions[book] = changed(held, quantity=Decimal("1.5"))
    state.facts[external_fact(("paper", SOL, Side.SHORT))] = "0.5"
    assert found(stage) == []


def test_exits_count_once_the_account_has_been_read(stage: Stage) -> None:
    state = stage.world.engine.state
    order = resting(stage, OrderRole.STOP_LOSS)
    state.orders[order.client_order_id] = changed(order, reduce_only=False, quantity=Decimal(3))
    assert list(violations(state, stage.world.venues)) == ["exits of g0000001 sell 3, 2 are open"]
    state.accounts["paper"].last_reconciled_at = None
    assert list(violations(state, stage.world.venues)) == []


def closing_though_its_stop_rests(stage: Stage) -> None:
    """The first group's close is at the venue while its exits rest."""
    state, stop = stage.world.engine.state, resting(stage, OrderRole.STOP_LOSS)
    state.groups[stop.group_id] = changed(state.groups[stop.group_id], closing=CloseReason.MANUAL)
    close = changed(stop, client_order_id="zgclose", role=OrderRole.CLOSE, created_at=stage.world.clock.now())
    state.orders[close.client_order_id] = close
    state.orders_of[stop.group_id].append(close.client_order_id)


def test_a_close_beside_the_stop_shows_where_the_book_has_another_group() -> None:
    with Stage(scenario("SOL", grid=STOPPED, risk={"cooldown_sec": 0})) as stage:
        bought(stage)
        stage.signal(action="buy", symbol="SOLUSDT.P", price=Decimal(100), size=Decimal(2), timeframe="240")
        stage.wait(1)
        closing_though_its_stop_rests(stage)
        found = list(violations(stage.world.engine.state, stage.world.venues))
        assert "exits of g0000001 sell 6, 2 are open" in found


def test_a_close_beside_the_stop_does_not_show_once_the_group_has_waited_for_room_long_enough() -> None:
    with Stage(scenario("SOL", grid=STOPPED, risk={"cooldown_sec": 0})) as stage:
        bought(stage)
        stage.signal(action="buy", symbol="SOLUSDT.P", price=Decimal(100), size=Decimal(2), timeframe="240")
        stage.wait(1)
        closing_though_its_stop_rests(stage)
        state, now = stage.world.engine.state, stage.world.clock.now()
        group = state.groups["g0000001"]
        for waited, exceeds in ((29, True), (30, False)):
            state.groups[group.id] = changed(group, closing_at=now - timedelta(seconds=waited))
            found = [text for text in violations(state, stage.world.venues) if "exits" in text]
            assert bool(found) is exceeds


def test_a_close_beside_the_stop_of_a_group_alone_in_its_book_is_guarded_by_the_venue(stage: Stage) -> None:
    closing_though_its_stop_rests(stage)
    assert not [text for text in violations(stage.world.engine.state, stage.world.venues) if "exits" in text]


def test_coins_that_the_account_does_not_have_show() -> None:
    spot = scenario(grid=STOPPED)
    spot["accounts"][0]["market_type"] = "spot"
    spot["markets"] = {"SOL/USDT": {**FINE, "price": "100"}}
    with Stage(spot) as stage:
        bought(stage, "SOLUSDT")
        read_again(stage)
        assert found(stage) == []
        paper(stage).ledger.balances["SOL"] -= Decimal("0.5")
        assert found(stage) == ["SOL on paper: 2 here, 1.5 at the venue"]


def end_stop(stage: Stage) -> None:
    """As if it were gone, and nobody had noticed."""
    stop = resting(stage, OrderRole.STOP_LOSS)
    stage.world.engine.state.orders[stop.client_order_id] = changed(stop, status=OrderStatus.CANCELLED)


def test_what_is_open_without_its_stop_past_the_grace_shows_unless_an_alert_tells(stage: Stage) -> None:
    world, bare = stage.world, BareGroups()
    now = world.clock.now()
    bare.look(world.engine.state, now)
    assert list(bare.overdue(30, world.events, now + timedelta(seconds=31))) == []

    end_stop(stage)
    bare.look(world.engine.state, now)
    assert list(bare.overdue(30, world.events, now + timedelta(seconds=30))) == []
    [text] = bare.overdue(30, world.events, now + timedelta(seconds=31))
    assert text.startswith("g0000001 has been open without its stop since ")

    told = changed(world.events[0], type="alert.raised", group_id="g0000001", at=now + timedelta(seconds=30))
    assert list(bare.overdue(30, [*world.events, told], now + timedelta(seconds=31))) == []


def test_a_group_that_changed_between_two_looks_counts_anew(stage: Stage) -> None:
    world, bare = stage.world, BareGroups()
    now = world.clock.now()
    end_stop(stage)
    bare.look(world.engine.state, now)
    [group] = world.engine.state.groups.values()
    world.engine.state.groups[group.id] = changed(group, best_price=Decimal(101))
    bare.look(world.engine.state, now + timedelta(seconds=20))
    assert list(bare.overdue(30, world.events, now + timedelta(seconds=31))) == []
    assert list(bare.overdue(30, world.events, now + timedelta(seconds=51))) != []


def fail() -> None:
    raise AssertionError("it was not armed")


async def test_an_id_that_the_venue_has_taken_shows_when_it_is_sent_again() -> None:
    shop, trap = Shop(), Trap(fail)
    await shop.open()
    venue, order = TrappedVenue(shop.venue, trap), shop.order(OrderSide.BUY, "1", "90")
    taken(await venue.create_order(order))
    assert trap.sent_twice == []
    await venue.create_orders([order])
    assert trap.sent_twice == [order.client_order_id]
