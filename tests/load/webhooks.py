"""Many senders at once against `serve` in a process of its own: every valid signal answered in time and recorded once.

`python -m tests.load.webhooks --seconds 30 --senders 100 --result docs/load-test.json`
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sqlite3
import sys
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.base.clock import LoopClock, iso, system_clock
from tests.crash.kill_serve import Server
from tests.load.messages import RECORDED, WANTED, Kind, Message, Mill

ROOT = Path(__file__).parents[2]
PATH = "/webhook/tradingview"
MOST_GROWTH_PERCENT = 5.0
STOP_SEC = 60
PAGE_BYTES = 4096
MOST_TOLD = 20


@dataclass(frozen=True, slots=True)
class Plan:
    seed: int = 1
    senders: int = 100
    seconds: float = 30
    warm_up: float = 60
    rate: float = 200
    """Requests a second, of all senders together."""
    memory_is_bound: bool = True
    slowest_sec: float = 3


@dataclass(frozen=True, slots=True)
class Answer:
    """`status` 0 where none came."""

    message: Message
    status: int
    seconds: float


@dataclass(slots=True)
class Found:
    answers: list[Answer] = field(default_factory=list)
    warm_up: list[Answer] = field(default_factory=list)
    seconds: float = 0
    rss_before: int | None = None
    rss_after: int | None = None
    failures: list[str] = field(default_factory=list)

    @property
    def growth_percent(self) -> float | None:
        if not self.rss_before or self.rss_after is None:
            return None
        return (self.rss_after / self.rss_before - 1) * 100


class Line:
    """One sender's kept connection, opened again when the listener closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def post(self, message: Message) -> int:
        try:
            return await self._post(message)
        except (OSError, asyncio.IncompleteReadError):
            await self.close()
            raise

    async def _post(self, message: Message) -> int:
        if self._streams is None or self._streams[0].at_eof():
            await self.close()
            self._streams = await asyncio.open_connection("127.0.0.1", self._port)
        reader, writer = self._streams
        lines = [
            f"POST {PATH} HTTP/1.1",
            f"Host: 127.0.0.1:{self._port}",
            "Content-Type: application/json",
            f"Content-Length: {len(message.body)}",
            *(f"{name}: {value}" for name, value in message.headers),
        ]
        writer.write("\r\n".join(lines).encode() + b"\r\n\r\n" + message.body)
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").lower()
        _, _, told = head.partition("content-length: ")
        await reader.readexactly(int(told.split("\r\n")[0] or 0))
        return int(head.split()[1])

    async def close(self) -> None:
        if self._streams is not None:
            self._streams[1].close()
            self._streams = None


class Load:
    def __init__(self, plan: Plan, port: int, secret: str, clock: LoopClock) -> None:
        self._plan = plan
        self._port = port
        self._clock = clock
        self._mill = Mill(plan.seed, secret, clock)

    async def send(self, seconds: float) -> list[Answer]:
        """All senders, each at its own pace, spread evenly."""
        answers: list[Answer] = []
        pause = self._plan.senders / self._plan.rate
        began = self._clock.monotonic()
        firsts = (began + pause * number / self._plan.senders for number in range(self._plan.senders))
        await asyncio.gather(*(self._sender(answers, first, pause, began + seconds) for first in firsts))
        return answers

    async def _sender(self, answers: list[Answer], due: float, pause: float, end: float) -> None:
        line = Line(self._port)
        while due < end:
            await self._clock.sleep(due - self._clock.monotonic())
            answers.append(await self._one(line))
            due += pause
        await line.close()

    async def _one(self, line: Line) -> Answer:
        message = self._mill.next()
        started = self._clock.monotonic()
        try:
            status = await line.post(message)
        except (OSError, asyncio.IncompleteReadError):
            status = 0
        if message.kind is Kind.VALID and status == WANTED[Kind.VALID]:
            self._mill.note_answered(message)
        return Answer(message, status, self._clock.monotonic() - started)


def run(plan: Plan) -> dict[str, Any]:
    """Serve, warm up, send, stop, judge; the figures, with what was wrong among `failures`."""
    with tempfile.TemporaryDirectory(prefix="zg") as folder:
        data_dir = Path(folder) / "d"
        data_dir.mkdir(mode=0o700)
        server = Server(data_dir)
        try:
            found = asyncio.run(_measure(plan, server))
            server.process.terminate()
            server.process.wait(STOP_SEC)
        finally:
            server.kill()
        sent = [*found.warm_up, *found.answers]
        found.failures += [*_wrong_answers(sent, plan.slowest_sec), *_wrong_records(sent, data_dir)]
    if plan.memory_is_bound and found.growth_percent is not None and found.growth_percent >= MOST_GROWTH_PERCENT:
        found.failures.append(f"memory grew by {found.growth_percent:.1f} %")
    return _report(plan, found)


