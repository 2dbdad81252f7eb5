"""The window in a process of its own: a newcomer's way, loop turns, the commands that open it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.gui import formats

ROOT = Path(__file__).parents[3]
SCREENS = {"DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM"}
OFFSCREEN = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
pytestmark = pytest.mark.timeout(400)


def run(module: str, *arguments: str) -> dict[str, Any]:
    command = [sys.executable, "-m", f"tests.integration.gui.{module}", *arguments]
    done = subprocess.run(command, cwd=ROOT, env=OFFSCREEN, capture_output=True, text=True, timeout=360, check=False)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]
    assert "Traceback" not in done.stdout + done.stderr
    seen: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return seen


def test_a_newcomer_gets_from_an_empty_home_to_a_closed_trade(tmp_path: Path) -> None:
    seen = run("newcomer", str(tmp_path))
    assert seen["first start"]
    assert seen["address"].startswith("http://127.0.0.1:")
    assert seen["test"].startswith("Executed: ")
    assert {"Signal accepted", "Grid", "Leg 0 filled"} <= set(seen["trace"])
    assert (seen["view"], seen["symbol"]) == ("positions", "BTC/USDT:USDT")
    assert seen["notice"].startswith("BTC 1h closed by hand, ")
    assert seen["realised"] == formats.signed_money(Decimal(seen["engine"]))


def test_turns_of_the_loop_do_not_wear_out_none_and_true() -> None:
    moved = run("loop_turns")
    assert abs(moved["none"]) < 500
    assert abs(moved["true"]) < 500


def test_without_a_display_the_window_says_so_and_offers_serve(tmp_path: Path) -> None:
    bare = {name: value for name, value in os.environ.items() if name not in SCREENS}
    done = subprocess.run(
        [sys.executable, "-m", "app", "--data-dir", str(tmp_path)],
        cwd=ROOT, env=bare, capture_output=True, text=True, timeout=360, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "serve" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_demo_opens_and_ends_when_told(tmp_path: Path) -> None:
    environment = {**OFFSCREEN, "TMPDIR": str(tmp_path)}
    process = subprocess.Popen(
        [sys.executable, "-m", "app", "demo"], cwd=ROOT, env=environment, stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    told: list[str] = []
    with process, process.stdout:
        for line in process.stdout:
            told.append(line)
            if "status=202" in line:
                break
        process.send_signal(signal.SIGTERM)
        told += process.stdout
        assert process.wait(90) == 0, "".join(told)
    assert "Traceback" not in "".join(told)
    assert list(tmp_path.glob("ziggurat-*")) == []
