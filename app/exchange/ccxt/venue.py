"""A real exchange behind the venue port, one account each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.base.clock import Clock
from app.base.errors import AppError, OperatorActionNeeded
from app.base.waiting import together
from app.domain.values import PositionMode, Side
from app.exchange.breaker import Breaker
from app.exchange.ccxt import mapping, market_mapping
from app.exchange.ccxt.dialects.base import Dialect, Operation
from app.exchange.ccxt.errors import read_error
from app.exchange.ccxt.known import Known
from app.exchange.ccxt.leverage import leverage_of, set_leverage
from app.exchange.ccxt.limits import Host, Limiter, Priority
from app.exchange.ccxt.mapping import Raw
from app.exchange.ccxt.ordering import Ordering
from app.exchange.ccxt.poller import SLOW_SEC, Poller
from app.exchange.ccxt.probe import ask_about_stops, is_probe
from app.exchange.ccxt.reads import Reader
from app.exchange.ccxt.session import RequestFailed, Session
from app.exchange.ccxt.streams import Streams, Takers
from app.exchange.ccxt.verdicts import Kind
from app.exchange.ccxt.wire import Access, Environment, StreamHooks, make_exchange
from app.messages.reports import (
    NOTABLE_SKEW_MS,
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    ClockReport,
    ConnectionReport,
    FillReport,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    OrderReport,
    PositionReport,
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
        self._streams = Streams(lambda: self._session.exchange, clock, takers, dialect, host.paused_for)
        self._poller = Poller(
            clock, self._reader, self._known, self._tell, self._is_streaming, self._fell_silent, scan_sec
        )
        self._mode = PositionMode.ONE_WAY
        self._modes: dict[str, PositionMode] = {}
        """Of the markets in use, where each has a mode of its own."""
        self._ordering = Ordering(account, self._session, clock, self._known, self._reader, self._poller, self._mode_of)
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
            self._reader.listing.was_loaded()
            await self._learn_modes()
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

    async def _position_mode(self, symbol: str | None = None) -> PositionMode:
        if not self._dialect.is_linear or not self._session.exchange.has.get("fetchPositionMode"):
            await self._reader.balances()  # a wrong key shows here, and not as a stream that never comes up
            return PositionMode.ONE_WAY
        told = await self._session.read(Operation.SETTING, lambda api: api.fetch_position_mode(symbol))
        return PositionMode.HEDGE if told.get("hedged") else PositionMode.ONE_WAY

    async def _learn_modes(self) -> None:
        """The account's, and anew those of the markets in use: what was told before says nothing (hazard 30)."""
        self._mode = await self._position_mode()
        self._modes = dict.fromkeys(self._modes, self._mode)
        await together(*map(self._learn_mode, self._modes))

    async def _learn_mode(self, symbol: str) -> None:
        self._modes.setdefault(symbol, self._mode)
        with suppress(AppError):
            self._modes[symbol] = await self._position_mode(symbol)

    def _mode_of(self, symbol: str) -> PositionMode:
        """A hedged market takes one-way accounts' orders too. The other way round two sides would become one: such
        orders keep the account's mode, in which the venue refuses them."""
        is_hedged = PositionMode.HEDGE in {self._mode, self._modes.get(symbol)}
        return PositionMode.HEDGE if is_hedged else PositionMode.ONE_WAY

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
            if (now := await self._position_mode()) is self._mode:
                await together(*map(self._learn_mode, self._modes))
                return
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
        return await self._ordering.create_orders(requests)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        return await self._ordering.create_order(request)

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        return await self._ordering.create_oco(take_profit, stop)

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        return await self._ordering.cancel_order(order)

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        return await self._ordering.amend_order(order, quantity, price)

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        await set_leverage(self._session, symbol, leverage, margin_mode)

    async def leverage(self, symbol: str, side: Side) -> tuple[Decimal, str]:
        return await leverage_of(self._session, symbol, side)

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
        market = await self._reader.load_market(symbol, fresh=fresh)
        if market is not None and self._dialect.mode_by_market:
            await self._learn_mode(symbol)
        return market

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
        return await self._reader.funding(since, lambda symbol: self._mode_of(symbol) is PositionMode.HEDGE)

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        return await self._reader.candles(symbol, timeframe, limit)

    async def server_time(self) -> datetime:
        return await self._reader.time()
