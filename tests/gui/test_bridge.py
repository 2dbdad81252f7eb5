"""The bridge: what changed, gathered, ten times a second; gaps are noticed, and only known markets count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QSignalSpy

from app.gui.bridge import (
    AGAIN_MS,
    AGES_EVERY_MS,
    ENGINE_EVERY_SEC,
    EQUITY_EVERY_SEC,
    EQUITY_WHOLE_SEC,
    GATHER_MS,
    GROUPS_AT_ONCE,
    JUST_SEC,
    LULL_SEC,
    REFRESH_MS,
    RISK_MS,
    WAITS_SEC,
    EngineBridge,
)
from app.gui.view_store import Change
from app.messages.records import EquitySample, EventRecord
from tests.gui.conftest import Scene, group, many_groups, signal
from tests.support.examples import NOON, emergency_snapshot, event_of, queue_snapshot, risk_snapshot
from tests.support.fakes import until

D = Decimal


class Bridged:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.bridge = EngineBridge(scene.desk, scene.store)
        self.changes: list[Change] = []
        scene.store.changed.connect(self.changes.append)

    @property
    def timer(self) -> QTimer:
        return self._single(REFRESH_MS)

    @property
    def gatherer(self) -> QTimer:
        return self._single(GATHER_MS)

    def _single(self, interval: int) -> QTimer:
        timers = self.bridge.findChildren(QTimer)
        return next(timer for timer in timers if timer.isSingleShot() and timer.interval() == interval)

    def fire(self) -> None:
        """Everything is gathered, and the next refresh falls due."""
        self.gather_all()
        assert self.timer.isActive()
        self.timer.stop()
        self.timer.timeout.emit()

    def gather_all(self) -> None:
        while self.gatherer.isActive():
            self.gather()

    def second(self) -> None:
        """A second has passed, and the window hears of it."""
        next(timer for timer in self.bridge.findChildren(QTimer) if timer.interval() == AGES_EVERY_MS).timeout.emit()
        self.fire()

    def again(self) -> None:
        """What waited for the engine looks again."""
        timers = [timer for timer in self.bridge.findChildren(QTimer) if timer.interval() == AGAIN_MS]
        waiting = next(timer for timer in timers if timer.isActive())
        waiting.stop()
        waiting.timeout.emit()

    def gather(self) -> None:
        self.gatherer.stop()
        self.gatherer.timeout.emit()


@pytest.fixture
async def bridged(scene: Scene) -> AsyncIterator[Bridged]:
    made = Bridged(scene)
    await made.bridge.start()
    if risk_timer(made).isActive():  # what is wanted at the start is read now, not while a test looks elsewhere
        read_risk(made)
    made.changes.clear()
    yield made
    made.bridge.stop()


def event(number: int, type_: str, group_id: str | None = None, **data: object) -> EventRecord:
    return replace(event_of(number, type_, **data), group_id=group_id)


async def test_many_events_are_one_change(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    for number in range(1, 30):
        bridged.scene.engine.publish(event(number, "order.filled", "g0000001"))
    assert bridged.changes == []
    assert bridged.timer.interval() == REFRESH_MS
    bridged.fire()
    assert [change.groups for change in bridged.changes] == [frozenset({"g0000001"})]


async def test_a_price_touches_only_groups_of_its_market(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1), group(2)]
    bridged.bridge.reload()
    bridged.changes.clear()
    tell = bridged.scene.engine.price_listeners[0]
    tell("paper", "NOBODY/USDT:USDT")
    assert not bridged.timer.isActive()
    bridged.scene.engine.groups[0] = replace(group(1), mark=D(51_000))
    tell("paper", group(1).symbol)
    bridged.fire()
    assert bridged.changes[-1].groups == {"g0000001"}
    assert bridged.scene.store.groups["g0000001"].mark == D(51_000)


async def test_a_snapshot_that_is_the_same_changes_nothing(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.bridge.reload()
    bridged.scene.engine.publish(event(1, "position.updated", "g0000001"))
    bridged.fire()
    assert bridged.changes[-1].groups == frozenset()


async def test_a_closed_group_is_gone(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.bridge.reload()
    bridged.scene.engine.groups = [group(1, closed_at=bridged.scene.clock.now(), status="closed")]
    bridged.scene.engine.publish(event(1, "trade.closed", "g0000001"))
    bridged.fire()
    assert bridged.changes[-1].gone == {"g0000001"}
    assert bridged.scene.store.groups == {}


async def test_few_groups_are_looked_at_in_one_go_and_the_window_hears_of_all_at_once(bridged: Bridged) -> None:
    bridged.scene.engine.groups = many_groups()
    for number in range(1, 201):
        bridged.scene.engine.publish(event(number, "order.placed", f"g{number:07d}"))
    goes = 0
    while bridged.gatherer.isActive():
        bridged.gather()
        goes += 1
    assert goes == 1 + 200 // GROUPS_AT_ONCE  # the engine's own snapshot is a step by itself
    assert bridged.changes == []
    bridged.fire()
    assert [len(change.groups) for change in bridged.changes] == [200]


async def test_while_the_engine_is_busy_the_window_waits_but_not_for_ever(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(1, "order.filled", "g0000001"))
    bridged.gather_all()
    bridged.scene.engine.busy = True
    bridged.fire()
    assert bridged.changes == []
    bridged.scene.clock.advance(WAITS_SEC)
    bridged.again()
    assert [change.groups for change in bridged.changes] == [frozenset({"g0000001"})]


async def test_while_the_engine_is_busy_no_group_is_looked_at_but_not_for_ever(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(1, "order.filled", "g0000001"))
    bridged.scene.engine.busy = True
    bridged.gather()
    assert not bridged.gatherer.isActive()
    bridged.scene.clock.advance(WAITS_SEC)
    bridged.again()
    assert bridged.gatherer.isActive()  # the engine's snapshot has been taken, the group is next


async def test_as_soon_as_the_engine_is_free_the_window_hears(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(1, "order.filled", "g0000001"))
    bridged.gather_all()
    bridged.scene.engine.busy = True
    bridged.fire()
    bridged.scene.engine.busy = False
    bridged.again()
    assert [change.groups for change in bridged.changes] == [frozenset({"g0000001"})]


@pytest.mark.parametrize(("since", "hears"), [(0.0, True), (JUST_SEC, True), (0.05, False), (LULL_SEC, True)])
async def test_the_window_hears_right_after_an_alert_or_when_none_came_for_a_while(
    bridged: Bridged, since: float, hears: bool
) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(1, "order.filled", "g0000001"))
    bridged.scene.clock.advance(since)
    bridged.fire()
    assert bool(bridged.changes) is hears


async def test_a_window_that_waits_for_the_next_alert_hears_right_after_it(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(1, "order.filled", "g0000001"))
    bridged.scene.clock.advance(0.05)
    bridged.fire()
    bridged.scene.engine.publish(event(2, "order.filled", "g0000001"))
    bridged.again()
    assert [change.groups for change in bridged.changes] == [frozenset({"g0000001"})]


async def test_the_engines_snapshot_is_taken_four_times_a_second_at_most(bridged: Bridged) -> None:
    for number in range(1, 4):
        bridged.scene.engine.publish(event(number, "order.placed"))
        bridged.fire()
    assert [change.engine for change in bridged.changes] == [True, False, False]
    bridged.scene.clock.advance(ENGINE_EVERY_SEC)
    bridged.fire()
    assert bridged.changes[-1].engine


async def test_a_pause_is_seen_at_once(bridged: Bridged) -> None:
    bridged.scene.engine.publish(event(1, "order.placed"))
    bridged.fire()
    bridged.scene.engine.state = replace(bridged.scene.engine.state, state="paused")
    bridged.scene.engine.publish(event(2, "engine.paused"))
    bridged.fire()
    assert bridged.scene.store.engine.state == "paused"


async def test_a_price_that_stops_makes_its_groups_stale_once(bridged: Bridged) -> None:
    bridged.scene.engine.groups = [group(1)]
    bridged.bridge.reload()
    bridged.scene.clock.advance(11)
    bridged.changes.clear()
    bridged.second()
    bridged.second()
    assert [change.groups for change in bridged.changes] == [frozenset({"g0000001"}), frozenset()]


@pytest.mark.expects_log_warnings
async def test_a_gap_in_the_events_is_told_and_everything_is_read_anew(bridged: Bridged) -> None:
    bridged.scene.engine.publish(event(1, "order.placed"))
    bridged.scene.engine.groups = [group(1)]
    bridged.scene.engine.publish(event(9, "order.placed"))
    lost = [bridged.scene.store.lost_at]
    bridged.bridge.reload()
    lost.append(bridged.scene.store.lost_at)
    assert [at is None for at in lost] == [False, True]
    assert "g0000001" in bridged.scene.store.groups


async def test_signals_that_the_engine_remembers_need_no_disk(bridged: Bridged) -> None:
    known = signal(1)
    bridged.scene.engine.recent = {known.id: known}
    for number in range(1, 20):
        told = event(number, "signal.received")
        bridged.scene.engine.publish(replace(told, signal_id=known.id))
    before = len(bridged.scene.queries.filters)
    bridged.fire()
    assert list(bridged.scene.store.signals) == [known.id]
    assert len(bridged.scene.queries.filters) == before


async def test_a_signal_that_it_forgot_is_read_from_the_disk(bridged: Bridged) -> None:
    bridged.scene.queries.signal_rows = [signal(1)]
    bridged.scene.engine.publish(replace(event(1, "signal.received"), signal_id=signal(1).id))
    bridged.fire()
    await until(lambda: bool(bridged.scene.store.signals))


async def test_alerts_reach_the_store_with_their_severity(bridged: Bridged) -> None:
    bridged.scene.engine.publish(event(1, "alert.raised", severity="warning", detail="the stop was placed again"))
    told = QSignalSpy(bridged.scene.store.changed)
    bridged.fire()
    assert told.count() == 1
    assert bridged.scene.store.alerts[0].sentence == "The stop was placed again"


async def test_alerts_of_before_the_start_are_shown_however_many_events_came_since(scene: Scene) -> None:
    told = event(1, "alert.raised", severity="critical", detail="a stop is missing")
    scene.queries.event_rows = [told, event(9_000, "reconcile.finished"), event(9_001, "alert.raised", detail="later")]
    scene.engine.state = replace(scene.engine.state, last_sequence=9_001)
    made = Bridged(scene)
    await made.bridge.start()
    assert [alert.sentence for alert in scene.store.alerts] == ["Later", "A stop is missing"]
    made.bridge.stop()


async def test_of_the_equity_only_what_is_new_is_read_each_minute_and_all_of_it_now_and_then(bridged: Bridged) -> None:
    queries, store, clock = bridged.scene.queries, bridged.scene.store, bridged.scene.clock

    def sample(minute: int) -> EquitySample:
        return EquitySample(NOON + timedelta(minutes=minute), "paper", D(10_000 + minute), D(0))

    queries.equity_rows = [sample(0), sample(1)]
    clock.advance(EQUITY_EVERY_SEC)
    bridged.second()
    await until(lambda: len(store.equity) == 2)
    queries.equity_rows = [sample(1), sample(2)]
    clock.advance(EQUITY_EVERY_SEC)
    bridged.second()
    await until(lambda: len(store.equity) == 3)
    assert store.equity == (sample(0), sample(1), sample(2))
    clock.advance(EQUITY_WHOLE_SEC)
    bridged.second()
    await until(lambda: store.equity == (sample(1), sample(2)))


async def test_the_curve_is_read_anew_once_a_clock_that_was_ahead_is_put_right(bridged: Bridged) -> None:
    queries, store, clock = bridged.scene.queries, bridged.scene.store, bridged.scene.clock
    ahead = EquitySample(clock.now() + timedelta(days=1), "paper", D(1), D(0))
    store.equity = (ahead,)
    bridged.bridge._equity_whole_at = clock.monotonic()
    queries.equity_rows = [EquitySample(clock.now(), "paper", D(2), D(0)), ahead]
    clock.advance(EQUITY_EVERY_SEC)
    bridged.second()
    await until(lambda: store.equity == tuple(queries.equity_rows[:1]))


async def test_after_the_stop_nothing_is_heard(bridged: Bridged) -> None:
    bridged.bridge.stop()
    bridged.bridge.stop()
    assert bridged.scene.engine.listeners == []
    assert bridged.scene.engine.price_listeners == []


# ---------------------------------------------------------------------- queue and risk


def risk_timer(bridged: Bridged) -> QTimer:
    return bridged._single(RISK_MS)


def read_risk(bridged: Bridged) -> None:
    timer = risk_timer(bridged)
    assert timer.isActive()
    timer.stop()
    timer.timeout.emit()


async def test_the_queue_is_read_after_events_that_touch_it_at_most_once_a_second(bridged: Bridged) -> None:
    engine, clock = bridged.scene.engine, bridged.scene.clock
    engine.waiting = [queue_snapshot(1)]
    clock.advance(1)
    engine.publish(event(1, "signal.queued"))
    bridged.fire()
    assert [entry.rank for entry in bridged.scene.store.queue] == [1]
    assert bridged.changes[-1].queue
    engine.waiting = []
    engine.publish(event(2, "queue.removed"))
    bridged.fire()
    assert bridged.scene.store.queue
    clock.advance(1)
    bridged.second()
    assert bridged.scene.store.queue == ()


async def test_an_event_that_does_not_touch_the_queue_reads_nothing(bridged: Bridged) -> None:
    bridged.scene.engine.waiting = [queue_snapshot(1)]
    bridged.scene.clock.advance(1)
    bridged.scene.engine.publish(event(1, "order.filled"))
    bridged.fire()
    assert bridged.scene.store.queue == ()


async def test_the_risk_is_read_once_at_the_start_and_then_only_for_somebody(bridged: Bridged) -> None:
    store, clock = bridged.scene.store, bridged.scene.clock
    assert store.risk is bridged.scene.engine.risk_state
    clock.advance(1)
    bridged.second()
    assert not risk_timer(bridged).isActive()
    store.watch_risk("view")
    bridged.scene.engine.risk_state = risk_snapshot(mode="auto")
    read_risk(bridged)
    assert store.risk.mode == "auto"
    bridged.second()
    assert not risk_timer(bridged).isActive()
    clock.advance(1)
    bridged.second()
    assert risk_timer(bridged).isActive()


async def test_a_change_of_the_emergency_stop_reads_the_risk_at_once(bridged: Bridged) -> None:
    engine = bridged.scene.engine
    engine.state = replace(engine.state, emergency=emergency_snapshot(level="critical"))
    engine.publish(event(1, "ess.tripped"))
    bridged.fire()
    assert risk_timer(bridged).isActive()
