"""How the mended ccxt class reads Bybit's rows."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import pytest

from app.domain.values import OrderType
from app.exchange.ccxt.dialects.bybit_wire import mended
from app.exchange.ccxt.mapping import order_type


@pytest.fixture(scope="module")
def exchange() -> Any:
    made = mended(import_module("ccxt.pro").bybit)({})
    made.number = str
    return made


@pytest.mark.parametrize(
    ("side", "told", "expected"),
    [
        ("Sell", {"triggerDirection": 2, "reduceOnly": True}, OrderType.STOP_MARKET),
        ("Sell", {"triggerDirection": 1, "reduceOnly": True}, OrderType.TAKE_PROFIT_MARKET),
        ("Sell", {"triggerDirection": 1}, OrderType.TAKE_PROFIT_MARKET),
        ("Buy", {"triggerDirection": 1}, OrderType.STOP_MARKET),
        ("Sell", {"triggerDirection": 0, "basePrice": "110"}, OrderType.STOP_MARKET),
        ("Sell", {"triggerDirection": 0, "basePrice": "90"}, OrderType.TAKE_PROFIT_MARKET),
        ("Buy", {"triggerDirection": 0, "basePrice": "90"}, OrderType.STOP_MARKET),
        ("Sell", {"triggerDirection": 0, "basePrice": ""}, OrderType.STOP_MARKET),
        ("Sell", {"triggerDirection": 2, "takeProfit": "120"}, OrderType.STOP_MARKET),
    ],
)
def test_a_trigger_is_a_stops_or_a_profits_by_its_direction(
    exchange: Any, side: str, told: dict[str, Any], expected: OrderType
) -> None:
    row = {"symbol": "SOLUSDT", "side": side, "orderType": "Market", "qty": "1", "triggerPrice": "100", **told}
    assert order_type(exchange.parse_order(row)) is expected


def test_a_plain_order_has_no_trigger(exchange: Any) -> None:
    row = {"symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "9", "triggerPrice": ""}
    assert order_type(exchange.parse_order({**row, "basePrice": "10"})) is OrderType.LIMIT


@pytest.mark.parametrize(("told", "expected"), [({"feeCurrency": "MNT"}, "MNT"), ({"feeCurrency": ""}, "SOL")])
def test_a_fee_is_in_the_coin_that_is_told(exchange: Any, told: dict[str, str], expected: str) -> None:
    market = exchange.safe_market_structure(
        {"id": "SOLUSDT", "symbol": "SOL/USDT", "base": "SOL", "quote": "USDT", "type": "spot", "spot": True}
    )
    row = {"symbol": "SOLUSDT", "side": "Buy", "execId": "1", "execQty": "1", "execPrice": "9", "execFee": "0.001"}
    assert exchange.parse_trade({**row, **told}, market)["fee"]["currency"] == expected
