"""Symbols: TradingView's spellings in, ccxt's unified spelling out."""

from __future__ import annotations

import re
from functools import lru_cache

from app.domain.values import MarketType

_DOLLARS = ("USDT", "USDC", "FDUSD", "TUSD", "BUSD", "USDE", "USD1", "USDD", "USDP", "DAI")
_OTHER_QUOTES = (
    "USD", "EURI", "EUR", "GBP", "TRY", "BRL", "AUD", "JPY", "PLN", "ARS", "MXN", "ZAR", "UAH",
    "BTC", "ETH", "BNB", "SOL",
)  # fmt: skip
_QUOTES_LONGEST_FIRST = sorted((*_DOLLARS, *_OTHER_QUOTES), key=len, reverse=True)
DOLLARS = frozenset((*_DOLLARS, "USD"))
"""What counts as a dollar each: perpetuals are settled in them, and an account's money is their sum."""

# `DOTUSD` is DOT in dollars, not DO in TUSD: these quotes are believed only of coins that were listed in them
_LOOKS_LIKE_USD = frozenset({"TUSD", "BUSD"})
_MAJORS = frozenset({"BTC", "ETH", "BNB", "XRP", "SOL", "ADA", "DOGE", "LTC", "LINK", "TRX", "USDC"})

_UNIFIED = re.compile(r"(?:[A-Z0-9_]+:)?([^\W_]+)/([^\W_]+)(?::([^\W_]+))?(-[0-9A-Z-]+)?")
_TICKER = re.compile(r"(?:[A-Z0-9_]+:)?([^\W_]+?)(\.P|PERP)?")
_LONGEST = 64


@lru_cache(maxsize=4096)
def unify(tv_symbol: str) -> tuple[str, MarketType]:
    """`BTCUSDT` → `BTC/USDT`, spot; `BINANCE:BTCUSDT.P` → `BTC/USDT:USDT`, linear; ccxt's spellings stay.

    An exchange prefix is dropped and lower case accepted. `ValueError` says why a symbol cannot be traded here.
    """
    text = tv_symbol.strip().upper()
    if len(text) > _LONGEST:
        raise ValueError(f"is longer than {_LONGEST} characters")
    return _from_unified(text) if "/" in text else _from_ticker(text)


def market_type_of(symbol: str) -> MarketType:
    """Of a unified symbol: `BTC/USDT` is spot, `BTC/USDT:USDT` linear."""
    return MarketType.LINEAR if ":" in symbol else MarketType.SPOT


def base_of(symbol: str) -> str:
    return symbol.partition("/")[0]


def quote_of(symbol: str) -> str:
    return symbol.partition("/")[2].partition(":")[0]


def _from_unified(text: str) -> tuple[str, MarketType]:
    found = _UNIFIED.fullmatch(text)
    if found is None:
        raise ValueError("is not a symbol such as BTC/USDT or BTC/USDT:USDT")
    base, quote, settlement, expiry = found.groups()
    if expiry is not None:
        raise ValueError("is a dated contract; only spot and perpetuals are supported")
    if settlement is None:
        return _spot(base, quote)
    return _perpetual(base, quote, settlement)


def _from_ticker(text: str) -> tuple[str, MarketType]:
    found = _TICKER.fullmatch(text)
    if found is None:
        raise ValueError("is not a symbol such as BTCUSDT or BTCUSDT.P; dated and continuous futures are not supported")
    pair, perpetual = found.groups()
    base, quote = _split(pair)
    if perpetual is None:
        return _spot(base, quote)
    # charts name coin-margined perpetuals by the plain dollar (BTCUSD.P), dollar-margined ones by its token (BTCUSDT.P)
    return _perpetual(base, quote, base if quote == "USD" else quote)


def _split(pair: str) -> tuple[str, str]:
    for quote in _QUOTES_LONGEST_FIRST:
        base = pair.removesuffix(quote)
        if base and base != pair and (quote not in _LOOKS_LIKE_USD or base in _MAJORS):
            return base, quote
    raise ValueError("ends in no known quote currency (USDT, USDC, USD, EUR, BTC …); write it as BASE/QUOTE")


def _spot(base: str, quote: str) -> tuple[str, MarketType]:
    _differ(base, quote)
    return f"{base}/{quote}", MarketType.SPOT


def _perpetual(base: str, quote: str, settlement: str) -> tuple[str, MarketType]:
    _differ(base, quote)
    if settlement == base:
        raise ValueError(f"is an inverse contract, margined in {base}; only USD-margined perpetuals are supported")
    if settlement != quote or settlement not in DOLLARS:
        raise ValueError(f"is settled in {settlement}; only USD-margined perpetuals are supported")
    return f"{base}/{quote}:{settlement}", MarketType.LINEAR


def _differ(base: str, quote: str) -> None:
    if base == quote:
        raise ValueError(f"names {base} as both base and quote")
