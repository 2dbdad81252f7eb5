"""Kills `serve` with SIGKILL while it trades at a fake Binance that lives on, and judges by the fake's book.

`python -m tests.crash.kill_wire --rounds 200 --seed 1 --jobs 2 --result docs/crash-test-wire.json`
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from app.accounts.keys import AccountVault, complete
from app.vault.open import open_vault
from tests.crash.kill_serve import ANSWER_SEC, VAULT, Server, Wrong, commit
from tests.crash.wire_books import Books
from tests.support.venues.process import FakeProcess

ROUNDS_OF_A_LIFE = 5
"""Rounds that follow each other on one data directory and one venue."""
STIR_SEC = (0.2, 2.0)
SETTLE_SEC = 120.0
PRICES = {"SOL/USDT:USDT": "200", "LINK/USDT:USDT": "20", "LTC/USDT:USDT": "100"}
CONFIG = {
    "accounts": [{"id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet"}],
    "order": {"timeout_sec": 1, "unknown_grace_sec": 1},
    "protection": {"monitor_interval_sec": 1},
    "reconcile": {"interval_sec": 15, "confirm_after_sec": 1},
    "risk": {
        "cooldown_sec": 0,
        "max_slippage_percent": "100",
        "max_entries_per_minute": 1000,
        "max_protection_failures": None,
    },
    "grid": {
        "default": {
            "levels": [
                {"gap_percent": "0", "weight_percent": "40", "tp_percent": "1"},
                {"gap_percent": "-0.5", "weight_percent": "30", "tp_percent": "0.8"},
                {"gap_percent": "-1", "weight_percent": "30", "tp_percent": "1.2"},
            ],
            "stop_loss": {"mode": "percent", "percent": "3"},
        }
    },
}
FAULTS: tuple[Mapping[str, str], ...] = (
    {"kind": "lost_after", "method": "POST", "path": "/order"},
    {"kind": "error_after", "method": "POST", "path": "/order"},
    {"kind": "hang_after", "method": "POST", "path": "/order"},
    {"kind": "error_before", "method": "POST", "path": "/order"},
    {"kind": "lost_after", "method": "POST", "path": "/batchOrders"},
    {"kind": "error_after", "method": "POST", "path": "/batchOrders"},
    {"kind": "lost_before", "method": "POST", "path": "/batchOrders"},
    {"kind": "lost_after", "method": "POST", "path": "/algoOrder"},
    {"kind": "error_after", "method": "POST", "path": "/algoOrder"},
    {"kind": "lost_after", "method": "DELETE", "path": "/order"},
    {"kind": "error_after", "method": "DELETE", "path": "/algoOrder"},
    {"kind": "duplicate_events"},
    {"kind": "reorder_events"},
    {"kind": "drop_events"},
)


@dataclass(frozen=True, slots=True)
class Round:
    seed: int
    number: int
    stirred_sec: float
    acknowledged: int
    faults: int
    orders: int
    filled: int
    groups: int
    settled_sec: float


class Life:
    """One venue and one data directory, with `serve` killed and started again on them."""

    def __init__(self, seed: int, folder: Path, fake: FakeProcess) -> None:
        self.seed = seed
        self.source = random.Random(seed)
        self.fake = fake
        self.data_dir = folder / "d"
        self.data_dir.mkdir(mode=0o700)
        (self.data_dir / "config.json").write_text(json.dumps(CONFIG))
        keys = AccountVault(open_vault(self.data_dir, VAULT, None))
        keys.write("perp", complete("binance", {"api_key": "key", "secret": "secret"}))
        self.prices = {symbol: Decimal(price) for symbol, price in PRICES.items()}
        self.acknowledged: list[str] = []
        self.faults = 0
        self.server = self._start()
        self.secret = self.server.ask("secret show", name=None, path_token=False)
        self.token = self.server.ask("token create", name="judge", role="admin")

    def _start(self) -> Server:
        return Server(self.data_dir, {"ZIGGURAT_EXCHANGE_URLS": json.dumps({"perp": self.fake.url})})

    def round(self, number: int) -> Round:
        """Stir, kill, start, wait until the books are equal. Wrong where they never are."""
        self.faults = 0
        self._until_ready()
        seconds = self.source.uniform(*STIR_SEC)
        before = len(self.acknowledged)
        asyncio.run(self._stir_and_kill(seconds))
        self.server.kill()
        for _ in range(self.source.randrange(4)):
            self.fake.post("/prices", self._step(self.source))
        self.server = self._start()
        if self.source.random() < 0.7:
            self.fake.post("/clear")
        started = time.monotonic()
        books = self._settle(number)
        return Round(
            seed=self.seed,
            number=number,
            stirred_sec=round(seconds, 2),
            acknowledged=len(self.acknowledged) - before,
            faults=self.faults,
            orders=len(books.venue),
            filled=sum(Decimal(order["filled"]) > 0 for order in books.venue),
            groups=len({key[0] for key, leg in books.legs.items() if leg.is_open}),
            settled_sec=round(time.monotonic() - started, 1),
        )

    # ------------------------------------------------------------------ what happens

    async def _stir_and_kill(self, seconds: float) -> None:
        """Everything at once for so long, then SIGKILL while requests are under way."""
        async with httpx.AsyncClient(timeout=ANSWER_SEC) as client:
            doing: set[asyncio.Task[None]] = set()
            end = time.monotonic() + seconds
            while (left := end - time.monotonic()) > 0:
                doing.add(asyncio.create_task(self._act(client)))
                await asyncio.sleep(min(left, self.source.uniform(0.005, 0.08)))
            self.server.process.kill()
            await asyncio.gather(*doing)

    async def _act(self, client: httpx.AsyncClient) -> None:
        chance = self.source.random()
        if chance < 0.45:
            await client.post(f"{self.fake.control}/prices", json=self._step(self.source))
        elif chance < 0.65:
            await self._send(client)
        elif chance < 0.97:
            self.faults += 1
            await client.post(f"{self.fake.control}/fault", json=dict(self.source.choice(FAULTS)))
        else:
            await client.post(f"{self.fake.control}/cut")

    def _step(self, source: random.Random) -> dict[str, str]:
        """A small move of one market, now and then one through take-profits or stops."""
        symbol = source.choice(list(PRICES))
        width = source.choice((0.3, 0.3, 0.6, 0.6, 1.5, 4.0))
        moved = self.prices[symbol] * (1 + Decimal(str(round(source.uniform(-width, width), 2))) / 100)
        first = Decimal(PRICES[symbol])
        self.prices[symbol] = min(max(moved.quantize(Decimal("0.01")), first / 2), first * 2)
        return {symbol: str(self.prices[symbol])}

    async def _send(self, client: httpx.AsyncClient) -> None:
        body = self._message()
        with contextlib.suppress(httpx.HTTPError):
            answer = await client.post(f"{self.server.api}/webhook/tradingview", json=body)
            if answer.status_code == httpx.codes.ACCEPTED:
                self.acknowledged.append(answer.json()["signal_id"])

    def _message(self) -> dict[str, Any]:
        source = self.source
        symbol = source.choice(list(PRICES))
        price = self.prices[symbol]
        return {
            "secret": self.secret,
            "timestamp": datetime.now(UTC).isoformat(),
            "tv": {
                "exchange": "BINANCE",
                "symbol": symbol.partition("/")[0] + "USDT.P",
                "timeframe": source.choice(("15", "60")),
                "action": source.choice(("buy", "buy", "sell")),
                "close_price": str(price),
                "order_size": "300",
            },
            "execution_intent": {
                "type": source.choice(("signal", "signal", "signal", "exit", "reverse")),
                "position_size_type": "quote",
            },
        }

    # ------------------------------------------------------------------ judgement

    def _until_ready(self) -> None:
        end = time.monotonic() + SETTLE_SEC
        while time.monotonic() < end:
            if self._status()["state"] == "running":
                return
            time.sleep(0.05)
        raise Wrong(f"the engine is not running: {self._status()}")

    def _status(self) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"}
        return httpx.get(f"{self.server.api}/api/execution/status", headers=headers, timeout=ANSWER_SEC).json()

    def _settle(self, number: int) -> Books:
        """The books once they have been equal twice, half a second apart."""
        end = time.monotonic() + SETTLE_SEC
        error: Wrong | None = None
        equal: Any = None
        while time.monotonic() < end:
            time.sleep(0.5)
            book = self.fake.get("/book")
            books = Books(self.data_dir, book)
            try:
                books.judge(self.acknowledged)
            except Wrong as wrong:
                error, equal = wrong, None
                continue
            if book == equal:
                return books
            equal = book
        status = {key: self._status()[key] for key in ("state", "unknown_orders", "halted_reason", "accounts")}
        raise Wrong(f"round {number}: not equal after {SETTLE_SEC:g} s: {error or 'the book does not rest'}; {status}")


def play(seed: int, rounds: int = ROUNDS_OF_A_LIFE, keep: Path | None = None) -> list[Round]:
    """A life of so many rounds; what a failed one leaves behind is kept under `keep`."""
    with tempfile.TemporaryDirectory(prefix="zg") as name, FakeProcess("binance-linear", PRICES) as fake:
        folder = Path(name)
        life = Life(seed, folder, fake)
        try:
            return [life.round(number) for number in range(1, rounds + 1)]
        except Wrong as error:
            if keep is not None:
                _keep(keep / f"seed-{seed}", folder, fake, str(error))
            raise
        finally:
            life.server.kill()


def _keep(there: Path, folder: Path, fake: FakeProcess, error: str) -> None:
    shutil.copytree(folder, there, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.sock"))
    (there / "book.json").write_text(json.dumps(fake.get("/book"), indent=1))
    (there / "requests.json").write_text(json.dumps(fake.get("/requests"), indent=1))
    (there / "error.txt").write_text(error)


def _outcome(seed: int, rounds: int, keep: Path | None) -> list[Round] | str:
    try:
        return play(seed, rounds, keep)
    except Wrong as error:
        print(f"seed {seed}: {error}", flush=True)
        return f"seed {seed}: {error}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.crash.kill_wire")
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--keep", type=Path, default=None, help="a folder for what failed lives leave behind")
    parser.add_argument("--result", type=Path, default=None)
    asked = parser.parse_args()
    started = time.monotonic()
    lives = -(-asked.rounds // ROUNDS_OF_A_LIFE)
    seeds = range(asked.seed, asked.seed + lives)
    with ThreadPoolExecutor(asked.jobs) as pool:
        outcomes = list(pool.map(lambda seed: _outcome(seed, ROUNDS_OF_A_LIFE, asked.keep), seeds))
    rounds = [each for item in outcomes if not isinstance(item, str) for each in item]
    failures = [item for item in outcomes if isinstance(item, str)]
    last = [each for each in rounds if each.number == ROUNDS_OF_A_LIFE]
    result = {
        "seeds": f"{seeds[0]} to {seeds[-1]}, {ROUNDS_OF_A_LIFE} kills each on one data directory and one venue",
        "rounds": len(rounds),
        "failures": failures,
        "signals acknowledged": sum(each.acknowledged for each in rounds),
        "faults armed": sum(each.faults for each in rounds),
        "orders at the venue": sum(each.orders for each in last),
        "orders that filled": sum(each.filled for each in last),
        "groups open when judged": sum(each.groups for each in rounds),
        "longest until the books were equal, seconds": max((each.settled_sec for each in rounds), default=None),
        "seconds": round(time.monotonic() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }
    text = json.dumps(result, indent=2) + "\n"
    if asked.result is not None:
        asked.result.write_text(text)
    print(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
