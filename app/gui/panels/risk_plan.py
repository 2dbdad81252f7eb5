"""The projected plan: its bars, who pays how much, why it is not done, and what a person can do with it."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QFrame, QWidget

from app.domain.offset import Payment, Plan
from app.gui import formats
from app.gui.models.risk import after_text, balance, balance_text, fees_of, plan_head, run_lines, run_refusal
from app.gui.panels.detail_tabs import Lines
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Icon, Text, column, row
from app.gui.widgets.facts import Facts
from app.gui.widgets.plan_bars import PlanBars, series_of
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import RiskSnapshot

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class PlanField(QFrame):
    def __init__(self) -> None:
        super().__init__()
        edge = theme.metric("size.edge_padding")
        layout = column(self)
        layout.addWidget(self._head())
        self._why = QWidget()
        why = row(self._why, 8, (edge, 0, edge, 6))
        why.addWidget(Icon("info", "info", 14))
        self.why = Text("", "body", "secondary")
        self.why.setWordWrap(True)
        why.addWidget(self.why, 1)
        layout.addWidget(self._why)
        self._bars = QWidget()
        inner = column(self._bars, 0, (edge, 0, edge, 2))
        self.bars = PlanBars()
        inner.addWidget(self.bars)
        layout.addWidget(self._bars)
        self.winners = PlanList()
        layout.addWidget(self.winners, 1)

    def _head(self) -> QWidget:
        head = QWidget()
        head.setFixedHeight(theme.metric("size.detail_bar"))
        edge = theme.metric("size.edge_padding")
        line = row(head, 8, (edge, 0, edge, 0))
        line.addWidget(Text("Projected plan", "section"))
        self.what = Text("", "table", "secondary")
        line.addWidget(self.what, 1)
        self.run_button = Button(
            "Run now\u2026", "play", kind="primary", tip="Carry the plan out; timer and threshold are skipped"
        )
        self.skip_button = Button("Skip once", "skip-forward", tip="Leave the chosen group out of the next action")
        self.block_button = Button("Block", "shield-off", tip="Keep the chosen group out of the offset engine (B)")
        for button in (self.run_button, self.skip_button, self.block_button):
            line.addWidget(button)
        return head

    def show_plan(self, risk: RiskSnapshot, currency: str, pending: str | None) -> None:
        plan = risk.plan
        head = plan_head(plan) if plan is not None else "none"
        self.what.show_text(head)
        self.what.setToolTip(head)
        why = run_refusal(risk)
        self._why.setVisible(why is not None)
        self.why.show_text(f"Not done: {why[:1].lower()}{why[1:]}" if why and plan is not None else why or "")
        self._bars.setVisible(plan is not None)
        self.winners.setVisible(plan is not None)
        if plan is not None:
            self.bars.show_plan(plan, currency)
            self.winners.show_plan(plan)
        refusal = pending or why
        self.run_button.allow(refusal is None, refusal or "")

    def show_chosen(self, name: str | None, *, blocked: bool, skipped: bool, pending: str | None) -> None:
        base = name.split(" ")[0] if name is not None else ""
        self.block_button.show_as(
            *((f"Unblock {base}".strip(), "shield-check") if blocked else (f"Block {base}".strip(), "shield-off"))
        )
        self.skip_button.show_as(f"Skip {base} once" if base else "Skip once", "skip-forward")
        nothing = "Choose a group first." if name is None else pending
        self.block_button.allow(nothing is None, nothing or "")
        reason = nothing or ("It is left out of the next action already." if skipped else None)
        self.skip_button.allow(reason is None, reason or "")

    def ask_run(self, parent: QWidget, store: ViewStore, act: Callable[[], None]) -> Sheet:
        return RunSheet(parent, store, act)


class RunSheet(Sheet):
    """*Run now* in numbers, which follow the prices while it is open."""

    def __init__(self, parent: QWidget, store: ViewStore, act: Callable[[], None]) -> None:
        super().__init__(parent, "Sell winners to close a loser?", width=620)
        self.repeat_mode()
        self._store = store
        self._act = act
        text = Text(
            "Winners are sold at market first; then the loser, as far as they really paid.", "body", "secondary"
        )
        text.setWordWrap(True)
        self.body.addWidget(text)
        self.facts = Facts()
        self.body.addWidget(self.facts)
        keep = Button("Keep positions", kind="emphasis")
        keep.clicked.connect(self.dismiss)
        self.go = Button("Sell winners, close the loser", kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(keep, self.go)
        store.watch_risk("run")
        store.changed.connect(self._follow)
        self._restate()
        self.open()
        keep.setFocus(Qt.FocusReason.PopupFocusReason)

    def _follow(self, change: Change) -> None:
        if change.risk:
            self._restate()

    def _restate(self) -> None:
        risk = self._store.risk
        refusal = run_refusal(risk) if risk is not None else "The risk is not known yet."
        if risk is not None and risk.plan is not None:
            self.facts.show_facts(run_lines(risk.plan, self._store.engine.money.currency))
        self.go.allow(refusal is None, refusal or "")

    def _done(self) -> None:
        self.dismiss()
        self._act()

    def dismiss(self) -> None:
        self._store.leave_risk("run")
        self._store.changed.disconnect(self._follow)
        super().dismiss()


class PlanList(Lines):
    """Who pays: quantity, what it pays of all its profit, the fee, what stays; then the result."""

    def __init__(self) -> None:
        super().__init__("Who pays", "Nobody pays.")
        self._plan: Plan | None = None

    def show_plan(self, plan: Plan) -> None:
        if plan != self._plan:
            self._plan = plan
            self.changed()

    @property
    def count(self) -> int:
        return len(self._plan.winners) + 2 if self._plan is not None and self._plan.winners else 0

    def text_of(self, number: int) -> str:
        plan = self._plan
        if plan is None or number == 0:
            return "Winner, close quantity, pays of its profit, fee estimated, after"
        if number > len(plan.winners):
            return f"Result: {balance_text(plan)}, fees {formats.money(fees_of(plan))}"
        item = plan.winners[number - 1]
        return (
            f"{formats.pair(item.symbol)[0]} {item.timeframe}: closes {formats.plain(item.quantity)} of "
            f"{formats.plain(item.open_quantity)}, pays {formats.signed_money(item.pays)} of "
            f"{formats.signed_money(item.profit)}, fee {formats.money(item.fee)}, {after_text(item)}"
        )

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        plan = self._plan
        if plan is None:
            return
        if number == 0:
            painter.fillRect(rect, theme.color("bg_raised"))
            painter.setFont(theme.font("header"))
            self._cells(painter, rect, ("Winner", "Close quantity", "Pays of its profit", "Fee est.", "After"),
                        ("text_tertiary",) * 5)  # fmt: skip
        elif number <= len(plan.winners):
            self._paint_winner(painter, rect, plan.winners[number - 1], number - 1)
        else:
            self._paint_result(painter, rect, plan)

    def _paint_winner(self, painter: QPainter, rect: QRect, item: Payment, place: int) -> None:
        edge = theme.metric("size.edge_padding")
        painter.fillRect(edge, rect.center().y() - 4, 9, 9, theme.color(series_of(place)))
        texts = (
            f"     {formats.pair(item.symbol)[0]} {item.timeframe}",
            f"{formats.plain(item.quantity)} of {formats.plain(item.open_quantity)}",
            f"{formats.signed_money(item.pays)} of {formats.signed_money(item.profit)}",
            formats.money(item.fee),
            after_text(item),
        )
        colors = ("text_primary", "text_primary", "positive", "text_secondary", "text_secondary")
        self._cells(painter, rect, texts, colors)
        painter.fillRect(rect.left(), rect.bottom(), rect.width(), 1, theme.color("border_subtle"))

    def _paint_result(self, painter: QPainter, rect: QRect, plan: Plan) -> None:
        painter.fillRect(rect, theme.color("bg_raised"))
        painter.setFont(theme.font("table", "strong"))
        sums = f"{formats.signed_money(plan.covered)} {formats.MINUS} {formats.money(plan.required)}"
        texts = ("Result", "", sums, formats.money(fees_of(plan)), balance_text(plan))
        last = "warning" if balance(plan) < 0 else "text_primary"
        self._cells(painter, rect, texts, ("text_primary", "", "text_primary", "text_primary", last))
        painter.setFont(theme.font("table"))

    @staticmethod
    def _cells(painter: QPainter, rect: QRect, texts: tuple[str, ...], colors: tuple[str, ...]) -> None:
        edge = theme.metric("size.edge_padding")
        room = rect.width() - 2 * edge
        shares = (0.16, 0.22, 0.24, 0.10, 0.28)
        left = float(edge)
        for place, (text, color, share) in enumerate(zip(texts, colors, shares, strict=True)):
            right_sided = place in {1, 2, 3}
            box = QRect(round(left), rect.top(), round(room * share) - 14, rect.height())
            left += room * share
            if text:
                painter.setPen(theme.color(color))
                fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, box.width())
                painter.drawText(box, _RIGHT if right_sided else _LEFT, fitted)
