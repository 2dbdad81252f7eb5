"""What goes wrong on the wire, as the real ccxt class meets it."""

import asyncio
from typing import Any

import pytest

from tests.support.venues import BinanceLinear, FaultKind
from tests.unit.support.venues.conftest import BTC, ccxt

AFTER = [
    FaultKind.LOST_AFTER,
    FaultKind.HANG_AFTER,
    FaultKind.ERROR_AFTER,
    FaultKind.HTML_AFTER,
    FaultKind.CUT_BODY,
]
BEFORE = [
    FaultKind.LOST_BEFORE,
    FaultKind.HANG_BEFORE,
    FaultKind.ERROR_BEFORE,
    FaultKind.HTML,
    FaultKind.RATE_LIMIT,
    FaultKind.BANNED,
]


async def place(exchange: Any) -> None:
    await exchange.create_order(BTC, "limit", "buy", "0.01", "59000", {"newClientOrderId": "mine-1"})


@pytest.mark.parametrize("kind", AFTER)
async def test_an_order_whose_answer_is_lost_rests_all_the_same(
    exchange: Any, venue: BinanceLinear, kind: FaultKind
) -> None:
    exchange.timeout = 300
    venue.faults.arm(kind, "/order", method="POST")
    with pytest.raises(ccxt.BaseError):
        await place(exchange)
    exchange.timeout = 5000
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert found["status"] == "open"
    assert venue.asked("POST", "/order")[0].acted


@pytest.mark.parametrize("kind", BEFORE)
async def test_an_order_that_never_arrives_is_unknown(exchange: Any, venue: BinanceLinear, kind: FaultKind) -> None:
    exchange.timeout = 300
    venue.faults.arm(kind, "/order", method="POST")
    with pytest.raises(ccxt.BaseError):
        await place(exchange)
    exchange.timeout = 5000
    with pytest.raises(ccxt.OrderNotFound, match="-2013"):
        await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})


async def test_a_rate_limit_and_a_ban_say_how_long(exchange: Any, venue: BinanceLinear) -> None:
    for kind, status in ((FaultKind.RATE_LIMIT, 429), (FaultKind.BANNED, 418)):
        venue.faults.arm(kind, "/balance", seconds=7)
        with pytest.raises(ccxt.DDoSProtection):
            await exchange.fapiPrivateV3GetBalance()
        assert exchange.last_response_headers["Retry-After"] == "7"
        assert venue.requests[-1].status == status


async def test_a_slow_body_arrives_whole(exchange: Any, venue: BinanceLinear) -> None:
    venue.faults.arm(FaultKind.SLOW_BODY, "/balance", seconds=0.01)
    assert (await exchange.fapiPrivateV3GetBalance())[0]["asset"] == "USDT"


async def test_any_refusal_can_be_provoked(exchange: Any, venue: BinanceLinear) -> None:
    venue.faults.arm(FaultKind.REFUSE, "/order", code=-4131, message="The counterparty's best price is out of reach.")
    with pytest.raises(ccxt.ExchangeError, match="-4131"):
        await place(exchange)


async def test_a_fault_can_be_aimed_at_one_order(exchange: Any, venue: BinanceLinear) -> None:
    venue.faults.arm(FaultKind.ERROR_BEFORE, "/order", containing="mine-2")
    await place(exchange)
    with pytest.raises(ccxt.BaseError):
        await exchange.create_order(BTC, "limit", "buy", "0.01", "59000", {"newClientOrderId": "mine-2"})
    assert not venue.faults.armed
    assert list(venue.book.ledger.by_client_id) == ["mine-1"]


async def test_events_come_twice_out_of_order_or_not_at_all(exchange: Any, venue: BinanceLinear) -> None:
    watching = asyncio.ensure_future(exchange.watch_orders(BTC))
    while not venue.streams.user_lines:
        await asyncio.wait([watching], timeout=0.01)
    (line,) = venue.streams.user_lines
    said: list[str] = []

    def hear(message: Any) -> None:
        said.append(message["o"]["x"])

    line.say = hear  # type: ignore[method-assign]
    venue.faults.arm(FaultKind.DUPLICATE_EVENTS, "ORDER_TRADE_UPDATE", containing='"x": "NEW"')
    await place(exchange)
    venue.faults.arm(FaultKind.DROP_EVENTS, "ORDER_TRADE_UPDATE", containing='"x": "CANCELED"')
    await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})
    venue.faults.arm(FaultKind.REORDER_EVENTS, "ORDER_TRADE_UPDATE", containing='"x": "NEW"')
    placed = await exchange.create_order(BTC, "limit", "buy", "0.01", "59000")
    await exchange.cancel_order(placed["id"], BTC)
    assert said == ["NEW", "NEW", "CANCELED", "NEW"]
    watching.cancel()


async def test_an_unknown_outcome_may_have_a_code_of_its_own(exchange: Any, venue: BinanceLinear) -> None:
    message = "Timeout waiting for response from backend server. Send status unknown; execution status unknown."
    venue.faults.arm(FaultKind.ERROR_AFTER, "/order", status=408, code=-1007, message=message)
    with pytest.raises(ccxt.RequestTimeout):
        await place(exchange)
    assert list(venue.book.ledger.by_client_id) == ["mine-1"]


async def test_a_silent_user_stream_stays_connected(exchange: Any, venue: BinanceLinear) -> None:
    watching = asyncio.ensure_future(exchange.watch_orders(BTC))
    while not venue.streams.user_lines:
        await asyncio.wait([watching], timeout=0.01)
    venue.faults.is_silent = True
    await place(exchange)
    assert not watching.done()
    venue.faults.is_silent = False
    await exchange.cancel_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert (await watching)[-1]["status"] == "canceled"


async def test_the_account_outlives_an_outage(exchange: Any, venue: BinanceLinear) -> None:
    await place(exchange)
    port = int(venue.url.rpartition(":")[2])
    await venue.stop()
    with pytest.raises(ccxt.NetworkError):
        await exchange.fetch_open_orders(BTC)
    venue.set_price(BTC, 58_000)
    await venue.start(port)
    found = await exchange.fetch_order(None, BTC, {"origClientOrderId": "mine-1"})
    assert (found["status"], found["average"]) == ("closed", "59000")
