"""What one session has learnt of its account: markets, whose orders are whose, and how our own stand."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.domain.market import MarketRules, Quote
from app.domain.order import RESTING, OrderStatus
from app.domain.values import ZERO
from app.exchange.ccxt.mapping import Raw, child_order_id
from app.messages.reports import OrderReport

T = TypeVar("T")
LIVE = frozenset({*RESTING, OrderStatus.PENDING_CANCEL})
QUIET = timedelta(days=8)
"""A market in which nothing was seen for so long is not asked for its trades: nothing of ours can have filled there."""

MOST_REMEMBERED = 1000
"""Of so many orders it is known how they ended: an answer that is older than that is some seconds late at most."""


def remember(latest: dict[str, T], key: str, value: T) -> None:
    """Put `value` among the latest `MOST_REMEMBERED`."""
    latest.pop(key, None)
    latest[key] = value
    if len(latest) > MOST_REMEMBERED:
        del latest[next(iter(latest))]


class Known:
    """Nothing of it outlives the session; it is learnt from answers and streams alike."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._touched: dict[str, datetime] = {}
        self.rules: dict[str, MarketRules] = {}
        self.marked: set[str] = set()
        """Markets whose mark price has been told."""
        self.quotes: dict[str, Quote] = {}
        self.live: dict[str, OrderReport] = {}
        """Orders with a client id that were live when they were last told of, by that id."""
        self._ended: dict[str, Decimal] = {}
        """What the latest orders that are over have filled, by client id."""
        self._owners: dict[tuple[str, str], str | None] = {}
        """By symbol and the venue's id: some venues count orders market by market."""

    def touch(self, symbol: str) -> None:
        """Something is or was about to be done in this market, or something was found there."""
        self._touched[symbol] = self._clock.now()

    def symbols(self, since: datetime) -> list[str]:
        """The markets met in this session where trades may have been made since then, in order.

        Between two touches lies no more than `QUIET`: what lives in a market touches it whenever it is read.
        """
        first = min(since, self._clock.now()) - QUIET
        return sorted(symbol for symbol, at in self._touched.items() if at >= first)

    def owner(self, symbol: str | None, venue_order_id: str | None) -> str | None:
        """The client id under which an order was made."""
        return None if symbol is None or venue_order_id is None else self._owners.get((symbol, venue_order_id))

    def is_asked(self, symbol: str, venue_order_id: str) -> bool:
        """Whether it is known whose the order is, be it nobody's."""
        return (symbol, venue_order_id) in self._owners

    def note_owner(self, symbol: str, venue_order_id: str, client_order_id: str | None) -> None:
        if self._owners.get((symbol, venue_order_id)) is None:
            self._owners[symbol, venue_order_id] = client_order_id

    def owned(self, report: OrderReport) -> OrderReport:
        """The order under the id that it was made with: a triggered stop lives on as another order."""
        owner = self.owner(report.symbol, report.venue_order_id)
        return report if owner in (None, report.client_order_id) else replace(report, client_order_id=owner)

    def learn(self, report: OrderReport, raw: Raw) -> None:
        """Remember an order as it was just told; an answer that newer news overtook changes nothing."""
        self.touch(report.symbol)
        client_id = report.client_order_id
        if client_id is None:
            return
        for order_id in (report.venue_order_id, child_order_id(raw)):
            if order_id is not None:
                self.note_owner(report.symbol, order_id, client_id)
        if report.status not in LIVE:
            self.live.pop(client_id, None)
            remember(self._ended, client_id, max(report.filled, self._ended.get(client_id, ZERO)))
        elif not self._is_overtaken(client_id, report.filled):
            self.live[client_id] = report

    def _is_overtaken(self, client_id: str, filled: Decimal) -> bool:
        """Whether more is known of an order than that it lives with this much filled."""
        ended, live = self._ended.get(client_id), self.live.get(client_id)
        return (ended is not None and ended >= filled) or (live is not None and live.filled > filled)
