"""The waiting queue: who goes first, and when (pool-queue.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal

from app.domain.queue import RankKey, loss_percent, rank_key
from app.domain.signal import Signal, WhatIsWanted, interpret
from app.engine.entries import Entry, blocked_by, enter
from app.engine.signals import signal_record
from app.engine.state import EngineState
from app.engine.turn import Turn
from app.messages.effects import LoadMarket
from app.messages.records import QueueEntry, QueueReason, SignalOutcome

ReadPayload = Callable[[str], Signal]


def ranked(state: EngineState, entries: list[QueueEntry]) -> list[QueueEntry]:
    """The entries, best first, by live prices."""
    return sorted(entries, key=lambda entry: _key(state, entry))


def _key(state: EngineState, entry: QueueEntry) -> tuple[bool, RankKey]:
    quote = state.quote(entry.identity.account, entry.identity.symbol)
    price: Decimal | None = quote.last if quote else None
    loss = loss_percent(entry.identity, entry.entry_price, price)
    key = rank_key(loss, entry.replacement_count, entry.first_queued_at, entry.signal_id)
    return entry.reserved_group is None, key


def promote(turn: Turn, read: ReadPayload) -> None:
    """Open what may be opened now, best first; an entry whose checks refuse it for good leaves the queue."""
    if not turn.state.recovered or turn.state.paused is not None:
        return
    for entry in ranked(turn.state, list(turn.queue.values())):
        if _is_reserved_and_waiting(turn, entry):
            continue
        reason = blocked_by(turn, entry.identity, turn.group_of(entry.identity))
        if reason is not None:
            _note_reason(turn, entry, reason)
            if reason is QueueReason.MISSING_MARKET_RULES:
                turn.effect(LoadMarket(entry.identity.account, entry.identity.symbol, entry.entry_price))
            continue
        _try(turn, entry, read(entry.payload))


def _is_reserved_and_waiting(turn: Turn, entry: QueueEntry) -> bool:
    if entry.reserved_group is None:
        return False
    group = turn.groups.get(entry.reserved_group)
    return group is not None and group.is_open


def _note_reason(turn: Turn, entry: QueueEntry, reason: QueueReason) -> None:
    if entry.reason is not reason:
        turn.queue.put(entry.signal_id, replace(entry, reason=reason))
        turn.signals[entry.signal_id] = replace(signal_record(turn, entry), reason=reason.value)


def _try(turn: Turn, entry: QueueEntry, signal: Signal) -> None:
    wanted: WhatIsWanted = interpret(signal)
    candidate = Entry(
        record=signal_record(turn, entry),
        signal=signal,
        identity=entry.identity,
        size=wanted.size,
        is_reverse=entry.reserved_group is not None,
        promoted=True,
        reprices=entry.reserved_group is None and entry.reason is not QueueReason.MISSING_MARKET_RULES,
    )
    if enter(turn, candidate) is None:
        turn.queue.remove(entry.signal_id)
        opened = turn.signals[entry.signal_id].outcome is SignalOutcome.EXECUTED
        turn.emit(
            "queue.removed",
            signal=entry.signal_id,
            account=entry.identity.account,
            symbol=entry.identity.symbol,
            reason="promoted" if opened else "refused",
        )
