"""What moves the paper exchange's prices by itself."""

from __future__ import annotations

import csv
import math
import random
from collections.abc import Container, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from app.base.clock import Clock, Timer
from app.base.config.groups import PaperConfig
from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules, Rounding
from app.exchange.paper.live import LiveFeed, RealMarket

if TYPE_CHECKING:
    from app.exchange.paper.board import PriceBoard

KINDS = ("auto", "live", "random_walk", "file", "script", "manual")


class Feed(Protocol):
    def start(self) -> None: ...

    async def stop(self) -> None: ...


def make_feed(
    config: PaperConfig, board: PriceBoard, clock: Clock, override: str | None = None, market: RealMarket | None = None
) -> Feed | None:
    """The feed of the configuration, or of the kind that `override` names; None where prices come from elsewhere.

    Without the real `market`, `auto` is the random walk; rules of markets that were real hold whatever the feed.
    OperatorActionNeeded for an unknown kind, what a kind needs and lacks, or a file that cannot be read.
    """
    kind = override or config.feed
    for rules in market.kept.rules() if market is not None else ():
        board.rules.give(rules)
    match kind:
        case "auto" if market is not None:
            return LiveFeed(board, clock, market, walk=_walk(config, board, clock))
        case "live" if market is not None:
            if config.feed_venue is None:
                raise OperatorActionNeeded("the paper feed `live` needs paper.feed_venue: the exchange to follow")
            return LiveFeed(board, clock, market, venue=config.feed_venue)
        case "auto" | "random_walk":
            return _walk(config, board, clock)
        case "file":
            if config.feed_file is None:
                raise OperatorActionNeeded("the paper feed `file` needs paper.feed_file, a CSV of time, symbol, price")
            return RecordedFile(board, clock, Path(config.feed_file))
        case "script" | "manual":
            return None
    raise OperatorActionNeeded(f"{kind!r} is no paper feed; there are {', '.join(KINDS)}")


def _walk(config: PaperConfig, board: PriceBoard, clock: Clock) -> RandomWalk:
    return RandomWalk(
        board,
        clock,
        seed=config.seed,
        interval_sec=config.interval_sec,
        volatility_percent=config.volatility_percent,
    )


class RandomWalk:
    """Moves every known market a step at a time; each has its own seeded source, so that none disturbs another.

    `left_alone` holds the markets that move otherwise.
    """

    def __init__(
        self, board: PriceBoard, clock: Clock, *, seed: int, interval_sec: float, volatility_percent: Decimal
    ) -> None:
        self._board = board
        self._clock = clock
        self._seed = seed
        self._interval = interval_sec
        self._volatility = volatility_percent / 100
        self._sources: dict[str, random.Random] = {}
        self._timer: Timer | None = None
        self.left_alone: Container[str] = ()

    def start(self) -> None:
        self._cancel()
        self._timer = self._clock.call_later(self._interval, self._step)

    async def stop(self) -> None:
        self._cancel()

    def _cancel(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _step(self) -> None:
        self.start()
        for symbol, quote in list(self._board.quotes.items()):
            rules = self._board.rules.rules(symbol, quote.last)
            if rules is not None and symbol not in self._board.held and symbol not in self.left_alone:
                self._board.move(symbol, self._next(symbol, quote.last, rules))

    def _next(self, symbol: str, price: Decimal, rules: MarketRules) -> Decimal:
        source = self._sources.setdefault(symbol, random.Random(f"{self._seed}/{symbol}"))
        return moved(price, self._volatility * standard_step(source), rules)


def standard_step(source: random.Random) -> Decimal:
    """A draw of mean 0 and deviation 1, alike on every platform: a sum of twelve even ones needs no logarithm."""
    return Decimal(f"{math.fsum(source.random() for _ in range(12)) - 6:.9f}")


def moved(price: Decimal, share: Decimal, rules: MarketRules) -> Decimal:
    """`price` moved by a share of itself, on the nearest tick and never below one."""
    half_up = price * (1 + share) + rules.tick_size / 2
    return max(rules.quantize_price(half_up, Rounding.DOWN), rules.tick_size)


@dataclass(frozen=True, slots=True)
class PricePoint:
    after: timedelta
    symbol: str
    price: Decimal


class RecordedFile:
    """Plays prices from a CSV of time, symbol, price; its first line is played at the start."""

    def __init__(self, board: PriceBoard, clock: Clock, path: Path) -> None:
        self._board = board
        self._clock = clock
        self._points = read_prices(path)
        self._next = 0
        self._started_at: datetime | None = None
        self._timer: Timer | None = None

    def start(self) -> None:
        self._started_at = self._started_at or self._clock.now()
        self._wait()

    async def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _wait(self) -> None:
        if self._next < len(self._points) and self._started_at is not None:
            due = self._started_at + self._points[self._next].after
            pause = (due - self._clock.now()).total_seconds()
            self._timer = self._clock.call_later(max(pause, 0.0), self._play)

    def _play(self) -> None:
        point = self._points[self._next]
        self._next += 1
        self._wait()
        self._board.move(point.symbol, point.price)


def read_prices(path: Path) -> list[PricePoint]:
    """The file's points, counted from the first. Times are ISO 8601 or seconds; a heading `time,…` is passed over.

    OperatorActionNeeded names the line that cannot be read.
    """
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.reader(file))
    except (OSError, UnicodeDecodeError) as error:
        raise OperatorActionNeeded(f"the price file {path} cannot be read: {error}") from error
    return list(_points(path, rows))


def _points(path: Path, rows: list[list[str]]) -> Iterator[PricePoint]:
    first: datetime | None = None
    last = timedelta(0)
    for number, row in enumerate(rows, start=1):
        if not row or (number == 1 and row[0].strip().lower() == "time"):
            continue
        try:
            at, symbol, price = _read_row(row)
        except (ValueError, InvalidOperation) as error:
            raise OperatorActionNeeded(f"{path}, line {number}: {error}; found {','.join(row)!r}") from error
        first = first or at
        if at - first < last:
            raise OperatorActionNeeded(f"{path}, line {number}: the time goes back")
        last = at - first
        yield PricePoint(last, symbol, price)


def _read_row(row: list[str]) -> tuple[datetime, str, Decimal]:
    if len(row) != 3:
        raise ValueError("expected time, symbol, price")
    when, symbol, text = (field.strip() for field in row)
    try:
        price = Decimal(text)
    except InvalidOperation:
        raise ValueError("the price is no number") from None
    if not price.is_finite() or price <= 0:
        raise ValueError("a price is positive")
    if "/" not in symbol:
        raise ValueError("the symbol is not spelled BASE/QUOTE or BASE/QUOTE:QUOTE")
    return _read_time(when), symbol, price


def _read_time(when: str) -> datetime:
    try:
        seconds = Decimal(when)
    except InvalidOperation:
        at = datetime.fromisoformat(when)
        return at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return datetime.fromtimestamp(0, UTC) + timedelta(microseconds=int(seconds * 1_000_000))
