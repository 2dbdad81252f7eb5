"""The report of a reconciliation: each difference, what it was and is, and what was done."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QGridLayout, QWidget

from app.gui import formats
from app.gui.actions import summary
from app.gui.dialogs.accounts_page import words
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Text
from app.gui.widgets.sheet import Sheet
from app.messages.records import Finding
from app.messages.snapshots import ReconcileReport

MOST_LINES = 12
HEADS = ("Account", "Market", "Difference", "Was", "Is", "Done")
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "external_position": "position not Ziggurat's",
        "mass_difference": "many positions differ",
        "missed_fill": "fill was missed",
        "order_adopted": "own order found again",
        "order_changed": "order changed at the exchange",
        "order_gone": "order ended at the exchange",
        "orphan_order": "own order without a group",
        "other_instance": "order of another Ziggurat",
        "other_leverage": "leverage differs",
        "position_closed_at_venue": "position closed at the exchange",
        "position_reduced_at_venue": "position reduced at the exchange",
    }
)


class ReconciliationSheet(Sheet):
    def __init__(self, parent: QWidget, report: ReconcileReport) -> None:
        super().__init__(parent, "Reconciliation", width=780)
        self.body.addWidget(words(summary(report)))
        self.body.addWidget(_table(report.findings[:MOST_LINES]))
        rest = len(report.findings) - MOST_LINES
        if rest > 0:
            self.body.addWidget(words(f"and {rest} more; the log has them all."))
        close = Button("Close", kind="emphasis")
        close.clicked.connect(self.dismiss)
        self.add_buttons(close)
        self.open()
        close.setFocus(Qt.FocusReason.PopupFocusReason)


def cells(finding: Finding) -> tuple[str, ...]:
    kind = KINDS.get(finding.kind, finding.kind.replace("_", " "))
    market = formats.market(finding.symbol) if finding.symbol else formats.NOTHING
    before, after = (text or formats.NOTHING for text in (finding.before, finding.after))
    return finding.account, market, kind, before, after, finding.action


def _table(findings: tuple[Finding, ...]) -> QWidget:
    table = QWidget()
    grid = QGridLayout(table)
    grid.setContentsMargins(0, 2, 0, 0)
    grid.setHorizontalSpacing(theme.metric("space.4"))
    grid.setVerticalSpacing(6)
    for place, said in enumerate((HEADS, *map(cells, findings))):
        for number, text in enumerate(said):
            tone = "tertiary" if place == 0 else "warning" if said[-1] == "entries held" else "primary"
            grid.addWidget(Text(text, "table", tone), place, number, Qt.AlignmentFlag.AlignLeft)
    grid.setColumnStretch(len(HEADS), 1)
    return table
