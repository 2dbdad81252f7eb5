"""Keys, signatures, times and budgets."""

from typing import Any

import pytest

from tests.support.venues import BinanceLinear
from tests.unit.support.venues.conftest import BTC, ccxt, client_of


async def test_a_wrong_secret_is_refused(venue: BinanceLinear) -> None:
    client = client_of(venue, secret="another")
    try:
        with pytest.raises(ccxt.AuthenticationError, match="-1022"):
            await client.fapiPrivateV3GetBalance()
    finally:
        await client.close()
    assert venue.requests[-1].code == -1022


async def test_a_wrong_key_is_refused(venue: BinanceLinear) -> None:
    client = client_of(venue, apiKey="another")
    try:
        with pytest.raises(ccxt.AuthenticationError, match="-2015"):
            await client.fapiPrivateV3GetBalance()
    finally:
        await client.close()
    assert venue.requests[-1].status == 401


@pytest.mark.parametrize("skew", [60_000, -60_000], ids=["ahead", "behind"])
async def test_a_clock_that_differs_is_refused_until_it_is_adjusted(
    exchange: Any, venue: BinanceLinear, skew: int
) -> None:
    venue.faults.clock_skew_ms = skew
    with pytest.raises(ccxt.InvalidNonce, match="-1021"):
        await exchange.fapiPrivateV3GetBalance()
    exchange.options["adjustForTimeDifference"] = True
    await exchange.load_time_difference()
    assert await exchange.fapiPrivateV3GetBalance()


async def test_used_weight_and_order_counts_are_told(exchange: Any) -> None:
    await exchange.fapiPrivateV3GetBalance()
    before = int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"])
    await exchange.fapiPrivateV3GetBalance()
    assert int(exchange.last_response_headers["X-MBX-USED-WEIGHT-1M"]) == before + 5
    await exchange.create_order(BTC, "limit", "buy", "0.01", "59000")
    assert exchange.last_response_headers["X-MBX-ORDER-COUNT-1M"] == "1"


async def test_all_markets_weigh_more_than_one(exchange: Any, venue: BinanceLinear) -> None:
    before = venue.limits.used_weight()
    await exchange.fapiPrivateGetOpenOrders({"symbol": "BTCUSDT"})
    assert venue.limits.used_weight() == before + 1
    await exchange.fapiPrivateGetOpenOrders()
    assert venue.limits.used_weight() == before + 1 + 40


async def test_a_spent_budget_is_refused_with_a_time_to_wait(exchange: Any, venue: BinanceLinear) -> None:
    venue.limits.weight = venue.limits.used_weight()
    with pytest.raises(ccxt.DDoSProtection, match="-1003"):
        await exchange.fapiPrivateV3GetBalance()
    assert int(exchange.last_response_headers["Retry-After"]) > 0


async def test_too_many_orders_are_refused(exchange: Any, venue: BinanceLinear) -> None:
    venue.limits.orders_in_ten_sec = 0
    with pytest.raises(ccxt.DDoSProtection, match="-1015"):
        await exchange.create_order(BTC, "limit", "buy", "0.01", "59000")
    assert not venue.book.ledger.orders
