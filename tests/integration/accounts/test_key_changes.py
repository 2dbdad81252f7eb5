"""New keys are everywhere or nowhere: in the vault, at the engine and at the venue; what was armed is armed no more."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from app.accounts.engines import RunningEngine
from app.accounts.keys import complete, fingerprint
from app.base.errors import AppError
from app.bootstrap.administering import administer
from app.messages.records import Changes
from app.ports.engine import CommandRefused
from app.ports.secrets import VaultLocked
from app.ports.store import StoreFailed
from tests.integration.accounts.conftest import KEYS, LIMITS, LIVE, Instance
from tests.support.fakes import until

STOPPED = {"default": {"stop_loss": {"mode": "percent", "percent": "10"}}}
OTHERS = {**KEYS, "secret": "another"}


async def armed_with(instance: Instance, keys: dict[str, str]) -> bool:
    """Whether the account is armed; its keys are the same everywhere."""
    app, given = instance.application, complete("binance", keys)
    assert (await asyncio.to_thread(instance.vault)).read("perp") == given
    assert app.engine.state.key_prints["perp"] == fingerprint(given)
    assert app.venues["perp"]._session._access.secret == keys["secret"]  # type: ignore[attr-defined]  # a ccxt venue
    return bool(app.accounts.plan("perp")["armed"])


@pytest.fixture
async def armed(instance: Instance) -> Instance:
    await instance.restarted(risk=LIMITS, grid=STOPPED)
    await instance.joined(LIVE)
    await instance.application.accounts.arm("perp", "perp", "")
    return instance


def refusing(commit: Callable[[Changes], Awaitable[None]]) -> Callable[[Changes], Awaitable[None]]:
    """A disk that takes everything but new settings and new keys."""

    async def refuse(changes: Changes) -> None:
        if any(event.type in {"policy.updated", "account.disarmed"} for event in changes.events):
            raise StoreFailed("The disk is full")
        await commit(changes)

    return refuse


def held(armed: Instance, monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Event]:
    """A keyring that asks first: whether it asks, and what it waits for."""
    vault = armed.application.accounts._vault
    write, asks, go_on = vault.write, threading.Event(), threading.Event()

    def ask_first(*given: Any) -> None:
        asks.set()
        go_on.wait()
        write(*given)

    monkeypatch.setattr(vault, "write", ask_first)
    return asks, go_on


@pytest.mark.expects_log_warnings
async def test_keys_that_the_disk_does_not_take_are_nowhere(armed: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    app = armed.application
    with monkeypatch.context() as patched:
        patched.setattr(type(app.store), "commit", staticmethod(refusing(app.store.commit)))
        with pytest.raises(AppError):
            await app.accounts.add(LIVE, OTHERS, with_test=False)
    assert await armed_with(armed, KEYS)
    await until(lambda: app.engine.state.halted is None)
    await armed.stop()
    await armed.start()
    assert await armed_with(armed, KEYS)


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize("has_them", [False, True])
async def test_keys_that_the_keyring_does_not_take_are_nowhere(
    armed: Instance, monkeypatch: pytest.MonkeyPatch, has_them: bool
) -> None:
    accounts, write = armed.application.accounts, armed.application.accounts._vault.write

    def break_off(account_id: str, keys: Any) -> None:
        is_new = keys == complete("binance", OTHERS)
        if has_them or not is_new:
            write(account_id, keys)
        if is_new:
            raise VaultLocked("The system's keyring is locked.")

    with monkeypatch.context() as patched:
        patched.setattr(accounts._vault, "write", break_off)
        with pytest.raises(VaultLocked):
            await accounts.add(LIVE, OTHERS, with_test=False)
    await accounts.arm("perp", "perp", "")
    assert await armed_with(armed, KEYS)
    await armed.stop()
    await armed.start()
    assert await armed_with(armed, KEYS)


@pytest.mark.expects_log_warnings
async def test_nothing_is_armed_while_its_keys_are_changed(armed: Instance, monkeypatch: pytest.MonkeyPatch) -> None:
    accounts = armed.application.accounts
    asks, go_on = held(armed, monkeypatch)
    adding = asyncio.create_task(accounts.add(LIVE, OTHERS, with_test=False))
    await until(asks.is_set)
    with pytest.raises(CommandRefused, match="the keys of perp are being changed"):
        await accounts.arm("perp", "perp", "")
    go_on.set()
    await adding
    assert not await armed_with(armed, OTHERS)


@pytest.mark.expects_log_warnings
async def test_a_change_of_keys_nobody_waits_for_any_more_is_carried_to_its_end(
    armed: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    accounts, engine = armed.application.accounts, armed.application.engine
    asks, go_on = held(armed, monkeypatch)
    venue = armed.application.venues["perp"]
    adding = asyncio.create_task(accounts.add(LIVE, OTHERS, with_test=False))
    await until(asks.is_set)
    adding.cancel()
    with pytest.raises(asyncio.CancelledError):
        await adding
    go_on.set()
    await until(lambda: engine._venues["perp"] is not venue)
    assert not await armed_with(armed, OTHERS)


async def test_keys_that_the_disk_does_not_take_are_nowhere_where_no_instance_runs_too(
    armed: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    await armed.stop()
    async with administer(armed.settings) as administration:
        engine = administration.accounts._engine
        assert not isinstance(engine, RunningEngine)
        store = engine._store  # type: ignore[attr-defined]  # the protocol has none
        with monkeypatch.context() as patched:
            patched.setattr(type(store), "commit", staticmethod(refusing(store.commit)))
            with pytest.raises(StoreFailed):
                await administration.accounts.add(LIVE, OTHERS, with_test=False)
        assert administration.accounts.plan("perp")["armed"] is True
    await armed.start()
    assert await armed_with(armed, KEYS)
