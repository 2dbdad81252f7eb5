"""Take-profits that rest: which legs share one, and what is too small for any."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from app.base.changing import changed
from app.domain.exits import limit_exits
from app.domain.group import Group, end_entry
from app.domain.order import Order, OrderStatus
from app.domain.values import OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.domain.wishes import Place, Terrain
from tests.support.strategies import MOMENT, filled_at, filled_group, grid_of, group_of, leg_of, rules_of

D = Decimal
TERRAIN = Terrain(
    rules=rules_of("0.01", "0.001", min_notional=D(5)),
    quote=None,
    now=MOMENT,
    taker_fee=D(0),
    reduce_only=True,
    exits_below_minimum=True,
    stop_type=OrderType.STOP_MARKET,
    take_profit_trigger=False,
    close_without_waiting_sec=5,
)


def shown(group: Group, *live: Order, terrain: Terrain = TERRAIN) -> dict[tuple[int | None, int | None], str]:
    exits = limit_exits(group, live, terrain)
    return {(wish.place.pyramid, wish.place.leg): f"{wish.quantity:f} @ {wish.price:f}" for wish in exits}


def begun(place: Place, quantity: str, filled: str, price: str) -> Order:
    return Order(
        client_order_id="zg1",
        account="paper",
        symbol="BTC/USDT:USDT",
        group_id="g0000001",
        pyramid=place.pyramid,
        leg=place.leg,
        role=place.role,
        side=OrderSide.SELL,
        type=OrderType.LIMIT,
        quantity=D(quantity),
        price=D(price),
        trigger_price=None,
        reduce_only=True,
        time_in_force=TimeInForce.GTC,
        number=1,
        attempt=1,
        status=OrderStatus.PARTIALLY_FILLED,
        created_at=MOMENT,
        updated_at=MOMENT,
        filled=D(filled),
    )


@pytest.mark.parametrize(("exempt", "exits"), [(True, {(0, 0): "0.025 @ 198"}), (False, {})])
def test_a_short_large_enough_to_enter_has_an_exit_where_the_venue_takes_any(
    exempt: bool, exits: dict[tuple[int, int], str]
) -> None:
    group = filled_group(Side.SHORT, ("200", "0.025"))
    assert shown(group, terrain=replace(TERRAIN, exits_below_minimum=exempt)) == exits


def test_small_legs_join_until_they_are_large_enough_and_the_rest_joins_the_last() -> None:
    group = filled_group(Side.LONG, *[("200", "0.02")] * 5)
    assert shown(group) == {(0, 1): "0.04 @ 202", (0, 3): "0.06 @ 202"}


def test_a_small_part_that_may_grow_waits_for_itself() -> None:
    group = filled_at(group_of([leg_of(0, "200", "1"), leg_of(1, "190", "1")]), (0, 0), "200", "0.02")
    group = filled_at(group, (0, 1), "190", "1")
    assert shown(group) == {(0, 1): "1 @ 191.9"}
    assert shown(group.with_legs(end_entry)) == {(0, 1): "1.02 @ 191.9"}


def test_small_pyramids_join_each_other() -> None:
    grid = grid_of(tp_mode="pyramid_aggregate", tp_aggregate_percent="1")
    group = group_of([leg_of(0, "200", "0.02"), leg_of(0, "190", "1", pyramid=1)], grid=grid)
    group = filled_at(filled_at(group, (0, 0), "200", "0.02"), (1, 0), "190", "1")
    assert shown(group) == {(1, None): "1.02 @ 191.9"}


def test_a_small_rest_stays_with_the_exit_that_has_begun() -> None:
    group = filled_group(Side.LONG, ("200", "1"), ("190", "1"))
    own = changed(group.leg(0, 0), open_quantity=D("0.02"), open_value=D(4))
    order = begun(Place(OrderRole.TAKE_PROFIT, 0, 0), "1", "0.98", "202")
    assert shown(group.with_leg(own), order) == {(0, 1): "1 @ 191.9"}
    assert shown(group.with_leg(own)) == {(0, 1): "1.02 @ 191.9"}
