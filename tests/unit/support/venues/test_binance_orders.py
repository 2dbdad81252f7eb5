"""Orders as the real ccxt class places and reads them."""

from decimal import Decimal
from typing import Any

import pytest

from app.domain.values import Side
from tests.support.venues import BinanceLinear
from tests.unit.support.venues.conftest import BTC, ETH, ccxt


async def test_markets_come_with_their_rules(exchange: Any) -> None:
    market = exchange.market(BTC)
    assert market["id"] == "BTCUSDT"
    assert market["linear"]
    assert market["active"]
    assert market["precision"] == {"amount": "0.001", "price": "0.1", "base": "0.00000001", "quote": "0.00000001"}
    assert market["limits"]["cost"]["min"] == "5"
    assert set(exchange.markets) == {BTC, ETH}


async def test_the_balance_is_the_books(exchange: Any) -> None:
    balance = await exchange.fetch_balance()
    assert balance["USDT"] == {"free": "10000", "used": "0", "total": "10000"}


async def test_leverage_and_margin_mode_are_set(exchange: Any, venue: BinanceLinear) -> None:
    answer = await exchange.set_leverage(10, BTC)
    assert answer["leverage"] == 10
    await exchange.set_margin_mode("isolated", BTC)
    assert venue.book.ledger.leverage(BTC) == (Decimal(10), "isolated")


async def test_an_unchanged_margin_mode_or_position_mode_is_said_to_be_so(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-4046"):
        await exchange.fapiPrivatePostMarginType({"symbol": "BTCUSDT", "marginType": "CROSSED"})
    with pytest.raises(ccxt.ExchangeError, match="-4059"):
        await exchange.set_position_mode(False)


async def test_a_limit_order_rests_and_is_found_by_its_client_id(exchange: Any) -> None:
    placed = await exchange.create_order(BTC, "limit", "buy", "0.01", "59000.1", {"newClientOrderId": "mine-1"})
    assert placed["status"] == "open"
    assert placed["clientOrderId"] == "mine-1"
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert (found["id"], found["price"], found["amount"]) == (placed["id"], "59000.1", "0.01")
    assert [order["id"] for order in await exchange.fetch_open_orders(BTC)] == [placed["id"]]


async def test_a_market_order_fills_at_once_and_makes_a_position(exchange: Any, venue: BinanceLinear) -> None:
    placed = await exchange.create_order(BTC, "market", "buy", "0.01", None, {"newClientOrderId": "mine-1"})
    assert (placed["status"], placed["filled"], placed["average"]) == ("closed", "0.01", "60000")
    assert venue.book.ledger.positions[BTC, Side.LONG].quantity == Decimal("0.01")
    (position,) = await exchange.fetch_positions([BTC])
    assert (position["side"], position["contracts"], position["entryPrice"]) == ("long", "0.01", "60000")
    (trade,) = await exchange.fetch_my_trades(BTC)
    assert (trade["order"], trade["takerOrMaker"]) == (placed["id"], "taker")
    assert trade["fee"] == {"currency": "USDT", "cost": "0.3"}


async def test_an_order_is_cancelled_by_its_client_id_and_only_once(exchange: Any) -> None:
    await exchange.create_order(BTC, "limit", "buy", "0.01", "59000", {"newClientOrderId": "mine-1"})
    cancelled = await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert cancelled["status"] == "canceled"
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})


async def test_an_order_is_amended(exchange: Any) -> None:
    placed = await exchange.create_order(BTC, "limit", "buy", "0.01", "59000", {"newClientOrderId": "mine-1"})
    amended = await exchange.edit_order(placed["id"], BTC, "limit", "buy", "0.02", "59500")
    assert (amended["id"], amended["price"], amended["amount"]) == (placed["id"], "59500", "0.02")


async def test_a_batch_is_taken_one_by_one(exchange: Any) -> None:
    orders = [
        {"symbol": BTC, "type": "limit", "side": "buy", "amount": "0.01", "price": price, "params": params}
        for price, params in [
            ("59000", {"newClientOrderId": "a"}),
            ("58000", {"newClientOrderId": "a"}),
            ("57000", {"newClientOrderId": "b"}),
        ]
    ]
    refused, first, last = await exchange.create_orders(orders)  # ccxt sorts by time; a refusal has none
    assert (first["clientOrderId"], last["clientOrderId"]) == ("a", "b")
    assert refused["info"]["code"] == -4116
    cancelled = await exchange.cancel_orders([first["id"], last["id"]], BTC)
    assert [order["status"] for order in cancelled] == ["canceled", "canceled"]


