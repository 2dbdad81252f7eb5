"""Binance USD-M keeps the contract of every venue, in both position modes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, VenueContract
from tests.support.venues import BinanceLinear


class TestBinanceLinear(VenueContract):
    @pytest.fixture(params=["one_way", "hedge"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[WireHarness]:
        board = board_with(SYMBOL)
        fake = BinanceLinear(board, config=AccountConfig(id="binance", position_mode=request.param))
        access = Access(api_key="key", secret="secret", base_url=await fake.start())
        async with joined(fake, board, BINANCE_USDM, access, SYMBOL) as harness:
            yield harness
