"""Brings the engine's facts to the window: gathered, and passed on at most ten times a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import replace
from datetime import timedelta
from typing import Any

import structlog
from PySide6.QtCore import QObject, Qt, QTimer

from app.base.errors import AppError
from app.gui.desk import Desk
from app.gui.view_store import Change, ViewStore
from app.messages.records import EventRecord
from app.messages.snapshots import GroupSnapshot
from app.ports.queries import Filter, PageRequest

log = structlog.get_logger("window")
REFRESH_MS = 100
GROUPS_AT_ONCE = 24
"""So many groups are looked at in one refresh, so that the loop comes back soon; the rest waits for the next."""
AGES_EVERY_MS = 1000
SIGNALS_AT_ONCE = 50
EQUITY_SHOWN = timedelta(days=400)
RELOAD_EVERY_MS = 2000


class EngineBridge(QObject):
    """Listens from `start` on; everything it learns goes into the store."""

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__()
        self._desk = desk
        self._store = store
        self._ends: list[Callable[[], None]] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._groups: dict[str, None] = {}
        self._markets: set[tuple[str, str]] = set()
        self._alerts: list[EventRecord] = []
        self._sequence = desk.engine.snapshot().last_sequence
        self._engine_changed = False
        self._signals_changed = False
        self._equity_changed = False
        self._refresh = self._timer(REFRESH_MS, self._pass_on, single=True)
        self._ages = self._timer(AGES_EVERY_MS, self._age)
        self._reload = self._timer(RELOAD_EVERY_MS, self.reload)

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
        for timer in (self._refresh, self._ages, self._reload):
            timer.stop()
        for task in self._tasks:
            task.cancel()

    def reload(self) -> None:
        """Take everything anew; what is no longer open is gone."""
        groups = self._desk.engine.open_groups()
        gone = self._store.groups.keys() - {group.id for group in groups}
        change = self._store.put_groups(groups, gone)
        self._store.engine = self._desk.engine.snapshot()
        if self._store.lost_at is not None and self._store.engine.last_sequence <= self._sequence:
            self._store.lost_at = None
            self._reload.stop()
        self._store.changed.emit(replace(change, engine=True))

    # ------------------------------------------------------------------ what the engine tells

    def _on_event(self, event: EventRecord) -> None:
        if event.sequence > self._sequence + 1:
            self._missed(event)
        self._sequence = event.sequence
        self._engine_changed = True
        if event.group_id is not None:
            self._groups[event.group_id] = None
        if event.type.startswith("signal."):
            self._signals_changed = True
        elif event.type == "alert.raised":
            self._alerts.append(event)
        elif event.type in {"trade.closed", "position.updated"}:
            self._equity_changed = True
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
        if not self._refresh.isActive():
            self._refresh.start()

    # ------------------------------------------------------------------ what the window gets

    def _pass_on(self) -> None:
        for market in self._markets:
            self._groups.update(dict.fromkeys(self._store.by_market.get(market, ())))
        self._markets.clear()
        wanted = list(self._groups)[:GROUPS_AT_ONCE]
        for group_id in wanted:
            del self._groups[group_id]
        groups, gone = self._look_at(wanted)
        change = replace(self._store.put_groups(groups, gone), engine=True, alerts=bool(self._alerts))
        self._store.engine = self._desk.engine.snapshot()
        self._store.put_alerts(self._alerts)
        self._alerts.clear()
        self._engine_changed = False
        if self._signals_changed:
            self._signals_changed = False
            self._do(self._read_signals())
        self._store.changed.emit(change)
        if self._groups:
            self._soon()

    def _look_at(self, ids: list[str]) -> tuple[list[GroupSnapshot], list[str]]:
        groups: list[GroupSnapshot] = []
        gone: list[str] = []
        for group_id in ids:
            group = self._desk.engine.group(group_id)
            if group is None:
                gone.append(group_id)
            else:
                groups.append(group)
        return groups, gone

    def _age(self) -> None:
        """Ages and stale values are told by the clock, not by events."""
        self._store.engine = self._desk.engine.snapshot()
        self._store.changed.emit(Change(engine=True))
        if self._equity_changed:
            self._equity_changed = False
            self._do(self._read_equity())

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
            self._signals_changed = True
            return
        self._store.put_signals(page.rows)
        self._store.changed.emit(Change(signals=True))

    async def _read_alerts(self) -> None:
        events = await self._desk.queries.events(max(self._sequence - 5_000, 0), frozenset({"alert.raised"}), 500)
        self._store.put_alerts(events)
        self._store.changed.emit(Change(alerts=True))

    async def _read_equity(self) -> None:
        samples = await self._desk.queries.equity(self._desk.clock.now() - EQUITY_SHOWN)
        self._store.equity = tuple(samples)
        self._store.changed.emit(Change(equity=True))
