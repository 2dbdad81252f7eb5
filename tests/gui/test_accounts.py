"""Accounts in the window: how they stand in the strip, and adding, testing, arming, disarming, removing them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QLineEdit

from app.gui.dialogs.accounts import AccountsSheet
from app.gui.dialogs.accounts_add import AddPage
from app.gui.dialogs.accounts_arm import ArmPage
from app.gui.dialogs.accounts_page import AskPage
from app.gui.models.accounts import findings, id_fault, key_refusal, standing, symbols_of
from app.gui.widgets.basics import Button
from app.messages.snapshots import ExternalOrderSnapshot
from app.ports.accounts import Told, Wire
from app.ports.engine import CommandRefused
from tests.gui.conftest import Scene, group
from tests.support.account_desk import FakeAccountDesk
from tests.support.examples import NOON, account_snapshot
from tests.support.fakes import until

D = Decimal
REFUSED = CommandRefused("not_kept", "the exchange refuses the keys")


def perp(**changes: Any) -> Any:
    """A live account that is not armed."""
    facts = {"id": "perp", "venue": "binance", "environment": "live", "armed": False}
    return account_snapshot(**{**facts, **changes})


def opened(scene: Scene, *accounts: Any, chosen: str = "perp") -> AccountsSheet:
    scene.tell(accounts=accounts or (account_snapshot(), perp()))
    scene.window.show_accounts(chosen)
    sheet = scene.sheet()
    assert isinstance(sheet, AccountsSheet)
    return sheet


def adding(scene: Scene) -> AddPage:
    """The form, filled in."""
    sheet = opened(scene, account_snapshot(), chosen="")
    sheet.list.add.click()
    page = sheet.page
    assert isinstance(page, AddPage)
    page.name.setText("perp")
    for name, typed in page._keys.items():
        typed.setText(f"{name}-0123456789")
    return page


async def asked_about(scene: Scene, page: AddPage) -> None:
    page.test.click()
    await until(lambda: bool(page.lines.sentences or page.fault.text()))


def cells(scene: Scene) -> list[str]:
    return [cell.accessibleName() for cell in scene.window.strip.accounts if cell.isVisible()]


# ---------------------------------------------------------------------- how they stand


@pytest.mark.parametrize(
    ("changes", "state", "word"),
    [
        ({"armed": True}, "connected", ""),
        ({}, "read_only", "read-only"),
        ({"stale": True, "stale_since": NOON}, "stale", "stale 41 s"),
        ({"connected": False, "stale": True, "stale_since": NOON}, "away", "away 41 s"),
        ({"breaker_since": NOON, "stale": True, "stale_since": NOON}, "breaker", "breaker 41 s"),
        ({"clock_skew_ms": -1400}, "clock", "clock 1.4 s off"),
        ({"clock_skew_ms": 900, "armed": True}, "connected", ""),
        ({"conditional_refused": "-4120", "clock_skew_ms": 2000}, "no_stops", "stops watched"),
    ],
)
def test_each_state_of_an_account_has_its_word(changes: dict[str, Any], state: str, word: str) -> None:
    stands = standing(perp(**changes), NOON + timedelta(seconds=41))
    assert (stands.state, stands.word) == (state, word)


def test_an_account_without_keys_says_so_whatever_else_is_wrong() -> None:
    away = perp(connected=False, stale=True, stale_since=NOON)
    assert standing(away, NOON, has_keys=False).state == "no_keys"


async def test_the_strip_tells_the_environment_and_the_use_of_the_limits(scene: Scene) -> None:
    scene.accounts.wires["perp"] = Wire({"weight": 0.4, "orders": 0.1}, NOON)
    scene.tell(accounts=(account_snapshot(), perp(armed=True)))
    cell = scene.window.strip.accounts[1]
    assert (cell.tag.word, cell.tag.is_filled) == ("LIVE", True)
    assert "Limits used: weight 40%, orders 10%" in cell.accessibleName()
    scene.tell(accounts=(account_snapshot(), perp()))
    assert not scene.window.strip.accounts[1].tag.is_filled
    assert scene.window.strip.accounts[0].tag.word == "PAPER"


async def test_keys_that_are_missing_are_told_in_the_strip(scene: Scene) -> None:
    scene.accounts.keys["perp"] = "none"
    scene.tell(accounts=(perp(),))
    await until(lambda: "no keys" in cells(scene)[0])


async def test_many_accounts_fold_into_a_count_and_the_worst_stay(scene: Scene) -> None:
    many = [account_snapshot(id=f"account-number-{number}") for number in range(9)]
    many[8] = replace(many[8], id="broken", breaker_since=NOON)
    scene.tell(accounts=tuple(many))
    strip = scene.window.strip
    assert any(name.startswith("broken, breaker") for name in cells(scene))
    assert strip.folded.words.text() == f"+{9 - len(cells(scene))}"
    last = strip.stop.geometry().right()
    assert last <= strip.width()
    assert strip.stop.width() >= strip.stop.sizeHint().width()


async def test_the_count_takes_the_worst_sign_of_what_it_folds(scene: Scene) -> None:
    away = {"connected": False, "stale": True, "stale_since": NOON}
    scene.tell(accounts=tuple(account_snapshot(id=f"account-number-{number}", **away) for number in range(9)))
    assert "the worst is account-number-" in scene.window.strip.folded.accessibleName()
    assert "away" in scene.window.strip.folded.accessibleName()


async def test_a_cell_of_the_strip_opens_the_accounts_with_it_chosen(scene: Scene) -> None:
    scene.tell(accounts=(account_snapshot(), perp()))
    QTest.keyClick(scene.window.strip.accounts[1], Qt.Key.Key_Return)
    sheet = scene.sheet()
    assert sheet.list.chosen.id == "perp"
    sheet.dismiss()
    QTest.mouseClick(scene.window.strip.accounts[0], Qt.MouseButton.LeftButton)
    assert scene.sheet().list.chosen.id == "paper"


# ---------------------------------------------------------------------- the list


async def test_the_list_says_how_each_account_stands(scene: Scene) -> None:
    scene.accounts.keys["perp"] = "••••4B19"
    scene.accounts.wires["perp"] = Wire({"weight": 0.4}, scene.clock.now() - timedelta(minutes=7))
    sheet = opened(scene)
    await until(lambda: "••••4B19" in sheet.list.table.texts(1))
    assert sheet.list.table.texts(1) == [
        "perp", "Binance perpetuals", "LIVE, read-only", "••••4B19", "read-only", "weight 40%", "7m",
    ]  # fmt: skip
    scene.tell(accounts=(account_snapshot(), perp(armed=True)))
    assert sheet.list.table.texts(1)[2] == "LIVE, armed"


async def test_a_test_of_keys_is_told_sentence_by_sentence(scene: Scene) -> None:
    sheet = opened(scene)
    sheet.list.test.click()
    await until(lambda: bool(sheet.list.found.sentences))
    assert sheet.list.found.sentences[:2] == ["The exchange answers.", "These keys may trade."]
    sheet.list.choose("paper")
    assert sheet.list.found.sentences == []
    assert not sheet.list.test.isEnabled()


async def test_a_test_that_fails_says_why(scene: Scene) -> None:
    sheet = opened(scene)
    scene.accounts.failure = CommandRefused("no_keys", "there are no keys for perp in the vault")
    sheet.list.test.click()
    await until(lambda: "no keys" in sheet.list.fault.text())


async def test_an_account_with_open_groups_is_not_removed_and_says_why(scene: Scene) -> None:
    scene.show([group(1, account="perp")])
    sheet = opened(scene)
    assert not sheet.list.remove.isEnabled()
    assert sheet.list.remove.toolTip() == "1 group is open on perp; close first."


async def test_removing_asks_first_and_an_error_stays_on_the_page(scene: Scene) -> None:
    sheet = opened(scene)
    sheet.list.remove.click()
    page: Any = sheet.page
    scene.accounts.failure = CommandRefused("open_groups", "a group is open on perp")
    page.go.click()
    await until(lambda: page.fault.text() == "A group is open on perp.")
    scene.accounts.failure = None
    page.go.click()
    await until(lambda: sheet.page is None)
    assert scene.accounts.asked[-1] == ("remove", "perp")
    assert scene.window.notice.sentence == "Perp was removed."


async def test_disarming_says_what_it_cancels(scene: Scene) -> None:
    scene.show([group(1, account="perp")])
    sheet = opened(scene, perp(armed=True))
    sheet.list.disarm.click()
    assert "Cancels 3 unfilled entries on perp" in scene.said()
    assert "1 open group is still managed to the exit." in scene.said()
    page: Any = sheet.page
    page.go.click()
    await until(lambda: scene.accounts.asked == [("disarm", "perp")])


async def test_escape_leaves_a_page_for_the_list_and_the_list_for_the_window(scene: Scene) -> None:
    sheet = opened(scene)
    sheet.list.arm.click()
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    assert sheet.page is None
    assert sheet.list.isVisible()
    QTest.keyClick(sheet, Qt.Key.Key_Escape)
    assert not scene.has_sheet()
    assert scene.accounts.asked == []


# ---------------------------------------------------------------------- adding


async def test_keys_are_asked_about_before_an_account_can_be_added(scene: Scene) -> None:
    page = adding(scene)
    assert not page.go.isEnabled()
    await asked_about(scene, page)
    assert page.lines.sentences == [finding.sentence for finding in findings(scene.accounts.report)]
    page.go.click()
    await until(lambda: scene.sheet().page is None)
    name, settings, given, with_test, allows = scene.accounts.asked[-1]
    assert (name, with_test, allows) == ("add", True, False)
    assert settings == {
        "id": "perp", "venue": "binance", "market_type": "linear", "environment": "testnet", "allowed_symbols": None,
    }  # fmt: skip
    assert given == {"api_key": "api_key-0123456789", "secret": "secret-0123456789"}


async def test_enter_in_a_key_tests_it_then_adds(scene: Scene) -> None:
    page = adding(scene)
    secret = page._keys["secret"]
    QTest.keyClick(secret, Qt.Key.Key_Return)
    await until(page.go.isEnabled)
    QTest.keyClick(secret, Qt.Key.Key_Return)
    await until(lambda: scene.sheet().page is None)
    assert [asked[0] for asked in scene.accounts.asked] == ["try_keys", "add"]


async def test_another_key_must_be_tested_anew(scene: Scene) -> None:
    page = adding(scene)
    await asked_about(scene, page)
    page._keys["secret"].setText("another")
    assert not page.go.isEnabled()
    assert page.lines.sentences == []


async def test_keys_that_may_withdraw_are_kept_only_when_the_danger_is_accepted(scene: Scene) -> None:
    scene.accounts.report = replace(scene.accounts.report, may_withdraw=Told(True, "these keys may withdraw"))
    page = adding(scene)
    assert not page.accept.isVisible()
    await asked_about(scene, page)
    assert not page.go.isEnabled()
    assert "take all the money away" in scene.said()
    page.accept.click()
    page.go.click()
    await until(lambda: scene.accounts.asked[-1][0] == "add")
    assert scene.accounts.asked[-1][-1] is True


async def test_nothing_typed_is_lost_on_an_error_and_secrets_go_after_success(scene: Scene) -> None:
    page = adding(scene)
    await asked_about(scene, page)
    scene.accounts.failure = REFUSED
    page.go.click()
    await until(lambda: page.fault.text() == "The exchange refuses the keys.")
    secret = page._keys["secret"]
    assert (page.name.text(), secret.text()) == ("perp", "secret-0123456789")
    scene.accounts.failure = None
    scene.accounts.gate = asyncio.Event()
    page.go.click()
    typed = scene.sheet().findChildren(QLineEdit)
    scene.accounts.gate.set()
    await until(lambda: scene.sheet().page is None)
    assert [line.text() for line in typed if "0123456789" in line.text()] == []
    secret.undo()
    assert secret.text() == ""


async def test_a_sheet_that_is_closed_does_not_stop_the_keeping(scene: Scene) -> None:
    page = adding(scene)
    await asked_about(scene, page)
    scene.accounts.gate = asyncio.Event()
    page.go.click()
    await until(lambda: scene.accounts.asked[-1][0] == "add")
    scene.sheet().dismiss()
    assert not scene.has_sheet()
    scene.accounts.gate.set()
    await until(lambda: scene.window.notice.sentence == "Perp was added.")


async def test_secrets_are_masked_and_asked_for_by_venue(scene: Scene) -> None:
    page = adding(scene)
    page.venue.choose("okx")
    assert list(page._keys) == ["api_key", "secret", "password"]
    assert page._keys["api_key"].text() == "api_key-0123456789"
    assert all(typed.echoMode() is QLineEdit.EchoMode.Password for typed in page._keys.values())
    page.venue.choose("aster")
    assert list(page._keys) == ["wallet_address", "private_key"]
    assert page._keys["wallet_address"].echoMode() is QLineEdit.EchoMode.Normal
    assert page.environment.current == "live"


async def test_new_keys_leave_the_account_itself_as_it_is(scene: Scene) -> None:
    sheet = opened(scene)
    sheet.list.keys.click()
    page = sheet.page
    assert isinstance(page, AddPage)
    assert not any(widget.isEnabled() for widget in (page.name, page.venue, page.market, page.environment))
    assert (page.name.text(), page.venue.current, page.environment.current) == ("perp", "binance", "live")


@pytest.mark.expects_log_warnings
async def test_an_exception_within_is_told_by_its_kind_and_never_by_its_text(
    scene: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    page = adding(scene)
    scene.accounts.failure = RuntimeError("secret-0123456789")
    await asked_about(scene, page)
    assert "RuntimeError" in page.fault.text()
    assert "secret-0123456789" not in page.fault.text() + caplog.text


@pytest.mark.parametrize(
    ("text", "fault"),
    [("", True), ("Perp", True), ("a b", True), ("paper", True), ("perp-2", False), ("x" * 33, True)],
)
def test_names_are_those_that_the_configuration_takes(text: str, fault: bool) -> None:
    assert (id_fault(text, ["paper"]) is not None) is fault


def test_markets_are_read_from_commas_spaces_or_lines() -> None:
    assert symbols_of(" btc/usdt:usdt, ETH/USDT:USDT\n") == ["BTC/USDT:USDT", "ETH/USDT:USDT"]
    assert symbols_of(" , ") is None


def test_keys_that_may_not_trade_or_were_not_reached_are_refused() -> None:
    report = FakeAccountDesk().report
    assert key_refusal(report, withdrawal_accepted=False) is None
    dumb = replace(report, reachable=Told(False, "no answer"))
    assert key_refusal(dumb, withdrawal_accepted=True) is not None
    assert key_refusal(replace(report, may_trade=Told(False, "read only")), withdrawal_accepted=True) is not None
    dropped = replace(report, may_withdraw=Told(None, "the connection dropped", failed=True))
    assert "could not be asked" in (key_refusal(dropped, withdrawal_accepted=True) or "")


# ---------------------------------------------------------------------- arming


async def test_arming_needs_the_name_and_shows_the_worst_case(scene: Scene) -> None:
    sheet = opened(scene)
    sheet.list.arm.click()
    page: Any = sheet.page
    assert "8 groups × 3 pyramids × 250 × 2 leverage = 12000" in scene.said()
    page.name[1].setText("PERP")
    QTest.keyClick(page.name[1], Qt.Key.Key_Return)
    assert not page.go.isEnabled()
    page.name[1].setText("perp")
    QTest.keyClick(page.name[1], Qt.Key.Key_Return)
    await until(lambda: sheet.page is None)
    assert scene.accounts.asked == [("arm", "perp", "perp", "")]


async def test_where_there_is_no_stop_none_is_typed_out(scene: Scene) -> None:
    scene.accounts.plans["perp"] = {"without_stop": True}
    sheet = opened(scene)
    sheet.list.arm.click()
    page: Any = sheet.page
    page.name[1].setText("perp")
    assert not page.go.isEnabled()
    page.stop[1].setText("none")
    page.go.click()
    await until(lambda: scene.accounts.asked == [("arm", "perp", "perp", "none")])


async def test_where_stops_are_watched_the_arming_says_so(scene: Scene) -> None:
    scene.accounts.plans["perp"] = {"watched_stops": "its stops are watched here, only while Ziggurat runs"}
    opened(scene).list.arm.click()
    assert "Its stops are watched here, only while Ziggurat runs" in scene.said()


async def test_limits_that_are_missing_are_set_before_the_name_is_asked(scene: Scene) -> None:
    scene.accounts.plans["perp"] = {"missing": ["risk.max_exposure_quote", "risk.max_order_quote"]}
    sheet = opened(scene)
    sheet.list.arm.click()
    page: Any = sheet.page
    exposure, order = list(page.fields.values())
    exposure.setText("5,000.00")
    QTest.keyClick(exposure, Qt.Key.Key_Return)
    assert order.hasFocus() or scene.window.focusWidget() == order
    for text, allowed in (("", False), ("-3", False), ("1,5", False), ("250.50", True)):
        order.setText(text)
        assert page.go.isEnabled() is allowed
        assert page.fault.isHidden() is (allowed or not text)
    QTest.keyClick(order, Qt.Key.Key_Return)
    await until(lambda: isinstance(sheet.page, ArmPage))
    assert scene.accounts.asked == [("set_limits", {"max_exposure_quote": "5000.00", "max_order_quote": "250.50"})]
    assert sheet.title.text() == "Arm live trading on perp?"


async def test_limits_that_are_not_taken_stay_to_be_corrected(scene: Scene) -> None:
    scene.accounts.plans["perp"] = {"missing": ["risk.max_order_quote"]}
    scene.accounts.failure = CommandRefused("not_kept", "the file cannot be written")
    sheet = opened(scene)
    sheet.list.arm.click()
    page: Any = sheet.page
    page.fields["risk.max_order_quote"].setText("250")
    page.go.click()
    await until(lambda: page.fault.text() != "")
    assert page.fault.text() == "The file cannot be written."
    assert page.go.isEnabled()
    QTest.keyClick(page, Qt.Key.Key_Escape)
    assert sheet.page is None


async def test_what_else_is_missing_is_named_and_nothing_can_be_typed(scene: Scene) -> None:
    scene.accounts.plans["perp"] = {"missing": ["allowed_symbols of perp"]}
    sheet = opened(scene)
    sheet.list.arm.click()
    page: Any = sheet.page
    assert page.missing.shown == [("allowed_symbols of perp", "not set")]
    assert not page.name[0].isVisible()
    assert not page.go.isEnabled()


async def test_only_live_accounts_are_armed(scene: Scene) -> None:
    sheet = opened(scene, perp(environment="testnet", armed=None))
    assert not sheet.list.arm.isEnabled()


# ---------------------------------------------------------------------- orders by hand


async def test_a_read_only_account_says_so_where_orders_are_made_and_leads_out(scene: Scene) -> None:
    scene.tell(accounts=(perp(),))
    scene.window.show_view("positions")
    scene.show([group(1, account="perp")])
    scene.window.positions.table.choose_first()
    detail = scene.window.positions.detail
    assert not detail.funds_button.isEnabled()
    assert "Arm it under Accounts" in detail.funds_button.toolTip()
    assert detail.close_button.isEnabled()
    detail.read_only.click()
    assert scene.sheet().list.chosen.id == "perp"


async def test_an_armed_account_shows_no_lock(scene: Scene) -> None:
    scene.tell(accounts=(perp(armed=True),))
    scene.window.show_view("positions")
    scene.show([group(1, account="perp")])
    scene.window.positions.table.choose_first()
    assert not scene.window.positions.detail.read_only.isVisible()
    assert scene.window.positions.detail.funds_button.isEnabled()


# ---------------------------------------------------------------------- what holds entries, and what is not ours


FOREIGN = {"hold": "foreign", "reason": "orders of another Ziggurat instance are live on this account"}
GONE = {"hold": "difference", "reason": "3 groups seem to be gone at the venue without fills; nothing was changed"}


def asking(sheet: AccountsSheet) -> AskPage:
    assert isinstance(sheet.page, AskPage)
    return sheet.page


@pytest.mark.parametrize(("button", "choice"), [("ignore", "ignore"), ("adopt", "adopt")])
async def test_another_instances_orders_are_settled_from_the_sheet(scene: Scene, button: str, choice: str) -> None:
    sheet = opened(scene, perp(**FOREIGN))
    assert "orders of another Ziggurat instance are live" in sheet.list.says.text()
    next(item for item in sheet.list.hold.buttons if item.objectName() == button).click()
    assert scene.accounts.asked == []
    asking(sheet).go.click()
    await until(lambda: bool(scene.accounts.asked))
    assert scene.accounts.asked == [("settle_foreign", "perp", choice)]


async def test_a_difference_is_accepted_only_after_a_second_look(scene: Scene) -> None:
    sheet = opened(scene, perp(**GONE))
    assert "3 groups seem to be gone" in sheet.list.says.text()
    sheet.list.hold.buttons[0].click()
    assert "Look at the exchange first" in scene.said()
    asking(sheet).keep.click()
    assert scene.accounts.asked == []
    sheet.list.hold.buttons[0].click()
    asking(sheet).go.click()
    await until(lambda: bool(scene.accounts.asked))
    assert scene.accounts.asked == [("accept_difference", "perp")]


async def test_a_choice_that_is_refused_says_why(scene: Scene) -> None:
    sheet = opened(scene, perp(**FOREIGN))
    scene.accounts.failure = CommandRefused("nothing_foreign", "no orders of another instance wait for a choice")
    sheet.list.hold.buttons[0].click()
    asking(sheet).go.click()
    await until(lambda: bool(asking(sheet).fault.text()))
    assert "No orders of another instance wait" in asking(sheet).fault.text()


async def test_only_the_choices_of_the_present_hold_are_seen(scene: Scene) -> None:
    sheet = opened(scene, perp(**FOREIGN))
    scene.tell(accounts=(perp(**GONE),))
    QApplication.processEvents()
    seen = [button.objectName() for button in sheet.list.hold.findChildren(Button) if button.isVisible()]
    assert seen == ["accept"]


async def test_an_account_that_is_not_held_asks_for_nothing(scene: Scene) -> None:
    assert opened(scene, perp()).list.hold.isHidden()


async def test_a_held_account_is_told_in_the_alert_strip_and_leads_to_its_sheet(scene: Scene) -> None:
    scene.tell(accounts=(account_snapshot(), perp(**FOREIGN)))
    assert scene.window.alerts.sentences[0].startswith("perp takes no entries: orders of another Ziggurat instance")
    scene.window.alerts.wanted.emit("account/perp")
    assert scene.sheet().list.chosen.id == "perp"


async def test_what_is_not_ziggurats_is_shown_and_nowhere_else(scene: Scene) -> None:
    order = ExternalOrderSnapshot("ETH/USDT:USDT", "sell", "stop_market", D("1.5"), None, D(1800))
    held = {"BTC/USDT:USDT/short": D("-0.5")}
    sheet = opened(scene, perp(external_orders=(order,), external=held), account_snapshot(external={}))
    assert sheet.list.others.shown == [
        "BTC/USDT:USDT short position 0.5 ",
        "ETH/USDT:USDT sell stop market 1.5 from 1,800",
    ]
    assert "Never changed, cancelled or closed" in sheet.list.others.says.text()
    sheet.list.choose("paper")
    assert sheet.list.others.isHidden()


async def test_many_orders_that_are_not_ours_are_counted(scene: Scene) -> None:
    orders = tuple(ExternalOrderSnapshot(f"S{n}/USDT", "buy", "limit", D(1), D(n), None) for n in range(1, 10))
    sheet = opened(scene, perp(external_orders=orders, external={}))
    assert len(sheet.list.others.shown) == 6
    assert "and 3 more" in scene.said()
