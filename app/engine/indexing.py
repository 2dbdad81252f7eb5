"""The state's indices: what is looked up often is kept apart as it is laid into the state."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.group import EntryState, Group
from app.domain.order import Order
from app.engine.binding import forget_entry, note_entry
from app.engine.state import SIGNALS_REMEMBERED, EngineState, MarketKey, TradeKey
from app.messages.records import QueueEntry, SeenSignal, SignalRecord

ENTRIES_REMEMBERED = timedelta(minutes=1)


def index_group(state: EngineState, group: Group, now: datetime) -> None:
    """Lay a group into the state; one that is over and was not known to be so counts as over since `now`."""
    old = state.groups.get(group.id)
    for pyramid in group.pyramids[len(old.pyramids) if old is not None else 0 :]:
        _count_entry(state, pyramid.created_at)
    state.groups[group.id] = group
    if group.is_open:
        _leave(state.closed_on, group)
        state.closed.pop(group.id, None)
        state.open_ids[group.id] = None
        state.open_on.setdefault(group.market_key, {})[group.id] = None
    elif group.id not in state.closed:
        note_closed(state, group, now)
    note_plans(state, group)


def note_closed(state: EngineState, group: Group, now: datetime) -> None:
    """It is over, and the last to be so."""
    state.open_ids.pop(group.id, None)
    state.watches.pop(group.id, None)
    _leave(state.open_on, group)
    _leave(state.closed_on, group)
    state.closed.pop(group.id, None)
    state.closed[group.id] = now
    state.closed_on.setdefault(group.market_key, {})[group.id] = None


def _leave(on: dict[MarketKey, dict[str, None]], group: Group) -> None:
    known = on.get(group.market_key, {})
    known.pop(group.id, None)
    if not known:
        on.pop(group.market_key, None)


def drop_group(state: EngineState, group: Group) -> None:
    """Take a group that is over out of the state, with all that hangs on it."""
    _leave(state.closed_on, group)
    for order_id in state.orders_of.pop(group.id, ()):
        order = state.orders.pop(order_id)
        forget_entry(state, order, group.quote)
        state.unlisted.discard(order_id)
        state.doubted.pop(order_id, None)
    state.trade_ids.difference_update(state.trades_of.pop(group.id, ()))
    for known in (state.groups, state.closed, state.fills_of, state.stakes, state.put_back):
        known.pop(group.id, None)


def index_order(state: EngineState, order: Order) -> None:
    """Lay an order into the state."""
    state.orders[order.client_order_id] = order
    if order.is_live:
        state.live[order.client_order_id] = None
    else:
        state.live.pop(order.client_order_id, None)
    note_entry(state, order)


def note_trade(state: EngineState, key: TradeKey, group_id: str) -> None:
    """A trade that is booked, or need not be, is known as long as its group is."""
    if key not in state.trade_ids:
        state.trade_ids.add(key)
        state.trades_of.setdefault(group_id, []).append(key)


def note_plans(state: EngineState, group: Group) -> None:
    """Keep apart the groups that have legs to send later: few have, and their money is asked for at every entry."""
    if group.is_open and any(leg.entry is EntryState.PLANNED for leg in group.legs):
        state.planning.add(group.id)
    else:
        state.planning.discard(group.id)


def _count_entry(state: EngineState, at: datetime) -> None:
    """Count a new pyramid for the order rate; one that comes back from the past counts no more."""
    if not state.entry_times or at >= state.entry_times[-1]:
        state.entry_times.append(at)


def index_queued(state: EngineState, signal_id: str, entry: QueueEntry | None) -> None:
    """Lay what waits into the state; None where it waits no more."""
    if entry is not None:
        state.queue[signal_id] = entry
        state.ranks.put(entry)
        state.queued_of[entry.identity] = signal_id
        if entry.reserved_group is not None:
            state.reserving.add(signal_id)
        return
    gone = state.queue.pop(signal_id, None)
    state.ranks.drop(signal_id)
    state.reserving.discard(signal_id)
    if gone is not None and state.queued_of.get(gone.identity) == signal_id:
        del state.queued_of[gone.identity]


def note_seen(state: EngineState, signal: SeenSignal) -> None:
    """Known by its keys, in order of arrival."""
    _note_seen(state.seen_content, signal.content_key, signal)
    if signal.bar_key is not None:
        _note_seen(state.seen_bars, signal.bar_key, signal)


def _note_seen(seen: dict[str, SeenSignal], key: str, signal: SeenSignal) -> None:
    if key in seen and seen[key].signal_id != signal.signal_id:
        del seen[key]
    seen[key] = signal


def remember_signal(state: EngineState, record: SignalRecord) -> None:
    """Make a written signal known to the duplicate check and to those that still wait to be acted on."""
    seen = SeenSignal(record.id, record.received_at, record.content_key, record.bar_key)
    if record.replay_of is None:
        note_seen(state, seen)
    state.recent_signals.pop(record.id, None)
    state.recent_signals[record.id] = record
    if len(state.recent_signals) > SIGNALS_REMEMBERED:
        del state.recent_signals[next(iter(state.recent_signals))]
    for outcome, waiting in (("pending", state.pending_signals), ("queued", state.queued_signals)):
        if record.outcome == outcome:
            waiting[record.id] = record
        else:
            waiting.pop(record.id, None)
