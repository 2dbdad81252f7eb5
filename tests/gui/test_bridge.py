"""The bridge: what changed, gathered, ten times a second; gaps are noticed, and only known markets count."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtTest import QSignalSpy

from app.gui.bridge import GROUPS_AT_ONCE, REFRESH_MS, EngineBridge
from app.gui.view_store import Change
from app.messages.records import EventRecord
from tests.gui.conftest import Scene, group, many_groups, signal
from tests.support.examples import event_of
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
        return next(timer for timer in self.bridge.findChildren(QTimer) if timer.isSingleShot())

    def fire(self) -> None:
        """The next refresh falls due."""
        assert self.timer.isActive()
        self.timer.stop()
        self.timer.timeout.emit()


@pytest.fixture
async def bridged(scene: Scene) -> AsyncIterator[Bridged]:
    made = Bridged(scene)
    await made.bridge.start()
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


async def test_a_refresh_takes_a_bounded_number_of_groups_and_the_next_the_rest(bridged: Bridged) -> None:
    bridged.scene.engine.groups = many_groups()
    for number in range(1, 201):
        bridged.scene.engine.publish(event(number, "order.placed", f"g{number:07d}"))
    sizes = []
    while bridged.timer.isActive():
        bridged.fire()
        sizes.append(len(bridged.changes[-1].groups))
    assert max(sizes) == GROUPS_AT_ONCE
    assert sum(sizes) == 200


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


async def test_signals_are_read_once_for_a_burst(bridged: Bridged) -> None:
    bridged.scene.queries.signal_rows = [signal(1)]
    for number in range(1, 20):
        bridged.scene.engine.publish(event(number, "signal.received"))
    bridged.fire()
    await until(lambda: bool(bridged.scene.store.signals))
    assert len(bridged.scene.queries.filters) <= 2


async def test_alerts_reach_the_store_with_their_severity(bridged: Bridged) -> None:
    bridged.scene.engine.publish(event(1, "alert.raised", severity="warning", detail="the stop was placed again"))
    told = QSignalSpy(bridged.scene.store.changed)
    bridged.fire()
    assert told.count() == 1
    assert bridged.scene.store.alerts[0].sentence == "the stop was placed again"


async def test_after_the_stop_nothing_is_heard(bridged: Bridged) -> None:
    bridged.bridge.stop()
    bridged.bridge.stop()
    assert bridged.scene.engine.listeners == []
    assert bridged.scene.engine.price_listeners == []
