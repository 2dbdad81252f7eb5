"""Prices of the paper exchange: one board for all accounts."""

from __future__ import annotations

from decimal import Decimal
from typing import Protocol

from app.base.clock import Clock
from app.domain.market import Quote, Rounding
from app.exchange.paper.rules import RuleBook


class Watcher(Protocol):
    def on_quote(self, symbol: str, quote: Quote) -> None: ...


class Source(Protocol):
    async def prepare(self, symbol: str, exchange: str | None = None) -> None:
        """Return when a market that is about to be opened has its real rules and price, or will not have them soon.

        `exchange` is whose prices it shall have, where that is known already.
        """
        ...


class UnknownMarket(LookupError):
    """No price of this market was ever seen."""


class PriceBoard:
    """The last quote of each market. A price set by hand holds until it is released."""

    def __init__(self, clock: Clock, rules: RuleBook) -> None:
        self.rules = rules
        self.quotes: dict[str, Quote] = {}
        self.held: set[str] = set()
        self.source: Source | None = None
        self._clock = clock
        self._watchers: list[Watcher] = []

    def add(self, watcher: Watcher) -> None:
        self._watchers.append(watcher)

    def publish(self, symbol: str, quote: Quote) -> None:
        """A new quote for every account."""
        self.quotes[symbol] = quote
        for watcher in self._watchers:
            watcher.on_quote(symbol, quote)

    async def prepare(self, symbol: str, exchange: str | None = None) -> None:
        """Give the source of prices the time to open a market before `open` does so at a price of somebody's."""
        if self.source is not None:
            await self.source.prepare(symbol, exchange)

    def open(self, symbol: str, price: Decimal) -> None:
        """The first price of a market, on its tick; one that has a price already keeps it."""
        rules = self.rules.rules(symbol, price)
        if symbol not in self.quotes and rules is not None:
            on_tick = max(rules.quantize_price(price, Rounding.DOWN), rules.tick_size)
            self.publish(symbol, Quote.flat(on_tick, self._clock.now()))

    def move(self, symbol: str, price: Decimal) -> None:
        """A new price without a spread, by a feed; one held by hand stays."""
        self.offer(symbol, Quote.flat(price, self._clock.now()))

    def offer(self, symbol: str, quote: Quote) -> None:
        """A new quote by a feed; a price held by hand stays."""
        if symbol not in self.held:
            self.publish(symbol, quote)

    def set_price(self, symbol: str, price: Decimal) -> None:
        """Hold `symbol` at `price` until `release`. ValueError for a price that is not positive, UnknownMarket."""
        if not price.is_finite() or price <= 0:
            raise ValueError(f"a price is positive, not {price}")
        if self.rules.rules(symbol, price) is None:
            raise UnknownMarket(symbol)
        self.held.add(symbol)
        self.publish(symbol, Quote.flat(price, self._clock.now()))

    def release(self, symbol: str) -> None:
        """Let the feed move it again. UnknownMarket where it never had a price."""
        if symbol not in self.quotes:
            raise UnknownMarket(symbol)
        self.held.discard(symbol)
