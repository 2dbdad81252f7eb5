"""What has to be set before an account trades live, and what it could cost at worst."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.base.config import Config, parse_config
from app.base.config.groups import AccountConfig
from app.domain.arming import missing, trades_without_stop, worst_case

LIVE = {"id": "perp", "venue": "binance", "environment": "live"}
LIMITS = {"max_exposure_quote": "5000", "daily_loss_limit_quote": "250", "max_order_quote": "100"}
STOP = {"mode": "percent", "percent": "5"}


def settings(account: dict[str, Any] | None = None, **config: Any) -> tuple[Config, AccountConfig]:
    made = parse_config({"accounts": [account or LIVE], **config})
    return made, made.accounts[0]


def test_everything_that_is_not_set_is_named() -> None:
    named = missing(*settings())
    assert named == (
        "risk.max_exposure_quote",
        "risk.daily_loss_limit_quote",
        "risk.max_order_quote",
        "allowed_symbols of perp",
    )


def test_nothing_is_missing_where_all_is_set() -> None:
    assert missing(*settings({**LIVE, "allowed_symbols": ["BTC/USDT:USDT"]}, risk=LIMITS)) == ()


def test_no_allowed_symbol_is_as_good_as_none_set() -> None:
    assert "allowed_symbols of perp" in missing(*settings({**LIVE, "allowed_symbols": []}, risk=LIMITS))


def test_one_override_without_a_stop_is_enough_to_be_asked_for_it() -> None:
    stopped = {"default": {"stop_loss": STOP}}
    assert not trades_without_stop(*settings(grid=stopped))
    loose = {**stopped, "overrides": [{"symbol": "BTC/USDT:USDT", "settings": {"stop_loss": None}}]}
    assert trades_without_stop(*settings(grid=loose))
    elsewhere = {**stopped, "overrides": [{"account": "other", "settings": {"stop_loss": None}}]}
    assert not trades_without_stop(*settings(grid=elsewhere))


def test_the_worst_case_is_groups_times_pyramids_times_capital_times_leverage() -> None:
    grid = {"default": {"size_from": "quote", "size_value": "500", "max_pyramids": 4, "leverage": "3"}}
    case = worst_case(*settings(grid=grid, pool={"max_open_groups": 6}), equity=None)
    assert case is not None
    assert case.total == Decimal(6 * 4 * 500 * 3)


def test_an_alert_that_brings_its_size_is_bounded_by_the_largest_order_of_each_leg() -> None:
    case = worst_case(*settings(risk=LIMITS), equity=None)
    assert case is not None
    assert case.capital == Decimal(5 * 100)
    assert worst_case(*settings(), equity=None) is None


def test_the_most_daring_override_counts_and_spot_has_no_leverage() -> None:
    grid = {
        "default": {"size_from": "quote", "size_value": "10", "leverage": "5"},
        "overrides": [{"symbol": "BTC/USDT", "settings": {"size_value": "900"}}],
    }
    case = worst_case(*settings({**LIVE, "market_type": "spot"}, grid=grid), equity=None)
    assert case is not None
    assert (case.capital, case.leverage) == (Decimal(900), Decimal(1))
