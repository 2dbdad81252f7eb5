"""Where a position is liquidated, through the maintenance tiers that it meets on the way (risk.md, liquidation)."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import MaintenanceTier
from app.domain.risk.liquidation import Book, liquidation_price, too_near
from app.domain.values import ONE, ZERO, Side

D = Decimal
FEE = D("0.0005")
RATES = ("0.01", "0.025", "0.05", "0.1", "0.125")
FLOORS = ("0", "5000", "25000", "100000", "250000")


def tiers_of(floors: tuple[str, ...] = FLOORS, rates: tuple[str, ...] = RATES) -> tuple[MaintenanceTier, ...]:
    """With the deductions that make what must be kept grow without a jump."""
    tiers: list[MaintenanceTier] = []
    for floor, rate in zip(map(D, floors), map(D, rates), strict=True):
        below = tiers[-1] if tiers else MaintenanceTier(ZERO, rate)
        tiers.append(MaintenanceTier(floor, rate, below.deduction + floor * (rate - below.rate)))
    return tuple(tiers)


def book_of(side: Side, quantity: Decimal, price: Decimal, tiers: tuple[MaintenanceTier, ...]) -> Book:
    return Book(side, quantity, quantity * price, (), ONE, tiers, FEE)


def left(book: Book, leverage: Decimal, price: Decimal) -> Decimal:
    """What margin and result leave over what must be kept, at `price`."""
    worth = book.quantity * price
    tier = max((tier for tier in book.tiers if tier.floor <= worth), key=lambda tier: tier.floor)
    gained = book.side.gain(book.value, worth)
    return book.value / leverage + gained - worth * (tier.rate + book.taker_fee) + tier.deduction


def bisected(book: Book, leverage: Decimal, entry: Decimal) -> Decimal | None:
    """The first price against the position at which nothing is left."""
    safe, lost = entry, entry * 3 if book.side is Side.SHORT else ZERO
    if left(book, leverage, safe) <= 0 or left(book, leverage, lost) >= 0:
        return None
    for _ in range(80):
        middle = (safe + lost) / 2
        safe, lost = (middle, lost) if left(book, leverage, middle) > 0 else (safe, middle)
    return lost


@pytest.mark.parametrize(
    ("notional", "leverage", "told"), [("95000", "2", "1.4175"), ("24000", "2", "1.4557"), ("95000", "1", "1.8719")]
)
def test_a_short_meets_the_tiers_above_its_entry(notional: str, leverage: str, told: str) -> None:
    book = book_of(Side.SHORT, D(notional), ONE, tiers_of())
    price = liquidation_price(book, book.quantity, book.value, D(leverage))
    assert price is not None
    assert (price.quantize(D("0.0001")), abs(left(book, D(leverage), price)) < D("1e-15")) == (D(told), True)


def test_a_stop_beyond_where_a_short_is_really_liquidated_is_too_near() -> None:
    book = book_of(Side.SHORT, D(95000), ONE, tiers_of())
    assert too_near(book, [D("1.425")], D(2), ZERO) is not None
    assert too_near(book, [D("1.41")], D(2), ZERO) is None


def test_where_what_must_be_kept_jumps_a_short_is_liquidated_at_the_jump() -> None:
    tiers = (MaintenanceTier(ZERO, D("0.01")), MaintenanceTier(D(12000), D("0.5")))
    book = book_of(Side.SHORT, D(10000), ONE, tiers)
    assert liquidation_price(book, book.quantity, book.value, D(2)) == D("1.2")


@given(
    side=st.sampled_from(Side),
    quantity=st.integers(1, 10**6).map(D),
    entry=st.integers(1, 1000).map(lambda cents: D(cents) / 100),
    leverage=st.integers(1, 25).map(D),
    floors=st.lists(st.integers(1, 10**6), min_size=4, max_size=4, unique=True).map(sorted),
    jumps=st.booleans(),
)
def test_it_is_where_bisection_finds_it(
    side: Side, quantity: Decimal, entry: Decimal, leverage: Decimal, floors: list[int], jumps: bool
) -> None:
    tiers = tiers_of(("0", *map(str, floors)))
    if jumps and side is Side.SHORT:
        tiers = tuple(MaintenanceTier(tier.floor, tier.rate) for tier in tiers)
    book = book_of(side, quantity, entry, tuple(reversed(tiers)))
    expected = bisected(book, leverage, entry)
    price = liquidation_price(book, book.quantity, book.value, leverage)
    if expected is not None:
        assert price is not None
        assert abs(price - expected) <= entry * D("1e-15")
    elif left(book, leverage, entry) <= 0:
        assert price is not None
        assert not side.is_better(entry, price)
    else:
        assert price is None
