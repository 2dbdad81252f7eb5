"""The doors of the waiting queue: how signals come in, and how they leave (pool-queue.md)."""

from __future__ import annotations

from app.base.changing import changed
from app.domain.values import Identity
from app.engine.candidates import asked_price, expected_profit
from app.engine.outcomes import ignore, reject, settle
from app.engine.ranking import key_of
from app.engine.reading import Reading
from app.engine.turn import Turn
from app.messages.records import QueueEntry, QueueReason, SignalOutcome, SignalRecord


def signal_record(turn: Turn, entry: QueueEntry) -> SignalRecord:
    """The record of a queued signal, rebuilt from what the queue keeps of it."""
    known = turn.signals.get(entry.signal_id) or turn.state.queued_signals.get(entry.signal_id)
    if known is None:
        raise KeyError(entry.signal_id)
    return known


# ---------------------------------------------------------------------------------------------- in


def line_up(
    turn: Turn,
    record: SignalRecord,
    reading: Reading,
    reason: QueueReason,
    queued: QueueEntry | None,
    reserved_group: str | None,
) -> None:
    """Have a signal wait; it takes the place of the one that waits for its identity."""
    replaces = turn.config.queue.replace_same_identity or reserved_group is not None
    if queued is not None and not replaces:
        ignore(turn, record, "duplicate", "a signal of the same position already waits")
        return
    entry = QueueEntry(
        signal_id=record.id,
        identity=reading.identity,
        entry_price=asked_price(turn, reading.signal, reading.identity),
        payload=record.payload,
        reason=reason,
        first_queued_at=queued.first_queued_at if queued else turn.now,
        last_replaced_at=turn.now,
        replacement_count=queued.replacement_count + 1 if queued else 0,
        reserved_group=reserved_group or (queued.reserved_group if queued else None),
        expected_profit=expected_profit(turn, reading.signal, reading.identity, reading.wanted.size),
    )
    is_full = turn.queue_length() >= turn.config.queue.max_size
    if queued is None and reserved_group is None and is_full and not _make_room(turn, entry):
        reject(turn, record, "queue_full", f"{turn.config.queue.max_size} signals wait already, none ranks lower")
        return
    if queued is not None:
        take_out(turn, queued, "replaced")
        _restart_timer(turn, reading.identity)
    turn.queue.put(entry.signal_id, entry)
    current = turn.signals.get(record.id, record)
    settle(turn, current, SignalOutcome.QUEUED, reason=reason.value)
    if queued is not None:
        turn.emit("signal.replaced", signal=record.id, account=entry.identity.account, symbol=entry.identity.symbol)


def _make_room(turn: Turn, entry: QueueEntry) -> bool:
    """Evict the entry of the lowest rank where the new one outranks it."""
    evictable = [item for item in turn.queue.values() if item.reserved_group is None]
    keys = [(key_of(turn.state, item), item) for item in evictable]
    if not keys:
        return False
    key, lowest = max(keys, key=lambda pair: pair[0])
    if key < key_of(turn.state, entry):
        return False
    detail = f"{entry.identity.symbol} {entry.identity.timeframe} outranks it, and the queue is full"
    take_out(turn, lowest, "evicted", event="queue.evicted", detail=detail)
    return True


def _restart_timer(turn: Turn, identity: Identity) -> None:
    """A replacement may start the offset engine's timer of its open group again."""
    group = turn.group_of(identity)
    if group is not None and turn.config.offset.reset_timer_on_replacement and group.offset_timer_at is not None:
        turn.put_group(changed(group, offset_timer_at=None))


# ---------------------------------------------------------------------------------------------- out


def leave(
    turn: Turn, entry: QueueEntry, reason: str, *, event: str = "queue.removed", detail: str | None = None
) -> None:
    """Nothing of it waits any more; a place that was kept for it may be free."""
    turn.queue.remove(entry.signal_id)
    turn.wants_promotion |= entry.reserved_group is not None
    turn.emit(
        event,
        signal=entry.signal_id,
        account=entry.identity.account,
        symbol=entry.identity.symbol,
        reason=reason,
        detail=detail,
    )


def take_out(
    turn: Turn, entry: QueueEntry, reason: str, *, event: str = "queue.removed", detail: str | None = None
) -> None:
    """Out of the queue, and nothing comes of its signal."""
    leave(turn, entry, reason, event=event, detail=detail)
    ignore(turn, signal_record(turn, entry), reason, detail)


def refuse(turn: Turn, entry: QueueEntry, code: str, detail: str) -> None:
    """Out of the queue, its signal refused."""
    leave(turn, entry, "refused")
    reject(turn, signal_record(turn, entry), code, detail)
