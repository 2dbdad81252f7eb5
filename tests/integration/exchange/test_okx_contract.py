"""OKX spot keeps the contract of every venue, as far as the adapter offers it.

No stops, amendments or batches are offered there; own orders and fills are asked for, since no private stream is used.
"""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from app.exchange.ccxt.dialects.okx import OKX_SPOT
from app.exchange.ccxt.wire import Access
from tests.integration.exchange.joined import WireHarness, board_with, joined
from tests.integration.exchange.venue_contract import OrdersContract
from tests.support.venues.okx import OkxSpot

SYMBOL = "SOL/USDT"


class TestOkxSpot(OrdersContract):
    symbol = SYMBOL

    @pytest.fixture
    async def harness(self) -> AsyncIterator[WireHarness]:
        board = board_with(SYMBOL)
        fake = OkxSpot(board)
        access = Access(api_key="key", secret="secret", password="phrase", base_url=await fake.start())
        async with joined(fake, board, OKX_SPOT, access, SYMBOL) as harness:
            yield harness
