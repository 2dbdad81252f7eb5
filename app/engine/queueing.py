"""The waiting queue: who is promoted, and when (pool-queue.md)."""

from __future__ import annotations

import heapq
from dataclasses import replace

from app.base.errors import InvalidSignal
from app.domain.queue import RankKey
from app.domain.signal import Signal, interpret
from app.engine import emergency
from app.engine.blocking import blocked_by, has_room, needs_slot
from app.engine.candidates import Entry, asked_price, expected_profit
from app.engine.entries import enter
from app.engine.pausing import waits_until
from app.engine.ranking import expires_at, key_of, keyed, move_percent
from app.engine.recorded import ReadRecord
from app.engine.turn import Turn
from app.engine.waiting import leave, refuse, signal_record, take_out
from app.messages.commands import CommandResult, Force, Promote, Remove
from app.messages.effects import LoadMarket
from app.messages.records import QueueEntry, QueueReason, SignalOutcome
from app.ports.engine import CommandRefused

_WORDS = {
    QueueReason.POOL_FULL: "every slot is taken",
    QueueReason.OPPOSITE_SIDE_OPEN: "the opposite side is open",
    QueueReason.MISSING_MARKET_RULES: "the market's rules are not known yet",
    QueueReason.ACCOUNT_STALE: "the account is not connected and reconciled",
    QueueReason.GROUP_CLOSING: "its group is closing",
    QueueReason.SYMBOL_LIMIT: "as many groups are open there as may be",
    QueueReason.BREAKER_OPEN: "the venue's breaker is open",
    QueueReason.ORDER_RATE: "too many entries were made within a minute",
}


# ---------------------------------------------------------------------------------------------- by itself


def promote(turn: Turn, read: ReadRecord) -> None:
    """Open what may be opened now, best first; an entry whose checks refuse it for good leaves the queue."""
    if not turn.recovered or emergency.forbidden(turn) is not None:
        return
    waiting = Selection(turn)
    while (entry := waiting.take()) is not None:
        had_room = has_room(turn)
        _consider(turn, entry, read)
        if emergency.critical(turn) is not None:
            return  # a check has tripped it: those behind wait for its end
        if had_room and not has_room(turn):
            waiting.drop_those_that_need_a_slot()


class Selection:
    """The entries that something may have changed for, taken best first."""

    def __init__(self, turn: Turn) -> None:
        self._turn = turn
        self._items = _ranked_now(turn)
        self._is_heap = self._was_asked = False
        if waits_until(turn) is not None:
            self._items = [item for item in self._items if item[1].reserved_group is not None]
        if not has_room(turn):
            self.drop_those_that_need_a_slot()

    def drop_those_that_need_a_slot(self) -> None:
        """With a full pool nothing has changed for those that wait for a slot."""
        full = QueueReason.POOL_FULL
        self._items = [
            item for item in self._items if item[1].reason is not full or _waits_for_no_slot(self._turn, item[1])
        ]
        self._is_heap = False

    def take(self) -> QueueEntry | None:
        """The best that is left: most often the first is the only one, so that ordering the rest can wait."""
        if not self._items:
            return None
        if not self._was_asked:
            self._was_asked = True
            best = min(self._items)
            self._items.remove(best)
            return best[1]
        if not self._is_heap:
            heapq.heapify(self._items)
            self._is_heap = True
        return heapq.heappop(self._items)[1]


def _ranked_now(turn: Turn) -> list[tuple[RankKey, QueueEntry]]:
    changed = {key: group for key, group in turn.groups.changes.items() if group is not None}
    items = keyed(turn.state, changed)
    if not turn.queue.changes:
        return items
    kept = [item for item in items if item[1].signal_id not in turn.queue.changes]
    new = [entry for entry in turn.queue.changes.values() if entry is not None]
    return kept + [(key_of(turn.state, entry, changed), entry) for entry in new]


def _waits_for_no_slot(turn: Turn, entry: QueueEntry) -> bool:
    return entry.reserved_group is not None or not needs_slot(turn, turn.group_of(entry.identity))


