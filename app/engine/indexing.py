"""The state's indices: what is looked up often is kept apart as it is laid into the state."""

from __future__ import annotations

from datetime import datetime, timedelta

from app.domain.group import EntryState, Group
from app.engine.state import SIGNALS_REMEMBERED, EngineState
from app.messages.records import SeenSignal, SignalRecord

ENTRIES_REMEMBERED = timedelta(minutes=1)


def index_group(state: EngineState, group: Group) -> None:
    """Lay a group into the state."""
    old = state.groups.get(group.id)
    for pyramid in group.pyramids[len(old.pyramids) if old is not None else 0 :]:
        _count_entry(state, pyramid.created_at)
    if old is None:
        state.groups_of_market.setdefault(group.market_key, []).append(group.id)
    elif not group.is_open and old.is_open:
        state.watches.pop(group.id, None)
    state.groups[group.id] = group
    if group.is_open:
        state.open_ids[group.id] = None
    else:
        state.open_ids.pop(group.id, None)
    note_plans(state, group)


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


def remember_signal(state: EngineState, record: SignalRecord) -> None:
    """Make a written signal known to the duplicate check and to those that still wait to be acted on."""
    seen = SeenSignal(record.id, record.received_at, record.content_key, record.bar_key)
    if record.replay_of is None:
        state.seen_content[record.content_key] = seen
        if record.bar_key is not None:
            state.seen_bars[record.bar_key] = seen
    state.recent_signals.pop(record.id, None)
    state.recent_signals[record.id] = record
    if len(state.recent_signals) > SIGNALS_REMEMBERED:
        del state.recent_signals[next(iter(state.recent_signals))]
    for outcome, waiting in (("pending", state.pending_signals), ("queued", state.queued_signals)):
        if record.outcome == outcome:
            waiting[record.id] = record
        else:
            waiting.pop(record.id, None)
