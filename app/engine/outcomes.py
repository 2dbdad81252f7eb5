"""What became of a signal: written with it, and said on the event stream."""

from __future__ import annotations

from app.base.changing import changed
from app.engine.turn import Turn
from app.messages.records import SignalOutcome, SignalRecord

_AT_FAULT = frozenset({"invalid", "stale", "unknown_account", "key_not_allowed"})
"""Refusals that the sender is answered with 422."""


def settle(turn: Turn, record: SignalRecord, outcome: SignalOutcome, **changes: object) -> None:
    """Write what became of a signal, and say it on the event stream."""
    done = changed(record, outcome=outcome, decided_at=turn.now, **changes)  # type: ignore[arg-type]  # names are checked by replace
    turn.signals[record.id] = done
    turn.emit(
        f"signal.{outcome.value}",
        signal=done.id,
        account=done.account,
        symbol=done.symbol,
        intent=done.intent,
        reason=done.reason,
        detail=done.detail,
    )


def reject(turn: Turn, record: SignalRecord, code: str, detail: str) -> None:
    status = 422 if code in _AT_FAULT else record.http_status
    settle(turn, changed(record, http_status=status), SignalOutcome.REJECTED, reason=code, detail=detail)


def ignore(turn: Turn, record: SignalRecord, code: str, detail: str | None) -> None:
    settle(turn, record, SignalOutcome.IGNORED, reason=code, detail=detail)
