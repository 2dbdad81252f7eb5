"""The two listeners as a stranger on a socket meets them."""

from __future__ import annotations

import asyncio
import json
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import suppress

import httpx
import pytest

from app.api.connections import PatientProtocol
from app.base.errors import OperatorActionNeeded
from app.ports.engine import EngineUnavailable
from tests.integration.api.listeners.conftest import ANSWER_WITHIN_SEC, STOP_GRACE_SEC, Front, ports_free
from tests.support.examples import PATH_TOKEN, message
from tests.support.fakes import until

HOOK = f"/webhook/tradingview/{PATH_TOKEN}"


async def raw(port: int, request: bytes) -> bytes:
    """What comes back for these bytes, until the listener hangs up or the answer is whole."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return head


async def post(url: str, body: object, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_SEC) as client:
        return await client.post(url, content=json.dumps(body).encode(), headers=headers)


async def test_both_listeners_take_a_signal(front: Front) -> None:
    assert front.api_port != front.webhook_port
    for url in (front.private + "/webhook/tradingview", front.public + HOOK):
        answer = await post(url, message())
        assert (answer.status_code, answer.json()["status"]) == (202, "accepted")


async def test_a_token_does_not_open_the_webhook(front: Front) -> None:
    answer = await post(
        front.private + "/webhook/tradingview", message(secret=None), {"Authorization": "Bearer token-admin"}
    )
    assert answer.status_code == 401
    assert front.tokens.verified == []


async def test_a_webhook_key_does_not_open_the_api(front: Front) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_SEC) as client:
        headers = {"Authorization": f"Bearer {message()['secret']}"}
        answer = await client.get(front.private + "/api/execution/status", headers=headers)
    assert answer.status_code == 401


async def test_both_answer_503_while_the_engine_starts(front: Front) -> None:
    front.engine.failure = EngineUnavailable("the engine is starting")
    for url in (front.private + "/webhook/tradingview", front.public + HOOK):
        answer = await post(url, message())
        assert answer.status_code == 503
        assert answer.headers["retry-after"]


@pytest.mark.parametrize(("address", "status"), [("52.89.214.238", 202), ("198.51.100.7", 403)])
async def test_the_allow_list_looks_behind_a_tunnel_on_this_machine(front: Front, address: str, status: int) -> None:
    front.config = front.config.model_copy(
        update={"webhook": front.config.webhook.model_copy(update={"allow_list_enabled": True})}
    )
    answer = await post(front.public + HOOK, message(), {"X-Forwarded-For": address})
    assert answer.status_code == status


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
async def test_both_refuse_browsers(front: Front, header: str) -> None:
    for url in (front.private + "/webhook/tradingview", front.public + HOOK):
        assert (await post(url, message(), {header: "http://example.org"})).status_code == 403
    assert front.engine.asked == []


async def test_the_public_listener_says_nothing_of_itself(front: Front) -> None:
    head = await raw(front.webhook_port, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")
    assert head == b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n"


async def test_the_private_listener_names_no_server(front: Front) -> None:
    assert "server" not in (await front.ask("GET", "/health")).headers


async def test_a_stream_over_the_limit_is_answered_413_while_it_is_sent(front: Front) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(40):
            yield b" " * 4096

    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_SEC) as client:
        answer = await client.post(front.public + HOOK, content=parts())
    assert answer.status_code == 413


async def test_sixty_four_signals_at_once_are_all_answered(front: Front) -> None:
    front.engine.gate = asyncio.Event()
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(trust_env=False, timeout=ANSWER_WITHIN_SEC, limits=limits) as client:
        sending = [
            asyncio.create_task(client.post(front.public + HOOK, json=message(note=str(number))))
            for number in range(80)
        ]
        await until(lambda: len(front.engine.asked) == 64)
        front.engine.gate.set()
        answers = await asyncio.gather(*sending)
    assert {answer.status_code for answer in answers} == {202}
    assert len(front.engine.asked) == 80


LONG = b"Content-Type: application/json\r\nContent-Length: 200000\r\n\r\n"


@pytest.mark.parametrize(
    ("listener", "request_line", "headers", "status"),
    [
        ("webhook", b"POST /elsewhere", LONG, b"404"),
        ("api", b"POST /api/execution/order", LONG, b"401"),
        ("api", b"POST /webhook/tradingview", LONG, b"413"),
        ("api", b"POST /api/execution/order", LONG.replace(b"200000", b"300000"), b"413"),
    ],
)
async def test_a_body_that_drips_after_its_answer_does_not_hold_the_connection(
    front: Front, monkeypatch: pytest.MonkeyPatch, listener: str, request_line: bytes, headers: bytes, status: bytes
) -> None:
    port = getattr(front, f"{listener}_port")
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_line + b" HTTP/1.1\r\nHost: 127.0.0.1:%d\r\n" % port + headers)
    assert status in await reader.readuntil(b"\r\n")
    await drip_until_gone(reader, writer, b"x", monkeypatch)


async def drip_until_gone(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drop: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "headers_timeout_sec", 0.05)
    gone = asyncio.create_task(reader.read())
    while not gone.done():
        writer.write(drop)
        await asyncio.wait({gone}, timeout=0.001)
    with suppress(ConnectionError):
        await gone
    writer.close()


async def test_empty_lines_that_drip_between_requests_do_not_hold_the_connection(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", front.webhook_port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    await reader.readuntil(b"\r\n\r\n")
    await drip_until_gone(reader, writer, b"\r\n", monkeypatch)


async def test_a_request_sent_behind_another_may_take_its_time(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    body = json.dumps(message()).encode()
    head = b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (HOOK.encode(), len(body))
    front.engine.gate = asyncio.Event()
    reader, writer = await asyncio.open_connection("127.0.0.1", front.webhook_port)
    writer.write(head + body + head.replace(b"Host: x", b"Host: x\r\nConnection: close"))
    await until(lambda: bool(front.engine.asked))
    monkeypatch.setattr(PatientProtocol, "headers_timeout_sec", 0.0)
    front.engine.gate.set()
    assert b"202" in await reader.readuntil(b"\r\n\r\n")
    for byte in body:
        writer.write(bytes([byte]))
        await writer.drain()
    assert (await reader.read()).count(b"HTTP/1.1 202") == 1
    writer.close()


async def test_connections_beyond_what_a_listener_may_have_take_the_place_of_silent_ones(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(PatientProtocol, "headers_timeout_sec", 3600)
    monkeypatch.setattr(PatientProtocol, "most_connections", 3)
    front.engine.gate = asyncio.Event()
    under_way = asyncio.create_task(post(front.private + "/webhook/tradingview", message()))
    await until(lambda: bool(front.engine.asked))
    silent = [await asyncio.open_connection("127.0.0.1", front.api_port) for _ in range(5)]
    for reader, _ in silent[:3]:
        with suppress(ConnectionError):
            assert await reader.read() == b""
    assert (await front.ask("GET", "/health")).status_code == 200
    front.engine.gate.set()
    assert (await under_way).status_code == 202
    for _, writer in silent:
        writer.close()


async def test_stopping_waits_for_a_signal_under_way() -> None:
    front = Front()
    listeners = front.listeners()
    _, port = await listeners.start()
    front.engine.gate = asyncio.Event()
    sending = asyncio.create_task(post(f"http://127.0.0.1:{port}{HOOK}", message()))
    await until(lambda: bool(front.engine.asked))
    stopping = asyncio.create_task(listeners.stop(STOP_GRACE_SEC))
    front.engine.gate.set()
    assert (await sending).status_code == 202
    await stopping
    with pytest.raises(httpx.ConnectError):
        await post(f"http://127.0.0.1:{port}{HOOK}", message())


async def test_the_ports_that_the_system_chose_are_told() -> None:
    front = Front()
    listeners = front.listeners()
    ports = await listeners.start()
    assert ports == (listeners.api_port, listeners.webhook_port)
    assert min(ports) > 0
    await listeners.stop(STOP_GRACE_SEC)


async def test_signal_handlers_stay_with_whoever_owns_the_loop(front: Front) -> None:
    before = signal.getsignal(signal.SIGTERM)
    other = Front().listeners()
    await other.start()
    assert signal.getsignal(signal.SIGTERM) is before
    await other.stop(STOP_GRACE_SEC)
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize("listener", ["api"])
async def test_a_taken_port_is_a_sentence_that_names_the_setting(listener: str) -> None:
    front = Front()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        front.config = ports_free(**{listener: {"port": port}})
        with pytest.raises(OperatorActionNeeded, match=rf"{port}.*{listener}\.port"):
            await front.listeners().start()
