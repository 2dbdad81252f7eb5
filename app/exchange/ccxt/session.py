"""Requests to one account's venue: in turn, within the limits, timed right, and with failures that say enough."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, TypeVar

from app.base.clock import Clock
from app.base.errors import LimitsUsedUp, OperatorActionNeeded, Retryable
from app.exchange.breaker import Breaker
from app.exchange.ccxt.dialects.base import Cost, Dialect, Operation
from app.exchange.ccxt.errors import (
    DEFAULT_PAUSE_SEC,
    Failure,
    detail_of,
    outcome,
    read_error,
    retry_after,
    said,
    told_of,
    verdict,
)
from app.exchange.ccxt.limits import Limiter, Priority
from app.exchange.ccxt.verdicts import Kind
from app.exchange.ccxt.wire import TRACE, Access, StreamHooks, Trace, make_exchange
from app.messages.reports import NotSent, OutcomeUnknown, Refused

T = TypeVar("T")
RESYNC_SEC = 3600.0
STEP_SEC = 1.0
"""By so much no clock strays from the one that is never set, unless it was set itself."""
SHORT_TRIP_MS = 300
MORE_SAMPLES = 2
"""How often the time is asked for again while every answer took longer than a short trip."""
WARM_SEC = 20.0
WARM = 2
"""Connections that are kept open: what is sent at once goes over several."""
_TRIES = 2
READ_PATIENCE_SEC = 25.0
"""How long a question may wait for the limits: a reading given up in the middle has spent its part for nothing."""


REFUSED_PAUSE_SEC = 10.0
"""How often who wants to change something comes back while the keys are refused; the venue does not hear of it."""
CLOSED = "the connection to the exchange is closed"
CLOSED_PAUSE_SEC = 1.0
_PUBLIC = frozenset({Operation.TIME, Operation.MARKETS, Operation.TICKER, Operation.CANDLES})


class Held(Retryable):
    """The request was kept back: the breaker is open, the limits leave no room in time, or the session is closed."""


@dataclass(frozen=True, order=True, slots=True)
class _Sample:
    """The answer to a question for the time, whose skew is off by half its trip at most."""

    trip_ms: int
    skew_ms: int


async def _sample(api: Any) -> _Sample:
    before = api.milliseconds()
    told = int(await api.fetch_time())
    after = api.milliseconds()
    return _Sample(after - before, int((before + after) / 2 - told))


class RequestFailed(Exception):
    """A request raised; `failure` says how far it came."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(said(failure.error))
        self.failure = failure


