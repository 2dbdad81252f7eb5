"""Rank keys of waiting entries, kept beside the queue and made anew only where a price or a group has moved.

A thousand entries are ranked within a millisecond: one division for each whose price moved, nothing for the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.base.config.groups import RankRule
from app.domain.market import Quote
from app.domain.queue import RankKey, standing, static_key
from app.domain.values import Side
from app.messages.records import QueueEntry

MarketKey = tuple[str, str]


class Place:
    """One waiting entry with its key."""

    __slots__ = ("entry", "head", "is_continuation", "is_long", "key", "price", "tail")

    def __init__(self, entry: QueueEntry) -> None:
        self.entry = entry
        self.price = entry.entry_price
        self.is_long = entry.identity.side is Side.LONG
        self.is_continuation: bool | None = None
        self.head: tuple[object, ...] = ()
        self.tail: tuple[object, ...] = ()
        self.key: RankKey = ()

    def rank(self, rules: Sequence[RankRule], last: Decimal | None, *, is_continuation: bool) -> None:
        if self.is_continuation is not is_continuation:
            self.is_continuation = is_continuation
            self.head, self.tail = static_key(self.entry, rules, is_continuation=is_continuation)
        self.key = (self.head, standing(self.is_long, self.price, last), self.tail)


class Ranks:
    """The places of all that is committed to the queue, by market."""

    def __init__(self) -> None:
        self._places: dict[str, Place] = {}
        self._markets: dict[MarketKey, dict[str, Place]] = {}
        self._quotes: dict[MarketKey, Quote | None] = {}
        self._rules: tuple[RankRule, ...] = ()

    def put(self, entry: QueueEntry) -> None:
        self.drop(entry.signal_id)
        place = self._places[entry.signal_id] = Place(entry)
        at = (entry.identity.account, entry.identity.symbol)
        self._markets.setdefault(at, {})[entry.signal_id] = place
        self._quotes.pop(at, None)

    def drop(self, signal_id: str) -> None:
        place = self._places.pop(signal_id, None)
        if place is not None:
            at = (place.entry.identity.account, place.entry.identity.symbol)
            del self._markets[at][signal_id]
            if not self._markets[at]:
                del self._markets[at]

    def use(self, rules: tuple[RankRule, ...]) -> None:
        """Rank by `rules` from now on."""
        if rules != self._rules:
            self._rules = rules
            self._quotes.clear()
            for place in self._places.values():
                place.is_continuation = None

    def markets(self) -> Iterator[tuple[MarketKey, dict[str, Place]]]:
        return iter(self._markets.items())

    def is_fresh(self, at: MarketKey, quote: Quote | None) -> bool:
        """Whether the market's places are ranked by this quote; from now on they are taken to be."""
        if at in self._quotes and self._quotes[at] is quote:
            return True
        self._quotes[at] = quote
        return False

    @property
    def places(self) -> dict[str, Place]:
        return self._places
