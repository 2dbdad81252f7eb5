"""Dashboard: what it is worth, what is open, what came in."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication

from app.gui.models.equity import equity_points
from app.gui.view_store import Alert
from app.messages.records import EquitySample
from tests.gui.conftest import Scene, group, many_groups, signal
from tests.support.examples import NOON, engine_snapshot, money_snapshot

D = Decimal


async def test_with_nothing_open_every_field_says_so(scene: Scene) -> None:
    scene.show([])
    dashboard = scene.window.dashboard
    assert dashboard.equity.figure.text() == "10,000.00"
    assert dashboard.groups.count == 0
    assert dashboard.signals.count == 0
    assert dashboard.alerts.count == 0
    assert not scene.window.grab().isNull()


async def test_the_figures_are_the_engines(scene: Scene) -> None:
    money = money_snapshot(
        equity=D("11303.72"), started_with=D(10_000), realized_today=D("41.37"), trades_today=6, unrealized=D("19.12"),
        invested=D(7717),
    )  # fmt: skip
    scene.engine.state = engine_snapshot(money=money, open_groups=8, max_open_groups=8, queued=5)
    scene.show([group(number) for number in range(1, 9)])
    dashboard = scene.window.dashboard
    assert dashboard.equity.figure.text() == "11,303.72"
    assert dashboard.realised.signed.text == "+41.37"
    assert dashboard.unrealised.signed.text == "+19.12"
    assert dashboard.slots.accessibleName() == "8 of 8 slots taken"


async def test_groups_stand_best_first_and_a_click_opens_one(scene: Scene) -> None:
    worse = replace(group(2), unrealized_pnl=D(-50), unrealized_percent=D(-5))
    scene.show([worse, group(1)])
    bars = scene.window.dashboard.groups
    assert [text.split(" ")[0] for text in bars.shown()] == ["ETH/USDT:USDT", "SOL/USDT:USDT"]
    told = QSignalSpy(bars.chosen)
    bars.chosen.emit(bars.key_of(0))
    assert told.count() == 1
    assert scene.window.current == "positions"
    assert scene.window.positions.table.current_key == "g0000001"


async def test_two_hundred_groups_show_those_that_fit(scene: Scene) -> None:
    scene.engine.state = engine_snapshot(max_open_groups=200)
    scene.show(many_groups(), [signal(number) for number in range(1, 60)])
    QApplication.processEvents()
    dashboard = scene.window.dashboard
    assert dashboard.groups.count == 200
    assert 5 <= len(dashboard.groups.shown()) <= 12
    assert not scene.window.grab().isNull()


async def test_alerts_stand_newest_first(scene: Scene) -> None:
    for number, severity in enumerate(("info", "warning", "critical")):
        at = NOON + timedelta(seconds=number)
        scene.store.alerts.appendleft(Alert(number, at, severity, f"sentence {number}", None, None))
    scene.show([])
    assert scene.window.dashboard.alerts.shown()[0] == "critical: sentence 2"


def test_the_equity_curve_adds_the_accounts_up() -> None:
    samples = [
        EquitySample(NOON, "a", D(100), D(0)),
        EquitySample(NOON, "b", D(50), D(0)),
        EquitySample(NOON + timedelta(minutes=5), "a", D(130), D(20)),
    ]
    points = equity_points(samples)
    assert [(point.realised, point.total) for point in points] == [(D(150), D(150)), (D(170), D(180))]
