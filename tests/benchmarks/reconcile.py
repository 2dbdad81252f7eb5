"""Reconciliation of an account with a thousand live orders at a fake Binance USD-M: on demand, and after a kill.

`python -m tests.benchmarks.reconcile --symbols 125`: the same orders on as many markets; Binance allows 200 a market.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from app.accounts.keys import AccountVault, complete
from app.vault.open import open_vault
from tests.crash.kill_serve import VAULT, Server, Wrong, commit
from tests.support.venues.process import FakeProcess

ORDERS = 1000
LEVELS = 7
ORDERS_OF_A_GROUP = LEVELS + 1
"""At work once the first leg has filled: the other legs, its take-profit and its stop."""
GROUPS = ORDERS // ORDERS_OF_A_GROUP
PRICE = "100"
OPEN_EVERY_SEC = 0.8
WANTED_SEC = 5.0
PATIENCE_SEC = 120.0
WEIGHT_A_MINUTE = 2400
AT_REST = 0.2
"""Of that weight: what watching 125 markets of unmoved prices and looking at the orders now and then keep in use."""
CONFIG = {
    "accounts": [{"id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet"}],
    "pool": {"max_open_groups": 1000},
    "reconcile": {"interval_sec": 3600},
    "risk": {"cooldown_sec": 0, "max_slippage_percent": "100", "max_entries_per_minute": 10_000},
    "grid": {
        "default": {
            "levels": [
                {"gap_percent": str(-gap), "weight_percent": weight, "tp_percent": "5"}
                for gap, weight in enumerate(["16", *["14"] * (LEVELS - 1)])
            ],
            "stop_loss": {"mode": "percent", "percent": "20"},
        }
    },
}


@dataclass(frozen=True, slots=True)
class Reading:
    """One reading of the account. `weight` is what our limiter counted by the documents, `requests` by path."""

    seconds: float
    weight: int
    findings: int
    requests: dict[str, int]
    refused: int


class Account:
    """`serve` with a thousand live orders on `symbols` markets."""

    def __init__(self, data_dir: Path, fake: FakeProcess, symbols: list[str]) -> None:
        self.data_dir = data_dir
        self.fake = fake
        self.symbols = symbols
        started = time.monotonic()
        self.server = self._start()
        self.empty_start_sec = round(time.monotonic() - started, 2)
        """Until `serve` has read the account while there is nothing on it."""
        self.secret = self.server.ask("secret show", name=None, path_token=False)
        self.token = self.server.ask("token create", name="judge", role="admin")

    def _start(self) -> Server:
        return Server(self.data_dir, {"ZIGGURAT_EXCHANGE_URLS": json.dumps({"perp": self.fake.url})})

    def ask(self, method: str, path: str) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = httpx.request(method, self.server.api + path, headers=headers, timeout=60)
        answer.raise_for_status()
        return answer.json()

    def perp(self) -> Any:
        return next(account for account in self.ask("GET", "/api/accounts") if account["id"] == "perp")

    def weight(self) -> int:
        return round(float(self.perp()["limits_used"]["weight"]) * WEIGHT_A_MINUTE)

    def until(self, is_so: Any, what: str, pause: float = 0.5) -> None:
        end = time.monotonic() + PATIENCE_SEC
        while not is_so():
            if time.monotonic() > end:
                raise Wrong(f"{what}: not within {PATIENCE_SEC:g} s")
            time.sleep(pause)

    def fill_up(self) -> None:
        """Open groups, a strategy each, until a thousand orders are live; then wait for the budgets."""
        for number in range(GROUPS):
            self._send(self.symbols[number % len(self.symbols)], f"s{number}")
            time.sleep(OPEN_EVERY_SEC)
        self.until(lambda: self.live() == ORDERS, "a thousand live orders")
        self.rest()

    def rest(self) -> None:
        before = self._asked()
        try:
            self.until(lambda: self.weight() <= WEIGHT_A_MINUTE * AT_REST, "the budgets' refilling")
        except Wrong as wrong:
            raise Wrong(f"{wrong}; asked meanwhile: {dict(self._asked() - before)}") from None

    def live(self) -> int:
        return sum(bool(order["is_live"]) for order in self.fake.get("/book")["orders"])

    def _send(self, symbol: str, strategy: str) -> None:
        body = {
            "secret": self.secret,
            "timestamp": datetime.now(UTC).isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": symbol.partition("/")[0] + "USDT.P",
                "timeframe": "60",
                "action": "buy",
                "close_price": PRICE,
                "order_size": "60",
            },
            "strategy_info": {"strategy_id": strategy},
            "execution_intent": {"type": "signal", "position_size_type": "quote"},
        }
        httpx.post(f"{self.server.api}/webhook/tradingview", json=body).raise_for_status()

    def reconcile(self) -> Reading:
        """On demand, over the API."""
        before, weight, started = self._asked(), self.weight(), time.monotonic()
        report = self.ask("POST", "/api/execution/reconcile")
        seconds = time.monotonic() - started
        if report["failed"]:
            raise Wrong(f"not reconciled: {report['failed']}")
        return self._reading(seconds, weight, len(report["findings"]), before)

    def start_again(self) -> Reading:
        """After a kill: from the process's start until the account has been read."""
        self.server.kill()
        before, started = self._asked(), time.monotonic()
        self.server = self._start()
        self.until(lambda: not self.perp()["stale"] and self.perp()["last_reconciled_at"], "the first reading", 0.02)
        return self._reading(time.monotonic() - started, 0, 0, before)

    def _asked(self) -> Counter[str]:
        return Counter(f"{item['method']} {item['path']}" for item in self.fake.get("/requests"))

    def _reading(self, seconds: float, weight: int, findings: int, before: Counter[str]) -> Reading:
        used = self.weight() - weight
        requests = dict((self._asked() - before).most_common())
        refused = int(self.fake.get("/limits")["refused"])
        return Reading(round(seconds, 2), used, findings, requests, refused)


