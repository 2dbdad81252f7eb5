"""Brings the engine's facts to the window: gathered, and passed on at most ten times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from PySide6.QtCore import QObject, Qt, QTimer

from app.base.clock import Clock
from app.base.errors import AppError
from app.gui.desk import Desk
from app.gui.models.positions import is_stale
from app.gui.view_store import ALERTS_KEPT, TOLD, Change, ViewStore
from app.messages.records import EventRecord
from app.messages.snapshots import EngineSnapshot, GroupSnapshot
from app.ports.queries import Filter, PageRequest

log = structlog.get_logger("window")
REFRESH_MS = 100
GATHER_MS = 15
GROUPS_AT_ONCE = 4
"""So many groups are looked at in one go, so that the loop comes back soon; the next go is 15 ms later."""
AGES_EVERY_MS = 1000
SIGNALS_AT_ONCE = 50
EQUITY_EVERY_SEC = 60
EQUITY_SHOWN = timedelta(days=400)
EQUITY_WHOLE_SEC = 6 * 3600
"""So seldom the whole curve is read, the sparser the older; between, what is new is put behind it."""
JUST_AFTER = timedelta(microseconds=1)
RELOAD_EVERY_MS = 2000
ENGINE_EVERY_SEC = 0.25
"""The engine's own snapshot sums up all groups; it is taken at most so often, or at once after what turns it."""
AGAIN_MS = 4
WAITS_SEC = 0.3
"""So long the window lets the engine go first: what it paints meanwhile would delay an order."""
JUST_SEC = 0.01
LULL_SEC = 0.1
"""Alerts come in runs: the window paints right after one, or when nothing has come for so long."""
READ_EVERY_SEC = 0.9
"""The queue and the risk are read at most so often."""
RISK_MS = 30
"""The risk is read in a step of its own, for it is the dearest."""
TURNING = ("queue.", "trade.", "risk.", "ess.", "engine.", "account.")
AT_ONCE = ("ess.", "engine.", "account.")
QUEUED = frozenset({"signal.queued", "signal.replaced", "signal.promoted"})


class WhenFree(QObject):
    """Does its work as soon as the engine leaves room for it, after WAITS_SEC in any case."""

    def __init__(self, parent: QObject, clock: Clock, is_free: Callable[[], bool], work: Callable[[], None]) -> None:
        super().__init__(parent)
        self._clock = clock
        self._is_free = is_free
        self._work = work
        self._since: float | None = None
        self._again = QTimer(self)
        self._again.setTimerType(Qt.TimerType.PreciseTimer)
        self._again.setInterval(AGAIN_MS)
        self._again.setSingleShot(True)
        self._again.timeout.connect(self.due)

    def due(self) -> None:
        now = self._clock.monotonic()
        self._since = now if self._since is None else self._since
        if now - self._since < WAITS_SEC and not self._is_free():
            self._again.start()
            return
        self._since = None
        self._work()

    def stop(self) -> None:
        self._again.stop()


