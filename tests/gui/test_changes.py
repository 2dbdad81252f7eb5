"""Positions: move stop, add funds, TP mode, block; each says what it does before it does it."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QPushButton

from app.gui.models.changes import (
    distance_percent,
    funds_facts,
    mode_facts,
    pnl_at,
    read_mode,
    read_number,
    read_quote,
    read_stop,
    stepped,
)
from app.gui.models.positions import group_row
from app.messages.commands import AddFunds, BlockGroup, MoveStop, SetTakeProfitMode
from app.ports.engine import CommandRefused
from tests.gui.conftest import Scene, group
from tests.support.examples import NOON, account_snapshot, emergency_snapshot
from tests.support.fakes import until

D = Decimal


def one(**changes: Any) -> Any:
    """0.020 long from 49,750, now 50,100."""
    return group(1, **{"invested": D(995), "stop_price": D(48_000), "pnl_at_stop": D(-35), **changes})


async def shown(scene: Scene, **changes: Any) -> None:
    scene.window.show_view("positions")
    scene.show([one(**changes)])
    scene.window.positions.table.choose_first()


def press(scene: Scene) -> None:
    button = scene.sheet().findChild(QPushButton, "do")
    assert button.isEnabled()
    button.click()


# ---------------------------------------------------------------------- the stop


def test_the_loss_at_the_stop_and_its_distance_are_those_of_what_is_open() -> None:
    assert pnl_at(one(), D(48_000)) == D(-35)
    assert pnl_at(one(side="short"), D(48_000)) == D(35)
    assert distance_percent(one(), D(48_597)) == D(3)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "Give a price above 0."),
        ("-1", "Give a price above 0."),
        ("NaN", "Give a price above 0."),
        ("48000.05", "Prices go in steps of 0.1."),
        ("50100", "The stop of a long lies below the price, now 50,100.0."),
        ("48,000.1", ""),
        ("48000", "The stop is there already."),
        ("49900", ""),
    ],
)
def test_a_stop_is_on_the_tick_and_on_its_side(text: str, fault: str) -> None:
    assert read_stop(one(), text).fault == fault


def test_the_stop_of_a_short_lies_above() -> None:
    assert "above the price" in read_stop(one(side="short"), "50000").fault
    assert read_stop(one(side="short"), "51000").value == D(51_000)


def test_ticks_are_stepped_and_never_below_one() -> None:
    assert stepped(one(), D(48_000), 1) == D("48000.1")
    assert stepped(one(), D("0.1"), -5) == D("0.1")


async def test_moving_the_stop_tells_distance_and_loss_and_sends_the_command(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.stop_button.click()
    assert "Loss at the stop | \u221235.00 USDT before fees" in scene.said()
    assert "Distance to the price | 4.19%" in scene.said()
    field = scene.sheet().field
    assert not scene.sheet().go.isEnabled()
    QTest.keyClick(field, Qt.Key.Key_Up)
    assert field.text() == "48000.1"
    QTest.keyClick(field, Qt.Key.Key_Down, Qt.KeyboardModifier.ShiftModifier)
    assert field.text() == "47999.1"
    press(scene)
    assert scene.store.pending["g0000001"].text == "moving the stop\u2026"
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [MoveStop("g0000001", D("47999.1"))]


async def test_a_stop_on_the_wrong_side_keeps_the_text_and_says_why(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.ask_move_stop()
    sheet = scene.sheet()
    sheet.field.setText("60000")
    assert not sheet.go.isEnabled()
    assert "lies below the price" in scene.said()
    QTest.keyClick(sheet.field, Qt.Key.Key_Return)
    assert scene.engine.asked == []


async def test_where_there_is_no_stop_one_near_the_price_is_proposed(scene: Scene) -> None:
    await shown(scene, stop_price=None, pnl_at_stop=None)
    scene.window.positions.detail.ask_move_stop()
    assert scene.sheet().field.text() == "47595.0"
    assert "Stop now | none" in scene.said()


async def test_a_refused_stop_is_said(scene: Scene) -> None:
    await shown(scene)
    scene.engine.failure = CommandRefused("too_near", "the stop is nearer than 0.1 %")
    scene.window.positions.detail.ask_move_stop(D(48_100))
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.window.notice.sentence == "Not done: the stop is nearer than 0.1 %."


# ---------------------------------------------------------------------- funds


def test_the_new_average_lies_between_the_old_one_and_the_price() -> None:
    facts = dict(funds_facts(one(), D(1002), D(5000)))
    assert facts["Quantity"] == "about 0.020 at 50,100.0"
    assert facts["Average entry"] == "49,750.0 becomes about 49,925.0"
    assert facts["Free after that"] == "3,998.00 USDT"


def test_more_than_what_is_free_is_refused_in_numbers() -> None:
    assert read_quote(one(), "6000", D(5000)).fault == "6,000.00 USDT needed, 5,000.00 free."
    assert read_quote(one(leverage=D(2)), "6000", D(5000)).fault == ""
    assert read_quote(one(), "0", D(5000)).fault == "Give an amount above 0."


async def test_adding_funds_sends_the_amount(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.funds_button.click()
    scene.sheet().field.setText("250.5")
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [AddFunds("g0000001", D("250.5"))]


async def test_what_is_free_is_that_of_the_groups_own_account(scene: Scene) -> None:
    await shown(scene)
    scene.tell(accounts=(account_snapshot(free=D(100)), account_snapshot(id="other", free=D(9000))))
    scene.window.positions.detail.funds_button.click()
    scene.sheet().field.setText("250.5")
    assert "250.50 USDT needed, 100.00 free." in scene.said()


async def test_no_funds_are_added_in_the_emergency_stop(scene: Scene) -> None:
    await shown(scene)
    scene.tell(emergency=emergency_snapshot(level="critical"))
    scene.window.show_view("positions")
    assert scene.window.positions.detail.funds_button.toolTip() == "The emergency stop is on."


# ---------------------------------------------------------------------- the take-profit mode


async def test_another_tp_mode_is_sent_with_its_distance(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.mode_button.click()
    sheet = scene.sheet()
    assert not sheet.go.isEnabled()
    sheet.modes.choose("aggregate")
    sheet.field.setText("2")
    assert "Target | about 50,745.0: +19.90 USDT" in scene.said()
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [SetTakeProfitMode("g0000001", "aggregate", D(2))]


async def test_per_leg_needs_no_distance(scene: Scene) -> None:
    await shown(scene, tp_mode="hybrid")
    scene.window.positions.detail.ask_tp_mode()
    sheet = scene.sheet()
    sheet.field.setText("200")
    assert not sheet.go.isEnabled()
    sheet.modes.choose("per_leg")
    assert not sheet.field.isEnabled()
    press(scene)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [SetTakeProfitMode("g0000001", "per_leg", None)]


@pytest.mark.parametrize(
    ("mode", "text", "is_same"),
    [
        ("aggregate", "1", True),
        ("aggregate", "1.00", True),
        ("aggregate", "2", False),
        ("hybrid", "1", False),
        ("per_leg", "1", False),
    ],
)
def test_the_mode_and_distance_that_a_group_has_are_no_change(mode: str, text: str, is_same: bool) -> None:
    reading = read_mode(one(tp_mode="aggregate"), mode, text)
    assert (reading.is_same, bool(reading.fault), reading.is_wrong) == (is_same, is_same, False)


def test_pyramids_may_differ_so_one_distance_for_all_is_a_change() -> None:
    assert read_mode(one(tp_mode="pyramid_aggregate"), "pyramid_aggregate", "1").fault == ""


def test_the_target_of_a_short_lies_below() -> None:
    facts = dict(mode_facts(one(side="short"), "aggregate", D(2)))
    assert facts["Target"].startswith("about 48,755.0: +19.90")


# ---------------------------------------------------------------------- blocking, keys, tags


async def test_blocking_acts_at_once_and_offers_to_undo(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.block_button.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [BlockGroup("g0000001", blocked=True)]
    scene.window.activateWindow()
    QTest.keyClick(scene.window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    await until(lambda: len(scene.engine.asked) == 2)
    assert scene.engine.asked[1] == BlockGroup("g0000001", blocked=False)


async def test_a_blocked_group_can_be_unblocked(scene: Scene) -> None:
    await shown(scene, blocked=True)
    button = scene.window.positions.detail.block_button
    assert button.text().strip() == "Unblock"
    button.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [BlockGroup("g0000001", blocked=False)]


@pytest.mark.parametrize(
    ("key", "title"),
    [
        (Qt.Key.Key_S, "Move the stop of ETH 1h?"),
        (Qt.Key.Key_A, "Add funds to ETH 1h?"),
        (Qt.Key.Key_T, "Another TP mode for ETH 1h?"),
        (Qt.Key.Key_B, "Block ETH 1h from the offset engine?"),
    ],
)
async def test_each_letter_opens_its_sheet_and_sends_nothing(scene: Scene, key: Qt.Key, title: str) -> None:
    await shown(scene)
    scene.window.activateWindow()
    scene.window.positions.table.setFocus()
    QTest.keyClick(scene.window.positions.table, key)
    assert scene.sheet().accessibleName() == title
    assert scene.engine.asked == []


async def test_a_sheet_that_sends_orders_repeats_the_mode(scene: Scene) -> None:
    await shown(scene)
    scene.window.positions.detail.ask_add_funds()
    badges = [child.accessibleName() for child in scene.sheet().findChildren(type(scene.window.strip.badge))]
    assert badges == ["PAPER: no real money"]


async def test_forced_and_blocked_groups_carry_a_tag(scene: Scene) -> None:
    row = group_row(one(forced=True, blocked=True), NOON, None)
    assert row.forced
    assert row.blocked
    await shown(scene, forced=True, blocked=True)
    table = scene.window.positions.table
    place = [column.name for column in table.rows.columns].index("status")
    tip = table.rows.index(0, place).data(Qt.ItemDataRole.ToolTipRole)
    assert tip == (
        "part filled; forced: it was opened beyond the slots; blocked: it takes no part in the offset engine"
    )
    assert not table.grab().isNull()


AMBIGUOUS = ("1,5", "0,95", "99,5", "1,234", "1,23,456", "1,2345", "0,123,456", "1.234,5", ",5", "1,")


@pytest.mark.parametrize("text", AMBIGUOUS)
def test_a_comma_that_could_be_a_decimal_one_is_refused_with_the_reason(text: str) -> None:
    for reading in (read_quote(one(), text, D(10_000)), read_mode(one(), "aggregate", text), read_stop(one(), text)):
        assert reading.value is None
        assert reading.fault == "Write a decimal with a point, as in 1.5; thousands need no commas."


@pytest.mark.parametrize(
    ("text", "value"),
    [("1,234.5", "1234.5"), ("1,234,567", "1234567"), (" 1.5 ", "1.5"), (".5", "0.5"), ("48000", "48000")],
)
def test_commas_count_where_they_can_only_be_thousands(text: str, value: str) -> None:
    assert read_number(text) == D(value)


@pytest.mark.parametrize("text", ["", "-1", "0", "1e3", "nan", "\u0661", "1 000", "1_000"])
def test_what_is_no_plain_number_is_none(text: str) -> None:
    assert read_number(text) is None