def _consider(turn: Turn, entry: QueueEntry, read: ReadRecord) -> None:
    if turn.queue.get(entry.signal_id) is None or _expired(turn, entry) or _is_reserved_and_waiting(turn, entry):
        return
    reason = _blocked_by(turn, entry)
    if reason is None:
        signal = _signal_of(turn, entry, read)
        if signal is None or _lost_its_group(turn, entry, signal):
            return
        reason = _try(turn, entry, _entry_of(turn, entry, signal))
    elif reason is QueueReason.MISSING_MARKET_RULES:
        hint = entry.entry_price if entry.entry_price > 0 else None
        turn.effect(LoadMarket(entry.identity.account, entry.identity.symbol, hint))
    if reason is QueueReason.ORDER_RATE:
        return  # passes with time; only what was held for it from the start is refused when the hold is over
    if reason is not None and entry.reason is not reason:
        turn.queue.put(entry.signal_id, replace(entry, reason=reason))
        turn.signals[entry.signal_id] = replace(signal_record(turn, entry), reason=reason.value)


def _blocked_by(turn: Turn, entry: QueueEntry) -> QueueReason | None:
    """What it has to wait for, so that no check judges before that what cannot be opened yet."""
    return blocked_by(
        turn,
        entry.identity,
        turn.group_of(entry.identity),
        keeps_place=entry.reserved_group is not None,
        is_forced=_takes_a_forced_place(turn, entry),
    )


def _is_reserved_and_waiting(turn: Turn, entry: QueueEntry) -> bool:
    group = turn.groups.get(entry.reserved_group) if entry.reserved_group is not None else None
    return group is not None and group.is_open


def _signal_of(turn: Turn, entry: QueueEntry, read: ReadRecord) -> Signal | None:
    """What waits; None where it cannot be read any more, which refuses it."""
    try:
        return read(signal_record(turn, entry))
    except InvalidSignal as error:
        refuse(turn, entry, "invalid", str(error))
        return None


def _lost_its_group(turn: Turn, entry: QueueEntry, signal: Signal) -> bool:
    """Take out an addition whose position ended while it waited, as one that comes too late would be ignored."""
    if turn.config.webhook.on_addon_without_group != "ignore" or not interpret(signal).is_addon:
        return False
    identity = entry.identity
    ended = turn.closed_since(entry.first_queued_at, (identity.account, identity.symbol))
    if turn.group_of(identity) is not None or all(group.identity != identity for group in ended):
        return False
    take_out(turn, entry, "addon_without_group", detail="the position that it adds to ended while it waited")
    return True


def _entry_of(turn: Turn, entry: QueueEntry, signal: Signal) -> Entry:
    only_held = entry.reserved_group is not None or entry.reason is QueueReason.MISSING_MARKET_RULES
    return Entry(
        record=signal_record(turn, entry),
        signal=signal,
        identity=entry.identity,
        size=interpret(signal).size,
        is_reverse=entry.reserved_group is not None,
        promoted=True,
        reprices=not only_held,
        waited_for=entry.reason,
        waiting_since=entry.first_queued_at,
        queued_at_price=entry.entry_price if entry.entry_price > 0 else None,
        is_forced=_takes_a_forced_place(turn, entry),
    )


def _takes_a_forced_place(turn: Turn, entry: QueueEntry) -> bool:
    """Whether it reverses a group that was open despite the limits: its own group is marked so too."""
    group = turn.groups.get(entry.reserved_group) if entry.reserved_group is not None else None
    return group is not None and group.forced


def _try(turn: Turn, entry: QueueEntry, promoted: Entry) -> QueueReason | None:
    """Enter it; what it must wait for longer comes back."""
    reason = enter(turn, promoted)
    if reason is not None:
        return reason
    opened = turn.signals[entry.signal_id].outcome is SignalOutcome.EXECUTED
    leave(turn, entry, "promoted" if opened else "refused")
    return None


