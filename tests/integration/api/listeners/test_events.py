"""The event stream: what was missed, then live, without a gap or a double."""

from __future__ import annotations

import asyncio
import json
import socket
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosedError, InvalidStatus

from app.api import events
from app.api.events import MOST_WAITING
from app.ports.tokens import Role, TokenInfo
from tests.integration.api.listeners.conftest import Front
from tests.support.examples import NOON, event_of, events_of
from tests.support.fakes import bearer, until


def reading(front: Front, query: str = "", headers: dict[str, str] | None = None, **options: Any) -> connect:
    url = f"ws://127.0.0.1:{front.api_port}/api/execution/events{query}"
    given = bearer(Role.VIEWER) if headers is None else headers
    return connect(url, additional_headers=given, proxy=None, compression=None, **options)


async def sequences(reader: ClientConnection, count: int) -> list[int]:
    return [json.loads(await reader.recv())["sequence"] for _ in range(count)]


async def read_on(reader: ClientConnection, seen: list[int]) -> None:
    """Until the connection ends."""
    while True:
        seen += await sequences(reader, 1)


async def test_what_was_missed_comes_first_then_what_happens(front: Front) -> None:
    front.queries.event_rows = events_of(range(1, 1201))
    async with reading(front, "?since=2") as reader:
        assert await sequences(reader, 1198) == list(range(3, 1201))
        front.engine.publish(*events_of((1201, 1202)))
        assert await sequences(reader, 2) == [1201, 1202]


async def test_an_event_that_happens_during_the_catch_up_comes_once(front: Front) -> None:
    front.queries.event_rows = events_of(range(1, 4))

    def meanwhile() -> None:
        front.queries.before_events = lambda: None
        front.queries.event_rows.append(event_of(4))
        front.engine.publish(event_of(4), event_of(5))

    front.queries.before_events = meanwhile
    async with reading(front, "?since=1") as reader:
        front.engine.publish(event_of(6))
        assert await sequences(reader, 5) == [2, 3, 4, 5, 6]


