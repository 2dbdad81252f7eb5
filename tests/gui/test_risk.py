"""Risk: nothing, one, many; limits, conditions, the plan in numbers; run now, skip once, block."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QPushButton

from app.domain.offset import Assessment, Condition, Payment, Plan
from app.gui.models.risk import (
    action_text,
    balance_text,
    level_sentence,
    limit_name,
    limit_state,
    limit_text,
    mode_text,
    plan_head,
    room,
    run_refusal,
    why_not,
)
from app.gui.panels.risk import ROWS_AT_ONCE
from app.gui.theme import theme
from app.messages.commands import BlockGroup, RunOffset, SkipOffset
from app.messages.records import ActionStatus, Payer, RiskAction
from app.messages.snapshots import LimitSnapshot
from app.ports.engine import CommandRefused
from tests.gui.conftest import Scene, group
from tests.support.examples import NOON, emergency_snapshot, risk_snapshot
from tests.support.fakes import until

D = Decimal


def assessment(number: int = 1, **changes: Any) -> Assessment:
    facts: dict[str, Any] = {
        "group_id": f"g{number:07d}",
        "account": "paper",
        "symbol": f"C{number}/USDT:USDT",
        "timeframe": "1h",
        "loss_percent": D("-5.84"),
        "profit": D("-103.76"),
        "timer_left_sec": 754,
        "conditions": (
            Condition("pyramids", met=True, text="3 of 3 pyramids"),
            Condition("timer", met=False, text="754 s left"),
            Condition("loss", met=True, text="-5.84 %, at most -5 %"),
            Condition("unblocked", met=True, text="not blocked"),
            Condition("open", met=True, text="it is open"),
            Condition("price", met=True, text="its price is live"),
        ),
    }
    return Assessment(**{**facts, **changes})


def plan(**changes: Any) -> Plan:
    winners = (
        Payment("g0000002", "SOL/USDT:USDT", "15m", D("14.18"), D("14.18"), D("86.67"), D("86.67"), D("1.04")),
        Payment("g0000003", "LINK/USDT:USDT", "1h", D("22.49"), D("41.13"), D("35.06"), D("19.18"), D("0.20")),
    )
    facts: dict[str, Any] = {
        "loser_id": "g0000001",
        "account": "paper",
        "symbol": "ETH/USDT:USDT",
        "timeframe": "1h",
        "loss": D("103.76"),
        "required": D("105.84"),
        "covered": D("105.85"),
        "loser_quantity": D("0.573"),
        "whole": True,
        "winners": winners,
        "due": True,
    }
    return Plan(**{**facts, **changes})


def action(**changes: Any) -> RiskAction:
    facts: dict[str, Any] = {
        "id": "r1",
        "at": NOON - timedelta(hours=1),
        "status": ActionStatus.DONE,
        "started_by": "hand",
        "loser_id": "g0000001",
        "account": "paper",
        "loser": "ETH/USDT:USDT",
        "timeframe": "1h",
        "loser_quantity": D("0.5"),
        "loss": D(50),
        "required": D(51),
        "expected": D(52),
        "winners": (Payer("g2", "SOL/USDT:USDT", "1h", D(1), D(52), D(0), D(0), D(0), D(0)),),
        "loser_before": D(0),
        "realized": D("51.80"),
        "loser_realized": D("-50.10"),
    }
    return RiskAction(**{**facts, **changes})


def three(**changes: Any) -> Any:
    """A loser that is due, and two winners."""
    rows = (assessment(1), assessment(2, profit=D("86.67")), assessment(3, profit=D("35.06")))
    return risk_snapshot(groups=rows, plan=plan(), **changes)


def keys(scene: Scene) -> list[str]:
    table = scene.window.risk.table
    return [table.rows.index(row, 1).data() + table.rows.index(row, 0).data() for row in range(table.rows.rowCount())]


def everything(scene: Scene) -> None:
    """The rows that come a few at a time are all there."""
    while scene.window.risk.put_more():
        pass
    QApplication.processEvents()


def cell(scene: Scene, name: str, role: int = Qt.ItemDataRole.DisplayRole) -> str:
    table = scene.window.risk.table
    place = [column.name for column in table.rows.columns].index(name)
    return str(table.rows.index(0, place).data(role))


# ---------------------------------------------------------------------- showing


async def test_it_says_that_it_sells_winners_to_close_a_loser(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(mode="auto", actions_today=1))
    text = scene.window.risk._mode.text()
    assert text == "The offset engine sells winners to close a loser. It acts by itself \u00b7 1 of 3 actions today"
    assert "It is off" in mode_text(risk_snapshot(mode="off"))


async def test_without_a_group_the_view_says_what_would_be_here(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot())
    assert scene.window.risk.empty.isVisible()
    assert scene.window.risk.level.text() == "Normal"
    assert scene.window.risk.level_words.text() == "New exposure is allowed. No limit is set."


async def test_one_group_shows_each_condition_met_or_not_in_words(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(groups=(assessment(),)))
    assert cell(scene, "percent") == "\u22125.84%"
    assert cell(scene, "timer") == "12m 34s left"
    spoken = Qt.ItemDataRole.AccessibleTextRole
    assert cell(scene, "pyramids", spoken) == "Pyramids, Met: 3 of 3 pyramids"
    assert cell(scene, "timer", spoken) == "Timer, Not met: 754 s left"
    assert cell(scene, "other") == "yes"
    assert scene.window.risk.plan.why.text().startswith("No group could be the loser now")
    assert not scene.window.risk.plan.run_button.isEnabled()


async def test_five_hundred_groups_are_shown_in_the_order_given(scene: Scene) -> None:
    scene.window.show_view("risk")
    rows = tuple(assessment(number) for number in range(500, 0, -1))
    scene.risk(risk_snapshot(groups=rows))
    assert len(keys(scene)) == ROWS_AT_ONCE
    everything(scene)
    assert len(keys(scene)) == 500
    assert keys(scene)[:2] == ["1hC500/USDT:USDT", "1hC499/USDT:USDT"]
    scene.risk(risk_snapshot(groups=tuple(reversed(rows))))
    everything(scene)
    assert keys(scene)[:2] == ["1hC1/USDT:USDT", "1hC2/USDT:USDT"]
    scene.risk(risk_snapshot(groups=rows[:1]))
    assert len(keys(scene)) == 1


async def test_no_word_of_a_row_is_cut(scene: Scene) -> None:
    scene.show([group(1, side="short", timeframe="15m")])
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(groups=(assessment(1, timeframe="15m", timer_left_sec=3298),)))
    table = scene.window.risk.table
    names = [column.name for column in table.rows.columns]
    for name, icon in (("what", 0), ("timer", theme.metric("icon.table") + 5)):
        needed = theme.advance(cell(scene, name), "table") + icon + 2 * table.cells.pad
        assert table.columnWidth(names.index(name)) >= needed, name


async def test_conditions_that_are_off_have_no_column(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(groups=(assessment(),)))
    names = [column.name for column in scene.window.risk.table.rows.columns]
    assert scene.window.risk.table.isColumnHidden(names.index("age"))
    assert not scene.window.risk.table.isColumnHidden(names.index("pyramids"))


async def test_blocked_and_skipped_groups_are_tagged(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three(blocked=frozenset({"g0000001"}), skipped=frozenset({"g0000001"})))
    assert cell(scene, "role") == "loser, blocked, skipped"
    assert "Unblock" in scene.window.risk.plan.block_button.text()
    assert scene.window.risk.plan.skip_button.toolTip() == "It is left out of the next action already."


@pytest.mark.parametrize(
    ("limit", "text", "distance", "state"),
    [
        (LimitSnapshot("daily_loss", D("12.4"), D(250), "USDT"), "12.40 of 250.00", "237.60 USDT away", "normal"),
        (LimitSnapshot("drawdown", D("6.4"), D(8), "%"), "6.40% of 8.00%", "1.60 points away", "warning"),
        (LimitSnapshot("max_exposure", D(12100), D(12000), "USDT"), "12,100 of 12,000", "100.00 USDT past", "critical"),
        (LimitSnapshot("open_groups", D(7), D(8), "groups"), "7 of 8", "1 group away", "normal"),
        (LimitSnapshot("stop_guard", D(3), D(2), "stops"), "3 of 2", "1 stop past", "critical"),
        (LimitSnapshot("daily_loss", D(250), D(250), "USDT"), "250.00 of 250.00", "reached", "critical"),
        (LimitSnapshot("open_groups", D(3), D(3), "groups"), "3 of 3", "full", "normal"),
    ],
)
def test_a_limit_tells_its_distance_in_its_own_unit(limit: LimitSnapshot, text: str, distance: str, state: str) -> None:
    assert (limit_text(limit), room(limit), limit_state(limit)) == (text, distance, state)


def test_a_limit_that_is_not_known_by_name_is_still_told() -> None:
    assert limit_name(LimitSnapshot("new_kind:BTC", D(1), D(2), "USDT")) == "New kind BTC"


async def test_limits_are_drawn_and_spoken(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(limits=(LimitSnapshot("daily_loss", D(200), D(250), "quote"),)))
    assert scene.window.risk.limits.shown() == ["Daily loss: 200.00 of 250.00, 50.00 USDT away"]
    assert not scene.window.risk.limits.grab().isNull()


def test_the_state_is_explained() -> None:
    limits = (LimitSnapshot("daily_loss", D(1), D(250), "USDT"), LimitSnapshot("drawdown", D(2), D(8), "%"))
    assert level_sentence(emergency_snapshot(), limits).endswith("Nearest limit: drawdown, 6.00 points away.")
    warning = emergency_snapshot(level="warning", warnings=("90 % of the limit max_exposure is used",))
    assert level_sentence(warning, ()) == "New exposure is allowed. 90 % of the limit of exposure, worst case is used."
    critical = emergency_snapshot(level="critical", reason="the daily loss limit is reached")
    assert level_sentence(critical, ()).startswith("The daily loss limit is reached. Nothing new opens")


# ---------------------------------------------------------------------- the plan


async def test_the_plan_is_drawn_and_told_in_numbers(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    field = scene.window.risk.plan
    assert field.bars.accessibleName() == (
        "ETH 1h loses 103.76, required 105.84; SOL 15m pays 86.67; LINK 1h pays 19.18; 0.01 left over"
    )
    assert field.winners.shown()[2] == (
        "LINK 1h: closes 22.49 of 41.13, pays +19.18 of +35.06, fee 0.20, keeps 18.64, its TPs shrink"
    )
    assert "covered, 0.01 left over" in field.winners.shown()[-1]
    assert not field.grab().isNull()


async def test_a_gap_is_told_with_the_reason(scene: Scene) -> None:
    scene.window.show_view("risk")
    short = plan(covered=D(40), winners=plan().winners[:1], refusal="the winners cover 40.00 of 105.84", whole=False)
    scene.risk(risk_snapshot(groups=(assessment(),), plan=short))
    field = scene.window.risk.plan
    assert field.why.text() == "Not done: the winners cover 40.00 of 105.84."
    assert balance_text(short) == "65.84 short"
    assert not field.run_button.isEnabled()
    assert field.run_button.toolTip() == "The winners cover 40.00 of 105.84."
    assert not field.grab().isNull()


def test_the_plan_says_what_it_closes_or_why_nothing() -> None:
    assert plan_head(plan()) == "close ETH 1h whole, 0.573 at market; it is due"
    nothing = plan(loser_quantity=D(0), whole=False, due=False)
    assert plan_head(replace(nothing, winners=())) == "ETH 1h, nothing to close: no winner pays"
    assert plan_head(nothing) == "ETH 1h, nothing to close: the winners pay too little"


def test_why_not_names_what_stands_in_the_way() -> None:
    assert why_not(three()) is None
    assert why_not(three(mode="off")) == "The offset engine is off."
    assert why_not(three(held_by="3 of 3 actions today")) == "3 of 3 actions today."
    assert run_refusal(three(emergency=emergency_snapshot(level="critical"))) == "The emergency stop is on."


async def test_running_now_says_what_is_closed_and_sends_the_command(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.risk.plan.run_button.click()
    said = scene.said()
    assert "SOL 15m pays | sells 14.18 of 14.18: +86.67, fee 1.04" in said
    assert "ETH 1h closes whole | 0.573: \u2212103.76" in said
    assert "105.84 USDT" in said
    assert scene.engine.asked == []
    scene.sheet().findChild(QPushButton, "do").click()
    assert not scene.window.risk.plan.run_button.isEnabled()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [RunOffset()]
    assert scene.window.risk.plan.run_button.isEnabled()


async def test_the_sheet_of_running_follows_the_prices(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.risk.ask_run()
    scene.risk(replace(three(), plan=plan(loss=D("110.00"), refusal="the winners cover 105.85 of 112.00")))
    assert "0.573: \u2212110.00" in scene.said()
    assert not scene.sheet().findChild(QPushButton, "do").isEnabled()


async def test_a_refused_run_is_said(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.engine.failure = CommandRefused("held", "an action is under way")
    scene.window.risk.ask_run()
    scene.sheet().findChild(QPushButton, "do").click()
    await until(lambda: not scene.store.pending)
    assert scene.window.notice.sentence == "Not done: an action is under way."


async def test_skipping_once_acts_on_the_chosen_group(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.risk.table.choose("g0000002")
    scene.window.risk.plan.skip_button.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [SkipOffset("g0000002")]


async def test_blocking_can_be_undone_for_a_while(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.risk.plan.block_button.click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [BlockGroup("g0000001", blocked=True)]
    assert scene.window.notice.undo.isVisible()
    scene.window.notice.undo.click()
    await until(lambda: not scene.store.pending and len(scene.engine.asked) == 2)
    assert scene.engine.asked[1] == BlockGroup("g0000001", blocked=False)


async def test_the_letter_b_asks_before_it_blocks(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.activateWindow()
    scene.window.risk.table.setFocus()
    QTest.keyClick(scene.window.risk.table, Qt.Key.Key_B)
    assert scene.sheet().accessibleName() == "Block C1 1h from the offset engine?"
    assert scene.engine.asked == []
    scene.sheet().findChild(QPushButton, "do").click()
    await until(lambda: not scene.store.pending)
    assert scene.engine.asked == [BlockGroup("g0000001", blocked=True)]


# ---------------------------------------------------------------------- what was done


def test_an_action_is_told_with_what_it_brought() -> None:
    assert action_text(action()) == "ETH 1h: 1 winner paid 51.80, net +1.70."
    assert action_text(action(status=ActionStatus.LOSER)) == "ETH 1h: closing the loser, 1 winner"
    assert action_text(action(detail="the loser was closed in part")).endswith("The loser was closed in part.")


async def test_the_history_lists_the_actions(scene: Scene) -> None:
    scene.window.show_view("risk")
    scene.risk(risk_snapshot(actions=(action(), action(started_by="auto"))))
    assert scene.window.risk.history.shown() == [
        "11:00:00, by hand: ETH 1h: 1 winner paid 51.80, net +1.70.",
        "11:00:00, by itself: ETH 1h: 1 winner paid 51.80, net +1.70.",
    ]


async def test_the_risk_is_watched_only_while_the_view_is_shown(scene: Scene) -> None:
    watched: list[bool] = []
    for view in ("dashboard", "risk", "positions"):
        scene.window.show_view(view)
        watched.append(scene.store.is_risk_watched)
    assert watched == [False, True, False]


async def test_enter_opens_the_group_in_positions(scene: Scene) -> None:
    scene.show([group(1), group(2)])
    scene.window.show_view("risk")
    scene.risk(three())
    scene.window.risk.table.choose("g0000002")
    QTest.keyClick(scene.window.risk.table, Qt.Key.Key_Return)
    assert scene.window.current == "positions"
    assert scene.window.positions.table.current_key == "g0000002"
