"""Endpoints of the Bybit fakes that only read. A docstring's address names the page of Bybit's documents."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from decimal import Decimal

from app.base.clock import Clock
from app.domain.values import MarketType, Side
from app.exchange.paper.margin import MAINTENANCE_RATE
from app.ports.paper_store import PaperOrder
from tests.support.venues.bybit_book import BybitBook, is_waiting
from tests.support.venues.bybit_gate import BybitGate
from tests.support.venues.bybit_orders import BybitTrading, Json, Params, needed
from tests.support.venues.bybit_refusals import BybitRefusal, malformed
from tests.support.venues.bybit_rows import (
    fill_row,
    funding_row,
    instrument,
    kline,
    order_row,
    position_row,
    ticker,
    wallet,
)
from tests.support.venues.words import market_id, text

RECENT = 500
WEEK_MS = 7 * 24 * 3600 * 1000
_INTERVALS = {"D": "1D", "W": "1W", "M": "1M"}


class BybitReading:
    """`forgotten` are numbers of closed orders that `/v5/order/realtime` knows no longer, as after a restart."""

    def __init__(
        self, book: BybitBook, trading: BybitTrading, gate: BybitGate, clock: Clock, now: Callable[[], int]
    ) -> None:
        self._book = book
        self._trading = trading
        self._gate = gate
        self._clock = clock
        self._now = now
        self.forgotten: set[int] = set()

    # ------------------------------------------------------------------ markets

    def time(self, _params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/time"""
        return {"timeSecond": str(self._now() // 1000), "timeNano": str(self._now() * 1_000_000)}

    def instruments(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/instrument"""
        rows = [instrument(self._book, rules) for rules in self._book.ledger.rules.values()]
        if params.get("status") == "PreLaunch":
            rows = []
        found = [row for row in rows if params.get("symbol") in {None, "", row["symbol"]}]
        return {"category": params["category"], "list": found, "nextPageCursor": ""}

    def tickers(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/tickers"""
        if params.get("symbol"):
            self._trading.rules(params)
        ledger = self._book.ledger
        rows = [ticker(self._book, rules, ledger.quotes[symbol]) for symbol, rules in ledger.rules.items()]
        found = [row for row in rows if params.get("symbol") in {None, "", row["symbol"]}]
        return {"category": params["category"], "list": found}

    def orderbook(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/orderbook: one level."""
        rules = self._trading.rules(params)
        quote = self._book.ledger.quotes[rules.symbol]
        bids, asks = [[text(quote.bid), "100"]], [[text(quote.ask), "100"]]
        return {"s": market_id(rules), "b": bids, "a": asks, "ts": self._now(), "u": 1, "seq": 1}

    def klines(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/kline: the newest first."""
        rules, interval = self._trading.rules(params), needed(params, "interval")
        timeframe = _INTERVALS.get(interval) or f"{interval}m"
        bars = self._book.candles.bars(rules.symbol, timeframe, int(params.get("limit", "200")))
        rows = [kline(bar) for bar in reversed(bars)]
        return {"symbol": market_id(rules), "category": params["category"], "list": rows}

    def risk_limit(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/market/risk-limit"""
        rules = self._trading.rules(params)
        row = {"id": 1, "symbol": market_id(rules), "riskLimitValue": "2000000", "isLowestRisk": 1}
        row |= {"maintenanceMargin": text(MAINTENANCE_RATE), "initialMargin": "0.01", "maxLeverage": "100.00"}
        return {"category": params["category"], "list": [row], "nextPageCursor": ""}

    # ------------------------------------------------------------------ the account

    def query_api(self, _params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/user/apikey-info"""
        trades = self._gate.may_trade
        return {
            "id": "13770661",
            "note": "fake",
            "apiKey": self._gate.api_key,
            "readOnly": 0 if trades else 1,
            "permissions": {
                "ContractTrade": ["Order", "Position"] if trades else [],
                "Spot": ["SpotTrade"] if trades else [],
                "Wallet": [],
            },
            "ips": ["*"],
            "uta": 1,
            "unified": 0,
            "userID": 24617703,
        }

    def account_info(self, _params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/account/account-info"""
        return {
            "unifiedMarginStatus": 6,
            "marginMode": self._book.margin_mode,
            "isMasterTrader": False,
            "spotHedgingStatus": "OFF",
            "updatedTime": "1697078946000",
            "dcpStatus": "OFF",
            "timeWindow": 10,
            "smpGroup": 0,
        }

    def wallet_balance(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/account/wallet-balance"""
        if needed(params, "accountType") != "UNIFIED":
            raise malformed("accountType only support UNIFIED.")
        return {"list": [wallet(self._book)]}

    def positions(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/position: flat ones only where a symbol is named."""
        book = self._book
        if params.get("symbol"):
            symbol = self._trading.rules(params).symbol
            rows = [position_row(book, symbol, side) for side in self._sides(symbol)]
        elif params.get("settleCoin"):
            held = [key for key in book.ledger.positions if book.ledger.rules[key[0]].quote == params["settleCoin"]]
            rows = [position_row(book, symbol, side) for symbol, side in held]
        else:
            raise malformed("symbol or settleCoin is required")
        return _page(rows, params, 20, 200)

    def _sides(self, symbol: str) -> Iterable[Side]:
        held = [side for side in Side if (symbol, side) in self._book.ledger.positions]
        return list(Side) if self._book.ledger.is_hedged else held or [Side.LONG]

    def transactions(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/account/transaction-log: funding and trades only."""
        book = self._book
        rows = [funding_row(book, item) | {"type": "SETTLEMENT"} for item in book.ledger.funding]
        rows += [fill_row(book, item, None) | {"type": "TRADE"} for item in book.ledger.fills]
        told = [
            {
                "id": row["execId"],
                "symbol": row["symbol"],
                "side": row["side"],
                "type": row["type"],
                "category": params.get("category", ""),
                "currency": "USDT",
                "funding": text(-_decimal(row["execFee"])) if row["type"] == "SETTLEMENT" else "",
                "fee": row["execFee"] if row["type"] == "TRADE" else "0",
                "tradeId": row["execId"],
                "orderId": row["orderId"],
                "orderLinkId": row["orderLinkId"],
                "transactionTime": row["execTime"],
            }
            for row in rows
        ]
        return _page(_between(told, params, "transactionTime", self._now()), params, 20, 50)

    # ------------------------------------------------------------------ orders and executions

    def realtime(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/open-order

        Live orders; by an id, or with `openOnly` 1, those of the last 500 that are over, too.
        """
        if params.get("orderId") or params.get("orderLinkId"):
            order = self._trading.find(params)
            known = [order] if order is not None and (order.is_live or self._is_recent(order)) else []
        else:
            self._check_scope(params)
            wanted = params.get("openOnly", "0") == "0"
            known = [item for item in self._orders(params) if item.is_live is wanted and self._is_kept(item)]
        return _page([order_row(self._book, order) for order in known], params, 20, 50)

    def history(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/order-list: what is over."""
        if params.get("orderId") or params.get("orderLinkId"):
            order = self._trading.find(params)
            known = [order] if order is not None and not order.is_live else []
        else:
            known = [item for item in self._orders(params) if not item.is_live]
        rows = [order_row(self._book, order) for order in known]
        return _page(_between(rows, params, "createdTime", self._now()), params, 20, 50)

    def _check_scope(self, params: Params) -> None:
        names = ("symbol", "baseCoin", "settleCoin")
        if self._book.market_type is MarketType.LINEAR and not any(params.get(name) for name in names):
            raise malformed("Missing some parameters that must be filled in, symbol or settleCoin or baseCoin")

    def _orders(self, params: Params) -> list[PaperOrder]:
        """The newest first."""
        book = self._book
        found = [order for order in book.ledger.orders.values() if self._fits(order, params)]
        asked = params.get("orderFilter")
        if asked:
            found = [order for order in found if is_waiting(order) is (asked == "StopOrder")]
        return sorted(found, key=lambda order: -order.number)

    def _fits(self, order: PaperOrder, params: Params) -> bool:
        rules = self._book.ledger.rules[order.symbol]
        if params.get("symbol"):
            return market_id(rules) == str(params["symbol"])
        return params.get("settleCoin") in {None, "", rules.quote}

    def _is_recent(self, order: PaperOrder) -> bool:
        newer = sum(not item.is_live and item.number > order.number for item in self._book.ledger.orders.values())
        return newer < RECENT and order.number not in self.forgotten

    def _is_kept(self, order: PaperOrder) -> bool:
        return order.is_live or self._is_recent(order)

    def executions(self, params: Params) -> Json:
        """https://bybit-exchange.github.io/docs/v5/order/execution: the newest first, a week at the most."""
        book = self._book
        rows = [fill_row(book, fill, book.ledger.orders.get(fill.order_number or 0)) for fill in book.ledger.fills]
        rows += [funding_row(book, payment) for payment in book.ledger.funding]
        if params.get("orderId"):
            rows = [row for row in rows if row["orderId"] == params["orderId"]]
        elif params.get("orderLinkId"):
            rows = [row for row in rows if row["orderLinkId"] == params["orderLinkId"]]
        else:
            rows = [row for row in rows if params.get("symbol") in {None, "", row["symbol"]}]
            rows = _between(rows, params, "execTime", self._now())
        if params.get("execType"):
            rows = [row for row in rows if row["execType"] == params["execType"]]
        rows.sort(key=lambda row: (int(row["execTime"]), row["execId"]), reverse=True)
        return _page(rows, params, 50, 100)


def _decimal(value: str) -> Decimal:
    return Decimal(value)


def _between(rows: list[Json], params: Params, name: str, now: int) -> list[Json]:
    """Within the times asked for: seven days, from the start or until the end that is given."""
    start, end = (int(params[key]) if params.get(key) else None for key in ("startTime", "endTime"))
    if start is not None and end is not None and (end - start > WEEK_MS or start > end):
        raise BybitRefusal(10001, "The time range between startTime and endTime cannot exceed 7 days")
    if start is None:
        start = (end if end is not None else now) - WEEK_MS
    if end is None:
        end = start + WEEK_MS
    return [row for row in rows if start <= int(row[name]) <= end]


def _page(rows: list[Json], params: Params, usual: int, most: int) -> Json:
    """A page and the cursor of the next one; the last page has none."""
    told = str(params.get("limit", usual))
    if not told.isdecimal() or not int(told) >= 1:
        raise malformed("limit")
    size, first = min(int(told), most), int(str(params.get("cursor") or "page=0").rpartition("=")[2])
    rest = first + size < len(rows)
    cursor = f"page%3D{first + size}" if rest else ""
    return {"category": params.get("category", ""), "list": rows[first : first + size], "nextPageCursor": cursor}
