"""Signals: every message with its outcome, and the answer to why nothing happened."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from PySide6.QtWidgets import QApplication

from app.gui.models.signals import answer, latency_text, question
from app.gui.models.tree import ROW
from app.gui.panels.signals import pretty_body
from app.messages.records import CheckResult
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
    assert panel.answer.checks.shown()[2] == "Order rate: not reached."


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
