"""Kills `serve` with SIGKILL at a random moment of a signal, starts it again, and judges by the paper exchange's books.

`python -m tests.crash.kill_serve --rounds 200 --seed 1 --result docs/crash-test.json`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx

from app.cli.asking import ask_running
from app.domain import client_order_id
from app.domain.values import OrderRole

ROOT = Path(__file__).parents[2]
LATEST_KILL_SEC = 0.014
SETTLE_SEC = 120.0
ANSWER_SEC = 30.0
SOCKET_SEC = 60.0
VAULT = {"ZIGGURAT_VAULT": "file", "ZIGGURAT_VAULT_PASSPHRASE": "a passphrase for tests"}
CONFIG = {
    "order": {"unknown_grace_sec": "1"},
    "reconcile": {"interval_sec": "2", "confirm_after_sec": "1"},
    "webhook": {"max_age_sec": "900"},
    "grid": {"default": {"stop_loss": {"mode": "percent", "percent": "10"}}},
}


class Wrong(AssertionError):
    """What a round found that must never be."""


@dataclass(frozen=True, slots=True)
class Round:
    seed: int
    kill_after_ms: float
    acknowledged: bool
    opened: bool
    orders: int


class Server:
    """One `serve` process on a data directory; `more` is laid over its environment."""

    def __init__(self, data_dir: Path, more: Mapping[str, str] | None = None) -> None:
        self.data_dir = data_dir
        environment = {**os.environ, **VAULT, "ZIGGURAT_PAPER_FEED": "manual", **(more or {})}
        command = [sys.executable, "-m", "app", "serve", "--data-dir", str(data_dir)]
        command += ["--api-port", "0", "--webhook-port", "0", "--log-level", "error"]
        self._log = (data_dir.parent / "serve.log").open("ab")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=self._log)
        self.api = ""
        output = self.process.stdout
        assert output is not None
        while not self.api:
            line = output.readline().decode()
            if not line:
                raise Wrong(f"serve did not start: {self.told()[-2000:]}")
            if "/webhook/tradingview  (this machine)" in line:
                self.api = line.split()[1].removesuffix("/webhook/tradingview")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self.process.stdout is not None:
            self.process.stdout.close()
        self._log.close()

    def told(self) -> str:
        """What it wrote beside its output."""
        return (self.data_dir.parent / "serve.log").read_text()

    def ask(self, command: str, **arguments: Any) -> Any:
        """By the control socket; it opens a moment after the listeners."""
        end = time.monotonic() + SOCKET_SEC
        while time.monotonic() < end:
            answer = ask_running(self.data_dir, command, arguments)
            if answer is not None:
                return answer
            time.sleep(0.01)
        raise Wrong("the control socket does not answer")


def play(seed: int) -> Round:
    """One round: start, send, kill, start, settle, judge."""
    source = random.Random(seed)
    kill_after = source.uniform(0, LATEST_KILL_SEC)
    with tempfile.TemporaryDirectory(prefix="zg") as folder:
        data_dir = Path(folder) / "d"
        data_dir.mkdir(mode=0o700)
        (data_dir / "config.json").write_text(json.dumps(CONFIG))
        first = Server(data_dir)
        try:
            secret = first.ask("secret show", name=None, path_token=False)
            token = first.ask("token create", name="judge", role="admin")
            if source.random() < 0.7:
                _prepare_market(first, token)
            acknowledged = asyncio.run(_send_and_kill(first, _message(secret), kill_after))
        finally:
            first.kill()
        second = Server(data_dir)
        try:
            return _settled(second, token, data_dir, lambda: _judge(seed, kill_after, acknowledged, data_dir))
        finally:
            second.kill()


def _prepare_market(server: Server, token: str) -> None:
    """The market is known before the signal in most rounds, so that the kill meets the orders too."""
    headers = {"Authorization": f"Bearer {token}"}
    body = {"symbol": "SOL/USDT:USDT", "price": "200"}
    url = f"{server.api}/api/paper/price"
    httpx.put(url, json=body, headers=headers, timeout=ANSWER_SEC).raise_for_status()


def _message(secret: str) -> dict[str, Any]:
    return {
        "secret": secret,
        "timestamp": datetime.now(UTC).isoformat(),
        "tv": {
            "exchange": "BINANCE",
            "symbol": "SOLUSDT.P",
            "timeframe": "60",
            "action": "buy",
            "close_price": "200",
            "order_size": "500",
        },
        "execution_intent": {"type": "signal", "position_size_type": "quote"},
    }


async def _send_and_kill(server: Server, message: dict[str, Any], after: float) -> bool:
    """Whether the signal was acknowledged before the kill. The connection is warm: `after` counts from the send."""
    async with httpx.AsyncClient(timeout=ANSWER_SEC) as client:
        await client.get(f"{server.api}/health")
        sending = asyncio.create_task(client.post(f"{server.api}/webhook/tradingview", json=message))
        await asyncio.sleep(after)
        server.process.send_signal(signal.SIGKILL)
        try:
            return (await sending).status_code == 202
        except httpx.HTTPError:
            return False


def _settled(server: Server, token: str, data_dir: Path, judge: Callable[[], Round]) -> Round:
    """What `judge` says once nothing is in doubt, the books stand still, and it finds nothing wrong."""
    headers = {"Authorization": f"Bearer {token}"}
    end = time.monotonic() + SETTLE_SEC
    before: Any = None
    status: Any = None
    error: Wrong | None = None
    with httpx.Client(base_url=server.api, headers=headers, timeout=ANSWER_SEC) as client:
        while time.monotonic() < end:
            time.sleep(0.7)
            status = client.get("/api/execution/status").json()
            now = read_rows(data_dir, "SELECT client_order_id, status, filled FROM paper_orders ORDER BY number")
            if status["state"] == "running" and status["unknown_orders"] == 0 and now == before:
                try:
                    return judge()
                except Wrong as wrong:
                    error = wrong
            before = now
    raise Wrong(f"not settled after {SETTLE_SEC:g} s: {error or 'the books do not rest'}; {status}")


def read_rows(data_dir: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(f"file:{data_dir / 'ziggurat.db'}?mode=ro", uri=True)
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def _judge(seed: int, kill_after: float, acknowledged: bool, data_dir: Path) -> Round:
    signals = read_rows(data_dir, "SELECT outcome FROM signals")
    if acknowledged and signals != [("executed",)]:
        raise Wrong(f"an acknowledged signal was lost or not executed: {signals}")
    orders = read_rows(
        data_dir, "SELECT client_order_id, side, status, quantity, filled FROM paper_orders ORDER BY number"
    )
    held = sum((Decimal(row[0]) for row in read_rows(data_dir, "SELECT quantity FROM paper_positions")), Decimal(0))
    legs = read_rows(data_dir, 'SELECT pyramid, "index", quantity, filled, open_quantity FROM legs')
    if len(legs) > 5 or len(signals) > 1:
        raise Wrong(f"more than one grid: {legs}")
    if sum((Decimal(leg[4]) for leg in legs), Decimal(0)) != held:
        raise Wrong(f"the legs hold {legs}, the venue {held}")
    _judge_entries(orders, legs)
    _judge_exits(orders, legs, held)
    return Round(seed, round(kill_after * 1000, 2), acknowledged, bool(legs), len(orders))


def _alive(orders: list[tuple[Any, ...]], fits: Callable[[Any], bool]) -> list[tuple[Any, ...]]:
    return [row for row in orders if row[2] in {"open", "partially_filled"} and fits(client_order_id.decode(row[0]))]


def _judge_entries(orders: list[tuple[Any, ...]], legs: list[tuple[Any, ...]]) -> None:
    for pyramid, index, quantity, filled, _ in legs:

        def here(address: Any, at: tuple[int, int] = (pyramid, index)) -> bool:
            return address.role is OrderRole.ENTRY and (address.pyramid, address.leg) == at

        bought = sum((Decimal(row[4]) for row in orders if here(client_order_id.decode(row[0]))), Decimal(0))
        waiting = _alive(orders, here)
        if bought != Decimal(filled) or bought > Decimal(quantity):
            raise Wrong(f"leg {index} has {filled} of {quantity}, its orders filled {bought}")
        if len(waiting) != (0 if bought == Decimal(quantity) else 1):
            raise Wrong(f"leg {index} has {len(waiting)} entries resting: {waiting}")


def _judge_exits(orders: list[tuple[Any, ...]], legs: list[tuple[Any, ...]], held: Decimal) -> None:
    for pyramid, index, _, _, open_quantity in legs:

        def here(address: Any, at: tuple[int, int] = (pyramid, index)) -> bool:
            return address.role is OrderRole.TAKE_PROFIT and (address.pyramid, address.leg) == at

        exits = _alive(orders, here)
        resting = sum((Decimal(row[3]) - Decimal(row[4]) for row in exits), Decimal(0))
        if resting != Decimal(open_quantity):
            raise Wrong(f"leg {index} has {open_quantity} open, its take-profits sell {resting}")
    stops = _alive(orders, _is_stop)
    if sum((Decimal(row[3]) for row in stops), Decimal(0)) != held:
        raise Wrong(f"{held} are held, the stops sell {stops}")


def _is_stop(address: Any) -> bool:
    return address.role is OrderRole.STOP_LOSS


def _outcome(seed: int) -> Round | str:
    try:
        return play(seed)
    except Wrong as error:
        print(f"seed {seed}: {error}", flush=True)
        return f"seed {seed}: {error}"


def commit() -> str:
    command = ["git", "rev-parse", "--short", "HEAD"]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False).stdout.strip()


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--result", type=Path, default=None)
    options = parser.parse_args()
    started = time.monotonic()
    seeds = range(options.seed, options.seed + options.rounds)
    with ThreadPoolExecutor(options.jobs) as pool:
        outcomes = list(pool.map(_outcome, seeds))
    rounds = [item for item in outcomes if isinstance(item, Round)]
    failures = [item for item in outcomes if isinstance(item, str)]
    result = {
        "seeds": f"{options.seed} to {options.seed + options.rounds - 1}",
        "rounds": options.rounds,
        "failures": failures,
        "acknowledged before the kill": sum(item.acknowledged for item in rounds),
        "with a group after the restart": sum(item.opened for item in rounds),
        "orders at the venue": sum(item.orders for item in rounds),
        "kill after ms": [
            round(min(r.kill_after_ms for r in rounds), 2),
            round(max(r.kill_after_ms for r in rounds), 2),
        ]
        if rounds
        else [],
        "seconds": round(time.monotonic() - started, 1),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
    }
    text = json.dumps(result, indent=2) + "\n"
    if options.result is not None:
        options.result.write_text(text)
    print(text)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
