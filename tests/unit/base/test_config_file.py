"""The configuration file is changed whole or not at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from app.base.config import ConfigError
from app.base.config.file import ConfigFile, NotKept
from app.base.config.tree import deep_merged, difference, parse_config

PAPER = {"id": "paper"}
SPOT = {"id": "spot", "venue": "binance", "market_type": "spot", "environment": "live"}
PERP = {"id": "perp", "venue": "binance", "environment": "live", "allowed_symbols": ["SOL/USDT:USDT"]}


def kept(file: ConfigFile, changes: dict[str, object]) -> None:
    asyncio.run(file.keep(changes))


def test_what_was_not_changed_stays_as_it_was_written(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"pool": {"max_open_groups": 7}, "queue": {"max_size": 9}}')
    kept(ConfigFile(path), {"pool": {"max_open_groups": 3}})
    assert json.loads(path.read_text()) == {"pool": {"max_open_groups": 3}, "queue": {"max_size": 9}}


def test_the_first_change_makes_the_file(tmp_path: Path) -> None:
    file = ConfigFile(tmp_path / "config.json")
    kept(file, {"risk": {"cooldown_sec": 5}})
    assert file.read() == {"risk": {"cooldown_sec": 5}}


def test_what_would_not_start_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text('{"pool": {"max_open_groups": 7}}')
    with pytest.raises(ConfigError, match="max_open_groups"):
        kept(ConfigFile(path), {"pool": {"max_open_groups": 0}})
    assert json.loads(path.read_text()) == {"pool": {"max_open_groups": 7}}


def test_a_folder_that_takes_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be written"):
        kept(ConfigFile(tmp_path / "missing" / "config.json"), {})


def test_laying_the_difference_over_the_old_gives_the_new() -> None:
    old = {"a": {"b": 1, "c": [1]}, "d": "x"}
    new = {"a": {"b": 2, "c": [1]}, "d": "x", "e": {"f": None}}
    assert difference(old, new) == {"a": {"b": 2}, "e": {"f": None}}
    assert deep_merged(old, difference(old, new)) == new


class Program:
    """What runs, and the file it was read from."""

    def __init__(self, folder: Path, *accounts: dict[str, Any]) -> None:
        self.path = folder / "config.json"
        if accounts:
            self.write(*accounts)
        self.file = ConfigFile(self.path)
        self.running = parse_config(self.file.read())

    def write(self, *accounts: dict[str, Any]) -> None:
        self.path.write_text(json.dumps({"accounts": accounts}))

    def accounts(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.path.read_text())["accounts"]
        return found

    async def change(self, *accounts: dict[str, Any], failing: Exception | None = None) -> None:
        wanted = parse_config({"accounts": accounts})
        async with self.file.change(lambda: self.running, lambda _: wanted):
            self.running = wanted
            if failing is not None:
                raise failing


async def test_accounts_edited_by_hand_meanwhile_outlive_a_change_of_another(tmp_path: Path) -> None:
    program = Program(tmp_path, PAPER, PERP, SPOT)
    by_hand = PERP | {"allowed_symbols": ["BTC/USDT:USDT"]}
    program.write(PAPER, by_hand, SPOT, {"id": "second"})
    await program.change(PAPER, PERP, {"id": "third"})
    assert program.accounts() == [PAPER, by_hand, {"id": "second"}, {"id": "third"}]


async def test_of_an_account_only_the_setting_that_changed_is_written(tmp_path: Path) -> None:
    program = Program(tmp_path, PAPER, PERP)
    by_hand = PAPER | {"allowed_symbols": ["BTC/USDT:USDT"]}
    program.write(by_hand, PERP)
    await program.change(PAPER | {"position_mode": "hedge"}, PERP)
    assert program.accounts() == [by_hand | {"position_mode": "hedge"}, PERP]


async def test_the_accounts_that_nobody_wrote_are_written_with_the_first_change(tmp_path: Path) -> None:
    program = Program(tmp_path)
    await program.change({"id": "paper"}, {"id": "paper-spot", "market_type": "spot"}, PERP)
    assert program.accounts() == [{"id": "paper"}, {"id": "paper-spot", "market_type": "spot"}, PERP]


async def test_an_account_taken_out_by_hand_is_not_written_in_part(tmp_path: Path) -> None:
    program = Program(tmp_path, PAPER, SPOT)
    program.write(SPOT)
    with pytest.raises(NotKept, match="nothing was changed: accounts: paper was taken out of the file by hand"):
        await program.change(PAPER | {"position_mode": "hedge"}, SPOT)
    assert program.accounts() == [SPOT]


async def test_what_runs_is_kept_though_the_rest_of_the_change_fails(tmp_path: Path) -> None:
    program = Program(tmp_path, PERP, SPOT)
    with pytest.raises(RuntimeError, match="locked"):
        await program.change(SPOT, failing=RuntimeError("the keyring is locked"))
    assert program.accounts() == [SPOT]


async def test_an_account_that_went_and_came_back_while_the_file_took_nothing_is_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    program = Program(tmp_path, PERP, SPOT)
    with monkeypatch.context() as patched:
        patched.setattr("app.base.config.file.write_private", full)
        with pytest.raises(NotKept, match="lost at a restart"):
            await program.change(SPOT)
    again = {"id": "perp", "venue": "bybit", "environment": "testnet"}
    await program.change(SPOT, again)
    assert program.accounts() == [SPOT, again]
