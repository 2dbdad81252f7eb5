"""The Binance fake with two markets, and the real ccxt class that talks to it."""

from collections.abc import AsyncIterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from app.base.clock import system_clock
from app.domain.market import MarketRules
from app.domain.values import MarketType
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.rules import RuleBook
from tests.support.venues import BinanceLinear

ccxt: Any = import_module("ccxt.pro")
"""Imported so, since it has no types."""

BTC = "BTC/USDT:USDT"
ETH = "ETH/USDT:USDT"


def rules(base: str, tick: str, step: str) -> MarketRules:
    return MarketRules(
        symbol=f"{base}/USDT:USDT",
        market_type=MarketType.LINEAR,
        base=base,
        quote="USDT",
        tick_size=Decimal(tick),
        step_size=Decimal(step),
        min_qty=Decimal(step),
        min_notional=Decimal(5),
        max_qty=Decimal(100),
    )


def client_of(venue: BinanceLinear, **fields: Any) -> Any:
    exchange = ccxt.binanceusdm(
        {"apiKey": "key", "secret": "secret", "enableRateLimit": False, "timeout": 5000, **fields}
    )
    exchange.number = str
    exchange.options["watchPositions"]["fetchPositionsSnapshot"] = False  # ccxt compares its numbers with 0 there
    venue.rewrite(exchange.urls["api"])
    return exchange


@pytest.fixture
async def venue() -> AsyncIterator[BinanceLinear]:
    given = [rules("BTC", "0.1", "0.001"), rules("ETH", "0.01", "0.001")]
    board = PriceBoard(system_clock(), RuleBook({rule.symbol: rule for rule in given}))
    board.open(BTC, Decimal(60_000))
    board.open(ETH, Decimal(3_000))
    fake = BinanceLinear(board)
    await fake.start()
    yield fake
    await fake.stop()


@pytest.fixture
async def exchange(venue: BinanceLinear) -> AsyncIterator[Any]:
    client = client_of(venue)
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()