async def test_all_plain_orders_are_cancelled_at_once_and_stops_stay(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    await exchange.create_order(BTC, "limit", "buy", "0.01", "59000")
    await exchange.create_order(BTC, "market", "sell", "0.01", None, {"stopLossPrice": "58000", "reduceOnly": True})
    await exchange.cancel_all_orders(BTC)
    assert [order.trigger_price for order in venue.book.core.open_orders()] == [Decimal(58_000)]
    await exchange.cancel_all_orders(BTC, {"trigger": True})
    assert not venue.book.core.open_orders()


async def test_a_stop_rests_with_the_algo_service_until_its_trigger(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    params = {"stopLossPrice": "58000", "reduceOnly": True, "clientAlgoId": "stop-1"}
    stop = await exchange.create_order(BTC, "market", "sell", "0.01", None, params)
    assert (stop["clientOrderId"], stop["triggerPrice"], stop["status"]) == ("stop-1", "58000", "open")
    assert not await exchange.fetch_open_orders(BTC)
    (resting,) = await exchange.fetch_open_orders(BTC, params={"trigger": True})
    assert resting["id"] == stop["id"]
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await exchange.fetch_order(None, BTC, {"origClientOrderId": "stop-1"})
    venue.set_price(BTC, 57_900)
    found = await exchange.fetch_order(None, BTC, {"clientAlgoId": "stop-1", "trigger": True})
    assert found["info"]["algoStatus"] == "FINISHED"
    child = await exchange.fetch_order(found["info"]["actualOrderId"], BTC)
    assert (child["status"], child["average"], child["clientOrderId"]) == ("closed", "57900", "stop-1")
    assert not venue.book.ledger.positions


async def test_a_stop_is_cancelled_by_its_client_id(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    params = {"stopLossPrice": "58000", "reduceOnly": True, "clientAlgoId": "stop-1"}
    await exchange.create_order(BTC, "market", "sell", "0.01", None, params)
    await exchange.cancel_order(None, BTC, {"clientAlgoId": "stop-1", "trigger": True})
    assert not venue.book.core.open_orders()
    with pytest.raises(ccxt.OrderNotFound, match="-2011"):
        await exchange.cancel_order(None, BTC, {"clientAlgoId": "stop-1", "trigger": True})


async def test_take_profits_and_stop_limits_are_algo_orders_too(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.02")
    gain = {"takeProfitPrice": "62000", "reduceOnly": True}
    placed = await exchange.create_order(BTC, "market", "sell", "0.01", None, gain)
    assert placed["info"]["orderType"] == "TAKE_PROFIT_MARKET"
    stop = {"stopLossPrice": "58000", "reduceOnly": True}
    placed = await exchange.create_order(BTC, "limit", "sell", "0.01", "57990", stop)
    assert placed["info"]["orderType"] == "STOP"
    venue.set_price(BTC, 62_000)
    venue.set_price(BTC, 58_000)
    assert not venue.book.ledger.positions


async def test_exits_may_be_bound_to_the_position(exchange: Any) -> None:
    with pytest.raises(ccxt.ExchangeError, match="-2022"):
        await exchange.create_order(BTC, "limit", "sell", "0.01", "61000", {"reduceOnly": True})
    await exchange.create_order(BTC, "market", "buy", "0.01")
    placed = await exchange.create_order(BTC, "limit", "sell", "0.01", "61000", {"reduceOnly": True})
    assert placed["reduceOnly"]


REFUSALS = {
    "a used client id": ({"newClientOrderId": "used"}, "-4116"),
    "too many decimals": ({"price": "59000.123"}, "-1111"),
    "too fine a quantity": ({"quantity": "0.0101"}, "-1111"),
    "too little worth": ({"quantity": "0.001", "price": "4000"}, "-4164"),
    "too large a quantity": ({"quantity": "101"}, "-4005"),
    "more than the margin covers": ({"quantity": "99"}, "-2019"),
    "nothing to reduce": ({"reduceOnly": "true"}, "-2022"),
    "a conditional type": ({"type": "STOP_MARKET", "stopPrice": "58000"}, "-4120"),
    "a side of hedge mode": ({"positionSide": "LONG"}, "-4061"),
    "a taker that is to be a maker": ({"timeInForce": "GTX", "price": "60001"}, "-5022"),
    "all or nothing out of reach": ({"timeInForce": "FOK"}, "-5021"),
    "an unknown symbol": ({"symbol": "NONE"}, "-1121"),
    "no price": ({"price": ""}, "-1102"),
}


@pytest.mark.parametrize(("change", "code"), REFUSALS.values(), ids=REFUSALS)
async def test_an_order_is_refused_for(exchange: Any, change: dict[str, str], code: str) -> None:
    plain = {"symbol": "BTCUSDT", "side": "BUY", "type": "LIMIT", "quantity": "0.01", "price": "59000"}
    plain["timeInForce"] = "GTC"
    await exchange.fapiPrivatePostOrder({**plain, "newClientOrderId": "used"})
    with pytest.raises(ccxt.BaseError, match=f'"code":{code},'):
        await exchange.fapiPrivatePostOrder({**plain, **change})


async def test_a_stop_through_its_trigger_already_is_refused(exchange: Any) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    with pytest.raises(ccxt.ExchangeError, match="-2021"):
        await exchange.create_order(BTC, "market", "sell", "0.01", None, {"stopLossPrice": "61000"})


async def test_hedge_mode_keeps_two_positions_of_a_market(exchange: Any) -> None:
    await exchange.set_position_mode(True)
    with pytest.raises(ccxt.ExchangeError, match="-4061"):
        await exchange.create_order(BTC, "market", "buy", "0.01")
    await exchange.create_order(BTC, "market", "buy", "0.02", None, {"positionSide": "LONG"})
    await exchange.create_order(BTC, "market", "sell", "0.01", None, {"positionSide": "SHORT"})
    held = {item["side"]: item["contracts"] for item in await exchange.fetch_positions([BTC])}
    assert held == {"long": "0.02", "short": "0.01"}


async def test_funding_is_told_as_income(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    venue.book.pay_funding(BTC, Decimal("0.0001"))
    (payment,) = await exchange.fetch_funding_history(BTC)
    assert (payment["amount"], payment["code"]) == ("-0.06", "USDT")


async def test_realized_profit_is_told_with_the_trade(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    venue.set_price(BTC, 61_000)
    await exchange.create_order(BTC, "market", "sell", "0.01", None, {"reduceOnly": True})
    assert [trade["info"]["realizedPnl"] for trade in await exchange.fetch_my_trades(BTC)] == ["0", "10"]


async def test_prices_and_candles_are_read(exchange: Any, venue: BinanceLinear) -> None:
    venue.set_quote(BTC, Decimal(59_999), Decimal(60_001), Decimal(60_000), Decimal("60000.5"))
    assert (await exchange.fetch_bids_asks([BTC]))[BTC]["bid"] == "59999"
    assert (await exchange.fetch_ticker(BTC))["last"] == "60000"
    assert (await exchange.fetch_mark_price(BTC))["markPrice"] == "60000.5"
    assert (await exchange.fetch_order_book(BTC))["asks"][0][0] == 60001
    assert (await exchange.fetch_ohlcv(BTC, "1m"))[-1][4] == "60000"


async def test_an_order_fills_in_parts_where_the_market_is_thin(exchange: Any, venue: BinanceLinear) -> None:
    placed = await exchange.create_order(BTC, "limit", "buy", "0.03", "59000")
    venue.book.core.matcher.fill_sizes[BTC] = Decimal("0.01")
    venue.set_price(BTC, 58_000)
    found = await exchange.fetch_order(placed["id"], BTC)
    assert (found["info"]["status"], found["filled"], found["remaining"]) == ("PARTIALLY_FILLED", "0.01", "0.02")
    rest = await exchange.create_order(BTC, "limit", "buy", "0.02", "58000", {"timeInForce": "IOC"})
    assert (rest["info"]["status"], rest["filled"]) == ("EXPIRED", "0.01")


async def test_a_halted_market_refuses_and_says_so(exchange: Any, venue: BinanceLinear) -> None:
    venue.book.core.admission.halted.add(BTC)
    with pytest.raises(ccxt.BaseError, match="-4140"):
        await exchange.create_order(BTC, "limit", "buy", "0.01", "59000")
    assert not (await exchange.load_markets(True))[BTC]["active"]
