"""Aster's perpetuals keep the contract of every venue, in both position modes; ccxt offers no amendment there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import (
    SYMBOL,
    BatchContract,
    OrdersContract,
    PerpetualContract,
    PricesContract,
    StopsContract,
)
from tests.support.venues.aster_linear import AGENT_KEY, WALLET, AsterLinear


class TestAsterLinear(OrdersContract, StopsContract, PerpetualContract, BatchContract, PricesContract):
    @pytest.fixture(params=["one_way", "hedge"])
    async def harness(self, request: pytest.FixtureRequest) -> AsyncIterator[WireHarness]:
        board = board_with(SYMBOL)
        fake = AsterLinear(board, config=AccountConfig(id="aster", position_mode=request.param))
        access = Access(private_key=AGENT_KEY, wallet_address=WALLET, base_url=await fake.start())
        async with joined(fake, board, ASTER_LINEAR, access, SYMBOL) as harness:
            yield harness
