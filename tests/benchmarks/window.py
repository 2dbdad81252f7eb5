"""The window under load: how late the loop comes, how long a webhook waits, what the memory does."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tests.benchmarks.client import Connection

ROOT = Path(__file__).parents[2]
GROUPS = 200
SCREEN = "1280x720x24"
CONFIG = {
    "accounts": [{"id": "paper", "balances": {"USDT": "1000000000"}}],
    "pool": {"max_open_groups": 1000},
    "risk": {"cooldown_sec": 0, "max_slippage_percent": "100", "max_entries_per_minute": 10_000},
}


@contextmanager
def screen() -> Iterator[dict[str, str]]:
    """A virtual screen of our own; the offscreen platform where there is no Xvfb."""
    if shutil.which("Xvfb") is None:
        yield {"QT_QPA_PLATFORM": "offscreen"}
        return
    read, write = os.pipe()
    process = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", SCREEN, "-nolisten", "tcp"],
        pass_fds=[write], stderr=subprocess.DEVNULL,
    )  # fmt: skip
    os.close(write)
    with os.fdopen(read) as told:
        display = told.readline().strip()
    try:
        yield {"DISPLAY": f":{display}", "QT_QPA_PLATFORM": "xcb"}
    finally:
        process.terminate()
        process.wait(10)


class Window:
    def __init__(self, folder: Path, display: dict[str, str]) -> None:
        (folder / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        environment = {
            **os.environ,
            **display,
            "ZIGGURAT_VAULT": "file",
            "ZIGGURAT_VAULT_PASSPHRASE": "bench",
            "ZIGGURAT_PAPER_FEED": "manual",
        }
        command = [sys.executable, "-m", "tests.benchmarks.window_server", str(folder), str(time.time())]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        told = self._line()
        self.port: int = told["port"]
        self.secret: str = told["secret"]
        self.ready_sec: float = told["ready_sec"]

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def figures(self) -> dict[str, Any]:
        """Lags since the last call, memory now."""
        self._process.send_signal(signal.SIGUSR1)
        return self._line()

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(30)


Message = Callable[[str, str, str], bytes]


async def _open_groups(window: Window, bases: list[str], message: Message) -> None:
    connection = Connection(window.port)
    for number in range(GROUPS):
        await connection.post("/webhook/tradingview", message(window.secret, bases[number % len(bases)], f"w{number}"))
        await asyncio.sleep(0.02)
    connection.close()


async def _answers(window: Window, seconds: float, bases: list[str], message: Message) -> list[float]:
    """Webhooks four a second: exits of groups that are not open, recorded and answered like any."""
    connection = Connection(window.port)
    taken: list[float] = []
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        body = json.loads(message(window.secret, bases[len(taken) % len(bases)], f"x{len(taken)}"))
        body["execution_intent"] = {"type": "exit"}
        body["tv"]["action"] = "sell"
        timing = await connection.post("/webhook/tradingview", json.dumps(body).encode())
        taken.append(timing.answer_ms)
        await asyncio.sleep(0.25)
    connection.close()
    return taken


def measure(minutes: float, bases: list[str], message: Message) -> dict[str, Any]:
    """Two hundred groups, fifty prices a second, a minute of warm-up, then `minutes`."""
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        window = Window(Path(folder), display)
        asyncio.run(_open_groups(window, bases, message))
        asyncio.run(_answers(window, min(60.0, minutes * 60), bases, message))
        warm = window.figures()
        answers: list[float] = []
        lags: list[float] = []
        told = warm
        for _ in range(max(round(minutes), 1)):
            answers += asyncio.run(_answers(window, min(60.0, minutes * 60), bases, message))
            told = window.figures()
            lags += told["lags"]
        window.stop()
    return {
        "ready_sec": window.ready_sec,
        "groups": told["groups"],
        "lags": lags,
        "answers": answers,
        "memory_before_mb": warm["memory_mb"],
        "memory_after_mb": told["memory_mb"],
        "minutes": minutes,
        "screen": "Xvfb" if "DISPLAY" in display else "offscreen",
    }
