"""Endpoints of the Binance spot fake that only tell. A docstring's title names the page of Binance's documents."""

from __future__ import annotations

import json
from typing import Any

from app.ports.paper_store import PaperOrder
from tests.support.venues import binance_spot_rows
from tests.support.venues.binance_orders import Params
from tests.support.venues.binance_reads import Reading, bound, page
from tests.support.venues.binance_rows import Json
from tests.support.venues.refusals import VenueRefusal, malformed
from tests.support.venues.words import text

DAY_MS = 86_400_000


class SpotReading(Reading):
    def exchange_info(self, params: Params) -> Json:
        """Title: Exchange information."""
        return binance_spot_rows.exchange_info(self._book, self._now())

    def depth(self, params: Params) -> Json:
        """Title: Order book. One level a side."""
        told = super().depth(params)
        return {key: told[key] for key in ("lastUpdateId", "bids", "asks")}

    def book_ticker(self, params: Params) -> Any:
        """Title: Symbol order book ticker."""
        quotes = self._book.ledger.quotes
        return self._of_some(params, lambda symbol, name: binance_spot_rows.book_ticker(name, quotes[symbol]))

    def price_ticker(self, params: Params) -> Any:
        """Title: Symbol price ticker."""
        quotes = self._book.ledger.quotes
        return self._of_some(params, lambda symbol, name: {"symbol": name, "price": text(quotes[symbol].last)})

    def day_ticker(self, params: Params) -> Any:
        """Title: 24hr ticker price change statistics."""
        quotes = self._book.ledger.quotes
        return self._of_some(
            params, lambda symbol, name: binance_spot_rows.day_ticker(name, quotes[symbol], self._now())
        )

    def _of_some(self, params: Params, row: Any) -> Any:
        """Of one market, of those in the list `symbols`, or of all."""
        if "symbols" not in params:
            return self._of_markets(params, row)
        try:
            names = json.loads(params["symbols"])
        except ValueError:
            raise malformed("symbols") from None
        return [self._of_markets({"symbol": name}, row) for name in names]

    def account(self, params: Params) -> Json:
        """Title: Account information."""
        return binance_spot_rows.account_row(self._book, self._now())

    def _orders(self) -> list[PaperOrder]:
        return list(self._book.ledger.orders.values())

    def _row(self, order: PaperOrder) -> Json:
        return binance_spot_rows.order_row(self._book, order)

    def user_trades(self, params: Params) -> list[Json]:
        """Title: Account trade list."""
        symbol = self._trading.rules(params).symbol
        start, end = bound(params, "startTime"), bound(params, "endTime")
        if params.get("orderId") and (start is not None or end is not None):
            raise VenueRefusal(-1128, "Combination of optional parameters invalid.")
        if params.get("fromId") and (start is not None or end is not None):
            raise VenueRefusal(-1128, "Combination of optional parameters invalid.")
        if start is not None and end is not None and end - start > DAY_MS:
            raise VenueRefusal(-1127, "More than 24 hours between startTime and endTime.")
        rows = [binance_spot_rows.trade_row(self._book, trade) for trade in self._book.trades_of(symbol)]
        if params.get("orderId"):
            rows = [row for row in rows if str(row["orderId"]) == params["orderId"]]
        if params.get("fromId"):
            return page([row for row in rows if row["id"] >= int(params["fromId"])], params, 500, oldest=True)
        return page(rows, params, 500)
