"""The engine as the API, the window and the command line see it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, overload

from app.base.errors import AppError
from app.messages.commands import (
    AcceptSignal,
    CommandResult,
    Deed,
    OrderAnswer,
    PlaceOrder,
    PreviewSignal,
    SignalAnswer,
    SignalPreview,
)
from app.messages.records import EventRecord, SignalRecord
from app.messages.reports import Candle
from app.messages.snapshots import EngineSnapshot, GroupSnapshot, QueueSnapshot, ReconcileReport, RiskSnapshot


class CommandRefused(AppError):
    """The engine will not do it; `code` is stable, the text says why."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


class EngineUnavailable(AppError):
    """The engine is starting before its database is ready, stopping, or unable to write to disk (503)."""


class Engine(Protocol):
    """Every answer comes after its commit. `ask` raises CommandRefused or EngineUnavailable."""

    @overload
    async def ask(self, command: AcceptSignal) -> SignalAnswer: ...
    @overload
    async def ask(self, command: PreviewSignal) -> SignalPreview: ...
    @overload
    async def ask(self, command: PlaceOrder) -> OrderAnswer: ...
    @overload
    async def ask(self, command: Deed) -> CommandResult: ...

    async def reconcile(self, account: str | None = None) -> ReconcileReport:
        """Reconcile every account, or the one that is named, now and wait for the result."""
        ...

    def is_busy(self) -> bool:
        """Whether messages wait, a turn is being written or requests are on their way: others on the loop may wait."""
        ...

    def snapshot(self) -> EngineSnapshot: ...

    def open_groups(self) -> Sequence[GroupSnapshot]:
        """Open groups with their orders, in order of creation."""
        ...

    def group(self, group_id: str) -> GroupSnapshot | None:
        """A group that is open or was closed recently."""
        ...

    def queue(self) -> Sequence[QueueSnapshot]:
        """By rank, from 1."""
        ...

    def risk(self) -> RiskSnapshot:
        """The emergency stop, every limit, and the offset engine's view of the open groups."""
        ...

    def recent_signal(self, signal_id: str) -> SignalRecord | None:
        """A signal that was written lately, as it is now."""
        ...

    async def candles(self, account: str, symbol: str, timeframe: str, limit: int) -> Sequence[Candle]:
        """The last bars of a market, oldest first, the running one included; Retryable where the venue is away."""
        ...

    def subscribe_prices(self, listener: Callable[[str, str], None]) -> Callable[[], None]:
        """Call `listener` with account and symbol at every price; it must be quick. The answer ends it."""
        ...

    def subscribe(self, listener: Callable[[EventRecord], None]) -> Callable[[], None]:
        """Call `listener` for every event after its commit, in order; the answer ends the subscription."""
        ...
