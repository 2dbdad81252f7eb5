"""A paper venue on a clock moved by hand, for tests of its edges."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from decimal import Decimal
from typing import Any, TypeVar

from app.base.config.groups import AccountConfig
from app.domain.market import Quote
from app.domain.values import OrderSide
from app.exchange.paper.board import PriceBoard
from app.exchange.paper.memory_store import MemoryPaperStore
from app.exchange.paper.rules import RuleBook
from app.exchange.paper.venue import PaperVenue
from app.messages.reports import Accepted, FillReport, OrderReport, PriceReport, SubmitOutcome, VenueReport
from app.ports.faults import Fault, FaultKind
from app.ports.paper_store import PaperChanges
from app.ports.venue import OrderRef, OrderRequest
from tests.support.clock import ManualClock, settle
from tests.unit.exchange.paper.bench import FREE, SOL, request, rules_of

T = TypeVar("T")


class GatedStore(MemoryPaperStore):
    """Its saves wait for `gate` where one is set."""

    def __init__(self) -> None:
        super().__init__()
        self.gate: asyncio.Event | None = None

    async def save(self, account: str, changes: PaperChanges) -> None:
        if self.gate is not None:
            await self.gate.wait()
        await super().save(account, changes)


class Shop:
    """`seen` holds what the streams told, `mine` what of it was told of orders and fills."""

    def __init__(self, store: GatedStore | None = None, *, latency_ms: int = 0, **account: Any) -> None:
        self.clock = ManualClock()
        self.store = store or GatedStore()
        self.board = PriceBoard(self.clock, RuleBook({SOL: rules_of(SOL)}))
        self.board.quotes[SOL] = Quote.flat(Decimal(100), self.clock.now())
        config = AccountConfig.model_validate({"id": "paper", "fees": FREE, **account})
        self.venue = PaperVenue(config, self.board, self.clock, self.store, latency_ms)
        self.seen: list[VenueReport] = []
        self._orders = 0

    async def open(self) -> Shop:
        await self.venue.connect(self.seen.append)
        return self

    async def open_after(self, seconds: float) -> Shop:
        """Open where that takes time of the clock."""
        opening = asyncio.ensure_future(self.open())
        await self.clock.advance(seconds)
        return await opening

    def order(self, side: OrderSide, quantity: str, price: str | None = None, **others: Any) -> OrderRequest:
        self._orders += 1
        return request(side, quantity, price, **{"order_id": f"zg0000000g000000100e{self._orders:03}", **others})

    async def buy(self, quantity: str, price: str | None = None, **others: Any) -> SubmitOutcome:
        return await self.venue.create_order(self.order(OrderSide.BUY, quantity, price, **others))

    async def price(self, price: str) -> None:
        self.board.move(SOL, Decimal(price))
        await settle()

    def arm(self, op: str, kind: FaultKind, **others: Any) -> None:
        self.venue.faults.arm(Fault(op, kind, **others))

    @property
    def mine(self) -> list[OrderReport | FillReport]:
        return [report for report in self.seen if isinstance(report, OrderReport | FillReport)]

    @property
    def prices(self) -> list[Decimal]:
        return [report.quote.last for report in self.seen if isinstance(report, PriceReport)]


def ref(order: OrderRequest) -> OrderRef:
    return OrderRef(order.client_order_id, None, order.symbol, order.type)


def taken(outcome: SubmitOutcome) -> OrderReport:
    assert isinstance(outcome, Accepted), outcome
    return outcome.order


async def is_unanswered(request_: Awaitable[T], clock: ManualClock) -> bool:
    """Whether a request has no answer after an hour; it is given up then, as by a time-out."""
    task = asyncio.ensure_future(request_)
    await clock.advance(3_600)
    if task.done():
        return False
    task.cancel()
    await settle()
    return True
