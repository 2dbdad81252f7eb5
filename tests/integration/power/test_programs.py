"""Real programs: they end with us, however we end."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from app.power.child import ChildStayAwake, ProgramChild

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="Windows holds off sleep without a program")
HOLDER = """
import sys
from app.power.child import ProgramChild, systemd_inhibit
child = ProgramChild(systemd_inhibit("a test"))
print("held", flush=True)
sys.stdin.read()
"""
STAND_IN = """#!/bin/sh
exec 3> "$PIPE"
for last; do :; done
"$last" && exit
"""
"""Runs what it is given last, as systemd-inhibit does, and holds `PIPE` open while it lives."""


async def test_a_program_runs_until_it_is_let_go() -> None:
    awake = ChildStayAwake(lambda _: ("cat",))
    await awake.hold("a test")
    assert awake.held
    await awake.release()
    assert not awake.held


async def test_a_program_that_is_not_there_holds_nothing() -> None:
    awake = ChildStayAwake(lambda _: ("ziggurat-has-no-such-program",))
    await awake.hold("a test")
    assert not awake.held


async def test_a_program_that_fails_holds_nothing() -> None:
    child = ProgramChild(("false",))
    child.end()
    assert not child.runs()


def test_h34_a_hold_ends_with_a_process_that_is_killed(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    program = tmp_path / "systemd-inhibit"
    program.write_text(STAND_IN)
    program.chmod(0o700)
    environ = os.environ | {
        "PATH": f"{tmp_path}:{os.environ['PATH']}",
        "PIPE": str(pipe),
        "PYTHONPATH": str(Path.cwd()),
    }
    with (
        subprocess.Popen(
            (sys.executable, "-c", HOLDER), env=environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE
        ) as holder,
        pipe.open("rb") as alive,
    ):
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        holder.kill()
        assert alive.read() == b""  # it ends when the last of its writers has
