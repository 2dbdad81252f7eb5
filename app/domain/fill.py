"""One execution report of an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.values import Liquidity, OrderSide


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill as booked: unique by (account, symbol, trade_id).

    `fee` is in `fee_asset`; `fee_quote` is the same in quote currency at the fill's price.
    """

    account: str
    symbol: str
    trade_id: str
    client_order_id: str
    group_id: str
    side: OrderSide
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    fee_quote: Decimal
    liquidity: Liquidity
    at: datetime
