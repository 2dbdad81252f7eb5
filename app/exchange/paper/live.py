"""Real prices on the paper exchange: each market at those of one venue, without keys."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Container, Coroutine
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from app.base.clock import Clock
from app.base.errors import AppError
from app.domain.market import Quote
from app.domain.signal import venue_of
from app.domain.symbol import market_type_of
from app.domain.values import MarketType
from app.exchange.paper.kept import KeptMarket, KeptMarkets
from app.messages.reports import MarketReport

if TYPE_CHECKING:
    from app.exchange.paper.board import PriceBoard

EVERY_SEC = 0.1
PATIENCE_SEC = 5.0
"""How long a market that is asked for waits for its venue before it is opened without it."""
FIRST_RETRY_SEC = 2.0
LONGEST_RETRY_SEC = 60.0
log = logging.getLogger(__name__)


class PublicVenue(Protocol):
    """What a venue tells everybody of its spot markets, or of its perpetuals."""

    async def market(self, symbol: str) -> MarketReport | None:
        """Rules and present price, None where the venue does not have the market. AppError where it is not reached."""
        ...

    def watch(self, symbols: frozenset[str]) -> None:
        """From now on tell every quote of exactly these markets; connections that break come back by themselves."""
        ...

    async def close(self) -> None: ...


TakeQuote = Callable[[str, Quote], None]


@dataclass(frozen=True, slots=True)
class RealMarket:
    """How to get at the venues, as the composition root knows it.

    `open_venue` makes a venue by name, without connecting, and None where it is not offered; `exchange_of` tells the
    exchange that signals of a market name, as they spell it, and None where none names any.
    """

    open_venue: Callable[[str, MarketType, TakeQuote], PublicVenue | None]
    exchange_of: Callable[[str], Awaitable[str | None]]
    kept: KeptMarkets


class Filler(Protocol):
    """What moves markets that have no real prices."""

    left_alone: Container[str]

    def start(self) -> None: ...

    async def stop(self) -> None: ...


class Conflation:
    """Passes on the newest quote of each market, at most one in `EVERY_SEC`; the first goes at once."""

    def __init__(self, clock: Clock, show: TakeQuote) -> None:
        self._clock = clock
        self._show = show
        self._newest: dict[str, Quote | None] = {}

    def take(self, symbol: str, quote: Quote) -> None:
        if symbol in self._newest:
            self._newest[symbol] = quote
        else:
            self._pass_on(symbol, quote)

    def _pass_on(self, symbol: str, quote: Quote) -> None:
        self._newest[symbol] = None
        self._clock.call_later(EVERY_SEC, lambda: self._due(symbol))
        self._show(symbol, quote)

    def _due(self, symbol: str) -> None:
        quote = self._newest.pop(symbol, None)
        if quote is not None:
            self._pass_on(symbol, quote)


class Line:
    """One venue's connection: asks for each wanted market until the venue has answered, then follows its prices."""

    def __init__(
        self, name: str, venue: PublicVenue, clock: Clock, met: Callable[[str, Line, MarketReport | None], None]
    ) -> None:
        self.name = name
        self.is_away = False
        """Whether it could not be reached when it was last asked."""
        self._venue = venue
        self._clock = clock
        self._met = met
        self._wanted: dict[str, asyncio.Event] = {}
        self._followed: frozenset[str] = frozenset()
        self._asking: asyncio.Task[None] | None = None

    def want(self, symbol: str, settled: asyncio.Event) -> None:
        """Have `met` called with what the venue has of this market. `settled` is set then, or as soon as it is away."""
        self._wanted[symbol] = settled
        if self.is_away:
            settled.set()
        if self._asking is None or self._asking.done():
            self._asking = asyncio.get_running_loop().create_task(self._ask())

    async def close(self) -> None:
        if self._asking is not None:
            self._asking.cancel()
        await self._venue.close()

    async def _ask(self) -> None:
        pause = FIRST_RETRY_SEC
        while self._wanted:
            symbol, settled = next(iter(self._wanted.items()))
            try:
                report = await self._venue.market(symbol)
            except AppError as error:
                self._went_away(error)
                self._wanted[symbol] = self._wanted.pop(symbol)
                await self._clock.sleep(pause)
                pause = min(pause * 2, LONGEST_RETRY_SEC)
                continue
            pause = FIRST_RETRY_SEC
            self._came_back()
            del self._wanted[symbol]
            self._follow(symbol, report)
            settled.set()

    def _follow(self, symbol: str, report: MarketReport | None) -> None:
        self._met(symbol, self, report)
        if report is not None:
            self._followed |= {symbol}
            self._venue.watch(self._followed)

    def _went_away(self, error: AppError) -> None:
        if not self.is_away:
            log.info("the public prices of %s cannot be read, it is tried again and again: %s", self.name, error)
        self.is_away = True
        for settled in self._wanted.values():
            settled.set()

    def _came_back(self) -> None:
        if self.is_away:
            log.info("the public prices of %s can be read again", self.name)
        self.is_away = False


