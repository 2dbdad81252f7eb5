"""Hazard 34: this computer does not fall asleep over open positions."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from app.bootstrap.application import Application
from app.bootstrap.settings import Settings
from tests.integration.serving.conftest import Running
from tests.support.clock import settle
from tests.support.fakes import until


class FakeAwake:
    def __init__(self) -> None:
        self.held = False
        self.asked: list[str] = []

    async def hold(self, reason: str) -> None:
        self.asked.append(reason)
        self.held = True

    async def release(self) -> None:
        self.held = False


@asynccontextmanager
async def restarted(settings: Settings, awake: FakeAwake) -> AsyncIterator[Application]:
    application = await Application.open(settings, awake)
    try:
        await application.start()
        await settle()
        yield application
    finally:
        await application.stop(2)


@pytest.fixture
async def settings(running: Running, tmp_path: Path) -> Settings:
    """Of an instance that has ended with a position open."""
    await running.set_price("SOL/USDT:USDT", "200")
    await running.send(running.message())
    await until(lambda: bool(running.application.engine.open_groups()))
    await running.application.stop(2)
    return running.application.settings


async def test_h34_sleep_is_held_off_while_a_group_is_open_and_until_the_quit(settings: Settings) -> None:
    awake = FakeAwake()
    async with restarted(settings, awake) as application:
        assert application.engine.open_groups()
        assert awake.held
    assert not awake.held


async def test_h34_the_trader_may_let_it_sleep(settings: Settings) -> None:
    awake = FakeAwake()
    await settings.file.keep({"app": {"hold_off_sleep": False}})
    async with restarted(settings, awake) as application:
        assert application.engine.open_groups()
        assert awake.asked == []
