"""Endpoints of the Aster fake that only tell. A docstring's title names the chapter of Aster's documents."""

from __future__ import annotations

from typing import Any

from app.exchange.paper.ledger import Ledger
from app.ports.paper_store import PaperOrder
from tests.support.venues import binance_rows
from tests.support.venues.aster_rows import (
    order_row,
    position_rows,
    spot_account,
    spot_day_ticker,
    spot_market,
    trade_row,
)
from tests.support.venues.binance_orders import Params
from tests.support.venues.binance_reads import Reading
from tests.support.venues.binance_rows import Json
from tests.support.venues.words import market_id


def _limit(kind: str, amount: int) -> Json:
    return {"rateLimitType": kind, "interval": "MINUTE", "intervalNum": 1, "limit": amount}


class AsterReading(Reading):
    def exchange_info(self, params: Params) -> Json:
        """Title: Exchange Information."""
        limits = [_limit("REQUEST_WEIGHT", 2400), _limit("ORDERS", 1200)]
        return binance_rows.exchange_info(self._book, self._now()) | {"rateLimits": limits}

    def nothing_listed(self, params: Params) -> Json:
        """The other market's Exchange Information: ccxt asks for both."""
        return {"timezone": "UTC", "serverTime": self._now(), "rateLimits": [], "assets": [], "symbols": []}

    def _orders(self) -> list[PaperOrder]:
        return list(self._book.ledger.orders.values())

    def _row(self, order: PaperOrder) -> Json:
        return order_row(self._book, order)

    def positions(self, params: Params) -> list[Json]:
        """Title: Position Information v3."""
        symbol = self._trading.rules(params).symbol if params.get("symbol") else None
        return position_rows(self._book, self._now(), symbol)


class SpotReading(AsterReading):
    def exchange_info(self, params: Params) -> Json:
        """Title: Trading specification information."""
        book = self._book
        return {
            "timezone": "UTC",
            "serverTime": self._now(),
            "rateLimits": [_limit("REQUEST_WEIGHT", 1200), _limit("ORDERS", 100)],
            "exchangeFilters": [],
            "assets": [{"asset": asset} for asset in book.ledger.balances],
            "symbols": [spot_market(book, rules) for rules in book.ledger.rules.values()],
        }

    def account(self, params: Params) -> Json:
        """Title: Account information."""
        return spot_account(self._book, self._now())

    def day_ticker(self, params: Params) -> Any:
        """Title: 24h price change."""
        ledger: Ledger = self._book.ledger
        by_name = {market_id(rules): rules for rules in ledger.rules.values()}
        return self._of_markets(
            params,
            lambda symbol, name: spot_day_ticker(name, ledger.quotes[symbol], self._now(), by_name[name]),
        )

    def user_trades(self, params: Params) -> list[Json]:
        """Title: Account trade history."""
        wanted = {row["id"] for row in super().user_trades(params)}
        return [trade_row(self._book, trade) for trade in self._book.trades if trade.fill.number in wanted]