class Session:
    """One account at ccxt.

    `patience_sec` is how long a request may wait for the limits before it counts as not sent; questions wait longer.
    `on_trouble` is told of refused keys, once, and of every order in a wrong position mode.
    """

    def __init__(
        self,
        dialect: Dialect,
        access: Access,
        clock: Clock,
        limiter: Limiter,
        breaker: Breaker,
        hooks: StreamHooks,
        make: Callable[[Dialect, Access, StreamHooks], Any] = make_exchange,
        *,
        on_skew: Callable[[int], None] | None = None,
        on_trouble: Callable[[Kind], None] = lambda _: None,
        account: str | None = None,
    ) -> None:
        self.dialect = dialect
        self.patience_sec = access.patience_sec
        self._access = access
        self._clock = clock
        self._limiter = limiter
        self._breaker = breaker
        self._hooks = replace(hooks, failed=self._learn_pause)
        self._make = make
        self._on_skew = on_skew
        self._on_trouble = on_trouble
        self._whose = "" if account is None else f" of {account}"
        self.refused: str | None = None
        """In a sentence how the venue refused the keys: of what is private nothing is asked any more."""
        self._exchange: Any = None
        self._is_closed = False
        self._synced_at: tuple[float, datetime] | None = None
        """When the clock was measured, on the scale that is never set and by the clock itself."""
        self._sent_at = 0.0
        self.skew_ms = 0

    @property
    def exchange(self) -> Any:
        """ccxt's object, made when it is first asked for. Held where the session is closed."""
        if self._is_closed:
            raise Held(CLOSED)
        if self._exchange is None:
            self._exchange = self._make(self.dialect, self._access, self._hooks)
        return self._exchange

    @property
    def ahead(self) -> timedelta:
        """How far our clock is ahead of the venue's."""
        return timedelta(milliseconds=self.skew_ms)

    def venue_now(self) -> datetime:
        return self._clock.now() - self.ahead

    def outcome(self, failure: Failure) -> Refused | OutcomeUnknown | NotSent:
        """What became of a request that would have changed something."""
        return outcome(failure, self.dialect.codes, self.venue_now())

    def open(self) -> None:
        """Send requests again after `close`."""
        self._is_closed = False

    async def close(self) -> None:
        """Close every connection; nothing is sent any more."""
        self._is_closed = True
        exchange, self._exchange, self._synced_at = self._exchange, None, None
        if exchange is not None:
            await exchange.close()

    async def read(
        self, operation: Operation, ask: Callable[[Any], Awaitable[T]], priority: Priority = Priority.READ
    ) -> T:
        """The answer to a question. Raises Retryable or OperatorActionNeeded."""
        try:
            return await self.call(operation, priority, ask)
        except RequestFailed as failed:
            if self.refused is not None and operation not in _PUBLIC:
                raise OperatorActionNeeded(self.refused) from failed
            raise read_error(failed.failure, self.dialect.codes) from failed

    async def call(
        self, operation: Operation, priority: Priority, ask: Callable[[Any], Awaitable[T]], orders: int = 0
    ) -> T:
        """Send a request when it is its turn; after a time-stamp error, which refused it, once more in step.

        Raises RequestFailed.
        """
        await self._keep_in_step()
        for attempt in range(1, _TRIES + 1):
            try:
                return await self._send(operation, priority, ask, orders)
            except RequestFailed as failed:
                meaning = verdict(failed.failure, self.dialect.codes)
                if meaning.kind is not Kind.CLOCK or attempt == _TRIES:
                    raise
                await self.synchronise()
        raise AssertionError("unreachable")

    async def synchronise(self) -> None:
        """Measure how far our clock is ahead of the venue's, and sign in the venue's time from now on."""
        exchange = self.exchange
        best = await self._send(Operation.TIME, Priority.EXIT, _sample, 0)
        for _ in range(MORE_SAMPLES):
            if best.trip_ms <= SHORT_TRIP_MS:
                break
            best = min(best, await self._send(Operation.TIME, Priority.EXIT, _sample, 0))
        self.skew_ms = best.skew_ms
        exchange.options["timeDifference"] = self.skew_ms
        self._synced_at = self._clock.monotonic(), self._clock.now()
        if self._on_skew is not None:
            self._on_skew(self.skew_ms)

    async def keep_warm(self) -> None:
        """While nothing is sent, ask for the time now and then: the next order finds its connections open."""
        while True:
            await self._clock.sleep(WARM_SEC)
            await self._keep_in_step()
            if self._clock.monotonic() - self._sent_at < WARM_SEC:
                continue
            asked = (self._send(Operation.TIME, Priority.READ, lambda api: api.fetch_time(), 0) for _ in range(WARM))
            await asyncio.gather(*asked, return_exceptions=True)

    async def _keep_in_step(self) -> None:
        """Measure anew what was measured long ago, or before the clock was set."""
        if self._synced_at is None:
            return
        since, before = self._synced_at
        now = self._clock.monotonic(), self._clock.now()
        passed = now[0] - since
        if passed <= RESYNC_SEC and abs((now[1] - before).total_seconds() - passed) <= STEP_SEC:
            return
        self._synced_at = now
        with suppress(RequestFailed):
            await self.synchronise()

    async def _send(
        self, operation: Operation, priority: Priority, ask: Callable[[Any], Awaitable[T]], orders: int
    ) -> T:
        await self._admit(operation, priority)
        try:
            cost = self.dialect.cost(operation, orders)
            await self._await_turn(priority, cost)
            return await self._ask(priority, cost, ask)
        finally:
            self._breaker.over()

    async def _ask(self, priority: Priority, cost: Cost, ask: Callable[[Any], Awaitable[T]]) -> T:
        self._sent_at = self._clock.monotonic()
        trace = Trace()
        token = TRACE.set(trace)
        try:
            answer = await ask(self.exchange)
        except asyncio.CancelledError:
            if trace.has_left and not trace.is_done and priority is not Priority.READ:
                self._breaker.failed("a request was not answered in time")
            raise
        except Exception as error:
            failure = trace.failure(error)
            self._learn_failure(failure)
            raise RequestFailed(failure) from error
        finally:
            TRACE.reset(token)
            self._limiter.over(cost, trace.answer.headers if trace.answer else {})
        self._breaker.succeeded()
        return answer

    async def _admit(self, operation: Operation, priority: Priority) -> None:
        if priority is Priority.READ:
            await self._breaker.probed()
        if self._is_closed:
            raise RequestFailed(self._held(CLOSED, CLOSED_PAUSE_SEC))
        if self.refused is not None and operation not in _PUBLIC:
            raise RequestFailed(self._held(self.refused, REFUSED_PAUSE_SEC))
        if not self._breaker.allows(priority is Priority.EXIT):
            raise RequestFailed(self._held("the exchange does not answer", self._breaker.retry_after()))

    async def _await_turn(self, priority: Priority, cost: Cost) -> None:
        patience = READ_PATIENCE_SEC if priority is Priority.READ else self.patience_sec
        paused = self._limiter.paused_for()
        if paused > patience:
            raise RequestFailed(self._held("the exchange has asked us to wait", paused))
        if self._limiter.take_now(priority, cost):
            return
        try:
            async with asyncio.timeout(patience):
                await self._limiter.take(priority, cost)
        except TimeoutError:
            full = LimitsUsedUp("the exchange's limits are used up")
            raise RequestFailed(Failure(full, has_left=False, retry_after=DEFAULT_PAUSE_SEC)) from None

    @staticmethod
    def _held(why: str, seconds: float) -> Failure:
        return Failure(Held(why), has_left=False, retry_after=seconds)

    def _learn_failure(self, failure: Failure) -> None:
        if not failure.has_left:
            return
        meaning = verdict(failure, self.dialect.codes)
        self.note(meaning.kind, detail_of(failure))
        self._learn_pause(failure)
        if meaning.kind in {Kind.UNKNOWN, Kind.UNREACHED, Kind.BUSY}:
            self._breaker.failed(told_of(failure, meaning.kind))
        else:
            self._breaker.succeeded()

    def _learn_pause(self, failure: Failure) -> None:
        """Where the venue finds the requests too many, this account's or all of its host, whoever makes them."""
        meaning = verdict(failure, self.dialect.codes)
        if meaning.kind is Kind.LIMITED:
            limited = self._limiter if meaning.of_account else self._limiter.host
            limited.pause(retry_after(failure.answer, self.venue_now()) or DEFAULT_PAUSE_SEC)

    def note(self, kind: Kind, detail: str) -> None:
        """What a request, or one order of a batch, was refused for may be true of all that follow."""
        if kind is Kind.KEYS and self.refused is None:
            self.refused = f"the exchange refuses the keys{self._whose}: {detail}"
            self._on_trouble(kind)
        if kind is Kind.MODE:
            self._on_trouble(kind)
