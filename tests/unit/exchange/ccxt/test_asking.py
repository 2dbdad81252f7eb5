"""Our requests become ccxt's arguments, as each venue wants them."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from app.domain.values import OrderSide, OrderType, PositionMode, Side, TimeInForce
from app.exchange.ccxt.asking import batches, order_arguments, priority_of, reference
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.dialects.base import Dialect, spelled
from app.exchange.ccxt.dialects.binance import BINANCE_SPOT, BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.dialects.bybit_wire import RISES
from app.exchange.ccxt.limits import Priority
from app.ports.venue import OrderRef, OrderRequest

SOL = "SOL/USDT:USDT"
ONE_WAY, HEDGE = PositionMode.ONE_WAY, PositionMode.HEDGE
ENTRY = OrderRequest(
    client_order_id="zg1",
    symbol=SOL,
    side=OrderSide.BUY,
    position_side=Side.LONG,
    type=OrderType.LIMIT,
    quantity=Decimal("2.0"),
    price=Decimal("150.10"),
    trigger_price=None,
    reduce_only=False,
    time_in_force=TimeInForce.GTC,
)
STOP = replace(
    ENTRY,
    client_order_id="zg2",
    side=OrderSide.SELL,
    type=OrderType.STOP_MARKET,
    price=None,
    trigger_price=Decimal(140),
    reduce_only=True,
)


def params(request: OrderRequest, dialect: Dialect, mode: PositionMode = ONE_WAY) -> dict[str, Any]:
    told: dict[str, Any] = order_arguments(request, dialect, mode)["params"]
    return told


def test_a_limit_order_carries_our_id_and_its_numbers_as_text() -> None:
    assert order_arguments(ENTRY, BINANCE_USDM, ONE_WAY) == {
        "symbol": SOL,
        "type": "limit",
        "side": "buy",
        "amount": "2.0",
        "price": "150.10",
        "params": {"newClientOrderId": "zg1", "timeInForce": "GTC"},
    }


def test_a_market_order_has_neither_price_nor_time_in_force() -> None:
    told = order_arguments(replace(ENTRY, type=OrderType.MARKET), BINANCE_SPOT, ONE_WAY)
    assert (told["type"], told["price"], told["params"]) == ("market", None, {"newClientOrderId": "zg1"})


def test_numbers_never_have_an_exponent() -> None:
    assert spelled(Decimal("1E-8")) == "0.00000001"
    assert spelled(Decimal("1E+3")) == "1000"


@pytest.mark.parametrize("dialect", DIALECTS.values(), ids=lambda dialect: dialect.name)
@pytest.mark.parametrize("request_", [ENTRY, STOP], ids=["entry", "stop"])
def test_h01_every_order_carries_our_id(dialect: Dialect, request_: OrderRequest) -> None:
    assert dialect.sent_id(request_.client_order_id) in params(request_, dialect).values()


def test_h09_a_stop_on_binance_futures_is_named_as_the_algo_service_wants() -> None:
    assert params(STOP, BINANCE_USDM) == {"clientAlgoId": "zg2", "stopLossPrice": "140", "reduceOnly": True}


def test_a_take_profit_is_told_from_a_stop() -> None:
    profit = replace(STOP, type=OrderType.TAKE_PROFIT_MARKET, trigger_price=Decimal(160))
    assert params(profit, ASTER_LINEAR)["takeProfitPrice"] == "160"


@pytest.mark.parametrize(
    ("side", "kind", "direction"),
    [
        (OrderSide.SELL, OrderType.STOP_MARKET, "descending"),
        (OrderSide.BUY, OrderType.STOP_MARKET, "ascending"),
        (OrderSide.SELL, OrderType.TAKE_PROFIT_MARKET, "ascending"),
        (OrderSide.BUY, OrderType.TAKE_PROFIT_MARKET, "descending"),
    ],
)
def test_bybit_is_told_from_where_the_price_comes(side: OrderSide, kind: OrderType, direction: str) -> None:
    told = params(replace(STOP, side=side, type=kind), BYBIT_LINEAR)
    assert (told["triggerPrice"], told["triggerDirection"]) == ("140", direction)


def test_bybit_lets_a_triggered_exit_through_whatever_margin_is_left() -> None:
    assert params(replace(STOP, reduce_only=True), BYBIT_LINEAR)["closeOnTrigger"] is True
    assert "closeOnTrigger" not in params(replace(STOP, reduce_only=False), BYBIT_LINEAR)


def test_spot_orders_never_carry_reduce_only_or_a_position() -> None:
    for dialect in (BINANCE_SPOT, BYBIT_SPOT):
        assert not {"reduceOnly", "positionSide", "positionIdx"} & set(params(STOP, dialect))


@pytest.mark.parametrize(
    ("dialect", "mode", "extra"),
    [
        (BINANCE_USDM, ONE_WAY, {"reduceOnly": True}),
        (BINANCE_USDM, HEDGE, {"positionSide": "LONG"}),
        (ASTER_LINEAR, HEDGE, {"positionSide": "LONG"}),
        (BYBIT_LINEAR, ONE_WAY, {"positionIdx": 0, "reduceOnly": True}),
        (BYBIT_LINEAR, HEDGE, {"positionIdx": 1, "reduceOnly": True}),
    ],
)
def test_h30_each_mode_names_the_position_its_way(dialect: Dialect, mode: PositionMode, extra: dict[str, Any]) -> None:
    told = params(STOP, dialect, mode)
    assert {name: told[name] for name in ("positionSide", "positionIdx", "reduceOnly") if name in told} == extra


def test_a_short_in_hedge_mode_has_its_own_place() -> None:
    assert params(replace(STOP, position_side=Side.SHORT), BYBIT_LINEAR, HEDGE)["positionIdx"] == 2


def test_an_order_is_found_by_our_id_in_the_list_where_it_lives() -> None:
    plain = OrderRef("zg1", "77", SOL, OrderType.LIMIT)
    stop = OrderRef("zg2", None, SOL, OrderType.STOP_MARKET)
    assert reference(plain, BINANCE_USDM) == ("77", {"origClientOrderId": "zg1"})
    assert reference(stop, BINANCE_USDM) == ("", {"clientAlgoId": "zg2", "trigger": True})
    assert reference(stop, BINANCE_SPOT) == ("", {"origClientOrderId": "zg2"})
    assert reference(plain, BYBIT_LINEAR) == (None, {"orderLinkId": "zg1"})
    assert reference(stop, BYBIT_SPOT) == (None, {"orderLinkId": "zg2", "trigger": True, RISES: False})


def test_exits_go_first() -> None:
    assert priority_of(ENTRY) is Priority.ENTRY
    assert priority_of(STOP) is Priority.EXIT
    assert priority_of(replace(ENTRY, side=OrderSide.SELL)) is Priority.EXIT


def test_batches_are_no_larger_than_the_venue_takes_and_keep_their_order() -> None:
    legs = [replace(ENTRY, client_order_id=f"zg{number}") for number in range(7)]
    assert [len(group) for group in batches(legs, BINANCE_USDM)] == [5, 2]
    assert [request for group in batches(legs, BINANCE_USDM) for request in group] == legs
    assert [len(group) for group in batches(legs, BINANCE_SPOT)] == [1] * 7


def test_h09_stops_travel_alone_where_no_batch_takes_them() -> None:
    groups = batches([ENTRY, ENTRY, STOP, STOP, ENTRY], BINANCE_USDM)
    assert [len(group) for group in groups] == [2, 1, 1, 1]


def test_exits_never_wait_in_a_batch_of_entries() -> None:
    take_profit = replace(ENTRY, side=OrderSide.SELL, reduce_only=True)
    assert [len(group) for group in batches([ENTRY, take_profit], BINANCE_USDM)] == [1, 1]
