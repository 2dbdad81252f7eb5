"""One turn of the mailbox: what its messages changed, laid over the state until the disk has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.config import Config
from app.base.ids import IdFactory
from app.domain.client_order_id import Namespace
from app.domain.fill import Fill
from app.domain.group import Group
from app.domain.order import Order
from app.domain.values import ZERO, Identity
from app.engine.binding import note_entry
from app.engine.indexing import index_group, remember_signal
from app.engine.ledger import Layer, Ledger, to_json
from app.engine.money import realized_fact
from app.engine.state import EngineState
from app.messages.effects import Effect
from app.messages.records import (
    Changes,
    EventRecord,
    Finding,
    GroupChange,
    QueueEntry,
    RiskAction,
    SeenSignal,
    SignalRecord,
)


class Turn:
    """Reads see the turn's own writes; nothing reaches the state before `commit` has succeeded.

    `jitter` draws from [0, 1) to spread retries. `namespace` marks our client order ids.
    """

    def __init__(
        self, state: EngineState, now: datetime, ids: IdFactory, jitter: Callable[[], float], namespace: Namespace
    ) -> None:
        self.state = state
        self.now = now
        self.ids = ids
        self.jitter = jitter
        self.namespace = namespace
        self.groups: Layer[str, Group] = Layer(state.groups)
        self.orders: Layer[str, Order] = Layer(state.orders)
        self.queue: Layer[str, QueueEntry] = Layer(state.queue)
        self.signals: dict[str, SignalRecord] = {}
        self.last_exits: Layer[Identity, datetime] = Layer(state.last_exits)
        self.facts: Layer[str, str] = Layer(state.facts)
        self.actions: Layer[str, RiskAction] = Layer(state.actions)
        self.new_orders_of: dict[str, list[str]] = {}
        self.trade_ids: set[tuple[str, str, str]] = set()
        self.loaded: dict[str, Group] = {}
        """Groups that came back into memory in this turn, as the disk has them."""
        self.ledger = Ledger()
        self.touched: dict[str, None] = {}
        self.wants_promotion = False
        self.fills_looked_after = 0
        self.new_config: Config | None = None

    @property
    def config(self) -> Config:
        return self.new_config or self.state.config

    @property
    def paused(self) -> str | None:
        return self.fact("paused")

    # ------------------------------------------------------------------ reading

    def group(self, group_id: str) -> Group:
        found = self.groups.get(group_id)
        if found is None:
            raise KeyError(group_id)
        return found

    def open_groups(self) -> list[Group]:
        if not self.groups.changes:
            groups = self.state.groups
            return [groups[group_id] for group_id in self.state.open_ids]
        known = [*self.state.open_ids, *(key for key in self.groups.changes if key not in self.state.open_ids)]
        found = (self.groups.get(group_id) for group_id in known)
        return [group for group in found if group is not None and group.is_open]

    def open_group_count(self) -> int:
        known = self.state.open_ids
        changed = [(key in known, group) for key, group in self.groups.changes.items()]
        return len(known) + sum((group is not None and group.is_open) - was_open for was_open, group in changed)

    def slots_used(self) -> int:
        """Slots that are taken: by open groups, or their pyramids (`count_pyramids`), and by places that are kept."""
        if self.config.pool.count_pyramids:
            taken = sum(len(group.pyramids) for group in self.open_groups())
        else:
            taken = self.open_group_count()
        return taken + sum(not self._is_open(group_id) for group_id in self._kept_places())

    def _kept_places(self) -> Iterator[str]:
        """The groups whose slot is kept for a reverse that waits."""
        for signal_id in {*self.state.reserving, *self.queue.changes}:
            entry = self.queue.get(signal_id)
            if entry is not None and entry.reserved_group is not None:
                yield entry.reserved_group

    def _is_open(self, group_id: str) -> bool:
        group = self.groups.get(group_id)
        return group is not None and group.is_open

    def group_of(self, identity: Identity) -> Group | None:
        """The open group of this identity."""
        for group_id in self._groups_on((identity.account, identity.symbol)):
            group = self.groups.get(group_id)
            if group is not None and group.is_open and group.identity == identity:
                return group
        return None

    def groups_on(self, account: str, symbol: str) -> list[Group]:
        """Open groups on one market, in order of creation."""
        return [group for group in self.recent_groups_on(account, symbol) if group.is_open]

    def recent_groups_on(self, account: str, symbol: str) -> list[Group]:
        """As `groups_on`, with those closed in the last 24 hours."""
        found = (self.groups.get(group_id) for group_id in self._groups_on((account, symbol)))
        return [group for group in found if group is not None]

    def recent_groups(self) -> list[Group]:
        """All that are open or closed in the last 24 hours."""
        return list(self.groups.values())

    def _groups_on(self, key: tuple[str, str]) -> list[str]:
        known = self.state.groups_of_market.get(key, [])
        new = [item.id for item in self.groups.changes.values() if item is not None and item.market_key == key]
        return [*known, *(group_id for group_id in new if group_id not in known)]

    def orders_of(self, group_id: str) -> list[Order]:
        """All orders of a group, in order of creation."""
        ids = [*self.state.orders_of.get(group_id, ()), *self.new_orders_of.get(group_id, ())]
        found = (self.orders.get(client_order_id) for client_order_id in ids)
        return [order for order in found if order is not None]

    def fills_of(self, group_id: str) -> list[Fill]:
        """All fills of a group, in the order of their booking."""
        new = (fill for fill in self.ledger.fills if fill.group_id == group_id)
        return [*self.state.fills_of.get(group_id, ()), *new]

    def live_orders(self, group_id: str) -> list[Order]:
        return [order for order in self.orders_of(group_id) if order.is_live]

    def seen(self, content_key: str, bar_key: str | None) -> SeenSignal | None:
        """The signal of the last 24 hours that this one repeats."""
        for record in self.signals.values():
            if record.content_key == content_key or (bar_key is not None and record.bar_key == bar_key):
                return SeenSignal(record.id, record.received_at, record.content_key, record.bar_key)
        found = self.state.seen_content.get(content_key)
        if found is None and bar_key is not None:
            found = self.state.seen_bars.get(bar_key)
        if found is None or self.now - found.received_at > timedelta(hours=24):
            return None
        return found

    def queued_of(self, identity: Identity) -> QueueEntry | None:
        """The entry that waits for this identity."""
        for entry in self.queue.changes.values():
            if entry is not None and entry.identity == identity:
                return entry
        known = self.state.queued_of.get(identity)
        return None if known is None else self.queue.get(known)

    def queue_length(self) -> int:
        known = self.state.queue
        changed = [(key in known, entry is not None) for key, entry in self.queue.changes.items()]
        return len(known) + sum(waits - waited for waited, waits in changed)

    def has_trade(self, key: tuple[str, str, str]) -> bool:
        return key in self.trade_ids or key in self.state.trade_ids

    def fact(self, name: str) -> str | None:
        return self.facts.get(name) or None

    # ------------------------------------------------------------------ writing

    def put_group(self, group: Group) -> None:
        self.groups.put(group.id, group)
        self.touched[group.id] = None

    def load_group(self, group: Group) -> None:
        """Bring a group back into memory that the disk has."""
        self.groups.put(group.id, group)
        self.loaded[group.id] = group

    def keep_group(self, group: Group) -> None:
        """As `put_group`, by those who care for the group anyway."""
        self.groups.put(group.id, group)

    def put_order(self, order: Order) -> None:
        known = self.orders.get(order.client_order_id)
        if known == order:
            return
        if known is None:
            self.new_orders_of.setdefault(order.group_id, []).append(order.client_order_id)
        self.orders.put(order.client_order_id, order)

    def put_fill(self, fill: Fill) -> None:
        self.ledger.fills.append(fill)
        self.trade_ids.add((fill.account, fill.symbol, fill.trade_id))

    def note_trade(self, key: tuple[str, str, str]) -> None:
        self.trade_ids.add(key)

    def touch(self, group_id: str) -> None:
        """Have the group cared for before the turn ends."""
        self.touched[group_id] = None

    def effect(self, effect: Effect) -> None:
        self.ledger.effects.append(effect)

    def wake(self, key: str, at: datetime) -> None:
        """Have the timer handler called with `key` at `at`; of several wishes for one key the earliest counts."""
        self.ledger.wakes.append((key, at))

    def emit(
        self,
        type_: str,
        *,
        group: Group | None = None,
        order: Order | None = None,
        signal: str | None = None,
        account: str | None = None,
        symbol: str | None = None,
        **data: Any,
    ) -> None:
        """Add a fact to the event stream; values are made JSON, Decimals as strings."""
        owner = group or order
        group_id = group.id if group is not None else order.group_id if order is not None else None
        self.ledger.events.append(
            EventRecord(
                sequence=self.state.sequence + len(self.ledger.events) + 1,
                at=self.now,
                type=type_,
                account=owner.account if owner is not None else account,
                symbol=owner.symbol if owner is not None else symbol,
                group_id=group_id,
                signal_id=signal,
                order_id=order.client_order_id if order is not None else None,
                data={name: to_json(value) for name, value in data.items() if value is not None},
            )
        )

    def find(self, finding: Finding) -> None:
        self.ledger.findings.append(finding)
        self.emit(
            "reconcile.finding",
            account=finding.account,
            symbol=finding.symbol,
            kind=finding.kind,
            before=finding.before,
            after=finding.after,
            action=finding.action,
            group=self.groups.get(finding.group_id) if finding.group_id else None,
        )

    def alert(self, severity: str, sentence: str, *, group: Group | None = None, **data: Any) -> None:
        self.emit("alert.raised", group=group, severity=severity, detail=sentence, **data)

    # ------------------------------------------------------------------ the unit of work

    def savepoint(self) -> tuple[Any, ...]:
        """What `rollback` needs to undo everything since."""
        return (
            dict(self.groups.changes),
            dict(self.orders.changes),
            dict(self.queue.changes),
            dict(self.signals),
            dict(self.last_exits.changes),
            dict(self.facts.changes),
            dict(self.actions.changes),
            {key: list(value) for key, value in self.new_orders_of.items()},
            set(self.trade_ids),
            self.ledger.copy(),
            self.wants_promotion,
            self.fills_looked_after,
            self.new_config,
            dict(self.touched),
        )

    def rollback(self, savepoint: tuple[Any, ...]) -> None:
        (
            self.groups.changes,
            self.orders.changes,
            self.queue.changes,
            self.signals,
            self.last_exits.changes,
            self.facts.changes,
            self.actions.changes,
            self.new_orders_of,
            self.trade_ids,
            self.ledger,
            self.wants_promotion,
            self.fills_looked_after,
            self.new_config,
            self.touched,
        ) = savepoint

    def changes(self) -> Changes:
        """Everything to be written."""
        ledger = self.ledger
        self._book_realized()
        return Changes(
            signals=tuple(self.signals.values()),
            groups=tuple(self._group_changes()),
            orders=tuple(order for order in self.orders.changes.values() if order is not None),
            fills=tuple(ledger.fills),
            funding=tuple(ledger.funding),
            queue_put=tuple(entry for entry in self.queue.changes.values() if entry is not None),
            queue_removed=tuple(key for key, entry in self.queue.changes.items() if entry is None),
            last_exits=tuple((key, at) for key, at in self.last_exits.changes.items() if at is not None),
            events=tuple(ledger.events),
            findings=tuple(ledger.findings),
            equity=tuple(ledger.equity),
            facts={key: value or "" for key, value in self.facts.changes.items()},
            actions=tuple(action for action in self.actions.changes.values() if action is not None),
        )

    def _changed_groups(self) -> Iterator[tuple[Group | None, Group]]:
        """Groups as they were, None where they are new, and as they are."""
        for group in self.groups.changes.values():
            if group is None:
                continue
            old = self.state.groups.get(group.id) or self.loaded.get(group.id)
            if old is not group:
                yield old, group

    def entries_since(self, moment: datetime) -> int:
        """How many pyramids were added after `moment`, at most a minute ago, all accounts together."""
        new = sum(len(group.pyramids) - (len(old.pyramids) if old else 0) for old, group in self._changed_groups())
        times = self.state.entry_times
        while times and times[0] <= moment:
            times.popleft()
        return new + len(times)

    def realized_now(self) -> Iterator[tuple[str, Decimal]]:
        """(account, amount) of what groups realised in this turn; the facts learn of it when it is written."""
        for old, group in self._changed_groups():
            gained = group.realized_pnl - (old.realized_pnl if old else ZERO)
            if gained:
                yield group.account, gained

    def _book_realized(self) -> None:
        """Add what was realised in this turn to the day's sum of each account."""
        for account, gained in list(self.realized_now()):
            name = realized_fact(account, self.now)
            self.facts.put(name, f"{Decimal(self.facts.get(name) or 0) + gained:f}")

    def _group_changes(self) -> Iterator[GroupChange]:
        for old, group in self._changed_groups():
            old_legs = {id(leg) for leg in old.legs} if old else set()
            old_pyramids = {id(pyramid) for pyramid in old.pyramids} if old else set()
            yield GroupChange(
                group,
                tuple(leg for leg in group.legs if id(leg) not in old_legs),
                tuple(pyramid for pyramid in group.pyramids if id(pyramid) not in old_pyramids),
            )

    def apply(self) -> None:
        """Lay the changes into the state; the disk has them."""
        state = self.state
        state.config = self.config
        for group in self.groups.changes.values():
            if group is not None:
                index_group(state, group)
        for key, order in self.orders.changes.items():
            if order is not None:
                state.orders[key] = order
                note_entry(state, order)
        for group_id, new in self.new_orders_of.items():
            state.orders_of.setdefault(group_id, []).extend(new)
        self._apply_queue()
        for record in self.signals.values():
            remember_signal(state, record)
        state.last_exits.update({key: at for key, at in self.last_exits.changes.items() if at is not None})
        state.facts.update({key: value or "" for key, value in self.facts.changes.items()})
        state.actions.update({key: action for key, action in self.actions.changes.items() if action is not None})
        state.trade_ids |= self.trade_ids
        for fill in self.ledger.fills:
            state.fills_of.setdefault(fill.group_id, []).append(fill)
        state.funding_ids |= {(item.account, item.payment_id, item.group_id) for item in self.ledger.funding}
        state.sequence += len(self.ledger.events)
        state.revision += 1

    def _apply_queue(self) -> None:
        state = self.state
        for signal_id, entry in self.queue.changes.items():
            if entry is None:
                gone = state.queue.pop(signal_id, None)
                state.ranks.drop(signal_id)
                state.reserving.discard(signal_id)
                if gone is not None and state.queued_of.get(gone.identity) == signal_id:
                    del state.queued_of[gone.identity]
            else:
                state.queue[signal_id] = entry
                state.ranks.put(entry)
                state.queued_of[entry.identity] = signal_id
                if entry.reserved_group is not None:
                    state.reserving.add(signal_id)
