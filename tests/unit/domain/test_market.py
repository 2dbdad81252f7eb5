"""Quotes, and what a fill tells of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.market import Quote
from app.domain.values import OrderSide

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
