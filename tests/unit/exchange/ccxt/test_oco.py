"""How a pair of exits is asked for in Binance's words."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module

import pytest

from app.domain.values import OrderSide, OrderType, PositionMode, TimeInForce
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT
from app.exchange.ccxt.oco import pair_words
from app.ports.venue import OrderRequest
from tests.integration.exchange.venue_contract import request

LIMIT = {"price": Decimal("210.00")}
STOP = {"type": OrderType.STOP_MARKET, "price": None, "trigger_price": Decimal("190.00")}


def a_request(number: int, side: OrderSide, **changes: object) -> OrderRequest:
    return request(number, side, symbol="SOL/USDT", **changes)


def test_a_sellers_profit_is_above_and_its_stop_below() -> None:
    profit, stop = a_request(1, OrderSide.SELL, **LIMIT), a_request(2, OrderSide.SELL, **STOP)

    assert pair_words("SOLUSDT", profit, stop) == {
        "symbol": "SOLUSDT",
        "side": "SELL",
        "quantity": "1.000",
        "listClientOrderId": f"{profit.client_order_id}-pair",
        "newOrderRespType": "RESULT",
        "aboveType": "LIMIT_MAKER",
        "aboveClientOrderId": profit.client_order_id,
        "abovePrice": "210.00",
        "belowType": "STOP_LOSS",
        "belowClientOrderId": stop.client_order_id,
        "belowStopPrice": "190.00",
    }


def test_a_buyers_stop_is_above_and_its_profit_below() -> None:
    stop = a_request(2, OrderSide.BUY, **{**STOP, "trigger_price": Decimal("210.00")})
    words = pair_words("SOLUSDT", a_request(1, OrderSide.BUY, price=Decimal("190.00")), stop)

    assert (words["aboveType"], words["aboveStopPrice"]) == ("STOP_LOSS", "210.00")
    assert (words["belowType"], words["belowPrice"]) == ("LIMIT_MAKER", "190.00")


def test_only_a_stop_with_a_limit_says_how_long_it_is_good() -> None:
    limited = {**STOP, "type": OrderType.STOP_LIMIT, "price": Decimal("189.00"), "time_in_force": TimeInForce.GTC}
    taking = {"type": OrderType.TAKE_PROFIT_MARKET, "price": None, "trigger_price": Decimal("210.00")}
    words = pair_words("SOLUSDT", a_request(1, OrderSide.SELL, **taking), a_request(2, OrderSide.SELL, **limited))

    assert (words["aboveType"], words["aboveStopPrice"]) == ("TAKE_PROFIT", "210.00")
    assert "aboveTimeInForce" not in words
    assert (words["belowType"], words["belowPrice"], words["belowTimeInForce"]) == ("STOP_LOSS_LIMIT", "189.00", "GTC")


def test_the_id_of_a_pair_is_no_longer_than_binance_takes() -> None:
    profit, stop = a_request(1, OrderSide.SELL, **LIMIT), a_request(2, OrderSide.SELL, **STOP)

    assert len(pair_words("SOLUSDT", profit, stop)["listClientOrderId"]) <= 36


def test_binance_spot_alone_has_pairs() -> None:
    able = [dialect.name for dialect in DIALECTS.values() if dialect.capabilities(PositionMode.ONE_WAY).oco]

    assert able == ["binance_spot"]


@pytest.mark.parametrize(
    "name",
    [
        "privatePostOrderListOco",
        "ensure_user_data_stream_ws_subscribe_signature",
        "handle_user_data_stream_subscribe",
        "handle_event_stream_terminated",
    ],
)
def test_ccxt_still_has_what_binance_spot_builds_on(name: str) -> None:
    exchange = import_module("ccxt.pro").binance

    assert hasattr(exchange(), name)
    assert BINANCE_SPOT.refined(exchange) is not exchange
