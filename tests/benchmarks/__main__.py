"""`dev.py bench [--write]`: p50 and p99 of the main job, beside a bare route, in one run.

With `--write` the figures go to `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from app.base.config.grid import GridSettings
from app.domain.grid import plan_legs
from app.domain.market import MarketRules
from app.domain.values import MarketType, Side
from app.replay.model import parse_scenario
from app.replay.runner import replay
from tests.benchmarks import engine, orders, window
from tests.benchmarks.client import Connection, Timing

ROOT = Path(__file__).parents[2]
RESULT = ROOT / "docs" / "performance.md"
PATH = "/webhook/tradingview"
BASES = (
    "BTC ETH SOL BNB XRP ADA DOGE TRX AVAX LINK DOT LTC BCH UNI ATOM ETC XLM NEAR APT ARB OP SUI INJ AAVE FIL ICP HBAR "
    "VET ALGO SAND MANA AXS GRT CRV RUNE TIA SEI WLD TON ENA AAA BBB CCC DDD EEE FFF GGG HHH JJJ KKK"
).split()
CONFIG = {
    "accounts": [{"id": "paper", "balances": {"USDT": "1000000000"}}],
    "pool": {"max_open_groups": 1000},
    "risk": {"cooldown_sec": 0, "max_slippage_percent": "100", "max_entries_per_minute": 10_000},
}


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    ordered = sorted(values)
    return statistics.median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


class Server:
    def __init__(self, folder: Path) -> None:
        (folder / "config.json").write_text(json.dumps(CONFIG))
        environment = {
            **os.environ,
            "ZIGGURAT_VAULT": "file",
            "ZIGGURAT_VAULT_PASSPHRASE": "bench",
            "ZIGGURAT_PAPER_FEED": "random_walk",
        }
        command = [sys.executable, "-m", "tests.benchmarks.server", str(folder)]
        self._process = subprocess.Popen(
            command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        told = self._line()
        self.port: int = told["port"]
        self.secret: str = told["secret"]

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        answer: dict[str, Any] = json.loads(self._process.stdout.readline())
        return answer

    def stop(self) -> dict[str, Any]:
        self._process.send_signal(signal.SIGTERM)
        told = self._line()
        self._process.wait(20)
        return told

    def message(self, base: str, strategy: str) -> bytes:
        return signal_message(self.secret, base, strategy)


def signal_message(secret: str, base: str, strategy: str) -> bytes:
    """An entry of its own identity: `strategy` tells it from others of the same market."""
    body = {
        "secret": secret,
        "source": "tradingview",
        "timestamp": datetime.now(UTC).isoformat(),
        "tv": {
            "exchange": "BINANCE",
            "symbol": f"{base}USDT.P",
            "timeframe": "60",
            "action": "buy",
            "close_price": "100",
            "order_size": "1000",
        },
        "strategy_info": {"strategy_id": strategy},
        "execution_intent": {"type": "signal", "position_size_type": "quote"},
    }
    return json.dumps(body).encode()


async def measured_signals(server: Server, rounds: int) -> dict[str, Any]:
    connection = Connection(server.port)
    for base in BASES:
        await connection.post(PATH, server.message(base, "warm"))
    await asyncio.sleep(2)
    spaced: list[Timing] = []
    for index in range(rounds):
        timing = await connection.post(PATH, server.message(BASES[index % len(BASES)], f"s{index}"))
        spaced.append(timing)
        await asyncio.sleep(0.05)
    close = [
        await connection.post(PATH, server.message(BASES[index % len(BASES)], f"c{index}")) for index in range(rounds)
    ]
    await asyncio.sleep(1)
    burst = await _burst(server)
    connection.close()
    return {"spaced": spaced, "close": close, "burst": burst}


async def _burst(server: Server) -> list[Timing]:
    places = asyncio.Semaphore(64)

    async def one(index: int) -> Timing:
        async with places:
            connection = Connection(server.port)
            try:
                return await connection.post(PATH, server.message(BASES[index % len(BASES)], f"b{index}"))
            finally:
                connection.close()

    return await asyncio.gather(*(one(index) for index in range(200)))


def measured_floor(rounds: int) -> tuple[list[Timing], list[Timing]]:
    with tempfile.TemporaryDirectory() as folder, socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port = sock.getsockname()[1]
        sock.close()
        process = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.bare", folder, str(port)], cwd=ROOT)
        try:
            return asyncio.run(_floor(port, rounds))
        finally:
            process.kill()


async def _floor(port: int, rounds: int) -> tuple[list[Timing], list[Timing]]:
    connection = await _answering(port)
    body = b"x" * 400
    spaced: list[Timing] = []
    for _ in range(rounds):
        timing = await connection.post("/", body)
        spaced.append(timing)
        await asyncio.sleep(0.05)
    close = [await connection.post("/", body) for _ in range(rounds)]
    connection.close()
    return spaced, close


async def _answering(port: int) -> Connection:
    while True:
        connection = Connection(port)
        try:
            await connection.post("/", b"hello")
        except OSError:
            await asyncio.sleep(0.1)
        else:
            return connection


def grid_of_seven() -> tuple[float, float]:
    """Microseconds to plan seven legs."""
    levels = [
        {"gap_percent": -index, "weight_percent": weight, "tp_percent": 1}
        for index, weight in enumerate([16, *[14] * 6])
    ]
    settings = GridSettings.model_validate({"levels": levels})
    tick, step = Decimal("0.1"), Decimal("0.00001")
    rules = MarketRules("BTC/USDT:USDT", MarketType.LINEAR, "BTC", "USDT", tick, step, step, Decimal(5))
    taken: list[float] = []
    for _ in range(2000):
        started = time.perf_counter_ns()
        plan_legs(settings, rules, Side.LONG, 0, Decimal(100_000), Decimal(5000), None)
        taken.append((time.perf_counter_ns() - started) / 1000)
    return percentiles(taken)


def price_steps() -> float:
    """Seconds for 10,000 price steps over 20 open groups."""
    symbols = [f"{base}/USDT:USDT" for base in BASES[:20]]
    markets = "\n".join(
        f'  "{symbol}": {{tick_size: "0.01", step_size: "0.001", min_notional: "5", price: "100"}}'
        for symbol in symbols
    )
    signals = "\n".join(
        f"  - {{at: 0, signal: {{action: buy, symbol: {base}USDT.P, price: 100, size: 500, size_type: quote}}}}"
        for base in BASES[:20]
    )
    walk = "random_walk: {steps: 500, volatility: '0.05', every: 1}"
    walks = "\n".join(f'  - {{at: 1, prices: {{market: "{symbol}", {walk}}}}}' for symbol in symbols)
    config = "config: {pool: {max_open_groups: 20}}"
    text = f"name: price steps\nmarkets:\n{markets}\n{config}\nsteps:\n{signals}\n{walks}\n"
    started = time.perf_counter()
    result = replay(parse_scenario(text, "price steps"), ROOT)
    if not result.ok:
        raise AssertionError(result.document["invariant_violations"][:3])
    return time.perf_counter() - started


def main() -> int:
    parser = argparse.ArgumentParser(prog="bench")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--window-minutes", type=float, default=1, help="0 leaves the window out")
    parser.add_argument("--write", action="store_true", help="write docs/performance.md")
    options = parser.parse_args()
    decisions = percentiles(engine.select()), percentiles(engine.evaluate())
    with tempfile.TemporaryDirectory() as folder:
        server = Server(Path(folder))
        measured = asyncio.run(measured_signals(server, options.rounds))
        told = server.stop()
    floor_spaced, floor_close = measured_floor(options.rounds)
    at_venue = orders.measure(list(BASES), options.rounds, signal_message)
    shown = window.measure(options.window_minutes, BASES, signal_message) if options.window_minutes else None
    floors = (floor_spaced, floor_close)
    report = _report(options.rounds, measured, told, floors, decisions, orders.lines(at_venue, percentiles), shown)
    print(report)
    if options.write:
        RESULT.write_text(report)
    return 0


def _report(
    rounds: int,
    measured: dict[str, Any],
    told: dict[str, Any],
    floor: tuple[list[Timing], list[Timing]],
    decisions: tuple[tuple[float, float], tuple[float, float]],
    at_venue: list[str],
    shown: dict[str, Any] | None,
) -> str:
    spaced, close, burst = measured["spaced"], measured["close"], measured["burst"]
    refused = [timing.status for timing in (*spaced, *close, *burst) if timing.status != 202]
    arrivals = told["arrivals"][len(BASES) :]
    rows = []
    for name, timings, bare, offset in (
        ("spaced 50 ms", spaced, floor[0], 0),
        ("back to back", close, floor[1], rounds),
    ):
        answer = percentiles([timing.answer_ms for timing in timings])
        base = percentiles([timing.answer_ms for timing in bare])
        first = percentiles([(arrivals[offset + index] - timing.sent_ns) / 1e6 for index, timing in enumerate(timings)])
        rows.append(
            f"| {name} | {answer[0]:.2f} / {answer[1]:.2f} | {first[0]:.2f} / {first[1]:.2f} | "
            f"{first[0]:.2f} / {first[1]:.2f} | {base[0]:.2f} / {base[1]:.2f} | {answer[0] / base[0]:.1f} |"
        )
    grid, steps = grid_of_seven(), price_steps()
    selection, looking = decisions
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    ).stdout.strip()
    slowest = max(timing.answer_ms for timing in burst)
    return "\n".join(
        [
            "# Performance",
            "",
            "Written by `python3 build_scripts/dev.py bench --write`. Milliseconds, p50 / p99, on disk with",
            "`synchronous=FULL`, 50 groups ticking once a second; the client is another process on the same machine.",
            "The paper exchange takes a grid as one batch, so its first and its fifth order arrive together. The last",
            "column is the answer's p50 over that of a bare uvicorn route that commits one SQLite row in the same run.",
            "",
            "| requests | webhook → answer | → first order at the port | → fifth | bare route | ratio |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            f"- Burst of 200 different signals, 64 at a time: slowest answer {slowest:.0f} ms, "
            f"{len(told['arrivals']) - len(BASES) - 2 * rounds} of 200 at the port, {len(refused)} not accepted.",
            f"- Grid of seven legs: {grid[0]:.0f} / {grid[1]:.0f} µs.",
            f"- Replay of 10,000 price steps over 20 open groups: {steps:.1f} s.",
            f"- The best of 1,000 queued signals after every price moved, with the slot check: "
            f"{selection[0]:.2f} / {selection[1]:.2f} ms.",
            f"- 500 open groups assessed, a plan made, every limit looked at: {looking[0]:.1f} / {looking[1]:.1f} ms.",
            "",
            *at_venue,
            *(_window_lines(shown) if shown is not None else ()),
            f"{rounds} rounds each, {told['groups']} groups open at the end; Python {platform.python_version()}, "
            f"{os.cpu_count()} cores, commit {commit}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC.",
            "",
        ]
    )


def _window_lines(shown: dict[str, Any]) -> list[str]:
    lag, answer = percentiles(shown["lags"]), percentiles(shown["answers"])
    before, after = shown["memory_before_mb"], shown["memory_after_mb"]
    return [
        "## With the window",
        "",
        f"Positions visible ({shown['screen']}), {shown['groups']} open groups, fifty prices and four webhooks",
        f"a second, {shown['minutes']:g} minutes after a minute of warm-up. Milliseconds, p50 / p99.",
        "",
        f"- From the start of the process to the usable window: {shown['ready_sec']:.1f} s.",
        f"- Event loop late by {lag[0]:.2f} / {lag[1]:.2f} ({len(shown['lags'])} samples, "
        f"worst {max(shown['lags']):.1f}).",
        f"- Webhook → answer {answer[0]:.2f} / {answer[1]:.2f} ({len(shown['answers'])} requests).",
        f"- Memory {before:.0f} → {after:.0f} MB ({(after / before - 1) * 100:+.1f} %).",
        "",
    ]


if __name__ == "__main__":
    sys.exit(main())
