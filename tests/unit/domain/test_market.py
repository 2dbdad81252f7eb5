"""Quotes, and what a fill tells of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.market import MarketRules, PriceBand, Quote
from app.domain.values import OrderSide
from tests.support.strategies import market_rules, rules_of

D = Decimal
AT = datetime(2026, 1, 1, 12, tzinfo=UTC)
LATER = AT + timedelta(seconds=1)
QUOTE = Quote(bid=D(199), ask=D(201), last=D(200), mark=D(200), at=AT)


@pytest.mark.parametrize(
    ("side", "price", "bid", "ask"),
    [
        (OrderSide.BUY, D(190), D(190), D(201)),
        (OrderSide.BUY, D(201), D(199), D(201)),
        (OrderSide.SELL, D(210), D(199), D(210)),
        (OrderSide.SELL, D(199), D(199), D(201)),
    ],
)
def test_nobody_bids_more_than_a_buyer_paid_or_asks_less_than_a_seller_got(
    side: OrderSide, price: Decimal, bid: Decimal, ask: Decimal
) -> None:
    after = QUOTE.after_fill(side, price, LATER)
    assert (after.bid, after.ask) == (bid, ask)


def test_a_fill_that_is_older_than_the_quote_tells_nothing() -> None:
    assert QUOTE.after_fill(OrderSide.BUY, D(190), AT) == QUOTE


BAND = PriceBand(lowest_buy=D("0.2"), highest_sell=D(5))


@pytest.mark.parametrize(
    ("side", "price", "opens_at"),
    [(OrderSide.BUY, D(28), D(100)), (OrderSide.SELL, D(460), D(100))],
    ids=["a buy, 0.28 of the price at the least", "a sell, 4.6 times it at the most"],
)
def test_a_tenth_of_the_band_is_left_unused(side: OrderSide, price: Decimal, opens_at: Decimal) -> None:
    assert BAND.opens_at(side, price) == opens_at


@pytest.mark.parametrize(("price", "may_rest"), [(D("55.73"), True), (D("55.71"), False)])
def test_a_buy_may_rest_counted_from_the_lowest_price_there_is(price: Decimal, may_rest: bool) -> None:
    """0.28 times the bid of 199 is 55.72: what wakes the group and what lets the order go are the same price."""
    assert BAND.admits(OrderSide.BUY, price, QUOTE) is may_rest


def test_a_side_without_a_bound_may_rest_anywhere() -> None:
    only_buys = PriceBand(lowest_buy=D("0.2"))
    assert only_buys.opens_at(OrderSide.SELL, D(10_000)) is None
    assert only_buys.admits(OrderSide.SELL, D(10_000), QUOTE)
    assert not only_buys.admits(OrderSide.BUY, D(10), QUOTE)


@given(side=st.sampled_from(OrderSide), price=st.decimals(1, 10_000, places=2))
def test_what_may_rest_is_within_the_venues_own_band(side: OrderSide, price: Decimal) -> None:
    if BAND.admits(side, price, Quote.flat(D(200), AT)):
        assert price >= 40 if side is OrderSide.BUY else price <= 1000


LARGEST_IS_ONE = rules_of("0.01", "0.01", min_notional=D(5), max_qty=D(1))


@pytest.mark.parametrize(
    ("quantity", "price", "pieces"),
    [
        ("1", "100", ["1"]),
        ("2", "100", ["1", "1"]),
        ("2.05", "100", ["1", "1", "0.05"]),
        ("2.03", "100", ["1", "0.52", "0.51"]),
        ("1.03", "9.8", ["1", "0.03"]),
    ],
    ids=["one order", "whole ones", "the rest is enough", "the rest is too little", "half of it would be so too"],
)
def test_the_last_two_pieces_are_equal_where_that_makes_both_large_enough(
    quantity: str, price: str, pieces: list[str]
) -> None:
    assert LARGEST_IS_ONE.split(D(quantity), D(price)) == tuple(map(D, pieces))


@given(rules=market_rules(), steps=st.integers(1, 5000), most=st.integers(1, 100), price=st.integers(1, 1000))
def test_pieces_make_up_the_whole_and_none_is_too_large_or_off_the_step(
    rules: MarketRules, steps: int, most: int, price: int
) -> None:
    rules = replace(rules, max_qty=rules.step_size * most)
    quantity = rules.step_size * min(steps, most * 100)
    pieces = rules.split(quantity, D(price))
    assert sum(pieces) == quantity
    assert all(0 < piece <= rules.step_size * most and piece % rules.step_size == 0 for piece in pieces)
