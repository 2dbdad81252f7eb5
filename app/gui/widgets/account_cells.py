"""The accounts in the status strip: as many as there is room for, the worst first; the rest as a count."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QFontMetrics, QKeyEvent, QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.models.accounts import ENVIRONMENTS, NEARLY_USED, Standing, used, used_text, worst_first
from app.gui.theme import theme
from app.gui.widgets.basics import row
from app.gui.widgets.cells import Cell
from app.messages.snapshots import AccountSnapshot
from app.ports.accounts import Wire

SHOWN = 6
NAME_WIDTH = 110
"""Of a name, before zooming; what is longer is cut, and whole in the tooltip."""


class EnvironmentTag(QWidget):
    """PAPER dashed, TESTNET framed, LIVE filled once it is armed and framed before."""

    def __init__(self) -> None:
        super().__init__()
        self._environment = "paper"
        self._armed = False
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)
        theme.changed.connect(self.updateGeometry)

    def show_environment(self, environment: str, *, armed: bool) -> None:
        if (environment, armed) != (self._environment, self._armed):
            self._environment, self._armed = environment, armed
            self.updateGeometry()
            self.update()

    @property
    def word(self) -> str:
        return ENVIRONMENTS.get(self._environment, self._environment.upper())

    @property
    def is_filled(self) -> bool:
        return self._environment == "live" and self._armed

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(theme.advance(self.word, "header") + 12, theme.line("header") + 2)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        live = self._environment == "live"
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        dash = (3.0, 2.0) if self._environment == "paper" else ()
        painter.setPen(Qt.PenStyle.NoPen if self.is_filled else theme.pen("live_text" if live else "paper", 1, dash))
        painter.setBrush(theme.color("live_fill") if self.is_filled else Qt.BrushStyle.NoBrush)
        radius = theme.metric("radius.tag")
        painter.drawRoundedRect(self.rect().adjusted(1, 1, -1, -1), radius, radius)
        painter.setFont(theme.font("header"))
        painter.setPen(theme.color("text_on_live" if self.is_filled else "live_text" if live else "paper"))
        painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self.word)
        painter.end()


class LimitBar(QWidget):
    """How much of the exchange's limits is used."""

    def __init__(self) -> None:
        super().__init__()
        self._part = 0.0
        self.setFixedSize(theme.scaled(36), 4)

    def show_part(self, part: float) -> None:
        self._part = min(max(part, 0.0), 1.0)
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("border_strong"))
        color = "warning" if self._part >= NEARLY_USED else "text_secondary"
        painter.fillRect(0, 0, round(self.width() * self._part), self.height(), theme.color(color))
        painter.end()


class AccountCell(Cell):
    """Light, name, environment, use of the limits. Chosen by click, Enter or Space."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        self.account_id = ""
        self.tag = EnvironmentTag()
        self.bar = LimitBar()
        self.add(self.tag)
        self.add(self.bar)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setCursor(Qt.CursorShape.PointingHandCursor)

    def show_account(self, account: AccountSnapshot, stands: Standing, wire: Wire) -> None:
        self.account_id = account.id
        if stands.icon is None:
            self.light.show_good(stands.color)
        else:
            self.light.show_icon(stands.icon, stands.color)
        part = used(wire)
        limits = f" Limits used: {used_text(wire)}." if part is not None else ""
        environment = ENVIRONMENTS.get(account.environment, account.environment)
        kind = f"{environment}, armed" if account.armed else environment
        word = "" if stands.state == "read_only" else stands.word
        self.tell(_short(account.id), word, spoken=f"{account.id}, {stands.word or 'connected'}, {kind}. "
                  f"{stands.sentence}{limits}")  # fmt: skip
        self.tag.show_environment(account.environment, armed=bool(account.armed))
        self.bar.setVisible(part is not None and not stands.is_trouble)
        self.bar.show_part(part or 0.0)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if self.rect().contains(event.position().toPoint()):
            self.chosen.emit(self.account_id)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Space}:
            self.chosen.emit(self.account_id)
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self.hasFocus():
            painter = QPainter(self)
            painter.setPen(theme.pen("focus", 2))
            painter.drawRect(self.rect().adjusted(2, 2, -3, -2))
            painter.end()


def _short(name: str) -> str:
    metrics = QFontMetrics(theme.font("control"))
    return metrics.elidedText(name, Qt.TextElideMode.ElideMiddle, theme.scaled(NAME_WIDTH))


class AccountCells(QWidget):
    """`chosen(account)` asks for the accounts; empty where the count was pressed."""

    chosen = Signal(str)

    def __init__(self) -> None:
        super().__init__()
        layout = row(self, 0)
        self.cells = [AccountCell() for _ in range(SHOWN)]
        self.folded = AccountCell()
        self.folded.tag.hide()
        self.folded.bar.hide()
        for cell in (*self.cells, self.folded):
            cell.chosen.connect(self.chosen)
            cell.hide()
            layout.addWidget(cell)
        self._room = 0
        self._told: tuple[Sequence[AccountSnapshot], Mapping[str, Standing], Mapping[str, Wire]] = ((), {}, {})

    def show_accounts(
        self, accounts: Sequence[AccountSnapshot], standings: Mapping[str, Standing], wires: Mapping[str, Wire]
    ) -> None:
        self._told = (accounts, standings, wires)
        self._lay_out()

    def fit(self, room: int) -> None:
        """Take no more than `room` pixels; one account is always there."""
        if room != self._room:
            self._room = room
            self._lay_out()

    def _lay_out(self) -> None:
        accounts, standings, wires = self._told
        if not accounts:
            return
        ordered = worst_first(accounts, standings)
        count = self._fitting(ordered, standings, wires)
        shown = sorted(ordered[:count], key=accounts.index)
        for cell, account in zip(self.cells, shown, strict=False):
            cell.show_account(account, standings[account.id], wires.get(account.id, Wire()))
        for place, cell in enumerate(self.cells):
            cell.setVisible(place < count)
        self._show_folded(ordered[count:], standings)

    def _fitting(
        self, ordered: Sequence[AccountSnapshot], standings: Mapping[str, Standing], wires: Mapping[str, Wire]
    ) -> int:
        taken, fold = 0, theme.scaled(70)
        for count, account in enumerate(ordered[:SHOWN]):
            cell = self.cells[count]
            cell.show_account(account, standings[account.id], wires.get(account.id, Wire()))
            taken += cell.sizeHint().width()
            rest = fold if count + 1 < len(ordered) else 0
            if count and taken + rest > self._room:
                return count
        return min(len(ordered), SHOWN)

    def _show_folded(self, rest: Sequence[AccountSnapshot], standings: Mapping[str, Standing]) -> None:
        self.folded.setVisible(bool(rest))
        if not rest:
            return
        worst = standings[rest[0].id]
        if worst.is_trouble and worst.icon is not None:
            self.folded.light.show_icon(worst.icon, worst.color)
            said = f"the worst is {rest[0].id}, {worst.word}"
        else:
            self.folded.light.show_good()
            said = "none of them in trouble"
        more = "1 more account" if len(rest) == 1 else f"{len(rest)} more accounts"
        self.folded.tell(f"+{len(rest)}", spoken=f"{more}, {said}")
