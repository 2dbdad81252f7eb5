"""How large, how slow and how many requests may be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from app.api.webhook import MOST_AT_ONCE, MOST_BODY_BYTES
from tests.support.examples import SECRET, message
from tests.support.fakes import FakeEngine, HandClock, until
from tests.unit.api.conftest import STRANGER, Front


class Caller:
    """Speaks ASGI to the handler by hand; what it does not `give` never comes."""

    def __init__(self, headers: list[tuple[bytes, bytes]] | None = None) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "method": "POST",
            "path": "/webhook/tradingview",
            "query_string": b"",
            "headers": headers or [],
            "client": (STRANGER, 40_000),
        }
        self.received = 0
        self.sent: list[Any] = []
        self._queue: asyncio.Queue[dict[str, Any]] = asyncio.Queue()

    def give(self, body: bytes, *, more: bool) -> None:
        self._queue.put_nowait({"type": "http.request", "body": body, "more_body": more})

    def hang_up(self) -> None:
        self._queue.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        self.received += 1
        return await self._queue.get()

    async def send(self, sent: Any) -> None:
        self.sent.append(sent)

    @property
    def status(self) -> int | None:
        return self.sent[0]["status"] if self.sent else None


def padded(size: int) -> bytes:
    """A message of exactly `size` bytes, its padding within the limits of a message."""
    parts = {f"pad{number}": "x" * 1000 for number in range(size // 1100)}
    raw = json.dumps(message(**parts)).encode()
    return raw + b" " * (size - len(raw))


async def test_a_body_of_64_kib_is_taken(front: Front) -> None:
    assert (await front.post(padded(MOST_BODY_BYTES))).status_code == 202


async def test_a_larger_body_is_answered_413(front: Front, engine: FakeEngine) -> None:
    assert (await front.post(padded(MOST_BODY_BYTES + 1))).status_code == 413
    assert engine.asked == []


async def test_a_larger_body_is_refused_by_what_its_header_says_before_it_is_read(front: Front) -> None:
    caller = Caller([(b"content-length", str(MOST_BODY_BYTES + 1).encode())])
    await front.webhook(caller.scope, caller.receive, caller.send)
    assert (caller.status, caller.received) == (413, 0)


async def test_a_stream_without_a_length_is_cut_off_at_the_limit(front: Front) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(1000):
            yield b"x" * 4096

    transport = httpx.ASGITransport(app=front.webhook, client=(STRANGER, 40_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8002") as client:
        assert (await client.post("/", content=endless())).status_code == 413


@pytest.mark.parametrize("first", [None, b'{"secret": "'])
async def test_a_body_that_takes_three_seconds_is_given_up(front: Front, clock: HandClock, first: bytes | None) -> None:
    caller = Caller()
    if first is not None:
        caller.give(first, more=True)
    handling = asyncio.create_task(front.webhook(caller.scope, caller.receive, caller.send))
    await until(lambda: caller.received == (1 if first is None else 2))
    clock.advance(2.9)
    await asyncio.wait({handling}, timeout=0)
    assert not handling.done()
    clock.advance(0.2)
    await handling
    assert caller.status == 400
    assert clock.waiting == 0


async def test_a_sender_that_hangs_up_is_forgotten(front: Front, engine: FakeEngine, clock: HandClock) -> None:
    caller = Caller()
    caller.give(b"{", more=True)
    caller.hang_up()
    await front.webhook(caller.scope, caller.receive, caller.send)
    assert engine.asked == []
    assert clock.waiting == 0


async def test_sixty_four_are_handled_at_once_and_more_wait(front: Front, engine: FakeEngine) -> None:
    engine.gate = asyncio.Event()
    sending = [asyncio.create_task(front.post(message(note=str(number)))) for number in range(MOST_AT_ONCE + 10)]
    await until(lambda: len(engine.asked) == MOST_AT_ONCE)
    for _ in range(20):
        await asyncio.wait(sending, timeout=0)
    assert len(engine.asked) == MOST_AT_ONCE
    engine.gate.set()
    answers = await asyncio.gather(*sending)
    assert [answer.status_code for answer in answers] == [202] * (MOST_AT_ONCE + 10)
    assert len({command.content_key for command in engine.asked}) == MOST_AT_ONCE + 10


async def test_a_place_is_free_again_after_every_kind_of_end(front: Front, engine: FakeEngine) -> None:
    for _ in range(MOST_AT_ONCE + 1):
        await front.post(message(secret="wrong"), peer="127.0.0.1")
        await front.post(b"x" * (MOST_BODY_BYTES + 1))
    assert (await front.post(message())).status_code == 202
    assert SECRET not in engine.asked[0].payload
