"""What the venue pushes: own orders and trades, and prices. A stream that breaks is opened again."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import Any

from aiohttp import WSServerHandshakeError

from app.base.clock import Clock
from app.exchange.ccxt.dialects.base import Dialect
from app.exchange.ccxt.errors import Answer, retry_after, said
from app.exchange.ccxt.mapping import Raw, Unreadable
from app.exchange.ccxt.wire import is_private

FIRST_WAIT_SEC = 1.0
LONGEST_WAIT_SEC = 3.0
"""Books must be equal soon after a network has come back, and a stream is what tells that it has."""
LASTING_SEC = 30.0
"""A stream that broke after so long had come up, though nothing may have come to who watched it."""
PRICES_SILENT_SEC = 10.0
"""A market's price that was not told for so long is asked for: a market at rest and a dead stream look alike."""
PRICES_POLLED_SEC = 2.0
"""How often prices are asked for where no stream tells them."""
LATE_SEC = 1.0
"""How long a stream may take to tell what was found by asking."""
log = logging.getLogger(__name__)


class SilentStream(Exception):
    """Why a connection that is still open was given up."""


@dataclass(frozen=True, slots=True)
class Takers:
    """Who is told what, in ccxt's words. `ask` reads the prices of some markets and tells which have moved."""

    order: Callable[[Raw], None]
    trade: Callable[[Raw], None]
    ticker: Callable[[Raw], None]
    ask: Callable[[frozenset[str]], Awaitable[frozenset[str]]]


