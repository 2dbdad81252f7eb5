"""What an entry is worth at most: what limits count, for the market may pay a seller far more than was planned."""

from __future__ import annotations

from decimal import Decimal

from app.base.config.grid import GridSettings
from app.domain.grid import leg_price, leg_type
from app.domain.market import Quote
from app.domain.values import HUNDRED, ZERO, OrderSide, OrderType, Side


def fills_at_most(side: OrderSide, kind: OrderType, price: Decimal, quote: Quote | None) -> Decimal:
    """The highest price at which an order planned at `price` fills now: a sell gets what is bid where that is more, a
    market buy pays what is asked. The planned one where no `quote` is known."""
    if quote is None or (side is OrderSide.BUY and kind is not OrderType.MARKET):
        return price
    return max(price, quote.executable(side))


def spent_at_most(settings: GridSettings, side: Side, price: Decimal, capital: Decimal, quote: Quote | None) -> Decimal:
    """Quote that a first pyramid of `capital`, planned from `price`, comes to when all its legs fill."""
    spent = ZERO
    for index, level in enumerate(settings.levels_of(0)):
        planned, share = leg_price(level, side, price), capital * level.weight_percent / HUNDRED
        most = fills_at_most(side.entry_order_side, leg_type(settings, index, level), planned, quote)
        spent += share + share * (most - planned) / planned
    return spent
