"""What a person does: sent as a command, shown as pending, settled or taken back with the reason."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import structlog
from PySide6.QtCore import QObject, Signal

from app.base.errors import AppError
from app.gui.desk import Desk
from app.gui.view_store import Change, Pending, ViewStore
from app.messages.commands import (
    AddFunds,
    BlockGroup,
    CancelEntries,
    CloseAll,
    CloseGroup,
    EmergencyReset,
    EmergencyStop,
    Force,
    MoveStop,
    Pause,
    Promote,
    ReduceGroup,
    Remove,
    Resume,
    RunOffset,
    SetTakeProfitMode,
    SkipOffset,
)
from app.messages.snapshots import ReconcileReport
from app.ports.engine import CommandRefused

log = structlog.get_logger("window")
# Pause and emergency stop have a subject each of their own: nothing else that is under way may hold them back.
ENGINE = "engine"
RESUMING = "resuming"
RECONCILING = "reconciling"
STOP = "stop"
EMERGENCY = "emergency"
RISK = "risk"


@dataclass(frozen=True, slots=True)
class Settled:
    """How an action ended; `subject` is a group's or a signal's id, or one of the names above; `sentence` is for the
    trader."""

    subject: str
    ok: bool
    sentence: str
    undo: Callable[[], None] | None = None
    """Takes it back, where that can be done."""


class Actions(QObject):
    """Every method returns at once; `settled(Settled)` tells the end, `reported(ReconcileReport)` what differed."""

    settled = Signal(object)
    reported = Signal(object)

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._tasks: set[asyncio.Task[None]] = set()

    def close_group(self, group_id: str) -> None:
        self._send(group_id, CloseGroup(group_id), "closing\u2026")

    def reduce(self, group_id: str, percent: Decimal) -> None:
        """Sell `percent` of what is open at market."""
        self._send(group_id, ReduceGroup(group_id, fraction=percent / 100), f"closing {percent:f}%\u2026")

    def cancel_entries(self, group_id: str) -> None:
        self._send(group_id, CancelEntries(group_id), "cancelling entries\u2026")

    def move_stop(self, group_id: str, price: Decimal) -> None:
        self._send(group_id, MoveStop(group_id, price), "moving the stop\u2026")

    def add_funds(self, group_id: str, quote: Decimal) -> None:
        self._send(group_id, AddFunds(group_id, quote), "adding funds\u2026")

    def set_tp_mode(self, group_id: str, mode: str, percent: Decimal | None) -> None:
        self._send(group_id, SetTakeProfitMode(group_id, mode, percent), "changing the TP mode\u2026")

    def block(self, group_id: str, *, blocked: bool) -> None:
        text = "blocking\u2026" if blocked else "unblocking\u2026"
        self._send(group_id, BlockGroup(group_id, blocked), text, lambda: self.block(group_id, blocked=not blocked))

    def promote(self, signal_id: str) -> None:
        self._send(signal_id, Promote(signal_id), "promoting\u2026")

    def force(self, signal_id: str) -> None:
        self._send(signal_id, Force(signal_id), "forcing open\u2026")

    def remove(self, signal_id: str) -> None:
        self._send(signal_id, Remove(signal_id), "removing\u2026")

    def run_offset(self) -> None:
        self._send(RISK, RunOffset(), "offsetting\u2026")

    def skip_offset(self, group_id: str) -> None:
        self._send(group_id, SkipOffset(group_id), "skipping once\u2026")

    def emergency_stop(self) -> None:
        """At once; what else is under way does not hold it back."""
        self._send(STOP, EmergencyStop("stopped by hand"), "stopping\u2026")

    def emergency_reset(self, reason: str) -> None:
        self._send(EMERGENCY, EmergencyReset(reason), "resetting\u2026")

    def close_all(self) -> None:
        self._send(EMERGENCY, CloseAll(), "closing all\u2026")

    def pause(self) -> None:
        self._send(ENGINE, Pause("paused by hand"), "pausing\u2026")

    def resume(self) -> None:
        self._send(RESUMING, Resume(), "resuming\u2026")

    def reconcile(self) -> None:
        if self.is_pending(RECONCILING):
            return
        self._begin(RECONCILING, "reconciling\u2026")
        self._run(self._reconcile())

    def is_pending(self, subject: str) -> bool:
        return subject in self._store.pending

    def stop(self) -> None:
        for task in self._tasks:
            task.cancel()

    def _send(self, subject: str, command: Any, text: str, undo: Callable[[], None] | None = None) -> None:
        if self.is_pending(subject):
            return
        self._begin(subject, text)
        self._run(self._ask(subject, command, undo))

    def _begin(self, subject: str, text: str) -> None:
        self._store.pending[subject] = Pending(text, self._desk.clock.now())
        self._store.changed.emit(Change(pending=True, groups=self._known(subject)))

    def _known(self, subject: str) -> frozenset[str]:
        return frozenset({subject} & self._store.groups.keys())

    def _run(self, work: Any) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask(self, subject: str, command: Any, undo: Callable[[], None] | None) -> None:
        try:
            result = await self._desk.engine.ask(command)
        except CommandRefused as refusal:
            self._end(subject, Settled(subject, False, f"Not done: {refusal.detail}."))
        except AppError as error:
            self._end(subject, Settled(subject, False, f"Not done: {error}."))
        else:
            self._end(subject, Settled(subject, True, _sentence(result.detail), undo))

    async def _reconcile(self) -> None:
        try:
            report = await self._desk.engine.reconcile()
        except AppError as error:
            self._end(RECONCILING, Settled(RECONCILING, False, f"Not reconciled: {error}."))
        else:
            self._end(RECONCILING, Settled(RECONCILING, not report.failed, summary(report)))
            if report.findings:
                self.reported.emit(report)

    def _end(self, subject: str, settled: Settled) -> None:
        log.info("an action ended", subject=subject, ok=settled.ok, sentence=settled.sentence)
        self._store.pending.pop(subject, None)
        self._store.changed.emit(Change(pending=True, groups=self._known(subject)))
        self.settled.emit(settled)


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else "Done."


def summary(report: ReconcileReport) -> str:
    """A reconciliation in a sentence or two."""
    failed = [f"{account} could not be read: {reason}." for account, reason in report.failed.items()]
    read = len(report.accounts) - len(failed)
    if read == 0:
        return " ".join(failed)
    accounts = "1 account" if read == 1 else f"{read} accounts"
    count = len(report.findings)
    found = f"{count} difference{'s' if count > 1 else ''} found" if count else "Books equal the exchange's"
    return " ".join([f"{found} on {accounts}.", *failed])
