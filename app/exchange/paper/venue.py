"""The paper exchange behind the venue port, one account each."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.base.clock import Clock
from app.base.config.groups import AccountConfig
from app.base.errors import Retryable
from app.domain.market import Quote
from app.domain.order import RESTING, OrderStatus
from app.domain.values import MarketType, OrderSide, OrderType, PositionMode, Side, TimeInForce
from app.exchange.paper import reporting
from app.exchange.paper.admission import refusal_of
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.candles import CandleTape
from app.exchange.paper.faults import FaultBox
from app.exchange.paper.ledger import Ledger
from app.exchange.paper.matching import Matcher
from app.messages.reports import (
    Accepted,
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    Candle,
    ConnectionReport,
    FillKind,
    FillReport,
    Found,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    NotFound,
    NotSent,
    OrderReport,
    PositionReport,
    PriceReport,
    RefusalCode,
    Refused,
    SubmitOutcome,
    VenueReport,
)
from app.ports.faults import Fault, FaultKind
from app.ports.paper_store import PaperOrder, PaperPrice, PaperStore
from app.ports.store import StoreFailed
from app.ports.venue import Capabilities, Health, OrderRef, OrderRequest

RECONNECT_SEC = 1.0
_STREAM_CHANGES = frozenset({FaultKind.DUPLICATE_EVENTS, FaultKind.REORDER_EVENTS, FaultKind.DROP_EVENTS})


class PaperVenue:
    """Implements `app.ports.venue.Venue`. It lives on when an engine dies: the next `connect` takes over its streams.

    Everything is saved before it is answered or shown, so that a killed process looks like a venue that went on.
    """

    def __init__(
        self, config: AccountConfig, board: PriceBoard, clock: Clock, store: PaperStore, latency_ms: int = 0
    ) -> None:
        self._config = config
        self._board = board
        self._clock = clock
        self._store = store
        self._latency = latency_ms / 1000
        self._deliver: Callable[[VenueReport], None] | None = None
        self._connected_since: datetime | None = None
        self._watched: frozenset[str] = frozenset()
        self._lock = asyncio.Lock()
        self._ledger = Ledger(config, None)
        self._matcher = Matcher(self._ledger)
        self._opened = False
        self._unsaved_prices: set[str] = set()
        self._waiting_prices: list[tuple[str, Quote]] = []
        self._price_task: asyncio.Task[None] | None = None
        self._reconnect: asyncio.Task[None] | None = None
        self._candles = CandleTape()
        self.faults = FaultBox()
        board.add(self)

    @property
    def account(self) -> str:
        return self._config.id

    @property
    def ledger(self) -> Ledger:
        """The books as they are, for judges: tests, replay, the window's view of the paper exchange."""
        return self._ledger

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
            amend=True,
            batch_orders=True,
            fees=(self._config.fees.maker, self._config.fees.taker),
        )

    # ------------------------------------------------------------------ life

    async def open(self) -> None:
        """Load the books; once, before anything else."""
        if self._opened:
            return
        self._opened = True
        stored = await self._store.load(self.account)
        if stored is not None:
            for row in stored.prices:
                self._board.rules.rules(row.symbol, row.price)
                if row.symbol not in self._board.quotes:
                    self._board.quotes[row.symbol] = Quote.flat(row.price, self._clock.now())
        self._ledger = Ledger(self._config, stored)
        self._matcher = Matcher(self._ledger)
        for symbol, quote in self._board.quotes.items():
            self._know(symbol, quote)
        if stored is None:
            await self._store.save(self.account, self._ledger.take_changes())

    async def connect(self, deliver: Callable[[VenueReport], None]) -> None:
        await self.open()
        self._deliver = deliver
        self._connected_since = self._clock.now()

    def drop(self) -> None:
        """The client is gone; events that follow reach nobody."""
        self._deliver = None
        self._connected_since = None

    async def close(self) -> None:
        self.drop()
        if self._unsaved_prices:
            async with self._lock:
                await self._save()

    def watch_prices(self, symbols: frozenset[str]) -> None:
        self._watched = symbols

    def health(self) -> Health:
        return Health(self._connected_since is not None, self._connected_since, None)

    async def server_time(self) -> datetime:
        await self._read("fetch_time")
        return self._clock.now()

    # ------------------------------------------------------------------ markets and prices

    async def load_market(self, symbol: str, hint: Decimal | None) -> MarketReport | None:
        await self._read("fetch_market", symbol)
        quote = self._board.quotes.get(symbol)
        rules = self._board.rules.rules(symbol, quote.last if quote else hint)
        if rules is None or rules.market_type != self._config.market_type:
            return None
        if quote is None and hint is not None:
            self._board.publish(symbol, Quote.flat(hint, self._clock.now()))
            quote = self._board.quotes[symbol]
        if quote is not None:
            self._know(symbol, quote)
        return MarketReport(rules, quote)

    def _know(self, symbol: str, quote: Quote) -> bool:
        rules = self._board.rules.rules(symbol, quote.last)
        if rules is None or rules.market_type != self._config.market_type:
            return False
        self._ledger.know(rules, quote)
        return True

    def on_quote(self, symbol: str, quote: Quote) -> None:
        """A new price from the board. One that crosses nothing is only shown."""
        if not self._opened or not self._know(symbol, quote):
            return
        self._candles.add(symbol, quote)
        self._unsaved_prices.add(symbol)
        if self._waiting_prices or self._lock.locked() or self._matcher.touches(symbol, quote):
            self._waiting_prices.append((symbol, quote))
            if self._price_task is None or self._price_task.done():
                self._price_task = asyncio.get_running_loop().create_task(self._match_prices())
        self._show_price(symbol, quote)

    def _show_price(self, symbol: str, quote: Quote) -> None:
        if self._deliver is not None and symbol in self._watched:
            self._deliver(PriceReport(self.account, symbol, quote))

    async def _match_prices(self) -> None:
        while self._waiting_prices:
            async with self._lock:
                symbol, quote = self._waiting_prices.pop(0)
                self._ledger.quotes[symbol] = quote
                if self._matcher.touches(symbol, quote):
                    await self._commit(self._matcher.on_price(symbol, self._clock.now()))
                self._ledger.quotes[symbol] = self._board.quotes[symbol]

    # ------------------------------------------------------------------ requests that change something

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        """One save for all; of a batch whose answer is lost, no part is answered."""
        await self._travel()
        outcomes: list[SubmitOutcome | None] = [None] * len(requests)
        arriving: list[int] = []
        is_lost = False
        for index, request in enumerate(requests):
            fault = self.faults.take("create_order", request.symbol, request.client_order_id)
            outcomes[index] = await self._before(fault)
            kind = fault.kind if fault is not None else None
            is_lost = is_lost or kind in {FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER_ACCEPT}
            if outcomes[index] is None and kind is not FaultKind.TIMEOUT_BEFORE:
                arriving.append(index)
        async with self._lock:
            answers = await self._admit([requests[index] for index in arriving])
        if is_lost:
            await self._never()
        for index, answer in zip(arriving, answers, strict=True):
            outcomes[index] = answer
        return [outcome for outcome in outcomes if outcome is not None]

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        return (await self.create_orders([request]))[0]

    async def _before(self, fault: Fault | None) -> Refused | NotSent | None:
        """What a fault answers in place of the venue; waits where it is slow."""
        if fault is None:
            return None
        match fault.kind:
            case FaultKind.REJECT:
                return Refused(fault.code or RefusalCode.INVALID_ORDER, "refused on command")
            case FaultKind.RATE_LIMIT:
                return NotSent("rate limit", retry_after=fault.seconds or 1.0)
            case FaultKind.UNAVAILABLE:
                return NotSent("the venue is unavailable")
            case FaultKind.SLOW:
                await self._clock.sleep(fault.seconds or 1.0)
        return None

    async def _admit(self, requests: Sequence[OrderRequest]) -> list[SubmitOutcome]:
        taken: list[PaperOrder | Refused] = []
        for request in requests:
            refused = refusal_of(self._ledger, request)
            taken.append(refused or self._matcher.on_arrival(self._new_order(request), self._clock.now()))
        try:
            await self._commit([item for item in taken if isinstance(item, PaperOrder)])
        except StoreFailed as error:
            return [NotSent(str(error))] * len(requests)
        return [item if isinstance(item, Refused) else self._accepted(item.number) for item in taken]

    def _accepted(self, number: int) -> Accepted:
        return Accepted(reporting.order_report(self._ledger, self._ledger.orders[number], with_fills=True))

    def _new_order(self, request: OrderRequest) -> PaperOrder:
        now = self._clock.now()
        return PaperOrder(
            account=self.account,
            number=len(self._ledger.orders) + 1,
            client_order_id=request.client_order_id,
            symbol=request.symbol,
            side=request.side,
            position_side=request.position_side,
            type=request.type,
            status=OrderStatus.OPEN,
            quantity=request.quantity,
            filled=Decimal(0),
            filled_value=Decimal(0),
            price=request.price,
            trigger_price=request.trigger_price,
            reduce_only=request.reduce_only,
            time_in_force=request.time_in_force,
            triggered=False,
            created_at=now,
            updated_at=now,
        )

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        return await self._change("cancel_order", order, lambda: self._cancel(order))

    async def _change(self, op: str, order: OrderRef, change: Callable[[], Awaitable[CancelOutcome]]) -> CancelOutcome:
        """A cancel or an amendment, with what the wire does to it."""
        await self._travel()
        fault = self.faults.take(op, order.symbol, order.client_order_id)
        answer = await self._before(fault)
        if answer is not None:
            return answer
        if fault is not None and fault.kind is FaultKind.TIMEOUT_BEFORE:
            await self._never()
        async with self._lock:
            outcome = await change()
        if fault is not None and fault.kind is FaultKind.TIMEOUT_AFTER_ACCEPT:
            await self._never()
        return outcome

    async def _cancel(self, ref: OrderRef) -> CancelOutcome:
        found = self._find(ref)
        if found is None or found.status not in RESTING:
            return Refused(RefusalCode.NOT_FOUND, "no such live order")
        cancelled = self._ledger.end(found, OrderStatus.CANCELLED, self._clock.now())
        try:
            await self._commit([cancelled])
        except StoreFailed as error:
            return NotSent(str(error))
        return self._accepted(found.number)

    async def amend_order(self, order: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        return await self._change("amend_order", order, lambda: self._amend(order, quantity, price))

    async def _amend(self, ref: OrderRef, quantity: Decimal, price: Decimal | None) -> AmendOutcome:
        found = self._find(ref)
        if found is None or found.status not in RESTING:
            return Refused(RefusalCode.NOT_FOUND, "no such live order")
        if quantity <= found.filled:
            return Refused(RefusalCode.INVALID_ORDER, "less than what has filled already")
        is_stop = found.trigger_price is not None
        changed = replace(
            found,
            quantity=quantity,
            price=price if found.price is not None and price is not None else found.price,
            trigger_price=price if is_stop and price is not None else found.trigger_price,
            updated_at=self._clock.now(),
        )
        refused = refusal_of(self._ledger, reporting.request_of(changed), amended=found)
        if refused is not None:
            return refused
        self._ledger.put(changed)
        try:
            await self._commit([self._matcher.on_amendment(changed, self._clock.now())])
        except StoreFailed as error:
            return NotSent(str(error))
        return self._accepted(found.number)

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        if self._ledger.leverage(symbol) == (leverage, margin_mode):
            return
        await self._travel()
        async with self._lock:
            self._ledger.set_leverage(symbol, leverage, margin_mode)
            await self._commit([])

    def _find(self, ref: OrderRef) -> PaperOrder | None:
        number = self._ledger.by_client_id.get(ref.client_order_id)
        if number is None and ref.venue_order_id and ref.venue_order_id.isdigit():
            number = int(ref.venue_order_id)
        return None if number is None else self._ledger.orders.get(number)

    # ------------------------------------------------------------------ saving and showing

    async def _commit(self, orders: Sequence[PaperOrder]) -> None:
        """Save what changed, then let the streams tell of it after the answer to the request has gone."""
        fills = list(self._ledger.changes.fills)
        assets = {row.asset for row in self._ledger.changes.balances}
        positions = {(row.symbol, row.side) for row in self._ledger.changes.positions}
        funding = list(self._ledger.changes.funding)
        try:
            await self._save()
        except StoreFailed:
            await self._reload()
            raise
        by_number = {order.number: order for order in orders}
        reports: list[VenueReport] = [reporting.fill_report(self._ledger, fill) for fill in fills]
        reports += [
            reporting.order_report(self._ledger, self._ledger.orders.get(number, order), with_fills=False)
            for number, order in by_number.items()
        ]
        reports += [
            reporting.position_report(self._ledger, symbol, side, self._clock.now()) for symbol, side in positions
        ]
        reports += [reporting.balance_report(self._ledger, asset, self._clock.now()) for asset in sorted(assets)]
        reports += [reporting.funding_report(payment) for payment in funding]
        if reports:
            asyncio.get_running_loop().call_soon(self._stream, reports)

    async def _save(self) -> None:
        changes = self._ledger.take_changes()
        if not changes.is_empty or self._unsaved_prices:
            changes.prices = [
                PaperPrice(self.account, symbol, self._ledger.quotes[symbol].last)
                for symbol in sorted(self._unsaved_prices)
            ]
            self._unsaved_prices = set()
            await self._store.save(self.account, changes)

    async def _reload(self) -> None:
        """The disk refused: what was not kept did not happen."""
        rules, quotes = self._ledger.rules, self._ledger.quotes
        self._ledger = Ledger(self._config, await self._store.load(self.account))
        for symbol, known in rules.items():
            self._ledger.know(known, quotes[symbol])
        sizes = self._matcher.fill_sizes
        self._matcher = Matcher(self._ledger)
        self._matcher.fill_sizes = sizes

    def _stream(self, reports: list[VenueReport]) -> None:
        if self._deliver is None or self._connected_since is None:
            return
        symbol = next((report.symbol for report in reports if isinstance(report, OrderReport | FillReport)), None)
        if self.faults.take_stream(frozenset({FaultKind.DISCONNECT}), symbol) is not None:
            self._disconnect()
            return
        for report in self._disturbed(reports, symbol):
            self._deliver(report)

    def _disturbed(self, reports: list[VenueReport], symbol: str | None) -> list[VenueReport]:
        shown: list[VenueReport] = []
        reverse = False
        for report in reports:
            is_event = isinstance(report, OrderReport | FillReport)
            fault = self.faults.take_stream(_STREAM_CHANGES, symbol) if is_event else None
            kind = fault.kind if fault is not None else None
            reverse = reverse or kind is FaultKind.REORDER_EVENTS
            copies = {FaultKind.DROP_EVENTS: 0, FaultKind.DUPLICATE_EVENTS: 2}.get(kind, 1) if kind else 1
            shown += [report] * copies
        return shown[::-1] if reverse else shown

    def _disconnect(self) -> None:
        if self._deliver is None:
            return
        self._connected_since = None
        self._deliver(ConnectionReport(self.account, False, self._clock.now(), "the stream was cut"))
        self._reconnect = asyncio.get_running_loop().create_task(self._reconnect_later())

    async def _reconnect_later(self) -> None:
        await self._clock.sleep(RECONNECT_SEC)
        if self._deliver is not None:
            self._connected_since = self._clock.now()
            self._deliver(ConnectionReport(self.account, True, self._clock.now()))

    async def _travel(self) -> None:
        if self._latency:
            await self._clock.sleep(self._latency)

    @staticmethod
    async def _never() -> None:
        await asyncio.get_running_loop().create_future()

    # ------------------------------------------------------------------ reads

    async def _read(self, op: str, symbol: str | None = None, order_id: str | None = None) -> None:
        await self._travel()
        fault = self.faults.take(op, symbol, order_id)
        if fault is None:
            return
        if fault.kind in {FaultKind.TIMEOUT_BEFORE, FaultKind.TIMEOUT_AFTER_ACCEPT}:
            await self._never()
        if fault.kind is FaultKind.SLOW:
            await self._clock.sleep(fault.seconds or 1.0)
            return
        raise Retryable(f"{op}: the venue is unavailable")

    async def look_up(self, order: OrderRef) -> LookUpOutcome:
        try:
            await self._read("look_up", order.symbol, order.client_order_id)
        except Retryable as error:
            return NotSent(str(error))
        async with self._lock:
            found = self._find(order)
            if found is None:
                return NotFound()
            return Found(reporting.order_report(self._ledger, found, with_fills=True))

    async def fetch_open_orders(self) -> Sequence[OrderReport]:
        await self._read("fetch_open_orders")
        async with self._lock:
            live = [order for book in self._ledger.resting.values() for order in book.values()]
            live.sort(key=lambda order: order.number)
            return [reporting.order_report(self._ledger, order, with_fills=False) for order in live]

    async def fetch_positions(self) -> Sequence[PositionReport]:
        await self._read("fetch_positions")
        async with self._lock:
            now = self._clock.now()
            return [
                reporting.position_report(self._ledger, symbol, side, now) for symbol, side in self._ledger.positions
            ]

    async def fetch_balances(self) -> Sequence[BalanceReport]:
        await self._read("fetch_balances")
        async with self._lock:
            return [reporting.balance_report(self._ledger, asset, self._clock.now()) for asset in self._ledger.balances]

    async def fetch_fills(self, since: datetime) -> Sequence[FillReport]:
        await self._read("fetch_fills")
        async with self._lock:
            return [reporting.fill_report(self._ledger, fill) for fill in self._ledger.fills if fill.at >= since]

    async def fetch_funding(self, since: datetime) -> Sequence[FundingReport]:
        await self._read("fetch_funding")
        async with self._lock:
            return [reporting.funding_report(payment) for payment in self._ledger.funding if payment.at >= since]

    async def fetch_candles(self, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        await self._read("fetch_candles", symbol)
        return self._candles.bars(symbol, timeframe, limit)

    # ------------------------------------------------------------------ what happens at the venue without a client

    def set_book(self, symbol: str, fill_size: Decimal | None) -> None:
        """How much one order can fill on arrival and at each price step; None for all."""
        if fill_size is None:
            self._matcher.fill_sizes.pop(symbol, None)
        else:
            self._matcher.fill_sizes[symbol] = fill_size

    async def place_external(
        self, symbol: str, side: OrderSide, type_: OrderType, quantity: Decimal, price: Decimal | None
    ) -> None:
        """Somebody trades on the account by hand."""
        request = OrderRequest("", symbol, side, _opened(side), type_, quantity, price, None, False, TimeInForce.GTC)
        async with self._lock:
            order = replace(self._new_order(request), client_order_id=None)
            await self._commit([self._matcher.on_arrival(order, self._clock.now())])

    async def cancel_external(self, match: Callable[[PaperOrder], bool]) -> int:
        """Somebody cancels orders by hand; how many."""
        async with self._lock:
            live = [order for book in self._ledger.resting.values() for order in book.values() if match(order)]
            now = self._clock.now()
            await self._commit(
                [self._ledger.end(order, OrderStatus.CANCELLED, now, "cancelled by hand") for order in live]
            )
            return len(live)

    async def close_external(self, symbol: str, quantity: Decimal | None) -> None:
        """Somebody closes the position, or part of it, by hand at market."""
        for side in Side:
            position = self._ledger.positions.get((symbol, side))
            if position is not None:
                part = position.quantity if quantity is None else min(quantity, position.quantity)
                async with self._lock:
                    request = OrderRequest(
                        "",
                        symbol,
                        side.exit_order_side,
                        side,
                        OrderType.MARKET,
                        part,
                        None,
                        None,
                        True,
                        TimeInForce.GTC,
                    )
                    order = replace(self._new_order(request), client_order_id=None)
                    await self._commit([self._matcher.on_arrival(order, self._clock.now())])

    async def force(self, symbol: str, kind: FillKind, quantity: Decimal | None) -> None:
        """Liquidate, or auto-deleverage, at the mark."""
        async with self._lock:
            now = self._clock.now()
            orders: list[PaperOrder] = []
            if kind is FillKind.LIQUIDATION:
                orders = self._matcher.cancel_all(symbol, now, "the position was liquidated")
            for side in Side:
                position = self._ledger.positions.get((symbol, side))
                if position is not None:
                    part = position.quantity if quantity is None else min(quantity, position.quantity)
                    self._ledger.force_close(position, part, self._ledger.quotes[symbol].mark, kind, now)
            await self._commit(orders)

    async def pay_funding(self, symbol: str, rate: Decimal) -> None:
        async with self._lock:
            self._ledger.pay_funding(symbol, rate, self._clock.now())
            await self._commit([])


def _opened(side: OrderSide) -> Side:
    return Side.LONG if side is OrderSide.BUY else Side.SHORT
