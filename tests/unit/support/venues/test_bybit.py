"""The Bybit fakes are as strict as the venue, seen through the real ccxt class and through plain HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from decimal import Decimal
from importlib import import_module
from typing import Any

import aiohttp
import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.base import Dialect, Operation, Pool
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.wire import redirected
from tests.integration.exchange.joined import board_with
from tests.support.venues.bybit import Bybit, BybitLinear, BybitSpot
from tests.support.venues.bybit_gate import signature
from tests.support.venues.faults import FaultKind

ccxt: Any = import_module("ccxt.pro")
SOL, SPOT = "SOL/USDT:USDT", "SOL/USDT"
CHANGES = {
    Operation.CREATE: "/v5/order/create",
    Operation.CREATE_BATCH: "/v5/order/create-batch",
    Operation.AMEND: "/v5/order/amend",
    Operation.CANCEL: "/v5/order/cancel",
}


def client_of(fake: Bybit, kind: str, **fields: Any) -> Any:
    options = {"defaultType": kind, "fetchMarkets": {"types": ["linear" if kind == "swap" else "spot"]}}
    made = ccxt.bybit({"apiKey": "key", "secret": "secret", "enableRateLimit": False, "options": options, **fields})
    made.number = str
    made.has["fetchCurrencies"] = False
    made.urls["api"] = redirected(made.urls["api"], fake.url)
    return made


@pytest.fixture
async def fake() -> AsyncIterator[BybitLinear]:
    venue = BybitLinear(board_with(SOL))
    await venue.start()
    yield venue
    await venue.stop()


@pytest.fixture
async def exchange(fake: BybitLinear) -> AsyncIterator[Any]:
    client = client_of(fake, "swap")
    try:
        await client.load_markets()
        yield client
    finally:
        await client.close()


async def told(fake: Bybit, path: str, query: str = "", **headers: str) -> Any:
    """The answer to a GET whose headers are signed rightly unless given."""
    stamp = headers.pop("stamp", str(fake.now()))
    usual = {"X-BAPI-API-KEY": "key", "X-BAPI-TIMESTAMP": stamp, "X-BAPI-RECV-WINDOW": "5000"}
    usual["X-BAPI-SIGN"] = signature("secret", f"{stamp}key5000{query}")
    async with (
        aiohttp.ClientSession() as session,
        session.get(f"{fake.url}/v5/{path}?{query}", headers=usual | headers) as answer,
    ):
        return json.loads(await answer.text()) | {"headers": answer.headers}


# ---------------------------------------------------------------------------------------------------------------- gate


async def test_a_key_a_signature_and_a_time_are_asked_for(fake: BybitLinear) -> None:
    late, early = str(fake.now() - 6000), str(fake.now() + 2000)
    assert (await told(fake, "account/info"))["retCode"] == 0
    assert (await told(fake, "account/info", **{"X-BAPI-API-KEY": "other"}))["retCode"] == 10003
    assert (await told(fake, "account/info", **{"X-BAPI-SIGN": "0"}))["retCode"] == 10004
    assert (await told(fake, "account/info", stamp=late))["retCode"] == 10002
    assert (await told(fake, "account/info", stamp=early))["retCode"] == 10002


async def test_what_may_be_asked_is_told_in_headers_and_then_refused(fake: BybitLinear) -> None:
    fake.limits.in_a_second["account/info"] = 2
    answers = [await told(fake, "account/info") for _ in range(3)]
    assert [answer["headers"]["X-Bapi-Limit-Status"] for answer in answers] == ["1", "0", "0"]
    assert [answer["retCode"] for answer in answers] == [0, 0, 10006]
    assert int(answers[2]["headers"]["X-Bapi-Limit-Reset-Timestamp"]) > fake.now() - 1000


@pytest.mark.parametrize(("made", "dialect"), [(BybitLinear, BYBIT_LINEAR), (BybitSpot, BYBIT_SPOT)])
async def test_an_account_may_change_as_much_as_the_adapter_counts_with(made: type[Bybit], dialect: Dialect) -> None:
    limits = made(board_with(SOL, SPOT)).limits
    for operation, path in CHANGES.items():
        (budget,) = (budget for budget in dialect.cost(operation) if budget.pool is not Pool.WEIGHT)
        assert limits.headers(path)["X-Bapi-Limit"] == str(budget.amount), path


async def test_an_address_that_asks_too_much_is_shut_out(fake: BybitLinear, exchange: Any) -> None:
    fake.limits.of_address = 0
    with pytest.raises(ccxt.RateLimitExceeded, match="access too frequent"):
        await exchange.fetch_time()


async def test_keys_without_the_right_to_trade_may_read(fake: BybitLinear, exchange: Any) -> None:
    fake.gate.may_trade = False
    assert await exchange.fetch_balance()
    with pytest.raises(ccxt.PermissionDenied, match="10005"):
        await exchange.create_order(SOL, "limit", "buy", "1", "190")


async def test_a_private_stream_wants_a_login_first(fake: BybitLinear) -> None:
    async with (
        aiohttp.ClientSession() as session,
        session.ws_connect(f"{fake.url}/v5/private") as socket,
    ):
        await socket.send_json({"op": "subscribe", "args": ["order"]})
        assert (await socket.receive_json())["success"] is False
        expires = str(fake.now() + 1000)
        await socket.send_json({"op": "auth", "args": ["key", expires, signature("secret", f"GET/realtime{expires}")]})
        assert (await socket.receive_json())["success"] is True
        await socket.send_json({"op": "subscribe", "args": ["order"]})
        assert (await socket.receive_json())["success"] is True
        await socket.send_json({"op": "ping", "req_id": "7"})
        assert (await socket.receive_json())["op"] == "pong"


async def test_a_login_that_is_over_or_wrongly_signed_is_refused(fake: BybitLinear) -> None:
    past, soon = str(fake.now() - 1), str(fake.now() + 1000)
    assert fake.gate.check_login(["key", past, signature("secret", f"GET/realtime{past}")]) == "Request expired"
    assert fake.gate.check_login(["key", soon, signature("other", f"GET/realtime{soon}")]) == "Params Error"


# -------------------------------------------------------------------------------------------------------------- orders


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ({"qty": "1.0005"}, 10001),
        ({"price": "190.001"}, 10001),
        ({"qty": "0.010"}, 110094),
        ({"qty": "10000"}, 110007),
        ({"reduceOnly": True, "side": "Sell", "price": "210"}, 110017),
        ({"positionIdx": 1}, 10001),
        ({"symbol": "NOPE"}, 10001),
        ({"triggerPrice": "190", "triggerDirection": 1}, 110092),
        ({"triggerPrice": "210", "triggerDirection": 2}, 110093),
        ({"triggerPrice": "210"}, 10001),
        ({"qty": 1}, 10001),
    ],
)
async def test_a_bad_order_is_refused_with_the_venues_code(
    fake: BybitLinear, exchange: Any, words: dict[str, Any], code: int
) -> None:
    usual = {"category": "linear", "symbol": "SOLUSDT", "side": "Buy", "orderType": "Limit", "qty": "1", "price": "190"}
    with pytest.raises(ccxt.BaseError, match=f'"retCode":{code},'):
        await exchange.privatePostV5OrderCreate({**usual, **words})
    assert fake.ledger.orders == {}


async def test_an_id_is_never_free_again(fake: BybitLinear, exchange: Any) -> None:
    order = await exchange.create_order(SOL, "limit", "buy", "1", "190", {"clientOrderId": "mine"})
    await exchange.cancel_order(order["id"], SOL)
    with pytest.raises(ccxt.InvalidOrder, match="110072"):
        await exchange.create_order(SOL, "limit", "buy", "1", "190", {"clientOrderId": "mine"})
    with pytest.raises(ccxt.OrderNotFound, match="110001"):
        await exchange.cancel_order(order["id"], SOL)


async def test_a_new_order_is_answered_with_its_ids_only(fake: BybitLinear, exchange: Any) -> None:
    order = await exchange.create_order(SOL, "market", "buy", "1", None, {"clientOrderId": "mine"})
    assert set(order["info"]) == {"orderId", "orderLinkId"}
    found = (await exchange.fetch_open_orders(SOL, params={"orderLinkId": "mine"}))[0]
    assert (found["info"]["orderStatus"], found["filled"]) == ("Filled", "1")


async def test_lists_come_in_pages_with_a_cursor(fake: BybitLinear, exchange: Any) -> None:
    fake.limits.in_a_second["/order/create"] = 100
    for number in range(25):
        await exchange.create_order(SOL, "limit", "buy", "0.1", "190", {"clientOrderId": f"mine{number}"})
    first = await exchange.fetch_open_orders(SOL)
    cursor = next(row["info"]["nextPageCursor"] for row in first if row["info"].get("nextPageCursor"))
    rest = await exchange.fetch_open_orders(SOL, params={"cursor": cursor})
    assert (len(first), len(rest)) == (20, 5)
    assert {row["clientOrderId"] for row in (*first, *rest)} == {f"mine{number}" for number in range(25)}


async def test_more_than_a_week_cannot_be_asked_for_at_once(fake: BybitLinear) -> None:
    week = 7 * 24 * 3600 * 1000
    start = fake.now() - 2 * week
    wide = await told(fake, "execution/list", f"category=linear&startTime={start}&endTime={start + week + 1}")
    assert wide["retCode"] == 10001


async def test_settings_that_are_made_already_say_so(fake: BybitLinear, exchange: Any) -> None:
    with pytest.raises(ccxt.BadRequest, match="110043"):
        await exchange.set_leverage(10, SOL)
    with pytest.raises(ccxt.NoChange, match="110025"):
        await exchange.set_position_mode(False)
    await exchange.set_position_mode(True)
    assert fake.ledger.is_hedged


async def test_the_margin_mode_is_the_whole_accounts(fake: BybitLinear, exchange: Any) -> None:
    await exchange.set_margin_mode("isolated")
    assert fake.ledger.leverage(SOL) == (Decimal(10), "isolated")
    assert (await exchange.fetch_margin_mode(SOL))["marginMode"] == "isolated"


# ---------------------------------------------------------------------------------------------------------------- spot


@pytest.fixture
async def spot() -> AsyncIterator[tuple[BybitSpot, Any]]:
    coins = {"USDT": Decimal(1000), "SOL": Decimal(5)}
    venue = BybitSpot(board_with(SPOT), config=AccountConfig(id="bybit", market_type="spot", balances=coins))
    await venue.start()
    client = client_of(venue, "spot")
    try:
        await client.load_markets()
        yield venue, client
    finally:
        await client.close()
        await venue.stop()


async def test_a_spot_trigger_goes_the_way_that_the_price_is_not(spot: tuple[BybitSpot, Any]) -> None:
    fake, exchange = spot
    order = await exchange.create_order(SPOT, "market", "sell", "1", None, {"triggerPrice": "201"})
    fake.set_price(SPOT, 199)
    rows = await exchange.fetch_open_orders(SPOT)
    assert [(row["id"], row["info"]["basePrice"]) for row in rows] == [(order["id"], "200")]
    fake.set_price(SPOT, 202)
    assert await exchange.fetch_open_orders(SPOT) == []
    assert fake.ledger.balances["SOL"] == Decimal(4)


async def test_a_spot_stop_is_cancelled_in_its_own_list_only(spot: tuple[BybitSpot, Any]) -> None:
    _, exchange = spot
    order = await exchange.create_order(SPOT, "market", "sell", "1", None, {"triggerPrice": "190"})
    with pytest.raises(ccxt.OrderNotFound, match="170213"):
        await exchange.cancel_order(order["id"], SPOT)
    assert await exchange.cancel_order(order["id"], SPOT, {"trigger": True})


async def test_more_than_there_is_cannot_be_sold(spot: tuple[BybitSpot, Any]) -> None:
    with pytest.raises(ccxt.InsufficientFunds, match="170131"):
        await spot[1].create_order(SPOT, "limit", "sell", "6", "210")


# -------------------------------------------------------------------------------------------------------------- faults


async def test_a_lost_answer_leaves_the_order_in_the_book(fake: BybitLinear, exchange: Any) -> None:
    fake.faults.arm(FaultKind.LOST_AFTER, "/order/create")
    with pytest.raises(ccxt.NetworkError):
        await exchange.create_order(SOL, "limit", "buy", "1", "190", {"clientOrderId": "mine"})
    assert list(fake.ledger.by_client_id) == ["mine"]


async def test_a_silent_stream_says_nothing_and_stays(fake: BybitLinear, exchange: Any) -> None:
    fake.faults.is_silent = True
    await exchange.create_order(SOL, "market", "buy", "1")
    assert {item["topic"] for item in fake.streams.sent} == {"order", "execution", "position", "wallet"}
