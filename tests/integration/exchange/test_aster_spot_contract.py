"""Aster's spot markets keep the contract of every venue; ccxt offers neither amendment nor batches there."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.aster import ASTER_SPOT
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import OrdersContract, PricesContract, StopsContract
from tests.support.venues.aster_linear import AGENT_KEY, WALLET, AsterSpot

SYMBOL = "SOL/USDT"


class TestAsterSpot(OrdersContract, StopsContract, PricesContract):
    symbol = SYMBOL

    @pytest.fixture
    async def harness(self) -> AsyncIterator[WireHarness]:
        board = board_with(SYMBOL)
        # The fee of a purchase is taken from what was bought: a sale of the same quantity needs a little more.
        balances = {"USDT": Decimal(10_000), "SOL": Decimal(1)}
        fake = AsterSpot(board, config=AccountConfig(id="aster", market_type="spot", balances=balances))
        access = Access(private_key=AGENT_KEY, wallet_address=WALLET, base_url=await fake.start())
        async with joined(fake, board, ASTER_SPOT, access, SYMBOL) as harness:
            yield harness
