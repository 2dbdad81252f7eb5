"""Crashes on command: the engine's store and venues with a trap between."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NoReturn

from app.exchange.paper.venue import PaperVenue
from app.messages.records import Changes, StoredGroup, StoredState
from app.messages.reports import AmendOutcome, CancelOutcome, SubmitOutcome
from app.ports.store import Store
from app.ports.venue import OrderRef, OrderRequest


@dataclass(slots=True)
class Trap:
    """Counts commits and sends, and calls `spring` when the armed one comes. `orders_sent` counts creates only."""

    spring: Callable[[], None]
    commits_left: int | None = None
    sends_left: int | None = None
    after_send: bool = False
    orders_sent: int = 0
    requests_sent: int = 0
    commits: int = 0
    sent_twice: list[str] = field(default_factory=list)
    """Client ids of orders that were sent though the venue had taken them."""

    def committed(self) -> None:
        self.commits += 1
        if self.commits_left is not None:
            self.commits_left -= 1
            if self.commits_left == 0:
                self.commits_left = None
                self._crash()

    def sending(self) -> bool:
        """Whether the crash comes right after this request; before it, this does not return."""
        self.requests_sent += 1
        if self.sends_left is None:
            return False
        self.sends_left -= 1
        if self.sends_left > 0:
            return False
        self.sends_left = None
        if not self.after_send:
            self._crash()
        return True

    def sent(self, last: bool) -> None:
        if last:
            self._crash()

    def _crash(self) -> NoReturn:
        self.spring()
        raise asyncio.CancelledError("crashed on command")


class TrappedStore:
    """The engine's store; everything that was committed is passed to `collect`."""

    def __init__(self, inner: Store, trap: Trap, collect: Callable[[Changes], None]) -> None:
        self._inner = inner
        self._trap = trap
        self._collect = collect

    async def load(self, recent_since: datetime) -> StoredState:
        return await self._inner.load(recent_since)

    async def load_group(self, group_id: str) -> StoredGroup | None:
        return await self._inner.load_group(group_id)

    async def commit(self, changes: Changes) -> None:
        await self._inner.commit(changes)
        self._collect(changes)
        self._trap.committed()


class TrappedVenue:
    """A paper venue seen through the trap; everything but order requests goes straight through."""

    def __init__(self, inner: PaperVenue, trap: Trap) -> None:
        self._inner = inner
        self._trap = trap

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    async def create_orders(self, requests: Sequence[OrderRequest]) -> Sequence[SubmitOutcome]:
        """A batch counts as its orders: those before the crash have arrived."""
        self._note(requests)
        left = self._trap.sends_left
        if left is not None and left <= len(requests):
            return [await self._create(request) for request in requests]
        self._trap.orders_sent += len(requests)
        for _ in requests:
            self._trap.sending()
        return await self._inner.create_orders(requests)

    async def create_order(self, request: OrderRequest) -> SubmitOutcome:
        self._note([request])
        return await self._create(request)

    async def _create(self, request: OrderRequest) -> SubmitOutcome:
        last = self._trap.sending()
        self._trap.orders_sent += 1
        outcome = await self._inner.create_order(request)
        self._trap.sent(last)
        return outcome

    async def create_oco(self, take_profit: OrderRequest, stop: OrderRequest) -> tuple[SubmitOutcome, SubmitOutcome]:
        """One request that makes two orders."""
        self._note([take_profit, stop])
        last = self._trap.sending()
        self._trap.orders_sent += 2
        outcome = await self._inner.create_oco(take_profit, stop)
        self._trap.sent(last)
        return outcome

    async def cancel_order(self, order: OrderRef) -> CancelOutcome:
        last = self._trap.sending()
        outcome = await self._inner.cancel_order(order)
        self._trap.sent(last)
        return outcome

    async def amend_order(self, order: OrderRef, quantity: Any, price: Any) -> AmendOutcome:
        last = self._trap.sending()
        outcome = await self._inner.amend_order(order, quantity, price)
        self._trap.sent(last)
        return outcome

    def _note(self, requests: Sequence[OrderRequest]) -> None:
        taken = self._inner.ledger.by_client_id
        self._trap.sent_twice += [item.client_order_id for item in requests if item.client_order_id in taken]

    async def close(self) -> None:
        """The venue lives on."""
