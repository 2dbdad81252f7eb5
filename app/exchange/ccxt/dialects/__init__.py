"""What each venue wants to be spoken to like: facts, and the few words in which venues differ."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from app.domain.values import MarketType
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR, ASTER_SPOT
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.dialects.gate import GATE_SPOT
from app.exchange.ccxt.dialects.kucoin import KUCOIN_SPOT
from app.exchange.ccxt.dialects.mexc import MEXC_SPOT
from app.exchange.ccxt.dialects.okx import OKX_SPOT

DIALECTS: Mapping[tuple[str, MarketType], Dialect] = MappingProxyType(
    {
        ("binance", MarketType.SPOT): BINANCE_SPOT,
        ("binance", MarketType.LINEAR): BINANCE_USDM,
        ("bybit", MarketType.SPOT): BYBIT_SPOT,
        ("bybit", MarketType.LINEAR): BYBIT_LINEAR,
        ("aster", MarketType.SPOT): ASTER_SPOT,
        ("aster", MarketType.LINEAR): ASTER_LINEAR,
        ("okx", MarketType.SPOT): OKX_SPOT,
        ("kucoin", MarketType.SPOT): KUCOIN_SPOT,
        ("gate", MarketType.SPOT): GATE_SPOT,
        ("mexc", MarketType.SPOT): MEXC_SPOT,
    }
)


def dialect_of(venue: str, market_type: MarketType) -> Dialect | None:
    """How to speak to this venue's market, None where Ziggurat does not."""
    return DIALECTS.get((venue, market_type))
