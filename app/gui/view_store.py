"""What the window shows: the newest snapshots, and what changed in them. Written by the bridge alone."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QObject, Signal

from app.gui import formats
from app.messages.records import EquitySample, EventRecord, SignalRecord
from app.messages.snapshots import EngineSnapshot, GroupSnapshot, QueueSnapshot, RiskSnapshot

ALERTS_KEPT = 200
TOLD = frozenset({"alert.raised", "trade.closed"})
"""Events that the trader is told."""
CLOSE_WORDS = {
    "take_profit": "closed by take-profit",
    "stop_loss": "closed by its stop",
    "exit_signal": "closed by an exit signal",
    "reverse": "closed to turn around",
    "manual": "closed by hand",
    "close_all": "closed with all others",
    "offset": "closed to offset a loss",
    "reconciled": "closed at the exchange",
    "liquidated": "was liquidated",
    "adl": "was deleveraged by the exchange",
    "protection_failed": "closed for want of a stop",
    "dust": "closed but for dust",
    "cancelled": "ended without a fill",
}
SIGNALS_KEPT = 500


@dataclass(frozen=True, slots=True)
class Alert:
    """A sentence for the trader; `severity` is done, info, warning, error or critical.

    `result` is what a closed trade came to, None where no trade was closed.
    """

    sequence: int
    at: datetime
    severity: str
    sentence: str
    symbol: str | None
    group_id: str | None
    result: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is new since the last one. `groups` came or changed, `gone` are no longer open."""

    groups: frozenset[str] = frozenset()
    gone: frozenset[str] = frozenset()
    engine: bool = False
    signals: bool = False
    alerts: bool = False
    equity: bool = False
    queue: bool = False
    risk: bool = False
    pending: bool = False
    ages: bool = False
    """A second has passed: ages are to be told anew."""


@dataclass(slots=True)
class Pending:
    """An action under way: what it does, in words."""

    text: str
    since: datetime


class ViewStore(QObject):
    """One signal, `changed(Change)`, at most ten times a second."""

    changed = Signal(object)
    risk_wanted = Signal()
    """Somebody begins to look at the risk: it is to be read now."""

    def __init__(self, snapshot: EngineSnapshot) -> None:
        super().__init__()
        self.engine = snapshot
        self.groups: dict[str, GroupSnapshot] = {}
        """Open groups, in order of creation."""
        self.by_market: dict[tuple[str, str], set[str]] = {}
        self.signals: dict[str, SignalRecord] = {}
        """Newest first."""
        self.signals_kept = SIGNALS_KEPT
        """Grows as a person reads on into the past."""
        self.alerts: deque[Alert] = deque(maxlen=ALERTS_KEPT)
        """Newest first."""
        self.equity: tuple[EquitySample, ...] = ()
        self.queue: tuple[QueueSnapshot, ...] = ()
        """By rank."""
        self.risk: RiskSnapshot | None = None
        """None before it was read for the first time."""
        self._risk_watchers: set[str] = set()
        self.pending: dict[str, Pending] = {}
        """By group id, signal id, or a name of `app.gui.actions`."""
        self.lost_at: datetime | None = None
        """Since when events are missing; everything is reloaded until it has caught up."""

    # ------------------------------------------------------------------ who looks at the risk

    def watch_risk(self, watcher: str) -> None:
        """Have the risk read every second until `leave_risk`: it is too dear to be read for nobody."""
        self._risk_watchers.add(watcher)
        self.risk_wanted.emit()

    def leave_risk(self, watcher: str) -> None:
        self._risk_watchers.discard(watcher)

    @property
    def is_risk_watched(self) -> bool:
        closing = self.risk.close_all if self.risk is not None else None
        return bool(self._risk_watchers) or (closing is not None and closing.finished_at is None)

    # ------------------------------------------------------------------ written by the bridge

    def put_groups(self, groups: Iterable[GroupSnapshot], gone: Iterable[str] = ()) -> Change:
        """Take newer snapshots; a closed one is gone."""
        changed: set[str] = set()
        left = set(gone)
        for group in groups:
            if group.closed_at is not None:
                left.add(group.id)
            elif self.groups.get(group.id) != group:
                self.groups[group.id] = group
                self.by_market.setdefault((group.account, group.symbol), set()).add(group.id)
                changed.add(group.id)
        return Change(groups=frozenset(changed), gone=frozenset(self._remove(left)))

    def _remove(self, ids: Iterable[str]) -> list[str]:
        removed: list[str] = []
        for group_id in ids:
            group = self.groups.pop(group_id, None)
            if group is not None:
                self.by_market[group.account, group.symbol].discard(group_id)
                self.pending.pop(group_id, None)
                removed.append(group_id)
        return removed

    def put_signals(self, records: Sequence[SignalRecord]) -> None:
        """Merge records, newest first."""
        if not records:
            return
        merged = self.signals | {record.id: record for record in records}
        ordered = sorted(merged.values(), key=lambda record: (record.received_at, record.id), reverse=True)
        self.signals = {record.id: record for record in ordered[: self.signals_kept]}

    def put_alerts(self, events: Iterable[EventRecord]) -> None:
        for event in events:
            self.alerts.appendleft(alert_of(event))


def alert_of(event: EventRecord) -> Alert:
    """An alert, or a closed trade with its result."""
    if event.type == "trade.closed":
        return _closed(event)
    severity, sentence = str(event.data.get("severity", "info")), str(event.data.get("detail", ""))
    return Alert(event.sequence, event.at, severity, _capital(sentence), event.symbol, event.group_id)


def _closed(event: EventRecord) -> Alert:
    """A loss is news; only what was no loss is marked as well done."""
    name = f"{formats.pair(event.symbol or '')[0]} {event.data.get('timeframe', '')}".strip()
    reason = CLOSE_WORDS.get(str(event.data.get("reason")), "ended")
    result = Decimal(str(event.data.get("realized_pnl", "0")))
    after = f", {formats.signed_money(result)} after fees" if result else ""
    said = _capital(f"{name} {reason}{after}")
    severity = "info" if result < 0 else "done"
    return Alert(event.sequence, event.at, severity, said, event.symbol, event.group_id, result)


def _capital(sentence: str) -> str:
    return f"{sentence[:1].upper()}{sentence[1:]}"
