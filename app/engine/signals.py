"""Signals: recorded, read, routed (signals.md)."""

from __future__ import annotations

from datetime import timedelta

from app.base.changing import changed
from app.domain.alert_body import FieldError
from app.domain.alert_keys import bar_key
from app.domain.refusal import Refusal
from app.domain.signal import Intent, Signal, interpret
from app.domain.values import CloseReason, Identity, Side
from app.engine import emergency
from app.engine.closing import begin_close
from app.engine.entries import Entry, asked_price, enter, expected_profit
from app.engine.groups import reduce_group
from app.engine.ranking import key_of
from app.engine.reading import ENTERING, Reading, read, refusal_code
from app.engine.turn import Turn
from app.messages.commands import AcceptSignal, SignalAnswer
from app.messages.records import QueueEntry, QueueReason, SignalOutcome, SignalRecord

AHEAD = timedelta(seconds=30)
"""How far in the future a signal's time stamp may lie."""


def accept(turn: Turn, command: AcceptSignal) -> SignalAnswer:
    """Record a message and, once the engine is up, act on it in the same unit of work."""
    turn.state.last_signal_at = turn.now
    reading = read(turn, command.signal, command.grant) if command.signal is not None else list(command.errors)
    key = _bar_key(turn, reading) if isinstance(reading, Reading) else None
    if command.replay_of is None:
        seen = turn.seen(command.content_key, key)
        if seen is not None:
            return SignalAnswer(200, seen.signal_id, "duplicate")
    record = _record(turn, command, reading, key)
    turn.signals[record.id] = record
    turn.emit("signal.received", signal=record.id, account=record.account, symbol=record.symbol, intent=record.intent)
    if isinstance(reading, list):
        reason = "invalid" if command.signal is None else reading[0].reason
        code = "invalid" if command.signal is None else refusal_code(reading)
        _reject(turn, record, code, "; ".join(f"{error.field}: {error.reason}" for error in reading) or reason)
        return SignalAnswer(422, record.id, "rejected", tuple(reading))
    refusal = None if command.replay_of is not None else _stale(turn, reading)
    if refusal is not None:
        _reject(turn, record, refusal.code, refusal.detail)
        return SignalAnswer(422, record.id, "rejected", (FieldError("timestamp", refusal.detail),))
    if turn.state.recovered:
        act(turn, record, reading)
    return SignalAnswer(202, record.id, "accepted")


def act_on_recorded(turn: Turn, record: SignalRecord, signal: Signal) -> None:
    """Act on a signal that was recorded before the engine was ready; entries too old by now are dropped."""
    reading = read(turn, signal, None)
    if isinstance(reading, list):
        _reject(turn, record, "invalid", "; ".join(error.reason for error in reading))
        return
    is_entry = reading.wanted.intent in ENTERING
    if is_entry and turn.now - signal.timestamp > timedelta(seconds=turn.config.webhook.max_age_sec):
        if reading.wanted.intent is Intent.ENTRY:
            _reject(turn, record, "abandoned", "the engine was away until the signal was too old to enter")
            return
        reading = changed(
            reading, wanted=changed(reading.wanted, intent=Intent.EXIT, side=reading.wanted.side.opposite)
        )
        reading = changed(reading, identity=reading.identity.opposite)
    act(turn, record, reading)


def is_exit(signal: Signal) -> bool:
    return interpret(signal).intent in {Intent.EXIT, Intent.REDUCE}


def _bar_key(turn: Turn, reading: Reading) -> str | None:
    if not turn.config.webhook.one_per_bar:
        return None
    return bar_key(reading.signal, reading.identity.account, reading.identity.side)


def _record(turn: Turn, command: AcceptSignal, reading: Reading | list[FieldError], key: str | None) -> SignalRecord:
    signal = command.signal
    return SignalRecord(
        id=turn.ids.signal_id(),
        received_at=command.received_at,
        source=command.source,
        key_name=command.grant.name if command.grant else None,
        payload=command.payload,
        content_key=command.content_key,
        bar_key=key,
        http_status=202,
        outcome=SignalOutcome.PENDING,
        account=reading.identity.account if isinstance(reading, Reading) else None,
        symbol=signal.symbol if signal else None,
        timeframe=signal.timeframe if signal else None,
        side=reading.wanted.side.value if isinstance(reading, Reading) else None,
        strategy_id=signal.strategy_id if signal else "",
        intent=reading.wanted.intent.value if isinstance(reading, Reading) else None,
        price=signal.reference_price if signal else None,
        size=signal.order_size if signal else None,
        signal_at=signal.timestamp if signal else None,
        replay_of=command.replay_of,
    )