def measure(markets: int, rounds: int) -> dict[str, Any]:
    """Figures of the readings on demand and of one after a kill."""
    symbols = [f"R{number:03}/USDT:USDT" for number in range(markets)]
    with (
        tempfile.TemporaryDirectory(prefix="zg") as folder,
        FakeProcess("binance-linear", dict.fromkeys(symbols, PRICE)) as fake,
    ):
        data_dir = Path(folder) / "d"
        data_dir.mkdir(mode=0o700)
        (data_dir / "config.json").write_text(json.dumps(CONFIG))
        keys = AccountVault(open_vault(data_dir, VAULT, None))
        keys.write("perp", complete("binance", {"api_key": "key", "secret": "secret"}))
        account = Account(data_dir, fake, symbols)
        try:
            account.fill_up()
            readings = []
            for _ in range(rounds):
                readings.append(account.reconcile())
                account.rest()
            start = account.start_again()
            if account.live() != ORDERS:
                raise Wrong(f"{account.live()} orders are live after the start, not {ORDERS}")
            return {
                "live orders": ORDERS,
                "markets": markets,
                "seconds wanted below": WANTED_SEC,
                "weight allowed a minute": WEIGHT_A_MINUTE,
                "on demand": [asdict(reading) for reading in readings],
                "after a kill": asdict(start),
                "start on the empty account": account.empty_start_sec,
            }
        finally:
            account.server.kill()


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.reconcile")
    parser.add_argument("--symbols", type=int, default=GROUPS)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--result", type=Path, default=None)
    asked = parser.parse_args()
    measured = measure(asked.symbols, asked.rounds)
    figures = {**measured, "finished": datetime.now(UTC).isoformat(timespec="seconds"), "commit": commit()}
    text = json.dumps(figures, indent=2) + "\n"
    if asked.result is not None:
        asked.result.write_text(text, encoding="utf-8")
    print(text)
    start = figures["after a kill"]["seconds"] - figures["start on the empty account"]
    slowest = max(start, *(reading["seconds"] for reading in figures["on demand"]))
    return 0 if slowest < WANTED_SEC else 1


if __name__ == "__main__":
    sys.exit(main())
