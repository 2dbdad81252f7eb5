"""Every answer of signals.md's table, and what the engine is told."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
import structlog

from app.domain.alert_body import FieldError
from app.domain.signal import Signal
from app.messages.commands import AcceptSignal, KeyGrant, SignalAnswer
from app.ports.engine import CommandRefused, EngineUnavailable
from tests.support.examples import NOON, SECRET, key_of, message
from tests.support.fakes import FakeEngine, FakeKeys
from tests.unit.api.conftest import STRANGER, Front


def only(engine: FakeEngine) -> AcceptSignal:
    (command,) = engine.asked
    assert isinstance(command, AcceptSignal)
    return command


async def test_a_recorded_signal_is_answered_202(front: Front) -> None:
    answer = await front.post(message())
    assert answer.status_code == 202
    assert answer.json() == {"signal_id": "s0000000000001", "status": "accepted"}
    assert answer.headers["content-type"] == "application/json"


async def test_a_signal_seen_before_is_answered_200(front: Front, engine: FakeEngine) -> None:
    engine.answer = SignalAnswer(200, "s0000000000009", "duplicate")
    answer = await front.post(message())
    assert answer.status_code == 200
    assert answer.json() == {"signal_id": "s0000000000009", "status": "duplicate"}


async def test_text_that_is_json_is_read_too(front: Front) -> None:
    answer = await front.post(message(), {"Content-Type": "text/plain; charset=utf-8"})
    assert answer.status_code == 202


async def test_the_engine_gets_the_signal_and_what_the_key_may_do(engine: FakeEngine, front: Front) -> None:
    front.keys.valid = (key_of("desk", SECRET, accounts=("paper",), max_quote=Decimal(50), allows_live=False),)
    await front.post(message())
    command = only(engine)
    assert isinstance(command.signal, Signal)
    assert (command.signal.symbol, command.signal.close_price) == ("BTC/USDT:USDT", Decimal(50000))
    assert command.grant == KeyGrant("desk", ("paper",), (), (), Decimal(50), allows_live=False)
    assert (command.received_at, command.errors, command.replay_of) == (NOON, (), None)


async def test_the_secret_does_not_travel_with_the_signal(engine: FakeEngine, front: Front) -> None:
    await front.post(message())
    command = only(engine)
    assert SECRET not in command.payload
    assert "secret" not in json.loads(command.payload)


async def test_the_same_message_with_another_secret_is_the_same_message(engine: FakeEngine, front: Front) -> None:
    front.keys.valid = (key_of("new", "n" * 43), key_of("old", SECRET))
    await front.post(message())
    await front.post(message(secret="n" * 43))
    first, second = engine.asked
    assert first.content_key == second.content_key


@pytest.mark.parametrize(
    ("change", "fields"),
    [
        ({"timestamp": None}, {"timestamp"}),
        ({"timestamp": "{{timenow}}"}, {"timestamp"}),
        ({"tv": {}}, {"tv.exchange", "tv.symbol", "tv.timeframe", "tv.action", "tv.close_price"}),
        ({"execution_intent": {"type": "moon"}}, {"execution_intent.type"}),
        ({"deep": {"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": 1}}}}}}}}}, {"deep.a.b.c.d.e.f.g"}),
        ({"note": "x" * 1025}, {"note"}),
    ],
)
async def test_a_message_that_does_not_validate_is_recorded_and_answered_422_with_every_field(
    engine: FakeEngine, front: Front, change: dict[str, Any], fields: set[str]
) -> None:
    errors = tuple(FieldError(name, "is wrong") for name in sorted(fields))
    engine.answer = SignalAnswer(422, "s0000000000001", "rejected", errors)
    answer = await front.post(message(**change))
    assert answer.status_code == 422
    assert {item["field"] for item in answer.json()["fields"]} == fields
    assert all(item["reason"] for item in answer.json()["fields"])
    command = only(engine)
    assert command.signal is None
    assert {error.field for error in command.errors} == fields


@pytest.mark.parametrize("body", [b'{"secret": "%s", "tv": {"close_price": NaN}}', b'{"secret": "%s", "a": 1, "a": 2}'])
async def test_what_json_forbids_is_a_field_error_once_the_sender_is_known(
    engine: FakeEngine, front: Front, body: bytes
) -> None:
    engine.answer = SignalAnswer(422, "s0000000000001", "rejected", (FieldError("a", "is wrong"),))
    answer = await front.post(body.replace(b"%s", SECRET.encode()))
    assert answer.status_code == 422
    assert only(engine).signal is None


async def test_the_engines_own_refusal_names_its_field(engine: FakeEngine, front: Front) -> None:
    engine.answer = SignalAnswer(422, "s0000000000001", "rejected", (FieldError("timestamp", "is 90 s old"),))
    answer = await front.post(message())
    assert answer.status_code == 422
    assert answer.json()["fields"] == [{"field": "timestamp", "reason": "is 90 s old"}]
    assert set(answer.json()) >= {"error", "detail", "fields"}


@pytest.mark.parametrize(
    "failure", [EngineUnavailable("the engine is starting"), CommandRefused("internal_error", "a handler broke")]
)
async def test_an_engine_that_cannot_record_is_answered_503_so_that_the_alert_comes_again(
    engine: FakeEngine, front: Front, failure: Exception
) -> None:
    engine.failure = failure
    answer = await front.post(message())
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert answer.json()["error"]


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_a_browsers_request_is_refused_whatever_it_carries(engine: FakeEngine, front: Front, header: str) -> None:
    answer = await front.post(message(), {header: "null"})
    assert answer.status_code == 403
    assert engine.asked == []
    assert front.keys.matched == 0


async def test_the_allow_list_is_off_unless_switched_on(front: Front) -> None:
    assert (await front.post(message(), peer=STRANGER)).status_code == 202


async def test_a_sender_off_the_allow_list_is_refused_before_its_key_is_looked_at(front: Front) -> None:
    front.configured(allow_list_enabled=True)
    assert (await front.post(message(), peer=STRANGER)).status_code == 403
    assert front.keys.matched == 0
    assert (await front.post(message(), peer="52.89.214.238")).status_code == 202


@pytest.mark.parametrize(
    "header", [{"CF-Connecting-IP": "52.89.214.238"}, {"X-Forwarded-For": "1.2.3.4, 52.89.214.238"}]
)
async def test_forwarding_headers_count_only_from_our_own_tunnel(front: Front, header: dict[str, str]) -> None:
    front.configured(allow_list_enabled=True)
    assert (await front.post(message(), header, peer="127.0.0.1")).status_code == 403
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))
    assert (await front.post(message(), header, peer="127.0.0.1")).status_code == 202


async def test_of_several_forwarded_addresses_the_right_most_counts(front: Front) -> None:
    front.configured(allow_list_enabled=True)
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))
    forged = {"X-Forwarded-For": "52.89.214.238, 198.51.100.7"}
    assert (await front.post(message(), forged, peer="127.0.0.1")).status_code == 403


async def test_an_address_that_the_sender_can_make_up_does_not_count_beside_the_tunnels(front: Front) -> None:
    front.configured(allow_list_enabled=True)
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))
    forged = {"CF-Connecting-IP": "52.89.214.238", "X-Forwarded-For": "198.51.100.7"}
    assert (await front.post(message(), forged, peer="127.0.0.1")).status_code == 403


async def test_a_sender_on_this_machine_is_let_in_where_the_allow_list_names_it(front: Front) -> None:
    front.configured(allow_list_enabled=True, allow_list=["127.0.0.1"])
    front.serving(trusted_peers=frozenset({"127.0.0.1"}))
    assert (await front.post(message(), peer="127.0.0.1")).status_code == 202


async def test_the_log_tells_who_was_not_on_the_allow_list(front: Front) -> None:
    front.configured(allow_list_enabled=True)
    with structlog.testing.capture_logs() as lines:
        await front.post(message(), peer=STRANGER)
    assert {"sender": STRANGER, "reason": "not on the allow-list"}.items() <= lines[0].items()


async def test_the_answer_comes_before_the_engine_can_wait_for_an_exchange(front: Front, keys: FakeKeys) -> None:
    await front.post(message())
    assert [type(command) for command in front.engine.asked] == [AcceptSignal]
    assert keys.matched == 1
