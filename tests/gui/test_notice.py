"""The notice bar: its icon and colours tell how it went, and it hides as few figures as it can."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from PySide6.QtWidgets import QWidget

from app.gui.theme import theme
from app.gui.view_store import Change
from app.gui.widgets.notice import NoticeBar
from app.messages.records import EventRecord
from tests.gui.conftest import Scene
from tests.support.fakes import until

AT = datetime(2026, 11, 22, 9, 6, tzinfo=UTC)


def colors_of(widget: QWidget) -> set[str]:
    image = widget.grab().toImage()
    return {image.pixelColor(x, y).name() for x in range(image.width()) for y in range(image.height())}


def shows(notice: NoticeBar, color: str) -> bool:
    return theme.color(color).name() in colors_of(notice)


def close_trade(scene: Scene, result: str, reason: str) -> NoticeBar:
    number = scene.store.engine.last_sequence + len(scene.store.alerts) + 1
    data = {"timeframe": "1h", "reason": reason, "realized_pnl": result}
    event = EventRecord(number, AT, "trade.closed", "paper", "ADA/USDT:USDT", "g0000001", None, None, data)
    scene.store.put_alerts([event])
    scene.store.changed.emit(Change(alerts=True))
    return scene.window.notice


async def test_a_loss_is_news_and_its_sum_is_coloured_as_one(scene: Scene) -> None:
    notice = close_trade(scene, "-32.83", "stop_loss")
    assert notice.sentence == "ADA 1h closed by its stop, \u221232.83 after fees."
    assert (notice.kind, scene.store.alerts[0].severity) == ("info", "info")
    assert shows(notice, "negative")
    assert shows(notice, "info")
    assert not shows(notice, "positive")


async def test_a_gain_is_ticked_and_its_sum_is_coloured_as_one(scene: Scene) -> None:
    notice = close_trade(scene, "4.79", "take_profit")
    assert notice.sentence == "ADA 1h closed by take-profit, +4.79 after fees."
    assert notice.kind == "done"
    assert shows(notice, "positive")
    assert not shows(notice, "negative")


async def test_a_group_that_ended_without_a_fill_has_no_sum(scene: Scene) -> None:
    notice = close_trade(scene, "0", "cancelled")
    assert (notice.sentence, notice.kind) == ("ADA 1h ended without a fill.", "done")


async def test_the_emergency_stop_is_told_as_critical(scene: Scene) -> None:
    scene.window.strip.stop.click()
    await until(lambda: not scene.store.pending)
    assert scene.window.notice.kind == "critical"
    assert shows(scene.window.notice, "critical")
    assert not shows(scene.window.notice, "positive")


@pytest.mark.parametrize("size", [(1024, 640), (1280, 720), (1920, 1080)])
async def test_it_stands_in_the_corner_and_in_the_middle_where_it_can_be_undone(
    scene: Scene, size: tuple[int, int]
) -> None:
    scene.window.resize(*size)
    notice, room = scene.window.notice, scene.window.content.rect()
    notice.tell("Stop moved to 47.10.")
    edge = theme.metric("space.4")
    assert (notice.geometry().right(), notice.geometry().bottom()) == (room.right() - edge, room.bottom() - edge)
    notice.tell("Block was set.", undo=lambda: None)
    assert abs(notice.geometry().center().x() - room.center().x()) <= 1
    notice.tell("Stop moved to 47.10.")
    assert not notice.undo.isVisible()
    assert notice.geometry().right() == room.right() - edge


async def test_a_long_sentence_takes_more_lines_and_is_whole(scene: Scene) -> None:
    notice = scene.window.notice
    notice.tell("Short.")
    one_line = notice.height()
    notice.tell("Not done: " + "the exchange could not be reached, " * 8 + "and <nothing> was sent.")
    assert notice.height() > one_line
    assert notice.width() < scene.window.content.width() // 2
    assert notice.geometry().bottom() < scene.window.content.height()
