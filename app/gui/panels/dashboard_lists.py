"""The dashboard's lists: what fits is shown, the best or newest first, and nothing scrolls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QRect, Qt, Signal
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.models.delegates import blocks_width, paint_arrow, paint_blocks, paint_outcome
from app.gui.models.positions import leg_blocks
from app.gui.models.signals import intent_text, reason_text, time_taken
from app.gui.theme import theme
from app.gui.view_store import Alert
from app.gui.widgets.notice import KINDS
from app.messages.records import SignalRecord
from app.messages.snapshots import GroupSnapshot

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight
GAP = 10
PAIR_GAP = 5
ARROW = 12
BAR = 8
LONGEST_BAR = 90
LEAST_BARS = 60
"""Bars with less room than this push the leg blocks out."""
USUAL_MONEY = f"{formats.MINUS}0,000.00"
USUAL_PERCENT = f"{formats.MINUS}00.00%"
PAIR = 76
INTENT = 74
OUTCOME = 89
TAKEN = 84
LEAST_REASON = 120
"""A reason with less room than this pushes the time taken out."""


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

    def _inner(self, number: int = 0) -> QRect:
        """A line without the padding at its ends."""
        edge = theme.metric("size.edge_padding")
        return QRect(edge, number * self.line_height, self.width() - 2 * edge, self.line_height)

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
            self.paint_line(painter, self._inner(number), number)
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


def _widest(texts: Iterable[str], usual: str = "") -> int:
    """So that what stands beside them begins in one line."""
    return max(theme.advance(text, "table") for text in (usual, *texts)) + 2


def _part(rect: QRect, left: int, width: int) -> QRect:
    return QRect(left, rect.top(), width, rect.height())


def _draw_pair(painter: QPainter, rect: QRect, symbol: str | None, rest: str) -> None:
    painter.setFont(theme.font("table", "strong"))
    base = formats.pair(symbol)[0] if symbol else formats.NOTHING
    used = _draw(painter, rect, base, "text_primary")
    painter.setFont(theme.font("table"))
    _draw(painter, rect.adjusted(used + PAIR_GAP, 0, 0, 0), rest, "text_tertiary")


def _pair_width(symbol: str, rest: str) -> int:
    return theme.advance(formats.pair(symbol)[0], "table", "strong") + PAIR_GAP + theme.advance(rest, "table")


def _what(group: GroupSnapshot) -> str:
    return f"{group.timeframe} {group.side}"


@dataclass(frozen=True, slots=True)
class _Places:
    """Where the parts of a line stand; `blocks` is None where there is no room for them."""

    blocks: int | None
    zero: int
    longest: int
    percent: int
    """Its right edge."""


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
        name, blocks = f"{formats.market(group.symbol)} {_what(group)}", leg_blocks(group.legs)
        return f"{name}: {percent}, {pnl} {group.quote_currency}, {blocks.filled} of {blocks.total} legs filled"

    @property
    def shows_legs(self) -> bool:
        return self._places(self._inner()).blocks is not None

    def _places(self, rect: QRect) -> _Places:
        """Names and figures take what they need, the bars what is left, around a zero line in its middle."""
        shown, gap = self._groups[: self._fits()], theme.scaled(GAP)
        names = [_pair_width(group.symbol, _what(group)) for group in shown]
        money = [formats.signed_money(group.unrealized_pnl) for group in shown]
        percents = [formats.signed_percent(group.unrealized_percent) for group in shown]
        blocks = rect.left() + max(names, default=0) + gap
        percent = rect.right() - _widest(money, USUAL_MONEY) - ARROW - gap
        right = percent - _widest(percents, USUAL_PERCENT) - gap
        left = blocks + max((blocks_width(len(group.legs)) for group in shown), default=0) + gap
        has_room = right - left >= theme.scaled(LEAST_BARS)
        if not has_room:
            left = blocks
        zero = (left + right) // 2
        longest = max(min(right - zero, zero - left, theme.scaled(LONGEST_BAR)), 0)
        return _Places(blocks if has_room else None, zero, longest, percent)

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        group, places = self._groups[number], self._places(rect)
        _draw_pair(painter, rect, group.symbol, _what(group))
        if places.blocks is not None:
            paint_blocks(painter, places.blocks, rect.center().y(), leg_blocks(group.legs))
        painter.fillRect(places.zero, rect.top(), 1, rect.height(), theme.color("border_control"))
        before_money = rect.adjusted(0, 0, places.percent - rect.right(), 0)
        if group.open_quantity <= 0:
            _draw(painter, before_money, "no fill", "text_tertiary", _RIGHT)
            _draw(painter, rect, formats.NOTHING, "text_tertiary", _RIGHT)
            return
        pnl = group.unrealized_pnl or Decimal(0)
        color = "positive" if pnl > 0 else "negative" if pnl < 0 else "text_primary"
        self._paint_bar(painter, rect, places, pnl)
        _draw(painter, before_money, formats.signed_percent(group.unrealized_percent), color, _RIGHT)
        used = _draw(painter, rect, formats.signed_money(pnl), color, _RIGHT)
        if pnl:
            paint_arrow(painter, rect.right() - used - ARROW, rect.center().y(), color, up=pnl > 0)

    def _paint_bar(self, painter: QPainter, rect: QRect, places: _Places, pnl: Decimal) -> None:
        if self._most <= 0 or pnl == 0:
            return
        length = max(round(float(abs(pnl) / self._most) * places.longest), 1)
        left = places.zero + 1 if pnl > 0 else places.zero - length
        height = theme.scaled(BAR)
        color = theme.color("positive" if pnl > 0 else "negative")
        painter.fillRect(left, rect.center().y() - height // 2, length, height, color)


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
        market = formats.market(record.symbol) if record.symbol else "unknown market"
        return f"{market} {intent_text(record)}: {record.outcome.value}. {reason_text(record)}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        record = self._records[number]
        now = self._now()
        times = (formats.clock_time(item.received_at, now) for item in self._records)
        left = rect.left() + _widest(times) + 8
        _draw(painter, rect, formats.clock_time(record.received_at, now), "text_tertiary")
        pair, intent, outcome = theme.scaled(PAIR), theme.scaled(INTENT), theme.scaled(OUTCOME)
        _draw_pair(painter, _part(rect, left, pair - 4), record.symbol, record.timeframe or "")
        left += pair
        _draw(painter, _part(rect, left, intent - 4), intent_text(record), "text_secondary")
        left += intent
        paint_outcome(painter, _part(rect, left, outcome), record.outcome.value)
        left += outcome
        right = rect.right() - theme.scaled(TAKEN)
        if right - left < theme.scaled(LEAST_REASON):
            right = rect.right()
        else:
            _draw(painter, rect, time_taken(record), "text_secondary", _RIGHT)
        _draw(painter, _part(rect, left, right - left), reason_text(record), "text_primary")


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
        icon, color = KINDS.get(alert.severity, KINDS["info"])
        size = theme.metric("icon.button")
        painter.drawPixmap(rect.left(), rect.center().y() - size // 2 + 1, theme.pixmap(icon, color, 14))
        now = self._now()
        width = _widest(formats.clock_time(item.at, now) for item in self._alerts)
        time = rect.adjusted(size + 8, 0, 0, 0)
        _draw(painter, time, formats.clock_time(alert.at, now), "text_tertiary")
        _draw(painter, time.adjusted(width + 8, 0, 0, 0), alert.sentence, "text_primary")
