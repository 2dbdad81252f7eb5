"""Dashboard: what it is worth, what is open, what came in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtTest import QSignalSpy
from PySide6.QtWidgets import QApplication

from app.gui.models.delegates import blocks_width
from app.gui.models.equity import equity_points, live_point, realised_until
from app.gui.panels.dashboard_lists import OUTCOME
from app.gui.theme import theme
from app.gui.view_store import Alert, Change
from app.messages.records import EquitySample
from tests.gui.conftest import Scene, group, many_groups, signal
from tests.support.examples import NOON, account_snapshot, engine_snapshot, money_snapshot

D = Decimal


async def test_with_nothing_open_every_field_says_so(scene: Scene) -> None:
    scene.show([])
    dashboard = scene.window.dashboard
    assert dashboard.figures.equity.figure.text() == "10,000.00"
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
    assert dashboard.figures.equity.figure.text() == "11,303.72"
    assert dashboard.figures.realised.signed.text == "+41.37"
    assert dashboard.figures.unrealised.signed.text == "+19.12"
    assert dashboard.figures.pool.slots.accessibleName() == "8 of 8 slots taken"


async def test_beside_real_money_paper_is_left_out_and_the_figures_say_so(scene: Scene) -> None:
    live = account_snapshot(id="main", environment="live", armed=True, free=D(40))
    scene.tell(accounts=(account_snapshot(), replace(live, armed=False)))
    worth = {"paper": D(10_000), "main": D(90)}
    scene.store.equity = tuple(EquitySample(NOON, account, total, D(0)) for account, total in worth.items())
    scene.store.changed.emit(Change(equity=True))
    dashboard = scene.window.dashboard
    assert dashboard.figures.equity.unit.text() == "USDT paper"
    assert dashboard.chart.points[0].total == 10_000
    scene.tell(accounts=(account_snapshot(), live), money=money_snapshot(environment="live", equity=D(100)))
    assert dashboard.figures.equity.unit.text() == "USDT live"
    assert [point.total for point in dashboard.chart.points] == [90, 100]


async def test_groups_stand_best_first_and_a_click_opens_one(scene: Scene) -> None:
    worse = replace(group(2), unrealized_pnl=D(-50), unrealized_percent=D(-5))
    scene.show([worse, group(1)])
    bars = scene.window.dashboard.groups
    assert [text.split(" ")[0] for text in bars.shown()] == ["ETH/USDT", "SOL/USDT"]
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


@pytest.fixture
def zoomed(scene: Scene) -> Iterator[None]:
    """The window remembers its own size of text: it is chosen after it."""
    assert scene.window.isVisible()
    theme.zoom(150)
    yield
    theme.zoom(100)


async def test_the_largest_loss_leaves_the_leg_blocks_free(scene: Scene) -> None:
    scene.show([group(1, unrealized_pnl=D(-900), legs=9), group(2)])
    QApplication.processEvents()
    bars = scene.window.dashboard.groups
    places = bars._places(bars._inner())
    assert places.blocks is not None
    assert places.longest >= theme.scaled(30)
    assert places.zero - places.longest > places.blocks + blocks_width(9)


@pytest.mark.usefixtures("zoomed")
async def test_in_large_text_bars_push_the_blocks_out_and_the_heading_says_so(scene: Scene) -> None:
    scene.show([group(1, unrealized_pnl=D(-900), legs=9), group(2)])
    QApplication.processEvents()
    dashboard = scene.window.dashboard
    dashboard.refresh(None)
    places = dashboard.groups._places(dashboard.groups._inner())
    assert places.blocks is None
    assert places.longest > 0
    assert dashboard._bars_are.text() == "unrealised USDT"
    assert not scene.window.grab().isNull()


@pytest.mark.parametrize("percent", [90, 100, 110, 125, 150])
def test_the_tag_of_an_outcome_ends_before_the_reason(percent: int) -> None:
    theme.zoom(percent)
    widest = max(theme.advance(word, "table") for word in ("executed", "rejected", "queued", "ignored", "pending"))
    assert widest + theme.metric("icon.tag") + 16 <= theme.scaled(OUTCOME)
    theme.zoom(100)


@pytest.mark.usefixtures("zoomed")
async def test_the_row_of_figures_grows_with_the_text_and_leaves_words_out(scene: Scene) -> None:
    scene.engine.state = engine_snapshot(money=money_snapshot(unrealized=D(-5), equity=D("11303.72")))
    scene.show([group(1)])
    QApplication.processEvents()
    figures = scene.window.dashboard.figures
    assert figures.height() >= figures.equity.sizeHint().height()
    assert figures.unrealised._name.text() == "Unrealised"
    assert "of 5,000 invested" in figures.unrealised.toolTip()
    pool = figures.pool._money
    assert pool.fontMetrics().horizontalAdvance(pool.text()) <= pool.width()
    assert "reserved by resting legs" in pool.text() + pool.toolTip()


def test_the_curve_ends_at_this_moment() -> None:
    samples = [
        EquitySample(NOON, "a", D(100), D(5)),
        EquitySample(NOON, "b", D(50), D(0)),
        EquitySample(NOON + timedelta(minutes=1), "a", D(130), D(20)),
    ]
    points, now = equity_points(samples), NOON + timedelta(seconds=90)
    money = money_snapshot(equity=D(190), realized_total=D(24))
    live = live_point(points, realised_until(samples), money, now)
    assert live is not None
    assert (live.at, live.realised, live.total) == (now, points[-1].realised + 4, D(190))
    assert live_point(points, D(0), money_snapshot(equity=None), now) is None
    assert live_point((), D(0), money, now) is None


async def test_the_curves_last_value_is_the_equity_above_it(scene: Scene) -> None:
    scene.store.equity = (EquitySample(NOON - timedelta(minutes=1), "paper", D(9_990), D(0)),)
    scene.show([])
    scene.tell(money=money_snapshot(equity=D("10012.34")))
    assert scene.window.dashboard.chart.points[-1].total == D("10012.34")
