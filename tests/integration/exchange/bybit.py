"""Bybit's fakes and the adapter that speaks to them, for the tests of its hard paths."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Any

from app.base.config.groups import AccountConfig
from app.domain.values import OrderSide, OrderType
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.wire import Access
from app.messages.reports import ConnectionReport, FillReport, PriceReport
from app.ports.venue import OrderRequest
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, request
from tests.support.venues.bybit import Bybit, BybitLinear, BybitSpot

D = Decimal
SPOT = "SOL/USDT"


@dataclass
class Met:
    """The fake and the adapter that speaks to it."""

    fake: Bybit
    harness: WireHarness

    def fills(self) -> list[FillReport]:
        return [report for report in self.harness.seen if isinstance(report, FillReport)]

    def links(self) -> list[ConnectionReport]:
        return [report for report in self.harness.seen if isinstance(report, ConnectionReport)]

    def quotes(self) -> list[tuple[Decimal, ...]]:
        """Bid, ask, last and mark."""
        told = [report.quote for report in self.harness.seen if isinstance(report, PriceReport)]
        return [(quote.bid, quote.ask, quote.last, quote.mark) for quote in told]

    def asked(self, method: str, path: str) -> int:
        return len(self.fake.asked(method, path))

    def place(self, *orders: OrderRequest) -> None:
        """Straight into the book, as if the account had done so long ago."""
        book = self.fake.book
        for order in orders:
            book.act(partial(book.core.submit, order, book.now()))


def access(url: str) -> Access:
    return Access(api_key="key", secret="secret", base_url=url)


@asynccontextmanager
async def met_linear(**fields: Any) -> AsyncIterator[Met]:
    """An account in one-way mode with cross margin, unless said otherwise."""
    board = board_with(SYMBOL)
    fake = BybitLinear(board, **fields)
    async with joined(fake, board, BYBIT_LINEAR, access(await fake.start()), SYMBOL) as harness:
        yield Met(fake, harness)


@asynccontextmanager
async def met_spot() -> AsyncIterator[Met]:
    board = board_with(SPOT)
    coins = {"USDT": D(10_000), "SOL": D(10)}
    fake = BybitSpot(board, config=AccountConfig(id="bybit", market_type="spot", balances=coins))
    async with joined(fake, board, BYBIT_SPOT, access(await fake.start()), SPOT) as harness:
        yield Met(fake, harness)


def stop(number: int, trigger: str, **changes: Any) -> OrderRequest:
    words: dict[str, Any] = {"type": OrderType.STOP_MARKET, "price": None, "reduce_only": True, **changes}
    return request(number, OrderSide.SELL, trigger_price=D(trigger), **words)
