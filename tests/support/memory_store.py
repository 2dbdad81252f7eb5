"""A store in memory, for engine tests that are not about the disk."""

from __future__ import annotations

from datetime import datetime

from app.domain.fill import Fill
from app.domain.group import Group
from app.domain.order import Order
from app.domain.values import Identity
from app.messages.records import (
    Changes,
    EventRecord,
    QueueEntry,
    RiskAction,
    SeenSignal,
    SignalOutcome,
    SignalRecord,
    StoredGroup,
    StoredState,
)
from app.ports.store import StoreFailed


class MemoryStore:
    """Implements `app.ports.store.Store`. Set `failing` to have every commit refused."""

    def __init__(self) -> None:
        self.groups: dict[str, Group] = {}
        self.orders: dict[str, Order] = {}
        self.fills: dict[str, Fill] = {}
        self.signals: dict[str, SignalRecord] = {}
        self.queue: dict[str, QueueEntry] = {}
        self.last_exits: dict[Identity, datetime] = {}
        self.funding: dict[tuple[str, str], datetime] = {}
        self.facts: dict[str, str] = {}
        self.actions: dict[str, RiskAction] = {}
        self.events: list[EventRecord] = []
        self.commits: list[Changes] = []
        self.failing: str | None = None

    async def commit(self, changes: Changes) -> None:
        if self.failing is not None:
            raise StoreFailed(self.failing)
        self.commits.append(changes)
        self.groups.update({item.group.id: item.group for item in changes.groups})
        self.orders.update({order.client_order_id: order for order in changes.orders})
        for key in changes.fills_removed:
            self.fills.pop(key[2], None)
        self.fills.update({fill.trade_id: fill for fill in changes.fills})
        self.signals.update({record.id: record for record in changes.signals})
        for signal_id in changes.queue_removed:
            self.queue.pop(signal_id, None)
        self.queue.update({entry.signal_id: entry for entry in changes.queue_put})
        self.last_exits.update(changes.last_exits)
        self.funding |= {(item.account, item.payment_id): item.at for item in changes.funding}
        self.facts.update(changes.facts)
        self.actions.update({action.id: action for action in changes.actions})
        self.events.extend(changes.events)

    async def load(self, recent_since: datetime) -> StoredState:
        recent = [group for group in self.groups.values() if group.closed_at is None or group.closed_at >= recent_since]
        waiting = {SignalOutcome.PENDING, SignalOutcome.QUEUED}
        return StoredState(
            groups=tuple(self._stored(group) for group in recent),
            queue=tuple(self.queue.values()),
            pending_signals=tuple(record for record in self.signals.values() if record.outcome in waiting),
            seen_signals=tuple(
                SeenSignal(record.id, record.received_at, record.content_key, record.bar_key)
                for record in self.signals.values()
            ),
            last_exits=dict(self.last_exits),
            funding_ids=dict(self.funding),
            facts=dict(self.facts),
            actions=tuple(self.actions.values()),
            last_sequence=self.events[-1].sequence if self.events else 0,
        )

    async def load_group(self, group_id: str) -> StoredGroup | None:
        group = self.groups.get(group_id)
        return None if group is None else self._stored(group)

    def _stored(self, group: Group) -> StoredGroup:
        return StoredGroup(
            group,
            tuple(order for order in self.orders.values() if order.group_id == group.id),
            tuple(fill for fill in self.fills.values() if fill.group_id == group.id),
        )
