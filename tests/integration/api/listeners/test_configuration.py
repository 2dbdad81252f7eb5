"""The running configuration, and how far a token may change it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from app.messages.commands import ApplyConfig
from app.ports.engine import CommandRefused
from tests.integration.api.listeners.conftest import Front, serving
from tests.support.examples import event_of

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Front]:
    async with serving(Front()) as front:
        yield front


@pytest.fixture
def front(served: Front) -> Front:
    served.forget()
    return served


async def test_what_is_read_can_be_put_back_as_it_is(front: Front) -> None:
    document = (await front.ask("GET", "/api/config")).json()
    answer = await front.ask("PUT", "/api/config", json=document)
    assert answer.status_code == 200, answer.text
    (asked,) = front.engine.asked
    assert asked == ApplyConfig(front.config, who="my-admin")
    assert front.file.kept == [{}]


async def test_a_part_is_laid_over_the_running_configuration(front: Front) -> None:
    change = {"pool": {"max_open_groups": 3}, "risk": {"max_slippage_percent": 0.35}}
    assert (await front.ask("PUT", "/api/config", json=change)).status_code == 200
    (asked,) = front.engine.asked
    assert asked.config.pool.max_open_groups == 3
    assert str(asked.config.risk.max_slippage_percent) == "0.35"
    assert asked.config.queue == front.config.queue
    assert front.file.kept == [{"pool": {"max_open_groups": 3}, "risk": {"max_slippage_percent": "0.35"}}]


async def test_a_change_that_cannot_be_kept_is_told(front: Front) -> None:
    front.file.unwritable = "the disk is full"
    answer = await front.ask("PUT", "/api/config", json={"pool": {"max_open_groups": 3}})
    assert (answer.status_code, answer.json()["error"]) == (503, "not_kept")


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"pool": {"max_open_groups": 0}}, "pool.max_open_groups"),
        ({"pool": {"max_open_grops": 1}}, "pool.max_open_grops"),
        ({"risk": {"max_slippage_percent": "NaN"}}, "risk.max_slippage_percent"),
        ({"risk": {"max_leverage": 26}}, "risk.max_leverage"),
        ({"pool": None}, "pool"),
        ({"accounts": "none"}, "accounts"),
    ],
)
async def test_a_wrong_setting_is_named(front: Front, change: dict[str, Any], field: str) -> None:
    answer = await front.ask("PUT", "/api/config", json=change)
    assert (answer.status_code, answer.json()["error"]) == (422, "invalid_config")
    assert field in {item["field"] for item in answer.json()["fields"]}
    assert front.engine.asked == []


def accounts(front: Front, **changes: Any) -> dict[str, Any]:
    first, *others = front.config.model_dump(mode="json")["accounts"]
    return {"accounts": [{**first, **changes}, *others]}


@pytest.mark.parametrize(
    ("change", "name"),
    [
        ({"api": {"host": "0.0.0.0"}}, "api.host"),
        ({"api": {"port": 9000}}, "api.port"),
        ({"webhook": {"host": "0.0.0.0"}}, "webhook.host"),
        ({"webhook": {"port": 9000}}, "webhook.port"),
        ({"webhook": {"allow_list": ["198.51.100.1"]}}, "webhook.allow_list"),
        ({"webhook": {"allow_list_enabled": True}}, "webhook.allow_list_enabled"),
        ({"paper": {"feed_file": "/etc/passwd"}}, "paper.feed_file"),
        ({"accounts": []}, "accounts"),
    ],
)
async def test_what_no_token_may_change_is_refused(front: Front, change: dict[str, Any], name: str) -> None:
    answer = await front.ask("PUT", "/api/config", json=change)
    assert (answer.status_code, answer.json()["error"]) == (403, "hard_cap")
    assert name in answer.json()["detail"]
    assert front.engine.asked == []


async def test_an_account_may_not_be_renamed_nor_moved_to_another_market(front: Front) -> None:
    for change in ({"id": "other"}, {"market_type": "spot"}, {"balances": {"USDT": "1000000"}}):
        answer = await front.ask("PUT", "/api/config", json=accounts(front, **change))
        assert (answer.status_code, answer.json()["error"]) == (403, "hard_cap")


async def test_what_an_account_may_trade_can_be_changed(front: Front) -> None:
    change = accounts(front, allowed_symbols=["BTC/USDT:USDT"], slippage_bps="2")
    assert (await front.ask("PUT", "/api/config", json=change)).status_code == 200
    (asked,) = front.engine.asked
    assert asked.config.accounts[0].allowed_symbols == ("BTC/USDT:USDT",)


@pytest.mark.parametrize("body", [b"{", b"[]", b"7", b"[" * 100_000, b'"\xff"'])
async def test_what_is_no_json_object_is_answered_400(front: Front, body: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = await front.ask("PUT", "/api/config", headers=headers, content=body)
    assert (answer.status_code, answer.json()["error"]) == (400, "not_json")


async def test_the_engines_refusal_of_a_configuration_is_told(front: Front) -> None:
    front.engine.failure = CommandRefused("account_in_use", "paper has open groups")
    answer = await front.ask("PUT", "/api/config", json={"pool": {"max_open_groups": 3}})
    assert (answer.status_code, answer.json()["error"]) == (409, "account_in_use")


async def test_history_tells_when_a_configuration_was_applied_newest_first(front: Front) -> None:
    front.queries.event_rows = [event_of(1, "policy.updated"), event_of(2), event_of(3, "policy.updated", who="me")]
    answer = (await front.ask("GET", "/api/config/history")).json()
    assert [item["sequence"] for item in answer["items"]] == [3, 1]
    assert answer["items"][0]["data"] == {"who": "me"}
