"""The paper exchange behind the venue port, one account each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TypeVar

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.market import Quote
from app.domain.values import MarketType, OrderSide, OrderType, PositionMode, Side
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.candles import CandleTape
from app.exchange.paper.core import Core
from app.exchange.paper.desk import Desk, log_failure
from app.exchange.paper.faults import FaultBox
from app.exchange.paper.funding import FundingSchedule
from app.exchange.paper.gate import Gate
from app.exchange.paper.keeping import Keeper
from app.exchange.paper.ledger import Ledger
from app.exchange.paper.poller import Poller
from app.exchange.paper.stream import Stream
from app.exchange.paper.wire import ReadRefused, Wire
from app.messages.reports import (
    Accepted,
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    FillKind,
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
from app.ports.paper_store import PaperOrder, PaperStore
from app.ports.store import StoreFailed
from app.ports.venue import Capabilities, Health, OrderRef, OrderRequest

RETRY_SEC = 1.0
T = TypeVar("T")


class PaperVenue:
    """Implements `app.ports.venue.Venue`. It lives on when an engine dies: the next `connect` takes over its streams.

    Everything is saved before it is answered or shown, so that a killed process looks like a venue that went on.
    """

    def __init__(
        self,
        config: AccountConfig,
        board: PriceBoard,
        clock: Clock,
        store: PaperStore,
        latency_ms: int = 0,
        timeout_sec: float = 5.0,
        look_every_sec: float = 10.0,
    ) -> None:
        self._config = config
        self._board = board
        self._clock = clock
        self._core = Core(config)
        self._keeper = Keeper(self._core.ledger, board.rules, store)
        self.faults = FaultBox()
        self._desk = Desk(self._core, clock, self._keeper.save, self._send)
        self._poller = Poller(clock, self._core, self._desk, self.faults, look_every_sec, self._tell)
        self._stream = Stream(config.id, clock, self.faults, self._core.ledger.quotes, self._poller)
        self._gate = Gate(config.id, clock, self.faults, lambda report: self._tell([report]))
        self._wire = Wire(clock, self.faults, self._gate, latency_ms / 1000, timeout_sec, self._stream.cut)
        self._funding = FundingSchedule(clock, config.funding_rate, self.ledger.markets_held, self._pay_scheduled)
        self._candles = CandleTape()
        self._opening = asyncio.Lock()
        self._is_open = False
        board.add(self)

    @property
    def account(self) -> str:
        return self._config.id

    @property
    def ledger(self) -> Ledger:
        """The books as they are, for judges: tests, replay, the window's view of the paper exchange."""
        return self._core.ledger

    @property
    def capabilities(self) -> Capabilities:
        linear = self._config.market_type == "linear"
        return Capabilities(
            market_type=MarketType(self._config.market_type),
            position_mode=PositionMode(self._config.position_mode),
            reduce_only=linear,
            exits_below_minimum=linear,
            stop_market=True,
            stop_limit=True,
            take_profit_market=True,
            amend_types=frozenset(OrderType) - {OrderType.MARKET},
            batch_orders=True,
            fees=(self._config.fees.maker, self._config.fees.taker),
            oco=not linear,
            trades_alone=False,
        )

    def _send(self, reports: Sequence[VenueReport]) -> None:
        self._stream.send(reports)

    def _tell(self, reports: Sequence[VenueReport]) -> None:
        self._stream.tell(reports)

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Load the books; what the price reached while they were closed fills now. Raises StoreFailed."""
        async with self._opening:
            if self._is_open:
                return
            for symbol, price in (await self._keeper.load()).items():
                self._board.open(symbol, price)
            for symbol, quote in self._board.quotes.items():
                self._meet(symbol, quote)
            await self._keeper.save_new_account()
            self._is_open = True
            self._funding.start()
            for symbol in list(self._core.ledger.quotes):
                self._step(symbol, self._core.ledger.quotes[symbol])
        await self._desk.drained()

    async def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        await self.open()
        await self._wire.read("connect")
        self._gate.reset()
        self._stream.connect(deliver)

    def drop(self) -> None:
        """The client is gone; events that follow reach nobody."""
        self._stream.drop()

    async def close(self) -> None:
        """End the session and keep the last prices. The account itself goes on where prices go on."""
        self._stream.drop()
        await self._desk.drained()
        await self._keeper.save_prices()

    def watch_prices(self, symbols: frozenset[str]) -> None:
        self._stream.watch(symbols)

    def health(self) -> Health:
        since = self._stream.connected_since
        return Health(since is not None, since, self._keeper.trouble)

    # ------------------------------------------------------------------ markets and prices

    async def load_market(
        self,
        symbol: str,
        hint: Decimal | None,
        *,
        fresh: bool = False,  # noqa: ARG002 - its rules are always so
    ) -> MarketReport | None:
        await self._wire.read("fetch_market", symbol)
        await self._board.prepare(symbol)
        quote = self._board.quotes.get(symbol)
        rules = self._board.rules.rules(symbol, quote.last if quote is not None else hint)
        if rules is None or rules.market_type != self._config.market_type:
            return None
        if quote is None and hint is not None and hint > 0:
            self._board.open(symbol, hint)
        quote = self._board.quotes.get(symbol)
        if quote is not None and symbol not in self._core.ledger.quotes:
            self._meet(symbol, quote)
        return MarketReport(rules, quote)

    def _meet(self, symbol: str, quote: Quote) -> None:
        """A market that the board had before this account knew it."""
        if self._knows(symbol, quote):
            self._core.ledger.quotes[symbol] = quote
            self._keeper.note_price(symbol)

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """A new price from the board. One that crosses nothing is only shown."""
        if not self._is_open or not self._knows(symbol, quote):
            return
        self._candles.add(symbol, quote)
        self._keeper.note_price(symbol)
        self._step(symbol, quote)

    def _knows(self, symbol: str, quote: Quote) -> bool:
        """Whether the account trades this market; its rules are known from then on."""
        known = self._core.ledger.rules
        if symbol in known:
            return True
        rules = self._board.rules.rules(symbol, quote.last)
        if rules is None or rules.market_type != self._config.market_type:
            return False
        known[symbol] = rules
        return True

    def _step(self, symbol: str, quote: Quote) -> None:
        if self._desk.is_idle and not self._core.touches(symbol, quote):
            self._core.ledger.quotes[symbol] = quote
            self._stream.send_price(symbol, quote)
            return
        done = self._desk.post(lambda: self._core.on_price(symbol, quote, self._clock.now()))
        done.add_done_callback(lambda future: self._stepped(symbol, future))

    def _stepped(self, symbol: str, done: asyncio.Future[None]) -> None:
        """Where a step could not be saved, the market as it then is is matched again a little later."""
        log_failure(done)
        if not done.cancelled() and isinstance(done.exception(), StoreFailed):
            self._clock.call_later(RETRY_SEC, lambda: self._step(symbol, self._board.quotes[symbol]))

    # ------------------------------------------------------------------ requests that change something

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        """One save for all; of a batch whose answer is lost, no part is answered."""
        outcomes = await self._wire.create(requests, self._submit)
        for outcome in outcomes:
            self._learn(outcome)
        return outcomes

    def _learn(self, outcome: object) -> None:
        """The client is told of the order that it has made, changed or asked for."""
        if isinstance(outcome, Accepted | Found):
            self._poller.learn(outcome.order)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        return (await self.create_orders([request]))[0]

    async def _submit(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        now = self._clock.now()
        outcome = await self._changed(lambda: [self._core.submit(request, now) for request in requests])
        return [outcome] * len(requests) if isinstance(outcome, NotSent) else outcome

    async def _changed(self, change: Callable[[], T]) -> T | NotSent:
        """A change's answer once it is saved; where it cannot be, it was never made."""
        if not self._is_open:
            return NotSent("the account is not connected")
        try:
            return await self._desk.post(change)
        except StoreFailed as error:
            return NotSent(str(error))

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        """One request: what becomes of its answer becomes of both."""
        outcome = await self._wire.create_pair(
            (take_profit, stop),
            lambda: self._changed(lambda: self._core.submit_pair(take_profit, stop, self._clock.now())),
        )
        if not isinstance(outcome, tuple):
            return outcome, outcome
        for accepted in outcome:
            self._learn(accepted)
        return outcome

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        return await self._change("cancel_order", order, lambda: self._core.cancel(order, self._clock.now()))

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        return await self._change(
            "amend_order", order, lambda: self._core.amend(order, quantity, price, self._clock.now())
        )

    async def _change(
        self, op: str, order: OrderRef, change: Callable[[], Accepted | Refused]
    ) -> Accepted | Refused | NotSent | OutcomeUnknown:
        outcome = await self._wire.change(op, order.symbol, order.client_order_id, lambda: self._changed(change))
        self._learn(outcome)
        return outcome

    async def leverage(self, symbol: str, side: Side) -> tuple[Decimal, str]:  # noqa: ARG002 - one for both sides
        await self._wire.read("leverage", symbol)
        return self._core.ledger.leverage(symbol)

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        try:
            await self._wire.read("set_leverage", symbol)
        except ReadRefused as error:
            raise OperatorActionNeeded(str(error)) from error
        if self._core.ledger.leverage(symbol) != (leverage, margin_mode):
            await self._desk.post(lambda: self._core.set_leverage(symbol, leverage, margin_mode))

    # ------------------------------------------------------------------ reads

    async def _read(
        self, op: str, answer: Callable[[], T], symbol: str | None = None, order_id: str | None = None
    ) -> T:
        await self._wire.read(op, symbol, order_id)
        if not self._is_open:
            raise Retryable(f"{op}: the account is not connected")
        try:
            return await self._desk.read(answer)
        except StoreFailed as error:
            raise Retryable(f"{op}: {error}") from error

    async def look_up(self, order: OrderRef) -> LookUpOutcome:
        try:
            outcome = await self._read(
                "look_up", lambda: self._look_up(order), order.symbol, order_id=order.client_order_id
            )
        except ReadRefused as error:
            return NotFound() if error.code is RefusalCode.NOT_FOUND else OutcomeUnknown(str(error))
        except Retryable as error:
            return NotSent(str(error))
        self._learn(outcome)
        return outcome

    def _look_up(self, order: OrderRef) -> LookUpOutcome:
        found = self._core.find(order)
        return NotFound() if found is None else Found(self._core.report.order(found, with_fills=True))

    async def fetch_open_orders(self) -> Sequence[OrderReport]:
        report = self._core.report
        orders = await self._read(
            "fetch_open_orders",
            lambda: [report.order(order, with_fills=False) for order in self._core.open_orders()],
        )
        for order in orders:
            self._poller.learn(order)
        return orders

    async def fetch_positions(self) -> Sequence[PositionReport]:
        return await self._read("fetch_positions", lambda: self._core.report.positions(self._clock.now()))

    async def fetch_balances(self) -> Sequence[BalanceReport]:
        return await self._read("fetch_balances", lambda: self._core.report.balances(self._clock.now()))

    async def fetch_fills(self, since: datetime) -> Sequence[FillReport]:
        return await self._read("fetch_fills", lambda: self._core.report.fills_since(since))

    async def fetch_funding(self, since: datetime) -> Sequence[FundingReport]:
        return await self._read("fetch_funding", lambda: self._core.report.funding_since(since))

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        return await self._read("fetch_candles", lambda: self._candles.bars(symbol, timeframe, limit), symbol)

    async def server_time(self) -> datetime:
        await self._wire.read("fetch_time")
        return self._clock.now()

    # ------------------------------------------------------------------ what happens at the venue without a client

    def set_book(self, symbol: str, fill_size: Decimal | None) -> None:
        """How much one order can fill on arrival and at each price step; None for all."""
        if fill_size is None:
            self._core.matcher.fill_sizes.pop(symbol, None)
        else:
            self._core.matcher.fill_sizes[symbol] = fill_size

    def halt(self, symbol: str, *, halted: bool = True) -> None:
        """Stop trading of a market: orders rest and may be cancelled, new ones and changes are refused."""
        if halted:
            self._core.admission.halted.add(symbol)
        else:
            self._core.admission.halted.discard(symbol)

    def set_funding_rate(self, symbol: str, rate: Decimal) -> None:
        """What a market's positions pay every eight hours from now on, whatever the account's usual rate."""
        self._funding.set_rate(symbol, rate)

    def _pay_scheduled(self, symbol: str, rate: Decimal) -> None:
        paying = self._desk.post(lambda: self._core.ledger.pay_funding(symbol, rate, self._clock.now()))
        paying.add_done_callback(log_failure)

    async def pay_funding(self, symbol: str, rate: Decimal) -> None:
        """One payment, now."""
        await self._desk.post(lambda: self._core.ledger.pay_funding(symbol, rate, self._clock.now()))

    async def place_external(
        self, symbol: str, side: OrderSide, type_: OrderType, quantity: Decimal, price: Decimal | None
    ) -> Accepted | Refused:
        """Somebody trades on the account by hand; `price` is a stop's trigger."""
        return await self._desk.post(
            lambda: self._core.place_by_hand(symbol, side, type_, quantity, price, self._clock.now())
        )

    async def cancel_external(self, match: Callable[[PaperOrder], bool]) -> int:
        """Somebody cancels orders by hand; how many."""
        return await self._desk.post(lambda: self._core.cancel_by_hand(match, self._clock.now()))

    async def close_external(self, symbol: str, quantity: Decimal | None) -> None:
        """Somebody closes the position, or part of it, by hand at market."""
        await self._desk.post(lambda: self._core.close_by_hand(symbol, quantity, self._clock.now()))

    async def force(self, symbol: str, kind: FillKind, quantity: Decimal | None) -> None:
        """Liquidate, or auto-deleverage, at the mark."""
        await self._desk.post(lambda: self._core.force(symbol, kind, quantity, self._clock.now()))
