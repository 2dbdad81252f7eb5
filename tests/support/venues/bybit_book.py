"""One Bybit account on the paper exchange's matching engine, with what the wire tells beyond its rows."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.order import OrderStatus
from app.domain.values import ZERO, MarketType, Side
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.journal import Row
from app.exchange.paper.ledger import is_conditional
from app.ports.paper_store import PaperBalance, PaperFill, PaperFunding, PaperOrder, PaperPosition
from tests.support.venues.account import PaperAccount

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


class BybitBook(PaperAccount):
    """The account; `open` comes when it is to tell of itself."""

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
        super().__init__(market_type, config, board, clock)
        self.margin_mode = margin_mode
        """Of the whole account, in Bybit's words."""
        self.base_prices: dict[int, Decimal] = {}
        """The last price when an order was placed, by number."""
        self._tell = tell
        self._show = show
        self._known: dict[int, PaperOrder] = {}

    def _listed(self, symbol: str) -> None:
        self.set_leverage(symbol, FIRST_LEVERAGE)

    def set_leverage(self, symbol: str, leverage: Decimal) -> None:
        """Raises OperatorActionNeeded."""
        self.act(lambda: self.core.set_leverage(symbol, leverage, MARGIN_MODES[self.margin_mode]))

    # ------------------------------------------------------------------ what is told

    def _priced(self, symbol: str, quote: Quote) -> None:
        self._show(symbol, quote)

    def _changed(self, rows: Iterable[Row]) -> None:
        for told in self._of(rows):
            self._tell(told)

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
