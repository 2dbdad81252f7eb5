"""The paper exchange keeps the contract of every venue."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from app.base.clock import LoopClock
from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.memory_store import MemoryPaperStore
from app.exchange.paper.rules import RuleBook
from app.exchange.paper.venue import PaperVenue
from app.messages.reports import VenueReport
from tests.integration.exchange.venue_contract import SYMBOL, Harness, VenueContract, request

START = datetime(2026, 1, 5, tzinfo=UTC)


class PaperHarness:
    def __init__(self) -> None:
        self.clock = LoopClock(lambda: START)
        step = Decimal("0.001")
        rules = MarketRules(SYMBOL, MarketType.LINEAR, "SOL", "USDT", Decimal("0.01"), step, step, Decimal(5))
        self.board = PriceBoard(self.clock, RuleBook({SYMBOL: rules}))
        self.board.quotes[SYMBOL] = Quote.flat(Decimal(200), START)
        self.store = MemoryPaperStore()
        self.seen: list[VenueReport] = []
        self.venue: PaperVenue = self.new_venue()

    def new_venue(self) -> PaperVenue:
        return PaperVenue(AccountConfig(id="paper"), self.board, self.clock, self.store)

    async def set_price(self, price: str) -> None:
        self.board.publish(SYMBOL, Quote.flat(Decimal(price), START))
        await self.settle()

    async def settle(self) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(20):
            turned: asyncio.Future[None] = loop.create_future()
            loop.call_soon(turned.set_result, None)
            await turned


class TestPaper(VenueContract):
    @pytest.fixture
    async def harness(self) -> Harness:
        made = PaperHarness()
        await made.venue.connect(made.seen.append)
        return made


async def test_a_venue_opened_again_has_the_same_books() -> None:
    first = PaperHarness()
    await first.venue.connect(first.seen.append)
    await first.venue.create_orders([request(1), request(2, price=Decimal("201.00"))])
    second = first.new_venue()
    await second.connect(first.seen.append)

    assert second.ledger.orders == first.venue.ledger.orders
    assert second.ledger.balances == first.venue.ledger.balances
    assert second.ledger.positions == first.venue.ledger.positions
    assert await second.fetch_balances() == await first.venue.fetch_balances()
