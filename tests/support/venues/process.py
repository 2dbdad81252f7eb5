"""A fake venue in a process of its own, which outlives the application that trades on it."""

from __future__ import annotations

import re
import signal
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).parents[3]
_TOLD = re.compile(r"on (http://\S+), control on (http://\S+)")
PATIENCE_SEC = 30.0


class FakeProcess:
    """As a context: `url` is the venue, `control` takes what `control.py` knows. `prices` are by market.

    RuntimeError where it does not start.
    """

    def __init__(self, venue: str, prices: Mapping[str, str], *arguments: str) -> None:
        command = [
            sys.executable,
            "-m",
            "tests.support.venues",
            venue,
            "--port",
            "0",
            "--control-port",
            "0",
            *arguments,
        ]
        for symbol, price in prices.items():
            command += ["--price", f"{symbol}={price}"]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        told = _TOLD.search(line)
        if told is None:
            self.end()
            raise RuntimeError(f"the fake did not start: {line!r}")
        self.url, self.control = told.groups()
        self._client = httpx.Client(base_url=self.control, timeout=PATIENCE_SEC)

    def __enter__(self) -> FakeProcess:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()
        self.end()

    def end(self) -> None:
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def post(self, route: str, body: Mapping[str, Any] | None = None) -> None:
        self._client.post(route, json=body or {}).raise_for_status()

    def get(self, route: str) -> Any:
        answer = self._client.get(route)
        answer.raise_for_status()
        return answer.json()
