"""What a venue tells everybody: rules and prices of its markets. No keys, no account."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from importlib import import_module
from typing import Any

from app.base.clock import Clock
from app.domain.market import CLOSED_KEPT_SEC, Quote
from app.exchange.breaker import Breaker
from app.exchange.ccxt import market_mapping
from app.exchange.ccxt.dialects.base import Dialect, Operation
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.limits import Host, Limiter
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import Session
from app.exchange.ccxt.streams import Streams, Takers
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import MarketReport

TakeQuote = Callable[[str, Quote], None]


class PublicPrices:
    """Every quote of a watched market goes to `take`. Nothing is asked, and ccxt not loaded, before `market`.

    `host` holds the limits that all who ask the venue share. `base_url` sends every request and stream to another host.
    """

    def __init__(
        self,
        dialect: Dialect,
        clock: Clock,
        take: TakeQuote,
        host: Host,
        base_url: str | None = None,
        make: Callable[[Dialect, Access, StreamHooks], Any] = make_exchange,
    ) -> None:
        self._dialect = dialect
        self._take = take
        self._known = Known(clock)
        self.limiter = Limiter(host, dialect.budgets, clock)
        self._session = Session(
            dialect,
            Access(base_url=base_url),
            clock,
            self.limiter,
            Breaker(dialect.name, clock, lambda _: None),
            StreamHooks(lambda: None, lambda _: None, ticker=self._ticker_was_pushed),
            make,
        )
        self._reader = Reader(dialect.name, self._session, clock, self._known)
        takers = Takers(_nothing, _nothing, self._take_ticker, self._ask)
        self._streams = Streams(lambda: self._session.exchange, clock, takers, dialect, host.paused_for)
        self._clock = clock
        self._loaded_at: float | None = None

    def _ticker_was_pushed(self, ticker: Raw) -> None:
        self._streams.push_ticker(ticker)

    async def market(self, symbol: str) -> MarketReport | None:
        """Rules and present price, None where the venue does not have the market. Retryable, OperatorActionNeeded."""
        await self._load(symbol)
        told = self._reader.market(symbol)
        rules = None if told is None else market_mapping.market_rules(told)
        if rules is None or rules.market_type is not self._dialect.market_type:
            return None
        ticker = await self._session.read(Operation.TICKER, lambda api: api.fetch_ticker(symbol))
        price = self._reader.price(symbol, ticker)
        lasting = replace(rules, is_trading=True, delisted_at=None)  # who asks does so once, and a halt passes
        return MarketReport(lasting, None if price is None else price.quote)

    async def _load(self, symbol: str) -> None:
        """Again where a market is asked for that was not listed a while ago: it may be new."""
        now, before = self._clock.monotonic(), self._loaded_at
        if before is not None and (symbol in self._session.exchange.markets or now - before < CLOSED_KEPT_SEC):
            return
        await asyncio.to_thread(import_module, "ccxt.pro")  # half a second, which must not stop the loop
        await self._session.read(Operation.MARKETS, lambda api: api.load_markets(before is not None))
        if before is None:
            self._streams.start(follow_own=False)
        self._loaded_at = now

    def watch(self, symbols: frozenset[str]) -> None:
        """From now on follow exactly these markets."""
        self._streams.watch_prices(symbols)

    async def close(self) -> None:
        self._streams.stop()
        await self._session.close()

    def _take_ticker(self, ticker: Raw) -> None:
        price = self._reader.price(str(ticker["symbol"]), ticker)
        if price is not None:
            self._take(price.symbol, price.quote)

    async def _ask(self, symbols: frozenset[str]) -> frozenset[str]:
        before = dict(self._known.quotes)
        prices = await self._reader.prices(symbols)
        for price in prices:
            self._take(price.symbol, price.quote)
        return market_mapping.moved(before, prices)


def _nothing(_row: Raw) -> None:
    return None