def _stale(turn: Turn, reading: Reading) -> Refusal | None:
    age = turn.now - reading.signal.timestamp
    if age < -AHEAD:
        return Refusal("stale", f"the time stamp lies {-age.total_seconds():.0f} s in the future")
    webhook = turn.config.webhook
    leaving = reading.wanted.intent in {Intent.EXIT, Intent.REDUCE}
    bound = webhook.exit_max_age_sec if leaving else webhook.max_age_sec
    if age > timedelta(seconds=bound):
        return Refusal("stale", f"the signal is {age.total_seconds():.0f} s old, at most {bound:.0f} s are taken")
    return None


# ---------------------------------------------------------------------------------------------- outcomes


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


def _reject(turn: Turn, record: SignalRecord, code: str, detail: str) -> None:
    status = 422 if code in {"invalid", "stale", "unknown_account", "key_not_allowed"} else record.http_status
    settle(turn, changed(record, http_status=status), SignalOutcome.REJECTED, reason=code, detail=detail)


def _ignore(turn: Turn, record: SignalRecord, code: str, detail: str) -> None:
    settle(turn, record, SignalOutcome.IGNORED, reason=code, detail=detail)


# ---------------------------------------------------------------------------------------------- routing


def act(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    """Route by intent and by what is found."""
    _check_drift(turn, reading)
    match reading.wanted.intent:
        case Intent.ENTRY:
            _enter(turn, record, reading)
        case Intent.EXIT:
            _exit(turn, record, reading)
        case Intent.REDUCE:
            _reduce(turn, record, reading)
        case Intent.REVERSE:
            _reverse(turn, record, reading)


def _enter(turn: Turn, record: SignalRecord, reading: Reading, reserved_group: str | None = None) -> None:
    identity = reading.identity
    account = turn.config.account(identity.account)
    if account is not None and account.market_type == "spot" and identity.side is Side.SHORT:
        _reject(turn, record, "spot_cannot_short", "a spot account can only sell what it holds")
        return
    left = turn.last_exits.get(identity)
    if left is not None and reading.signal.timestamp < left:
        _reject(turn, record, "superseded_by_exit", "a later exit of the same position came first")
        return
    queued = turn.queued_of(identity)
    is_lost_addon = reading.wanted.is_addon and turn.group_of(identity) is None and queued is None
    if is_lost_addon and turn.config.webhook.on_addon_without_group == "ignore":
        _ignore(turn, record, "addon_without_group", "it adds to a position that is not open here")
        return
    entry = Entry(
        record=record,
        signal=reading.signal,
        identity=identity,
        size=reading.wanted.size,
        is_reverse=reserved_group is not None,
    )
    waits_for = QueueReason.OPPOSITE_SIDE_OPEN if reserved_group is not None else enter(turn, entry)
    if waits_for is not None:
        _supersede_opposite(turn, identity)
        _queue(turn, record, reading, waits_for, queued, reserved_group)
    elif turn.signals[record.id].outcome is SignalOutcome.EXECUTED:  # a refused one leaves alone what waits
        _supersede_opposite(turn, identity)
        if queued is not None:
            take_out(turn, queued, "replaced", SignalOutcome.IGNORED)


def _supersede_opposite(turn: Turn, identity: Identity) -> None:
    queued = turn.queued_of(identity.opposite)
    if queued is not None:
        take_out(turn, queued, "superseded", SignalOutcome.IGNORED)


def take_out(
    turn: Turn,
    entry: QueueEntry,
    reason: str,
    outcome: SignalOutcome,
    *,
    event: str = "queue.removed",
    detail: str | None = None,
) -> None:
    """Remove an entry from the queue and give its signal its end."""
    turn.queue.remove(entry.signal_id)
    turn.wants_promotion |= entry.reserved_group is not None  # the place that was kept is free
    turn.emit(
        event,
        signal=entry.signal_id,
        account=entry.identity.account,
        symbol=entry.identity.symbol,
        reason=reason,
        detail=detail,
    )
    settle(turn, signal_record(turn, entry), outcome, reason=reason, detail=detail)


def signal_record(turn: Turn, entry: QueueEntry) -> SignalRecord:
    """The record of a queued signal, rebuilt from what the queue keeps of it."""
    known = turn.signals.get(entry.signal_id) or turn.state.queued_signals.get(entry.signal_id)
    if known is None:
        raise KeyError(entry.signal_id)
    return known


def _queue(
    turn: Turn,
    record: SignalRecord,
    reading: Reading,
    reason: QueueReason,
    queued: QueueEntry | None,
    reserved_group: str | None,
) -> None:
    is_kept_out = not turn.config.queue.replace_same_identity and reserved_group is None
    if queued is not None and is_kept_out:
        _ignore(turn, record, "duplicate", "a signal of the same position already waits")
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
        _reject(turn, record, "queue_full", f"{turn.config.queue.max_size} signals wait already, none ranks lower")
        return
    if queued is not None:
        take_out(turn, queued, "replaced", SignalOutcome.IGNORED)
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
    take_out(turn, lowest, "evicted", SignalOutcome.IGNORED, event="queue.evicted", detail=detail)
    return True


def _restart_timer(turn: Turn, identity: Identity) -> None:
    """A replacement may start the offset engine's timer of its open group again."""
    group = turn.group_of(identity)
    if group is not None and turn.config.offset.reset_timer_on_replacement and group.offset_timer_at is not None:
        turn.put_group(changed(group, offset_timer_at=None))


def _exit(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    identity = reading.identity
    _note_exit(turn, identity, reading.signal)
    queued = turn.queued_of(identity)
    if queued is not None:
        take_out(turn, queued, "cancelled_by_exit", SignalOutcome.IGNORED)
    group = turn.group_of(identity)
    if group is not None:
        begin_close(turn, group, CloseReason.EXIT_SIGNAL)
        settle(turn, record, SignalOutcome.EXECUTED, group_id=group.id)
    elif queued is not None:
        settle(turn, record, SignalOutcome.EXECUTED, detail="the waiting entry was taken out of the queue")
    else:
        others = sorted({item.timeframe for item in turn.groups_on(identity.account, identity.symbol)})
        detail = f"no {identity.side} of {identity.symbol} {identity.timeframe} is open"
        if others:
            detail += f"; open on other timeframes: {', '.join(others)}"
            turn.alert("warning", detail)
        _ignore(turn, record, "nothing_to_exit", detail)


def _note_exit(turn: Turn, identity: Identity, signal: Signal) -> None:
    before = turn.last_exits.get(identity)
    if before is None or signal.timestamp > before:
        turn.last_exits.put(identity, signal.timestamp)


def _reduce(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    group = turn.group_of(reading.identity)
    if group is None or group.open_quantity <= 0 or group.closing is not None:
        _ignore(turn, record, "nothing_to_reduce", f"nothing of {reading.identity.symbol} is open")
        return
    refusal = reduce_group(turn, group, reading.wanted.fraction, reading.wanted.size, reading.signal)
    if refusal is not None:
        _ignore(turn, record, refusal.code, refusal.detail)
        return
    settle(turn, record, SignalOutcome.EXECUTED, group_id=group.id)


def _reverse(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    opposite = reading.identity.opposite
    _note_exit(turn, opposite, reading.signal)
    group = turn.group_of(opposite)
    if group is None:
        _enter(turn, record, reading)
        return
    queued = turn.queued_of(opposite)
    if queued is not None:
        take_out(turn, queued, "cancelled_by_exit", SignalOutcome.IGNORED)
    begin_close(turn, group, CloseReason.REVERSE)
    stopped = "paused" if turn.paused is not None else "emergency_stop" if emergency.critical(turn) else None
    if stopped is not None:
        settle(turn, record, SignalOutcome.REJECTED, reason=stopped, group_id=group.id, detail="exited, not reversed")
        return
    _enter(turn, changed(record, group_id=group.id), reading, reserved_group=group.id)


def _check_drift(turn: Turn, reading: Reading) -> None:
    """Compare the position that the strategy had with ours."""
    wanted, identity = reading.wanted, reading.identity
    action = turn.config.webhook.drift_action
    if not wanted.told_previous or action == "ignore":
        return
    sides = (identity, identity.opposite)
    held = [
        group for group in map(turn.group_of, sides) if group is not None and group.was_filled and not group.closing
    ]
    ours = {group.side for group in held}
    told = {wanted.previous_side} if wanted.previous_side is not None else set()
    if ours == told:
        return
    turn.emit(
        "signal.drift",
        account=identity.account,
        symbol=identity.symbol,
        told=wanted.previous_side.value if wanted.previous_side else "flat",
        ours=",".join(sorted(ours)) or "flat",
    )
    if action == "close":
        for group in held:
            if group.side not in told:
                begin_close(turn, group, CloseReason.EXIT_SIGNAL)


def refuse_queued(turn: Turn, entry: QueueEntry, code: str, detail: str) -> None:
    """End a queued signal with a refusal."""
    turn.queue.remove(entry.signal_id)
    _reject(turn, signal_record(turn, entry), code, detail)
