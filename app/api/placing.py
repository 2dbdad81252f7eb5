"""Orders by hand and decisions: asked of the engine, and followed to their first fill."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal

from app.api.models.trading import ExecutionResult, Order
from app.base.clock import Clock
from app.base.waiting import within
from app.domain.values import ZERO, OrderRole
from app.messages.commands import OrderAnswer, PlaceOrder
from app.messages.records import EventRecord, SignalOutcome, SignalRecord
from app.messages.snapshots import GroupSnapshot, OrderSnapshot
from app.ports.engine import Engine
from app.ports.queries import Queries

FILLED = frozenset({"order.filled", "order.partially_filled"})
OPENED = frozenset({"signal.executed", "signal.promoted"})
REFUSED = frozenset({"signal.rejected", "signal.ignored"})
ENDED = frozenset({"trade.closed"})
UNDER_WAY = frozenset({SignalOutcome.PENDING, SignalOutcome.QUEUED, SignalOutcome.EXECUTED})
KNOWN = frozenset(SignalOutcome)
ENTRY = OrderRole.ENTRY.value


class Course:
    """What became of signals and groups since it began to listen; `until_resting` an entry at the venue is the end."""

    def __init__(self, *, until_resting: bool) -> None:
        self._ended = ENDED | {"order.placed"} if until_resting else ENDED
        self._prices: dict[str, Decimal] = {}
        self._groups: dict[str, str] = {}
        self._over: set[str] = set()
        self._noted = asyncio.Event()

    def __call__(self, event: EventRecord) -> None:
        if event.type in FILLED and event.group_id is not None and event.data.get("role") == ENTRY:
            self._prices.setdefault(event.group_id, Decimal(str(event.data.get("price", 0))))
        elif event.type in self._ended and event.group_id is not None:
            self._over.add(event.group_id)
        elif event.type in OPENED and event.signal_id is not None and event.group_id is not None:
            self._groups[event.signal_id] = event.group_id
        elif event.type in REFUSED and event.signal_id is not None:
            self._over.add(event.signal_id)
        else:
            return
        self._noted.set()

    def price(self, group_id: str | None) -> Decimal | None:
        """Of the first entry fill."""
        return self._prices.get(group_id) if group_id is not None else None

    async def end_of(self, answer: OrderAnswer) -> None:
        """Wait for the first entry fill of its group, or for the end of its signal or group without one."""
        while not self._is_over(answer):
            self._noted.clear()
            await self._noted.wait()

    def _is_over(self, answer: OrderAnswer) -> bool:
        group_id = answer.group_id or self._groups.get(answer.signal_id)
        return answer.signal_id in self._over or group_id in self._prices or group_id in self._over


async def place(
    engine: Engine, queries: Queries, clock: Clock, command: PlaceOrder, wait_ms: int, *, until_resting: bool = False
) -> ExecutionResult:
    """Ask, then wait at most `wait_ms` for the primary fill, or until the entry rests at the venue.

    It listens before it asks, so that none is missed.
    """
    course = Course(until_resting=until_resting)
    end = engine.subscribe(course)
    try:
        answer = await _recalled(queries, await engine.ask(command))
        if wait_ms > 0 and answer.outcome in UNDER_WAY and _fill_price(_entries(engine, answer)) is None:
            await _wait(course, clock, answer, wait_ms)
    finally:
        end()
    answer = _as_it_is_now(engine, answer)
    orders = _entries(engine, answer)
    price = _fill_price(orders) or course.price(answer.group_id)
    return _result(answer, orders, price, is_decision=command.source == "decision")


async def _wait(course: Course, clock: Clock, answer: OrderAnswer, wait_ms: int) -> None:
    try:
        await within(clock, wait_ms / 1000, course.end_of(answer))
    except TimeoutError:
        return


async def _recalled(queries: Queries, answer: OrderAnswer) -> OrderAnswer:
    """Of one that came before the last start the engine knows that it came; the rest is on disk."""
    if answer.outcome in KNOWN:
        return answer
    record = await queries.signal(answer.signal_id)
    return answer if record is None else _told_by(record, answer)


def _as_it_is_now(engine: Engine, answer: OrderAnswer) -> OrderAnswer:
    """One that waited, for the market's rules or for a slot, may have gone on meanwhile."""
    record = engine.recent_signal(answer.signal_id)
    return answer if record is None else _told_by(record, answer)


def _told_by(record: SignalRecord, answer: OrderAnswer) -> OrderAnswer:
    return replace(
        answer, outcome=record.outcome.value, reason=record.reason, detail=record.detail, group_id=record.group_id
    )


def _entries(engine: Engine, answer: OrderAnswer) -> Sequence[OrderSnapshot]:
    group = engine.group(answer.group_id) if answer.group_id is not None else None
    return entries_of(group, answer.signal_id)


def entries_of(group: GroupSnapshot | None, signal_id: str) -> Sequence[OrderSnapshot]:
    """The entry orders of the pyramid that the signal made; of the whole group where none bears its id."""
    if group is None:
        return ()
    made = {pyramid.index for pyramid in group.entries if pyramid.signal_id == signal_id}
    return [order for order in group.orders if order.role == ENTRY and (not made or order.pyramid in made)]


def _fill_price(orders: Sequence[OrderSnapshot]) -> Decimal | None:
    filled = [(order.filled, order.average) for order in orders if order.filled > 0 and order.average is not None]
    quantity = sum((part for part, _ in filled), ZERO)
    return sum((part * average for part, average in filled), ZERO) / quantity if quantity else None


def _result(
    answer: OrderAnswer, orders: Sequence[OrderSnapshot], price: Decimal | None, *, is_decision: bool
) -> ExecutionResult:
    return ExecutionResult(
        success=answer.outcome == SignalOutcome.EXECUTED,
        outcome=answer.outcome,
        reason=answer.reason,
        detail=answer.detail,
        signal_id=answer.signal_id,
        decision_id=answer.signal_id if is_decision else None,
        group_id=answer.group_id,
        is_duplicate=answer.is_duplicate,
        fill_price=price,
        orders=[Order.model_validate(order) for order in orders],
    )


def result_of_record(record: SignalRecord, orders: Sequence[OrderSnapshot]) -> ExecutionResult:
    """As the record and its orders tell it now."""
    answer = OrderAnswer(record.id, record.outcome.value, record.reason, record.detail, record.group_id)
    return _result(answer, orders, _fill_price(orders), is_decision=True)
