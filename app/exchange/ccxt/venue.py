"""A real exchange behind the venue port, one account each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.clock import EPOCH, Clock
from app.base.errors import AppError, Retryable
from app.domain.market import Quote
from app.domain.values import PositionMode
from app.exchange.ccxt import mapping
from app.exchange.ccxt.asking import batches, order_arguments, priority_of, reference
from app.exchange.ccxt.breaker import Breaker
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, Dialect, Operation, spelled
from app.exchange.ccxt.errors import batch_refusal, outcome, read_error, setting_error
from app.exchange.ccxt.limits import Host, Limiter, Priority
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.session import RequestFailed, Session
from app.exchange.ccxt.streams import Streams, Takers
from app.exchange.ccxt.wire import Access, StreamHooks, make_exchange
from app.messages.reports import (
    Accepted,
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    ConnectionReport,
    FillReport,
    Found,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    NotFound,
    NotSent,
    OrderReport,
    OutcomeUnknown,
    PositionReport,
    PriceReport,
    RefusalCode,
    Refused,
    SubmitOutcome,
    VenueReport,
)
from app.ports.venue import Capabilities, Health, OrderRef, OrderRequest

LARGEST_SKEW_MS = 1000
UP_WITHIN_SEC = 15.0
TRADE_WINDOW = timedelta(days=7) - timedelta(milliseconds=1)
FUNDING_PAGE = 1000


class CcxtVenue:
    """Implements `app.ports.venue.Venue` through ccxt. `host` is shared by all accounts of one venue."""

    def __init__(
        self,
        account: str,
        dialect: Dialect,
        access: Access,
        clock: Clock,
        host: Host,
        make: Callable[[Dialect, Access, StreamHooks], Any] = make_exchange,
    ) -> None:
        self._account = account
        self._dialect = dialect
        self._clock = clock
        self._deliver: Callable[[VenueReport], None] | None = None
        breaker = Breaker(account, clock, self._tell)
        limiter = Limiter(host, dialect.budgets, clock)
        hooks = StreamHooks(self._went_up, self._went_down)
        self._session = Session(dialect, access, clock, limiter, breaker, hooks, make)
        takers = Takers(self._take_order, self._take_trade, self._take_ticker)
        self._streams = Streams(lambda: self._session.exchange, clock, takers, has_marks=dialect.is_linear)
        self._mode = PositionMode.ONE_WAY
        self._quotes: dict[str, Quote] = {}
        self._settings: dict[str, tuple[Decimal, str]] = {}
        self._known: set[str] = set()
        self._owners: dict[str, str | None] = {}
        self._up_since: datetime | None = None
        self._came_up = asyncio.Event()

    @property
    def account(self) -> str:
        return self._account

    @property
    def capabilities(self) -> Capabilities:
        return self._dialect.capabilities(self._mode)

    # ------------------------------------------------------------------ life

    async def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        """Raises Retryable where the venue cannot be reached or its private stream does not come up."""
        await self.close()
        self._deliver = deliver
        try:
            await self._session.synchronise()
            await self._session.read(Operation.MARKETS, lambda api: api.load_markets())
            self._mode = await self._position_mode()
            self._streams.start()
            async with asyncio.timeout(UP_WITHIN_SEC):
                await self._came_up.wait()
        except RequestFailed as failed:
            await self.close()
            raise read_error(failed.failure, self._dialect.codes) from failed
        except TimeoutError:
            await self.close()
            raise Retryable("the exchange's private stream does not come up") from None
        except AppError:
            await self.close()
            raise

    async def _position_mode(self) -> PositionMode:
        if not self._dialect.is_linear or not self._session.exchange.has.get("fetchPositionMode"):
            return PositionMode.ONE_WAY
        told = await self._session.read(Operation.SETTING, lambda api: api.fetch_position_mode())
        return PositionMode.HEDGE if told.get("hedged") else PositionMode.ONE_WAY

    async def close(self) -> None:
        self._deliver = None
        self._up_since = None
        self._came_up.clear()
        self._streams.stop()
        await self._session.close()

    def health(self) -> Health:
        skew = self._session.skew_ms
        detail = f"the clock is {skew / 1000:.1f} s off the exchange's" if abs(skew) > LARGEST_SKEW_MS else None
        return Health(self._up_since is not None, self._up_since, detail)

    def _tell(self, report: VenueReport) -> None:
        if self._deliver is not None:
            self._deliver(report)

    def _went_up(self) -> None:
        if self._up_since is None:
            self._up_since = self._clock.now()
            self._came_up.set()
            self._tell(ConnectionReport(self._account, True, self._up_since))

    def _went_down(self, reason: str) -> None:
        if self._up_since is not None:
            self._up_since = None
            self._tell(ConnectionReport(self._account, False, self._clock.now(), reason))

    # ------------------------------------------------------------------ what streams push

    def watch_prices(self, symbols: frozenset[str]) -> None:
        self._streams.watch_prices(symbols)

    def watches(self, symbol: str) -> bool:
        """Whether this market's prices are streamed."""
        return self._streams.watches(symbol)

    def _take_ticker(self, ticker: Raw) -> None:
        symbol = str(ticker["symbol"])
        quote = mapping.quote_of(ticker, self._quotes.get(symbol), self._clock.now())
        if quote is not None:
            self._quotes[symbol] = quote
            self._tell(PriceReport(self._account, symbol, quote))

    def _take_order(self, order: Raw) -> None:
        report = self._owned(mapping.order_report(order, self._account, self._clock.now()))
        self._learn(report, mapping.child_order_id(order))
        self._tell(report)

    def _take_trade(self, trade: Raw) -> None:
        if mapping.is_trade(trade):
            owner = self._owners.get(str(trade.get("order")))
            self._tell(mapping.fill_report(trade, self._account, self._clock.now(), owner))

    def _owned(self, report: OrderReport) -> OrderReport:
        """The order under the id that it was made with: a triggered stop lives on as another order."""
        owner = self._owners.get(report.venue_order_id)
        return report if owner is None else replace(report, client_order_id=owner)

    def _learn(self, report: OrderReport, child: str | None = None) -> None:
        self._known.add(report.symbol)
        for order_id in (report.venue_order_id, child):
            if order_id is not None and report.client_order_id is not None:
                self._owners.setdefault(order_id, report.client_order_id)

    # ------------------------------------------------------------------ requests that change something

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        groups = batches(list(requests), self._dialect)
        answers = await asyncio.gather(*(self._create_group(group) for group in groups))
        return [answer for group in answers for answer in group]

    async def _create_group(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        return [await self.create_order(group[0])] if len(group) == 1 else await self._create_batch(group)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        arguments = order_arguments(request, self._dialect, self._mode)
        try:
            told = await self._session.call(
                Operation.CREATE, priority_of(request), lambda api: api.create_order(**arguments), orders=1
            )
        except RequestFailed as failed:
            return outcome(failed.failure, self._dialect.codes, self._clock.now())
        return self._accepted(told, request)

    async def _create_batch(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        arguments = [order_arguments(request, self._dialect, self._mode) for request in group]
        try:
            told = await self._session.call(
                Operation.CREATE_BATCH,
                priority_of(group[0]),
                lambda api: api.create_orders(arguments),
                orders=len(group),
            )
        except RequestFailed as failed:
            return [outcome(failed.failure, self._dialect.codes, self._clock.now()) for _ in group]
        if len(told) != len(group):
            return [OutcomeUnknown("the exchange answered for another number of orders") for _ in group]
        return [self._batch_outcome(order, request) for order, request in zip(told, group, strict=True)]

    def _batch_outcome(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        refused = batch_refusal(mapping.info_of(order), self._dialect.codes)
        return self._accepted(order, request) if refused is None else refused

    def _accepted(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        try:
            report = mapping.order_report(order, self._account, self._clock.now(), asked=request)
        except mapping.Unreadable as error:
            return OutcomeUnknown(str(error))
        self._learn(report, mapping.child_order_id(order))
        return Accepted(report)

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        found_by, params = reference(order, self._dialect)
        try:
            await self._session.call(
                Operation.CANCEL, Priority.EXIT, lambda api: api.cancel_order(found_by, order.symbol, params)
            )
        except RequestFailed as failed:
            return outcome(failed.failure, self._dialect.codes, self._clock.now())
        return await self._as_it_stands(order)

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        if order.type not in self._dialect.amend_types:
            return Refused(RefusalCode.INVALID_ORDER, "the exchange cannot amend such an order")
        now = await self.look_up(order)
        if isinstance(now, NotFound):
            return Refused(RefusalCode.NOT_FOUND, "the exchange does not know the order")
        if not isinstance(now, Found):
            return NotSent(now.detail)
        try:
            await self._amend(order, now.order, quantity, price)
        except RequestFailed as failed:
            return outcome(failed.failure, self._dialect.codes, self._clock.now())
        return await self._as_it_stands(order)

    async def _amend(self, order: OrderRef, now: OrderReport, quantity: Decimal, price: Decimal | None) -> None:
        params: dict[str, Any] = {self._dialect.client_id_create: order.client_order_id}
        wanted = price or now.price
        if order.type in CONDITIONAL_TYPES:
            wanted = None
            params |= {} if price is None else {"triggerPrice": spelled(price)}
        arguments = {
            "id": now.venue_order_id if self._dialect.id_beside_client_id else None,
            "symbol": order.symbol,
            "type": "limit" if wanted is not None else "market",
            "side": now.side.value,
            "amount": spelled(quantity),
            "price": None if wanted is None else spelled(wanted),
            "params": params,
        }
        priority = Priority.EXIT if now.reduce_only else Priority.ENTRY
        await self._session.call(Operation.AMEND, priority, lambda api: api.edit_order(**arguments), orders=1)

    async def _as_it_stands(self, order: OrderRef) -> Accepted | OutcomeUnknown:
        """After a change that was taken: answers to changes tell too little of the order."""
        now = await self.look_up(order, Priority.EXIT)
        if isinstance(now, Found):
            return Accepted(now.order)
        return OutcomeUnknown("taken, but the order could not be read back")

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        if not self._dialect.is_linear or self._settings.get(symbol) == (leverage, margin_mode):
            return
        if self._dialect.margin_mode_by_symbol:
            await self._set(lambda api: api.set_margin_mode(margin_mode, symbol))
        await self._set(lambda api: api.set_leverage(int(leverage), symbol))
        self._settings[symbol] = (leverage, margin_mode)

    async def _set(self, ask: Callable[[Any], Any]) -> None:
        try:
            await self._session.call(Operation.SETTING, Priority.ENTRY, ask)
        except RequestFailed as failed:
            error = setting_error(failed.failure, self._dialect.codes)
            if error is not None:
                raise error from failed

    # ------------------------------------------------------------------ reads

    async def look_up(self, order: OrderRef, priority: Priority = Priority.READ) -> LookUpOutcome:
        try:
            told = await self._ask_for(order, priority)
            report = mapping.order_report(told, self._account, self._clock.now(), ref=order)
            child = mapping.child_order_id(told)
            self._learn(report, child)
            if child is not None:
                report = await self._with_child(report, child, priority)
            return Found(await self._with_fills(report, child or report.venue_order_id))
        except RequestFailed as failed:
            answer = outcome(failed.failure, self._dialect.codes, self._clock.now())
            if isinstance(answer, Refused):
                return NotFound() if answer.code is RefusalCode.NOT_FOUND else OutcomeUnknown(answer.detail)
            return answer
        except AppError as error:
            return OutcomeUnknown(str(error))

    async def _ask_for(self, order: OrderRef, priority: Priority) -> Raw:
        found_by, params = reference(order, self._dialect)
        params |= self._dialect.look_up_params
        told: Raw = await self._session.call(
            Operation.LOOK_UP, priority, lambda api: api.fetch_order(found_by, order.symbol, params)
        )
        return told

    async def _with_child(self, stop: OrderReport, child: str, priority: Priority) -> OrderReport:
        """A triggered stop as the plain order that it became. Raises RequestFailed."""
        told = await self._session.call(Operation.LOOK_UP, priority, lambda api: api.fetch_order(child, stop.symbol))
        now = mapping.order_report(told, self._account, self._clock.now())
        return replace(stop, status=now.status, filled=now.filled, average=now.average, at=now.at)

    async def _with_fills(self, report: OrderReport, order_id: str) -> OrderReport:
        """The order with its executions, without them where they cannot be had just now."""
        if not report.filled:
            return report
        try:
            rows = await self._session.read(
                Operation.FILLS, lambda api: api.fetch_my_trades(report.symbol, None, None, {"orderId": order_id})
            )
        except AppError:
            return report
        own = [row for row in rows if str(row.get("order")) == order_id and mapping.is_trade(row)]
        now = self._clock.now()
        fills = (mapping.fill_report(row, self._account, now, report.client_order_id) for row in own)
        return replace(report, fills=tuple(fills))

    async def load_market(self, symbol: str, hint: Decimal | None) -> MarketReport | None:  # noqa: ARG002 - venues know prices
        if not self._session.exchange.markets:
            await self._session.read(Operation.MARKETS, lambda api: api.load_markets())
        market = self._session.exchange.markets.get(symbol)
        tiers = await self._tiers(symbol) if market is not None and self._dialect.is_linear else []
        rules = None if market is None else mapping.market_rules(market, tiers)
        if rules is None or rules.market_type is not self._dialect.market_type:
            return None
        self._known.add(symbol)
        ticker = await self._session.read(Operation.TICKER, lambda api: api.fetch_ticker(symbol))
        quote = mapping.quote_of(ticker, self._quotes.get(symbol), self._clock.now())
        if quote is not None:
            self._quotes[symbol] = quote
        return MarketReport(rules, quote)

    async def _tiers(self, symbol: str) -> Sequence[Raw]:
        """Maintenance tiers, none where the venue does not tell them."""
        exchange = self._session.exchange
        if not exchange.has.get("fetchLeverageTiers"):
            return []
        try:
            told = await self._session.read(Operation.SETTING, lambda api: api.fetch_leverage_tiers([symbol]))
        except Retryable:
            return []
        tiers: Sequence[Raw] = told.get(symbol) or []
        return tiers

    async def fetch_open_orders(self) -> Sequence[OrderReport]:
        rows = list(await self._session.read(Operation.OPEN_ORDERS, lambda api: api.fetch_open_orders()))
        if self._dialect.triggers_apart:
            params = dict(self._dialect.trigger_params)
            rows += await self._session.read(
                Operation.OPEN_ORDERS, lambda api: api.fetch_open_orders(None, None, None, params)
            )
        reports = []
        for row in rows:
            report = self._owned(mapping.order_report(row, self._account, self._clock.now()))
            self._learn(report, mapping.child_order_id(row))
            reports.append(report)
        return reports

    async def fetch_positions(self) -> Sequence[PositionReport]:
        if not self._dialect.is_linear:
            return []
        rows = await self._session.read(Operation.POSITIONS, lambda api: api.fetch_positions())
        leverages: Mapping[str, Decimal] = {symbol: told[0] for symbol, told in self._settings.items()}
        reports = mapping.positions(rows, self._account, self._clock.now(), leverages)
        self._known.update(report.symbol for report in reports)
        return reports

    async def fetch_balances(self) -> Sequence[BalanceReport]:
        told = await self._session.read(Operation.BALANCES, lambda api: api.fetch_balance())
        return mapping.balances(told, self._account, self._clock.now())

    async def fetch_fills(self, since: datetime) -> Sequence[FillReport]:
        """Since then, of the markets met in this session where the venue tells them by market only."""
        symbols: Sequence[str | None] = [None]
        if self._dialect.trades_need_symbol:
            await self.fetch_positions()
            symbols = sorted(self._known)
        rows = [row for symbol in symbols for row in await self._trades(symbol, since)]
        return [await self._fill(row) for row in rows if mapping.is_trade(row)]

    async def _trades(self, symbol: str | None, since: datetime) -> list[Raw]:
        found: dict[str, Raw] = {}
        start, now = since, self._clock.now()
        while start <= now:
            end = start + TRADE_WINDOW
            page = await self._trade_page(symbol, start, end)
            found |= {str(row["id"]): row for row in page}
            last = max((mapping.moment(row.get("timestamp"), EPOCH) for row in page), default=EPOCH)
            is_full = len(page) >= self._dialect.trade_page and last > start
            start = last if is_full else end + timedelta(milliseconds=1)
        return list(found.values())

    async def _trade_page(self, symbol: str | None, start: datetime, end: datetime) -> list[Raw]:
        since, until = mapping.milliseconds(start), mapping.milliseconds(end)
        limit = self._dialect.trade_page
        page: list[Raw] = await self._session.read(
            Operation.FILLS, lambda api: api.fetch_my_trades(symbol, since, limit, {"until": until})
        )
        return page

    async def _fill(self, trade: Raw) -> FillReport:
        report = mapping.fill_report(trade, self._account, self._clock.now())
        order_id = mapping.text(trade.get("order"))
        if report.client_order_id is not None or order_id is None:
            return report
        owner = await self._owner(order_id, report.symbol)
        return mapping.fill_report(trade, self._account, self._clock.now(), owner)

    async def _owner(self, order_id: str, symbol: str) -> str | None:
        """The client id of an order that trades name by the venue's id; asked for once."""
        if order_id not in self._owners:
            params = dict(self._dialect.look_up_params)
            try:
                told = await self._session.call(
                    Operation.LOOK_UP, Priority.READ, lambda api: api.fetch_order(order_id, symbol, params)
                )
                self._owners[order_id] = mapping.text(told.get("clientOrderId"))
            except RequestFailed as failed:
                answer = outcome(failed.failure, self._dialect.codes, self._clock.now())
                if not isinstance(answer, Refused) or answer.code is not RefusalCode.NOT_FOUND:
                    raise read_error(failed.failure, self._dialect.codes) from failed
                self._owners[order_id] = None
        return self._owners[order_id]

    async def fetch_funding(self, since: datetime) -> Sequence[FundingReport]:
        if not self._dialect.is_linear:
            return []
        start = mapping.milliseconds(since)
        rows = await self._session.read(
            Operation.FUNDING, lambda api: api.fetch_funding_history(None, start, FUNDING_PAGE)
        )
        return [mapping.funding_report(row, self._account, self._clock.now()) for row in rows]

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        rows = await self._session.read(Operation.CANDLES, lambda api: api.fetch_ohlcv(symbol, timeframe, None, limit))
        return mapping.candles(rows)

    async def server_time(self) -> datetime:
        told = await self._session.read(Operation.TIME, lambda api: api.fetch_time())
        return mapping.moment(told, self._clock.now())
