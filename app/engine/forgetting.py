"""What is over is forgotten after a day, as a start would not load it: memory and the hot path stay small."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import islice
from typing import TypeVar

from app.domain.group import Group
from app.engine.indexing import drop_group, note_closed
from app.engine.state import REMEMBERED, EngineState, PaymentKey, TradeKey
from app.messages.records import ActionStatus, SeenSignal
from app.ports.store import ACTIONS_REMEMBERED
from app.ports.venue import OVERLAP

Told = TypeVar("Told", PaymentKey, TradeKey)

MOST_AT_ONCE = 200
"""How much of each kind is looked at in one go, so that none takes long."""


def watermark_fact(account: str) -> str:
    """The fact that holds when the last reading of the account began."""
    return f"watermark/{account}"


def since_usually(state: EngineState, now: datetime) -> datetime:
    """A day, or longer where the stop-loss guard looks at stops that are older."""
    risk = state.config.risk
    guard = timedelta(minutes=risk.stop_guard_window_minutes + risk.stop_guard_pause_minutes)
    return now - (REMEMBERED if risk.stop_guard_count is None else max(REMEMBERED, guard))


def remembered_since(state: EngineState, account: str, now: datetime) -> datetime:
    """What ended before is old enough, and no reading of the account tells of it again."""
    mark = state.facts.get(watermark_fact(account)) if account in state.accounts else None
    usual = since_usually(state, now)
    return min(usual, datetime.fromisoformat(mark) - OVERLAP) if mark else usual


def load_since(state: EngineState, now: datetime) -> datetime:
    """From when on there is anything to be remembered."""
    accounts = (remembered_since(state, account, now) for account in state.accounts)
    return min(accounts, default=since_usually(state, now))


def forget(state: EngineState, now: datetime) -> None:
    """Drop what is over for long, the oldest first. Called between turns, again and again: each time it is little."""
    _forget_groups(state, now)
    for seen in (state.seen_content, state.seen_bars):
        _forget_seen(seen, now - REMEMBERED)
    _forget_told(state, state.funding_ids, now)
    _forget_told(state, state.external_ids, now)
    _forget_actions(state)


def _forget_groups(state: EngineState, now: datetime) -> None:
    needed, usual = _needed(state), since_usually(state, now)
    for group_id, since in list(islice(state.closed.items(), MOST_AT_ONCE)):
        if since >= usual:
            return
        group = state.groups[group_id]
        is_told = (group.closed_at or since) >= remembered_since(state, group.account, now)
        if is_told or group_id in needed or _is_unsettled(state, group):
            note_closed(state, group, now)  # looked at again after another day
        else:
            drop_group(state, group)


def _needed(state: EngineState) -> set[str | None]:
    """Groups that what goes on asks for though they are over: by reverses that wait, and an offset under way."""
    needed = {state.queue[signal_id].reserved_group for signal_id in state.reserving}
    action = next(reversed(state.actions.values()), None)
    if action is not None and action.status is not ActionStatus.DONE:
        needed |= {action.loser_id, *(payer.group_id for payer in action.winners)}
    return needed


def _is_unsettled(state: EngineState, group: Group) -> bool:
    asked = {order_id for _, order_id in state.in_flight}
    orders = (state.orders[order_id] for order_id in state.orders_of.get(group.id, ()))
    return any(order.is_live or order.is_unsettled or order.client_order_id in asked for order in orders)


def _forget_seen(seen: dict[str, SeenSignal], until: datetime) -> None:
    for key, signal in list(islice(seen.items(), MOST_AT_ONCE)):
        if signal.received_at >= until:
            return
        del seen[key]


def _forget_actions(state: EngineState) -> None:
    for action_id in list(islice(state.actions, max(len(state.actions) - ACTIONS_REMEMBERED, 0))):
        del state.actions[action_id]


def _forget_told(state: EngineState, told: dict[Told, datetime], now: datetime) -> None:
    for key, at in list(islice(told.items(), MOST_AT_ONCE)):
        if at < remembered_since(state, key[0], now):
            del told[key]
