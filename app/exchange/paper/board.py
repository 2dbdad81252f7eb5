"""Prices of the paper exchange: one board for all accounts, and what moves it."""

from __future__ import annotations

import csv
import random
from collections.abc import Iterable
from datetime import datetime, timedelta
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Protocol

from app.base.clock import Clock, Timer
from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules, Quote, Rounding
from app.exchange.paper.rules import RuleBook


class Watcher(Protocol):
    def on_quote(self, symbol: str, quote: Quote) -> None: ...


class UnknownMarket(LookupError):
    """No price of this market was ever seen."""


class PriceBoard:
    """The last quote of each market. A price set by hand holds until it is released."""

    def __init__(self, clock: Clock, rules: RuleBook) -> None:
        self.rules = rules
        self.quotes: dict[str, Quote] = {}
        self.held: set[str] = set()
        self._clock = clock
        self._watchers: list[Watcher] = []

    def add(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def publish(self, symbol: str, quote: Quote) -> None:
        """A new quote for every account."""
        self.quotes[symbol] = quote
        for watcher in self._watchers:
            watcher.on_quote(symbol, quote)

    def move(self, symbol: str, price: Decimal) -> None:
        """A new price without a spread, by a feed; one held by hand stays."""
        if symbol not in self.held:
            self.publish(symbol, Quote.flat(price, self._clock.now()))

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Hold `symbol` at `price` until `release`. ValueError for a price that is not positive."""
        if not price.is_finite() or price <= 0:
            raise ValueError(f"a price is positive, not {price}")
        if self.rules.rules(symbol, price) is None:
            raise UnknownMarket(symbol)
        self.held.add(symbol)
        self.publish(symbol, Quote.flat(price, self._clock.now()))

    def release(self, symbol: str) -> None:
        if symbol not in self.quotes:
            raise UnknownMarket(symbol)
        self.held.discard(symbol)


class RandomWalk:
    """Moves every known market a step at a time; each has its own seeded source, so that none disturbs another."""

    def __init__(
        self, board: PriceBoard, clock: Clock, *, seed: int, interval_sec: float, volatility_percent: Decimal
    ) -> None:
        self._board = board
        self._clock = clock
        self._seed = seed
        self._interval = interval_sec
        self._volatility = volatility_percent
        self._sources: dict[str, random.Random] = {}
        self._timer: Timer | None = None

    def start(self) -> None:
        self._timer = self._clock.call_later(self._interval, self._step)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _step(self) -> None:
        for symbol, quote in list(self._board.quotes.items()):
            rules = self._board.rules.rules(symbol, quote.last)
            if rules is not None and symbol not in self._board.held:
                self._board.move(symbol, self._next(symbol, quote.last, rules))
        self.start()

    def _next(self, symbol: str, price: Decimal, rules: MarketRules) -> Decimal:
        source = self._sources.setdefault(symbol, random.Random(f"{self._seed}/{symbol}"))
        steps = Decimal(f"{source.gauss(0, 1):.6f}")
        moved = price * (1 + steps * self._volatility / 100)
        return max(rules.quantize_price(moved, Rounding.DOWN), rules.tick_size)


class RecordedFile:
    """Plays prices from a CSV of time (ISO 8601 or seconds from the start), symbol, price."""

    def __init__(self, board: PriceBoard, clock: Clock, path: Path) -> None:
        self._board = board
        self._clock = clock
        self._points = read_prices(path, clock.now())
        self._next = 0
        self._timer: Timer | None = None

    def start(self) -> None:
        if self._next < len(self._points):
            wait = (self._points[self._next][0] - self._clock.now()).total_seconds()
            self._timer = self._clock.call_later(max(wait, 0.0), self._play)

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def _play(self) -> None:
        _, symbol, price = self._points[self._next]
        self._next += 1
        self._board.move(symbol, price)
        self.start()


def read_prices(path: Path, start: datetime) -> list[tuple[datetime, str, Decimal]]:
    """The file's points in order. OperatorActionNeeded names the line that cannot be read."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return list(_points(path, csv.reader(file), start))
    except OSError as error:
        raise OperatorActionNeeded(f"the price file {path} cannot be read: {error.strerror}") from error


def _points(path: Path, rows: Iterable[list[str]], start: datetime) -> Iterable[tuple[datetime, str, Decimal]]:
    for number, row in enumerate(rows, start=1):
        if number == 1 and row[:1] == ["time"]:
            continue
        try:
            when, symbol, price = row
            at = datetime.fromisoformat(when) if "-" in when else start + timedelta(seconds=float(when))
            yield at, symbol, Decimal(price)
        except (ValueError, InvalidOperation) as error:
            raise OperatorActionNeeded(f"{path}, line {number}: expected time, symbol, price; found {row}") from error
