"""Market rules: given, bundled, derived."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.values import MarketType
from app.exchange.paper.rules import BUNDLED, RuleBook, derived
from tests.unit.exchange.paper.bench import SOL, rules_of


@pytest.mark.parametrize(
    ("price", "tick", "step"),
    [
        ("200", "0.01", "0.0001"),
        ("98765.4", "1", "0.0000001"),
        ("1", "0.0001", "0.01"),
        ("0.5", "0.00001", "0.01"),
        ("0.00001234", "0.000000001", "1000"),
    ],
)
def test_an_unknown_market_gets_five_digits_of_price_and_steps_worth_a_cent(price: str, tick: str, step: str) -> None:
    rules = derived("ODD/USDT:USDT", Decimal(price))

    assert rules is not None
    assert (rules.tick_size, rules.step_size, rules.min_qty) == (Decimal(tick), Decimal(step), Decimal(step))
    assert rules.min_notional == 5


@given(st.decimals(Decimal("0.00000001"), Decimal(1_000_000), places=8))
def test_a_derived_step_is_a_power_of_ten_worth_about_a_cent(price: Decimal) -> None:
    rules = derived("ODD/USDT", price)

    assert rules is not None
    assert rules.step_size.normalize().as_tuple().digits == (1,)
    assert Decimal("0.003") < price * rules.step_size < Decimal("0.032")


@pytest.mark.parametrize(
    ("symbol", "market_type"), [("ODD/USDT", MarketType.SPOT), ("ODD/USDT:USDT", MarketType.LINEAR)]
)
def test_the_spelling_tells_the_market_type(symbol: str, market_type: MarketType) -> None:
    rules = RuleBook().rules(symbol, Decimal(1))

    assert rules is not None
    assert (rules.base, rules.quote, rules.market_type) == ("ODD", "USDT", market_type)


@pytest.mark.parametrize("symbol", ["nonsense", "BTC/USD:BTC", "/USDT", "A/B/C", "ODD/USDT:USDT-260626"])
def test_what_is_no_spot_pair_or_linear_perpetual_has_no_rules(symbol: str) -> None:
    assert RuleBook().rules(symbol, Decimal(1)) is None


def test_given_rules_go_before_bundled_ones() -> None:
    assert RuleBook({SOL: rules_of(SOL, tick_size=Decimal(1))}).rules(SOL, None) == rules_of(SOL, tick_size=Decimal(1))
    bundled = RuleBook().rules(SOL, None)
    assert bundled is not None
    assert bundled.tick_size == Decimal("0.01")


def test_derived_rules_stay_whatever_the_price_does() -> None:
    book = RuleBook()
    first = book.rules("ODD/USDT:USDT", Decimal(200))

    assert book.rules("ODD/USDT:USDT", Decimal(2)) is first
    assert RuleBook().rules("ODD/USDT:USDT", None) is None


def test_the_bundled_file_holds_common_pairs_with_sound_rules() -> None:
    rows = json.loads(BUNDLED.read_text(encoding="utf-8"))["markets"]

    assert len(rows) >= 40
    assert len({base for base, *_ in rows}) == len(rows)
    assert all(Decimal(fact) > 0 for _, *facts in rows for fact in facts)
