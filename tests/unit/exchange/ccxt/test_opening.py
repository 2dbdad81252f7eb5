"""Accounts are opened with their own keys, and share what an exchange counts together."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded
from app.base.secret import Secret
from app.domain.values import MarketType
from app.exchange.ccxt.opening import Exchanges
from tests.support.fakes import HandClock

KEYS = {"api_key": Secret("key"), "secret": Secret("secret")}


@pytest.fixture
def exchanges(tmp_path: Path) -> Exchanges:
    return Exchanges(HandClock(), {"redirected": "http://127.0.0.1:1"}, tmp_path)


def account(
    name: str, environment: str = "testnet", venue: str = "binance", market_type: str = "linear"
) -> AccountConfig:
    words = {"id": name, "venue": venue, "environment": environment, "market_type": market_type}
    return AccountConfig.model_validate(words)


def test_accounts_at_one_exchange_share_its_limits(exchanges: Exchanges) -> None:
    first, second = (exchanges.venue(account(name), KEYS) for name in ("first", "second"))
    assert first.limiter.host is second.limiter.host


@pytest.mark.parametrize("other", [account("live", "live"), account("bybit", venue="bybit"), account("redirected")])
def test_other_hosts_have_limits_of_their_own(exchanges: Exchanges, other: AccountConfig) -> None:
    first = exchanges.venue(account("first"), KEYS)
    assert exchanges.venue(other, KEYS).limiter.host is not first.limiter.host


def test_both_markets_of_bybit_are_shut_out_together(exchanges: Exchanges) -> None:
    spot, linear = (exchanges.venue(account(kind, "live", "bybit", kind), KEYS) for kind in ("spot", "linear"))
    spot.limiter.host.pause(600)
    assert linear.limiter.host.paused_for() == 600


def test_the_two_hosts_of_binance_count_for_themselves(exchanges: Exchanges) -> None:
    spot, linear = (exchanges.venue(account(kind, market_type=kind), KEYS) for kind in ("spot", "linear"))
    assert spot.limiter.host is not linear.limiter.host


async def test_without_keys_an_account_says_so_when_it_is_to_connect(exchanges: Exchanges) -> None:
    venue = exchanges.venue(account("first"), None)
    with pytest.raises(OperatorActionNeeded, match="no keys for first"):
        await venue.connect(lambda _: None)


def test_what_is_used_of_the_limits_is_told_by_account(exchanges: Exchanges) -> None:
    venue = exchanges.venue(account("first"), KEYS)
    venue.limiter.host.buckets[0].spend(600)
    assert exchanges.wire("first").limits_used == {"weight": 0.25, "orders": 0.0}
    assert exchanges.wire("another").limits_used == {}


def test_public_prices_share_the_limits_of_the_accounts_that_ask_the_same_exchange(exchanges: Exchanges) -> None:
    live = exchanges.venue(account("first", "live"), KEYS)
    prices = exchanges.public("binance", MarketType.LINEAR, lambda *_: None)
    assert prices is not None
    assert prices.limiter.host is live.limiter.host
    elsewhere = exchanges.public("binance", MarketType.LINEAR, lambda *_: None, "http://127.0.0.1:1")
    assert elsewhere is not None
    assert elsewhere.limiter.host is not live.limiter.host


def test_public_prices_of_an_exchange_that_is_not_offered_are_none(exchanges: Exchanges) -> None:
    assert exchanges.public("coinbase", MarketType.LINEAR, lambda *_: None) is None