class EngineBridge(QObject):
    """Listens from `start` on; everything it learns goes into the store."""

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._ends: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._dirty: dict[str, None] = {}
        self._gathered: dict[str, GroupSnapshot] = {}
        self._gone: set[str] = set()
        self._markets: set[tuple[str, str]] = set()
        self._alerts: list[EventRecord] = []
        self._signals: dict[str, None] = {}
        self._sequence = desk.engine.snapshot().last_sequence
        self._engine_changed = False
        self._engine_at: float | None = None
        self._taken: EngineSnapshot | None = None
        self._second_passed = False
        self._stale: set[str] = set()
        self._equity_at = 0.0
        self._equity_whole_at: float | None = None
        self._turned = True
        """Whether an event touched the queue or the risk since they were read."""
        self._queue_at: float | None = None
        self._risk_at: float | None = None
        self._looking = WhenFree(self, desk.clock, self._is_idle, self._look)
        self._gather = self._timer(GATHER_MS, self._looking.due, single=True)
        self._told_at: float | None = None
        """When the last event came, on the monotonic clock."""
        self._passing = WhenFree(self, desk.clock, self._leaves_room, self._pass_on)
        self._refresh = self._timer(REFRESH_MS, self._passing.due, single=True)
        self._ages = self._timer(AGES_EVERY_MS, self._tick)
        self._reload = self._timer(RELOAD_EVERY_MS, self.reload)
        self._reading = WhenFree(self, desk.clock, self._leaves_room, self._read_risk)
        self._risk = self._timer(RISK_MS, self._reading.due, single=True)
        store.risk_wanted.connect(self._want_risk)

    def _timer(self, interval_ms: int, slot: Callable[[], None], *, single: bool = False) -> QTimer:
        timer = QTimer(self)
        timer.setTimerType(Qt.TimerType.PreciseTimer)
        timer.setInterval(interval_ms)
        timer.setSingleShot(single)
        timer.timeout.connect(slot)
        return timer

    async def start(self) -> None:
        self._ends = [
            self._desk.engine.subscribe(self._on_event),
            self._desk.engine.subscribe_prices(self._on_price),
        ]
        self.reload()
        await self._read_alerts()
        await self._read_signals()
        await self._read_equity()
        self._pass_on()
        self._ages.start()

    def stop(self) -> None:
        for end in self._ends:
            end()
        self._ends.clear()
        waiting = (self._looking, self._passing, self._reading)
        for timer in (self._gather, self._refresh, self._ages, self._reload, self._risk, *waiting):
            timer.stop()
        for task in self._tasks:
            task.cancel()

    def reload(self) -> None:
        """Take everything anew; what is no longer open is gone."""
        groups = self._desk.engine.open_groups()
        gone = self._store.groups.keys() - {group.id for group in groups}
        change = self._store.put_groups(groups, gone)
        self._put_engine(self._desk.engine.snapshot())
        if self._store.lost_at is not None and self._store.engine.last_sequence <= self._sequence:
            self._store.lost_at = None
            self._reload.stop()
        self._read_queue()
        if self._store.risk is None or self._store.is_risk_watched:
            self._want_risk()
        self._store.changed.emit(replace(change, engine=True, queue=True))

    # ------------------------------------------------------------------ what the engine tells

    def _on_event(self, event: EventRecord) -> None:
        if event.sequence > self._sequence + 1:
            self._missed(event)
        self._sequence = event.sequence
        self._told_at = self._desk.clock.monotonic()
        self._engine_changed = True
        if event.group_id is not None:
            self._dirty[event.group_id] = None
        if event.signal_id is not None:
            self._signals[event.signal_id] = None
        if event.type in TOLD:
            self._alerts.append(event)
        if event.type in QUEUED or event.type.startswith(TURNING):
            self._turned = True
        if event.type.startswith(AT_ONCE):
            self._engine_at = None
        self._soon()

    def _missed(self, event: EventRecord) -> None:
        log.warning("events were missed", after=self._sequence, next=event.sequence)
        self._store.lost_at = event.at
        self._reload.start()

    def _on_price(self, account: str, symbol: str) -> None:
        if self._store.by_market.get((account, symbol)):
            self._markets.add((account, symbol))
            self._soon()

    def _soon(self) -> None:
        if not self._gather.isActive():
            self._gather.start()
        if not self._refresh.isActive():
            self._refresh.start()

    def _is_idle(self) -> bool:
        return not self._desk.engine.is_busy()

    def _leaves_room(self) -> bool:
        """Whether the engine is idle, and an alert is not to be expected just now."""
        if not self._is_idle():
            return False
        quiet = LULL_SEC if self._told_at is None else self._desk.clock.monotonic() - self._told_at
        return quiet <= JUST_SEC or quiet >= LULL_SEC

    # ------------------------------------------------------------------ gathered a few at a time

    def _look(self) -> None:
        """Take the snapshots of a few groups that changed, or the engine's, for the window's next refresh."""
        if self._engine_changed and self._is_engine_due():
            self._engine_changed = False
            self._engine_at = self._desk.clock.monotonic()
            self._taken = self._desk.engine.snapshot()
        else:
            self._look_at_groups()
        if self._dirty or self._markets:
            self._gather.start()

    def _look_at_groups(self) -> None:
        for market in self._markets:
            self._dirty.update(dict.fromkeys(self._store.by_market.get(market, ())))
        self._markets.clear()
        for group_id in list(self._dirty)[:GROUPS_AT_ONCE]:
            del self._dirty[group_id]
            group = self._desk.engine.group(group_id)
            if group is None:
                self._gone.add(group_id)
            else:
                self._gathered[group_id] = group

    def _is_engine_due(self) -> bool:
        return self._engine_at is None or self._desk.clock.monotonic() - self._engine_at >= ENGINE_EVERY_SEC

    # ------------------------------------------------------------------ what the window gets

    def _pass_on(self) -> None:
        change = self._store.put_groups(self._gathered.values(), self._gone)
        self._gathered.clear()
        self._gone.clear()
        if self._taken is not None:
            self._put_engine(self._taken)
            self._taken = None
            change = replace(change, engine=True)
        if self._second_passed:
            change = self._age(change)
        if (self._turned or (change.ages and self._store.queue)) and self._is_queue_due():
            self._read_queue()
            change = replace(change, queue=True)
        if self._alerts:
            self._store.put_alerts(self._alerts)
            self._alerts.clear()
            change = replace(change, alerts=True)
        if self._signals:
            self._take_signals()
            change = replace(change, signals=True)
        self._store.changed.emit(change)
        if self._dirty or self._markets or self._engine_changed:
            self._soon()

    def _take_signals(self) -> None:
        """Records that the engine still remembers; others come from the disk."""
        found = [self._desk.engine.recent_signal(signal_id) for signal_id in self._signals]
        self._signals.clear()
        self._store.put_signals([record for record in found if record is not None])
        if None in found:
            self._do(self._read_signals())

    def _tick(self) -> None:
        """Ages and stale values are told by the clock, not by events."""
        self._second_passed = self._engine_changed = True
        self._engine_at = None
        self._soon()

    def _age(self, change: Change) -> Change:
        self._second_passed = False
        now = self._desk.clock.now()
        stale = {group.id for group in self._store.groups.values() if is_stale(group, now)}
        turned, self._stale = stale ^ self._stale, stale
        if self._store.is_risk_watched:
            self._want_risk()
        if self._desk.clock.monotonic() - self._equity_at >= EQUITY_EVERY_SEC:
            self._do(self._read_equity())
        return replace(change, ages=True, groups=change.groups | (turned & self._store.groups.keys()))

    # ------------------------------------------------------------------ queue and risk

    def _put_engine(self, snapshot: EngineSnapshot) -> None:
        before, self._store.engine = self._store.engine, snapshot
        if before.emergency != self._store.engine.emergency:
            self._risk_at = None
            self._want_risk()

    def _is_queue_due(self) -> bool:
        return self._queue_at is None or self._desk.clock.monotonic() - self._queue_at >= READ_EVERY_SEC

    def _read_queue(self) -> None:
        self._turned = False
        self._queue_at = self._desk.clock.monotonic()
        self._store.queue = tuple(self._desk.engine.queue())

    def _want_risk(self) -> None:
        due = self._risk_at is None or self._desk.clock.monotonic() - self._risk_at >= READ_EVERY_SEC
        if due and not self._risk.isActive():
            self._risk.start()

    def _read_risk(self) -> None:
        self._risk_at = self._desk.clock.monotonic()
        self._store.risk = self._desk.engine.risk()
        self._store.changed.emit(Change(risk=True))

    # ------------------------------------------------------------------ what the disk tells

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _read_signals(self) -> None:
        try:
            page = await self._desk.queries.signals(Filter(), PageRequest(SIGNALS_AT_ONCE))
        except AppError as error:
            log.warning("signals could not be read", error=str(error))
            return
        self._store.put_signals(page.rows)
        self._store.changed.emit(Change(signals=True))

    async def _read_alerts(self) -> None:
        newest = await self._desk.queries.newest_events(TOLD, PageRequest(ALERTS_KEPT))
        self._store.put_alerts(reversed(newest.rows))
        self._store.changed.emit(Change(alerts=True))

    async def _read_equity(self) -> None:
        self._equity_at = seconds = self._desk.clock.monotonic()
        now, known = self._desk.clock.now(), self._store.equity
        is_old = self._equity_whole_at is None or seconds - self._equity_whole_at >= EQUITY_WHOLE_SEC
        is_whole = is_old or (bool(known) and known[-1].at > now)  # the clock was set back
        known = () if is_whole else known
        since = known[-1].at + JUST_AFTER if known else now - EQUITY_SHOWN
        try:
            samples = await self._desk.queries.equity(since, now)
        except AppError as error:
            log.warning("the equity curve could not be read", error=str(error))
            return
        self._equity_whole_at = seconds if is_whole else self._equity_whole_at
        self._store.equity = (*known, *samples)
        self._store.changed.emit(Change(equity=True))