class LiveFeed:
    """Shows each market at the prices of one venue: `venue`, or else the exchange that the market's signals name.

    A market has the rules of its venue where that answers before somebody opens the market; rules that were told stay.
    What the venue does not reach moves by the `walk` if there is one, until the venue is reached: then the price jumps,
    and whatever the jump crosses fills, as in any gap. A market that once had real prices never gets invented ones
    again, not after a restart either: while its venue is silent its price stands, and the quote's time tells its age.
    """

    def __init__(
        self,
        board: PriceBoard,
        clock: Clock,
        market: RealMarket,
        *,
        venue: str | None = None,
        walk: Filler | None = None,
    ) -> None:
        self._board = board
        self._clock = clock
        self._market = market
        self._venue = venue
        self._walk = walk
        self._kept = market.kept
        self._shown: set[str] = set()
        """Markets that have had a real price since the start."""
        self._conflation = Conflation(clock, self._show)
        self._lines: dict[tuple[str, MarketType], Line] = {}
        self._line_of: dict[str, Line] = {}
        self._settled: dict[str, asyncio.Event] = {}
        self._without_venue: set[str] = set()
        """Markets of which no venue is known that has them: when one is named again, it is asked."""
        self._tasks: set[asyncio.Task[None]] = set()
        self._keeping = asyncio.Lock()
        if walk is not None:
            walk.left_alone = self._kept

    # ------------------------------------------------------------------ life

    def start(self) -> None:
        """Look for the real prices of every market on the board, and of those that come."""
        self._board.source = self
        self._board.add(self)
        for symbol in self._board.quotes:
            self._look_for(symbol)
        if self._walk is not None:
            self._walk.start()

    async def stop(self) -> None:
        self._board.source = None
        if self._walk is not None:
            await self._walk.stop()
        await asyncio.gather(*self._tasks)
        await asyncio.gather(*(line.close() for line in self._lines.values()))

    async def prepare(self, symbol: str, exchange: str | None = None) -> None:
        if symbol in self._without_venue:
            del self._settled[symbol]
        settled = self._look_for(symbol, exchange)
        timer = self._clock.call_later(PATIENCE_SEC, settled.set)
        try:
            await settled.wait()
        finally:
            timer.cancel()

    def on_quote(self, symbol: str, quote: Quote) -> None:  # noqa: ARG002 - a watcher of the board is told both
        """A market that came to the board some other way is looked for too."""
        if self._board.source is self:
            self._look_for(symbol)

    # ------------------------------------------------------------------ whose prices

    def _look_for(self, symbol: str, exchange: str | None = None) -> asyncio.Event:
        """Set once the market's venue has answered or cannot be reached."""
        settled = self._settled.get(symbol)
        if settled is None:
            settled = self._settled[symbol] = asyncio.Event()
            self._without_venue.discard(symbol)
            self._spawn(self._find(symbol, settled, exchange))
        return settled

    async def _find(self, symbol: str, settled: asyncio.Event, exchange: str | None) -> None:
        name = self._venue or await self._named(symbol, exchange)
        line = None if name is None else self._line(name, market_type_of(symbol))
        if line is None:
            self._without_venue.add(symbol)
            settled.set()
        else:
            line.want(symbol, settled)

    async def _named(self, symbol: str, exchange: str | None) -> str | None:
        kept = self._kept.of(symbol)
        if kept is not None:
            return kept.venue
        told = exchange or await self._market.exchange_of(symbol)
        return None if told is None else venue_of(told)

    def _line(self, name: str, market_type: MarketType) -> Line | None:
        key = (name, market_type)
        if key not in self._lines:
            venue = self._market.open_venue(name, market_type, self._conflation.take)
            if venue is None:
                return None
            self._lines[key] = Line(name, venue, self._clock, self._meet)
        return self._lines[key]

    # ------------------------------------------------------------------ what it tells

    def _meet(self, symbol: str, line: Line, report: MarketReport | None) -> None:
        if report is None:
            log.info("%s has no market %s", line.name, symbol)
            self._without_venue.add(symbol)
            return
        self._line_of[symbol] = line
        if symbol not in self._board.quotes and symbol not in self._kept:
            self._board.rules.give(report.rules)
        if report.quote is not None:
            self._conflation.take(symbol, report.quote)

    def _show(self, symbol: str, quote: Quote) -> None:
        if self._board.source is not self:
            return
        self._board.offer(symbol, quote)
        if symbol not in self._shown:
            self._shown.add(symbol)
            self._became_real(symbol, self._line_of[symbol].name)

    def _became_real(self, symbol: str, venue: str) -> None:
        log.info("the paper prices of %s are those of %s", symbol, venue)
        rules = self._board.rules.rules(symbol, None)
        if rules is not None and self._kept.put(KeptMarket(venue, rules)):
            self._spawn(self._keep())

    async def _keep(self) -> None:
        async with self._keeping:
            await asyncio.to_thread(self._kept.save)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
