"""What breaks on the way down, or up, leaves neither the database open nor the directory locked."""

from __future__ import annotations

import asyncio
import signal
import threading
from pathlib import Path
from typing import Any

import pytest

from app.base.errors import OperatorActionNeeded
from app.bootstrap import application as bootstrap
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.cli.asking import SOCKET_NAME
from app.cli.serve import serve
from app.messages.records import Changes
from app.persistence.lock import SingleInstance
from app.ports.store import StoreFailed
from tests.integration.serving.conftest import ENVIRONMENT


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return read_settings(data_dir=tmp_path / "data", api_port=0, webhook_port=0, environ=ENVIRONMENT)


def assert_is_free(settings: Settings) -> None:
    with SingleInstance(settings.data_dir):
        pass


@pytest.mark.expects_log_warnings
async def test_parts_that_break_as_they_end_keep_neither_engine_nor_database_open(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await Application.open(settings)
    await application.start()
    stop_listeners = application._listeners.stop

    async def breaks(*told: Any) -> None:
        await stop_listeners(*told)
        raise OSError("nobody foresaw this")

    monkeypatch.setattr(application._listeners, "stop", breaks)
    monkeypatch.setattr(application._tokens, "flush", breaks)
    await application.stop(0.5)
    assert not application.engine._is_open
    with pytest.raises(StoreFailed, match="closed"):
        await application.store.commit(Changes(facts={"after": "the end"}))
    assert_is_free(settings)


@pytest.mark.expects_log_warnings
async def test_a_part_that_does_not_end_is_given_up(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    application = await Application.open(settings)
    await application.start()
    stop_engine = application.engine.stop

    async def hangs(grace: float) -> None:
        await stop_engine(grace)
        await asyncio.Event().wait()

    monkeypatch.setattr(bootstrap, "END_SEC", 2)
    monkeypatch.setattr(application.engine, "stop", hangs)
    await application.stop(0.5)
    assert_is_free(settings)


@pytest.mark.expects_log_warnings
async def test_where_the_system_has_no_unix_sockets_it_serves_without_commands(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delattr(asyncio, "start_unix_server")
    serving = asyncio.create_task(serve(settings))
    said = ""
    while "Ziggurat" not in said:
        assert not serving.done(), serving.exception()
        await asyncio.wait({serving}, timeout=0.01)
        said += capsys.readouterr().out
    signal.raise_signal(signal.SIGTERM)
    await serving
    assert not (settings.data_dir / SOCKET_NAME).exists()


async def test_a_start_that_fails_leaves_nothing_behind(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    async def fails(*_: Any) -> None:
        raise OperatorActionNeeded("the vault cannot be read")

    monkeypatch.setattr(bootstrap, "open_keys", fails)
    before = set(threading.enumerate())
    with pytest.raises(OperatorActionNeeded, match="vault"):
        await Application.open(settings)
    left = [thread.name for thread in threading.enumerate() if thread not in before]
    assert [name for name in left if not name.startswith("asyncio")] == []
    assert_is_free(settings)
