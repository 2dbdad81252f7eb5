"""A real exchange behind the venue port, one account each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.base.clock import Clock
from app.base.errors import AppError, OperatorActionNeeded, Retryable
from app.domain.order import OrderStatus
from app.domain.values import ZERO, OrderType, PositionMode, Side, TimeInForce
from app.exchange.breaker import Breaker
from app.exchange.ccxt import mapping, market_mapping
from app.exchange.ccxt.asking import batches, order_arguments, priority_of, reference
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, Dialect, Operation, spelled
from app.exchange.ccxt.errors import (
    batch_refusal,
    read_error,
    row_detail,
    row_verdict,
    setting_error,
    verdict,
)
from app.exchange.ccxt.known import LIVE, Known
from app.exchange.ccxt.limits import Host, Limiter, Priority
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.oco import create_pair
from app.exchange.ccxt.poller import SLOW_SEC, Poller
from app.exchange.ccxt.probe import ask_about_stops, is_probe
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import RequestFailed, Session
from app.exchange.ccxt.streams import Streams, Takers
from app.exchange.ccxt.verdicts import Kind
from app.exchange.ccxt.wire import Access, Environment, StreamHooks, make_exchange
from app.messages.reports import (
    NOTABLE_SKEW_MS,
    Accepted,
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    ClockReport,
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
    RefusalCode,
    Refused,
    SubmitOutcome,
    VenueReport,
)
from app.ports.venue import REFUSED_RETRY_SEC, Capabilities, Health, OrderRef, OrderRequest

UP_WITHIN_SEC = 15.0


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
        scan_sec: float = SLOW_SEC,
    ) -> None:
        self._account = account
        self._dialect = dialect
        self._clock = clock
        self._deliver: Callable[[VenueReport], None] | None = None
        self._breaker = Breaker(account, clock, self._tell)
        self.limiter = Limiter(host, dialect.budgets, clock)
        hooks = StreamHooks(
            self._went_up, self._went_down, self._order_was_pushed, self._trade_was_pushed, self._ticker_was_pushed
        )
        self._session = Session(
            dialect,
            access,
            clock,
            self.limiter,
            self._breaker,
            hooks,
            make,
            on_skew=self._tell_skew,
            on_trouble=self._in_trouble,
            account=account,
        )
        self._known = Known(clock)
        self._reader = Reader(account, self._session, clock, self._known)
        takers = Takers(self._take_order, self._take_trade, self._take_ticker, self._ask_prices)
        self._streams = Streams(lambda: self._session.exchange, clock, takers, has_marks=dialect.is_linear)
        self._poller = Poller(
            clock, self._reader, self._known, self._tell, self._is_streaming, self._fell_silent, scan_sec
        )
        self._mode = PositionMode.ONE_WAY
        self._up_since: datetime | None = None
        self._came_up = asyncio.Event()
        self._is_connected = False
        self._checking: asyncio.Task[None] | None = None
        self._is_live = access.environment is Environment.LIVE
        self._background: list[asyncio.Task[None]] = []

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
        self._session.open()
        self._deliver = deliver
        self._session.refused = None
        try:
            await self._session.synchronise()
            await self._session.read(Operation.MARKETS, lambda api: api.load_markets())
            self._reader.markets_were_loaded()
            self._mode = await self._position_mode()
            self._streams.start(follow_own=self._dialect.has_private_stream)
            self._poller.start()
            await self._until_up()
            if self._session.refused is not None:
                raise OperatorActionNeeded(self._session.refused)
            self._is_connected = True
            loop = asyncio.get_running_loop()
            self._background = [loop.create_task(self._session.keep_warm()), loop.create_task(self._probe())]
        except RequestFailed as failed:
            await self.close()
            raise read_error(failed.failure, self._dialect.codes) from failed
        except AppError:
            await self.close()
            raise

    async def _until_up(self) -> None:
        """Wait for the private stream a while. Without it exits are looked after by polling; entries wait for it."""
        if not self._dialect.has_private_stream:
            self._went_up()
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(UP_WITHIN_SEC):
                await self._came_up.wait()
        if self._up_since is None:
            reason = "the exchange's private stream does not come up"
            self._tell(ConnectionReport(self._account, False, self._clock.now(), reason))

    async def _position_mode(self) -> PositionMode:
        if not self._dialect.is_linear or not self._session.exchange.has.get("fetchPositionMode"):
            await self._reader.balances()  # a wrong key shows here, and not as a stream that never comes up
            return PositionMode.ONE_WAY
        told = await self._session.read(Operation.SETTING, lambda api: api.fetch_position_mode())
        return PositionMode.HEDGE if told.get("hedged") else PositionMode.ONE_WAY

    async def close(self) -> None:
        self._deliver = None
        self._is_connected = False
        self._up_since = None
        self._came_up.clear()
        self._poller.stop()
        self._streams.stop()
        for task in (*self._background, *([self._checking] if self._checking else [])):
            task.cancel()
        await self._session.close()

    async def _probe(self) -> None:
        told = await ask_about_stops(self, self._session, self._reader, self._clock.now(), is_live=self._is_live)
        if told is not None:
            self._tell(told)

    def health(self) -> Health:
        skew = self._session.skew_ms
        detail = f"the clock is {skew / 1000:.1f} s off the exchange's" if abs(skew) > NOTABLE_SKEW_MS else None
        return Health(self._up_since is not None, self._up_since, detail)

    def _tell(self, report: VenueReport) -> None:
        if self._deliver is not None:
            self._deliver(report)

    def _tell_skew(self, skew_ms: int) -> None:
        self._tell(ClockReport(self._account, skew_ms, self._clock.now()))

    def _went_up(self) -> None:
        if self._up_since is None and self._session.refused is None:
            self._up_since = self._clock.now()
            self._came_up.set()
            self._breaker.may_probe_now()
            self._poller.hurry()
            self._tell(ConnectionReport(self._account, True, self._up_since))

    def _went_down(self, reason: str) -> None:
        if self._up_since is not None:
            self._up_since = None
            self._poller.hurry()
            self._tell(ConnectionReport(self._account, False, self._clock.now(), reason))

    def _in_trouble(self, kind: Kind) -> None:
        """The session tells of refused keys, or of an order that was made for another position mode."""
        if not self._is_connected:
            return
        if kind is Kind.MODE:
            if self._checking is None or self._checking.done():
                self._checking = asyncio.get_running_loop().create_task(self._check_position_mode())
            return
        self._give_up(str(self._session.refused), REFUSED_RETRY_SEC, needs_person=True)
        self._poller.stop()
        self._streams.leave_own()

    async def _check_position_mode(self) -> None:
        """What is asked of the account is to be asked in its mode: the account is connected anew in another one."""
        with suppress(AppError):
            if (now := await self._position_mode()) is not self._mode:
                was, to = (mode.value.replace("_", "-") for mode in (self._mode, now))
                self._give_up(f"the account was changed from {was} to {to} mode at the exchange; it is read anew", 0.0)

    def _give_up(self, reason: str, again_after: float, *, needs_person: bool = False) -> None:
        if not self._is_connected:
            return
        self._is_connected, self._up_since = False, None
        now = self._clock.now()
        self._tell(ConnectionReport(self._account, False, now, reason, again_after, needs_person))

    def _is_streaming(self) -> bool:
        return self._dialect.has_private_stream and self._up_since is not None

    def _fell_silent(self) -> None:
        self._streams.hang_up(private=True)

    # ------------------------------------------------------------------ what streams push

    def watch_prices(self, symbols: frozenset[str]) -> None:
        self._streams.watch_prices(symbols)

    def watches(self, symbol: str) -> bool:
        """Whether this market's prices are streamed."""
        return self._streams.watches(symbol)

    def _take_ticker(self, ticker: Raw) -> None:
        price = self._reader.price(str(ticker["symbol"]), ticker)
        if price is not None:
            self._tell(price)

    async def _ask_prices(self, symbols: frozenset[str]) -> frozenset[str]:
        before = dict(self._known.quotes)
        prices = await self._reader.prices(symbols)
        for price in prices:
            self._tell(price)
        return market_mapping.moved(before, prices)

    def _order_was_pushed(self, order: Raw) -> None:
        Streams.each((order,), self._take_order)

    def _trade_was_pushed(self, trade: Raw) -> None:
        Streams.each((trade,), self._take_trade)

    def _ticker_was_pushed(self, ticker: Raw) -> None:
        self._streams.push_ticker(ticker)

    def _take_order(self, order: Raw) -> None:
        report = self._known.owned(
            mapping.order_report(order, self._account, self._clock.now(), ahead=self._session.ahead)
        )
        self._known.learn(report, order)
        self._poller.streamed(report)
        self._tell(report)

    def _take_trade(self, trade: Raw) -> None:
        if mapping.is_trade(trade):
            owner = self._known.owner(mapping.text(trade.get("symbol")), mapping.text(trade.get("order")))
            now, ahead = self._clock.now(), self._session.ahead
            self._tell(mapping.fill_report(trade, self._account, now, owner, ahead))
            self._poller.fill_was_told()

    # ------------------------------------------------------------------ requests that change something

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        outcomes: dict[str, SubmitOutcome] = {}
        fitting = []
        for request in requests:
            off = self._off_rules(request)
            if off is None:
                fitting.append(request)
            else:
                outcomes[request.client_order_id] = off
        groups = batches(fitting, self._dialect)
        if len(groups) == 1:
            answers = [await self._create_group(groups[0])]
        else:
            answers = await asyncio.gather(*(self._create_group(group) for group in groups))
        for group, told in zip(groups, answers, strict=True):
            outcomes |= {request.client_order_id: each for request, each in zip(group, told, strict=True)}
        return [outcomes[request.client_order_id] for request in requests]

    def _off_rules(self, request: OrderRequest) -> Refused | None:
        """ccxt would round what is off the market's steps, and send something else than was decided."""
        rules = self._known.rules.get(request.symbol)
        if rules is None:
            return None
        tick = rules.tick_size
        if (
            request.quantity % rules.step_size
            or (request.price or ZERO) % tick
            or (request.trigger_price or ZERO) % tick
        ):
            return Refused(RefusalCode.PRECISION, "a quantity or price is off the market's steps; it was not sent")
        return None

    async def _create_group(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        return [await self._create_one(group[0])] if len(group) == 1 else await self._create_batch(group)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        return self._off_rules(request) or await self._create_one(request)

    async def _create_one(self, request: OrderRequest) -> SubmitOutcome:
        arguments = order_arguments(request, self._dialect, self._mode)
        self._known.touch(request.symbol)
        try:
            told = await self._session.call(
                Operation.CREATE, priority_of(request), lambda api: self._dialect.create(api, arguments), orders=1
            )
        except RequestFailed as failed:
            return self._session.outcome(failed.failure)
        accepted = self._accepted(told, request)
        is_told = self._dialect.has_private_stream and not self._dialect.answers_with_id_only
        return accepted if is_told else await self._followed(accepted, request)

    async def _followed(self, accepted: SubmitOutcome, request: OrderRequest) -> SubmitOutcome:
        """What became of an order that is over at once; told as if a stream did, where there is none."""
        is_short = request.type is OrderType.MARKET or request.time_in_force is TimeInForce.IOC
        if not isinstance(accepted, Accepted) or not (is_short or accepted.order.filled):
            return accepted
        ref = OrderRef(request.client_order_id, accepted.order.venue_order_id, request.symbol, request.type)
        now = await self.look_up(ref)
        if not isinstance(now, Found) or _lacks_fills(now.order):
            # Remembered as if untouched, so that the next look tells what has become of it.
            untouched = replace(accepted.order, status=OrderStatus.OPEN, filled=ZERO)
            self._known.live[request.client_order_id] = untouched
            return accepted
        if not self._dialect.has_private_stream:
            self._poller.tell(now.order)
        return Accepted(now.order)

    async def _create_batch(self, group: list[OrderRequest]) -> list[SubmitOutcome]:
        arguments = [order_arguments(request, self._dialect, self._mode) for request in group]
        for symbol in {request.symbol for request in group}:
            self._known.touch(symbol)
        try:
            told = await self._session.call(
                Operation.CREATE_BATCH,
                priority_of(group[0]),
                lambda api: self._dialect.create_batch(api, arguments),
                orders=len(group),
            )
        except RequestFailed as failed:
            return [self._session.outcome(failed.failure) for _ in group]
        if len(told) != len(group):
            return [OutcomeUnknown("the exchange answered for another number of orders") for _ in group]
        return [self._batch_outcome(order, request) for order, request in zip(told, group, strict=True)]

    def _batch_outcome(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        info = mapping.info_of(order)
        refused = batch_refusal(info, self._dialect.codes)
        if refused is None:
            return self._accepted(order, request)
        meaning = row_verdict(info, self._dialect.codes)
        if meaning is not None:
            self._session.note(meaning.kind, row_detail(info))
        return refused

    def _accepted(self, order: Raw, request: OrderRequest) -> SubmitOutcome:
        try:
            now, ahead = self._clock.now(), self._session.ahead
            report = mapping.order_report(order, self._account, now, asked=request, ahead=ahead)
        except mapping.Unreadable as error:
            return OutcomeUnknown(str(error))
        self._known.learn(report, order)
        return Accepted(report)

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        off = self._off_rules(take_profit) or self._off_rules(stop)
        if off is not None:
            return off, off
        self._known.touch(stop.symbol)
        told = await create_pair(self._session, take_profit, stop)
        if isinstance(told, tuple):
            return self._accepted(told[0], take_profit), self._accepted(told[1], stop)
        return told, told

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        found_by, params = reference(order, self._dialect)
        try:
            await self._session.call(
                Operation.CANCEL, Priority.EXIT, lambda api: api.cancel_order(found_by, order.symbol, params)
            )
        except RequestFailed as failed:
            return self._session.outcome(failed.failure)
        return await self._as_it_stands(order)

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        now = await self.look_up(order)
        if isinstance(now, NotFound) or (isinstance(now, Found) and now.order.status not in LIVE):
            return Refused(RefusalCode.NOT_FOUND, "the exchange has no such live order")
        if not isinstance(now, Found):
            return NotSent(now.detail)
        if order.type not in self._dialect.amend_types:
            return Refused(RefusalCode.INVALID_ORDER, "the exchange cannot amend such an order")
        try:
            await self._amend(order, now.order, quantity, price)
        except RequestFailed as failed:
            if verdict(failed.failure, self._dialect.codes).kind is not Kind.NO_CHANGE:
                return self._session.outcome(failed.failure)
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
        priority = Priority.EXIT if order.is_exit or now.reduce_only else Priority.ENTRY
        await self._session.call(Operation.AMEND, priority, lambda api: api.edit_order(**arguments), orders=1)

    async def _as_it_stands(self, order: OrderRef) -> Accepted | OutcomeUnknown:
        """After a change that was taken: answers to changes tell too little of the order."""
        now = await self.look_up(order)
        if isinstance(now, Found):
            if not self._dialect.has_private_stream:
                self._poller.tell(now.order)
            return Accepted(now.order)
        return OutcomeUnknown("taken, but the order could not be read back")

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        if not self._dialect.is_linear:
            return
        if self._dialect.margin_mode_by_symbol:
            await self._set(lambda api: api.set_margin_mode(margin_mode, symbol))
        else:
            await self._check_margin_mode(symbol, margin_mode)
        await self._set(lambda api: api.set_leverage(int(leverage), symbol))
        self._known.settings[symbol] = (leverage, margin_mode)

    async def leverage(self, symbol: str, side: Side) -> tuple[Decimal, str]:
        told = await self._session.read(Operation.LEVERAGE, lambda api: api.fetch_leverage(symbol))
        if told is None:
            raise Retryable(f"the exchange's list of leverages lacks {symbol}")
        # where one holds for both sides, some venues tell it with one of them only
        known = (mapping.positive(told.get(f"{each}Leverage")) for each in (side, side.opposite))
        leverage = next(filter(None, known), None)
        mode = told.get("marginMode") if self._dialect.margin_mode_by_symbol else await self._margin_mode(symbol)
        if leverage is None or mode is None:
            raise Retryable(f"the exchange does not tell the leverage of {symbol}")
        return leverage, str(mode)

    async def _margin_mode(self, symbol: str) -> Any:
        """Of the account, where all its markets share one."""
        told = await self._session.read(Operation.SETTING, lambda api: api.fetch_margin_mode(symbol))
        return told.get("marginMode")

    async def _check_margin_mode(self, symbol: str, wanted: str) -> None:
        present = await self._margin_mode(symbol)
        if present != wanted:
            raise OperatorActionNeeded(
                f"the account's margin mode is {present}, {symbol} wants {wanted}; it holds for the whole account: "
                "change it at the exchange, or the settings here"
            )

    async def _set(self, ask: Callable[[Any], Any]) -> None:
        try:
            await self._session.call(Operation.SETTING, Priority.ENTRY, ask)
        except RequestFailed as failed:
            error = setting_error(failed.failure, self._dialect.codes)
            if error is not None:
                raise error from failed

    # ------------------------------------------------------------------ reads

    async def look_up(self, order: OrderRef) -> LookUpOutcome:
        """Before all else, whatever the order is: what became of an entry decides what must be protected."""
        return await self._reader.look_up(order, Priority.EXIT)

    async def load_market(
        self,
        symbol: str,
        hint: Decimal | None,  # noqa: ARG002 - venues know prices
        *,
        fresh: bool = False,
    ) -> MarketReport | None:
        return await self._reader.load_market(symbol, fresh=fresh)

    async def fetch_open_orders(self) -> Sequence[OrderReport]:
        """All live orders but those that were only placed to be tried."""
        return [report for report in await self._reader.open_orders() if not is_probe(report)]

    async def fetch_positions(self) -> Sequence[PositionReport]:
        return await self._reader.positions()

    async def fetch_balances(self) -> Sequence[BalanceReport]:
        return await self._reader.balances()

    async def fetch_fills(self, since: datetime) -> Sequence[FillReport]:
        return await self._reader.fills(since)

    async def fetch_funding(self, since: datetime) -> Sequence[FundingReport]:
        return await self._reader.funding(since, is_hedged=self._mode is PositionMode.HEDGE)

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        return await self._reader.candles(symbol, timeframe, limit)

    async def server_time(self) -> datetime:
        return await self._reader.time()


def _lacks_fills(order: OrderReport) -> bool:
    """Whether the list of trades lags behind the order, or could not be read."""
    return sum((fill.quantity for fill in order.fills), ZERO) < order.filled
