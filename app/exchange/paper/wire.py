"""The way of a request to the paper exchange and of its answer back, with what faults make of both."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn, TypeVar

from app.base.clock import Clock
from app.base.errors import Retryable
from app.exchange.paper.faults import EVENT_KINDS, STREAM, FaultBox
from app.exchange.paper.gate import Gate
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused
from app.ports.faults import Fault, FaultKind
from app.ports.venue import OrderRequest

T = TypeVar("T")
RETRY_AFTER_SEC = 1.0
SLOW_SEC = 1.0
LEAST_ROUNDS = 2
"""Of the loop, between a request's sending and the exchange's work on it."""


class ReadRefused(Retryable):
    """The venue refused to answer; `code` says why."""

    def __init__(self, op: str, refused: Refused) -> None:
        super().__init__(f"{op}: {refused.detail} ({refused.code})")
        self.code = refused.code


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of a request. `answer` stands in for the venue's, which then never sees it."""

    answer: Refused | NotSent | None = None
    arrives: bool = True
    is_answered: bool = True
    is_cut: bool = False
    delay: float = 0.0


class Wire:
    """`cut` cuts the stream, for faults that drop the whole connection.

    A read is given up after `timeout_sec`; how long a request that changes something is waited for, its sender decides.
    """

    def __init__(
        self,
        clock: Clock,
        faults: FaultBox,
        gate: Gate,
        latency_sec: float,
        timeout_sec: float,
        cut: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._faults = faults
        self._gate = gate
        self._timeout = timeout_sec
        self._latency = latency_sec
        self._cut = cut
        self._under_way: set[asyncio.Task[object]] = set()

    async def create(
        self,
        requests: Sequence[OrderRequest],
        submit: Callable[[Sequence[OrderRequest]], Awaitable[Sequence[T]]],
    ) -> list[T | Refused | NotSent | OutcomeUnknown]:
        """A batch is one request: where the answer for one of its orders is lost, all of it is."""
        is_exit = all(request.is_exit for request in requests)
        outcomes = await self._watched(self._create(requests, submit))
        self._gate.learn(outcomes, is_exit=is_exit)
        return outcomes

    async def _create(
        self,
        requests: Sequence[OrderRequest],
        submit: Callable[[Sequence[OrderRequest]], Awaitable[Sequence[T]]],
    ) -> list[T | Refused | NotSent | OutcomeUnknown]:
        await self._travel()
        fates = [self._fate_of_order(request) for request in requests]
        arriving = [request for request, fate in zip(requests, fates, strict=True) if fate.arrives]
        answers = iter(await submit(arriving) if arriving else ())
        outcomes = [_outcome(fate, next(answers) if fate.arrives else None) for fate in fates]
        await self._return(fates)
        return outcomes

    async def change(
        self, op: str, symbol: str, order_id: str, work: Callable[[], Awaitable[T]]
    ) -> T | Refused | NotSent | OutcomeUnknown:
        """A cancel or an amendment."""
        return await self._request(lambda: self._fate(op, symbol, order_id), work)

    async def create_pair(
        self, orders: Sequence[OrderRequest], work: Callable[[], Awaitable[T]]
    ) -> T | Refused | NotSent | OutcomeUnknown:
        """Orders of which all are taken or none; a fault of one is all of theirs."""
        return await self._request(lambda: _shared([self._fate_of_order(order) for order in orders]), work)

    async def _request(
        self, fate_of: Callable[[], Fate], work: Callable[[], Awaitable[T]]
    ) -> T | Refused | NotSent | OutcomeUnknown:
        outcome = await self._watched(self._change(fate_of, work))
        self._gate.learn([outcome], is_exit=True)
        return outcome

    async def _change(
        self, fate_of: Callable[[], Fate], work: Callable[[], Awaitable[T]]
    ) -> T | Refused | NotSent | OutcomeUnknown:
        await self._travel()
        fate = fate_of()
        outcome = _outcome(fate, await work() if fate.arrives else None)
        await self._return([fate])
        return outcome

    async def read(self, op: str, symbol: str | None = None, order_id: str | None = None) -> None:
        """The way of a read. Raises Retryable where it brings no answer, as ReadRefused where that was a refusal."""
        await self._travel()
        fault = self._faults.take(op, symbol, order_id)
        fate = Fate() if fault is None else self._fate_of(fault)
        if isinstance(fate.answer, Refused):
            self._gate.answered()
            raise ReadRefused(op, fate.answer)
        if fate.answer is not None:
            if fate.answer.retry_after is None:
                self._gate.question_unanswered(fate.answer.detail)
            raise Retryable(f"{op}: {fate.answer.detail}")
        if fate.is_cut:
            self._cut()
            self._gate.question_unanswered("the connection was reset")
            raise Retryable(f"{op}: the connection was reset")
        if not fate.is_answered or fate.delay > self._timeout:
            await self._give_up(op)
        if fate.delay:
            await self._clock.sleep(fate.delay)
        self._gate.answered()

    async def _give_up(self, op: str) -> NoReturn:
        why = f"no answer within {self._timeout:g} s"
        try:
            await self._clock.sleep(self._timeout)
        finally:
            self._gate.question_unanswered(why)
        raise Retryable(f"{op}: {why}")

    async def _travel(self) -> None:
        """At least as long as a real request keeps its sender: who waits for something else goes first."""
        for _ in range(LEAST_ROUNDS):
            await self._clock.sleep(0)
        if self._latency:
            await self._clock.sleep(self._latency)

    async def _watched(self, work: Awaitable[T]) -> T:
        try:
            return await self._carry(work)
        except asyncio.CancelledError:
            self._gate.unanswered("a request was not answered in time")
            raise

    async def _carry(self, work: Awaitable[T]) -> T:
        """With a latency, a request on its way arrives even where whoever sent it has stopped waiting."""
        if not self._latency:
            return await work
        task = asyncio.ensure_future(work)
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        return await asyncio.shield(task)

    async def _return(self, fates: Sequence[Fate]) -> None:
        if any(fate.is_cut for fate in fates):
            self._cut()
        if not all(fate.is_answered for fate in fates):
            await _never()
        delay = max((fate.delay for fate in fates), default=0.0)
        if delay:
            await self._clock.sleep(delay)

    def _fate_of_order(self, request: OrderRequest) -> Fate:
        held = None if request.is_exit else self._gate.held_back()
        if held is not None:
            return Fate(held, arrives=False)
        return self._fate("create_order", request.symbol, request.client_order_id)

    def _fate(self, op: str, symbol: str, order_id: str) -> Fate:
        fault = self._faults.take(op, symbol, order_id)
        return Fate() if fault is None else self._fate_of(fault)

    def _fate_of(self, fault: Fault) -> Fate:
        if fault.kind in EVENT_KINDS:
            self._faults.arm(replace(fault, op=STREAM, times=1))
        return _fate_of(fault)


def _fate_of(fault: Fault) -> Fate:
    match fault.kind:
        case FaultKind.TIMEOUT_BEFORE:
            return Fate(arrives=False, is_answered=False)
        case FaultKind.TIMEOUT_AFTER_ACCEPT:
            return Fate(is_answered=False)
        case FaultKind.REJECT:
            code = fault.code or RefusalCode.INVALID_ORDER
            return Fate(Refused(code, "refused on command"), arrives=False)
        case FaultKind.RATE_LIMIT:
            return Fate(NotSent("too many requests", fault.seconds or RETRY_AFTER_SEC), arrives=False)
        case FaultKind.UNAVAILABLE:
            return Fate(NotSent("the venue is unavailable"), arrives=False)
        case FaultKind.DISCONNECT:
            return Fate(is_cut=True)
        case FaultKind.SLOW:
            return Fate(delay=fault.seconds or SLOW_SEC)
    return Fate()


def _shared(fates: Sequence[Fate]) -> Fate:
    return Fate(
        next((fate.answer for fate in fates if fate.answer is not None), None),
        arrives=all(fate.arrives for fate in fates),
        is_answered=all(fate.is_answered for fate in fates),
        is_cut=any(fate.is_cut for fate in fates),
        delay=max(fate.delay for fate in fates),
    )


def _outcome(fate: Fate, answer: T | None) -> T | Refused | NotSent | OutcomeUnknown:
    if fate.answer is not None:
        return fate.answer
    if answer is None or fate.is_cut:
        return OutcomeUnknown("the connection was reset")
    return answer


async def _never() -> NoReturn:
    """Wait for an answer that does not come, until whoever asked has waited enough."""
    await asyncio.get_running_loop().create_future()
    raise AssertionError("nobody resolves it")
