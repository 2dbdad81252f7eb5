"""The configuration file is changed whole or not at all."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest

from app.base.config import ConfigError
from app.base.config.file import ConfigFile
from app.base.config.tree import deep_merged, difference


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
