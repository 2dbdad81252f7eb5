from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest

from app.base.clock import Timer
from app.persistence.connections import connect_memory
from app.persistence.tokens import SqliteTokens
from app.persistence.writer import InlineWriter
from app.ports.tokens import Role
from tests.unit.persistence.entities import T0


@dataclass
class HandClock:
    at: datetime = T0

    def now(self) -> datetime:
        return self.at

    def monotonic(self) -> float:
        raise NotImplementedError

    async def sleep(self, seconds: float) -> None:
        raise NotImplementedError

    def call_later(self, seconds: float, callback: Callable[[], None]) -> Timer:
        raise NotImplementedError


@dataclass
class Desk:
    """Tokens on a database in memory, whose connection the test keeps for itself."""

    connection: sqlite3.Connection = field(default_factory=connect_memory)
    clock: HandClock = field(default_factory=HandClock)
    asked: list[int] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.writer = InlineWriter(self.connection)
        self._numbers = count(1)

    def tokens(self) -> SqliteTokens:
        return SqliteTokens(self.writer, self.clock, self._random)

    def _random(self, size: int) -> str:
        self.asked.append(size)
        return f"random-{next(self._numbers)}"


@pytest.fixture
async def desk() -> AsyncIterator[Desk]:
    made = Desk()
    yield made
    await made.writer.close()


async def test_a_token_is_32_random_bytes_behind_a_prefix(desk: Desk) -> None:
    assert await desk.tokens().create("scripts", Role.TRADER) == "zgt_random-1"
    assert desk.asked == [32]


async def test_a_token_opens_and_another_does_not(desk: Desk) -> None:
    tokens = desk.tokens()
    await tokens.create("watcher", Role.VIEWER)
    text = await tokens.create("scripts", Role.TRADER)
    found = tokens.verify(text)
    assert found is not None
    assert (found.name, found.role, found.created_at) == ("scripts", Role.TRADER, T0)
    assert tokens.verify("zgt_random-9") is None
    assert tokens.verify("") is None
    assert tokens.verify("zgt_\ud800") is None
    await tokens.flush()


async def test_tokens_are_never_stored_in_clear(desk: Desk) -> None:
    text = await desk.tokens().create("scripts", Role.ADMIN)
    kept = "\n".join(desk.connection.iterdump())
    assert "scripts" in kept
    assert text not in kept
    assert text.removeprefix("zgt_") not in kept


async def test_tokens_survive_a_start(desk: Desk) -> None:
    text = await desk.tokens().create("scripts", Role.ADMIN)
    again = desk.tokens()
    assert again.verify(text) is None
    await again.load()
    assert again.verify(text) is not None
    await again.flush()


@pytest.mark.parametrize("name", ["", "  "])
async def test_a_token_needs_a_name(desk: Desk, name: str) -> None:
    with pytest.raises(ValueError, match="name"):
        await desk.tokens().create(name, Role.VIEWER)


async def test_a_name_is_taken_once(desk: Desk) -> None:
    tokens = desk.tokens()
    text = await tokens.create("scripts", Role.VIEWER)
    with pytest.raises(ValueError, match="already"):
        await tokens.create("scripts", Role.ADMIN)
    found = tokens.verify(text)
    assert found is not None
    assert found.role is Role.VIEWER
    await tokens.flush()


async def test_a_revoked_token_opens_nothing_now_and_after_a_start(desk: Desk) -> None:
    tokens = desk.tokens()
    text = await tokens.create("scripts", Role.ADMIN)
    assert await tokens.revoke("scripts")
    assert not await tokens.revoke("scripts")
    assert tokens.verify(text) is None
    await tokens.load()
    assert tokens.verify(text) is None
    assert list(await tokens.list()) == []


async def test_a_token_that_is_revoked_while_it_is_created_opens_nothing(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_told = asyncio.Event()
    run = desk.writer.run

    async def late(job: Any) -> Any:
        done = await run(job)
        await is_told.wait()
        return done

    monkeypatch.setattr(desk.writer, "run", late)
    tokens = desk.tokens()
    creating = asyncio.create_task(tokens.create("ci", Role.ADMIN))
    revoking = asyncio.create_task(tokens.revoke("ci"))
    await asyncio.wait({creating, revoking}, timeout=0)
    is_told.set()
    assert await revoking
    assert tokens.verify(await creating) is None
    assert await tokens.list() == []


async def test_the_use_is_told_at_once_and_written_at_most_once_a_minute(desk: Desk) -> None:
    tokens = desk.tokens()
    text = await tokens.create("scripts", Role.ADMIN)
    written = []
    for seconds in (0, 30, 59, 60, 119, 121):
        desk.clock.at = T0 + timedelta(seconds=seconds)
        tokens.verify(text)
        await tokens.flush()
        assert (await tokens.list())[0].last_used_at == desk.clock.at
        again = desk.tokens()
        await again.load()
        written.append((await again.list())[0].last_used_at)
    assert [(at - T0).seconds for at in written if at] == [0, 0, 0, 60, 60, 121]


async def test_a_use_that_cannot_be_written_refuses_nobody(desk: Desk) -> None:
    tokens = desk.tokens()
    text = await tokens.create("scripts", Role.ADMIN)
    desk.connection.execute("PRAGMA query_only = ON")
    assert tokens.verify(text) is not None
    await tokens.flush()
    assert tokens.verify(text) is not None
