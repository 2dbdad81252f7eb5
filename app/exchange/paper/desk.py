"""One desk an account: what is asked is done one after another, saved, and only then answered and told."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import structlog

from app.base.clock import Clock
from app.base.errors import AppError
from app.exchange.paper.core import Core
from app.exchange.paper.journal import changes_of
from app.messages.reports import VenueReport
from app.ports.paper_store import PaperChanges

log = structlog.get_logger("paper")
T = TypeVar("T")


class Desk:
    """Whatever waits while a save is under way shares the next one.

    An action runs whole or not at all: where it breaks, or the save does, the books are rolled back. Whoever asked may
    stop waiting at any time; the action is done nevertheless, as at a venue that a request has reached.
    """

    def __init__(
        self,
        core: Core,
        clock: Clock,
        save: Callable[[PaperChanges], Awaitable[None]],
        tell: Callable[[list[VenueReport]], None],
    ) -> None:
        self._core = core
        self._clock = clock
        self._save = save
        self._tell = tell
        self._waiting: list[tuple[Callable[[], Any], asyncio.Future[Any]]] = []
        self._worker: asyncio.Task[None] | None = None

    @property
    def is_idle(self) -> bool:
        """Whether the books show only what is saved."""
        return self._worker is None

    def post(self, action: Callable[[], T]) -> asyncio.Future[T]:
        """Have an action done; its result, or what it or the save raised, comes after the save."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._waiting.append((action, future))
        if self._worker is None:
            self._worker = loop.create_task(self._work())
        return future

    async def read(self, action: Callable[[], T]) -> T:
        """The answer to a question, from what is saved."""
        return action() if self.is_idle else await self.post(action)

    async def drained(self) -> None:
        """Return when nothing waits and nothing is being saved."""
        while self._worker is not None:
            await asyncio.wait([self._worker])

    async def _work(self) -> None:
        try:
            while self._waiting:
                batch, self._waiting = self._waiting, []
                await self._do(batch)
        finally:
            self._worker = None

    async def _do(self, batch: list[tuple[Callable[[], Any], asyncio.Future[Any]]]) -> None:
        ledger = self._core.ledger
        done = [(future, self._try(action, future)) for action, future in batch]
        rows = ledger.written_since(0)
        changes = changes_of(rows)
        try:
            if not changes.is_empty:
                await self._save(changes)
        except Exception as error:  # noqa: BLE001 - whoever asked gets it
            ledger.roll_back()
            for future, _ in done:
                _fail(future, error)
            return
        ledger.settle()
        for future, result in done:
            if not future.done():
                future.set_result(result)
        reports = self._core.report.stream(rows, self._clock.now())
        if reports:
            asyncio.get_running_loop().call_soon(self._tell, reports)

    def _try(self, action: Callable[[], Any], future: asyncio.Future[Any]) -> Any:
        mark = self._core.ledger.mark()
        try:
            return action()
        except Exception as error:  # noqa: BLE001 - whoever asked gets it; the others in the batch go on
            self._core.ledger.roll_back(mark)
            _fail(future, error)
            return None


def _fail(future: asyncio.Future[Any], error: Exception) -> None:
    if not future.done():
        future.set_exception(error)


def log_failure(future: asyncio.Future[Any]) -> None:
    """For what nobody waits for."""
    error = None if future.cancelled() else future.exception()
    if isinstance(error, AppError):
        log.info("the paper exchange could not save", error=str(error))
    elif error is not None:
        log.error("the paper exchange broke", error=repr(error))
