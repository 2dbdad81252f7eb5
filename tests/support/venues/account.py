"""An account on the paper exchange's matching engine, behind every fake venue."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.candles import CandleTape
from app.exchange.paper.core import Core
from app.exchange.paper.journal import Row
from app.exchange.paper.ledger import Ledger
from app.messages.reports import FillKind
from app.ports.paper_store import PaperFill

T = TypeVar("T")


class PaperAccount:
    """For the fake's handlers, and for judges: `core`, `ledger`, `fills` show it as it is.

    It knows no market before `open`.
    """

    def __init__(self, market_type: MarketType, config: AccountConfig, board: PriceBoard, clock: Clock) -> None:
        self.market_type = market_type
        self.core = Core(config)
        self.clock = clock
        self.candles = CandleTape()
        self._board = board
        self.ledger.open_account()
        self.ledger.settle()

    def open(self) -> None:
        """List what the board has, and follow it from now on."""
        for symbol, quote in self._board.quotes.items():
            self.on_quote(symbol, quote)
        self._board.add(self)

    @property
    def ledger(self) -> Ledger:
        return self.core.ledger

    @property
    def fills(self) -> list[PaperFill]:
        return self.ledger.fills

    # ------------------------------------------------------------------ prices

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """A price from the board; a market is listed with its first one."""
        if symbol not in self.ledger.rules and not self._list(symbol, quote):
            return
        self.candles.add(symbol, quote)
        self.act(lambda: self.core.on_price(symbol, quote, self.clock.now()))
        self._priced(symbol, quote)

    def _list(self, symbol: str, quote: Quote) -> bool:
        rules = self._board.rules.rules(symbol, quote.last)
        if rules is None or rules.market_type is not self.market_type:
            return False
        self.ledger.rules[symbol] = rules
        self.ledger.quotes[symbol] = quote
        self._listed(symbol)
        return True

    def pay_funding(self, symbol: str, rate: Decimal) -> None:
        """One payment, now."""
        self.act(lambda: self.ledger.pay_funding(symbol, rate, self.clock.now()))

    def force(self, symbol: str, kind: FillKind, quantity: Decimal | None = None) -> None:
        """Liquidate, or auto-deleverage, at the mark."""
        self.act(lambda: self.core.force(symbol, kind, quantity, self.clock.now()))

    def expire(self, number: int) -> None:
        """End an order with what it has filled, as a triggered stop's that finds no more takers."""
        self.act(lambda: self.ledger.end(self.ledger.orders[number], OrderStatus.EXPIRED, self.clock.now()))

    # ------------------------------------------------------------------ changing

    def act(self, action: Callable[[], T]) -> T:
        """Do it whole or not at all, and tell what it changed."""
        try:
            result = action()
        except Exception:
            self.ledger.roll_back()
            raise
        rows = self.ledger.written_since(0)
        self.ledger.settle()
        self._changed(rows)
        return result

    # ------------------------------------------------------------------ for accounts that tell of it

    def _listed(self, symbol: str) -> None:
        """A market is new."""

    def _priced(self, symbol: str, quote: Quote) -> None:
        """The engine has taken a price."""

    def _changed(self, rows: Iterable[Row]) -> None:
        """What one change wrote."""
