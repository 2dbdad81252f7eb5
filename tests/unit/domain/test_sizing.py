"""Capital of a pyramid."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from app.base.config.grid import GridSettings
from app.domain.grid import plan_legs
from app.domain.refusal import Refusal
from app.domain.sizing import SizeType, pyramid_capital
from app.domain.stop_loss import stop_mode_price
from app.domain.values import Side
from tests.support.strategies import SIDES, decimal_of, filled_at, grid_of, grids, group_of, levels, levels_of, rules_of

D = Decimal


def capital_of(
    grid: GridSettings,
    size: str | None = None,
    size_type: SizeType = SizeType.QUOTE,
    *,
    price: str = "100",
    equity: str | None = "10000",
    side: Side = Side.LONG,
    stop: str | None = None,
) -> Decimal | Refusal:
    return pyramid_capital(
        grid,
        None if size is None else D(size),
        size_type,
        D(price),
        None if equity is None else D(equity),
        side,
        0,
        None if stop is None else D(stop),
    )


@pytest.mark.parametrize(
    ("size_type", "expected"), [(SizeType.QUOTE, "2"), (SizeType.BASE, "400"), (SizeType.CONTRACTS, "400")]
)
def test_signals_size_counts_quote_or_base_units(size_type: SizeType, expected: str) -> None:
    assert capital_of(grid_of(), "2", size_type, price="200") == D(expected)


@pytest.mark.parametrize("size", [None, "0"])
def test_signal_without_a_size_is_refused(size: str | None) -> None:
    refusal = capital_of(grid_of(), size)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "size_missing"


def test_fixed_amount_needs_neither_size_nor_equity() -> None:
    assert capital_of(grid_of(size_from="quote", size_value=250), "7", equity=None) == D(250)


def test_percentage_of_equity() -> None:
    assert capital_of(grid_of(size_from="equity_percent", size_value="2.5")) == D(250)


@pytest.mark.parametrize("equity", [None, "0", "-3"])
@pytest.mark.parametrize("size_from", ["equity_percent", "risk_percent"])
def test_percentage_of_an_unknown_equity_is_refused(size_from: str, equity: str | None) -> None:
    grid = grid_of(size_from=size_from, size_value=1, stop_loss={"mode": "percent", "percent": 3})
    refusal = capital_of(grid, equity=equity)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "equity_unknown"


def risk_grid(*gaps_and_weights: tuple[str, str], stop: dict[str, Any], risk: str = "1") -> GridSettings:
    rungs = levels_of(*[(gap, weight, "1") for gap, weight in gaps_and_weights])
    return grid_of(size_from="risk_percent", size_value=risk, levels=rungs, stop_loss=stop)


def test_percent_stop_loses_its_percentage_of_the_capital() -> None:
    # 1 % of 10000 = 100 lost at 4 % of the capital
    grid = risk_grid(("0", "50"), ("-2", "50"), stop={"mode": "percent", "percent": 4})
    assert capital_of(grid) == D(2500)


def test_stop_too_near_is_risked_at_the_distance_it_is_moved_to() -> None:
    grid = risk_grid(("0", "100"), stop={"mode": "signal"})
    # 100 lost at 0.1 % of the capital, not at 0.05 %
    assert capital_of(grid, stop="99.95") == D(100000)


def test_legs_beyond_the_stop_do_not_count_as_risk() -> None:
    # only leg 0 is sent: 100 lost at 2 % of half the capital
    grid = risk_grid(("0", "50"), ("-3", "50"), stop={"mode": "percent", "percent": 2})
    assert capital_of(grid) == D(10000)


@pytest.mark.parametrize(("side", "gap_price", "stop"), [(Side.LONG, "98", "95"), (Side.SHORT, "102", "105")])
def test_signals_stop_counts_from_every_legs_price(side: Side, gap_price: str, stop: str) -> None:
    grid = risk_grid(("0", "50"), ("-2", "50"), stop={"mode": "signal"})
    capital = capital_of(grid, side=side, stop=stop)
    assert isinstance(capital, Decimal)
    lost = sum((capital / 2 / price * abs(price - D(stop)) for price in (D(100), D(gap_price))), D(0))
    assert abs(lost - 100) < D("1e-15")


@pytest.mark.parametrize("stop", [None, "100", "101"])
def test_risk_without_a_usable_stop_is_refused(stop: str | None) -> None:
    refusal = capital_of(risk_grid(("0", "100"), stop={"mode": "signal"}), stop=stop)
    assert isinstance(refusal, Refusal)
    assert refusal.code == "stop_sanity"


def test_risk_of_a_grid_wholly_beyond_its_stop_is_refused() -> None:
    refusal = capital_of(risk_grid(("-3", "100"), stop={"mode": "signal"}), stop="98")
    assert isinstance(refusal, Refusal)
    assert refusal.code == "stop_sanity"


@given(data=st.data(), side=SIDES, price=decimal_of("1", "1000", 2), risk=decimal_of("0.1", "5", 1))
def test_a_filled_grid_that_is_stopped_loses_the_risk_asked_for(
    data: st.DataObject, side: Side, price: Decimal, risk: Decimal
) -> None:
    away = data.draw(decimal_of("0.5", "20", 1))
    signal_stop = data.draw(st.sampled_from([None, side.shifted(price, -away)]))
    stop = {"mode": "signal"} if signal_stop is not None else {"mode": "percent", "percent": away}
    grid = data.draw(grids(levels(deepest=3000), size_from="risk_percent", size_value=risk, stop_loss=stop))
    capital = pyramid_capital(grid, None, SizeType.QUOTE, price, D(10000), side, 0, signal_stop)
    assume(isinstance(capital, Decimal))
    assert isinstance(capital, Decimal)
    rules = rules_of("1e-9", "1e-9")
    legs = plan_legs(grid, rules, side, 0, price, capital, signal_stop)
    assert isinstance(legs, tuple)
    group = group_of(legs, side, grid, step_size=rules.step_size, signal_stop=signal_stop)
    for leg in legs:
        if leg.wants_entry:
            group = filled_at(group, leg.key, leg.price, leg.quantity)
    assert group.average_entry is not None
    stopped_at = stop_mode_price(group, rules, group.average_entry)
    assert stopped_at is not None
    assert abs(-group.unrealized_pnl(stopped_at) / (100 * risk) - 1) < D("1e-5")
