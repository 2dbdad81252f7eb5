"""The adapter over ccxt joined to a fake venue on the wire, as a harness for the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal
from typing import Protocol

from app.base.clock import Clock, system_clock
from app.domain.market import MarketRules
from app.domain.values import ZERO, MarketType
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.limits import Host
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import Access
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.ledger import Ledger
from app.exchange.paper.rules import RuleBook
from app.messages.reports import FillReport, OrderReport, PriceReport, VenueReport
from app.ports.paper_store import PaperOrder

TOLD_WITHIN_SEC = 30.0


class Fake(Protocol):
    """What every fake venue offers its judges."""

    async def start(self, port: int = 0) -> str: ...

    async def stop(self) -> None: ...

    @property
    def ledger(self) -> Ledger: ...


def board_with(*symbols: str, price: str = "200", balance_step: str = "0.001") -> PriceBoard:
    """A board with markets of tick 0.01, step 0.001 and minimum notional 5."""
    board = PriceBoard(system_clock(), RuleBook({symbol: _rules(symbol, Decimal(balance_step)) for symbol in symbols}))
    for symbol in symbols:
        board.open(symbol, Decimal(price))
    return board


def _rules(symbol: str, step: Decimal) -> MarketRules:
    pair, _, settle = symbol.partition(":")
    base, _, quote = pair.partition("/")
    kind = MarketType.LINEAR if settle else MarketType.SPOT
    return MarketRules(symbol, kind, base, quote, Decimal("0.01"), step, step, Decimal(5), Decimal(1_000_000))


class WireHarness:
    """One account at a fake. `settle` waits, without looking at the time, until the books were told whole."""

    def __init__(self, fake: Fake, board: PriceBoard, dialect: Dialect, access: Access, symbol: str) -> None:
        self.fake = fake
        self.board = board
        self.clock: Clock = system_clock()
        self.venue = CcxtVenue("account", dialect, access, self.clock, Host(dialect.budgets, self.clock))
        self.symbol = symbol
        self.seen: list[VenueReport] = []
        self._told = asyncio.Event()

    def deliver(self, report: VenueReport) -> None:
        self.seen.append(report)
        self._told.set()

    async def until(self, holds: Callable[[], bool]) -> None:
        """Return when `holds`; it is asked again after every report. TimeoutError after `TOLD_WITHIN_SEC`."""
        async with asyncio.timeout(TOLD_WITHIN_SEC):
            while not holds():
                self._told.clear()
                await self._told.wait()

    async def set_price(self, price: str) -> None:
        before = len(self.seen)
        self.board.set_price(self.symbol, Decimal(price))
        if self.venue.watches(self.symbol):
            await self.until(lambda: any(isinstance(each, PriceReport) for each in self.seen[before:]))

    async def settle(self) -> None:
        await self.until(self._is_told)

    def _is_told(self) -> bool:
        return all(self._knows(order) for order in self.fake.ledger.orders.values())

    def _knows(self, order: PaperOrder) -> bool:
        fills = [each for each in self.seen if isinstance(each, FillReport)]
        told = [each for each in self.seen if isinstance(each, OrderReport)]
        own = sum((fill.quantity for fill in fills if fill.client_order_id == order.client_order_id), ZERO)
        last = next((each for each in reversed(told) if each.client_order_id == order.client_order_id), None)
        is_over = last is not None and (order.is_live or last.status == order.status)
        return own == order.filled and (is_over or order.filled == 0)


@asynccontextmanager
async def joined(
    fake: Fake, board: PriceBoard, dialect: Dialect, access: Access, symbol: str
) -> AsyncIterator[WireHarness]:
    """The harness, connected, with the market loaded; everything is closed afterwards."""
    harness = WireHarness(fake, board, dialect, access, symbol)
    try:
        await harness.venue.connect(harness.deliver)
        await harness.venue.load_market(symbol, None)
        yield harness
    finally:
        await harness.venue.close()
        await fake.stop()
