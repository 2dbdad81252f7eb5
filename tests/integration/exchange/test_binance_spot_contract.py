"""Binance spot keeps the contract of every venue, with pairs of exits over one quantity.

Left out: `PerpetualContract` (spot has no positions), `BatchContract` (orders go one by one) and `AmendContract`:
ccxt's `edit_order` cancels and places anew, and it has no `order/amend/keepPriority`, which only lowers a quantity.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.oco_contract import OcoContract
from tests.integration.exchange.venue_contract import OrdersContract, PricesContract, StopsContract
from tests.support.venues import BinanceSpot

SPOT = "SOL/USDT"


class TestBinanceSpot(OrdersContract, StopsContract, OcoContract, PricesContract):
    symbol = SPOT

    @pytest.fixture
    async def harness(self) -> AsyncIterator[WireHarness]:
        board = board_with(SPOT)
        coins = {"USDT": Decimal(10_000), "SOL": Decimal(10)}
        fake = BinanceSpot(board, config=AccountConfig(id="binance", market_type="spot", balances=coins))
        access = Access(api_key="key", secret="secret", base_url=await fake.start())
        async with joined(fake, board, BINANCE_SPOT, access, SPOT) as harness:
            yield harness
