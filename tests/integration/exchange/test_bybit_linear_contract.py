"""Bybit perpetuals keep the contract of every venue, in both position modes."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import SYMBOL, VenueContract
from tests.support.venues.bybit import BybitLinear


class TestBybitLinear(VenueContract):
    @pytest.fixture(params=["one_way", "hedge"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[WireHarness]:
        board = board_with(SYMBOL)
        config = AccountConfig(id="bybit", position_mode=request.param)
        fake = BybitLinear(board, config=config, margin_mode="ISOLATED_MARGIN")
        access = Access(api_key="key", secret="secret", base_url=await fake.start())
        async with joined(fake, board, BYBIT_LINEAR, access, SYMBOL) as harness:
            yield harness
