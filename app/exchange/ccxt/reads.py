"""Questions to one account's venue, and their answers in our words."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import chain
from typing import Any, TypeVar

from app.base.clock import EPOCH, Clock
from app.base.errors import AppError, Retryable
from app.base.waiting import together
from app.domain.client_order_id import decode
from app.exchange.ccxt import mapping, market_mapping
from app.exchange.ccxt.asking import reference
from app.exchange.ccxt.dialects.base import Operation
from app.exchange.ccxt.dialects.refining import key_of
from app.exchange.ccxt.errors import read_error
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.listing import Listing
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.session import RequestFailed, Session
from app.messages.reports import (
    BalanceReport,
    Candle,
    FillKind,
    FillReport,
    Found,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    NotFound,
    OrderReport,
    OutcomeUnknown,
    PositionReport,
    PriceReport,
    RefusalCode,
    Refused,
)
from app.ports.venue import OVERLAP, OrderRef

T = TypeVar("T")
log = logging.getLogger(__name__)
FUNDING_PAGE = 1000
FEW_MARKETS = 8
"""Whose orders may be asked for all at once, and often: each market is a request or two."""
READ_AT_ONCE = 50
"""Of a thousand listed orders: what else is to be done must not wait for all of them."""
ABSENT = frozenset({RefusalCode.NOT_FOUND, RefusalCode.HALTED})
"""Why a look-up is refused where there is no such order, or no such market any more (hazard 41)."""


class Reader:
    """Reads raise Retryable or OperatorActionNeeded; a failed read is never an empty answer."""

    def __init__(self, account: str, session: Session, clock: Clock, known: Known) -> None:
        self._account = account
        self._session = session
        self._dialect = session.dialect
        self._clock = clock
        self._known = known
        self.listing = Listing(session, clock)
        self._skipped: set[str] = set()
        self._absent: set[tuple[str, str]] = set()
        """Orders that the running read of fills did not find; a later one may."""

    # ------------------------------------------------------------------ one order

    async def look_up(self, order: OrderRef, priority: Priority = Priority.READ) -> LookUpOutcome:
        try:
            told = await self._ask_for(order, priority)
            report = self._order(told, order)
            child = mapping.child_order_id(told)
            if child is not None:
                report = await self._with_child(report, child, priority)
            return Found(await self._with_fills(report, child or report.venue_order_id, priority))
        except RequestFailed as failed:
            answer = self._session.outcome(failed.failure)
            if isinstance(answer, Refused):
                return NotFound() if answer.code in ABSENT else OutcomeUnknown(answer.detail)
            return answer
        except AppError as error:
            return OutcomeUnknown(str(error))

    def _order(self, told: Raw, ref: OrderRef | None = None) -> OrderReport:
        report = mapping.order_report(told, self._account, self._clock.now(), ref=ref, ahead=self._session.ahead)
        if ref is None:
            report = replace(report, client_order_id=self._dialect.own_id(report.client_order_id))
        report = self._known.owned(report)
        self._known.learn(report, told)
        return report

    async def _ask_for(self, order: OrderRef, priority: Priority) -> Raw:
        self._known.touch(order.symbol)
        found_by, params = reference(order, self._dialect)
        params |= self._dialect.look_up_params
        told: Raw = await self._session.call(
            Operation.LOOK_UP, priority, lambda api: api.fetch_order(found_by, order.symbol, params)
        )
        return told

    async def _with_child(self, stop: OrderReport, child: str, priority: Priority) -> OrderReport:
        """A triggered stop as the plain order that it became. Raises RequestFailed."""
        told = await self._session.call(Operation.LOOK_UP, priority, lambda api: api.fetch_order(child, stop.symbol))
        now = mapping.order_report(told, self._account, self._clock.now(), ahead=self._session.ahead)
        report = replace(stop, status=now.status, filled=now.filled, average=now.average, at=now.at)
        self._known.learn(report, told)
        return report

    async def _with_fills(self, report: OrderReport, order_id: str, priority: Priority) -> OrderReport:
        """The order with its executions, without them where they cannot be had just now."""
        if not report.filled:
            return report
        size = self._dialect.trade_page
        try:
            rows = await self._session.read(
                Operation.FILLS,
                lambda api: api.fetch_my_trades(report.symbol, None, size, {"orderId": order_id}),
                priority,
            )
        except AppError:
            return report
        own = [row for row in rows if str(row.get("order")) == order_id and mapping.is_trade(row)]
        return replace(report, fills=tuple(self._fill_of(row, report.client_order_id) for row in own))

    def _fill_of(self, trade: Raw, client_order_id: str | None = None) -> FillReport:
        now, ahead = self._clock.now(), self._session.ahead
        return mapping.fill_report(trade, self._account, now, client_order_id, ahead)

    # ------------------------------------------------------------------ markets and prices

    async def load_market(self, symbol: str, *, fresh: bool = False) -> MarketReport | None:
        await self.listing.refresh(symbol, fresh=fresh)
        market = self.market(symbol)
        tiers = await self._tiers(symbol) if market is not None and self._dialect.is_linear else []
        most = self._dialect.conditional_orders
        rules = None if market is None else market_mapping.market_rules(market, tiers, most)
        if rules is None or rules.market_type is not self._dialect.market_type:
            return None
        self._known.rules[symbol] = rules
        self._known.touch(symbol)
        price = self.price(symbol, await self._ticker(symbol))
        return MarketReport(rules, None if price is None else price.quote)

    def market(self, symbol: str) -> Raw | None:
        """The market that the venue itself has under this name, None where there is none."""
        market: Raw | None = self._session.exchange.markets.get(symbol)
        if market is not None and self._dialect.is_renamed(market):
            self._note_once(symbol, "is not offered", "the exchange has another name for it")
            return None
        return market

    def price(self, symbol: str, ticker: Raw) -> PriceReport | None:
        """The market's quote with what the ticker adds to it; None while nothing is known."""
        if market_mapping.mark_of(ticker) is not None:
            self._known.marked.add(symbol)
        before, has_mark = self._known.quotes.get(symbol), symbol in self._known.marked
        now, ahead = self._clock.now(), self._session.ahead
        quote = market_mapping.quote_of(ticker, before, now, has_mark=has_mark, ahead=ahead)
        if quote is None:
            return None
        self._known.quotes[symbol] = quote
        return PriceReport(self._account, symbol, quote)

    async def prices(self, symbols: Iterable[str]) -> list[PriceReport]:
        """Present prices of some markets, asked for because their stream does not tell them."""
        wanted = self._listed(sorted(symbols))
        if not wanted:
            return []
        if self._session.exchange.has.get("fetchBidsAsks"):
            told = await self._session.read(Operation.TICKER, lambda api: api.fetch_bids_asks(wanted))
        else:
            told = await self._tickers(wanted)
        reports = (self.price(symbol, told[symbol]) for symbol in wanted if symbol in told)
        return [report for report in reports if report is not None]

    async def _tickers(self, symbols: list[str]) -> dict[str, Raw]:
        """Of each market that can be read. Raises Retryable where none can."""
        told: dict[str, Raw] = {}
        failed: Retryable | None = None
        for symbol in symbols:
            try:
                told[symbol] = await self._ticker(symbol)
            except Retryable as error:
                log.info("%s: the price of %s could not be read: %s", self._account, symbol, error)
                failed = error
        if failed is not None and not told:
            raise failed
        return told

    def _listed(self, symbols: Sequence[str]) -> list[str]:
        """Those that the venue lists now: asked for another, ccxt refuses all of them (hazard 41)."""
        markets = self._session.exchange.markets
        if not markets:
            raise Retryable("the exchange's markets are not known yet")
        for symbol in symbols:
            if symbol not in markets:
                self._note_once(symbol, "is not asked for", "the exchange lists it no more")
        return [symbol for symbol in symbols if symbol in markets]

    async def _ticker(self, symbol: str) -> Raw:
        told: Raw = await self._session.read(Operation.TICKER, lambda api: api.fetch_ticker(symbol))
        return told

    async def _tiers(self, symbol: str) -> Sequence[Raw]:
        """Maintenance tiers, none where the venue does not tell them."""
        if not self._session.exchange.has.get("fetchLeverageTiers"):
            return []
        try:
            told = await self._session.read(Operation.TIERS, lambda api: api.fetch_leverage_tiers([symbol]))
        except Retryable:
            return []
        tiers: Sequence[Raw] = told.get(symbol) or []
        return tiers

    async def candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        rows = await self._session.read(Operation.CANDLES, lambda api: api.fetch_ohlcv(symbol, timeframe, None, limit))
        return market_mapping.candles(rows)

    # ------------------------------------------------------------------ the account

    async def open_orders(self) -> Sequence[OrderReport]:
        """All live orders, conditional ones too."""
        return await self._open_orders(Operation.OPEN_ORDERS, None)

    async def open_orders_of(self, symbols: Sequence[str]) -> Sequence[OrderReport]:
        """Those of some markets, at the least weight."""
        singly = len(symbols) * self._dialect.weight(Operation.OPEN_ORDERS_OF_MARKET)
        if singly > self._dialect.weight(Operation.OPEN_ORDERS):
            return await self.open_orders()
        return await self._open_orders_of(symbols)

    async def _open_orders_of(self, symbols: Sequence[str]) -> list[OrderReport]:
        """A few markets at a time: what is more urgent must not stand behind a hundred requests."""
        listed, told = self._listed(symbols), list[OrderReport]()
        for start in range(0, len(listed), FEW_MARKETS):
            few = listed[start : start + FEW_MARKETS]
            asked = (self._open_orders(Operation.OPEN_ORDERS_OF_MARKET, symbol) for symbol in few)
            told += chain.from_iterable(await together(*asked))
        return told

    async def _open_orders(self, operation: Operation, symbol: str | None) -> list[OrderReport]:
        lists: list[dict[str, Any]] = [{}]
        if self._dialect.triggers_apart:
            lists.append(dict(self._dialect.trigger_params))
        told = await together(*(self._list(operation, symbol, params) for params in lists))
        rows = [row for listed in told for row in listed]
        reports: list[OrderReport | None] = []
        for start in range(0, len(rows), READ_AT_ONCE):
            reports += map(self._listed_order, rows[start : start + READ_AT_ONCE])
            await self._clock.sleep(0)  # an alert may have come meanwhile
        return [report for report in reports if report is not None]

    def _listed_order(self, row: Raw) -> OrderReport | None:
        """None where it cannot be read and is not ours: somebody else's order must not hide our own."""
        try:
            return self._order(row)
        except mapping.Unreadable as error:
            owner = self._known.owner(mapping.text(row.get("symbol")), mapping.text(row.get("id")))
            if _is_ours(owner or self._dialect.own_id(mapping.text(row.get("clientOrderId")))):
                raise
            self._note_skipped(row, error)
            return None

    def _note_skipped(self, row: Raw, error: mapping.Unreadable) -> None:
        self._note_once(f"{row.get('symbol')} {row.get('id')}", "which is not ours, is left out", error)

    def _note_once(self, key: str, what: str, why: object) -> None:
        """Once for each: lists are read again and again."""
        if key not in self._skipped:
            self._skipped.add(key)
            log.info("%s: %s, %s: %s", self._account, key, what, why)

    async def _list(self, operation: Operation, symbol: str | None, params: dict[str, Any]) -> list[Raw]:
        rows: list[Raw] = await self._session.read(
            operation, lambda api: api.fetch_open_orders(symbol, None, None, params)
        )
        return rows

    async def positions(self) -> Sequence[PositionReport]:
        if not self._dialect.is_linear:
            return []
        rows = await self._session.read(Operation.POSITIONS, lambda api: api.fetch_positions())
        reports = mapping.positions(rows, self._account, self._clock.now(), self._session.ahead)
        for report in reports:
            self._known.touch(report.symbol)
        return reports

    async def balances(self) -> Sequence[BalanceReport]:
        told = await self._session.read(Operation.BALANCES, lambda api: api.fetch_balance())
        return mapping.balances(told, self._account, self._clock.now(), self._session.ahead)

    async def fills(self, since: datetime) -> Sequence[FillReport]:
        """Since then, of the markets in which there can be any where the venue tells them by market only."""
        self._absent.clear()
        symbols: Sequence[str | None] = [None]
        if self._dialect.trades_need_symbol:
            await self.positions()
            symbols = self._listed(self._known.symbols(since))
        pages = await together(*(self._trades(symbol, since) for symbol in symbols))
        fills = [await self._fill(row) for rows in pages for row in rows if mapping.is_trade(row)]
        return [fill for fill in fills if fill is not None]

    async def _trades(self, symbol: str | None, since: datetime) -> list[Raw]:
        return await self._pages(
            since,
            self._dialect.trade_page,
            Operation.FILLS,
            lambda api, start, end: self._page_of_trades(api, symbol, start, end),
        )

    async def _page_of_trades(self, api: Any, symbol: str | None, start: int, end: int) -> list[Raw]:
        """A page; where all of it happened in one millisecond, with what follows by id: time leads no further."""
        size = self._dialect.trade_page
        page: list[Raw] = await api.fetch_my_trades(symbol, start, size, {"until": end})
        rows = page
        while self._dialect.trades_by_id and len(rows) >= size and len({row["timestamp"] for row in page}) == 1:
            following = max(int(row["id"]) for row in rows) + 1
            rows = await api.fetch_my_trades(symbol, None, size, {"fromId": following})
            page = [*page, *(row for row in rows if row["timestamp"] <= end)]
        return page

    async def _pages(
        self, since: datetime, size: int, operation: Operation, ask: Callable[[Any, int, int], Any]
    ) -> list[Raw]:
        """Every row since then, each once, window by window and page by page, in the venue's time."""
        found: dict[tuple[Any, str], Raw] = {}
        now, start = self._session.venue_now(), since - self._session.ahead
        if start > now:  # a clock that was wrong has noted a moment to come
            start = now - OVERLAP
        while start <= now:
            end = start + self._dialect.trade_window
            first, last_ms = mapping.milliseconds(start), mapping.milliseconds(end)
            page: list[Raw] = await self._session.read(operation, partial(_ask_page, ask, first, last_ms))
            found |= {key_of(row): row for row in page}
            last = max((mapping.moment(row.get("timestamp"), EPOCH) for row in page), default=EPOCH)
            is_full = len(page) >= size and last > start
            start = last if is_full else end + timedelta(milliseconds=1)
        return list(found.values())

    async def _fill(self, trade: Raw) -> FillReport | None:
        """None where it cannot be read and its order is somebody else's."""
        order_id = mapping.text(trade.get("order"))
        try:
            report = self._fill_of(trade)
        except mapping.Unreadable as error:
            if not await self._is_of_others(trade, order_id):
                raise
            self._note_skipped(trade, error)
            return None
        if report.client_order_id is not None or order_id is None:
            return report
        owner = await self._owner(order_id, report.symbol)
        return self._fill_of(trade, owner)

    async def _is_of_others(self, trade: Raw, order_id: str | None) -> bool:
        """Whether a trade surely is none of ours, nor one that the venue forced upon us."""
        symbol, told = mapping.text(trade.get("symbol")), mapping.client_id_of(trade)
        if mapping.fill_kind(mapping.info_of(trade), told) is not FillKind.TRADE:
            return False
        if told is None and order_id is not None and symbol is not None:
            told = await self._owner(order_id, symbol)
            return not _is_ours(told)
        return told is not None and not _is_ours(told)

    async def _owner(self, order_id: str, symbol: str) -> str | None:
        """The client id of an order that trades name by the venue's id; asked for until it is found."""
        if not self._known.is_asked(symbol, order_id) and (symbol, order_id) not in self._absent:
            params = dict(self._dialect.look_up_params)
            try:
                told = await self._session.call(
                    Operation.LOOK_UP, Priority.READ, lambda api: api.fetch_order(order_id, symbol, params)
                )
                told_id = self._dialect.own_id(mapping.text(told.get("clientOrderId")))
                self._known.note_owner(symbol, order_id, told_id)
            except RequestFailed as failed:
                answer = self._session.outcome(failed.failure)
                if not isinstance(answer, Refused) or answer.code is not RefusalCode.NOT_FOUND:
                    raise read_error(failed.failure, self._dialect.codes) from failed
                self._absent.add((symbol, order_id))
        return self._known.owner(symbol, order_id)

    async def funding(self, since: datetime, is_hedged: Callable[[str], bool]) -> Sequence[FundingReport]:
        if not self._dialect.is_linear:
            return []
        rows = await self._pages(
            since,
            FUNDING_PAGE,
            Operation.FUNDING,
            lambda api, start, end: api.fetch_funding_history(None, start, FUNDING_PAGE, {"until": end}),
        )
        now, ahead = self._clock.now(), self._session.ahead
        told = ((row, is_hedged(str(row.get("symbol")))) for row in rows)
        return [mapping.funding_report(row, self._account, now, ahead, is_hedged=hedged) for row, hedged in told]

    async def time(self) -> datetime:
        told = await self._session.read(Operation.TIME, lambda api: api.fetch_time())
        return mapping.moment(told, self._clock.now())


def _is_ours(client_order_id: str | None) -> bool:
    return client_order_id is not None and decode(client_order_id) is not None


def _ask_page(ask: Callable[[Any, int, int], Any], first: int, last: int, api: Any) -> Any:
    return ask(api, first, last)
