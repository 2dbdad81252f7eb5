"""Signals: recorded, read, routed (signals.md)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from app.base.changing import changed
from app.domain.alert_body import FieldError
from app.domain.alert_keys import bar_key
from app.domain.refusal import Refusal
from app.domain.signal import Intent, Signal
from app.domain.values import CloseReason, Identity, Side
from app.engine import emergency
from app.engine.candidates import Entry
from app.engine.closing import begin_close
from app.engine.entries import enter
from app.engine.groups import reduce_group
from app.engine.outcomes import ignore, reject, settle
from app.engine.reading import Reading, read, refusal_code
from app.engine.turn import Turn
from app.engine.waiting import line_up, take_out
from app.messages.commands import AcceptSignal, SignalAnswer
from app.messages.records import QueueReason, SeenSignal, SignalOutcome, SignalRecord

AHEAD = timedelta(seconds=30)
"""How far in the future a signal's time stamp may lie."""


def accept(turn: Turn, command: AcceptSignal) -> SignalAnswer:
    """Record a message and, once the engine is up, act on it in the same unit of work."""
    turn.state.last_signal_at = turn.now
    reading = read(turn, command.signal, command.grant) if command.signal is not None else list(command.errors)
    key = _bar_key(turn, reading) if isinstance(reading, Reading) else None
    if command.replay_of is None:
        seen = _seen_before(turn, command, reading, key)
        if seen is not None:
            return SignalAnswer(200, seen.signal_id, "duplicate")
    record = _record(turn, command, reading, key)
    turn.signals[record.id] = record
    turn.emit("signal.received", signal=record.id, account=record.account, symbol=record.symbol, intent=record.intent)
    if isinstance(reading, list):
        reason = "invalid" if command.signal is None else reading[0].reason
        code = "invalid" if command.signal is None else refusal_code(reading)
        reject(turn, record, code, "; ".join(f"{error.field}: {error.reason}" for error in reading) or reason)
        return SignalAnswer(422, record.id, "rejected", tuple(reading))
    refusal = None if command.replay_of is not None else _stale(turn, reading)
    if refusal is not None:
        reject(turn, record, refusal.code, refusal.detail)
        return SignalAnswer(422, record.id, "rejected", (FieldError("timestamp", refusal.detail),))
    if turn.recovered:
        _act_by_age(turn, record, reading)
    return SignalAnswer(202, record.id, "accepted")


def act_on_recorded(turn: Turn, record: SignalRecord, signal: Signal) -> None:
    """Act on a signal that was recorded before the engine was ready; entries too old by now are dropped.

    It goes to the account for which its key was asked, whatever was configured since.
    """
    reading = read(turn, changed(signal, account=record.account), None)
    if isinstance(reading, list):
        reject(turn, record, "invalid", "; ".join(error.reason for error in reading))
        return
    if reading.wanted.intent is Intent.ENTRY and _is_too_old_to_enter(turn, record, reading):
        reject(turn, record, "abandoned", "the engine was away until the signal was too old to enter")
        return
    _act_by_age(turn, record, reading)


def _is_too_old_to_enter(turn: Turn, record: SignalRecord, reading: Reading) -> bool:
    """One that is replayed on purpose is as old as the wish for it."""
    age = _age(turn, reading) if record.replay_of is None else turn.now - record.received_at
    return age > timedelta(seconds=turn.config.webhook.max_age_sec)