def expire(turn: Turn) -> None:
    for entry in list(turn.queue.values()):
        _expired(turn, entry)


def _expired(turn: Turn, entry: QueueEntry) -> bool:
    """Take it out if it has waited too long, or the price has left it behind."""
    if turn.now >= expires_at(turn.config, entry):
        take_out(turn, entry, "expired", event="queue.expired")
        return True
    drift = turn.config.queue.max_drift_percent
    moved = move_percent(turn.state, entry) if drift is not None and entry.reserved_group is None else None
    if drift is None or moved is None or abs(moved) < drift:
        return False
    detail = f"the price moved {moved:.2f} % from {entry.entry_price:f}, at most {drift:f} % is waited for"
    take_out(turn, entry, "drifted", event="queue.expired", detail=detail)
    return True


def note_profits(turn: Turn, account: str, symbol: str, read: ReadRecord) -> None:
    """The rules of a market have come: what waits for it can be priced and sized."""
    for entry in list(turn.queue.values()):
        if (entry.identity.account, entry.identity.symbol) != (account, symbol) or entry.expected_profit is not None:
            continue
        signal = _signal_of(turn, entry, read)
        if signal is None:
            continue
        profit = expected_profit(turn, signal, entry.identity, interpret(signal).size)
        price = asked_price(turn, signal, entry.identity)
        if profit is not None or price != entry.entry_price:
            turn.queue.put(entry.signal_id, replace(entry, expected_profit=profit, entry_price=price))


# ---------------------------------------------------------------------------------------------- by hand


def promote_by_hand(turn: Turn, command: Promote, read: ReadRecord) -> CommandResult:
    """Out of its turn, but only into a free slot and past every check. A refusal leaves it where it is."""
    entry = _waiting(turn, command.signal_id)
    reason = _blocked_by(turn, entry)
    if reason is not None:
        raise CommandRefused(reason.value, _WORDS[reason])
    return _open_by_hand(turn, entry, _entry_by_hand(turn, entry, read))


def force(turn: Turn, command: Force, read: ReadRecord) -> CommandResult:
    """Despite the limits on open groups; every other check holds. The group is marked."""
    entry = _waiting(turn, command.signal_id)
    reason = blocked_by(turn, entry.identity, turn.group_of(entry.identity), is_forced=True)
    if reason is not None:
        raise CommandRefused(reason.value, _WORDS[reason])
    return _open_by_hand(turn, entry, replace(_entry_by_hand(turn, entry, read), is_forced=True))


def _entry_by_hand(turn: Turn, entry: QueueEntry, read: ReadRecord) -> Entry:
    signal = _signal_of(turn, entry, read)
    if signal is None:
        raise CommandRefused("invalid", "the signal cannot be read any more")
    return replace(_entry_of(turn, entry, signal), by_hand=True)


def _open_by_hand(turn: Turn, entry: QueueEntry, promoted: Entry) -> CommandResult:
    if _is_reserved_and_waiting(turn, entry):
        raise CommandRefused("group_closing", "the group that it reverses is still closing")
    reason = _try(turn, entry, promoted)
    if reason is not None:
        raise CommandRefused(reason.value, _WORDS[reason])
    record = turn.signals[entry.signal_id]
    if record.outcome is not SignalOutcome.EXECUTED or record.group_id is None:
        raise CommandRefused(record.reason or "refused", record.detail or "a check refused it")
    identity = entry.identity
    return CommandResult(f"{identity.side} {identity.symbol} {identity.timeframe} was opened", (record.group_id,))


def remove(turn: Turn, command: Remove) -> CommandResult:
    entry = _waiting(turn, command.signal_id)
    take_out(turn, entry, "removed")
    return CommandResult(f"{entry.identity.symbol} {entry.identity.timeframe} was taken out of the queue")


def _waiting(turn: Turn, signal_id: str) -> QueueEntry:
    entry = turn.queue.get(signal_id)
    if entry is None:
        raise CommandRefused("unknown_signal", f"no signal {signal_id} waits in the queue")
    return entry