async def test_readers_leave_connections_to_commands(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(events, "MOST_READERS", 2)
    async with reading(front), reading(front) as second:
        with pytest.raises(InvalidStatus):
            await reading(front)
        await second.close()
        await until(lambda: len(front.engine.listeners) == 1)
        async with reading(front) as third:
            front.engine.publish(event_of(2))
            assert await sequences(third, 1) == [2]


async def test_a_reader_that_takes_nothing_any_more_gives_its_place_back(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(events, "STUCK_SEC", 0.2)
    monkeypatch.setattr(events, "MOST_READERS", 1)
    front.queries.event_rows = events_of(range(1, 20_001))
    with socket.socket() as narrow:
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        narrow.connect(("127.0.0.1", front.api_port))
        stuck = await reading(front, "?since=0", sock=narrow, max_queue=1, ping_interval=None, close_timeout=0.1)
        await until(lambda: not front.engine.listeners)
        async with reading(front, "?since=19999") as other:
            assert await sequences(other, 1) == [20_000]
        await stuck.close()


async def test_a_stream_ends_with_its_token(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.queries.event_rows = events_of((1,))
    async with reading(front) as reader:
        front.engine.publish(event_of(2))
        assert await sequences(reader, 1) == [2]
        monkeypatch.setattr(front.tokens, "verify", lambda _: None)
        front.engine.publish(event_of(3))
        with pytest.raises(ConnectionClosedError, match="the token was revoked") as closed:
            await reader.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1008


async def test_a_catch_up_ends_with_its_token(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    front.queries.event_rows = events_of(range(1, 1201))
    asked = 0

    def verify(_: str) -> TokenInfo | None:
        nonlocal asked
        asked += 1
        return TokenInfo("my-viewer", Role.VIEWER, NOON, None) if asked < 3 else None

    monkeypatch.setattr(front.tokens, "verify", verify)  # valid for the opening and the first page
    seen: list[int] = []
    async with reading(front, "?since=0") as reader:
        with pytest.raises(ConnectionClosedError, match="the token was revoked"):
            await read_on(reader, seen)
    assert seen == list(range(1, 501))


async def test_without_since_the_stream_begins_now(front: Front) -> None:
    front.queries.event_rows = events_of(range(1, 4))
    front.engine.publish(*front.queries.event_rows)
    async with reading(front) as reader:
        front.engine.publish(event_of(4))
        assert await sequences(reader, 1) == [4]


async def test_types_filter_the_past_and_the_present(front: Front) -> None:
    front.queries.event_rows = [event_of(1, "trade.opened"), event_of(2), event_of(3, "trade.closed")]
    async with reading(front, "?since=0&types=trade.opened,trade.closed") as reader:
        front.engine.publish(event_of(4), event_of(5, "trade.opened"))
        assert await sequences(reader, 3) == [1, 3, 5]


async def test_an_event_is_spelled_as_in_the_api(front: Front) -> None:
    async with reading(front) as reader:
        front.engine.publish(event_of(1, "order.filled", price="50000.10"))
        assert json.loads(await reader.recv()) == {
            "sequence": 1,
            "at": "2026-01-05T12:00:00Z",
            "type": "order.filled",
            "account": "paper",
            "symbol": "BTC/USDT:USDT",
            "group_id": None,
            "signal_id": None,
            "order_id": None,
            "data": {"price": "50000.10"},
        }


async def test_a_reader_too_slow_for_its_backlog_is_cut_off_and_told_where_to_go_on(front: Front) -> None:
    async with reading(front) as reader:
        await until(lambda: bool(front.engine.listeners))
        front.engine.publish(*events_of(range(1, MOST_WAITING + 2)))
        with pytest.raises(ConnectionClosedError) as cut:
            await sequences(reader, MOST_WAITING + 1)
    assert cut.value.rcvd is not None
    assert cut.value.rcvd.code == 4008
    assert f"since={MOST_WAITING}" in cut.value.rcvd.reason


async def test_a_reader_that_was_cut_off_catches_up_with_nothing_lost_or_doubled(front: Front) -> None:
    happened = events_of(range(1, MOST_WAITING * 2 + 1))
    seen: list[int] = []
    async with reading(front) as slow:
        await until(lambda: bool(front.engine.listeners))
        front.queries.event_rows = list(happened)
        front.engine.publish(*happened)
        with pytest.raises(ConnectionClosedError) as cut:
            await read_on(slow, seen)
    assert cut.value.rcvd is not None
    assert cut.value.rcvd.code == 4008
    assert cut.value.rcvd.reason.endswith(f"since={seen[-1]}")
    missed = len(happened) - len(seen)
    async with reading(front, f"?since={seen[-1]}") as again:
        seen += await sequences(again, missed)
        front.queries.event_rows.append(event_of(len(happened) + 1))
        front.engine.publish(front.queries.event_rows[-1])
        seen += await sequences(again, 1)
    assert seen == list(range(1, len(happened) + 2))


@pytest.mark.parametrize("role", list(Role))
async def test_every_role_may_listen(front: Front, role: Role) -> None:
    async with reading(front, "", bearer(role)) as reader:
        front.engine.publish(event_of(1))
        assert await sequences(reader, 1) == [1]


@pytest.mark.parametrize("query", ["?since=-1", "?since=99999999999999999999999", "?since=all"])
async def test_a_since_that_no_event_can_have_is_refused(front: Front, query: str) -> None:
    with pytest.raises(InvalidStatus):
        async with reading(front, query):
            pass
    assert front.engine.listeners == []


async def test_one_slow_reader_does_not_slow_the_others(front: Front) -> None:
    async with reading(front, max_queue=1, ping_interval=None) as slow, reading(front) as quick:
        await until(lambda: len(front.engine.listeners) == 2)
        for start in range(1, MOST_WAITING, 100):
            front.engine.publish(*events_of(range(start, start + 100)))
            assert await sequences(quick, 100) == list(range(start, start + 100))
        assert await sequences(slow, MOST_WAITING) == list(range(1, MOST_WAITING + 1))


async def test_a_reader_that_leaves_is_forgotten(front: Front) -> None:
    async with reading(front):
        await until(lambda: len(front.engine.listeners) == 1)
    await until(lambda: not front.engine.listeners)


async def test_stopping_ends_the_streams() -> None:
    front = Front()
    listeners = front.listeners()
    front.api_port, front.webhook_port = await listeners.start()
    async with reading(front) as reader:
        await until(lambda: bool(front.engine.listeners))
        stopping = asyncio.create_task(listeners.stop(2.0))
        await reader.wait_closed()
        await stopping
    await until(lambda: not front.engine.listeners)


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}])
async def test_a_handshake_without_a_valid_token_is_refused(front: Front, headers: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with reading(front, "?token=token-admin", headers):
            pass
    assert refused.value.response.status_code in {401, 403}
    assert front.engine.listeners == []


@pytest.mark.parametrize(
    "header", [{"Origin": "http://localhost"}, {"Sec-Fetch-Site": "same-origin"}, {"X-Forwarded-For": "127.0.0.1"}]
)
async def test_a_handshake_from_a_browser_or_a_proxy_is_refused(front: Front, header: dict[str, str]) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with reading(front, "", {**bearer(Role.VIEWER), **header}):
            pass
    assert refused.value.response.status_code == 403


async def test_a_handshake_for_a_foreign_host_is_refused(front: Front) -> None:
    url = f"ws://evil.example:{front.api_port}/api/execution/events"
    with pytest.raises(InvalidStatus) as refused:
        async with connect(
            url, additional_headers=bearer(Role.VIEWER), proxy=None, host="127.0.0.1", port=front.api_port
        ):
            pass
    assert refused.value.response.status_code == 403


async def test_the_public_listener_speaks_no_websocket(front: Front) -> None:
    with pytest.raises(InvalidStatus):
        async with connect(f"ws://127.0.0.1:{front.webhook_port}/", proxy=None):
            pass
