"""Who may ask the Aster fake, and what it does not forgive."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from app.base.config.groups import AccountConfig
from app.exchange.ccxt.dialects.aster_wire import mended
from tests.integration.exchange.joined import board_with
from tests.support.venues.aster_gate import MOST_NONCES, WINDOW_US, Nonces, signer_of, wallet_of
from tests.support.venues.aster_linear import AGENT_KEY, WALLET, AsterLinear, AsterSpot
from tests.support.venues.refusals import VenueRefusal
from tests.unit.support.venues.conftest import ccxt

SYMBOL = "SOL/USDT:USDT"
NOW = 1_800_000_000_000_000


def client_of(venue: AsterLinear, kind: Any = None, **fields: Any) -> Any:
    named = {"privateKey": AGENT_KEY, "walletAddress": WALLET, "enableRateLimit": False, "timeout": 5000, **fields}
    exchange = (kind or mended(ccxt.aster))(named)
    exchange.options["builderFee"] = False
    exchange.options["defaultType"] = "swap"
    exchange.number = str
    venue.rewrite(exchange.urls["api"])
    return exchange


@pytest.fixture
async def aster() -> AsyncIterator[AsterLinear]:
    fake = AsterLinear(board_with(SYMBOL))
    await fake.start()
    yield fake
    await fake.stop()


async def test_the_librarys_own_signature_is_recovered(aster: AsterLinear) -> None:
    """ccxt by itself signs for the signer's own wallet, so that the account is not the one that was meant."""
    client = client_of(aster, ccxt.aster)
    try:
        with pytest.raises(ccxt.ExchangeError, match="No agent found"):
            await client.fapiPrivateGetV3Balance()
    finally:
        await client.close()


async def test_another_key_is_no_agent(aster: AsterLinear) -> None:
    client = client_of(aster, privateKey="0x" + "11" * 32)
    try:
        with pytest.raises(ccxt.ExchangeError, match="No agent found"):
            await client.fapiPrivateGetV3Balance()
    finally:
        await client.close()


async def test_a_message_that_was_changed_is_refused(aster: AsterLinear) -> None:
    client = client_of(aster)
    try:
        signed = client.sign("v3/balance", ["fapiPrivate"], "GET", {})
        with pytest.raises(ccxt.ExchangeError, match="Signature check failed"):
            await client.fetch(signed["url"].replace("nonce=1", "nonce=2"))
    finally:
        await client.close()


async def test_a_request_cannot_be_played_again(aster: AsterLinear) -> None:
    client = client_of(aster)
    try:
        signed = client.sign("v3/balance", ["fapiPrivate"], "GET", {})
        assert await client.fetch(signed["url"])
        with pytest.raises(ccxt.ExchangeError, match="-4225"):
            await client.fetch(signed["url"])
    finally:
        await client.close()


async def test_a_part_of_the_fees_for_a_builder_fails_the_test() -> None:
    fake = AsterLinear(board_with(SYMBOL))
    await fake.start()
    client = client_of(fake)
    try:
        client.options["builderFee"] = True
        client.options["approvedBuilderFee"] = True
        with pytest.raises(ccxt.ExchangeError, match="-2031"):
            await client.create_order(SYMBOL, "limit", "buy", "1", "190")
    finally:
        await client.close()
    with pytest.raises(AssertionError, match="builder"):
        await fake.stop()
    assert fake.ledger.orders == {}


async def test_the_approval_of_a_builder_fails_the_test() -> None:
    fake = AsterLinear(board_with(SYMBOL))
    await fake.start()
    client = client_of(fake, ccxt.aster)
    client.options["builderFee"] = True
    try:
        with pytest.raises(ccxt.ExchangeError):
            await client.load_markets()
    finally:
        await client.close()
    with pytest.raises(AssertionError, match="builder"):
        await fake.stop()


def test_a_nonce_counts_once() -> None:
    nonces = Nonces()
    nonces.take(NOW, NOW)
    with pytest.raises(VenueRefusal, match="-4225"):
        nonces.take(NOW, NOW)


@pytest.mark.parametrize("off", [WINDOW_US + 1, -WINDOW_US - 1])
def test_a_nonce_of_another_time_is_refused(off: int) -> None:
    with pytest.raises(VenueRefusal, match="-1021"):
        Nonces().take(NOW + off, NOW)


def test_a_nonce_below_the_last_hundred_is_refused() -> None:
    nonces = Nonces()
    for step in range(1, MOST_NONCES + 1):
        nonces.take(NOW + step, NOW)
    with pytest.raises(VenueRefusal, match="-4225"):
        nonces.take(NOW, NOW)
    nonces.take(NOW + MOST_NONCES + 1, NOW)
    assert len(nonces.kept) == MOST_NONCES


def test_what_is_no_signature_has_no_signer() -> None:
    assert [signer_of("nonce=1", text) for text in ("", "0x", "0x" + "00" * 65, "zz")] == [None] * 4


def test_an_address_is_ethereums() -> None:
    assert wallet_of("0x" + "00" * 31 + "01") == "0x7e5f4552091a69125d5dfcb7b8c2659029395bdf"


async def test_spot_knows_no_reduce_only_and_no_response_type() -> None:
    board = board_with("SOL/USDT")
    fake = AsterSpot(board, config=AccountConfig(id="aster", market_type="spot", balances={"USDT": Decimal(1000)}))
    await fake.start()
    client = client_of(fake)
    words = {"symbol": "SOLUSDT", "side": "BUY", "type": "LIMIT", "quantity": "1", "price": "190", "timeInForce": "GTC"}
    try:
        for extra in ({"reduceOnly": "true"}, {"positionSide": "LONG"}, {"timeInForce": "FOK"}):
            with pytest.raises(ccxt.ExchangeError, match="-11"):
                await client.sapiPrivatePostV3Order({**words, **extra})
        with pytest.raises(ccxt.ExchangeError, match="-1103"):
            await client.sapiPrivatePostV3Order({**words, "newOrderRespType": "RESULT"})
    finally:
        await client.close()
        await fake.stop()


async def test_a_flag_is_a_lower_case_word(aster: AsterLinear) -> None:
    client = client_of(aster)
    words = {"symbol": "SOLUSDT", "side": "SELL", "type": "MARKET", "quantity": "1"}
    try:
        with pytest.raises(ccxt.ExchangeError, match="reduceOnly"):
            await client.fapiPrivatePostV3Order({**words, "reduceOnly": True})
    finally:
        await client.close()
