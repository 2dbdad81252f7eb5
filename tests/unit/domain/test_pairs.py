"""Take-profits and stops that share their coins: what is wanted, and what is done about it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.config.grid import TakeProfitMode
from app.domain.difference import Difference, Means, difference
from app.domain.group import Group
from app.domain.market import Quote
from app.domain.order import Order, OrderStatus, bound_by_exits
from app.domain.spot_exits import PAIR_STAYS
from app.domain.values import ZERO, MarketType, OrderRole, OrderType, Side
from app.domain.wanted import wanted_orders
from app.domain.wishes import Place, Terrain, Wanted, place_of
from tests.support.strategies import MOMENT, Fills, booked, filled_group, grid_of, groups_and_fills, rules_of

D = Decimal
RULES = rules_of("0.01", "0.001", market_type=MarketType.SPOT)
STOPPED = grid_of(tp_mode="per_leg", stop_loss={"mode": "percent", "percent": D(5)})
STOP, CLOSE = Place(OrderRole.STOP_LOSS), Place(OrderRole.CLOSE)


def terrain(pairs: int = 5, quote: str | None = None, **changes: object) -> Terrain:
    """Spot, with room for so many pairs."""
    facts: dict[str, object] = {
        "rules": RULES,
        "quote": None if quote is None else Quote.flat(D(quote), MOMENT),
        "now": MOMENT,
        "taker_fee": ZERO,
        "reduce_only": False,
        "exits_below_minimum": False,
        "stop_type": OrderType.STOP_MARKET,
        "take_profit_trigger": True,
        "close_without_waiting_sec": 5.0,
        "pairs": pairs,
    }
    return Terrain(**{**facts, **changes})  # type: ignore[arg-type]  # the facts are Terrain's own fields


def two_legs(**settings: object) -> Group:
    """1 at 100 and 2 at 90, at targets 101 and 90.90; the stop of the whole is 88.67."""
    grid = grid_of(**{"tp_mode": "per_leg", "stop_loss": {"mode": "percent", "percent": D(5)}, **settings})
    return filled_group(Side.LONG, ("100", "1"), ("90", "2"), grid=grid)


def exits(group: Group, land: Terrain, live: tuple[Order, ...] = ()) -> list[Wanted]:
    return [wish for wish in wanted_orders(group, live, land) if wish.place.role is not OrderRole.ENTRY]


def triggered(group: Group, *legs: int) -> Group:
    """The price has reached the targets of these legs, and the engine sells them."""
    return group.with_legs(lambda leg: replace(leg, take_profit_triggered=leg.index in legs))


def told(wishes: list[Wanted]) -> list[tuple[OrderRole, int | None, Decimal, Decimal | None]]:
    return [(wish.place.role, wish.place.leg, wish.quantity, wish.trigger_price or wish.price) for wish in wishes]


def resting(wishes: list[Wanted], status: OrderStatus = OrderStatus.OPEN) -> list[Order]:
    """The orders of these wishes, as the venue took them."""
    names = {wish.place: f"o{number}" for number, wish in enumerate(wishes)}
    return [
        Order(
            client_order_id=names[wish.place], account="paper", symbol="BTC/USDT", group_id="g0000001",
            pyramid=wish.place.pyramid, leg=wish.place.leg, role=wish.place.role, side=wish.side, type=wish.type,
            quantity=wish.quantity, price=wish.price, trigger_price=wish.trigger_price, reduce_only=False,
            time_in_force=wish.time_in_force, number=number, attempt=1, status=status, created_at=MOMENT,
            updated_at=MOMENT, paired_with=None if wish.paired_with is None else names[wish.paired_with],
        )
        for number, wish in enumerate(wishes)
    ]  # fmt: skip


def gap(wishes: list[Wanted], live: list[Order], room: str = "3") -> Difference:
    means = Means(frozenset({OrderType.LIMIT, OrderType.STOP_MARKET}), D(room) - bound_by_exits(live))
    return difference(wishes, live, means)


# ---------------------------------------------------------------------------------------------- what is wanted


def test_each_legs_take_profit_carries_its_own_stop() -> None:
    wishes = exits(two_legs(), terrain())
    assert told(wishes) == [
        (OrderRole.TAKE_PROFIT, 0, D(1), D(101)),
        (OrderRole.STOP_LOSS, 0, D(1), D("88.67")),
        (OrderRole.TAKE_PROFIT, 1, D(2), D("90.9")),
        (OrderRole.STOP_LOSS, 1, D(2), D("88.67")),
    ]
    assert [wish.paired_with for wish in wishes] == [wishes[at].place for at in (1, 0, 3, 2)]


def test_the_aggregate_take_profit_is_one_pair() -> None:
    wishes = exits(two_legs(tp_mode="aggregate", tp_aggregate_percent=D(3)), terrain(pairs=1))
    assert told(wishes) == [
        (OrderRole.TAKE_PROFIT, None, D(3), D("96.14")),
        (OrderRole.STOP_LOSS, None, D(3), D("88.67")),
    ]


@pytest.mark.parametrize(
    ("settings", "changes"),
    [
        ({}, {"pairs": 1}),
        ({}, {"pairs": 0}),
        ({"tp_mode": "hybrid"}, {}),
        (
            {
                "stop_loss": {
                    "mode": "percent",
                    "percent": D(5),
                    "trailing": {"activation_percent": D(50), "callback_percent": D(1)},
                }
            },
            {},
        ),
        ({}, {"rules": replace(RULES, min_notional=D(95))}),
        ({}, {"rules": replace(RULES, max_qty=D("1.5"))}),
    ],
    ids=["too many", "no pairs", "hybrid", "trailing", "a stop below the minimum", "a pair too large"],
)
def test_where_not_all_can_be_paired_one_stop_rests_over_everything(
    settings: dict[str, object], changes: dict[str, object]
) -> None:
    wishes = exits(two_legs(**settings), terrain(**changes))  # type: ignore[arg-type]  # named as the terrain's fields
    assert told(wishes) == [(OrderRole.STOP_LOSS, None, D(3), D("88.67"))]
    assert wishes[0].paired_with is None


def test_a_leg_that_the_engine_sells_has_no_pair_any_more() -> None:
    group = two_legs()
    group = group.with_leg(replace(group.leg(0, 1), take_profit_triggered=True))
    wishes = exits(group, terrain(quote="91"))
    assert told(wishes) == [
        (OrderRole.TAKE_PROFIT, 1, D(2), None),
        (OrderRole.TAKE_PROFIT, 0, D(1), D(101)),
        (OrderRole.STOP_LOSS, 0, D(1), D("88.67")),
    ]
    assert wishes[0].type is OrderType.MARKET


def test_legs_of_one_take_profit_are_sold_in_one_order() -> None:
    group = triggered(two_legs(tp_mode="aggregate"), 0, 1)
    wishes = exits(group, terrain(quote="97", rules=replace(RULES, min_notional=D(200))))
    assert told(wishes) == [(OrderRole.TAKE_PROFIT, None, D(3), None)]


def test_a_leg_too_small_to_be_sold_alone_is_sold_with_the_next() -> None:
    group = triggered(two_legs(), 0, 1)
    wishes = exits(group, terrain(quote="101", rules=replace(RULES, min_notional=D(150))))
    assert told(wishes) == [(OrderRole.TAKE_PROFIT, 1, D(3), None)]


def test_what_cannot_be_sold_stays_under_the_stop() -> None:
    group = triggered(two_legs(), 0)
    wishes = exits(group, terrain(pairs=0, quote="101", rules=replace(RULES, min_notional=D(150))))
    assert told(wishes) == [(OrderRole.STOP_LOSS, None, D(3), D("88.67"))]


def test_a_fill_after_the_target_was_reached_makes_it_another_target() -> None:
    group = triggered(two_legs(tp_mode="aggregate", tp_aggregate_percent=D(3)), 0)
    assert told(exits(group, terrain(quote="95"))) == [
        (OrderRole.TAKE_PROFIT, None, D(3), D("96.14")),
        (OrderRole.STOP_LOSS, None, D(3), D("88.67")),
    ]


def test_what_a_take_profit_has_left_stays_where_nothing_else_can_be_over_it() -> None:
    land = terrain(rules=replace(RULES, min_notional=D(50)))
    group = two_legs()
    live = resting(exits(group, terrain()))[:1]
    left = replace(live[0], filled=D("0.9"), status=OrderStatus.PARTIALLY_FILLED)
    sold = group.with_leg(replace(group.leg(0, 1), open_quantity=ZERO, open_value=ZERO))
    sold = sold.with_leg(replace(sold.leg(0, 0), open_quantity=D("0.1"), open_value=D(10)))
    (wish,) = exits(sold, land, (left,))
    assert (wish.place, wish.quantity, wish.price) == (place_of(left), D("0.1"), D(101))
    assert gap([wish], [left], room="0.1") == Difference()
    assert exits(sold, land, (live[0],)) == [], "it has not begun to fill"
    assert exits(replace(sold, reduce_quantity=D("0.05")), land, (left,)) == [wish], "a close that cannot be sold"


def test_what_a_take_profit_has_left_joins_the_pair_that_can_take_it() -> None:
    land = terrain(rules=replace(RULES, min_notional=D(50)))
    group = two_legs()
    first, *others = resting(exits(group, terrain()))
    left = replace(first, filled=D("0.9"), status=OrderStatus.PARTIALLY_FILLED)
    sold = group.with_leg(replace(group.leg(0, 0), open_quantity=D("0.1"), open_value=D(10)))
    wishes = exits(sold, land, (left, *others[1:]))
    assert [(wish.place.leg, wish.quantity) for wish in wishes] == [(1, D("2.1")), (1, D("2.1"))]


def test_a_stop_that_is_hardly_off_moves_no_pair_that_was_just_placed() -> None:
    live = tuple(resting(exits(two_legs(), terrain())))
    moved = filled_group(Side.LONG, ("100", "1"), ("89.9", "2"), grid=STOPPED)
    far = filled_group(Side.LONG, ("100", "1"), ("89.7", "2"), grid=STOPPED)
    later = terrain(now=MOMENT + PAIR_STAYS)
    assert [wish.trigger_price for wish in exits(moved, terrain(), live)[1::2]] == [D("88.67")] * 2
    assert [wish.trigger_price for wish in exits(far, terrain(), live)[1::2]] == [D("88.48")] * 2
    assert [wish.trigger_price for wish in exits(moved, later, live)[1::2]] == [D("88.61")] * 2


def test_what_is_too_small_to_rest_joins_the_pair_before_it() -> None:
    group = filled_group(Side.LONG, ("100", "1"), ("90", "0.05"), grid=STOPPED)
    wishes = exits(group, terrain(rules=replace(RULES, min_notional=D(10))))
    assert [(wish.place.leg, wish.quantity) for wish in wishes] == [(0, D("1.05")), (0, D("1.05"))]


def test_a_partial_close_shrinks_the_pairs_by_what_it_sells() -> None:
    wishes = exits(replace(two_legs(), reduce_quantity=D("1.5")), terrain(quote="95"))
    assert [(wish.place.role, wish.quantity) for wish in wishes] == [
        (OrderRole.TAKE_PROFIT, D("0.5")),
        (OrderRole.STOP_LOSS, D("0.5")),
        (OrderRole.TAKE_PROFIT, D(1)),
        (OrderRole.STOP_LOSS, D(1)),
        (OrderRole.CLOSE, D("1.5")),
    ]


# ---------------------------------------------------------------------------------------------- what is done


def test_a_pair_is_placed_whole_and_its_coins_count_once() -> None:
    wishes = exits(two_legs(), terrain())
    assert gap(wishes, []).place == wishes
    assert gap(wishes, [], room="2.5").place == wishes[:2], "the second pair waits for its coins"


def test_a_pair_that_rests_as_wanted_is_left_alone() -> None:
    wishes = exits(two_legs(), terrain())
    assert gap(wishes, resting(wishes)) == Difference()


def test_a_pair_of_another_size_is_replaced_and_never_amended() -> None:
    wishes = exits(two_legs(), terrain())
    live = resting([*wishes[:2], *(replace(wish, quantity=D(1)) for wish in wishes[2:])])
    assert gap(wishes, live) == Difference(cancel=live[2:])


def test_a_take_profit_left_without_its_stop_is_cancelled() -> None:
    wishes = exits(two_legs(), terrain())
    live = resting(wishes)
    left = replace(live[2], filled=D(1), status=OrderStatus.PARTIALLY_FILLED)
    assert gap(wishes, [*live[:2], left], room="2").cancel == [left]


def test_a_lone_stop_and_a_lone_take_profit_are_no_pair() -> None:
    wishes = exits(two_legs(tp_mode="aggregate"), terrain())
    live = [replace(order, paired_with=None) for order in resting(wishes)]
    assert gap(wishes, live).cancel == live


def test_the_stop_of_a_pair_does_not_stand_for_a_lone_one() -> None:
    group = two_legs(tp_mode="aggregate")
    live = resting(exits(group, terrain()))
    assert gap(exits(group, terrain(pairs=0)), live) == Difference(cancel=[live[1], live[0]])


def test_a_pair_in_doubt_is_waited_for() -> None:
    wishes = exits(two_legs(tp_mode="aggregate"), terrain())
    unknown = resting([replace(wish, quantity=D(2)) for wish in wishes], OrderStatus.UNKNOWN)
    assert gap(wishes, unknown) == Difference()
    assert gap(wishes, [unknown[0], replace(unknown[1], status=OrderStatus.OPEN)]) == Difference()


def test_a_pair_that_never_left_is_given_up_for_another() -> None:
    wishes = exits(two_legs(tp_mode="aggregate"), terrain())
    old = [
        replace(order, status=OrderStatus.PENDING, retry_at=MOMENT)
        for order in resting([replace(wish, quantity=D(2)) for wish in wishes])
    ]
    assert gap(wishes, old) == Difference(cancel=old)


def test_what_a_pair_binds_is_what_the_one_has_left_that_fills() -> None:
    profit, stop = resting(exits(two_legs(tp_mode="aggregate"), terrain()))
    assert bound_by_exits([profit, stop]) == 3
    assert bound_by_exits([replace(profit, filled=D(1)), stop]) == 2
    assert bound_by_exits([replace(profit, status=OrderStatus.CANCELLED), stop]) == 3
    assert bound_by_exits([replace(profit, filled=D(3), status=OrderStatus.FILLED), stop]) == 0
    assert bound_by_exits([replace(profit, filled=D(1), status=OrderStatus.CANCELLED), stop]) == 2


@given(
    groups_and_fills(),
    st.sampled_from([TakeProfitMode.PER_LEG, TakeProfitMode.AGGREGATE, TakeProfitMode.PYRAMID_AGGREGATE]),
    st.integers(0, 12),
    st.sampled_from(["0", "20", "2000"]),
    st.sampled_from([ZERO, D(1), D("0.3")]) | st.sets(st.integers(0, 3)),
)
def test_exits_bind_no_more_than_is_held_and_every_coin_has_a_stop(
    drawn: tuple[Group, Fills], mode: TakeProfitMode, pairs: int, least: str, leaving: Decimal | set[int]
) -> None:
    """Every coin that is not `leaving`: by a partial close, or by legs at their targets."""
    group = booked(replace(drawn[0], side=Side.LONG, grid=STOPPED.model_copy(update={"tp_mode": mode})), drawn[1])
    step = group.step_size
    if isinstance(leaving, set):
        group = triggered(group, *leaving)
    else:
        group = replace(group, reduce_quantity=(group.open_quantity * leaving).quantize(step))
    rules = replace(RULES, step_size=step, min_qty=step, min_notional=D(least))
    land = terrain(pairs=pairs, rules=rules, quote="3000")
    wishes = exits(group, land)
    live = resting(wishes)

    assert bound_by_exits(live) <= group.open_quantity
    assert gap(wishes, [], room=str(group.open_quantity)).place == wishes
    assert gap(wishes, live, room=str(group.open_quantity)) == Difference()
    stops = [wish for wish in wishes if wish.place.role is OrderRole.STOP_LOSS]
    assert len({place_of(order) for order in live}) == len(wishes)
    assert len(stops) <= max(pairs, 1)
    if stops:
        stopped = sum((wish.quantity for wish in stops), ZERO)
        sales = [wish for wish in wishes if wish.place.role is OrderRole.TAKE_PROFIT and wish.type is OrderType.MARKET]
        sold = sum((wish.quantity for wish in sales), group.reduce_quantity)
        assert group.open_quantity - sold - stopped < step * (1 + len(sales))
