"""Closing every group at market: what it comes to, a typed word, then progress group by group."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QPainter
from PySide6.QtWidgets import QGridLayout, QLineEdit, QWidget

from app.gui import formats
from app.gui.actions import EMERGENCY, Actions, Settled
from app.gui.models.closing import (
    RESTATE_SHARE,
    SLIPPAGE,
    AccountSum,
    account_sums,
    resting_exits,
    takers_of,
    total_of,
    waiting_entries,
)
from app.gui.panels.detail_tabs import Lines
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.alerts import closing_sentence
from app.gui.widgets.basics import Button, Text, column, row
from app.gui.widgets.hold import Hold
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import CloseAllSnapshot, ClosingSnapshot, GroupSnapshot

CLOSING_ICONS = {
    "closing": ("clock", "text_secondary"),
    "closed": ("check", "positive"),
    "failed": ("octagon-x", "critical"),
}
COLUMNS = ("Account", "Groups", "Entries cancelled", "Closed", "P&L now", "Fees est.", "You realise about")


class CloseAllSheet(Sheet):
    """Closing the sheet does not stop the work; opened while it is under way, it shows the progress."""

    def __init__(self, parent: QWidget, store: ViewStore, actions: Actions) -> None:
        super().__init__(parent, "Close all at market?")
        self.repeat_mode()
        self._store = store
        self._actions = actions
        self._earlier: CloseAllSnapshot | None = None
        """The one before, while the new one has not begun."""
        self._stated = Decimal(0)
        self._word = ""
        self._hold = Hold(self, self._check)
        self._question = self._build_question()
        self._progress = self._build_progress()
        self.body.addWidget(self._question)
        self.body.addWidget(self._progress)
        self._progress.hide()
        store.watch_risk("close_all")
        store.changed.connect(self._follow)
        actions.settled.connect(self._on_settled)
        self._state()
        self.open()
        if under_way(store):
            self._turn()
        else:
            self.field.setFocus(Qt.FocusReason.PopupFocusReason)

    # ------------------------------------------------------------------ the question

    def _build_question(self) -> QWidget:
        box = QWidget()
        inner = column(box, 12)
        self.says = Text("", "body", "secondary")
        self.says.setWordWrap(True)
        inner.addWidget(self.says)
        self.table = _SumTable()
        inner.addWidget(self.table)
        self.more = Text("", "table", "secondary")
        self.more.setWordWrap(True)
        inner.addWidget(self.more)
        foot = QWidget()
        typed = row(foot, 10)
        self._type = Text("", "body", "secondary")
        self.field = QLineEdit()
        self.field.setAccessibleName("Type the word to confirm")
        self.field.setFixedWidth(theme.scaled(150))
        self.keep = Button("Keep positions", kind="emphasis")
        self.keep.clicked.connect(self.dismiss)
        self.go = Button("Close all at market", kind="armed")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        for widget in (self._type, self.field):
            typed.addWidget(widget)
        typed.addStretch(1)
        typed.addWidget(self.keep)
        typed.addWidget(self.go)
        inner.addWidget(foot)
        self.field.textChanged.connect(self._check)
        self.field.returnPressed.connect(self.go.click)
        return box

    def _sums(self) -> list[AccountSum]:
        return account_sums(list(self._store.groups.values()), takers_of(self._store.engine.accounts))

    def _state(self) -> None:
        """State the sums as they are now."""
        groups = list(self._store.groups.values())
        sums = self._sums()
        total = total_of(sums)
        self._stated = total.result
        self._word = f"CLOSE {total.groups}"
        what = "1 group" if total.groups == 1 else f"{total.groups} groups"
        self.title.show_text(f"Close all: {what} at market?")
        self.says.show_text(_what_happens(groups, len(sums)))
        self.table.show_sums(sums, total)
        self.more.show_text(
            _what_else(total, self._store.engine.queued, self._store.engine.money.currency), "secondary"
        )
        self._type.show_text(f"Type {self._word}")
        self._check()

    def _check(self) -> None:
        groups = len(self._store.groups)
        typed = self.field.text().strip().upper() == self._word
        reason = "" if groups else "No group is open."
        reason = reason or ("" if typed else f"Type {self._word} first.")
        reason = reason or self._hold.reason
        self.go.allow(not reason, reason)

    def _done(self) -> None:
        if self.go.isEnabled():
            self._earlier = self._store.risk.close_all if self._store.risk is not None else None
            self._actions.close_all()
            self._turn()

    def _on_settled(self, settled: Settled) -> None:
        """Where the engine will not, the question stands again, with the reason."""
        begun = self._closing is not None
        if settled.subject == EMERGENCY and not settled.ok and not begun and self._question.isHidden():
            self._progress.hide()
            self._question.show()
            self._state()
            self.more.show_text(settled.sentence, "critical")

    # ------------------------------------------------------------------ progress

    def _build_progress(self) -> QWidget:
        box = QWidget()
        inner = column(box, 12)
        self.summary = Text("", "body")
        self.summary.setWordWrap(True)
        inner.addWidget(self.summary)
        self.list = ClosingList()
        self.list.setFixedHeight(theme.scaled(240))
        inner.addWidget(self.list)
        self.verified = Text("", "body", "secondary")
        self.verified.setWordWrap(True)
        inner.addWidget(self.verified)
        foot = QWidget()
        line = row(foot, 8)
        line.addWidget(Text("Closing this sheet does not stop the work.", "table", "tertiary"))
        line.addStretch(1)
        self.repeat = Button("", kind="danger")
        self.repeat.setObjectName("repeat")
        self.repeat.clicked.connect(self._actions.close_all)
        self.leave = Button("Close this sheet", kind="emphasis")
        self.leave.clicked.connect(self.dismiss)
        line.addWidget(self.repeat)
        line.addWidget(self.leave)
        inner.addWidget(foot)
        return box

    def _turn(self) -> None:
        self._question.hide()
        self._progress.show()
        self.title.show_text("Closing all at market")
        self._show_progress()
        self.leave.setFocus(Qt.FocusReason.OtherFocusReason)

    @property
    def _closing(self) -> CloseAllSnapshot | None:
        closing = self._store.risk.close_all if self._store.risk is not None else None
        return None if closing == self._earlier else closing

    def _show_progress(self) -> None:
        closing = self._closing
        if closing is None:
            self.summary.show_text("Asked the engine. Entries are cancelled first, then every group is closed.")
            self.repeat.hide()
            return
        failed = sum(item.status == "failed" for item in closing.groups)
        realised = sum((item.realized_pnl for item in closing.groups), Decimal(0))
        currency = self._store.engine.money.currency
        self.summary.show_text(
            f"{closing_sentence(closing)} Realised so far: {formats.signed_money(realised)} {currency}."
        )
        if closing.finished_at is not None:
            self.title.show_text("Close all: failures remain" if failed else "All closed")
        self.list.show_groups(closing.groups)
        self.verified.show_text(_verified(closing))
        self.repeat.setVisible(failed > 0)
        self.repeat.setText(f"Repeat for {failed} failed")
        pending = self._store.pending.get(EMERGENCY)
        self.repeat.allow(pending is None, pending.text if pending else "")

    # ------------------------------------------------------------------ following

    def _follow(self, change: Change) -> None:
        if self._question.isHidden():
            if change.risk or change.pending:
                self._show_progress()
        elif change.groups or change.gone:
            self._follow_sums()

    def _follow_sums(self) -> None:
        """The figures are stated anew when the result moved by more than one per cent of the sum; then one waits."""
        total = total_of(self._sums())
        moved = abs(total.result - self._stated) > total.closed * RESTATE_SHARE
        if moved or f"CLOSE {total.groups}" != self._word:
            self._hold.start()
        if moved or f"CLOSE {total.groups}" != self._word or not self.go.isEnabled():
            self._state()

    def dismiss(self) -> None:
        self._store.leave_risk("close_all")
        self._store.changed.disconnect(self._follow)
        self._actions.settled.disconnect(self._on_settled)
        super().dismiss()


def under_way(store: ViewStore) -> bool:
    """Whether *Close all* runs, or has left failures."""
    closing = store.risk.close_all if store.risk is not None else None
    if closing is None or store.engine.emergency.level != "critical":
        return False
    return closing.finished_at is None or any(item.status == "failed" for item in closing.groups)


def _what_happens(groups: Sequence[GroupSnapshot], accounts: int) -> str:
    entries = sum(map(waiting_entries, groups))
    exits = sum(map(resting_exits, groups))
    held = sum(group.open_quantity > 0 for group in groups)
    where = "1 account" if accounts == 1 else f"{accounts} accounts"
    empty = len(groups) - held
    drops = f" and drops {empty} without a fill" if empty else ""
    return (
        f"Turns the emergency stop on, cancels {entries} entries and {exits} exits, closes {held} open "
        f"position{'' if held == 1 else 's'} on {where}{drops}. Then checks with the exchanges that nothing is left."
    )


def _what_else(total: AccountSum, queued: int, currency: str) -> str:
    slipped = total.result - total.closed * SLIPPAGE
    text = (
        f"With 0.10% slippage on every close: {formats.signed_money(slipped)} {currency}. Prices move while you read; "
        "fills decide."
    )
    if queued:
        waits = "1 signal waits" if queued == 1 else f"{queued} signals wait"
        text += f" {waits} in the queue; nothing is promoted until the emergency stop is reset."
    return text


def _verified(closing: CloseAllSnapshot) -> str:
    words = {True: "is flat", False: "is not flat", None: "is not read yet"}
    return ". ".join(f"{account} {words[flat]}" for account, flat in closing.verified.items())


class _SumTable(QWidget):
    """A line an account, then the sum."""

    def __init__(self) -> None:
        super().__init__()
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(14)
        self._grid.setVerticalSpacing(0)
        self._cells: dict[tuple[int, int], Text] = {}
        for place, name in enumerate(COLUMNS):
            self._cell(0, place, "header").show_text(name, "tertiary")
        self._grid.setColumnStretch(0, 1)

    def _cell(self, line: int, place: int, role: str = "body") -> Text:
        cell = self._cells.get((line, place))
        if cell is None:
            cell = self._cells[line, place] = Text("", role)
            side = Qt.AlignmentFlag.AlignLeft if place == 0 else Qt.AlignmentFlag.AlignRight
            cell.setAlignment(side | Qt.AlignmentFlag.AlignVCenter)
            self._grid.addWidget(cell, line, place)
        return cell

    def show_sums(self, sums: Sequence[AccountSum], total: AccountSum) -> None:
        lines = [*sums, total] if len(sums) > 1 else list(sums)
        self.setMinimumHeight((len(lines) + 1) * theme.row_height)
        for (line, _), cell in self._cells.items():
            cell.setVisible(line <= len(lines))
        for line, item in enumerate(lines, start=1):
            texts = (
                item.account,
                str(item.groups),
                str(item.entries),
                formats.money(item.closed),
                formats.signed_money(item.pnl),
                formats.money(item.fees),
                f"{_arrow(item.result)}{formats.signed_money(item.result)}",
            )
            for place, text in enumerate(texts):
                signed = item.pnl if place == 4 else item.result if place == 6 else None
                tone = "primary" if not signed else "positive" if signed > 0 else "negative"
                self._cell(line, place).show_text(text, tone)

    @property
    def shown(self) -> list[str]:
        return [cell.text() for cell in self._cells.values() if not cell.isHidden()]


def _arrow(value: Decimal) -> str:
    return "" if not value else "\u25b2 " if value > 0 else "\u25bc "


class ClosingList(Lines):
    """Each group: closing, closed or failed, and why."""

    def __init__(self) -> None:
        super().__init__("Groups being closed", "No group was open.")
        self._groups: Sequence[ClosingSnapshot] = ()

    def show_groups(self, groups: Sequence[ClosingSnapshot]) -> None:
        if groups != self._groups:
            self._groups = groups
            self.changed()

    @property
    def count(self) -> int:
        return len(self._groups)

    def text_of(self, number: int) -> str:
        item = self._groups[number]
        why = f" ({item.detail})" if item.detail else ""
        name = f"{item.symbol} {item.timeframe} {item.side} on {item.account}"
        return f"{name}: {item.status}{why}, {formats.signed_money(item.realized_pnl)}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        item = self._groups[number]
        icon, color = CLOSING_ICONS.get(item.status, ("clock", "text_secondary"))
        size = theme.metric("icon.button")
        painter.drawPixmap(rect.left() + 4, rect.center().y() - size // 2, theme.pixmap(icon, color, 14))
        inner = rect.adjusted(size + 14, 0, -8, 0)
        align = Qt.AlignmentFlag.AlignVCenter
        name = f"{formats.pair(item.symbol)[0]} {item.timeframe} {item.side}"
        painter.setPen(theme.color("text_primary"))
        painter.drawText(inner, align, name)
        painter.setPen(theme.color("critical" if item.status == "failed" else "text_secondary"))
        said = f"{item.status}: {item.detail}" if item.detail else item.status
        middle = inner.adjusted(theme.scaled(190), 0, -theme.scaled(100), 0)
        fitted = painter.fontMetrics().elidedText(said, Qt.TextElideMode.ElideRight, max(middle.width(), 0))
        painter.drawText(middle, align, fitted)
        painter.setPen(theme.color("text_primary"))
        result = formats.signed_money(item.realized_pnl) if item.realized_pnl else formats.NOTHING
        painter.drawText(inner, align | Qt.AlignmentFlag.AlignRight, result)
