"""A spot account on the paper exchange's engine, for the small fakes, and words that several venues share."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.candles import CandleTape
from app.exchange.paper.core import Core
from app.exchange.paper.ledger import Ledger
from app.ports.paper_store import PaperFill, PaperOrder

FIRST_ID = 5_000_000
T = TypeVar("T")


class Account:
    """One spot account; `core`, `ledger` and `fills` show it as it is."""

    def __init__(self, config: AccountConfig, board: PriceBoard, clock: Clock) -> None:
        self.core = Core(config)
        self.clock = clock
        self.candles = CandleTape()
        self._board = board
        self.ledger.open_account()
        self.ledger.settle()
        for symbol, quote in board.quotes.items():
            self.on_quote(symbol, quote)
        board.add(self)

    @property
    def ledger(self) -> Ledger:
        return self.core.ledger

    @property
    def fills(self) -> list[PaperFill]:
        return self.ledger.fills

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """A price from the board; a market is listed with its first one."""
        if symbol not in self.ledger.rules and not self._list(symbol, quote):
            return
        self.candles.add(symbol, quote)
        self.act(lambda: self.core.on_price(symbol, quote, self.clock.now()))

    def _list(self, symbol: str, quote: Quote) -> bool:
        rules = self._board.rules.rules(symbol, quote.last)
        if rules is None or rules.market_type is not MarketType.SPOT:
            return False
        self.ledger.rules[symbol] = rules
        self.ledger.quotes[symbol] = quote
        return True

    def act(self, action: Callable[[], T]) -> T:
        """Do it whole or not at all."""
        try:
            result = action()
        except Exception:
            self.ledger.roll_back()
            raise
        self.ledger.settle()
        return result


# ------------------------------------------------------------------ words that several venues share


def order_id(order: PaperOrder) -> str:
    return str(FIRST_ID + order.number)


def fill_order_id(fill: PaperFill) -> str:
    return str(FIRST_ID + (fill.order_number or 0))


def text(value: Decimal | None) -> str:
    """A number as venues write it; "0" for none."""
    return "0" if value is None else format(value, "f")


def average(order: PaperOrder) -> Decimal | None:
    return order.filled_value / order.filled if order.filled else None


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)


def decimals(step: Decimal) -> str:
    """Places after the point."""
    return str(max(-int(step.normalize().as_tuple().exponent), 0))


def signed(secret: str, payload: str) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()).decode()
