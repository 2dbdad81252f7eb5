"""Signals: every message with its outcome, and the answer to why nothing happened."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from app.domain.risk import checks, standing
from app.gui.models.signals import CHECK_WORDS, answer, check_text, latency_text, question, reason_text, time_taken
from app.gui.models.tree import ROW
from app.gui.panels.signals import pretty_body
from app.gui.theme import theme
from app.messages.records import CheckResult, SignalRecord
from app.ports.queries import Page
from tests.gui.conftest import Scene, group, signal
from tests.support.fakes import until

REFUSED = (
    CheckResult("paused", "passed", ""),
    CheckResult("slippage", "failed", "the price 49.62 is 1.51 % worse than 48.88, the bound is 1 %"),
    CheckResult("order_rate", "not_reached", ""),
)


async def test_without_a_signal_the_view_says_why_and_what_to_do(scene: Scene) -> None:
    scene.window.show_view("signals")
    assert scene.window.signals.empty.isVisible()


async def test_the_newest_signal_stands_first_and_is_answered(scene: Scene) -> None:
    scene.window.show_view("signals")
    refused = signal(3, "rejected", checks=REFUSED, reason="slippage", detail=REFUSED[1].detail)
    scene.show([], [signal(1), signal(2, "ignored", reason="no_position", detail="no long is open"), refused])
    panel = scene.window.signals
    assert panel.table.rows.index(0, 0).data(ROW).record.id == refused.id
    panel.table.choose(refused.id)
    assert panel.answer.question.text() == "Why did nothing happen?"
    assert panel.answer.sentence.text() == f"Not executed: {REFUSED[1].detail}."
    assert panel.answer.checks.shown()[2] == "Entries per minute: not reached."


async def test_outcomes_are_counted_and_filtered(scene: Scene) -> None:
    scene.window.show_view("signals")
    records = [signal(number, ("executed", "rejected", "queued")[number % 3]) for number in range(1, 31)]
    scene.show([], records)
    panel = scene.window.signals
    panel.segments.choose("rejected")
    assert panel.table.rows.rowCount() == 10
    panel.filter.setText("no such pair")
    assert panel.table.rows.rowCount() == 0


async def test_an_outcome_that_changes_is_changed_in_its_row(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(1, "queued")])
    scene.show([], [signal(1, "executed")])
    panel = scene.window.signals
    assert panel.table.rows.rowCount() == 1
    assert panel.table.rows.index(0, 4).data() == "executed"
    assert panel.answer.question.text() == "What happened?"


async def test_the_group_of_a_signal_is_one_click_away(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.show([group(1)], [signal(1, group_id="g0000001")])
    scene.window.signals.answer.open_group.click()
    assert scene.window.current == "positions"
    assert scene.window.positions.table.current_key == "g0000001"


async def test_older_signals_are_read_when_the_end_is_reached(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(number) for number in range(100, 160)])
    QApplication.processEvents()
    asked: list[Any] = []

    async def signals(where: Any, page: Any) -> Page[Any]:
        asked.append(where)
        return Page((signal(50), signal(51)), None)

    monkeypatch.setattr(scene.queries, "signals", signals)
    bar = scene.window.signals.table.verticalScrollBar()
    bar.setValue(bar.maximum())
    await until(lambda: len(scene.store.signals) == 62)
    assert asked[0].until == signal(100).received_at


@pytest.mark.parametrize(
    ("outcome", "begins"),
    [("executed", "Executed: "), ("queued", "It waits in the queue: "), ("ignored", "Ignored: "),
     ("rejected", "Not executed: "), ("pending", "It is recorded")],
)  # fmt: skip
def test_every_outcome_has_its_sentence(outcome: str, begins: str) -> None:
    record = signal(1, outcome, reason="pool_full")
    assert answer(record).startswith(begins)
    assert answer(record).endswith(".")
    assert (question(record) == "What happened?") == (outcome == "executed")


def test_a_decision_that_is_not_made_has_no_latency() -> None:
    record = replace(signal(1), decided_at=None)
    assert "Decided" not in answer(record)
    assert latency_text(None) == "–"
    assert (latency_text(0.4), latency_text(31.2), latency_text(46_000)) == ("<1 ms", "31 ms", "46 s")


def test_a_body_that_is_no_json_is_shown_as_it_came() -> None:
    assert pretty_body('{"a": 1}') == '{\n  "a": 1\n}'
    assert pretty_body("no json") == "no json"


async def test_only_so_many_are_kept_and_those_that_fell_out_leave_the_table(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.store.signals_kept = 20
    scene.show([], [signal(number) for number in range(1, 20)])
    scene.show([], [signal(number) for number in range(20, 31)])
    shown = scene.window.signals.model.keys()
    assert len(shown) == 20
    assert signal(1).id not in shown


def test_every_check_that_the_engine_can_name_has_words() -> None:
    names = {name for name, _ in standing.CHECKS} | set(checks.NAMES)
    assert names <= CHECK_WORDS.keys()


@pytest.mark.parametrize(
    ("name", "words"),
    [("not_armed", "Account armed or paper"), ("symbol_not_allowed", "Symbol allowed"),
     ("insufficient_margin", "Free margin"), ("low_profit", "Recent profit")],
)  # fmt: skip
def test_a_tick_stands_before_what_holds_not_before_the_fault(name: str, words: str) -> None:
    assert check_text(CheckResult(name, "passed", "")) == words


def decided_after(intent: str, **passed: float) -> SignalRecord:
    record = signal(1, intent=intent, detail="group opened with 3 legs")
    return replace(record, decided_at=record.received_at + timedelta(**passed))


def test_what_waited_in_the_queue_was_not_slow_to_decide() -> None:
    queued = decided_after("entry", seconds=36)
    assert time_taken(queued) == "waited 36 s"
    assert answer(queued).endswith("Group opened with 3 legs. It waited 36 s in the queue.")
    assert time_taken(decided_after("reverse", minutes=12)) == "waited 12m"
    assert time_taken(decided_after("entry", minutes=548)) == "waited 9h"


def test_what_never_waits_in_the_queue_tells_its_latency() -> None:
    late = decided_after("exit", seconds=36)
    assert time_taken(late) == "36 s"
    assert answer(late).endswith("Decided 36 s after the message arrived.")
    assert time_taken(decided_after("entry", milliseconds=7)) == "7 ms"


def test_an_executed_exit_says_what_it_did() -> None:
    record = signal(1, intent="exit", reason=None, detail=None)
    assert reason_text(record) == "closed the group"
    assert "Closed the group." in answer(record)


def test_the_engines_sentence_names_the_market_as_the_tables_do() -> None:
    record = signal(1, "ignored", symbol="TRX/USDT:USDT", detail="no long of TRX/USDT:USDT 1h is open")
    assert reason_text(record) == "no long of TRX/USDT 1h is open"
    assert answer(record) == "Ignored: no long of TRX/USDT 1h is open."


async def test_the_numbers_that_decided_are_not_cut(scene: Scene) -> None:
    scene.window.show_view("signals")
    scene.show([], [signal(number, "rejected") for number in range(1, 60)])
    QApplication.processEvents()
    table = scene.window.signals.table
    place = [column.name for column in table.rows.columns].index("reason")
    needed = theme.advance("799.27 USDT needed, 734.21 free", "table") + 2 * table.cells.pad
    assert table.columnWidth(place) >= needed
