"""Changes to the running configuration wait for each other, and none is lost or half done."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from app.base.config.file import NotKept
from app.ports.engine import CommandRefused
from app.ports.secrets import VaultLocked
from tests.integration.accounts.conftest import KEYS, PERP, Instance
from tests.support.fakes import until

BROKEN = "{ not json"


def kept(instance: Instance) -> Any:
    return json.loads((instance.data_dir / "config.json").read_text())


def broken(instance: Instance) -> str:
    """The file made invalid by hand; what it was."""
    path = instance.data_dir / "config.json"
    whole = path.read_text()
    path.write_text(BROKEN)
    return whole


async def admin(instance: Instance) -> dict[str, str]:
    return {"Authorization": f"Bearer {await instance.application.administration.create_token('adm', 'admin')}"}


async def test_a_setting_applied_while_keys_are_tested_stays(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    app, headers = instance.application, await admin(instance)
    go_on, entered = asyncio.Event(), asyncio.Event()
    test = app._maker.test

    async def slow(*given: Any) -> Any:
        entered.set()
        await go_on.wait()
        return await test(*given)

    monkeypatch.setattr(app._maker, "test", slow)
    adding = asyncio.create_task(app.accounts.add(PERP, KEYS))
    await entered.wait()
    change = {"risk": {"max_order_quote": "50"}}
    answer = await instance.client.put(instance.api + "/api/config", headers=headers, json=change)
    assert answer.status_code == 200, answer.text
    go_on.set()
    await adding
    assert str(app.config.risk.max_order_quote) == "50"
    assert kept(instance)["risk"]["max_order_quote"] == "50"
    assert [account.id for account in app.config.accounts] == ["paper", "perp"]


async def test_changes_asked_at_once_are_all_made_and_kept(instance: Instance) -> None:
    app, headers = instance.application, await admin(instance)
    for number in range(5):
        mode = "auto" if number % 2 else "off"
        changes = (
            {"risk": {"max_order_quote": str(50 + number)}},
            {"offset": {"mode": mode}},
            {"queue": {"max_size": 60 + number}},
        )
        url = instance.api + "/api/config"
        answers = await asyncio.gather(*(instance.client.put(url, headers=headers, json=one) for one in changes))
        assert [answer.status_code for answer in answers] == [200, 200, 200]
        config, file = app.config, kept(instance)
        wanted = (str(50 + number), mode, 60 + number)
        assert (str(config.risk.max_order_quote), config.offset.mode, config.queue.max_size) == wanted
        assert (file["risk"]["max_order_quote"], file["offset"]["mode"], file["queue"]["max_size"]) == wanted


async def test_no_account_is_added_while_the_file_takes_no_change(instance: Instance) -> None:
    app = instance.application
    whole = broken(instance)
    with pytest.raises(NotKept, match="nothing was changed"):
        await app.accounts.add(PERP, KEYS)
    assert [account.id for account in app.config.accounts] == ["paper"]
    assert list(app.engine._venues) == ["paper"]
    assert instance.vault().read("perp") is None
    (instance.data_dir / "config.json").write_text(whole)
    await instance.joined(PERP)


async def test_a_removal_that_the_file_refuses_changes_nothing_and_can_be_repeated(instance: Instance) -> None:
    app = instance.application
    await instance.joined(PERP)
    whole = broken(instance)
    with pytest.raises(NotKept, match="nothing was changed"):
        await app.accounts.remove("perp")
    assert instance.state("perp").ready
    (instance.data_dir / "config.json").write_text(whole)
    assert "its keys were deleted" in await app.accounts.remove("perp")
    assert instance.vault().read("perp") is None
    assert list(app.engine._venues) == ["paper"]


async def test_what_could_not_be_written_is_done_whole_and_written_with_the_next_change(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = instance.application
    await instance.joined(PERP)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("app.base.config.file.write_private", full)
        with pytest.raises(NotKept, match="lost at a restart"):
            await app.accounts.remove("perp")
    assert list(app.engine._venues) == ["paper"]
    assert instance.vault().read("perp") is None
    headers = await admin(instance)
    await instance.client.put(instance.api + "/api/config", headers=headers, json={"queue": {"max_size": 61}})
    assert [account["id"] for account in kept(instance)["accounts"]] == ["paper"]
    assert kept(instance)["queue"] == {"max_size": 61}


async def test_a_removal_that_the_keyring_broke_off_is_finished_by_the_next(
    instance: Instance, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = instance.application
    await instance.joined(PERP)

    def locked(_: str) -> None:
        raise VaultLocked("The system's keyring is locked.")

    with monkeypatch.context() as patched:
        patched.setattr(app.accounts._vault, "forget", locked)
        with pytest.raises(VaultLocked):
            await app.accounts.remove("perp")
    assert [account["id"] for account in kept(instance)["accounts"]] == ["paper"]
    assert "deleted keys left without an account: perp" in await app.accounts.remove("perp")
    assert instance.vault().read("perp") is None


async def test_keys_left_without_an_account_can_be_forgotten(instance: Instance) -> None:
    app = instance.application
    await instance.joined(PERP)
    keys = instance.vault().read("perp")
    await app.accounts.remove("perp")
    with pytest.raises(CommandRefused, match="there is no account perp"):
        await app.accounts.remove("perp")
    assert keys is not None
    app.accounts._vault.write("perp", keys)
    assert "deleted keys left without an account: perp" in await app.accounts.remove("perp")


async def test_what_counts_from_the_next_start_is_named(instance: Instance) -> None:
    headers = await admin(instance)
    accounts = (await instance.client.get(instance.api + "/api/config", headers=headers)).json()["accounts"]
    accounts[0] |= {"fees": {"maker": "0.01", "taker": "0.02"}, "allowed_symbols": ["SOL/USDT:USDT"]}
    change = {"accounts": accounts, "paper": {"latency_ms": 3000}, "queue": {"max_size": 61}}
    answer = await instance.client.put(instance.api + "/api/config", headers=headers, json=change)
    told = "the configuration was applied; from the next start: paper.latency_ms, accounts.paper.fees"
    assert (answer.status_code, answer.json()["detail"]) == (200, told)


async def test_what_counts_at_once_is_not_said_to_wait(instance: Instance) -> None:
    headers = await admin(instance)
    change = {"logging": {"level": "error"}, "queue": {"max_size": 61}}
    before = logging.getLogger().level
    try:
        answer = await instance.client.put(instance.api + "/api/config", headers=headers, json=change)
        assert answer.json()["detail"] == "the configuration was applied"
        await until(lambda: logging.getLogger().level == logging.ERROR)
    finally:
        logging.getLogger().setLevel(before)
