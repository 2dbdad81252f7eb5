"""What a reconciliation found is shown difference by difference."""

from __future__ import annotations

import pytest
from PySide6.QtWidgets import QLabel

from app.gui.actions import summary
from app.gui.dialogs.reconciliation import MOST_LINES, ReconciliationSheet
from app.gui.widgets.sheet import open_sheet
from app.messages.records import Finding
from app.messages.snapshots import ReconcileReport
from tests.gui.conftest import Scene
from tests.support.examples import NOON
from tests.support.fakes import until

REDUCED = Finding("main", "SOL/USDT:USDT", "position_reduced_at_venue", "2", "1.2", "shrunk", NOON, "g1")
HELD = Finding("main", None, "mass_difference", "SOL, LTC", "", "entries held", NOON)


def report(*findings: Finding, failed: dict[str, str] | None = None) -> ReconcileReport:
    return ReconcileReport(("main", "spot"), failed or {}, findings, NOON)


def texts(sheet: ReconciliationSheet) -> list[str]:
    return [label.text() for label in sheet.findChildren(QLabel)]


async def test_differences_open_a_report_with_what_was_what_is_and_what_was_done(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def reconcile(account: str | None = None) -> ReconcileReport:
        return report(REDUCED, HELD)

    monkeypatch.setattr(scene.engine, "reconcile", reconcile)
    scene.actions.reconcile()
    await until(lambda: open_sheet(scene.window.content) is not None)
    sheet = open_sheet(scene.window.content)
    assert isinstance(sheet, ReconciliationSheet)
    told = texts(sheet)
    at = told.index("main")
    assert told[at : at + 6] == ["main", "SOL/USDT", "position reduced at the exchange", "2", "1.2", "shrunk"]
    assert told[at + 6 : at + 12] == ["main", "\u2013", "many positions differ", "SOL, LTC", "\u2013", "entries held"]
    assert scene.window.notice.sentence == "2 differences found on 2 accounts."


async def test_equal_books_open_nothing(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    async def reconcile(account: str | None = None) -> ReconcileReport:
        return report()

    monkeypatch.setattr(scene.engine, "reconcile", reconcile)
    scene.actions.reconcile()
    await until(lambda: scene.window.notice.sentence == "Books equal the exchange's on 2 accounts.")
    assert open_sheet(scene.window.content) is None


async def test_more_differences_than_fit_are_counted(scene: Scene) -> None:
    scene.window.show_reconciliation(report(*[REDUCED] * (MOST_LINES + 3)))
    sheet = open_sheet(scene.window.content)
    assert isinstance(sheet, ReconciliationSheet)
    assert texts(sheet).count("main") == MOST_LINES
    assert "and 3 more; the log has them all." in texts(sheet)


def test_what_could_not_be_read_is_told_beside_what_was_found() -> None:
    gone = {"spot": "no answer"}
    assert summary(report(REDUCED, failed=gone)) == (
        "1 difference found on 1 account. spot could not be read: no answer."
    )
    assert summary(report(failed={"main": "no answer", **gone})) == (
        "main could not be read: no answer. spot could not be read: no answer."
    )
