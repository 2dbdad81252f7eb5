"""Soak: a hundred groups of five legs at a fake Binance USD-M, each market moving once a second, fills at random.

`python -m tests.load.groups --minutes 10 --result docs/soak-test.json`: CPU and memory of `serve` alone, from /proc.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from app.accounts.keys import AccountVault, complete
from app.vault.open import open_vault
from tests.crash.kill_serve import VAULT, Server, commit, read_rows
from tests.support.venues.process import FakeProcess

GROUPS = 100
SYMBOLS = [f"S{number:03}/USDT:USDT" for number in range(GROUPS)]
FIRST_PRICE = 100.0
WARM_UP_SEC = 60
OPEN_EVERY_SEC = 0.7
"""Seven orders a group, of which the venue takes 1,200 a minute."""
SLICES = 10
"""Parts of a second over which the markets' moves are spread."""
WANTED_CPU_PERCENT = 50
WANTED_GROWTH_PERCENT = 5
LEVELS = [{"gap_percent": str(-gap), "weight_percent": "20", "tp_percent": "3"} for gap in range(5)]
CONFIG = {
    "accounts": [{"id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet"}],
    "pool": {"max_open_groups": 1000},
    "risk": {"cooldown_sec": 0, "max_slippage_percent": "100", "max_entries_per_minute": 10_000},
    "grid": {"default": {"levels": LEVELS, "stop_loss": {"mode": "percent", "percent": "20"}}},
}


@dataclass(frozen=True, slots=True)
class Used:
    """CPU seconds since the process began, and resident kilobytes."""

    at: float
    cpu_sec: float
    rss_kb: int


def used(pid: int) -> Used:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    status = Path(f"/proc/{pid}/status").read_text()
    rss = next(line for line in status.splitlines() if line.startswith("VmRSS"))
    return Used(time.monotonic(), (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"), int(rss.split()[1]))


class Markets:
    """Prices that wander; a few steps of a hundred are wide enough to reach a leg or a take-profit."""

    def __init__(self, seed: int) -> None:
        self._source = random.Random(seed)
        self._prices = dict.fromkeys(SYMBOLS, FIRST_PRICE)

    def step(self, symbol: str) -> str:
        width = 1.2 if self._source.random() < 0.03 else 0.05
        moved = self._prices[symbol] * (1 + self._source.uniform(-width, width) / 100)
        self._prices[symbol] = min(max(moved, FIRST_PRICE * 0.9), FIRST_PRICE * 1.1)
        return self.price(symbol)

    def price(self, symbol: str) -> str:
        return str(Decimal(self._prices[symbol]).quantize(Decimal("0.01")))


class Soak:
    def __init__(self, data_dir: Path, fake: FakeProcess, server: Server, seed: int) -> None:
        self.data_dir = data_dir
        self.fake = fake
        self.server = server
        self.markets = Markets(seed)
        self.sent = 0
        self.slowest_ms = 0.0
        self._secret = server.ask("secret show", name=None, path_token=False)
        self._client = httpx.Client(base_url=server.api)

    def open_all(self) -> None:
        for symbol in SYMBOLS:
            self.send(symbol)
            time.sleep(OPEN_EVERY_SEC)

    def send(self, symbol: str) -> None:
        body = {
            "secret": self._secret,
            "timestamp": datetime.now(UTC).isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": symbol.partition("/")[0] + "USDT.P",
                "timeframe": "60",
                "action": "buy",
                "close_price": self.markets.price(symbol),
                "order_size": "50",
            },
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
        }
        started = time.monotonic()
        self._client.post("/webhook/tradingview", json=body).raise_for_status()
        self.slowest_ms = max(self.slowest_ms, (time.monotonic() - started) * 1000)
        self.sent += 1

    def run(self, seconds: float) -> None:
        """Move every market once a second; open again what has closed, one group a second."""
        end = time.monotonic() + seconds
        beat = time.monotonic()
        while time.monotonic() < end:
            for part in range(SLICES):
                self.fake.post("/prices", {symbol: self.markets.step(symbol) for symbol in SYMBOLS[part::SLICES]})
                beat += 1 / SLICES
                time.sleep(max(beat - time.monotonic(), 0))
            missing = sorted(set(SYMBOLS) - self.open_symbols())
            if missing:
                self.send(missing[0])

    def open_symbols(self) -> set[str]:
        return {row[0] for row in read_rows(self.data_dir, "SELECT symbol FROM groups WHERE closed_at IS NULL")}

    def count(self, table: str) -> int:
        return int(read_rows(self.data_dir, f"SELECT count(*) FROM {table}")[0][0])


def soak(minutes: float, seed: int) -> dict[str, Any]:
    """Set up, a minute of warm-up, then the measured minutes."""
    prices = dict.fromkeys(SYMBOLS, str(FIRST_PRICE))
    with tempfile.TemporaryDirectory(prefix="zg") as folder, FakeProcess("binance-linear", prices) as fake:
        data_dir = Path(folder) / "d"
        data_dir.mkdir(mode=0o700)
        (data_dir / "config.json").write_text(json.dumps(CONFIG))
        keys = AccountVault(open_vault(data_dir, VAULT, None))
        keys.write("perp", complete("binance", {"api_key": "key", "secret": "secret"}))
        server = Server(data_dir, {"ZIGGURAT_EXCHANGE_URLS": json.dumps({"perp": fake.url})})
        try:
            running = Soak(data_dir, fake, server, seed)
            running.open_all()
            running.run(WARM_UP_SEC)
            opened, fills, orders = len(running.open_symbols()), running.count("fills"), running.count("orders")
            first = used(server.process.pid)
            running.run(minutes * 60)
            last = used(server.process.pid)
            return {
                "minutes": round((last.at - first.at) / 60, 1),
                "groups open at the beginning, at the end": [opened, len(running.open_symbols())],
                "price updates a second": GROUPS,
                "fills": running.count("fills") - fills,
                "orders": running.count("orders") - orders,
                "signals": running.sent,
                "slowest webhook ms": round(running.slowest_ms, 1),
                "cpu percent of one core": round(100 * (last.cpu_sec - first.cpu_sec) / (last.at - first.at), 1),
                "cpu wanted below": WANTED_CPU_PERCENT,
                "memory MB after warm-up, at the end": [round(first.rss_kb / 1024, 1), round(last.rss_kb / 1024, 1)],
                "memory growth percent": round(100 * (last.rss_kb / first.rss_kb - 1), 1),
                "memory growth wanted below": WANTED_GROWTH_PERCENT,
                "venue limits": fake.get("/limits"),
            }
        finally:
            server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.load.groups")
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--result", type=Path, default=None)
    asked = parser.parse_args()
    figures = soak(asked.minutes, asked.seed)
    result = {**figures, "finished": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
    text = json.dumps(result, indent=2) + "\n"
    if asked.result is not None:
        asked.result.write_text(text)
    print(text)
    is_good = (
        result["cpu percent of one core"] < WANTED_CPU_PERCENT
        and result["memory growth percent"] < WANTED_GROWTH_PERCENT
    )
    return 0 if is_good else 1


if __name__ == "__main__":
    sys.exit(main())
