"""Positions: nothing, one group, two hundred; every action sends its command and shows how it ended."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMenu, QPushButton

from app.gui.dialogs.close_percent import closed_quantity, read_percent
from app.gui.models.ladder import ladder_of
from app.gui.models.positions import position_spec
from app.gui.models.tree import ROW
from app.gui.panels.detail_tabs import LegList
from app.gui.theme import theme
from app.gui.view_store import Change, Pending
from app.gui.widgets.sheet import Sheet
from app.messages.commands import CancelEntries, CloseGroup, ReduceGroup
from app.ports.engine import CommandRefused, EngineUnavailable
from tests.gui.conftest import Scene, group, many_groups
from tests.support.clock import settle
from tests.support.examples import NOON
from tests.support.fakes import until

D = Decimal


def sheet_of(scene: Scene) -> Sheet:
    found = [sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible()]
    assert len(found) == 1
    return found[0]


def press(sheet: Sheet, name: str = "do") -> None:
    button = sheet.findChild(QPushButton, name)
    assert isinstance(button, QPushButton)
    button.click()


def texts(scene: Scene) -> list[str]:
    table = scene.window.positions.table
    return [table.rows.index(row, 0).data(ROW).symbol for row in range(table.rows.rowCount())]


async def test_without_a_group_the_view_says_why_and_what_to_do(scene: Scene) -> None:
    scene.window.show_view("positions")
    positions = scene.window.positions
    assert positions.empty.isVisible()
    assert not positions.table.isVisible()
    positions.test_wanted.emit()
    assert sheet_of(scene).accessibleName() == "Welcome to Ziggurat"


async def test_one_group_shows_its_figures_and_its_legs(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    table = scene.window.positions.table
    row = [table.rows.index(0, column).data() for column in range(len(table.rows.columns))]
    assert "long" in row
    assert "2 of 5" in row
    assert "49,750.0" in row
    assert "50,100.0" in row
    assert "+0.70%" in row
    assert "part filled" in row
    pyramid = table.rows.index(0, 0)
    assert table.rows.rowCount(pyramid) == 1
    assert table.rows.rowCount(table.rows.index(0, 0, pyramid)) == 5
    assert scene.window.positions.detail.isVisible()


async def test_two_hundred_groups_with_a_thousand_orders_are_shown_and_filtered(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show(many_groups())
    QApplication.processEvents()
    assert len(texts(scene)) == 200
    scene.window.positions.filter.setText("eth")
    assert set(texts(scene)) == {"ETH/USDT:USDT"}
    scene.window.positions.filter.clear()
    scene.window.positions.segments.choose("losing")
    assert texts(scene) == []
    scene.window.positions.segments.choose("no_stop")
    assert len(texts(scene)) == 200


async def test_a_group_that_closed_leaves_and_the_next_is_chosen(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1), group(2)])
    scene.show([group(2)])
    assert texts(scene) == ["SOL/USDT:USDT"]


async def test_closing_says_what_it_does_in_numbers_then_sends_the_command(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.window.positions.detail.close_button.click()
    sheet = sheet_of(scene)
    said = " ".join(label.text() for label in sheet.findChildren(type(sheet.title)))
    assert "0.020 at about 50,100.0" in said
    assert scene.engine.asked == []
    press(sheet)
    assert scene.store.pending["g0000001"].text == "closing…"
    assert not scene.window.positions.detail.close_button.isEnabled()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [CloseGroup("g0000001")]
    assert scene.window.notice.sentence == "Done."


async def test_what_closing_comes_to_is_told_with_fees_and_follows_the_price(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1, invested=D(995))])
    scene.window.positions.detail.close_button.click()
    facts = dict(sheet_of(scene).facts.shown)  # type: ignore[attr-defined]  # the sheet of a close has them
    assert facts["Result before fees"] == "+7.00 USDT"
    assert facts["Fees"] == "about 0.50 USDT"
    assert facts["After fees, with 0.10% slippage"] == "+5.50 USDT"
    assert (facts["Entries cancelled"], facts["Exits cancelled"], facts["Stays"]) == ("3", "0", "nothing")

    scene.show([group(1, invested=D(995), mark=D(50_150), unrealized_pnl=D(8))])
    scene.store.changed.emit(Change(groups=frozenset({"g0000001"})))
    facts = dict(sheet_of(scene).facts.shown)  # type: ignore[attr-defined]  # as above
    assert facts["Sold"] == "0.020 at about 50,150.0"
    assert facts["Result before fees"] == "+8.00 USDT"


async def test_a_result_that_jumped_is_read_again_before_it_is_acted_on(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1, invested=D(995))])
    scene.window.positions.detail.close_button.click()
    sheet = sheet_of(scene)
    go = sheet.findChild(QPushButton, "do")
    assert isinstance(go, QPushButton)
    scene.show([group(1, invested=D(995), unrealized_pnl=D(-4))])
    scene.store.changed.emit(Change(groups=frozenset({"g0000001"})))
    assert go.toolTip() == "The result has just changed; read it again."
    press(sheet)
    assert scene.engine.asked == []
    sheet._hold.timeout.emit()  # type: ignore[attr-defined]  # a second later
    sheet._hold.stop()  # type: ignore[attr-defined]  # as above
    sheet._allow()  # type: ignore[attr-defined]  # as above
    press(sheet)
    await until(lambda: bool(scene.engine.asked))


@pytest.mark.parametrize("ask", ["ask_close", "ask_close_percent"])
async def test_the_question_ends_with_its_group(scene: Scene, ask: str) -> None:
    scene.window.show_view("positions")
    scene.show([group(1), group(2)])
    scene.window.positions.choose("g0000001")
    getattr(scene.window.positions.detail, ask)()
    sheet_of(scene)
    scene.show([group(2)])
    scene.store.changed.emit(Change(gone=frozenset({"g0000001"})))
    assert not scene.has_sheet()


async def test_a_filter_that_nothing_passes_says_so_and_can_be_cleared(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    positions = scene.window.positions
    positions.filter.setText("zebra")
    assert positions.no_match.isVisible()
    assert not positions.table.isVisible()
    positions.no_match.acted.emit()
    assert positions.table.isVisible()
    assert positions.detail.isVisible()


async def test_a_right_click_offers_what_the_buttons_do(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1), group(2, filled=0)])
    positions = scene.window.positions
    row = positions.table.rows.index_of("g0000002")
    positions.table.customContextMenuRequested.emit(positions.table.visualRect(row).center())
    menu = QApplication.activePopupWidget()
    assert isinstance(menu, QMenu)
    offered = {action.text(): action.isEnabled() for action in menu.actions()}
    menu.close()
    assert positions.detail.group is not None
    assert positions.detail.group.id == "g0000002"
    assert list(offered)[:3] == ["Close\u2026\tC", "Close %\u2026\tShift+C", "Cancel entries\u2026\tX"]
    assert offered["Close %\u2026\tShift+C"] is False
    assert offered["Cancel entries\u2026\tX"] is True


async def test_buttons_that_do_not_fit_are_behind_more(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    bar = scene.window.positions.detail.bar
    assert not bar.more.isVisible()
    bar.setFixedWidth(800)
    QApplication.processEvents()
    assert bar.more.isVisible()
    assert scene.window.positions.detail.close_button.isVisible()
    assert not scene.window.positions.detail.block_button.isVisible()
    last = max(button.geometry().right() for button in bar.findChildren(QPushButton) if button.isVisible())
    assert last <= bar.width()


async def test_keeping_the_position_sends_nothing(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.window.positions.detail.ask_close()
    QTest.keyClick(sheet_of(scene), Qt.Key.Key_Escape)
    await settle()
    assert scene.engine.asked == []
    assert not scene.store.pending


@pytest.mark.parametrize(
    ("failure", "sentence"),
    [
        (CommandRefused("nothing_to_cancel", "no entry of BTC is waiting"), "Not done: no entry of BTC is waiting."),
        (EngineUnavailable("the disk is full"), "Not done: the disk is full."),
    ],
)
async def test_a_refusal_is_taken_back_and_said(scene: Scene, failure: Exception, sentence: str) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.engine.failure = failure
    scene.window.positions.detail.ask_cancel_entries()
    press(sheet_of(scene))
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [CancelEntries("g0000001")]
    assert scene.window.notice.sentence == sentence
    assert scene.window.positions.detail.cancel_button.isEnabled()


async def test_closing_a_part_names_the_quantity_and_sends_the_fraction(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.window.positions.detail.percent_button.click()
    sheet = sheet_of(scene)
    field = sheet.field  # type: ignore[attr-defined]  # the sheet of shares has one
    field.setText("150")
    assert not sheet.go.isEnabled()  # type: ignore[attr-defined]  # as above
    field.setText("25")
    assert sheet.says.text().startswith("0.005 at about 50,100.0")  # type: ignore[attr-defined]  # as above
    press(sheet)
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [ReduceGroup("g0000001", fraction=D("0.25"))]


@pytest.mark.parametrize("text", ["", "0", "-5", "100.01", "abc", "NaN", "Infinity", "1e999"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    assert read_percent(text) is None


def test_a_share_is_rounded_down_to_the_markets_step() -> None:
    one = replace(group(1), open_quantity=D("0.0257"), step_size=D("0.001"))
    assert closed_quantity(one, D(50)) == D("0.012")
    assert closed_quantity(one, D(1)) == 0


async def test_letters_open_a_sheet_only_with_the_focus_in_the_table(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    scene.window.activateWindow()
    QTest.keyClick(scene.window.positions.filter, Qt.Key.Key_C)
    assert scene.window.positions.filter.text() == "c"
    scene.window.positions.filter.clear()
    scene.window.positions.table.setFocus()
    QTest.keyClick(scene.window.positions.table, Qt.Key.Key_C)
    assert "Close" in sheet_of(scene).accessibleName()
    assert scene.engine.asked == []


async def test_a_closing_group_cannot_be_closed_again_and_says_so(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1, status="closing")])
    button = scene.window.positions.detail.close_button
    assert not button.isEnabled()
    assert button.toolTip() == "The group is closing."


def test_a_value_without_a_feed_for_ten_seconds_is_stale() -> None:
    fresh = position_spec(group(1), NOON + timedelta(seconds=10), None)
    old = position_spec(group(1), NOON + timedelta(seconds=11), None)
    assert not fresh.row.stale
    assert old.row.stale
    assert all(child.row.stale for child in old.children)


async def test_an_unprotected_group_is_told_in_the_alert_strip(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1, unprotected_since=NOON, stop_price=D(47_000), protected=False)])
    scene.clock.advance(5)
    scene.window.show_view("positions")
    scene.store.changed.emit(_everything(scene))
    assert any("has no stop at the exchange" in sentence for sentence in scene.window.alerts.sentences)


def _everything(scene: Scene) -> object:
    from app.gui.view_store import Change

    return Change(groups=frozenset(scene.store.groups), engine=True)


async def test_a_cell_is_spoken_with_its_column(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([replace(group(1), unrealized_percent=D("-5.84"))])
    table = scene.window.positions.table
    names = [column.name for column in table.rows.columns]
    spoken = table.rows.index(0, names.index("percent")).data(Qt.ItemDataRole.AccessibleTextRole)
    assert spoken == "Unrealised %, minus 5.84 percent"


# ---------------------------------------------------------------------- rows that are kept as pictures


def painted(scene: Scene) -> QImage:
    """As the table looks once all that changed is painted, which takes an event for every two rows."""
    QApplication.processEvents()
    images = [scene.window.positions.table.viewport().grab().toImage() for _ in range(5)]
    return images[-1]


async def test_rows_that_only_moved_look_the_same_as_rows_painted_anew(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.window.show_view("positions")
    scene.show([group(number) for number in range(1, 9)])
    table = scene.window.positions.table
    painted(scene)
    kept = painted(scene)
    table._pictures.forget()
    assert kept == painted(scene)
    monkeypatch.setattr(table._pictures, "takes", lambda *_: False)
    assert kept == painted(scene)


@pytest.mark.parametrize(
    "changes", [{"mark": D(50_200), "unrealized_percent": D("0.9")}, {"blocked": True}, {"pending": "closing\u2026"}]
)
async def test_a_row_that_changed_is_painted_anew(scene: Scene, changes: dict[str, Any]) -> None:
    scene.window.show_view("positions")
    groups = [group(number) for number in range(1, 9)]
    scene.show(groups)
    before = painted(scene)
    if "pending" in changes:
        scene.store.pending[groups[5].id] = Pending(changes["pending"], NOON)
    else:
        groups[5] = replace(groups[5], **changes)
    scene.show(groups)
    assert painted(scene) != before


async def test_of_rows_that_changed_two_are_painted_at_a_time_and_in_the_end_all(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    scene.window.show_view("positions")
    groups = [group(number) for number in range(1, 7)]
    scene.show(groups)
    painted(scene)
    table = scene.window.positions.table
    made: list[object] = []
    keep = table._pictures.keep

    def kept(index: Any, picture: Any) -> None:
        made.append(index)
        keep(index, picture)

    monkeypatch.setattr(table._pictures, "keep", kept)
    scene.show([replace(one, mark=D(50_300), unrealized_percent=D("1.2")) for one in groups])
    counts = []
    for _ in range(4):
        made.clear()
        table.viewport().grab()
        counts.append(len(made))
    assert counts == [2, 2, 2, 0]


async def test_a_row_that_is_chosen_looks_so_and_the_one_before_no_more(scene: Scene) -> None:
    scene.window.show_view("positions")
    groups = [group(number) for number in range(1, 5)]
    scene.show(groups)
    table = scene.window.positions.table
    for one in (groups[2], groups[0]):
        table.choose(one.id)
        shown = painted(scene)
        table._pictures.forget()
        assert shown == painted(scene)


async def test_the_age_of_a_row_goes_on_though_the_row_stays_the_same(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(number) for number in range(1, 9)])
    before = painted(scene)
    scene.clock.advance(3600)
    assert painted(scene) != before


async def test_a_new_theme_repaints_every_row(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(number) for number in range(1, 9)])
    before = painted(scene)
    theme.choose("light")
    try:
        assert painted(scene).pixelColor(600, 100) != before.pixelColor(600, 100)
    finally:
        theme.choose("dark")


# ---------------------------------------------------------------------- take-profits that the engine watches


async def test_a_take_profit_that_is_watched_says_while_running(scene: Scene) -> None:
    held = group(1)
    watched = replace(held, legs=(replace(held.legs[0], watched=True), *held.legs[1:]))
    scene.window.show_view("positions")
    scene.show([watched])
    table = scene.window.positions.table
    place = [column.name for column in table.rows.columns].index("status")
    pyramid = table.rows.index(0, 0, table.rows.index(0, 0))
    cells = [table.rows.index(row, place, pyramid) for row in range(2)]
    assert [cell.data() for cell in cells] == ["watched", "filled"]
    assert cells[0].data(Qt.ItemDataRole.ToolTipRole) == "Not at the exchange: placed only while Ziggurat runs."
    scene.window.positions.detail.refresh(None)
    legs = scene.window.positions.detail.findChild(LegList)
    assert isinstance(legs, LegList)
    assert "while running. Not at the exchange" in legs.text_of(0)
    assert "while running" not in legs.text_of(1)
    ladder = ladder_of(watched, (), "1h", (), NOON)
    assert ladder is not None
    assert [line.label for line in ladder.lines if line.role == "tp"] == ["TP L0 \u00b7 watched", "TP L1"]


async def test_what_is_too_far_from_the_market_says_when_it_is_sent(scene: Scene) -> None:
    held = group(1)
    price = held.legs[0].price
    far = (replace(held.legs[0], tp_waits_for=price), replace(held.legs[1], waits_for=price), *held.legs[2:])
    scene.window.show_view("positions")
    scene.show([replace(held, legs=far)])
    table = scene.window.positions.table
    place = [column.name for column in table.rows.columns].index("status")
    pyramid = table.rows.index(0, 0, table.rows.index(0, 0))
    tips = [table.rows.index(row, place, pyramid).data(Qt.ItemDataRole.ToolTipRole) for row in range(2)]
    assert "the take-profit is sent when the price reaches" in tips[0]
    assert "the entry is sent when the price reaches" in tips[1]
    scene.window.positions.detail.refresh(None)
    legs = scene.window.positions.detail.findChild(LegList)
    assert isinstance(legs, LegList)
    assert ", sent at " in legs.text_of(0)
    assert ", sent at " in legs.text_of(1)
    assert ", sent at " not in legs.text_of(2)
