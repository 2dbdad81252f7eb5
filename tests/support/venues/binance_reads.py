"""Endpoints of the Binance fake that only tell. A docstring's title names the page of Binance's documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.base.clock import Clock
from app.base.timeframe import seconds
from app.domain.values import ZERO
from app.messages.reports import FillKind
from app.ports.paper_store import PaperOrder
from tests.support.venues.binance_book import Book, is_waiting
from tests.support.venues.binance_orders import Params, Trading, needed
from tests.support.venues.binance_rows import (
    Json,
    account_row,
    algo_row,
    balance_rows,
    book_ticker,
    day_ticker,
    exchange_info,
    forced_row,
    income_row,
    order_row,
    position_rows,
    premium_index,
    trade_row,
)
from tests.support.venues.refusals import NO_SUCH_ORDER, VenueRefusal, malformed
from tests.support.venues.words import market_id, milliseconds, text

WEEK_MS = 7 * 86_400_000


class Reading:
    """The telling endpoints on a book; `now` is the venue's clock in milliseconds."""

    def __init__(self, book: Book, trading: Trading, clock: Clock, now: Callable[[], int]) -> None:
        self._book = book
        self._trading = trading
        self._clock = clock
        self._now = now

    # ------------------------------------------------------------------ markets

    def ping(self, params: Params) -> Json:
        """Title: Test Connectivity."""
        return {}

    def time(self, params: Params) -> Json:
        """Title: Check Server Time."""
        return {"serverTime": self._now()}

    def exchange_info(self, params: Params) -> Json:
        """Title: Exchange Information."""
        return exchange_info(self._book, self._now())

    def coins(self, params: Params) -> list[Json]:
        """Title: All Coins' Information (wallet). ccxt asks it with every load of the markets; nothing is listed."""
        return []

    def margin_pairs(self, params: Params) -> list[Json]:
        """Titles: Get All Cross Margin Pairs, Get All Isolated Margin Symbol, Get All Margin Assets. None is listed."""
        return []

    def depth(self, params: Params) -> Json:
        """Title: Order Book. One level a side."""
        symbol = self._trading.rules(params).symbol
        quote = self._book.ledger.quotes[symbol]
        at = milliseconds(quote.at)
        sides = {"bids": [[text(quote.bid), "1000"]], "asks": [[text(quote.ask), "1000"]]}
        return {"lastUpdateId": at, "E": self._now(), "T": at, **sides}

    def book_ticker(self, params: Params) -> Any:
        """Title: Symbol Order Book Ticker."""
        return self._of_markets(params, lambda symbol, name: book_ticker(name, self._book.ledger.quotes[symbol]))

    def price_ticker(self, params: Params) -> Any:
        """Title: Symbol Price Ticker V2."""
        quotes = self._book.ledger.quotes
        return self._of_markets(
            params,
            lambda symbol, name: {
                "symbol": name,
                "price": text(quotes[symbol].last),
                "time": milliseconds(quotes[symbol].at),
            },
        )

    def day_ticker(self, params: Params) -> Any:
        """Title: 24hr Ticker Price Change Statistics."""
        return self._of_markets(
            params, lambda symbol, name: day_ticker(name, self._book.ledger.quotes[symbol], self._now())
        )

    def premium_index(self, params: Params) -> Any:
        """Title: Mark Price."""
        return self._of_markets(
            params, lambda symbol, name: premium_index(name, self._book.ledger.quotes[symbol], self._now(), ZERO)
        )

    def klines(self, params: Params) -> list[list[object]]:
        """Title: Kline/Candlestick Data."""
        rules, interval = self._trading.rules(params), needed(params, "interval")
        try:
            length = seconds(interval) * 1000
            bars = self._book.candles.bars(rules.symbol, interval, int(params.get("limit", "500")))
        except ValueError:
            raise VenueRefusal(-1120, "Invalid interval.") from None
        rows: list[list[object]] = []
        for bar in bars:
            start, sides = milliseconds(bar.at), (bar.open, bar.high, bar.low, bar.close, bar.volume)
            rows.append([start, *map(text, sides), start + length - 1, "0", 0, "0", "0", "0"])
        return [row for row in rows if _between(row[0], params)]

    def _of_markets(self, params: Params, row: Callable[[str, str], Json]) -> Any:
        if params.get("symbol"):
            rules = self._trading.rules(params)
            return row(rules.symbol, market_id(rules))
        return [row(rules.symbol, market_id(rules)) for rules in self._book.ledger.rules.values()]

    # ------------------------------------------------------------------ the account

    def balance(self, params: Params) -> list[Json]:
        """Titles: Futures Account Balance V2, Futures Account Balance V3."""
        return balance_rows(self._book, self._now())

    def account_v2(self, params: Params) -> Json:
        """Title: Account Information V2."""
        return account_row(self._book, self._now(), version=2)

    def account_v3(self, params: Params) -> Json:
        """Title: Account Information V3."""
        return account_row(self._book, self._now(), version=3)

    def positions_v2(self, params: Params) -> list[Json]:
        """Title: Position Information V2."""
        return self._positions(params, 2)

    def positions_v3(self, params: Params) -> list[Json]:
        """Title: Position Information V3."""
        return self._positions(params, 3)

    def _positions(self, params: Params, version: int) -> list[Json]:
        symbol = self._trading.rules(params).symbol if params.get("symbol") else None
        return position_rows(self._book, self._now(), version=version, symbol=symbol)

    def position_mode(self, params: Params) -> Json:
        """Title: Get Current Position Mode."""
        return {"dualSidePosition": self._book.ledger.is_hedged}

    def multi_assets_mode(self, params: Params) -> Json:
        """Title: Get Current Multi-Assets Mode."""
        return {"multiAssetsMargin": False}

    def symbol_config(self, params: Params) -> list[Json]:
        """Title: Symbol Configuration."""
        ledger = self._book.ledger
        chosen = [self._trading.rules(params)] if params.get("symbol") else list(ledger.rules.values())
        rows = []
        for rules in chosen:
            leverage, mode = ledger.leverage(rules.symbol)
            named = {"symbol": market_id(rules), "marginType": "ISOLATED" if mode == "isolated" else "CROSSED"}
            rows.append({**named, "isAutoAddMargin": False, "leverage": int(leverage), "maxNotionalValue": "100000000"})
        return rows

    def account_config(self, params: Params) -> Json:
        """Title: Account Configuration."""
        can = {"canTrade": True, "canDeposit": True, "canWithdraw": True}
        mode = {"dualSidePosition": self._book.ledger.is_hedged, "multiAssetsMargin": False}
        return {"feeTier": 0, **can, **mode, "updateTime": self._now()}

    def commission_rate(self, params: Params) -> Json:
        """Title: User Commission Rate."""
        fees = self._book.ledger.config.fees
        name = market_id(self._trading.rules(params))
        return {"symbol": name, "makerCommissionRate": text(fees.maker), "takerCommissionRate": text(fees.taker)}

    def leverage_bracket(self, params: Params) -> Any:
        """Title: Notional and Leverage Brackets. One bracket a market, as the engine reckons."""

        def row(_: str, name: str) -> Json:
            bracket = {"bracket": 1, "initialLeverage": 125, "notionalCap": 100_000_000, "notionalFloor": 0}
            return {"symbol": name, "brackets": [{**bracket, "maintMarginRatio": 0.005, "cum": 0.0}]}

        found = self._of_markets(params, row)
        return found if isinstance(found, list) else [found]

    def income(self, params: Params) -> list[Json]:
        """Title: Get Income History. Only funding fees."""
        if params.get("incomeType", "FUNDING_FEE") != "FUNDING_FEE":
            return []
        rows = [income_row(self._book, payment) for payment in self._book.ledger.funding]
        return page(_of_symbol(rows, params), params, 100)

    def user_trades(self, params: Params) -> list[Json]:
        """Title: Account Trade List."""
        rules = self._trading.rules(params)
        rows = [trade_row(self._book, trade) for trade in self._book.trades_of(rules.symbol)]
        if params.get("orderId"):
            rows = [row for row in rows if str(row["orderId"]) == params["orderId"]]
        if params.get("fromId"):
            return page([row for row in rows if row["id"] >= int(params["fromId"])], params, 500, oldest=True)
        start, end = bound(params, "startTime"), bound(params, "endTime")
        if start is not None and end is not None and end - start > WEEK_MS:
            raise VenueRefusal(-4166, "Search window is restricted to recent 7 days only.")
        if start is None and end is None:
            rows = [row for row in rows if row["time"] >= self._now() - WEEK_MS]
        elif start is not None and end is None:
            rows = [row for row in rows if row["time"] < start + WEEK_MS]
        return page(rows, params, 500, oldest=start is not None)

    # ------------------------------------------------------------------ orders

    def order(self, params: Params) -> Json:
        """Title: Query Order."""
        self._trading.rules(params)
        forced = next((row for row in self._forced() if str(row["orderId"]) == params.get("orderId")), None)
        if forced is not None:
            return forced
        return self._row(self._trading.found(params))

    def _forced(self) -> Iterator[Json]:
        """What the venue closed by itself."""
        return (
            forced_row(self._book, trade.fill)
            for trade in self._book.trades
            if trade.fill.kind in {FillKind.LIQUIDATION, FillKind.ADL}
        )

    def open_order(self, params: Params) -> Json:
        """Title: Query Current Open Order."""
        found = self._trading.found(params)
        if not found.is_live:
            raise VenueRefusal(*NO_SUCH_ORDER)
        return self._row(found)

    def open_orders(self, params: Params) -> list[Json]:
        """Title: Current All Open Orders. Without what waits with the algo service."""
        return [self._row(order) for order in self._chosen(self._orders(), params) if order.is_live]

    def all_orders(self, params: Params) -> list[Json]:
        """Title: All Orders."""
        self._trading.rules(params)
        rows = [self._row(order) for order in self._chosen(self._orders(), params)]
        return page(rows, params, 500)

    def _orders(self) -> list[PaperOrder]:
        return self._book.regular()

    def _row(self, order: PaperOrder) -> Json:
        return order_row(self._book, order)

    def algo_order(self, params: Params) -> Json:
        """Title: Query Algo Order."""
        return algo_row(self._book, self._trading.found_algo(params, NO_SUCH_ORDER))

    def open_algo_orders(self, params: Params) -> list[Json]:
        """Title: Current All Algo Open Orders."""
        chosen = self._chosen(self._book.conditional(), params)
        return [algo_row(self._book, order) for order in chosen if order.is_live and is_waiting(order)]

    def all_algo_orders(self, params: Params) -> list[Json]:
        """Title: Query All Algo Orders."""
        return [algo_row(self._book, order) for order in self._chosen(self._book.conditional(), params)]

    def _chosen(self, orders: Iterable[PaperOrder], params: Params) -> list[PaperOrder]:
        if not params.get("symbol"):
            return list(orders)
        symbol = self._trading.rules(params).symbol
        return [order for order in orders if order.symbol == symbol]


def _of_symbol(rows: list[Json], params: Params) -> list[Json]:
    return [row for row in rows if params.get("symbol") in {None, "", row["symbol"]}]


def page(rows: list[Json], params: Params, limit: int, *, oldest: bool = False) -> list[Json]:
    """Rows between startTime and endTime; the newest `limit`, or the oldest where a start was given."""
    told = params.get("limit", str(limit))
    if not told.isdecimal() or not 1 <= int(told) <= 1000:
        raise malformed("limit")
    found = [row for row in rows if _between(row["time"], params)]
    return found[: int(told)] if oldest or params.get("startTime") else found[-int(told) :]


def _between(at: Any, params: Params) -> bool:
    start, end = bound(params, "startTime"), bound(params, "endTime")
    return (start is None or at >= start) and (end is None or at <= end)


def bound(params: Params, name: str) -> int | None:
    value = params.get(name)
    if not value:
        return None
    if not value.isdecimal():
        raise malformed(name)
    return int(value)
