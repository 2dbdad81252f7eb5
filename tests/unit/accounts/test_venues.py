"""Where accounts are sent, and what their settings may say."""

from __future__ import annotations

from typing import Any

import pytest

from app.accounts.venues import exchange_urls, watches_stops
from app.base.config import ConfigError, parse_config
from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded


@pytest.mark.parametrize("url", ["http://127.0.0.1:9100", "http://localhost:9100", "https://[::1]:9100"])
def test_an_account_is_sent_to_this_machine(url: str) -> None:
    assert exchange_urls({"ZIGGURAT_EXCHANGE_URLS": f'{{"perp": "{url}"}}'}) == {"perp": url}


@pytest.mark.parametrize(
    "url",
    [
        "https://fapi.binance.com",
        "http://10.0.0.1:80",
        "http://127.0.0.1.evil.example",
        "http://127.0.0.1@evil.example",
        "ftp://127.0.0.1",
        "127.0.0.1:9100",
        "",
    ],
)
def test_keys_go_to_no_other_machine(url: str) -> None:
    with pytest.raises(OperatorActionNeeded, match="another machine"):
        exchange_urls({"ZIGGURAT_EXCHANGE_URLS": f'{{"perp": "{url}"}}'})


@pytest.mark.parametrize("text", ["perp=http://127.0.0.1", "[]", '{"perp": 9100}'])
def test_what_is_no_object_of_addresses_is_refused(text: str) -> None:
    with pytest.raises(OperatorActionNeeded, match="JSON object"):
        exchange_urls({"ZIGGURAT_EXCHANGE_URLS": text})


def test_without_the_variable_accounts_go_to_their_exchanges() -> None:
    assert exchange_urls({}) == {}


@pytest.mark.parametrize(
    ("account", "said"),
    [
        ({"venue": "binance"}, "whether its environment is testnet or live"),
        ({"environment": "live"}, "the paper exchange has no live environment"),
        ({"venue": "kucoin", "environment": "testnet"}, "kucoin has no test network"),
        ({"venue": "bybit", "environment": "live", "balances": {"USDT": "5"}}, "balances: only the paper exchange"),
        ({"venue": "bybit", "environment": "live", "position_mode": "hedge"}, "position_mode: only the paper"),
        ({"venue": "kraken", "environment": "live"}, "accounts.0.venue"),
    ],
)
def test_an_impossible_account_is_refused_with_a_sentence(account: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse_config({"accounts": [{"id": "perp", **account}]})


def test_a_real_accounts_settings_can_be_put_back_as_they_are_read() -> None:
    config = parse_config({"accounts": [{"id": "perp", "venue": "okx", "environment": "testnet"}]})
    assert parse_config(config.model_dump(mode="json")) == config


def live_at(venue: str, market_type: str = "spot") -> AccountConfig:
    return AccountConfig(id="main", venue=venue, market_type=market_type, environment="live")


def test_stops_rest_at_exchanges_that_take_them() -> None:
    for account in (AccountConfig(id="paper"), live_at("binance", "linear"), live_at("bybit")):
        assert not watches_stops(account)


@pytest.mark.parametrize("venue", ["okx", "kucoin", "gate", "mexc"])
def test_where_only_plain_orders_are_known_stops_are_watched(venue: str) -> None:
    assert watches_stops(live_at(venue))
