"""The emergency stop in the strip, its reset, and *Close all* from the question to the last failure."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.gui.dialogs.close_all import CloseAllSheet
from app.gui.models.closing import account_sums, total_of
from app.gui.theme import theme
from app.gui.view_store import Change
from app.messages.commands import CloseAll, EmergencyReset, EmergencyStop
from app.messages.snapshots import CloseAllSnapshot, ClosingSnapshot
from app.ports.engine import CommandRefused
from tests.gui.conftest import Scene, group
from tests.support.clock import settle
from tests.support.examples import NOON, emergency_snapshot, risk_snapshot
from tests.support.fakes import until

D = Decimal
TRIPPED = emergency_snapshot(level="critical", code="daily_loss", reason="the daily loss limit is reached", since=NOON)


def closing(*statuses: str, finished: bool = False, flat: bool | None = None) -> CloseAllSnapshot:
    groups = tuple(
        ClosingSnapshot(
            f"g{number:07d}",
            "paper",
            f"C{number}/USDT:USDT",
            "1h",
            "long",
            status,
            "the venue did not answer" if status == "failed" else None,
            D("1.50") if status == "closed" else D(0),
        )
        for number, status in enumerate(statuses, start=1)
    )
    return CloseAllSnapshot(NOON, groups, {"paper": flat}, NOON + timedelta(seconds=9) if finished else None)


def close_sheet(scene: Scene) -> CloseAllSheet:
    sheet = scene.sheet()
    assert isinstance(sheet, CloseAllSheet)
    return sheet


def press(scene: Scene, name: str) -> None:
    """A button of the alert strip."""
    button = scene.window.alerts.findChild(QPushButton, name)
    assert isinstance(button, QPushButton)
    button.click()


def is_watched(scene: Scene) -> bool:
    return scene.store.is_risk_watched


# ---------------------------------------------------------------------- the stop


async def test_the_stop_acts_at_once_without_a_question(scene: Scene) -> None:
    scene.window.strip.stop.click()
    assert not scene.has_sheet()
    assert not scene.window.strip.stop.isEnabled()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [EmergencyStop("stopped by hand")]


async def test_the_keys_of_the_stop_work_over_an_open_sheet(scene: Scene) -> None:
    scene.window.show_shortcuts()
    scene.window.activateWindow()
    QTest.keyClick(scene.window, Qt.Key.Key_E, Qt.KeyboardModifier.ControlModifier | Qt.KeyboardModifier.ShiftModifier)
    await until(lambda: not scene.store.pending and bool(scene.engine.asked))
    assert scene.engine.asked == [EmergencyStop("stopped by hand")]


async def test_a_stop_that_was_refused_is_said_and_can_be_pressed_again(scene: Scene) -> None:
    scene.engine.failure = CommandRefused("disk", "the disk cannot be written")
    scene.window.strip.stop.click()
    await until(lambda: not scene.store.pending)
    assert scene.window.notice.sentence == "Not done: the disk cannot be written."
    assert scene.window.strip.stop.isEnabled()


async def test_a_warning_is_told_with_its_words_in_the_tooltip(scene: Scene) -> None:
    scene.tell(emergency=emergency_snapshot(level="warning", warnings=("exposure is at 90 %",)))
    cell = scene.window.strip.engine
    assert cell.words.text() == "Warning"
    assert cell.toolTip() == "Engine running, warning. Exposure is at 90 %."
    assert scene.window.strip.stop.isVisible()
    assert scene.window.alerts.sentences == []


async def test_critical_cannot_be_overlooked_and_offers_its_reset(scene: Scene) -> None:
    scene.tell(emergency=TRIPPED)
    strip = scene.window.strip
    assert strip.engine.words.text() == "EMERGENCY STOP"
    assert strip.engine.objectName() == "cell_critical"
    assert not strip.pause.isVisible()
    assert strip.close_all.isVisible()
    assert scene.window.alerts.sentences == [
        "Emergency stop: The daily loss limit is reached. Nothing new opens. Exits and stops go on."
    ]
    press(scene, "reset")
    assert scene.sheet().accessibleName() == "Reset the emergency stop?"
    scene.tell(emergency=emergency_snapshot())
    assert strip.engine.objectName() == "cell"
    assert strip.stop.isVisible()


async def test_where_room_is_scarce_the_button_is_shortened_and_never_cut(scene: Scene) -> None:
    stop = scene.window.strip.stop
    assert stop.text().strip() == "Emergency stop"
    theme.zoom(150)
    try:
        assert stop.text().strip() == "Stop"
        assert stop.accessibleName() == "Emergency stop"
    finally:
        theme.zoom(100)


async def test_a_halted_engine_is_told_once_and_has_no_reset(scene: Scene) -> None:
    stop = emergency_snapshot(level="critical", code="disk", reason="the disk is full")
    scene.tell(emergency=stop, state="halted", halted_reason="the disk is full.")
    assert scene.window.alerts.sentences == [
        "Trading is halted: the disk is full. Resting orders stay at the exchange."
    ]
    assert scene.window.strip.engine.words.text() == "Halted"


async def test_resetting_needs_a_typed_reason(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.tell(emergency=TRIPPED)
    scene.window.risk.reset_button.click()
    sheet = scene.sheet()
    assert "The daily loss limit is reached." in scene.said()
    assert not sheet.go.isEnabled()
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    assert scene.engine.asked == []
    QTest.keyClicks(sheet.field, "  the limit was raised ")
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [EmergencyReset("the limit was raised")]


async def test_escape_keeps_it_stopped(scene: Scene) -> None:
    scene.tell(emergency=TRIPPED)
    scene.window.show_reset()
    QTest.keyClick(scene.sheet(), Qt.Key.Key_Escape)
    await settle()
    assert scene.engine.asked == []


async def test_without_a_stop_there_is_nothing_to_reset(scene: Scene) -> None:
    scene.window.show_reset()
    assert not scene.has_sheet()


# ---------------------------------------------------------------------- close all


def test_the_sums_are_those_of_the_groups_with_the_fees_that_are_known() -> None:
    groups = [group(1, invested=D(995)), replace(group(2, invested=D(995)), account="other")]
    sums = account_sums(groups, {"paper": D("0.0005")})
    assert [(item.account, item.groups, item.entries) for item in sums] == [("other", 1, 3), ("paper", 1, 3)]
    assert sums[1].closed == D(995) / D(49_750) * D(50_100)
    assert sums[1].fees == sums[1].closed * D("0.0005")
    assert sums[0].fees is None
    assert total_of(sums).fees is None
    assert total_of(sums).pnl == D("14.0")


async def test_closing_all_states_the_numbers_and_waits_for_the_word(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1, invested=D(995)), group(2, invested=D(995))])
    scene.window.positions.close_all.click()
    sheet = close_sheet(scene)
    said = scene.said()
    assert "Close all: 2 groups at market?" in said
    assert "cancels 6 entries" in said
    assert "2,004.00" in said
    assert "+14.00" in said
    QTest.keyClicks(sheet.field, "close 3")
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    assert scene.engine.asked == []
    assert sheet.go.toolTip() == "Type CLOSE 2 first."
    sheet.field.clear()
    QTest.keyClicks(sheet.field, "CLOSE 2")
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [CloseAll()]


async def test_without_a_group_there_is_nothing_to_close(scene: Scene) -> None:
    scene.window.show_close_all()
    sheet = close_sheet(scene)
    sheet.field.setText("CLOSE 0")
    assert not sheet.go.isEnabled()
    assert sheet.go.toolTip() == "No group is open."


async def test_when_the_result_moves_the_figures_are_stated_anew_and_the_button_waits(scene: Scene) -> None:
    scene.show([group(1, invested=D(995))])
    scene.window.show_close_all()
    sheet = close_sheet(scene)
    sheet.field.setText("CLOSE 1")
    assert sheet.go.isEnabled()
    moved = group(1, invested=D(995), unrealized_pnl=D("-80"))
    scene.store.put_groups([moved])
    scene.store.changed.emit(Change(groups=frozenset({moved.id})))
    assert not sheet.go.isEnabled()
    assert "\u221280.00" in scene.said()
    sheet._hold.stop()
    sheet._hold.timeout.emit()
    assert sheet.go.isEnabled()


async def test_the_sheet_turns_into_progress_and_repeats_what_failed(scene: Scene) -> None:
    scene.show([group(1), group(2), group(3)])
    scene.window.show_close_all()
    sheet = close_sheet(scene)
    sheet.field.setText("CLOSE 3")
    sheet.go.click()
    assert "Asked the engine" in scene.said()
    await until(lambda: not scene.store.pending)
    scene.tell(emergency=replace(TRIPPED, code="close_all", reason="all groups are closed by hand"))
    scene.risk(risk_snapshot(close_all=closing("closed", "failed", "closing")))
    assert "Closing all: 1 of 3 groups closed, 1 failed. Realised so far: +1.50 USDT." in scene.said()
    assert sheet.list.shown()[1].endswith("failed (the venue did not answer), 0.00")
    scene.risk(risk_snapshot(close_all=closing("closed", "failed", "closed", finished=True, flat=False)))
    assert "paper is not flat" in scene.said()
    assert sheet.repeat.text() == "Repeat for 1 failed"
    sheet.repeat.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [CloseAll(), CloseAll()]
    scene.risk(risk_snapshot(close_all=closing("closed", "closed", "closed", finished=True, flat=True)))
    assert "All closed" in scene.said()
    assert "paper is flat" in scene.said()
    assert not sheet.repeat.isVisible()


async def test_closing_the_sheet_does_not_stop_the_work_and_the_strip_leads_back(scene: Scene) -> None:
    scene.tell(emergency=TRIPPED)
    scene.risk(risk_snapshot(close_all=closing("closed", "closing")))
    scene.store.changed.emit(Change(engine=True))
    assert scene.window.alerts.sentences[0] == "Closing all: 1 of 2 groups closed."
    press(scene, "close_all")
    assert "Closing all: 1 of 2 groups closed." in scene.said()
    close_sheet(scene).leave.click()
    assert scene.engine.asked == []
    assert is_watched(scene)
    scene.risk(risk_snapshot(close_all=closing("closed", "closed", finished=True)))
    assert not is_watched(scene)
    assert len(scene.window.alerts.sentences) == 1


async def test_a_refusal_brings_the_question_back_with_the_reason(scene: Scene) -> None:
    scene.show([group(1)])
    scene.window.show_close_all()
    sheet = close_sheet(scene)
    sheet.field.setText("CLOSE 1")
    scene.engine.failure = CommandRefused("stopping", "the engine is stopping")
    sheet.go.click()
    await until(lambda: not scene.store.pending)
    assert "Not done: the engine is stopping." in scene.said()
    assert sheet.field.isVisible()


@pytest.mark.parametrize(
    ("level", "words"), [("normal", "Emergency stop"), ("critical", "Reset the emergency stop\u2026")]
)
async def test_the_palette_holds_the_stop_or_its_reset(scene: Scene, level: str, words: str) -> None:
    scene.tell(emergency=replace(TRIPPED, level=level))
    assert words in scene.findable()


async def test_the_palette_runs_what_it_names(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.findable()["Close all groups\u2026"]()
    close_sheet(scene).dismiss()
    scene.window.positions.table.choose_first()
    scene.findable()["Move the stop of ETH 1h\u2026"]()
    assert scene.window.current == "positions"
    assert scene.sheet().accessibleName() == "Move the stop of ETH 1h?"
