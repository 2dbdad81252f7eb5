"""How numbers and times are written."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.gui import formats
from tests.support.examples import NOON

D = Decimal


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("1303.72", "1,303.72"),
        ("-3.04", "−3.04"),
        ("0", "0.00"),
        ("0.004", "<0.01"),
        ("-0.004", "−<0.01"),
        ("1E+4", "10,000.00"),
    ],
)
def test_money_has_two_decimals_grouped_by_comma(value: str, text: str) -> None:
    assert formats.money(D(value)) == text


def test_a_sum_above_nothing_has_a_plus_and_nothing_has_no_sign() -> None:
    assert formats.signed_money(D("4.17")) == "+4.17"
    assert formats.signed_money(D(0)) == "0.00"
    assert formats.signed_percent(D("0.38")) == "+0.38%"
    assert formats.signed_percent(D("-0.001")) == "0.00%"


@pytest.mark.parametrize(
    ("tick", "text"), [("0.1", "96,420.5"), ("0.01", "96,420.50"), ("1", "96,420"), ("5", "96,420")]
)
def test_a_price_has_its_markets_tick_decimals(tick: str, text: str) -> None:
    assert formats.price(D("96420.5"), D(tick)) == text


def test_what_is_not_there_is_a_dash() -> None:
    missing = (formats.money(None), formats.price(None, D(1)), formats.percent(None), formats.quantity(None, None))
    assert set(missing) == {"–"}


@pytest.mark.parametrize(("seconds", "text"), [(5, "5s"), (240, "4m"), (7680, "2h 08m"), (97200, "1d 3h"), (-5, "0s")])
def test_an_age_is_told_in_its_two_largest_units(seconds: int, text: str) -> None:
    assert formats.age(timedelta(seconds=seconds)) == text


def test_a_time_of_today_has_seconds_and_an_older_one_its_day() -> None:
    assert formats.clock_time(NOON, NOON) == f"{NOON:%H:%M:%S}"
    assert formats.clock_time(NOON - timedelta(days=1), NOON).split()[1] in f"{NOON - timedelta(days=1):%b}"
    assert formats.clock_time(NOON - timedelta(days=500), NOON).endswith(str((NOON - timedelta(days=500)).year))


@given(st.decimals(-(10**12), 10**12, places=6))
def test_money_reads_back_as_what_it_was_to_the_cent(value: Decimal) -> None:
    text = formats.money(value)
    if "<" in text:
        assert 0 < abs(value) < D("0.01")
    else:
        assert abs(D(text.replace(",", "").replace("−", "-")) - value) <= D("0.005")


@given(st.decimals(-(10**9), 10**9, places=8))
def test_the_tooltip_keeps_every_digit(value: Decimal) -> None:
    assert D(formats.plain(value).replace(",", "").replace("−", "-")) == value
