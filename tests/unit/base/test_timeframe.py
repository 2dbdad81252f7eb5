"""One spelling a length, with the case that counts."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.base.timeframe import canonical, seconds


@pytest.mark.parametrize(
    ("text", "expected", "length"),
    [
        ("1", "1m", 60),
        ("15", "15m", 900),
        ("60", "1h", 3_600),
        ("90", "90m", 5_400),
        ("120", "2h", 7_200),
        ("240", "4h", 14_400),
        ("1440", "1D", 86_400),
        ("D", "1D", 86_400),
        ("1D", "1D", 86_400),
        ("3D", "3D", 3 * 86_400),
        ("W", "1W", 604_800),
        ("1W", "1W", 604_800),
        ("M", "1M", 2_592_000),
        ("1M", "1M", 2_592_000),
        ("12M", "12M", 31_104_000),
        ("30S", "30S", 30),
        ("15m", "15m", 900),
        ("1h", "1h", 3_600),
        ("4h", "4h", 14_400),
        ("4H", "4h", 14_400),
        ("1d", "1D", 86_400),
        ("1w", "1W", 604_800),
        ("60S", "1m", 60),
        (" 15 ", "15m", 900),
    ],
)
def test_every_spelling_has_one_canonical_form(text: str, expected: str, length: int) -> None:
    assert (canonical(text), seconds(canonical(text))) == (expected, length)


def test_a_minute_is_not_a_month() -> None:
    assert (canonical("1m"), canonical("1M")) == ("1m", "1M")


def test_seven_days_are_not_a_week() -> None:
    assert canonical("7D") != canonical("1W")


@pytest.mark.parametrize(
    "text", ["", " ", "0", "-5", "015", "1.5", "100R", "10T", "1Y", "1 h", "h1", "1hh", "٣", "1234567"]
)
def test_what_is_no_timeframe_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match="is not a timeframe such as 15, 60"):
        canonical(text)


@given(st.integers(1, 999_999), st.sampled_from(["", "S", "m", "h", "D", "W", "M"]))
def test_canonical_keeps_the_length_and_is_stable(count: int, unit: str) -> None:
    once = canonical(f"{count}{unit}")
    assert seconds(once) == count * seconds(f"1{unit}")
    assert canonical(once) == once


@given(st.text(max_size=8))
def test_any_text_is_a_timeframe_or_refused(text: str) -> None:
    try:
        length = seconds(canonical(text))
    except ValueError:
        return
    assert length > 0
