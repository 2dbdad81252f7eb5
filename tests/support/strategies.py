"""Hypothesis strategies of the trading rules, and the short-hands by which examples are written."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from hypothesis import strategies as st

from app.base.config.grid import GridSettings, Level
from app.domain.booking import book_entry
from app.domain.group import Group, Leg, Pyramid
from app.domain.market import MarketRules
from app.domain.values import MarketType, OrderType, Side

MOMENT = datetime(2026, 1, 5, tzinfo=UTC)
SIDES = st.sampled_from(Side)


def decimal_of(smallest: str, largest: str, places: int) -> st.SearchStrategy[Decimal]:
    """Decimals on `places` digits, both ends included."""
    return st.decimals(Decimal(smallest), Decimal(largest), places=places)


def rules_of(tick: str, step: str, **others: Any) -> MarketRules:
    """Rules with a tick and a step; without other minimums unless given."""
    facts: dict[str, Any] = {
        "symbol": "BTC/USDT:USDT",
        "market_type": MarketType.LINEAR,
        "base": "BTC",
        "quote": "USDT",
        "min_qty": Decimal(step),
        "min_notional": Decimal(0),
    }
    return MarketRules(tick_size=Decimal(tick), step_size=Decimal(step), **{**facts, **others})


def levels_of(*rungs: tuple[str, str, str]) -> list[dict[str, Decimal]]:
    """Levels from (gap, weight, tp) triples, for `grid_of`."""
    names = ("gap_percent", "weight_percent", "tp_percent")
    return [dict(zip(names, map(Decimal, rung), strict=True)) for rung in rungs]


def grid_of(**settings: Any) -> GridSettings:
    """Grid settings as a file would give them."""
    return GridSettings.model_validate(settings)


def group_of(legs: Iterable[Leg], side: Side = Side.LONG, grid: GridSettings | None = None, **others: Any) -> Group:
    """A group with these legs, nothing filled, step 0.001 unless given."""
    legs = tuple(legs)
    facts: dict[str, Any] = {
        "step_size": Decimal("0.001"),
        "contract_size": Decimal(1),
        "pyramids": tuple(
            Pyramid(index, f"s{index}", legs[0].price, Decimal(1000), MOMENT)
            for index in sorted({leg.pyramid for leg in legs})
        ),
    }
    return Group(
        id="g0000001",
        account="paper",
        symbol="BTC/USDT:USDT",
        timeframe="60",
        side=side,
        strategy_id="",
        quote="USDT",
        base="BTC",
        grid=grid or grid_of(),
        leverage=Decimal(1),
        margin_mode="isolated",
        opened_at=MOMENT,
        legs=legs,
        **{**facts, **others},
    )


def leg_of(index: int, price: str, quantity: str, tp_percent: str = "1", pyramid: int = 0) -> Leg:
    """A planned limit leg."""
    return Leg(
        pyramid=pyramid,
        index=index,
        gap_percent=Decimal(0),
        weight_percent=Decimal(10),
        tp_percent=Decimal(tp_percent),
        order_type=OrderType.LIMIT,
        price=Decimal(price),
        quantity=Decimal(quantity),
    )


def filled_at(group: Group, place: tuple[int, int], price: str | Decimal, quantity: str | Decimal) -> Group:
    """The group with a fee-less entry fill."""
    return book_entry(group, place, Decimal(price), Decimal(quantity), Decimal(0), Decimal(0), MOMENT)


def filled_group(side: Side, *fills: tuple[str, str], grid: GridSettings | None = None, **others: Any) -> Group:
    """A group of one pyramid whose legs, one a (price, quantity), are filled whole at their prices."""
    group = group_of([leg_of(index, *fill) for index, fill in enumerate(fills)], side, grid, **others)
    for index, (price, quantity) in enumerate(fills):
        group = filled_at(group, (0, index), price, quantity)
    return group


@st.composite
def market_rules(draw: st.DrawFn, *, minimums: bool = True) -> MarketRules:
    """Rules as venues have them: ticks of 1, 2.5 or 5, steps of 1, on any power of ten in use."""
    tick = draw(st.sampled_from(["1", "2.5", "5"]))
    step = Decimal(1).scaleb(-draw(st.integers(0, 6)))
    return rules_of(
        str(Decimal(tick).scaleb(-draw(st.integers(1, 6)))),
        str(step),
        min_qty=step * draw(st.integers(1, 20)) if minimums else step,
        min_notional=draw(decimal_of("0", "20", 1)) if minimums else Decimal(0),
        contract_size=draw(st.sampled_from([Decimal(1), Decimal("0.01"), Decimal(10)])),
    )


def prices_for(rules: MarketRules) -> st.SearchStrategy[Decimal]:
    """Signal prices, on the tick or between two, of at least a thousand ticks."""
    return decimal_of("1000", "5000000", 1).map(lambda ticks: ticks * rules.tick_size)


@st.composite
def levels(draw: st.DrawFn, *, deepest: int = 5000) -> tuple[Level, ...]:
    """1 to 7 legs by the rules of grid.md, gaps of either sign up to `deepest` hundredths of a percent."""
    count = draw(st.integers(1, 7))
    cuts = sorted(draw(st.sets(st.integers(1, 9999), min_size=count - 1, max_size=count - 1)))
    weights = [right - left for left, right in zip([0, *cuts], [*cuts, 10000], strict=True)]
    gaps = sorted(draw(st.sets(st.integers(0, deepest), min_size=count, max_size=count)))
    signs = draw(st.lists(st.sampled_from([1, -1]), min_size=count, max_size=count))
    targets = draw(st.lists(decimal_of("0.01", "50", 2), min_size=count, max_size=count))
    return tuple(
        Level(gap_percent=Decimal(gap * sign).scaleb(-2), weight_percent=Decimal(weight).scaleb(-2), tp_percent=target)
        for gap, sign, weight, target in zip(gaps, signs, weights, targets, strict=True)
    )


def grids(legs: st.SearchStrategy[tuple[Level, ...]] | None = None, **fixed: Any) -> st.SearchStrategy[GridSettings]:
    """Grid settings with drawn legs and entry type, and `fixed` settings."""
    drawn = {"levels": legs if legs is not None else levels(), "entry_order_type": st.sampled_from(["market", "limit"])}
    return st.fixed_dictionaries(drawn).map(lambda settings: grid_of(**{**settings, **fixed}))


Fills = Sequence[tuple[tuple[int, int], Decimal, Decimal, Decimal]]
"""(place, price, quantity, fee taken in the base coin), one an entry fill."""


@st.composite
def groups_and_fills(draw: st.DrawFn) -> tuple[Group, Fills]:
    """A group of 1 to 3 pyramids, 1 to 4 legs each, and fills that complete some of its legs."""
    step = Decimal(1).scaleb(-draw(st.integers(0, 4)))
    side, contract_size = draw(SIDES), draw(st.sampled_from([Decimal(1), Decimal("0.01")]))
    legs: list[Leg] = []
    fills: list[tuple[tuple[int, int], Decimal, Decimal, Decimal]] = []
    for pyramid in range(draw(st.integers(1, 3))):
        for index in range(draw(st.integers(1, 4))):
            parts = draw(st.lists(st.integers(1, 2000), min_size=1, max_size=3))
            leg = replace(leg_of(index, "100", "1", pyramid=pyramid), quantity=sum(parts) * step)
            legs.append(leg)
            for part in parts[: draw(st.integers(0, len(parts)))]:
                fee = part * step * draw(st.sampled_from([Decimal(0), Decimal("0.001")]))
                fills.append((leg.key, draw(decimal_of("1", "5000", 2)), part * step, fee))
    return group_of(legs, side, step_size=step, contract_size=contract_size), fills


def booked(group: Group, fills: Fills) -> Group:
    """The group with all `fills` booked, in their order; fees are the base coin's at the fill's price."""
    for place, price, quantity, fee in fills:
        group = book_entry(group, place, price, quantity, price * fee * group.contract_size, fee, MOMENT)
    return group
