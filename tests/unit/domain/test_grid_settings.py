"""Grid settings: what a configuration may say, and which override holds."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.base.config import ConfigError, parse_config
from app.base.config.grid import GridConfig, GridSettings, TakeProfitMode
from tests.support.strategies import levels_of

NAMES = ("account", "symbol", "timeframe")
KEY = {"account": "paper", "symbol": "BTC/USDT:USDT", "timeframe": "1h"}


def refusal_of(**settings: Any) -> str:
    with pytest.raises(ConfigError) as raised:
        parse_config({"grid": {"default": settings}})
    return str(raised.value)


def resolved(*overrides: dict[str, Any], **default: Any) -> GridSettings:
    return GridConfig.model_validate({"default": default, "overrides": overrides}).resolve(**KEY)


def override(*keys: str, **settings: Any) -> dict[str, Any]:
    return {**{name: KEY[name] for name in keys}, "settings": settings}


def test_defaults_are_those_of_the_specification() -> None:
    grid = GridSettings()
    rows = [(level.gap_percent, level.weight_percent, level.tp_percent) for level in grid.levels]
    gaps, targets = ("0", "-0.5", "-1", "-1.5", "-2"), ("1", "0.5", "2", "1.5", "1")
    assert rows == [(Decimal(gap), Decimal(20), Decimal(tp)) for gap, tp in zip(gaps, targets, strict=True)]
    assert (grid.entry_order_type, grid.size_from, grid.on_leg_below_minimum) == ("market", "signal", "refuse")
    assert (grid.max_pyramids, grid.tp_mode, grid.tp_aggregate_percent) == (5, TakeProfitMode.PER_LEG, Decimal(1))
    assert (grid.min_distance_percent, grid.hybrid_tolerance_percent) == (Decimal("0.1"), Decimal("0.05"))
    assert (grid.leverage, grid.margin_mode, grid.stop_sizing) == (Decimal(1), "isolated", "filled")
    assert grid.stop_loss is None


@pytest.mark.parametrize("weights", [("50", "49.99"), ("50", "50.01"), ("100", "1")])
def test_weights_that_do_not_sum_to_100_are_refused(weights: tuple[str, str]) -> None:
    assert "not to 100" in refusal_of(levels=levels_of(("0", weights[0], "1"), ("-1", weights[1], "1")))


@pytest.mark.parametrize("gaps", [("0", "0"), ("-1", "1"), ("-2", "-1"), ("-1", "0")])
def test_gaps_that_do_not_get_deeper_are_refused(gaps: tuple[str, str]) -> None:
    assert "strictly deeper" in refusal_of(levels=levels_of((gaps[0], "50", "1"), (gaps[1], "50", "1")))


def test_levels_of_a_pyramid_are_held_to_the_same_rules() -> None:
    assert "not to 100" in refusal_of(pyramid_levels={"1": levels_of(("0", "99", "1"))})


@pytest.mark.parametrize("count", [0, 8])
def test_a_grid_has_one_to_seven_legs(count: int) -> None:
    assert "grid.default.levels" in refusal_of(
        levels=levels_of(*[(str(-index), "12.5", "1") for index in range(count)])
    )


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"max_pyramid": 3}, "grid.default.max_pyramid: no such setting, did you mean max_pyramids?"),
        ({"leverege": 3}, "grid.default.leverege: no such setting, did you mean leverage?"),
        ({"xyzzy": 1}, "grid.default.xyzzy: no such setting"),
    ],
)
def test_unknown_setting_is_refused_with_the_nearest_name(settings: dict[str, Any], says: str) -> None:
    assert refusal_of(**settings) == says


@pytest.mark.parametrize(
    "settings",
    [
        {"leverage": 26},
        {"leverage": "0.5"},
        {"max_pyramids": 0},
        {"tp_aggregate_percent": 0},
        {"tp_aggregate_percent": "NaN"},
        {"max_resting_legs": 0},
        {"size_from": "quote"},
        {"size_value": 100},
        {"size_from": "risk_percent", "size_value": 1},
        {"stop_loss": {"mode": "percent"}},
        {"stop_loss": {"mode": "signal", "percent": 3}},
        {"stop_loss": {"mode": "percent", "percent": 0}},
        {"stop_loss": {"mode": "percent", "percent": 3, "trailing": {"activation_percent": 1, "callback_percent": 0}}},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, Any]) -> None:
    assert "grid.default" in refusal_of(**settings)


def test_override_that_makes_no_sense_is_refused_when_it_is_read() -> None:
    with pytest.raises(ConfigError):
        parse_config({"grid": {"overrides": [override("symbol", max_pyramids=0)]}})


def test_override_changes_only_what_it_names() -> None:
    grid = resolved(override("symbol", leverage=3), max_pyramids=2)
    assert (grid.leverage, grid.max_pyramids) == (Decimal(3), 2)


@pytest.mark.parametrize(
    ("less", "more"),
    [
        (("symbol",), ("account", "timeframe")),
        (("timeframe",), ("symbol",)),
        (("account",), ("timeframe",)),
        (("account", "timeframe"), ("symbol", "timeframe")),
        (("account", "timeframe"), ("account", "symbol")),
        (("symbol", "timeframe"), NAMES),
        ((), ("account",)),
    ],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_the_more_specific_override_wins_wherever_it_stands(
    less: tuple[str, ...], more: tuple[str, ...], reverse: bool
) -> None:
    rows = [override(*less, leverage=2), override(*more, leverage=3)]
    assert resolved(*(reversed(rows) if reverse else rows)).leverage == 3


@pytest.mark.parametrize(("name", "other"), [("account", "second"), ("symbol", "ETH/USDT:USDT"), ("timeframe", "4h")])
def test_override_of_another_place_does_not_hold(name: str, other: str) -> None:
    assert resolved({name: other, "settings": {"leverage": 3}}).leverage == 1


@pytest.mark.parametrize("spelled", ["60", "1h", "1H", "60m"])
def test_an_override_finds_its_timeframe_in_any_spelling(spelled: str) -> None:
    assert resolved({"timeframe": spelled, "settings": {"leverage": 3}}).leverage == 3


def test_an_override_of_no_timeframe_is_refused() -> None:
    with pytest.raises(ValidationError, match="timeframe"):
        resolved({"timeframe": "soon", "settings": {"leverage": 3}})


@given(keys=st.lists(st.sets(st.sampled_from(NAMES)), min_size=1, max_size=8, unique_by=frozenset), data=st.data())
def test_one_of_the_overrides_with_most_keys_wins(keys: list[set[str]], data: st.DataObject) -> None:
    rows = [override(*names, max_holding_minutes=index + 1) for index, names in enumerate(keys)]
    minutes = resolved(*data.draw(st.permutations(rows))).max_holding_minutes
    assert minutes is not None
    assert len(keys[minutes - 1]) == max(len(names) for names in keys)


@pytest.mark.parametrize("number", ["1e999999", "1e19", "1e-999999", "1e-19", "0e-999999", "1." + "1" * 40])
def test_a_number_nobody_can_reckon_with_is_refused(number: str) -> None:
    for document in (
        {"accounts": [{"id": "paper", "balances": {"USDT": number}}]},
        {"precision": {"fallback_min_qty": number}},
        {"offset": {"loss_threshold_percent": "-5", "min_close_notional": number}},
        {"risk": {"low_profit_bound_quote": f"-{number}"}},
    ):
        with pytest.raises(ConfigError, match="0 or between 1e-18 and 1e18, with at most 38 digits"):
            parse_config(document)


def test_an_override_holds_no_such_number_either() -> None:
    with pytest.raises(ConfigError, match="0 or between"):
        parse_config({"grid": {"overrides": [override("symbol", size_from="quote", size_value="1e999999")]}})


@pytest.mark.parametrize("number", ["0", "0.00", "1e18", "1e-18", "123456789.123456789"])
def test_a_number_within_reason_is_taken(number: str) -> None:
    assert parse_config({"risk": {"low_profit_bound_quote": number}}).risk.low_profit_bound_quote == Decimal(number)
