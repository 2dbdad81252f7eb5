"""Whose a loss is: among the books of one coin, and among the groups of one book."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.reconciliation import Claim, part_of_coin, share
from app.domain.values import ZERO, Side
from tests.support.strategies import decimal_of, filled_group

D = Decimal
STEP = D("0.01")
quantities = decimal_of("0", "100", 2)
claims = st.lists(st.builds(Claim, quantities, quantities), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("venue", "books", "parts"),
    [
        pytest.param("4", [("2", "0"), ("2", "0")], ["2", "2"], id="all there"),
        pytest.param("9", [("2", "0"), ("2", "2")], ["2", "2"], id="sold were the account's other coins"),
        pytest.param("2", [("2", "0"), ("2", "2")], ["2", "0"], id="sold on the second market"),
        pytest.param("1", [("2", "0"), ("2", "2")], ["1", "0"], id="a part that nothing explains"),
        pytest.param("2", [("2", "0"), ("2", "1")], ["1.34", "0.66"], id="half of it explained"),
        pytest.param("3", [("3", "0"), ("1", "0")], ["2.25", "0.75"], id="nothing explained"),
        pytest.param("0", [("3", "9"), ("1", "0")], ["0", "0"], id="all gone"),
    ],
)
def test_a_loss_of_coins_is_the_books_whose_fills_explain_it_and_then_everybodys(
    venue: str, books: list[tuple[str, str]], parts: list[str]
) -> None:
    held = [Claim(D(ours), D(explained)) for ours, explained in books]
    assert part_of_coin(D(venue), held, STEP) == [D(part) for part in parts]


@given(quantities, claims)
def test_the_parts_of_a_coin_are_all_of_it_that_the_books_can_hold(venue: Decimal, books: list[Claim]) -> None:
    parts = part_of_coin(venue, books, STEP)
    assert sum(parts) == min(venue, sum(book.ours for book in books))
    assert all(ZERO <= part <= book.ours for part, book in zip(parts, books, strict=True))


@given(quantities, claims)
def test_no_book_loses_what_its_fills_do_not_explain_before_those_of_all_are_used_up(
    venue: Decimal, books: list[Claim]
) -> None:
    lost = [book.ours - part for part, book in zip(part_of_coin(venue, books, STEP), books, strict=True)]
    explained = [min(book.ours, book.explained) for book in books]
    if any(one > most for one, most in zip(lost, explained, strict=True)):
        assert all(one >= most for one, most in zip(lost, explained, strict=True))


@given(quantities, claims)
def test_parts_stay_on_the_step(venue: Decimal, books: list[Claim]) -> None:
    assert all(part % STEP == 0 for part in part_of_coin(venue, books, STEP))


@given(st.lists(decimal_of("0.01", "100", 2), min_size=1, max_size=5), quantities)
def test_the_groups_of_a_book_lose_no_more_than_they_have_and_together_what_is_missing(
    held: list[Decimal], missing: Decimal
) -> None:
    groups = [
        replace(filled_group(Side.LONG, ("100", str(one))), id=f"g{number:07d}") for number, one in enumerate(held)
    ]
    lost = share(groups, missing, STEP)
    assert sum(lost.values()) == min(missing, sum(held))
    assert all(ZERO <= lost[group.id] <= group.open_quantity for group in groups)
