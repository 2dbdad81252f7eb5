"""One turn of the mailbox: what its messages changed, laid over the state until the disk has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.config import Config
from app.base.ids import IdFactory
from app.domain.client_order_id import Namespace
from app.domain.fill import Fill
from app.domain.group import Group
from app.domain.order import Order
from app.domain.values import ZERO, Identity, OrderRole
from app.engine.indexing import index_group, index_order, index_queued, note_trade, remember_signal
from app.engine.ledger import Journal, Layer, Ledger, Noted, to_json
from app.engine.money import realized_fact
from app.engine.state import BookKey, EngineState, MarketKey, Tally, TradeKey, external_fact
from app.messages.effects import Effect
from app.messages.records import (
    Changes,
    EventRecord,
    Finding,
    GroupChange,
    QueueEntry,
    RiskAction,
    SeenSignal,
    SignalOutcome,
    SignalRecord,
)


@dataclass(slots=True)
class Savepoint:
    """What `Turn.rollback` needs to undo everything since."""

    changes: int
    appended: tuple[int, ...]
    touched: dict[str, None]
    plain: tuple[Any, ...]


class Turn:
    """Reads see the turn's own writes; of what is written to disk nothing reaches the state before the disk has it.

    What is known only while the process runs (accounts, markets, balances, what was seen once) handlers write into the
    state at once: it is so whether or not the turn succeeds; what is not, the `journal` takes back.

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
        self.journal = journal = Journal()
        self.groups: Layer[str, Group] = Layer(state.groups, journal)
        self.orders: Layer[str, Order] = Layer(state.orders, journal)
        self.queue: Layer[str, QueueEntry] = Layer(state.queue, journal)
        self.signals: Noted[str, SignalRecord] = Noted(journal)
        self.last_exits: Layer[Identity, datetime] = Layer(state.last_exits, journal)
        self.facts: Layer[str, str] = Layer(state.facts, journal)
        self.actions: Layer[str, RiskAction] = Layer(state.actions, journal)
        self.new_orders_of: Noted[str, tuple[str, ...]] = Noted(journal)
        self.trade_ids: Noted[TradeKey, str] = Noted(journal)
        """The trades that are known from this turn on, with their groups."""
        self.loaded: Noted[str, Group] = Noted(journal)
        """Groups that came back into memory in this turn, as the disk has them."""
        self.entries_put: list[str] = []
        """Client ids of entries, as often as they were put."""
        self.tallies: dict[tuple[str, str], Tally] = {}
        """Of those entries, by account and currency: in a burst of signals each asks after all before it."""
        self.ledger = Ledger()
        self.touched: dict[str, None] = {}
        self.wants_promotion = False
        self.fills_looked_after = 0
        self.new_config: Config | None = None
        self.recovered = state.recovered
        self.day: date | None = state.day
        self.resumes = False
        """Whether the disk, which had halted all, takes writes again."""
        self.forgets = False
        """Whether it is time to forget what is long over, once the turn is."""

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
        return [group for group in self.groups.get_all(known) if group.is_open]

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
        for group in self.groups_on(identity.account, identity.symbol):
            if group.identity == identity:
                return group
        return None

    def groups_on(self, account: str, symbol: str) -> list[Group]:
        """Open groups on one market, in order of creation."""
        known = self.state.open_on.get((account, symbol), {})
        changed = [group for group in self.groups.changed() if group.symbol == symbol and group.account == account]
        ids = [*known, *(group.id for group in changed if group.id not in known)]
        return [group for group in self.groups.get_all(ids) if group.is_open]

    def closed_since(self, moment: datetime, market: MarketKey | None = None) -> Iterator[Group]:
        """Groups closed at `moment` or later, of one market or of all, at most as long ago as is remembered."""
        changed, state = self.groups.changes, self.state
        for group in changed.values():
            is_there = group is not None and market in {None, group.market_key}
            if is_there and group is not None and group.closed_at is not None and group.closed_at >= moment:
                yield group
        for group_id in reversed(state.closed if market is None else state.closed_on.get(market, {})):
            if state.closed[group_id] < moment:
                return
            closed_at = state.groups[group_id].closed_at
            if group_id not in changed and closed_at is not None and closed_at >= moment:
                yield state.groups[group_id]

    def orders_that_live(self) -> list[Order]:
        """All live orders, of whatever group and account."""
        new = (key for key in self.orders.changes if key not in self.state.live)
        return [order for order in self.orders.get_all([*self.state.live, *new]) if order.is_live]

    def orders_of(self, group_id: str) -> list[Order]:
        """All orders of a group, in order of creation."""
        ids = [*self.state.orders_of.get(group_id, ()), *self.new_orders_of.get(group_id, ())]
        return self.orders.get_all(ids)

    def fills_of(self, group_id: str) -> list[Fill]:
        """All fills of a group, in the order of their booking."""
        new = (fill for fill in self.ledger.fills if fill.group_id == group_id)
        return self._kept([*self.state.fills_of.get(group_id, ()), *new])

    def _kept(self, fills: list[Fill]) -> list[Fill]:
        removed = self.ledger.fills_removed
        return [fill for fill in fills if fill not in removed] if removed else fills

    def live_orders(self, group_id: str) -> list[Order]:
        return [order for order in self.orders_of(group_id) if order.is_live]

    def pending_signals(self) -> list[SignalRecord]:
        """Recorded and not acted on yet, in order of arrival."""
        known = {**self.state.pending_signals, **self.signals}
        return [record for record in known.values() if record.outcome is SignalOutcome.PENDING]

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

    def has_trade(self, key: TradeKey) -> bool:
        return key in self.trade_ids or key in self.state.trade_ids

    def fact(self, name: str) -> str | None:
        return self.facts.get(name) or None

    def facts_under(self, prefix: str) -> list[str]:
        """The names of those that begin so and say something."""
        names = {**self.facts.base, **self.facts.changes}
        return [name for name in names if name.startswith(prefix) and self.fact(name) is not None]

    def external(self, book: BookKey) -> Decimal:
        """Position quantity in a book that is not ours, with what this turn has found of it."""
        return Decimal(self.fact(external_fact(book)) or 0)

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
        if known is None:
            ids = self.new_orders_of.get(order.group_id, ())
            self.new_orders_of[order.group_id] = (*ids, order.client_order_id)
        elif vars(known) == vars(order):  # as `==`, which makes two tuples of all fields first
            return
        self.orders.put(order.client_order_id, order)
        if order.role is OrderRole.ENTRY:
            self.entries_put.append(order.client_order_id)

    def put_fill(self, fill: Fill) -> None:
        self.ledger.fills.append(fill)
        self.note_trade((fill.account, fill.symbol, fill.trade_id), fill.group_id)

    def replace_fill(self, old: Fill, new: Fill | None) -> None:
        """Put what is left of a fill that was booked from a sum in its place."""
        self.ledger.fills_removed.append(old)
        if new is not None:
            self.put_fill(new)

    def note_trade(self, key: TradeKey, group_id: str) -> None:
        self.trade_ids[key] = group_id

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

    def savepoint(self) -> Savepoint:
        """Cheap, however much the turn has gathered: one is taken for every message and every group."""
        plain = (
            self.wants_promotion,
            self.fills_looked_after,
            self.new_config,
            self.recovered,
            self.day,
            self.resumes,
        )
        return Savepoint(len(self.journal), self.ledger.lengths(), dict(self.touched), plain)

    def rollback(self, savepoint: Savepoint) -> None:
        self.journal.rewind(savepoint.changes)
        self.tallies.clear()
        self.ledger.rewind(savepoint.appended)
        self.touched = dict(savepoint.touched)
        (
            self.wants_promotion,
            self.fills_looked_after,
            self.new_config,
            self.recovered,
            self.day,
            self.resumes,
        ) = savepoint.plain

    def changes(self) -> Changes:
        """Everything to be written."""
        ledger = self.ledger
        self._book_realized()
        return Changes(
            signals=tuple(self.signals.values()),
            groups=tuple(self._group_changes()),
            orders=self.orders.changed(),
            fills=tuple(self._kept(ledger.fills)),
            fills_removed=tuple(fill.key for fill in ledger.fills_removed),
            funding=tuple(ledger.funding),
            queue_put=self.queue.changed(),
            queue_removed=tuple(key for key, entry in self.queue.changes.items() if entry is None),
            last_exits=tuple((key, at) for key, at in self.last_exits.changes.items() if at is not None),
            events=tuple(ledger.events),
            findings=tuple(ledger.findings),
            equity=tuple(ledger.equity),
            facts={key: value or "" for key, value in self.facts.changes.items()},
            actions=self.actions.changed(),
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
        self._apply_standing()
        for group in self.groups.changed():
            index_group(state, group, self.now)
        for order in self.orders.changed():
            index_order(state, order)
        for group_id, new in self.new_orders_of.items():
            state.orders_of.setdefault(group_id, []).extend(new)
        for signal_id, entry in self.queue.changes.items():
            index_queued(state, signal_id, entry)
        for record in self.signals.values():
            remember_signal(state, record)
        state.last_exits.update({key: at for key, at in self.last_exits.changes.items() if at is not None})
        state.facts.update({key: value or "" for key, value in self.facts.changes.items()})
        state.actions.update({key: action for key, action in self.actions.changes.items() if action is not None})
        for key, group_id in self.trade_ids.items():
            note_trade(state, key, group_id)
        for group_id in {fill.group_id for fill in self.ledger.fills}:
            state.fills_of[group_id] = self.fills_of(group_id)
        state.funding_ids.update({(item.account, item.payment_id): item.at for item in self.ledger.funding})

    def _apply_standing(self) -> None:
        state = self.state
        state.sequence += len(
            self.ledger.events
        )  # first: the next turn must be able to write whatever comes of this one
        state.revision += 1
        state.config, state.recovered, state.day = self.config, self.recovered, self.day
        if self.resumes:
            state.halted = state.broken
            state.in_flight.clear()
