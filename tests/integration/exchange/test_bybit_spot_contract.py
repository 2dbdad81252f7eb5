"""Bybit's spot keeps the contract of every venue; `PerpetualContract` is left out, for spot has no positions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.bybit import BYBIT_SPOT
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import (
    AmendContract,
    BatchContract,
    OrdersContract,
    PricesContract,
    StopsContract,
)
from tests.support.venues.bybit import BybitSpot

SPOT = "SOL/USDT"


class TestBybitSpot(OrdersContract, StopsContract, AmendContract, BatchContract, PricesContract):
    symbol = SPOT

    @pytest.fixture
    async def harness(self) -> AsyncIterator[WireHarness]:
        board = board_with(SPOT)
        coins = {"USDT": Decimal(10_000), "SOL": Decimal(10)}
        fake = BybitSpot(board, config=AccountConfig(id="bybit", market_type="spot", balances=coins))
        access = Access(api_key="key", secret="secret", base_url=await fake.start())
        async with joined(fake, board, BYBIT_SPOT, access, SPOT) as harness:
            yield harness
