"""Webhook sent → order's bytes at a fake Binance USD-M, beside the floor that any program over ccxt pays."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain import client_order_id
from app.domain.values import OrderRole
from tests.benchmarks.client import Connection
from tests.benchmarks.window import screen

ROOT = Path(__file__).parents[2]
SPACE_SEC = 0.05
LEGS = 5
WARM = 20
CONFIG = {
    "accounts": [{"id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet"}],
    "pool": {"max_open_groups": 1000},
    "risk": {"cooldown_sec": 0, "max_slippage_percent": "100", "max_entries_per_minute": 10_000},
}


@dataclass(frozen=True, slots=True)
class Rounds:
    """Milliseconds from the webhook's sending, one a round."""

    first: list[float]
    last: list[float]
    answer: list[float]


class Child:
    """A process that tells one line of JSON when it is ready."""

    def __init__(self, module: str, *arguments: str, environment: dict[str, str] | None = None) -> None:
        command = [sys.executable, "-m", module, *arguments]
        env = {**os.environ, **(environment or {})}
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        self.told = self.line()

    def line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def end(self) -> None:
        self._process.send_signal(signal.SIGTERM)

    def wait(self) -> None:
        self._process.wait(30)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


def server_environment(url: str) -> dict[str, str]:
    return {
        "ZIGGURAT_VAULT": "file",
        "ZIGGURAT_VAULT_PASSPHRASE": "bench",
        "ZIGGURAT_PAPER_FEED": "manual",
        "ZIGGURAT_EXCHANGE_URLS": json.dumps({"perp": url}),
    }


async def _send(port: int, path: str, bodies: Sequence[bytes], pause: float) -> list[tuple[int, float]]:
    """When each was sent, in nanoseconds, and how long its answer took."""
    connection = Connection(port)
    sent = []
    for body in bodies:
        timing = await connection.post(path, body)
        if timing.status != 202:
            raise AssertionError(f"answered {timing.status}")
        sent.append((timing.sent_ns, timing.answer_ms))
        await asyncio.sleep(pause)
    await asyncio.sleep(1)
    connection.close()
    return sent


def measure_floor(bases: list[str], rounds: int) -> tuple[Rounds, Rounds]:
    """Spaced and back to back."""
    with tempfile.TemporaryDirectory() as folder:
        fake = Child("tests.benchmarks.orders_fake", ",".join(bases))
        floor = Child("tests.benchmarks.orders_floor", folder, fake.told["url"])
        names = [f"floor{number}" for number in range(WARM + 2 * rounds)]
        bodies = [json.dumps({"id": name, "symbol": "BTC/USDT:USDT", "pad": "x" * 300}).encode() for name in names]
        sent = _run(floor.told["port"], "/", bodies, rounds)
        floor.kill()
        fake.end()
        arrived = {client_id: at for at, ids in fake.line()["arrivals"] for client_id in ids}
        fake.wait()
    times = [[arrived[name]] for name in names[WARM:]]
    return _split(sent, times, rounds)


def measure_server(bases: list[str], rounds: int, message: Any, *, window: bool) -> tuple[Rounds, Rounds]:
    """Spaced and back to back: the application, with the window or without."""
    with tempfile.TemporaryDirectory() as folder, screen() as display:
        (Path(folder) / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
        fake = Child("tests.benchmarks.orders_fake", ",".join(bases))
        environment = {**server_environment(fake.told["url"]), **(display if window else {})}
        kind = ["window"] if window else []
        server = Child("tests.benchmarks.orders_server", folder, *kind, environment=environment)
        port, secret = server.told["port"], server.told["secret"]
        asyncio.run(_send(port, "/webhook/tradingview", [message(secret, base, "known") for base in bases], 0.1))
        bodies = [message(secret, bases[number % len(bases)], f"r{number}") for number in range(WARM + 2 * rounds)]
        sent = _run(port, "/webhook/tradingview", bodies, rounds)
        server.end()
        server.wait()
        fake.end()
        entries = _entries(fake.line()["arrivals"])[len(bases) + WARM :]
        fake.wait()
    return _split(sent, entries, rounds)


def _run(port: int, path: str, bodies: list[bytes], rounds: int) -> list[tuple[int, float]]:
    asyncio.run(_send(port, path, bodies[:WARM], SPACE_SEC))
    spaced = asyncio.run(_send(port, path, bodies[WARM : WARM + rounds], SPACE_SEC))
    return spaced + asyncio.run(_send(port, path, bodies[WARM + rounds :], 0))


def _entries(arrivals: list[Any]) -> list[list[int]]:
    """The arrivals of each group's entries, the groups in the order in which they came."""
    groups: dict[str, list[int]] = {}
    for at, ids in arrivals:
        for client_id in ids:
            address = client_order_id.decode(client_id)
            if address is not None and address.role is OrderRole.ENTRY:
                groups.setdefault(address.group_id, []).append(at)
    short = [times for times in groups.values() if len(times) != LEGS]
    if short:
        raise AssertionError(f"{len(short)} grids did not arrive whole")
    return list(groups.values())


def _split(sent: list[tuple[int, float]], times: list[list[int]], rounds: int) -> tuple[Rounds, Rounds]:
    if len(sent) != len(times):
        raise AssertionError(f"{len(sent)} webhooks, {len(times)} grids")
    rows = [((min(at) - ns) / 1e6, (max(at) - ns) / 1e6, answer) for (ns, answer), at in zip(sent, times, strict=True)]

    def of(part: list[tuple[float, float, float]]) -> Rounds:
        return Rounds([row[0] for row in part], [row[1] for row in part], [row[2] for row in part])

    return of(rows[:rounds]), of(rows[rounds:])


def measure(bases: list[str], rounds: int, message: Any) -> dict[str, tuple[Rounds, Rounds]]:
    """Who was measured, spaced and back to back."""
    return {
        "floor": measure_floor(bases, rounds),
        "serve": measure_server(bases, rounds, message, window=False),
        "window": measure_server(bases, rounds, message, window=True),
    }


def lines(results: dict[str, tuple[Rounds, Rounds]], percentiles: Any) -> list[str]:
    """A table of p50 / p99."""
    told = [
        "## At an exchange",
        "",
        "From the webhook's sending to the order's bytes at a fake Binance USD-M in a process of its own, over real",
        "HTTP, by ccxt; a grid of five legs goes as one batch, so that its first and its last order arrive together.",
        "The floor is an aiohttp route that commits one SQLite row and sends one order by ccxt. The venue's order",
        "limits are lifted here, for a few seconds of this would use them up; nothing else is left out.",
        "",
        "| who | requests | → first order's bytes | → last of five | webhook → answer |",
        "|---|---|---|---|---|",
    ]
    for name, pair in results.items():
        for kind, rounds in zip(("spaced 50 ms", "back to back"), pair, strict=True):
            cells = (
                f"{p50:.2f} / {p99:.2f}" for p50, p99 in map(percentiles, (rounds.first, rounds.last, rounds.answer))
            )
            told.append(f"| {name} | {kind} | {' | '.join(cells)} |")
    return [*told, ""]


def main() -> int:
    from tests.benchmarks.__main__ import BASES, percentiles, signal_message

    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.orders")
    parser.add_argument("--rounds", type=int, default=200)
    options = parser.parse_args()
    print("\n".join(lines(measure(list(BASES), options.rounds, signal_message), percentiles)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
