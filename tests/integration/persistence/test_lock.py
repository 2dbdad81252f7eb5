from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from app.base.errors import OperatorActionNeeded
from app.persistence.lock import SingleInstance

_HOLDER = """
import sys
from pathlib import Path
from app.persistence.lock import SingleInstance
lock = SingleInstance(Path(sys.argv[1]))
lock.acquire()
print("held", flush=True)
sys.stdin.read()
"""


def test_a_second_process_is_refused_by_the_firsts_id_and_let_in_once_that_is_killed(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(OperatorActionNeeded, match=f"process {holder.pid}"):
            SingleInstance(tmp_path).acquire()
        holder.send_signal(signal.SIGKILL)
        holder.wait(10)
        with SingleInstance(tmp_path):
            assert (tmp_path / "ziggurat.lock").read_text() == str(os.getpid())


def test_a_lock_that_was_released_can_be_taken_again(tmp_path: Path) -> None:
    first = SingleInstance(tmp_path)
    first.acquire()
    with pytest.raises(OperatorActionNeeded, match="already running"):
        SingleInstance(tmp_path).acquire()
    first.release()
    first.release()
    with SingleInstance(tmp_path):
        pass


def test_the_data_directory_is_for_its_owner_only(tmp_path: Path) -> None:
    fresh, loose = tmp_path / "made" / "here", tmp_path / "loose"
    loose.mkdir(mode=0o755)
    for folder in (fresh, loose):
        with SingleInstance(folder):
            assert stat.S_IMODE(folder.stat().st_mode) == 0o700
            assert stat.S_IMODE((folder / "ziggurat.lock").stat().st_mode) == 0o600


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OperatorActionNeeded, match="cannot be used"):
        SingleInstance(tmp_path / "file").acquire()
