"""Take-profits as limits, sales at market, and what of them a venue takes."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from app.base.config.grid import TakeProfitMode
from app.domain.group import Group, Leg
from app.domain.market import MarketRules
from app.domain.take_profit import group_target, leg_target, pyramid_target
from app.domain.values import ZERO, OrderRole, OrderType
from app.domain.wishes import Place, Terrain, Wanted


def limit_exits(group: Group, terrain: Terrain) -> list[Wanted]:
    """A limit at its target for everything that is open, by the group's way of taking profit."""
    kept = kept_fraction(group)
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            target = group_target(group, terrain.rules)
            return _limit_exit(group, Place(OrderRole.TAKE_PROFIT), group.open_quantity * kept, target, terrain)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return [
                item
                for pyramid in group.pyramids
                for item in _limit_exit(
                    group,
                    Place(OrderRole.TAKE_PROFIT, pyramid.index),
                    kept * sum((leg.open_quantity for leg in group.legs if leg.pyramid == pyramid.index), ZERO),
                    pyramid_target(group, pyramid.index, terrain.rules),
                    terrain,
                )
            ]
        case _:
            return _leg_exits(group, terrain, kept)


def kept_fraction(group: Group) -> Decimal:
    """How much of what is open is not already on its way out by a partial close."""
    if group.reduce_quantity <= 0:
        return Decimal(1)
    return max(group.open_quantity - group.reduce_quantity, ZERO) / group.open_quantity if group.open_quantity else ZERO


def _leg_exits(group: Group, terrain: Terrain, kept: Decimal) -> list[Wanted]:
    """One exit a leg; what is too small to rest alone and will not grow joins the next one (grid.md, per_leg)."""
    exits: list[tuple[Leg, Decimal, Decimal]] = []
    joining = ZERO
    for leg in group.legs:
        target = leg_target(leg, group, terrain.rules)
        if leg.open_quantity <= 0 or target is None:
            continue
        quantity = leg.open_quantity * kept
        if terrain.rules.meets_minimum(target, terrain.rules.quantize_quantity(quantity)):
            exits.append((leg, quantity + joining, target))
            joining = ZERO
        elif not leg.wants_entry:
            joining += quantity
    if joining and exits:
        leg, quantity, target = exits[-1]
        exits[-1] = (leg, quantity + joining, target)
    return [
        item
        for leg, quantity, target in exits
        for item in _limit_exit(group, Place(OrderRole.TAKE_PROFIT, leg.pyramid, leg.index), quantity, target, terrain)
    ]


def _limit_exit(
    group: Group, place: Place, quantity: Decimal, target: Decimal | None, terrain: Terrain
) -> list[Wanted]:
    on_step = terrain.rules.quantize_quantity(quantity)
    if target is None or not terrain.rules.meets_minimum(target, on_step):
        return []
    trigger = group.grid.tp_order == "trigger" and terrain.take_profit_trigger
    return [
        Wanted(
            place=place,
            side=group.side.exit_order_side,
            type=OrderType.TAKE_PROFIT_MARKET if trigger else OrderType.LIMIT,
            quantity=on_step,
            price=None if trigger else target,
            trigger_price=target if trigger else None,
            reduce_only=terrain.reduce_only,
            expected_price=target,
        )
    ]


def market_exit(group: Group, place: Place, quantity: Decimal, terrain: Terrain) -> Wanted:
    """A sale of `quantity` at market."""
    side = group.side.exit_order_side
    return Wanted(
        place=place,
        side=side,
        type=OrderType.MARKET,
        quantity=terrain.rules.quantize_quantity(quantity),
        reduce_only=terrain.reduce_only,
        expected_price=None if terrain.quote is None else terrain.quote.executable(side),
    )


def can_sell(quantity: Decimal, terrain: Terrain) -> bool:
    """Whether the venue takes a market exit of this quantity."""
    if quantity <= 0 or quantity < terrain.rules.min_qty:
        return False
    if terrain.exits_below_minimum:
        return True
    return terrain.quote is not None and terrain.rules.meets_minimum(terrain.quote.last, quantity)


def is_sold_out(legs: Iterable[Leg], rules: MarketRules) -> bool:
    """Whether no leg has a step left to sell: on spot the fee comes out of what was bought, and exits leave a rest."""
    return all(rules.quantize_quantity(leg.open_quantity) == 0 for leg in legs)
