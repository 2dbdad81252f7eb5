"""Setting paper prices by hand."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol


class PaperPrices(Protocol):
    """Both raise LookupError for an unknown market, `set_price` ValueError for a price that is not positive."""

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Hold a market at `price` until it is released."""
        ...

    def release(self, symbol: str) -> None: ...