class Streams:
    """The streams of one account; `exchange` gives ccxt's object as it is at the time.

    `paused_for` is for how many seconds the venue wants to hear nothing.
    """

    def __init__(
        self,
        exchange: Callable[[], Any],
        clock: Clock,
        takers: Takers,
        dialect: Dialect,
        paused_for: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._paused_for = paused_for
        self._clock = clock
        self._takers = takers
        self._dialect = dialect
        self._own: list[asyncio.Task[None]] = []
        self._prices: dict[frozenset[str], list[asyncio.Task[None]]] = {}
        self._watcher: asyncio.Task[None] | None = None
        self._symbols: frozenset[str] = frozenset()
        self._is_open = False
        self._heard: dict[str, float] = {}
        self._streamed: set[str] = set()
        """Markets of which a stream tells; not those of one that is still to open, or to open again."""
        self._hung_up_at = 0.0

    def start(self, follow_own: bool = True) -> None:
        """Follow our own orders and trades, where the venue pushes them, and the prices that were asked for."""
        self._is_open = True
        self._hung_up_at = self._clock.monotonic()
        if follow_own:
            self._follow_own()
        self._watcher = asyncio.get_running_loop().create_task(self._watch_over_prices())
        self.watch_prices(self._symbols)

    def _follow_own(self) -> None:
        takers = self._takers
        self._own = [
            self._follow(lambda api: api.watch_my_trades(), lambda rows: self.each(rows, takers.trade)),
            self._follow(lambda api: api.watch_orders(), lambda rows: self.each(rows, takers.order)),
        ]

    def leave_own(self) -> None:
        """Follow our own orders and trades no more."""
        _cancel(self._own)
        self._own = []
        self.hang_up(private=True)

    def watch_prices(self, symbols: frozenset[str]) -> None:
        """From now on follow the prices of exactly these markets."""
        self._symbols = symbols
        if not self._is_open:
            return
        for followed in [each for each in self._prices if not each & symbols]:
            _cancel(self._prices.pop(followed))
        self._follow_listed()
        now = self._clock.monotonic()
        self._heard = {symbol: self._heard.get(symbol, now) for symbol in symbols}
        self._streamed &= symbols

    def watches(self, symbol: str) -> bool:
        return symbol in self._symbols

    def stop(self) -> None:
        """Follow nothing more."""
        self._is_open = False
        _cancel([*self._own, *chain(*self._prices.values()), *([self._watcher] if self._watcher else [])])
        self._own, self._prices, self._watcher = [], {}, None
        self._heard.clear()
        self._streamed.clear()

    def _follow_listed(self) -> None:
        """Follow those that the venue lists by now and that are not followed yet."""
        missing = self._symbols.difference(*self._prices)
        added = sorted(symbol for symbol in missing if symbol in self._exchange().markets)
        most = self._dialect.followed_at_once
        for start in range(0, len(added), most):
            self._follow_prices(added[start : start + most])

    def _follow_prices(self, symbols: list[str]) -> None:
        """Follow some more markets; those that are followed already stay as they are."""
        watches: list[Callable[[Any, list[str]], Awaitable[Any]]] = []
        has = self._exchange().has
        if has.get("watchTickers", True):
            watches.append(lambda api, listed: api.watch_tickers(listed))
        if has.get("watchBidsAsks"):
            watches.append(lambda api, listed: api.watch_bids_asks(listed))
        if self._dialect.is_linear and has.get("watchMarkPrices"):
            watches.append(lambda api, listed: api.watch_mark_prices(listed))
        self._prices[frozenset(symbols)] = [
            self._follow(
                partial(self._watch_listed, watch, symbols),
                self._take_tickers,
                lambda: self._streamed.difference_update(symbols),
            )
            for watch in watches
        ]

    async def _watch_listed(
        self, watch: Callable[[Any, list[str]], Awaitable[Any]], symbols: list[str], api: Any
    ) -> Any:
        """What is told of those that the venue lists now: ccxt follows none where it lacks one (hazard 41)."""
        listed = [symbol for symbol in symbols if symbol in api.markets]
        if listed:
            return await watch(api, listed)
        await self._clock.sleep(LONGEST_WAIT_SEC)
        return {}

    def _take_tickers(self, told: Mapping[str, Raw]) -> None:
        self.each(told.values(), self._take_ticker)

    def push_ticker(self, ticker: Raw) -> None:
        """Take a ticker that comes past who watches."""
        self.each((ticker,), self._take_ticker)

    def _take_ticker(self, ticker: Raw) -> None:
        symbol = ticker.get("symbol")
        if symbol in self._symbols:
            self._heard[str(symbol)] = self._clock.monotonic()
            self._streamed.add(str(symbol))
            self._takers.ticker(ticker)

    async def _watch_over_prices(self) -> None:
        """Ask for the markets of which nothing is told; where a price has moved meanwhile, the stream is dead."""
        has_failed = False
        asked: dict[str, float] = {}
        while True:
            await self._clock.sleep(PRICES_POLLED_SEC)
            self._follow_listed()
            now = self._clock.monotonic()
            silent = frozenset(each for each in self._symbols if self._is_due(each, asked.get(each, 0.0), now))
            if not silent:
                continue
            asked |= dict.fromkeys(silent, now)
            try:
                moved = await self._takers.ask(silent)
            except Exception as error:  # noqa: BLE001 - whatever one answer makes go wrong, the next may be well
                log.log(_level(is_first=not has_failed), "prices could not be read: %s", said(error))
                has_failed = True
                continue
            has_failed = False
            had_its_time = now - self._hung_up_at >= PRICES_SILENT_SEC
            if moved and had_its_time and await self._stays_silent(moved, now):
                log.info("the price stream has fallen silent; it is opened again")
                self._hung_up_at = self._clock.monotonic()
                self.hang_up(private=False)

    def _is_due(self, symbol: str, asked_at: float, now: float) -> bool:
        patience = PRICES_SILENT_SEC if symbol in self._streamed else PRICES_POLLED_SEC
        return now - max(self._heard.get(symbol, now), asked_at) >= patience

    def _is_followed(self, symbol: str) -> bool:
        return any(tasks for followed, tasks in self._prices.items() if symbol in followed)

    async def _stays_silent(self, moved: frozenset[str], since: float) -> bool:
        """Whether the stream has still not told of a market that moved: it may have been about to."""
        await self._clock.sleep(LATE_SEC)
        return any(self._is_followed(each) and self._heard.get(each, since) < since for each in moved)

    def hang_up(self, private: bool) -> None:
        """Drop the connections of the private stream, or of the others: following them opens new ones."""
        for client in list(self._exchange().clients.values()):
            if is_private(client) == private:
                client.on_error(SilentStream("fell silent"))

    @staticmethod
    def each(rows: Iterable[Raw], take: Callable[[Raw], None]) -> None:
        """Have every row taken, whatever becomes of the others."""
        for row in list(rows):
            try:
                take(row)
            except Exception as error:  # what one report makes go wrong must not keep the others back
                is_odd = not isinstance(error, Unreadable)
                log.warning("a report of the exchange could not be read: %s", said(error), exc_info=is_odd)

    def _follow(
        self,
        watch: Callable[[Any], Awaitable[Any]],
        take: Callable[[Any], None],
        on_break: Callable[[], None] = lambda: None,
    ) -> asyncio.Task[None]:
        return asyncio.get_running_loop().create_task(self._keep_following(watch, take, on_break))

    async def _keep_following(
        self, watch: Callable[[Any], Awaitable[Any]], take: Callable[[Any], None], on_break: Callable[[], None]
    ) -> None:
        wait = FIRST_WAIT_SEC
        await self._pause_over()
        while True:
            since = self._clock.monotonic()
            try:
                take(await watch(self._exchange()))
            except Exception as error:  # noqa: BLE001 - ccxt raises anything, and a stream must come back from all of it
                if self._clock.monotonic() - since > LASTING_SEC:
                    wait = FIRST_WAIT_SEC
                log.log(_level(is_first=wait == FIRST_WAIT_SEC), "a stream of the exchange broke: %s", said(error))
                on_break()
                await self._clock.sleep(max(wait, self._asked_wait(error)))
                wait = min(wait * 2, LONGEST_WAIT_SEC)
                await self._pause_over()
                continue
            wait = FIRST_WAIT_SEC

    async def _pause_over(self) -> None:
        """To open a stream is to ask the venue for something (hazard 28)."""
        while (seconds := self._paused_for()) > 0:
            await self._clock.sleep(seconds)

    def _asked_wait(self, error: Exception) -> float:
        """Seconds that the venue asked for as it refused to open a stream, which ccxt tells as the cause in words."""
        refusal = error.args[0] if error.args else None
        if not isinstance(refusal, WSServerHandshakeError):
            return 0.0
        return retry_after(Answer(refusal.status, "", refusal.headers or {}), self._clock.now()) or 0.0


def _cancel(tasks: Iterable[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()


def _level(*, is_first: bool) -> int:
    """One line tells of an outage, however long it lasts."""
    return logging.INFO if is_first else logging.DEBUG