def _act_by_age(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    """A reverse that is too old to enter is an exit still."""
    if reading.wanted.intent is Intent.REVERSE and _is_too_old_to_enter(turn, record, reading):
        wanted = changed(reading.wanted, intent=Intent.EXIT, side=reading.wanted.side.opposite)
        reading = changed(reading, wanted=wanted, identity=reading.identity.opposite)
        record = changed(record, detail="exited, not reversed: it is too old to enter")
    act(turn, record, reading)


def exits_first(records: Sequence[SignalRecord]) -> list[SignalRecord]:
    """Exits and reductions, each after what came before it for the same position; then all others."""
    last = {_position(record): at for at, record in enumerate(records) if record.intent in {Intent.EXIT, Intent.REDUCE}}
    first = [record for at, record in enumerate(records) if at <= last.get(_position(record), -1)]
    return first + [record for at, record in enumerate(records) if at > last.get(_position(record), -1)]


def _position(record: SignalRecord) -> tuple[str | None, ...]:
    """What its signals must find in order of arrival: both sides, for a reverse is about both."""
    return record.account, record.symbol, record.timeframe, record.strategy_id


def _bar_key(turn: Turn, reading: Reading) -> str | None:
    if not turn.config.webhook.one_per_bar:
        return None
    return bar_key(reading.signal, reading.identity.account, reading.identity.side)


def _seen_before(
    turn: Turn, command: AcceptSignal, reading: Reading | list[FieldError], key: str | None
) -> SeenSignal | None:
    """The signal that this one repeats. Two of one bar that leave a position are two where it began between them."""
    seen = turn.seen(command.content_key, key)
    if seen is None or seen.content_key == command.content_key or not isinstance(reading, Reading):
        return seen
    if not _began_since(turn, reading, seen.received_at):
        return seen
    return turn.seen(command.content_key, None)


def _began_since(turn: Turn, reading: Reading, moment: datetime) -> bool:
    """Whether what the signal leaves was opened, or began to wait, after `moment`."""
    if reading.wanted.intent is Intent.ENTRY:
        return False
    left = reading.identity.opposite if reading.wanted.intent is Intent.REVERSE else reading.identity
    group, queued = turn.group_of(left), turn.queued_of(left)
    return (group is not None and group.opened_at > moment) or (queued is not None and queued.first_queued_at > moment)


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
    age = _age(turn, reading)
    if age < -AHEAD:
        return Refusal("stale", f"the time stamp lies {-age.total_seconds():.0f} s in the future")
    webhook = turn.config.webhook
    enters_only = reading.wanted.intent is Intent.ENTRY
    bound = webhook.max_age_sec if enters_only else webhook.exit_max_age_sec
    if age > timedelta(seconds=bound):
        return Refusal("stale", f"the signal is {age.total_seconds():.0f} s old, at most {bound:.0f} s are taken")
    return None


def _age(turn: Turn, reading: Reading) -> timedelta:
    return _venue_time(turn, reading.identity.account) - reading.signal.timestamp


def _venue_time(turn: Turn, account_id: str) -> datetime:
    """By the clock of the account's exchange, else of any that was asked: this machine's may be wrong."""
    own = turn.state.accounts.get(account_id)
    asked = [own, *turn.state.accounts.values()] if own is not None else turn.state.accounts.values()
    skew_ms = next((account.clock_skew_ms for account in asked if account.clock_skew_ms is not None), 0)
    return turn.now - timedelta(milliseconds=skew_ms)


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
        reject(turn, record, "spot_cannot_short", "a spot account can only sell what it holds")
        return
    left = turn.last_exits.get(identity)
    if left is not None and reading.signal.timestamp < left:
        reject(turn, record, "superseded_by_exit", "a later exit of the same position came first")
        return
    queued = turn.queued_of(identity)
    is_lost_addon = reading.wanted.is_addon and turn.group_of(identity) is None and queued is None
    if is_lost_addon and turn.config.webhook.on_addon_without_group == "ignore":
        ignore(turn, record, "addon_without_group", "it adds to a position that is not open here")
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
        line_up(turn, record, reading, waits_for, queued, reserved_group)
    elif turn.signals[record.id].outcome is SignalOutcome.EXECUTED:  # a refused one leaves alone what waits
        _supersede_opposite(turn, identity)
        if queued is not None:
            take_out(turn, queued, "replaced")


def _supersede_opposite(turn: Turn, identity: Identity) -> None:
    queued = turn.queued_of(identity.opposite)
    if queued is not None:
        take_out(turn, queued, "superseded")


def _exit(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    identity = reading.identity
    _note_exit(turn, identity, reading.signal)
    queued = turn.queued_of(identity)
    if queued is not None:
        take_out(turn, queued, "cancelled_by_exit")
    group = turn.group_of(identity)
    if group is not None:
        begin_close(turn, group, CloseReason.EXIT_SIGNAL)
        settle(turn, record, SignalOutcome.EXECUTED, group_id=group.id)
    elif queued is not None:
        settle(turn, record, SignalOutcome.EXECUTED, detail="the waiting entry was taken out of the queue")
    else:
        open_on = {item.timeframe for item in turn.groups_on(identity.account, identity.symbol)}
        others = sorted(open_on - {identity.timeframe})
        detail = f"no {identity.side} of {identity.symbol} {identity.timeframe} is open"
        if others:
            detail += f"; open on other timeframes: {', '.join(others)}"
            turn.alert("warning", detail)
        ignore(turn, record, "nothing_to_exit", detail)


def _note_exit(turn: Turn, identity: Identity, signal: Signal) -> None:
    before = turn.last_exits.get(identity)
    if before is None or signal.timestamp > before:
        turn.last_exits.put(identity, signal.timestamp)


def _reduce(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    group = turn.group_of(reading.identity)
    if group is None or group.open_quantity <= 0 or group.closing is not None:
        ignore(turn, record, "nothing_to_reduce", f"nothing of {reading.identity.symbol} is open")
        return
    refusal = reduce_group(turn, group, reading.wanted.fraction, reading.wanted.size, reading.signal)
    if refusal is not None:
        ignore(turn, record, refusal.code, refusal.detail)
        return
    settle(turn, record, SignalOutcome.EXECUTED, group_id=group.id)


def _reverse(turn: Turn, record: SignalRecord, reading: Reading) -> None:
    opposite = reading.identity.opposite
    _note_exit(turn, opposite, reading.signal)
    group = turn.group_of(opposite)
    if group is None:
        _supersede_opposite(turn, reading.identity)  # it is exited, though the entry may be refused
        _enter(turn, record, reading)
        return
    queued = turn.queued_of(opposite)
    if queued is not None:
        take_out(turn, queued, "cancelled_by_exit")
    begin_close(turn, group, CloseReason.REVERSE)
    forbidden = emergency.forbidden(turn)
    if forbidden is not None:
        detail = "exited, not reversed"
        settle(turn, record, SignalOutcome.REJECTED, reason=forbidden.code, group_id=group.id, detail=detail)
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
