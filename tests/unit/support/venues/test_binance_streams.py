"""The user stream and market streams, through the real ccxt class."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import aiohttp
import pytest

from app.messages.reports import FillKind
from tests.support.venues import BinanceLinear
from tests.support.venues.control import Control
from tests.unit.support.venues.conftest import BTC, ccxt


async def once(condition: Callable[[], object], watching: asyncio.Future[Any]) -> None:
    while not condition():
        await asyncio.wait([watching], timeout=0.01)


def user_watch(exchange: Any, method: str) -> asyncio.Future[Any]:
    watching: asyncio.Future[Any] = asyncio.ensure_future(getattr(exchange, method)(BTC))
    return watching


async def test_a_fill_is_seen_over_the_user_stream(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "limit", "buy", "0.01", "59000", {"newClientOrderId": "mine-1"})
    watching = user_watch(exchange, "watch_orders")
    await once(lambda: venue.streams.user_lines, watching)
    venue.set_price(BTC, 58_900)
    (order,) = await watching
    assert (order["clientOrderId"], order["status"], order["filled"]) == ("mine-1", "closed", "0.01")
    assert order["average"] == "59000"


async def test_trades_and_positions_are_seen_over_the_user_stream(exchange: Any, venue: BinanceLinear) -> None:
    watching = user_watch(exchange, "watch_my_trades")
    await once(lambda: venue.streams.user_lines, watching)
    await exchange.create_order(BTC, "market", "sell", "0.01", None, {"newClientOrderId": "mine-1"})
    (trade,) = await watching
    assert (trade["price"], trade["amount"], trade["fee"]) == ("60000", "0.01", {"currency": "USDT", "cost": "0.3"})
    account = next(event for event in venue.streams.sent if event["e"] == "ACCOUNT_UPDATE")
    assert (account["a"]["P"][0]["pa"], account["a"]["B"][0]["wb"]) == ("-0.01", "9999.7")
    kinds = [event["e"] for event in venue.streams.sent]
    assert kinds == ["ORDER_TRADE_UPDATE", "ACCOUNT_UPDATE", "ORDER_TRADE_UPDATE"]


async def test_a_stop_tells_its_life(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    params = {"stopLossPrice": "58000", "reduceOnly": True, "clientAlgoId": "stop-1"}
    watching = user_watch(exchange, "watch_orders")
    await once(lambda: venue.streams.user_lines, watching)
    stop = await exchange.create_order(BTC, "market", "sell", "0.01", None, params)
    (order,) = await watching
    assert (order["id"], order["clientOrderId"], order["triggerPrice"]) == (stop["id"], "stop-1", "58000")
    venue.streams.sent.clear()
    venue.set_price(BTC, 57_900)
    told = [event["o"]["X"] for event in venue.streams.sent if event["e"] != "ACCOUNT_UPDATE"]
    assert told == ["TRIGGERING", "TRIGGERED", "NEW", "FILLED", "FINISHED"]
    assert venue.streams.sent[-1]["o"]["aq"] == "0.01"


async def test_a_liquidation_is_told_by_its_client_id(exchange: Any, venue: BinanceLinear) -> None:
    await exchange.create_order(BTC, "market", "buy", "0.01")
    venue.book.force(BTC, FillKind.LIQUIDATION)
    last = venue.streams.sent[-1]["o"]
    assert last["c"].startswith("autoclose-")
    assert (last["x"], last["X"], last["rp"]) == ("CALCULATED", "FILLED", "0")


async def test_an_expired_listen_key_is_told_and_its_stream_says_nothing_more(
    exchange: Any, venue: BinanceLinear
) -> None:
    watching = user_watch(exchange, "watch_orders")
    await once(lambda: venue.streams.user_lines, watching)
    venue.streams.expire_key()
    await exchange.create_order(BTC, "market", "buy", "0.01")
    assert venue.streams.user_lines
    assert not watching.done()
    watching.cancel()
    with pytest.raises(ccxt.ExchangeError, match="-1125"):
        await exchange.fapiPrivatePutListenKey()


async def test_a_cut_stream_is_seen_at_once(exchange: Any, venue: BinanceLinear) -> None:
    watching = user_watch(exchange, "watch_orders")
    await once(lambda: venue.streams.user_lines, watching)
    venue.streams.cut_user_streams()
    with pytest.raises(ccxt.NetworkError):
        await watching


async def test_prices_are_streamed(exchange: Any, venue: BinanceLinear) -> None:
    venue.set_quote(BTC, Decimal(59_999), Decimal(60_001), Decimal(60_000), Decimal("60000.5"))
    assert (await exchange.watch_bids_asks([BTC]))[BTC]["ask"] == "60001"
    assert (await exchange.watch_mark_price(BTC))["markPrice"] == "60000.5"
    assert (await exchange.watch_ticker(BTC))["last"] == "60000"
    watching = asyncio.ensure_future(exchange.watch_bids_asks([BTC]))
    await asyncio.wait([watching], timeout=0)
    venue.set_price(BTC, 61_000)
    assert (await watching)[BTC]["bid"] == "61000"


async def test_prices_and_faults_can_be_set_over_the_control_port(exchange: Any, venue: BinanceLinear) -> None:
    control = Control(venue)
    url = await control.start()
    try:
        async with aiohttp.ClientSession() as session:
            await session.post(f"{url}/price", json={"symbol": BTC, "price": "61000"})
            await session.post(f"{url}/fault", json={"kind": "html", "path": "/v3/balance"})
        assert (await exchange.fetch_ticker(BTC))["last"] == "61000"
        with pytest.raises(ccxt.BaseError):
            await exchange.fapiPrivateV3GetBalance()
    finally:
        await control.stop()
