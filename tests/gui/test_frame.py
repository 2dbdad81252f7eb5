"""The frame: a view that fails stays alone, one sheet at a time, what was arranged is remembered."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtCore import QSettings, Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtTest import QSignalSpy, QTest

from app.base.config import parse_config
from app.gui.actions import EMERGENCY, RESUMING, RISK
from app.gui.dialogs.accounts import AccountsSheet
from app.gui.dialogs.palette import CommandPalette
from app.gui.dialogs.shortcuts import SHORTCUTS
from app.gui.theme import theme
from app.gui.view_store import Change, Pending
from app.gui.widgets.rail import VIEWS
from app.gui.widgets.sheet import Sheet
from app.gui.window import MainWindow
from app.messages.commands import EmergencyStop, Pause, Resume
from tests.gui.conftest import Scene, group
from tests.support.examples import NOON, account_snapshot, engine_snapshot, money_snapshot
from tests.support.fakes import until


@pytest.mark.expects_log_warnings
async def test_a_fault_in_a_view_leaves_the_others_and_the_engine_running(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise ZeroDivisionError("a figure of nothing")

    monkeypatch.setattr(scene.window.dashboard, "refresh", broken)
    scene.store.changed.emit(Change(engine=True))
    host = scene.window.host("dashboard")
    assert host.error == "ZeroDivisionError: a figure of nothing"
    scene.window.show_view("positions")
    scene.show([group(1)])
    assert scene.window.positions.model.keys() == ["g0000001"]
    monkeypatch.undo()
    scene.window.show_view("dashboard")
    host._try_again()
    assert host.error is None


async def test_pausing_sends_the_command_and_the_strip_offers_to_resume(scene: Scene) -> None:
    scene.window.strip.pause.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [Pause("paused by hand")]
    scene.store.engine = engine_snapshot(state="paused", paused_reason="paused by hand")
    scene.store.changed.emit(Change(engine=True))
    assert scene.window.strip.pause.text().strip() == "Resume"
    scene.window.strip.pause.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked[-1] == Resume()


async def test_paper_and_live_are_told_by_badge_edge_and_title(scene: Scene) -> None:
    scene.store.changed.emit(Change(engine=True))
    assert scene.window.strip.badge.word == "PAPER"
    live = account_snapshot(id="binance", environment="live", armed=False)
    scene.tell(accounts=(account_snapshot(), live))
    assert scene.window.strip.badge.word == "PAPER"
    scene.tell(money=money_snapshot(environment="live"))
    assert scene.window.strip.badge.word == "LIVE"
    assert scene.window.windowTitle().startswith("LIVE")


async def test_a_failing_account_never_folds(scene: Scene) -> None:
    accounts = [account_snapshot(id=f"paper-{number}") for number in range(6)]
    accounts[5] = account_snapshot(id="ill", stale=True, stale_since=NOON, reason="the stream is silent")
    scene.store.engine = engine_snapshot(accounts=tuple(accounts))
    scene.store.changed.emit(Change(engine=True))
    names = [cell.accessibleName() for cell in scene.window.strip.accounts if cell.isVisible()]
    assert any(name.startswith("ill, stale") for name in names)
    assert any("New entries on it wait" in sentence for sentence in scene.window.alerts.sentences)


async def test_one_sheet_at_a_time_and_escape_ends_it(scene: Scene) -> None:
    scene.window.show_shortcuts()
    scene.window.show_palette()
    sheets = [sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible()]
    assert [sheet.accessibleName() for sheet in sheets] == ["Shortcuts"]
    QTest.keyClick(sheets[0], Qt.Key.Key_Escape)
    assert not [sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible()]


async def test_the_palette_says_that_it_has_found_nothing_and_does_nothing(scene: Scene) -> None:
    scene.window.show_palette()
    palette = next(sheet for sheet in scene.window.content.findChildren(CommandPalette) if sheet.isVisible())
    palette.field.setText("zebra")
    assert "Nothing" in palette.list.item(0).text()
    QTest.keyClick(palette.field, Qt.Key.Key_Return)
    assert palette.isVisible()
    palette.field.setText("dark")
    assert palette.list.item(0).text().startswith("Change theme")


async def test_the_palette_finds_actions_and_groups_by_letters(scene: Scene) -> None:
    scene.show([group(1), group(2)])
    scene.window.show_palette()
    palette = next(sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible())
    palette.field.setText("sol")  # type: ignore[attr-defined]  # the palette has a field
    assert palette.list.count() == 1  # type: ignore[attr-defined]  # as above
    QTest.keyClick(palette.field, Qt.Key.Key_Return)  # type: ignore[attr-defined]  # as above
    assert scene.window.current == "positions"
    assert scene.window.positions.table.current_key == "g0000002"


async def test_closing_the_window_asks_and_says_what_stays(scene: Scene) -> None:
    scene.show([group(1)])
    told = QSignalSpy(scene.window.leaving)
    scene.window.close()
    assert told.count() == 1
    assert scene.window.isVisible()
    ended: list[bool] = []
    scene.window.ask_leave(tray=False, stop=lambda: ended.append(True))
    sheet = next(sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible())
    said = " ".join(label.text() for label in sheet.findChildren(type(sheet.title)))
    assert "1 group stays open" in said
    assert "have no stop at the exchange" in said
    assert "Waiting entries" not in said
    assert not ended


async def test_closing_the_window_says_what_becomes_of_entries_at_an_exchange(scene: Scene) -> None:
    scene.show([group(1)])
    scene.tell(accounts=(account_snapshot(venue="binance"),))
    scene.window.ask_leave(tray=False, stop=lambda: None)
    assert "Waiting entries that no stop would follow are cancelled" in scene.said()


async def test_what_was_arranged_is_there_again(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.window.positions.segments.choose("losing")
    theme.choose("light")
    scene.window.save()
    settings = QSettings(str(scene.desk.data_dir / "window.ini"), QSettings.Format.IniFormat)
    theme.choose("dark")
    again = MainWindow(scene.desk, scene.store, scene.actions, settings)
    try:
        assert again.current == "signals"
        assert again.positions.segments.current == "losing"
        assert theme.choice == "light"
    finally:
        theme.choose("dark")
        again.deleteLater()


@pytest.mark.parametrize("size", [(1280, 720), (1920, 1080), (1024, 640)])
@pytest.mark.parametrize("view", [name for name, _, _ in VIEWS])
async def test_every_view_can_be_drawn_at_every_size(scene: Scene, view: str, size: tuple[int, int]) -> None:
    scene.window.resize(*size)
    scene.window.show_view(view)
    scene.show([group(number) for number in range(1, 12)])
    assert scene.window.grab().size().width() == size[0]
    assert scene.window.host(view).error is None


async def test_text_at_its_largest_breaks_no_view(scene: Scene) -> None:
    theme.zoom(150)
    try:
        for name, _, _ in VIEWS:
            scene.window.show_view(name)
            scene.show([group(1)])
            assert not scene.window.grab().isNull()
            assert scene.window.host(name).error is None
    finally:
        theme.zoom(100)


def test_every_shortcut_is_listed_once() -> None:
    keys = [keys for keys, _ in SHORTCUTS]
    assert len(keys) == len(set(keys))


async def test_the_first_start_shows_the_way_in_and_sends_a_test(scene: Scene) -> None:
    scene.window.show_first_start()
    sheet = next(sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible())
    await until(lambda: bool(sheet.url.shown.text()))  # type: ignore[attr-defined]  # the first start has one
    assert "4B19" in sheet.secret.shown.text()  # type: ignore[attr-defined]  # as above
    assert "secret-4B19" not in sheet.secret.shown.text()  # type: ignore[attr-defined]  # as above
    for _ in range(3):
        sheet.next.click()  # type: ignore[attr-defined]  # as above
    assert scene.sent == []
    sheet.next.click()  # type: ignore[attr-defined]  # as above
    await until(lambda: bool(scene.sent))
    assert scene.sent == ["BTCUSDT.P"]


REAL = {"id": "perp", "venue": "binance", "environment": "live", "allowed_symbols": ["BTC/USDT:USDT"]}


@pytest.mark.parametrize("accounts", [[], [REAL]])
async def test_without_a_paper_account_the_first_start_offers_to_add_one(
    scene: Scene, accounts: list[dict[str, Any]]
) -> None:
    config = parse_config({"accounts": accounts})
    scene.window._desk = replace(scene.desk, config=lambda: config)
    scene.tell(accounts=())
    scene.window.show_first_start()
    assert "no paper account" in scene.said()
    assert "USDT" not in scene.said()
    scene.sheet().accounts.click()
    assert isinstance(scene.sheet(), AccountsSheet)
    assert scene.window.needs_first_start


async def test_the_first_start_shows_the_paper_account_beside_a_real_one(scene: Scene) -> None:
    config = parse_config({"accounts": [REAL, {"id": "play", "balances": {"USDT": "500"}}]})
    scene.window._desk = replace(scene.desk, config=lambda: config)
    scene.window.show_first_start()
    assert "Account play: 500 USDT, linear markets" in scene.said()


async def test_a_market_that_is_none_stops_the_first_start_there(scene: Scene) -> None:
    scene.window.show_first_start()
    sheet = next(sheet for sheet in scene.window.content.findChildren(Sheet) if sheet.isVisible())
    sheet.next.click()  # type: ignore[attr-defined]  # as above
    sheet.symbol.setText("?")  # type: ignore[attr-defined]  # as above
    assert not sheet.next.isEnabled()  # type: ignore[attr-defined]  # as above


async def test_enter_goes_on_from_each_step_of_the_first_start(scene: Scene) -> None:
    scene.window.show_first_start()
    sheet = scene.sheet()
    scene.window.activateWindow()
    QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Return)
    assert scene.window.focusWidget() is sheet.symbol
    QTest.keyClick(sheet.symbol, Qt.Key.Key_Return)
    QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Return)
    assert sheet.next.text() == "Send the test signal"
    assert scene.sent == []
    QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Return)
    await until(lambda: bool(scene.sent))
    QTest.keyClick(scene.window.focusWidget(), Qt.Key.Key_Return)
    assert scene.has_sheet()
    assert scene.sent == ["BTCUSDT.P"]


async def test_a_long_address_is_cut_in_the_middle_and_copied_whole(scene: Scene) -> None:
    scene.window.show_first_start()
    sheet = scene.sheet()
    await until(lambda: bool(sheet.url.shown.text()))
    address = f"http://127.0.0.1:8003/webhook/tradingview/{'T' * 80}end"
    sheet.url.show_value(address)
    for _ in range(2):
        sheet.next.click()
    shown = sheet.url.shown
    assert shown.text().startswith("http://127.0.0.1")
    assert shown.text().endswith("Tend")
    assert "\u2026" in shown.text()
    assert shown.fontMetrics().horizontalAdvance(shown.text()) <= shown.width()
    assert shown.toolTip() == address
    sheet.url.button.click()
    assert QGuiApplication.clipboard().text() == address


async def test_f6_goes_from_rail_to_table_to_detail_to_strip_and_around(scene: Scene) -> None:
    scene.window.show_view("positions")
    scene.show([group(1)])
    rail, positions = scene.window.rail, scene.window.positions
    rail.widgets()[0].setFocus()
    seen = []
    for _ in range(4):
        scene.window.next_region()
        seen.append(scene.window.focusWidget())
    assert seen == [positions.table, positions.detail, scene.window.strip.pause, rail.widgets()[0]]


async def test_a_pause_and_a_stop_wait_for_nothing_that_is_under_way(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = asyncio.Event()

    async def slow(account: str | None = None) -> None:
        await never.wait()

    monkeypatch.setattr(scene.engine, "reconcile", slow)
    scene.window.show_view("positions")
    scene.actions.reconcile()
    scene.actions.reconcile()
    assert not scene.window.positions.reconcile.isEnabled()
    for subject in (EMERGENCY, RISK):
        scene.store.pending[subject] = Pending("under way", scene.clock.now())
    scene.store.changed.emit(Change(pending=True))
    assert scene.window.strip.pause.isEnabled()
    assert scene.window.strip.stop.isEnabled()
    scene.store.pending[RESUMING] = Pending("under way", scene.clock.now())
    scene.actions.pause()
    scene.actions.emergency_stop()
    await until(lambda: len(scene.engine.asked) == 2)
    assert [type(command) for command in scene.engine.asked] == [Pause, EmergencyStop]
    scene.actions.stop()
