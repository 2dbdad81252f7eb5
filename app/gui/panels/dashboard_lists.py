"""The dashboard's lists: what fits is shown, the best or newest first, and nothing scrolls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.models.delegates import paint_arrow, paint_blocks, paint_outcome
from app.gui.models.positions import leg_blocks
from app.gui.models.signals import intent_text, latency_ms, latency_text, reason_text
from app.gui.theme import theme
from app.gui.view_store import Alert
from app.messages.records import SignalRecord
from app.messages.snapshots import GroupSnapshot

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
SEVERITY_ICONS = {
    "done": ("circle-check", "positive"),
    "info": ("info", "info"),
    "error": ("octagon-x", "critical"),
    "warning": ("triangle-alert", "warning"),
    "critical": ("octagon-x", "critical"),
}


class ShortList(QWidget):
    """Lines of one height; a click tells the line's key."""

    chosen = Signal(str)

    def __init__(self, nothing: str, *, ruled: bool = True) -> None:
        super().__init__()
        self._nothing = nothing
        self._ruled = ruled
        self.setMouseTracking(True)
        self._hovered = -1
        theme.changed.connect(self.update)

    @property
    def line_height(self) -> int:
        return theme.row_height - 1

    @property
    def count(self) -> int:
        raise NotImplementedError

    def key_of(self, number: int) -> str:
        raise NotImplementedError

    def text_of(self, number: int) -> str:
        raise NotImplementedError

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        raise NotImplementedError

    def shown(self) -> list[str]:
        """The lines that fit, as sentences."""
        return [self.text_of(number) for number in range(self._fits())]

    def changed(self) -> None:
        self.setAccessibleDescription("; ".join(self.text_of(number) for number in range(min(self.count, 10))))
        self.update()

    def _fits(self) -> int:
        return min(self.count, max((self.height() - 4) // self.line_height, 0))

    def _line_at(self, y: float) -> int:
        number = int(y) // self.line_height
        return number if 0 <= number < self._fits() else -1

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        edge = theme.metric("size.edge_padding")
        painter.setFont(theme.font("table"))
        if self.count == 0:
            painter.setPen(theme.color("text_tertiary"))
            painter.drawText(self.rect().adjusted(edge, 8, -edge, 0), Qt.AlignmentFlag.AlignLeft, self._nothing)
        for number in range(self._fits()):
            rect = QRect(0, number * self.line_height, self.width(), self.line_height)
            if number == self._hovered:
                painter.fillRect(rect, theme.color("bg_hover"))
            painter.setFont(theme.font("table"))
            self.paint_line(painter, rect.adjusted(edge, 0, -edge, 0), number)
            if self._ruled:
                painter.fillRect(edge, rect.bottom(), rect.width() - 2 * edge, 1, theme.color("border_subtle"))
        painter.end()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        hovered = self._line_at(event.position().y())
        if hovered != self._hovered:
            self._hovered = hovered
            self.setToolTip(self.text_of(hovered) if hovered >= 0 else "")
            self.update()

    def leaveEvent(self, event: object) -> None:  # noqa: N802, ARG002 - Qt's name and signature
        self._hovered = -1
        self.update()

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        number = self._line_at(event.position().y())
        if number >= 0 and self.key_of(number):
            self.chosen.emit(self.key_of(number))


def _draw(painter: QPainter, rect: QRect, text: str, color: str, align: Qt.AlignmentFlag = _LEFT) -> int:
    painter.setPen(theme.color(color))
    fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(rect.width(), 0))
    painter.drawText(rect, align, fitted)
    return painter.fontMetrics().horizontalAdvance(fitted)


def _widest(painter: QPainter, times: Iterable[str]) -> int:
    """So that the column behind the times begins in one line."""
    return max((painter.fontMetrics().horizontalAdvance(time) for time in times), default=58) + 2


def _part(rect: QRect, left: int, width: int) -> QRect:
    return QRect(left, rect.top(), width, rect.height())


def _draw_pair(painter: QPainter, rect: QRect, symbol: str | None, rest: str) -> None:
    painter.setFont(theme.font("table", "strong"))
    base = formats.pair(symbol)[0] if symbol else formats.NOTHING
    used = _draw(painter, rect, base, "text_primary")
    painter.setFont(theme.font("table"))
    _draw(painter, rect.adjusted(used + 5, 0, 0, 0), rest, "text_tertiary")


class GroupBars(ShortList):
    """Open groups as diverging bars around one zero line, the best first."""

    def __init__(self) -> None:
        super().__init__("No group is open.", ruled=False)
        self._groups: list[GroupSnapshot] = []
        self._most = Decimal(0)
        """The largest result, of a profit or of a loss."""

    def show_groups(self, groups: Iterable[GroupSnapshot]) -> None:
        ordered = sorted(groups, key=lambda group: group.unrealized_pnl or Decimal(0), reverse=True)
        if ordered != self._groups:
            self._groups = ordered
            self._most = max((abs(group.unrealized_pnl or Decimal(0)) for group in ordered), default=Decimal(0))
            self.changed()

    @property
    def count(self) -> int:
        return len(self._groups)

    def key_of(self, number: int) -> str:
        return self._groups[number].id

    def text_of(self, number: int) -> str:
        group = self._groups[number]
        percent = formats.signed_percent(group.unrealized_percent)
        pnl = formats.signed_money(group.unrealized_pnl)
        return f"{group.symbol} {group.timeframe} {group.side}: {percent}, {pnl} {group.quote_currency}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        group = self._groups[number]
        _draw_pair(painter, QRect(rect.left(), rect.top(), 116, rect.height()), group.symbol,
                   f"{group.timeframe} {group.side}")  # fmt: skip
        paint_blocks(painter, rect.left() + 120, rect.center().y(), leg_blocks(group.legs))
        money_width, percent_width = 84, 72
        zero = rect.left() + 120 + (rect.width() - 120 - money_width - percent_width) * 3 // 5
        painter.fillRect(zero, rect.top(), 1, rect.height(), theme.color("border_control"))
        if group.open_quantity <= 0:
            _draw(painter, rect.adjusted(0, 0, -money_width, 0), "no fill", "text_tertiary", _RIGHT)
            _draw(painter, rect, formats.NOTHING, "text_tertiary", _RIGHT)
            return
        self._paint_bar(painter, rect, zero, rect.right() - money_width - percent_width, group)
        pnl = group.unrealized_pnl or Decimal(0)
        color = "positive" if pnl > 0 else "negative" if pnl < 0 else "text_primary"
        percent = formats.signed_percent(group.unrealized_percent)
        _draw(painter, rect.adjusted(0, 0, -money_width, 0), percent, color, _RIGHT)
        text = formats.signed_money(pnl)
        used = _draw(painter, rect, text, color, _RIGHT)
        if pnl:
            paint_arrow(painter, rect.right() - used - 12, rect.center().y(), color, up=pnl > 0)

    def _paint_bar(self, painter: QPainter, rect: QRect, zero: int, right: int, group: GroupSnapshot) -> None:
        pnl = group.unrealized_pnl or Decimal(0)
        if self._most <= 0 or pnl == 0:
            return
        room = min(right - zero, 90)
        length = max(round(float(abs(pnl) / self._most) * room), 1)
        left = zero + 1 if pnl > 0 else zero - length
        painter.fillRect(left, rect.center().y() - 4, length, 8, theme.color("positive" if pnl > 0 else "negative"))


class SignalLines(ShortList):
    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__("No signal has arrived yet.")
        self._now = now
        self._records: Sequence[SignalRecord] = ()

    def show_records(self, records: Sequence[SignalRecord]) -> None:
        self._records = records
        self.changed()

    @property
    def count(self) -> int:
        return len(self._records)

    def key_of(self, number: int) -> str:
        return self._records[number].id

    def text_of(self, number: int) -> str:
        record = self._records[number]
        return (
            f"{record.symbol or 'unknown market'} {intent_text(record)}: {record.outcome.value}. {reason_text(record)}"
        )

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        record = self._records[number]
        now = self._now()
        time = formats.clock_time(record.received_at, now)
        times = (formats.clock_time(item.received_at, now) for item in self._records)
        left = rect.left() + _widest(painter, times) + 8
        _draw(painter, rect, time, "text_tertiary")
        _draw_pair(painter, _part(rect, left, 74), record.symbol, record.timeframe or "")
        _draw(painter, _part(rect, left + 76, 72), intent_text(record), "text_secondary")
        paint_outcome(painter, _part(rect, left + 150, 84), record.outcome.value)
        _draw(painter, _part(rect, left + 239, rect.right() - left - 239 - 64), reason_text(record), "text_primary")
        _draw(painter, rect, latency_text(latency_ms(record)), "text_secondary", _RIGHT)


class AlertLines(ShortList):
    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__("No alert: nothing needed you.")
        self._now = now
        self._alerts: Sequence[Alert] = ()

    def show_alerts(self, alerts: Sequence[Alert]) -> None:
        self._alerts = alerts
        self.changed()

    @property
    def count(self) -> int:
        return len(self._alerts)

    def key_of(self, number: int) -> str:
        return self._alerts[number].group_id or ""

    def text_of(self, number: int) -> str:
        alert = self._alerts[number]
        return f"{alert.severity}: {alert.sentence}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        alert = self._alerts[number]
        icon, color = SEVERITY_ICONS.get(alert.severity, SEVERITY_ICONS["info"])
        size = theme.metric("icon.button")
        painter.drawPixmap(rect.left(), rect.center().y() - size // 2 + 1, theme.pixmap(icon, color, 14))
        now = self._now()
        width = _widest(painter, (formats.clock_time(item.at, now) for item in self._alerts))
        _draw(painter, _part(rect, rect.left() + 22, width), formats.clock_time(alert.at, now), "text_tertiary")
        _draw(painter, rect.adjusted(22 + width + 8, 0, 0, 0), alert.sentence, "text_primary")
