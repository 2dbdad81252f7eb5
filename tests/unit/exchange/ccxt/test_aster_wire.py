"""What Aster is signed with: an agent's key, nonces that never repeat, no part of the fees for anybody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from importlib import import_module
from typing import Any
from urllib.parse import parse_qsl

import pytest

from app.base.errors import OperatorActionNeeded
from app.exchange.ccxt.dialects import DIALECTS
from app.exchange.ccxt.dialects.aster import ASTER_LINEAR
from app.exchange.ccxt.dialects.aster_wire import MainWalletRefused, Nonces
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange

WALLET = "0x" + "a5" * 20
KEY = "0x" + "3c" * 32
HOOKS = StreamHooks(lambda: None, lambda _: None)
ORDER = {"symbol": "SOLUSDT", "side": "BUY", "newClientOrderId": "zg1", "reduceOnly": "true"}


def made(**access: str) -> Any:
    return make_exchange(ASTER_LINEAR, Access(**{"private_key": KEY, "wallet_address": WALLET, **access}), HOOKS)  # type: ignore[arg-type]  # all are texts


@pytest.fixture
async def exchange() -> AsyncIterator[Any]:
    exchange = made()
    yield exchange
    await exchange.close()


def asked(exchange: Any, path: str = "v3/order", method: str = "POST", **params: object) -> dict[str, str]:
    request = exchange.sign(path, ["fapiPrivate"], method, params)
    return dict(parse_qsl(request["body"] or request["url"].partition("?")[2]))


# -------------------------------------------------------------------------------------------------------------- nonces


def test_nonces_grow_while_the_clock_stands() -> None:
    nonces = Nonces()
    assert [nonces.next(1_000) for _ in range(3)] == [1_000, 1_001, 1_002]


def test_nonces_grow_after_the_clock_was_put_back() -> None:
    nonces = Nonces()
    assert [nonces.next(at) for at in (60_000_000, 59_000_000, 60_000_005)] == [60_000_000, 60_000_001, 60_000_005]


def test_a_nonce_that_the_venue_cannot_have_taken_does_not_hold_up_the_next() -> None:
    nonces = Nonces()
    nonces.next(600_000_000)
    assert nonces.next(1_000_000) == 1_000_000


async def test_every_request_has_a_nonce_of_its_own(exchange: Any) -> None:
    nonces = [int(asked(exchange)["nonce"]) for _ in range(20)]
    assert nonces == sorted(set(nonces))


async def test_two_accounts_of_one_agent_share_its_nonces(exchange: Any) -> None:
    other = made()
    try:
        nonces = [int(asked(each)["nonce"]) for _ in range(5) for each in (exchange, other)]
    finally:
        await other.close()
    assert nonces == sorted(set(nonces))


async def test_a_nonce_is_in_the_venues_time(exchange: Any) -> None:
    exchange.options["timeDifference"] = -3_600_000
    ours = exchange.milliseconds()
    ahead = int(asked(exchange)["nonce"]) // 1000 - ours
    exchange.options["timeDifference"] = 0
    assert abs(ahead - 3_600_000) < 60_000


# ------------------------------------------------------------------------------------------------------------- signing


async def test_the_agent_signs_for_the_wallet(exchange: Any) -> None:
    told = asked(exchange, **ORDER)
    assert told["user"] == WALLET
    assert told["signer"] == exchange.eth_get_address_from_private_key(KEY) != WALLET


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE", "PUT"])
async def test_the_signature_is_the_one_of_the_library(exchange: Any, method: str) -> None:
    request = exchange.sign("v3/order", ["fapiPrivate"], method, {**ORDER, "batchOrders": [ORDER]})
    words, _, signature = (request["body"] or request["url"].partition("?")[2]).partition("&signature=")
    domain = {
        "name": "AsterSignTransaction",
        "version": "1",
        "chainId": 1666,
        "verifyingContract": "0x" + "00" * 20,
    }
    types = {"Message": [{"name": "msg", "type": "string"}]}
    encoded = exchange.eth_encode_structured_data(domain, types, {"msg": words})
    assert signature == exchange.sign_message(encoded, KEY)


async def test_nothing_that_approves_a_builder_is_signed(exchange: Any) -> None:
    with pytest.raises(OperatorActionNeeded, match="builder"):
        exchange.sign("v3/approveBuilder", ["fapiPrivate"], "POST", {"builder": WALLET})


def test_no_dialect_of_aster_pays_a_builder() -> None:
    of_aster = [dialect for (venue, _), dialect in DIALECTS.items() if venue == "aster"]
    assert [dialect.options["builderFee"] for dialect in of_aster] == [False, False]


# ---------------------------------------------------------------------------------------------------------------- keys


def test_the_main_wallets_own_key_is_refused() -> None:
    wallet = import_module("ccxt.pro").aster.eth_get_address_from_private_key(KEY)
    with pytest.raises(MainWalletRefused, match="agent"):
        made(wallet_address=wallet.upper().replace("0X", "0x"))


def test_an_agent_without_a_wallet_is_refused() -> None:
    with pytest.raises(OperatorActionNeeded, match="address"):
        made(wallet_address="")


def test_text_that_is_no_key_is_refused() -> None:
    with pytest.raises(OperatorActionNeeded, match="64 hexadecimal"):
        made(private_key="horse battery")


async def test_prices_need_no_key() -> None:
    exchange = made(private_key="", wallet_address="")
    try:
        assert exchange.sign("v3/time", ["fapiPublic"])["url"].endswith("/fapi/v3/time")
    finally:
        await exchange.close()


async def test_a_position_without_a_notional_has_a_side(exchange: Any) -> None:
    exchange.markets_by_id = {}
    row = {"symbol": "SOLUSDT", "positionAmt": "-2", "markPrice": "150", "entryPrice": "149", "leverage": "10"}
    row |= {"marginType": "cross", "isolatedMargin": "0", "unRealizedProfit": "0", "positionSide": "BOTH"}
    assert exchange.parse_position_risk(row)["side"] == "short"


async def test_a_batch_is_answered_by_place_though_refusals_have_no_time(exchange: Any) -> None:
    """ccxt sorts what it reads by time: a refusal would come first, and each answer be taken for another order's."""
    taken = {"symbol": "SOLUSDT", "orderId": 7, "status": "NEW", "time": 5, "positionSide": "BOTH"}
    answers = [taken, {"code": -2019, "msg": "Margin is insufficient."}, {**taken, "orderId": 8, "time": 4}]
    exchange.markets_by_id = {}
    assert [order["info"] for order in exchange.parse_orders(answers)] == answers
