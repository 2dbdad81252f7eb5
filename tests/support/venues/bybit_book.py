"""One Bybit account on the paper exchange's matching engine, with what the wire tells beyond its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, MarketType, Side
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.candles import CandleTape
from app.exchange.paper.core import Core
from app.exchange.paper.journal import Row
from app.exchange.paper.ledger import Ledger, is_conditional
from app.messages.reports import FillKind
from app.ports.paper_store import PaperBalance, PaperFill, PaperFunding, PaperOrder, PaperPosition

T = TypeVar("T")
FIRST_LEVERAGE = Decimal(10)
MARGIN_MODES = {"ISOLATED_MARGIN": "isolated", "REGULAR_MARGIN": "cross"}


@dataclass(frozen=True, slots=True)
class OrderTold:
    """An order as it was at a moment; `triggered` where it is told that it was triggered just now."""

    order: PaperOrder
    just_triggered: bool = False


@dataclass(frozen=True, slots=True)
class FillTold:
    fill: PaperFill
    order: PaperOrder | None


@dataclass(frozen=True, slots=True)
class FundingTold:
    payment: PaperFunding


@dataclass(frozen=True, slots=True)
class PositionTold:
    symbol: str
    side: Side


@dataclass(frozen=True, slots=True)
class WalletTold:
    assets: tuple[str, ...]


Told = OrderTold | FillTold | FundingTold | PositionTold | WalletTold


class BybitBook:
    """The account for the fake's handlers, and for judges: `core` and `ledger` show it as it is."""

    def __init__(
        self,
        market_type: MarketType,
        config: AccountConfig,
        board: PriceBoard,
        clock: Clock,
        tell: Callable[[Told], None],
        show: Callable[[str, Quote], None],
        margin_mode: str,
    ) -> None:
        self.market_type = market_type
        self.core = Core(config)
        self.clock = clock
        self.margin_mode = margin_mode
        """Of the whole account, in Bybit's words."""
        self.candles = CandleTape()
        self.base_prices: dict[int, Decimal] = {}
        """The last price when an order was placed, by number."""
        self._tell = tell
        self._show = show
        self._known: dict[int, PaperOrder] = {}
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

    # ------------------------------------------------------------------ prices

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """A price from the board; a market is listed with its first one."""
        if symbol not in self.ledger.rules and not self._list(symbol, quote):
            return
        self.candles.add(symbol, quote)
        self.act(lambda: self.core.on_price(symbol, quote, self.clock.now()))
        self._show(symbol, quote)

    def _list(self, symbol: str, quote: Quote) -> bool:
        rules: MarketRules | None = self._board.rules.rules(symbol, quote.last)
        if rules is None or rules.market_type is not self.market_type:
            return False
        self.ledger.rules[symbol] = rules
        self.ledger.quotes[symbol] = quote
        self.set_leverage(symbol, FIRST_LEVERAGE)
        return True

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Raises OperatorActionNeeded."""
        self.act(lambda: self.core.set_leverage(symbol, leverage, MARGIN_MODES[self.margin_mode]))

    def pay_funding(self, symbol: str, rate: Decimal) -> None:
        """One payment, now."""
        self.act(lambda: self.ledger.pay_funding(symbol, rate, self.clock.now()))

    def force(self, symbol: str, kind: FillKind, quantity: Decimal | None = None) -> None:
        """Liquidate, or auto-deleverage, at the mark."""
        self.act(lambda: self.core.force(symbol, kind, quantity, self.clock.now()))

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
        for told in self._of(rows):
            self._tell(told)
        return result

    def _of(self, rows: Iterable[Row]) -> list[Told]:
        found: list[Told] = []
        positions: dict[tuple[str, Side], None] = {}
        assets: dict[str, None] = {}
        for row in rows:
            match row:
                case PaperOrder():
                    found += self._order(row)
                case PaperFill():
                    order = self.ledger.orders.get(row.order_number) if row.order_number is not None else None
                    found.append(FillTold(row, order))
                case PaperFunding():
                    found.append(FundingTold(row))
                case PaperPosition():
                    positions[row.symbol, row.side] = None
                case PaperBalance():
                    assets[row.asset] = None
        found += [PositionTold(symbol, side) for symbol, side in positions]
        return [*found, WalletTold(tuple(assets))] if assets else found

    def _order(self, order: PaperOrder) -> list[Told]:
        before = self._known.get(order.number)
        self._known[order.number] = order
        found: list[Told] = []
        if before is None:
            self.base_prices[order.number] = self.ledger.quotes[order.symbol].last
            if order.filled and not is_conditional(order.type):
                found.append(OrderTold(replace(order, status=OrderStatus.OPEN, filled=ZERO, filled_value=ZERO)))
        if before is not None and order.triggered and not before.triggered:
            found.append(OrderTold(before, just_triggered=True))
        return [*found, OrderTold(order)]

    def now(self) -> datetime:
        return self.clock.now()


def is_waiting(order: PaperOrder) -> bool:
    """Whether an order waits for its trigger, or ended while it did."""
    return is_conditional(order.type) and not order.triggered


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
