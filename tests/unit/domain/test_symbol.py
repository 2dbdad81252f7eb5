"""TradingView's symbols in ccxt's spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.symbol import unify
from app.domain.values import MarketType

SPOT, LINEAR = MarketType.SPOT, MarketType.LINEAR


@pytest.mark.parametrize(
    ("text", "symbol", "market_type"),
    [
        ("BTCUSDT", "BTC/USDT", SPOT),
        ("BTCUSDT.P", "BTC/USDT:USDT", LINEAR),
        ("BTC/USDT", "BTC/USDT", SPOT),
        ("BTC/USDT:USDT", "BTC/USDT:USDT", LINEAR),
        ("BINANCE:BTCUSDT", "BTC/USDT", SPOT),
        ("BINANCE:BTCUSDT.P", "BTC/USDT:USDT", LINEAR),
        ("OKX:BTC/USDT:USDT", "BTC/USDT:USDT", LINEAR),
        ("btcusdt.p", "BTC/USDT:USDT", LINEAR),
        (" bybit:solusdc.p ", "SOL/USDC:USDC", LINEAR),
        ("1000PEPEUSDT.P", "1000PEPE/USDT:USDT", LINEAR),
        ("BTCUSDTPERP", "BTC/USDT:USDT", LINEAR),
        ("PERPUSDT", "PERP/USDT", SPOT),
        ("PERPUSDT.P", "PERP/USDT:USDT", LINEAR),
        ("币安人生USDT.P", "币安人生/USDT:USDT", LINEAR),
        ("ETHBTC", "ETH/BTC", SPOT),
        ("BTCEUR", "BTC/EUR", SPOT),
        ("BTCUSD", "BTC/USD", SPOT),
        ("BTCFDUSD", "BTC/FDUSD", SPOT),
        ("BTCTUSD", "BTC/TUSD", SPOT),
        ("BNBBUSD", "BNB/BUSD", SPOT),
        ("DOTUSD", "DOT/USD", SPOT),
        ("BNBUSD", "BNB/USD", SPOT),
        ("USDTUSD", "USDT/USD", SPOT),
        ("TUSDUSDT", "TUSD/USDT", SPOT),
        ("USDTTRY", "USDT/TRY", SPOT),
        ("USDCUSDT", "USDC/USDT", SPOT),
        ("ABC/XYZ", "ABC/XYZ", SPOT),
    ],
)
def test_a_symbol_is_unified(text: str, symbol: str, market_type: MarketType) -> None:
    assert unify(text) == (symbol, market_type)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("BTCUSDPERP", "inverse contract, margined in BTC"),
        ("BTCUSD.P", "inverse contract, margined in BTC"),
        ("BTC/USD:BTC", "inverse contract, margined in BTC"),
        ("BTC/USD:ETH", "settled in ETH"),
        ("ETHBTC.P", "settled in BTC"),
        ("BTC/USDT:USDT-260327", "dated contract"),
        ("BTCUSDT27H2026", "no known quote currency"),
        ("BTC1!", "continuous futures are not supported"),
        ("BTC.D", "not a symbol such as"),
        ("AAPL", "no known quote currency"),
        ("USDT", "no known quote currency"),
        ("USDT.P", "no known quote currency"),
        (".P", "not a symbol such as"),
        ("", "not a symbol such as"),
        ("/", "not a symbol such as BTC/USDT"),
        ("BTC/", "not a symbol such as BTC/USDT"),
        ("BTC/USDT:", "not a symbol such as BTC/USDT"),
        ("BTC-USDT", "not a symbol such as"),
        ("USDT/USDT", "both base and quote"),
        ("BTC" * 30 + "USDT", "longer than 64"),
    ],
)
def test_what_cannot_be_traded_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        unify(text)


@given(st.text(max_size=80) | st.from_regex(r"[A-Z0-9:/.]{1,12}(USDT|USD|BTC|PERP|\.P)+", fullmatch=True))
def test_any_text_is_a_symbol_or_refused(text: str) -> None:
    try:
        unified = unify(text)
    except ValueError:
        return
    assert unify(unified[0]) == unified
