"""The webhook answers as signals.md says, on both listeners."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import Any

import pytest

from app.api.connections import PatientProtocol
from app.base.clock import system_clock
from tests.integration.serving.conftest import Running


async def test_a_valid_signal_is_accepted_and_executed(running: Running) -> None:
    answer = await running.send(running.message())
    signals = (await running.get("/api/execution/signals")).json()["items"]

    assert (answer.status_code, answer.json()["status"]) == (202, "accepted")
    assert [signal["id"] for signal in signals] == [answer.json()["signal_id"]]


async def test_the_same_signal_again_is_a_duplicate_with_the_first_id(running: Running) -> None:
    body = running.message()
    first, second = await running.send(body), await running.send(body)

    assert (second.status_code, second.json()) == (200, {"signal_id": first.json()["signal_id"], "status": "duplicate"})


async def test_the_public_listener_takes_signals_behind_the_path_token_only(running: Running) -> None:
    body = running.message()
    good = await running.client.post(f"{running.public}/webhook/tradingview/{running.path_token}", json=body)
    wrong = await running.client.post(f"{running.public}/webhook/tradingview/wrong", json=body)

    assert good.status_code == 202
    assert (wrong.status_code, wrong.content) == (404, b"")


@pytest.mark.parametrize("path", ["/", "/health", "/docs", "/openapi.json", "/metrics", "/api/execution/status"])
async def test_the_public_listener_knows_nothing_else(running: Running, path: str) -> None:
    answer = await running.client.get(f"{running.public}{path}")

    assert (answer.status_code, answer.content) == (404, b"")
    assert "server" not in answer.headers


async def test_a_wrong_secret_is_refused_without_a_word_more(running: Running) -> None:
    answer = await running.send(running.message(secret="wrong"))

    assert (answer.status_code, answer.json()["detail"]) == (401, "not authorised")


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_a_browsers_request_is_refused_on_both_listeners(running: Running, header: str) -> None:
    body, headers = running.message(), {header: "https://example.org"}
    private = await running.send(body, headers)
    path = f"{running.public}/webhook/tradingview/{running.path_token}"
    public = await running.client.post(path, json=body, headers=headers)

    assert (private.status_code, public.status_code) == (403, 403)


async def test_a_signed_body_needs_no_secret(running: Running) -> None:
    raw = json.dumps(running.message(secret=None)).encode()
    now = system_clock().now()
    good = await running.send(raw, running.signed(raw, now))
    old = await running.send(raw, running.signed(raw, now - timedelta(seconds=90)))
    changed = await running.send(raw + b" ", running.signed(raw, now))
    stranger = await running.send(raw, running.signed(raw, now, key="another"))

    assert [answer.status_code for answer in (good, old, changed, stranger)] == [202, 401, 401, 401]


async def test_what_is_not_json_is_told_to_those_who_sign_it(running: Running) -> None:
    for raw in (b"{", b"[1]", b"hello"):
        answer = await running.send(raw, running.signed(raw, system_clock().now()))
        assert answer.status_code == 400


async def test_a_body_that_is_too_large_is_refused(running: Running) -> None:
    assert (await running.send(b" " * 70_000)).status_code == 413

    async def parts() -> Any:
        for _ in range(70):
            yield b" " * 1_000

    chunked = await running.client.post(f"{running.api}/webhook/tradingview", content=parts())
    assert chunked.status_code == 413


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"tv__close_price": "{{close}}"}, "tv.close_price"),
        ({"tv__close_price": "NaN"}, "tv.close_price"),
        ({"tv__action": None}, "tv.action"),
        ({"tv__symbol": "NONSENSE"}, "tv.symbol"),
        ({"account": "nobody"}, "account"),
        ({"timestamp": "yesterday"}, "timestamp"),
    ],
)
async def test_a_wrong_field_is_named(running: Running, change: dict[str, Any], field: str) -> None:
    answer = await running.send(running.message(**change))
    recorded = (await running.get("/api/execution/signals?outcome=rejected")).json()["items"]

    assert answer.status_code == 422
    assert field in [item["field"] for item in answer.json()["fields"]]
    assert len(recorded) == 1


async def test_a_stale_signal_is_refused_and_recorded(running: Running) -> None:
    answer = await running.send(running.message(age_sec=120))
    recorded = (await running.get("/api/execution/signals")).json()["items"][0]

    assert answer.status_code == 422
    assert (recorded["outcome"], recorded["reason"]) == ("rejected", "stale")


async def test_this_machines_own_sender_is_never_locked_out(running: Running) -> None:
    statuses = {(await running.send(running.message(secret="wrong"))).status_code for _ in range(15)}

    assert statuses == {401}
    assert (await running.send(running.message())).status_code == 202


async def test_a_stopping_engine_asks_to_come_again(running: Running) -> None:
    running.application.engine.state.stopping = True

    answer = await running.send(running.message())

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0


async def test_no_secret_reaches_the_database_or_the_events(running: Running) -> None:
    await running.send(running.message(strategy_info={"alert_message": "hello"}))
    signals = (await running.get("/api/execution/signals")).text

    assert running.secret not in signals
    assert all(
        running.secret.encode() not in file.read_bytes()
        for file in running.application.settings.data_dir.glob("ziggurat.db*")
    )


async def test_a_sender_that_never_ends_its_headers_is_cut_off(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "headers_timeout_sec", 0.05)
    host, port = running.public.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(b"POST /webhook/tradingview/x HTTP/1.1\r\nHost: ")

    assert await reader.read() == b""
    writer.close()


async def test_a_kept_connection_may_be_silent_but_must_end_the_headers_it_begins(
    running: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = b"POST /webhook/tradingview/x HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n"
    host, port = running.public.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for _ in range(2):  # only the second is bound: the connection itself may be slow to come
        writer.write(whole)
        assert b"404" in await reader.readuntil(b"\r\n\r\n")
        monkeypatch.setattr(PatientProtocol, "headers_timeout_sec", 0.05)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(reader.read(1), 0.2)

    writer.write(b"POST /webhook/tradingview/x HTTP/1.1\r\nHost: ")
    assert await reader.read() == b""
    writer.close()
