"""What the venue pushes: own orders and trades, and prices. A stream that breaks is opened again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.base.clock import Clock
from app.base.errors import AppError
from app.exchange.ccxt.mapping import Raw, Unreadable
from app.exchange.ccxt.wire import is_private

FIRST_WAIT_SEC = 1.0
LONGEST_WAIT_SEC = 3.0
"""Books must be equal soon after a network has come back, and a stream is what tells that it has."""
PRICES_SILENT_SEC = 10.0
"""Prices that have not moved for so long are asked for: a market at rest and a dead stream look alike."""
log = logging.getLogger(__name__)


class SilentStream(Exception):
    """Why a connection that is still open was given up."""


@dataclass(frozen=True, slots=True)
class Takers:
    """Who is told what, in ccxt's words. `ask` reads the prices of some markets and tells whether one has moved."""

    order: Callable[[Raw], None]
    trade: Callable[[Raw], None]
    ticker: Callable[[Raw], None]
    ask: Callable[[frozenset[str]], Awaitable[bool]]


class Streams:
    """The streams of one account; `exchange` gives ccxt's object as it is at the time."""

    def __init__(self, exchange: Callable[[], Any], clock: Clock, takers: Takers, has_marks: bool) -> None:
        self._exchange = exchange
        self._clock = clock
        self._takers = takers
        self._has_marks = has_marks
        self._own: list[asyncio.Task[None]] = []
        self._prices: list[asyncio.Task[None]] = []
        self._symbols: frozenset[str] = frozenset()
        self._is_open = False
        self._price_at = 0.0

    def start(self, follow_own: bool = True) -> None:
        """Follow our own orders and trades, where the venue pushes them, and the prices that were asked for."""
        self._is_open = True
        if follow_own:
            self._follow_own()
        self._price_at = self._clock.monotonic()
        self._prices = [asyncio.get_running_loop().create_task(self._watch_over_prices())]
        if self._symbols:
            self._follow_prices(self._symbols)

    def _follow_own(self) -> None:
        takers = self._takers
        self._own = [
            self._follow(lambda api: api.watch_my_trades(), lambda rows: self._each(rows, takers.trade)),
            self._follow(lambda api: api.watch_orders(), lambda rows: self._each(rows, takers.order)),
        ]

    def watch_prices(self, symbols: frozenset[str]) -> None:
        """From now on follow the prices of exactly these markets."""
        added = symbols - self._symbols
        self._symbols = symbols
        if self._is_open and added:
            self._follow_prices(added)

    def watches(self, symbol: str) -> bool:
        return symbol in self._symbols

    def stop(self) -> None:
        """Follow nothing more."""
        self._is_open = False
        for task in (*self._own, *self._prices):
            task.cancel()
        self._own, self._prices = [], []

    def _follow_prices(self, added: frozenset[str]) -> None:
        """Follow some more markets; those that are followed already stay as they are."""
        symbols = sorted(added)
        watches: list[Callable[[Any], Awaitable[Any]]] = [lambda api: api.watch_tickers(symbols)]
        has = self._exchange().has
        if has.get("watchBidsAsks"):
            watches.append(lambda api: api.watch_bids_asks(symbols))
        if self._has_marks and has.get("watchMarkPrices"):
            watches.append(lambda api: api.watch_mark_prices(symbols))
        self._prices += [self._follow(watch, self._take_tickers) for watch in watches]

    def _take_tickers(self, told: Mapping[str, Raw]) -> None:
        self._price_at = self._clock.monotonic()
        self._each(told.values(), self._take_ticker)

    def _take_ticker(self, ticker: Raw) -> None:
        if ticker.get("symbol") in self._symbols:
            self._takers.ticker(ticker)

    async def _watch_over_prices(self) -> None:
        """Ask where the stream says nothing; where the price has moved meanwhile, the stream is dead."""
        has_failed = False
        while True:
            silent = self._clock.monotonic() - self._price_at
            if silent < PRICES_SILENT_SEC:
                await self._clock.sleep(PRICES_SILENT_SEC - silent)
                continue
            self._price_at = self._clock.monotonic()
            if not self._symbols:
                continue
            try:
                has_moved = await self._takers.ask(self._symbols)
            except AppError as error:
                log.log(_level(is_first=not has_failed), "prices could not be read: %s", error)
                has_failed = True
                continue
            has_failed = False
            if has_moved:
                log.info("the price stream has fallen silent; it is opened again")
                self.hang_up(private=False)

    def hang_up(self, private: bool) -> None:
        """Drop the connections of the private stream, or of the others: following them opens new ones."""
        for client in list(self._exchange().clients.values()):
            if is_private(client) == private:
                client.on_error(SilentStream("fell silent"))

    @staticmethod
    def _each(rows: Iterable[Raw], take: Callable[[Raw], None]) -> None:
        for row in list(rows):
            try:
                take(row)
            except Unreadable as error:
                log.warning("a report of the exchange could not be read: %s", error)

    def _follow(self, watch: Callable[[Any], Awaitable[Any]], take: Callable[[Any], None]) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._keep_following(watch, take))

    async def _keep_following(self, watch: Callable[[Any], Awaitable[Any]], take: Callable[[Any], None]) -> None:
        wait = FIRST_WAIT_SEC
        while True:
            try:
                told = await watch(self._exchange())
            except Exception as error:  # noqa: BLE001 - ccxt raises anything, and a stream must come back from all of it
                log.log(_level(is_first=wait == FIRST_WAIT_SEC), "a stream of the exchange broke: %s", error)
                await self._clock.sleep(wait)
                wait = min(wait * 2, LONGEST_WAIT_SEC)
                continue
            wait = FIRST_WAIT_SEC
            take(told)


def _level(*, is_first: bool) -> int:
    """One line tells of an outage, however long it lasts."""
    return logging.INFO if is_first else logging.DEBUG
