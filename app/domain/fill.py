"""One execution report of an order."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from app.domain.values import Liquidity, OrderSide

SUM = "sum:"
"""How the trade ids begin that no venue gave."""


@dataclass(frozen=True, slots=True)
class Fill:
    """A fill as booked: unique by (account, symbol, trade_id) and its order.

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

    @property
    def key(self) -> tuple[str, str, str]:
        return self.account, self.symbol, self.trade_id

    @property
    def is_sum(self) -> bool:
        """Booked from the venue's cumulative quantity: it stands for trades that have not been told yet."""
        return self.trade_id.startswith(SUM)
