"""Accounts over HTTP: read and tested, never armed, and their keys neither read nor written."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import pytest_asyncio

from app.api.routes import ROUTERS
from app.base.config import parse_config
from app.ports.accounts import Told, Wire
from app.ports.tokens import Role
from tests.integration.api.listeners.conftest import Front, serving
from tests.support.examples import NOON, account_snapshot, engine_snapshot

pytestmark = pytest.mark.asyncio(loop_scope="module")
LIVE = {"id": "perp", "venue": "binance", "environment": "live", "allowed_symbols": ["BTC/USDT:USDT"]}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Front]:
    async with serving(Front()) as front:
        yield front


@pytest.fixture
def front(served: Front) -> Front:
    served.forget()
    return served


async def test_accounts_tell_what_they_are_and_how_they_fare(front: Front) -> None:
    account = account_snapshot(
        id="perp", venue="binance", environment="live", position_mode="hedge", armed=False, breaker_since=NOON
    )
    front.engine.state = replace(engine_snapshot(), accounts=(account, account_snapshot()))
    front.accounts.wires["perp"] = Wire({"weight": 0.25, "orders": 0.0}, NOON - timedelta(hours=2))
    perp, paper = (await front.ask("GET", "/api/accounts", Role.VIEWER)).json()
    assert (perp["venue"], perp["environment"], perp["armed"], perp["position_mode"]) == (
        "binance",
        "live",
        False,
        "hedge",
    )
    assert perp["breaker_since"].startswith("2026-01-05T12:00:00")
    assert (perp["limits_used"], perp["rules_age_sec"]) == ({"weight": 0.25, "orders": 0.0}, 7200.0)
    assert (paper["armed"], paper["limits_used"], paper["rules_age_sec"]) == (None, {}, None)


async def test_a_key_test_answers_each_question_with_a_sentence(front: Front) -> None:
    answer = await front.ask("POST", "/api/accounts/perp/test", Role.TRADER)
    assert answer.status_code == 200, answer.text
    told = answer.json()
    assert {name: item["value"] for name, item in told.items()} == {
        "reachable": True,
        "may_trade": True,
        "may_withdraw": None,
        "address_restricted": False,
        "position_mode": "one_way",
        "clock_skew_ms": -12,
    }
    assert all(item["detail"] for item in told.values())


async def test_a_key_test_tells_what_could_not_be_asked(front: Front) -> None:
    unasked: Told[bool] = Told(None, "this could not be asked", failed=True)
    front.accounts.report = replace(front.accounts.report, may_withdraw=unasked)
    told = (await front.ask("POST", "/api/accounts/perp/test", Role.TRADER)).json()
    assert [name for name, item in told.items() if item["failed"]] == ["may_withdraw"]


async def test_a_key_test_takes_a_trader_and_an_account_that_is_there(front: Front) -> None:
    assert (await front.ask("POST", "/api/accounts/perp/test", Role.VIEWER)).status_code == 403
    assert (await front.ask("POST", "/api/accounts/none/test", Role.TRADER)).status_code == 404
    assert front.accounts.tested == []


async def test_no_route_arms_or_takes_keys() -> None:
    routes: list[Any] = [route for router in ROUTERS for route in router.routes]
    about_accounts = {(method, route.path) for route in routes if "account" in route.path for method in route.methods}
    assert about_accounts == {("GET", "/api/accounts"), ("POST", "/api/accounts/{account_id}/test")}
    assert not [route.path for route in routes if "arm" in route.path]


@pytest.mark.parametrize(
    "change",
    [
        {"risk": {"max_exposure_quote": "1000000"}},
        {"risk": {"max_order_quote": None}},
        {"risk": {"daily_loss_limit_quote": "99999"}},
        {"accounts": [{**LIVE, "allowed_symbols": ["BTC/USDT:USDT", "ETH/USDT:USDT"]}]},
        {"accounts": [{**LIVE, "environment": "testnet"}]},
        {"accounts": [LIVE, {**LIVE, "id": "second"}]},
    ],
)
async def test_no_token_moves_what_a_live_account_rests_on(front: Front, change: dict[str, Any]) -> None:
    risk = {"max_exposure_quote": "500", "daily_loss_limit_quote": "50", "max_order_quote": "100"}
    front.config = parse_config({"accounts": [LIVE], "risk": risk})
    answer = await front.ask("PUT", "/api/config", Role.ADMIN, json=change)
    assert (answer.status_code, answer.json()["error"]) == (403, "hard_cap")
    assert front.engine.asked == []


async def test_a_token_may_still_choose_a_testnet_accounts_markets(front: Front) -> None:
    testnet = {**LIVE, "environment": "testnet"}
    front.config = parse_config({"accounts": [testnet]})
    change = {"accounts": [{**testnet, "allowed_symbols": None}], "risk": {"max_order_quote": "100"}}
    assert (await front.ask("PUT", "/api/config", json=change)).status_code == 200
