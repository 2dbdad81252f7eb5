"""Files of the data directory are their owner's only, and are never half written."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from app.base.private_file import write_private


@pytest.fixture(autouse=True)
def _generous_mask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


def mode(path: Path) -> int:
    return path.stat().st_mode & 0o777


def test_a_new_file_is_the_owners_only(tmp_path: Path) -> None:
    file = tmp_path / "perp.json"
    write_private(file, "{}")
    assert (file.read_text(), mode(file)) == ("{}", 0o600)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text("old")
    write_private(file, "new")
    assert (file.read_text(), mode(file), list(tmp_path.iterdir())) == ("new", 0o600, [file])


def test_what_was_there_stays_where_the_new_one_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("the disk is full")

    file = tmp_path / "config.json"
    file.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="full"):
        write_private(file, "new")
    assert (file.read_text(), list(tmp_path.iterdir())) == ("old", [file])


def test_two_writers_at_once_leave_one_whole_file(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    texts = [str(number) * 50_000 for number in range(8)]
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda text: write_private(file, text), texts * 4))
    assert file.read_text() in texts
    assert list(tmp_path.iterdir()) == [file]
