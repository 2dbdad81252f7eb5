"""Prices at which profit is taken (grid.md, Take-profit): from actual averages, on the tick, away from the entry.

A signal's price is every leg's, and keeps its distance from the entry of the newest pyramid alone: legs of others may
be sold there at a loss.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from app.base.config.grid import TakeProfitMode
from app.domain.booking import average_for_exit
from app.domain.group import Group, Leg
from app.domain.market import MarketRules
from app.domain.values import SETTLED


def leg_target(leg: Leg, group: Group, rules: MarketRules) -> Decimal | None:
    """The exit price of what the leg has filled, from its actual average; None where nothing has."""
    reference = average_for_exit([leg], group.step_size)
    reference = leg.average_fill if reference is None else reference
    return None if reference is None else _leg_price(leg, group, rules, reference)


def leg_plan_target(leg: Leg, group: Group, rules: MarketRules) -> Decimal:
    """The exit price to show before the leg has filled, from its planned price."""
    return _leg_price(leg, group, rules, leg.price)


def exit_target(leg: Leg, group: Group, rules: MarketRules) -> Decimal | None:
    """The price at which what the leg has open is sold, by the group's way of taking profit; None with nothing open."""
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            return group_target(group, rules)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return pyramid_target(group, leg.pyramid, rules)
        case _:
            return leg_target(leg, group, rules)


def pyramid_target(group: Group, pyramid: int, rules: MarketRules) -> Decimal | None:
    """The exit price of all that one pyramid has open; None where it has nothing."""
    legs = [leg for leg in group.legs if leg.pyramid == pyramid]
    return _aggregate_price(group, legs, group.grid.aggregate_percent_of(pyramid), rules)


def group_target(group: Group, rules: MarketRules) -> Decimal | None:
    """The exit price of all that the group has open; None where it has nothing."""
    return _aggregate_price(group, group.legs, group.grid.tp_aggregate_percent, rules)


def _leg_price(leg: Leg, group: Group, rules: MarketRules, reference: Decimal) -> Decimal:
    if group.signal_take_profit is not None:
        is_newest = leg.pyramid == group.pyramids[-1].index
        return _on_tick(group, rules, reference if is_newest else group.newest_entry, group.signal_take_profit)
    return _on_tick(group, rules, reference, group.side.shifted(reference, leg.tp_percent))


def _aggregate_price(group: Group, legs: Iterable[Leg], percent: Decimal, rules: MarketRules) -> Decimal | None:
    """In hybrid mode the legs' own exits carry a signal's take-profit, the aggregate keeps its percent."""
    reference = average_for_exit(legs, group.step_size)
    if reference is None:
        return None
    if group.signal_take_profit is not None and group.grid.tp_mode is not TakeProfitMode.HYBRID:
        return _on_tick(group, rules, group.newest_entry, group.signal_take_profit)
    return _on_tick(group, rules, reference, group.side.shifted(reference, percent))


def _on_tick(group: Group, rules: MarketRules, reference: Decimal, price: Decimal) -> Decimal:
    """`price`, at least the minimum distance from `reference`, rounded away from it and never under one tick."""
    nearest = group.side.shifted(reference, group.grid.min_distance_percent)
    target = nearest if group.side.is_better(nearest, price) else price
    return max(rules.quantize_take_profit(SETTLED.plus(target), group.side), rules.tick_size)