async def _measure(plan: Plan, server: Server) -> Found:
    clock = system_clock()
    secret = await asyncio.to_thread(server.ask, "secret show", name=None, path_token=False)
    load = Load(plan, int(server.api.rpartition(":")[2]), secret, clock)
    found = Found()
    if plan.warm_up:
        found.warm_up = await load.send(plan.warm_up)
    found.rss_before = _rss(server.process.pid)
    started = clock.monotonic()
    found.answers = await load.send(plan.seconds)
    found.seconds = clock.monotonic() - started
    found.rss_after = _rss(server.process.pid)
    return found


def _rss(pid: int) -> int | None:
    """Resident bytes; None where there is no /proc."""
    file = Path(f"/proc/{pid}/statm")
    return int(file.read_text(encoding="ascii").split()[1]) * PAGE_BYTES if file.exists() else None


# --------------------------------------------------------------------------------------------------------------- judge


def _wrong_answers(answers: Iterable[Answer], slowest_sec: float) -> list[str]:
    found: list[str] = []
    for answer in answers:
        kind, mark = answer.message.kind, answer.message.mark
        if answer.status != WANTED[kind]:
            found.append(f"{mark} ({kind}) was answered {answer.status}, not {WANTED[kind]}")
        elif answer.seconds > slowest_sec:
            found.append(f"{mark} ({kind}) was answered after {answer.seconds:.1f} s")
    return found


def _wrong_records(answers: Iterable[Answer], data_dir: Path) -> list[str]:
    records = _records(data_dir)
    counts = Counter(mark for mark, _ in records)
    reasons = dict(records)
    found: list[str] = []
    for message in (answer.message for answer in answers if answer.message.kind is not Kind.DUPLICATE):
        wanted = int(message.kind in RECORDED)
        if counts[message.mark] != wanted:
            found.append(f"{message.mark} ({message.kind}) was recorded {counts[message.mark]} times, not {wanted}")
        elif RECORDED.get(message.kind) and reasons[message.mark] != RECORDED[message.kind]:
            found.append(f"{message.mark} ({message.kind}) was recorded as {reasons[message.mark]}")
    return found


def _records(data_dir: Path) -> list[tuple[str, str | None]]:
    """Each record's mark and reason."""
    connection = sqlite3.connect(f"file:{data_dir / 'ziggurat.db'}?mode=ro", uri=True)
    try:
        rows = connection.execute("SELECT payload, reason FROM signals").fetchall()
    finally:
        connection.close()
    return [(json.loads(payload)["strategy_info"]["trade_id"], reason) for payload, reason in rows]


# -------------------------------------------------------------------------------------------------------------- report


def _report(plan: Plan, found: Found) -> dict[str, Any]:
    valid = [answer for answer in found.answers if answer.message.kind is Kind.VALID]
    sent = Counter(f"{answer.message.kind} -> {answer.status}" for answer in found.answers)
    growth = found.growth_percent
    return {
        "seed": plan.seed,
        "senders": plan.senders,
        "seconds": round(found.seconds, 1),
        "warm-up seconds": plan.warm_up,
        "requests a second": round(len(found.answers) / found.seconds, 1),
        "answers": dict(sorted(sent.items())),
        "valid ms p50 p99 max": _percentiles(valid),
        "all ms p50 p99 max": _percentiles(found.answers),
        "rss MB before": _megabytes(found.rss_before),
        "rss MB after": _megabytes(found.rss_after),
        "rss growth percent": None if growth is None else round(growth, 2),
        "failures": len(found.failures),
        "first failures": found.failures[:MOST_TOLD],
        "commit": _commit(),
        "finished": iso(system_clock().now().replace(microsecond=0)),
    }


def _percentiles(answers: Iterable[Answer]) -> list[float]:
    ordered = sorted(answer.seconds * 1000 for answer in answers)
    if not ordered:
        return []
    return [round(ordered[min(int(len(ordered) * part), len(ordered) - 1)], 2) for part in (0.5, 0.99, 1)]


def _megabytes(count: int | None) -> float | None:
    return None if count is None else round(count / 1e6, 1)


def _commit() -> str | None:
    """Of the working tree, as its files tell."""
    head = ROOT / ".git" / "HEAD"
    if not head.is_file():
        return None
    text = head.read_text(encoding="ascii").strip()
    name = text.removeprefix("ref: ")
    if name == text:
        return text[:7]
    loose, packed = ROOT / ".git" / name, ROOT / ".git" / "packed-refs"
    if loose.is_file():
        return loose.read_text(encoding="ascii")[:7]
    lines = packed.read_text(encoding="ascii").splitlines() if packed.is_file() else []
    return next((line[:7] for line in lines if line.endswith(f" {name}")), None)


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests.load.webhooks")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--senders", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--warm-up", type=float, default=60)
    parser.add_argument("--rate", type=float, default=200, help="requests a second, of all senders together")
    parser.add_argument("--result", type=Path, default=None)
    options = parser.parse_args()
    report = run(Plan(options.seed, options.senders, options.seconds, options.warm_up, options.rate))
    text = json.dumps(report, indent=2) + "\n"
    if options.result is not None:
        options.result.write_text(text)
    sys.stdout.write(text)
    return 1 if report["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
