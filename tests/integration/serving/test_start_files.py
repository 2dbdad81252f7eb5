"""What a start leaves and finds in the data directory."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.base.config import ConfigError
from app.base.errors import OperatorActionNeeded
from app.bootstrap.administering import administer
from app.bootstrap.application import Application
from app.bootstrap.settings import Settings, read_settings
from app.ports.queries import PageRequest
from app.vault.open import KIND_FILE
from tests.integration.serving.conftest import ENVIRONMENT


async def test_the_first_start_remembers_what_keeps_its_secrets(tmp_path: Path) -> None:
    application = await Application.open(read_settings(data_dir=tmp_path, environ=ENVIRONMENT))
    await application.stop(0.5)
    kept = tmp_path / KIND_FILE
    assert (kept.read_text(), oct(kept.stat().st_mode)[-3:]) == ("file", "600")


def settings_of(data_dir: Path) -> Settings:
    return read_settings(data_dir=data_dir, api_port=0, webhook_port=0, environ=ENVIRONMENT, or_last_good=True)


async def alerts_of_a_run(settings: Settings) -> list[str]:
    application = await Application.open(settings)
    try:
        await application.start()
        page = await application.queries.alerts(PageRequest(10))
    finally:
        await application.stop(0.5)
    return [str(row.event.data["detail"]) for row in page.rows if row.event.data["severity"] == "critical"]


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(
    ("broken", "told"),
    [('{"pool": {"max_open_group": 3}}', "did you mean max_open_groups"), ('{"pool": ', "line 1"), ("[]", "object")],
)
async def test_a_file_broken_by_hand_lets_its_last_good_version_run_and_says_so(
    tmp_path: Path, broken: str, told: str
) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"pool": {"max_open_groups": 5}, "risk": {"max_slippage_percent": 0.35}}')
    assert await alerts_of_a_run(settings_of(tmp_path)) == []
    file.write_text(broken)
    settings = settings_of(tmp_path)
    assert (settings.config.pool.max_open_groups, str(settings.config.risk.max_slippage_percent)) == (5, "0.35")
    alerts = await alerts_of_a_run(settings)
    assert len(alerts) == 1
    assert told in alerts[0]
    assert file.read_text() == broken
    file.write_text('{"pool": {"max_open_groups": 6}}')
    assert len(await alerts_of_a_run(settings_of(tmp_path))) == 1
    assert settings_of(tmp_path).config.pool.max_open_groups == 6


@pytest.mark.expects_log_warnings
async def test_a_file_that_is_gone_lets_its_last_good_version_run_and_says_so(tmp_path: Path) -> None:
    file, good = tmp_path / "config.json", tmp_path / "config.last-good.json"
    file.write_text('{"pool": {"max_open_groups": 5}}')
    assert await alerts_of_a_run(settings_of(tmp_path)) == []
    file.unlink()
    settings = settings_of(tmp_path)
    alerts = await alerts_of_a_run(settings)
    assert settings.config.pool.max_open_groups == 5
    assert len(alerts) == 1
    assert f"{file} is gone" in alerts[0]
    assert json.loads(good.read_text()) == {"pool": {"max_open_groups": 5}}


async def test_a_change_while_the_file_is_gone_is_laid_over_its_last_good_version(tmp_path: Path) -> None:
    (tmp_path / "config.last-good.json").write_text('{"pool": {"max_open_groups": 5}}')
    await settings_of(tmp_path).file.keep({"risk": {"max_slippage_percent": "0.35"}})
    assert json.loads((tmp_path / "config.json").read_text()) == {
        "pool": {"max_open_groups": 5},
        "risk": {"max_slippage_percent": "0.35"},
    }


async def test_starts_without_any_file_are_silent(tmp_path: Path) -> None:
    for _ in range(2):
        assert await alerts_of_a_run(settings_of(tmp_path)) == []


async def test_what_another_process_changed_before_the_lock_was_taken_counts(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "config.json").write_text('{"risk": {"max_order_quote": "50"}, "logging": {"level": "error"}}')
    application = await Application.open(settings)
    try:
        await application.start()
        runs, log_level = application.config, application.settings.log_level
    finally:
        await application.stop(0.5)
    good = json.loads((tmp_path / "config.last-good.json").read_text())
    assert (str(runs.risk.max_order_quote), runs.api.port, log_level) == ("50", 0, "error")
    assert good["risk"] == {"max_order_quote": "50"}


async def test_a_command_goes_by_what_the_file_holds_once_the_lock_is_taken(tmp_path: Path) -> None:
    settings = read_settings(data_dir=tmp_path, environ=ENVIRONMENT)
    (tmp_path / "config.json").write_text('{"risk": {"max_order_quote": "50"}}')
    async with administer(settings) as administration:
        assert administration.accounts.limits()["max_order_quote"] == "50"


async def test_a_file_that_was_broken_before_the_lock_was_taken_leaves_it_free(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(ConfigError):
        await Application.open(settings)
    (tmp_path / "config.json").write_text("{}")
    await (await Application.open(settings)).stop(0.5)


async def test_what_could_not_be_started_with_is_not_remembered_as_good(tmp_path: Path) -> None:
    assert await alerts_of_a_run(settings_of(tmp_path)) == []
    good = (tmp_path / "config.last-good.json").read_text()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        (tmp_path / "config.json").write_text(json.dumps({"webhook": {"port": port}}))
        settings = read_settings(data_dir=tmp_path, api_port=0, environ=ENVIRONMENT, or_last_good=True)
        with pytest.raises(OperatorActionNeeded):
            await alerts_of_a_run(settings)
    assert (tmp_path / "config.last-good.json").read_text() == good


async def test_a_change_during_the_start_is_in_the_last_good_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    application = await Application.open(settings_of(tmp_path))

    listen = application._listeners.start

    async def listen_and_change() -> Any:
        listening = await listen()
        token = await application.administration.create_token("me", "admin")
        ports = await application.administration.ports()
        async with httpx.AsyncClient(trust_env=False, timeout=60) as client:
            answer = await client.put(
                f"http://127.0.0.1:{ports['api']}/api/config",
                headers={"Authorization": f"Bearer {token}"},
                json={"risk": {"max_order_quote": "50"}},
            )
        assert answer.status_code == 200
        return listening

    monkeypatch.setattr(application._listeners, "start", listen_and_change)
    try:
        await application.start()
    finally:
        await application.stop(0.5)
    for file in ("config.json", "config.last-good.json"):
        assert json.loads((tmp_path / file).read_text())["risk"] == {"max_order_quote": "50"}


def test_a_file_that_a_person_named_and_that_is_gone_lets_its_last_good_version_run(tmp_path: Path) -> None:
    (tmp_path / "mine.last-good.json").write_text('{"pool": {"max_open_groups": 5}}')
    mine = tmp_path / "mine.json"
    settings = read_settings(data_dir=tmp_path, config_file=mine, environ=ENVIRONMENT, or_last_good=True)
    assert (settings.config.pool.max_open_groups, "is gone" in settings.fault) == (5, True)


async def test_the_last_good_version_has_what_was_changed_since_the_start(tmp_path: Path) -> None:
    settings = settings_of(tmp_path)
    await settings.file.keep({"accounts": {"perp": {"id": "perp", "venue": "bybit", "environment": "testnet"}}})
    (tmp_path / "config.json").write_text("{")
    later = settings_of(tmp_path)
    assert [account.id for account in later.config.accounts] == ["paper", "paper-spot", "perp"]
    good = tmp_path / "config.last-good.json"
    assert (len(json.loads(good.read_text())["accounts"]), oct(good.stat().st_mode)[-3:]) == (3, "600")


@pytest.mark.parametrize("good", [None, "{", '{"pool": {"max_open_groups": 0}}'])
def test_a_broken_file_without_a_good_one_is_refused(tmp_path: Path, good: str | None) -> None:
    (tmp_path / "config.json").write_text('{"pool": {"max_open_group": 3}}')
    if good is not None:
        (tmp_path / "config.last-good.json").write_text(good)
    with pytest.raises(ConfigError, match="max_open_group: no such setting"):
        settings_of(tmp_path)


def test_a_file_that_a_person_names_must_be_there(tmp_path: Path) -> None:
    (tmp_path / "mine.last-good.json").write_text("{}")
    with pytest.raises(ConfigError, match="there is no configuration file"):
        read_settings(data_dir=tmp_path, config_file=tmp_path / "mine.json", environ=ENVIRONMENT, or_last_good=True)
