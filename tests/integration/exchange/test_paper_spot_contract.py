"""The paper exchange keeps the contract of every venue on spot too, with pairs of exits over one quantity."""

from __future__ import annotations

from decimal import Decimal

import pytest

from app.base.config.groups import AccountConfig
from app.domain.market import MarketRules, Quote
from app.domain.values import MarketType
from app.exchange.paper.rules import RuleBook
from app.exchange.paper.venue import PaperVenue
from tests.integration.exchange.oco_contract import OcoContract
from tests.integration.exchange.test_paper_contract import START, PaperHarness
from tests.integration.exchange.venue_contract import (
    AmendContract,
    BatchContract,
    Harness,
    OrdersContract,
    PricesContract,
    StopsContract,
)

SPOT = "SOL/USDT"


class SpotHarness(PaperHarness):
    def __init__(self) -> None:
        super().__init__()
        step = Decimal("0.001")
        rules = MarketRules(SPOT, MarketType.SPOT, "SOL", "USDT", Decimal("0.01"), step, step, Decimal(5))
        self.board.rules = RuleBook({SPOT: rules})
        self.board.quotes = {SPOT: Quote.flat(Decimal(200), START)}

    def new_venue(self) -> PaperVenue:
        coins = {"USDT": Decimal(10_000), "SOL": Decimal(10)}
        config = AccountConfig(id="paper", market_type="spot", balances=coins)
        return PaperVenue(config, self.board, self.clock, self.store)

    async def set_price(self, price: str) -> None:
        self.board.publish(SPOT, Quote.flat(Decimal(price), START))
        await self.settle()


class TestPaperSpot(OrdersContract, StopsContract, AmendContract, BatchContract, OcoContract, PricesContract):
    symbol = SPOT

    @pytest.fixture
    async def harness(self) -> Harness:
        made = SpotHarness()
        await made.venue.connect(made.seen.append)
        return made


async def test_a_pair_is_still_one_after_the_venue_was_opened_again() -> None:
    first = SpotHarness()
    contract = TestPaperSpot()
    await first.venue.connect(first.seen.append)
    await first.venue.create_oco(contract.profit(), contract.loss())
    second = first.new_venue()
    await second.connect(first.seen.append)

    coins = next(item for item in await second.fetch_balances() if item.asset == "SOL")
    await first.set_price("211")

    assert coins.locked == Decimal("1.000")
    assert [order.is_live for order in second.ledger.orders.values()] == [False, False]
    assert [order.filled for order in second.ledger.orders.values()] == [Decimal("1.000"), Decimal(0)]
