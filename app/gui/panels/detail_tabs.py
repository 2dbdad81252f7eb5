"""The lists beside the ladder: trace, legs to take-profit, orders, fills. Each paints its own lines."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QEvent, QRect, QSize, Qt
from PySide6.QtGui import QHelpEvent, QPainter, QPaintEvent
from PySide6.QtWidgets import QScrollArea, QToolTip, QWidget

from app.domain.fill import Fill
from app.gui import formats
from app.gui.models.positions import leg_remark
from app.gui.models.trace import TraceLine
from app.gui.theme import theme
from app.messages.snapshots import GroupSnapshot, LegSnapshot, OrderSnapshot

_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


class Lines(QScrollArea):
    """Rows of one height that a subclass paints; what is cut shows whole in the tooltip."""

    def __init__(self, name: str, nothing: str) -> None:
        super().__init__()
        self.setWidgetResizable(True)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.setAccessibleName(name)
        self._nothing = nothing
        self.canvas = _Canvas(self)
        self.setWidget(self.canvas)

    @property
    def count(self) -> int:
        return 0

    def text_of(self, number: int) -> str:
        """The line as one sentence: tooltip and accessible text."""
        raise NotImplementedError

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        raise NotImplementedError

    @property
    def nothing(self) -> str:
        return self._nothing

    def shown(self) -> list[str]:
        return [self.text_of(number) for number in range(self.count)]

    def changed(self) -> None:
        self.canvas.setAccessibleDescription("; ".join(self.shown()[:20]))
        self.canvas.setMinimumHeight(self.count * self.canvas.line_height + 8)
        self.canvas.update()


class _Canvas(QWidget):
    def __init__(self, owner: Lines) -> None:
        super().__init__()
        self._owner = owner
        theme.changed.connect(self.update)

    @property
    def line_height(self) -> int:
        return theme.row_height - 2

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(300, self.minimumHeight())

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_panel"))
        painter.setFont(theme.font("table"))
        if self._owner.count == 0:
            painter.setPen(theme.color("text_tertiary"))
            painter.drawText(self.rect().adjusted(16, 12, -16, 0), Qt.AlignmentFlag.AlignLeft, self._owner.nothing)
        height = self.line_height
        first = max((event.rect().top() - 4) // height, 0)
        last = min((event.rect().bottom() - 4) // height, self._owner.count - 1)
        for number in range(first, last + 1):
            self._owner.paint_line(painter, QRect(0, 4 + number * height, self.width(), height), number)
        painter.end()

    def event(self, event: QEvent) -> bool:
        if isinstance(event, QHelpEvent):
            number = (event.pos().y() - 4) // self.line_height
            if 0 <= number < self._owner.count:
                QToolTip.showText(event.globalPos(), self._owner.text_of(number), self)
            return True
        return super().event(event)


def _draw(painter: QPainter, rect: QRect, text: str, color: str, align: Qt.AlignmentFlag = _LEFT) -> int:
    painter.setPen(theme.color(color))
    fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(rect.width(), 0))
    painter.drawText(rect, align, fitted)
    return painter.fontMetrics().horizontalAdvance(fitted)


class TraceList(Lines):
    """Signal, route, checks, grid, orders, fills, exits, as they came."""

    def __init__(self) -> None:
        super().__init__("Decision trace", "Reading the trace\u2026")
        self._lines: Sequence[TraceLine] = ()

    def show_lines(self, lines: Sequence[TraceLine]) -> None:
        self._lines = lines
        self.changed()

    @property
    def count(self) -> int:
        return len(self._lines)

    def text_of(self, number: int) -> str:
        line = self._lines[number]
        return f"{formats.full_time(line.at)}: {line.title}. {line.text}".strip()

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        line = self._lines[number]
        painter.setFont(theme.font("table"))
        stamp = formats.trace_time(line.at)
        _draw(painter, rect.adjusted(16, 0, -8, 0), stamp, "text_tertiary")
        left = 16 + painter.fontMetrics().horizontalAdvance("00:00:00.000") + 10
        size = theme.metric("icon.button")
        painter.drawPixmap(left, rect.center().y() - size // 2 + 1, theme.pixmap(line.icon, line.color, 14))
        left += size + 8
        painter.setFont(theme.font("table", "control"))
        used = _draw(painter, rect.adjusted(left, 0, -8, 0), line.title, "text_primary")
        painter.setFont(theme.font("table"))
        _draw(painter, rect.adjusted(left + used + 8, 0, -8, 0), line.text, "text_secondary")


class LegList(Lines):
    """Each leg's way from its entry to its take-profit, then what the whole comes to."""

    def __init__(self) -> None:
        super().__init__("Legs to take-profit", "The group has no legs.")
        self._group: GroupSnapshot | None = None
        self._facts: tuple[tuple[str, str, str], ...] = ()

    def show_group(self, group: GroupSnapshot) -> None:
        if group != self._group:
            self._group = group
            self._facts = tuple(_facts(group))
            self.changed()

    @property
    def count(self) -> int:
        return len(self._group.legs) + len(self._facts) + 1 if self._group is not None else 0

    def text_of(self, number: int) -> str:
        group = self._group
        if group is None:
            return ""
        if number < len(group.legs):
            leg = group.legs[number]
            progress, price = _progress(group, leg)
            said = f"Pyramid {leg.pyramid}, leg {leg.index}: {progress} to {price}"
            remark = leg_remark(leg, group.tick_size)
            return f"{said}, {remark.beside}. {remark.sentence}" if remark is not None else said
        place = number - len(group.legs) - 1
        return " ".join(self._facts[place][:2]) if place >= 0 else ""

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        group = self._group
        if group is None:
            return
        if number < len(group.legs):
            _paint_leg(painter, rect, group, group.legs[number])
            return
        place = number - len(group.legs) - 1
        if place < 0:
            painter.fillRect(16, rect.center().y(), rect.width() - 32, 1, theme.color("border_subtle"))
            return
        label, value, color = self._facts[place]
        _draw(painter, rect.adjusted(16, 0, -16, 0), label, "text_secondary")
        _draw(painter, rect.adjusted(16, 0, -16, 0), value, color, _RIGHT)


def leg_progress(group: GroupSnapshot, leg: LegSnapshot) -> Decimal | None:
    """Share of the way from the leg's fill to its target that the price has gone, 0 to 1; None while it waits."""
    if leg.open_quantity <= 0 or leg.average_fill is None or leg.tp_price is None or group.mark is None:
        return None
    way = leg.tp_price - leg.average_fill
    return min(max((group.mark - leg.average_fill) / way, Decimal(0)), Decimal(1)) if way else Decimal(1)


def _progress(group: GroupSnapshot, leg: LegSnapshot) -> tuple[str, str]:
    share = leg_progress(group, leg)
    if share is None:
        price = leg.exit_price if leg.status == "closed" and leg.exit_price is not None else leg.price
        return leg.status.replace("_", " "), formats.price(price, group.tick_size)
    return f"{formats.fixed(share * 100, 0)}%", formats.price(leg.tp_price, group.tick_size)


def _paint_leg(painter: QPainter, rect: QRect, group: GroupSnapshot, leg: LegSnapshot) -> None:
    progress, price = _progress(group, leg)
    share = leg_progress(group, leg)
    inner = rect.adjusted(16, 0, -16, 0)
    _draw(painter, inner, f"P{leg.pyramid} L{leg.index}", "text_secondary")
    _draw(painter, inner, price, "text_primary", _RIGHT)
    right = inner.right() - 76
    _draw(painter, QRect(inner.left(), inner.top(), right - inner.left(), inner.height()), progress,
          "text_primary" if share is not None else "text_tertiary", _RIGHT)  # fmt: skip
    room = 78
    remark = leg_remark(leg, group.tick_size)
    if remark is not None:
        room += theme.advance(remark.beside, "caption") + 10
        painter.setFont(theme.font("caption"))
        place = QRect(right - room, inner.top(), room - 78, inner.height())
        _draw(painter, place, remark.beside, "text_secondary", _RIGHT)
        painter.setFont(theme.font("table"))
    left, width = inner.left() + 44, right - inner.left() - 44 - room
    if width < 24:
        return
    middle = rect.center().y()
    if share is None:
        painter.setPen(theme.pen("border_strong", 1, (3, 3)))
        painter.drawLine(left, middle, left + width, middle)
        return
    painter.fillRect(left, middle - 2, width, 5, theme.color("border_strong"))
    painter.fillRect(left, middle - 2, round(width * float(share)), 5, theme.color("positive"))


def _facts(group: GroupSnapshot) -> list[tuple[str, str, str]]:
    base = formats.pair(group.symbol)[0]
    quote = group.quote_currency
    facts = [
        ("Open quantity", f"{formats.quantity(group.open_quantity, group.step_size)} {base}", "text_primary"),
        ("Invested", f"{formats.money(group.invested)} {quote}", "text_primary"),
        ("If all legs fill", f"{formats.money(group.invested + group.reserved)} {quote}", "text_primary"),
        ("Realised", f"{formats.signed_money(group.realized_pnl)} {quote}", _tone(group.realized_pnl)),
        ("Fees paid", f"{formats.money(group.fees)} {quote}", "text_primary"),
    ]
    if group.pnl_at_stop is not None:
        at = formats.price(group.stop_price, group.tick_size)
        sum_ = f"{formats.signed_money(group.pnl_at_stop)} {quote}"
        facts.append((f"At stop {at}", sum_, _tone(group.pnl_at_stop)))
    if group.protected is not None:
        facts.append(
            ("Protected at venue", "yes", "positive") if group.protected else ("Protected at venue", "no", "critical")
        )
    return facts


def _tone(value: Decimal) -> str:
    return "positive" if value > 0 else "negative" if value < 0 else "text_primary"


class OrderList(Lines):
    """Orders of the group, the newest first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__("Orders", "No order was sent yet.")
        self._now = now
        self._group: GroupSnapshot | None = None
        self._orders: tuple[OrderSnapshot, ...] = ()

    def show_orders(self, group: GroupSnapshot) -> None:
        orders = tuple(sorted(group.orders, key=lambda order: order.created_at, reverse=True))
        if orders != self._orders:
            self._group, self._orders = group, orders
            self.changed()

    @property
    def count(self) -> int:
        return len(self._orders)

    def text_of(self, number: int) -> str:
        order = self._orders[number]
        reason = f" ({order.reason})" if order.reason else ""
        return f"{order.client_order_id}: {order.role} {order.side} {order.type} {order.status}{reason}"

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        order, group = self._orders[number], self._group
        if group is None:
            return
        inner = rect.adjusted(16, 0, -16, 0)
        widths = (70, 132, 40, 74)
        left = inner.left()
        place = "" if order.leg is None else f" P{order.pyramid or 0} L{order.leg}"
        columns = (
            formats.clock_time(order.created_at, self._now()),
            f"{order.role.replace('_', ' ')}{place}",
            order.side,
            order.status.replace("_", " "),
        )
        for text, width, color in zip(
            columns, widths, ("text_tertiary", "text_primary", "text_secondary", "text_secondary"), strict=True
        ):
            _draw(painter, QRect(left, inner.top(), width - 6, inner.height()), text, color)
            left += width
        price = order.average if order.average is not None else order.trigger_price or order.price
        at = "market" if price is None else formats.price(price, group.tick_size)
        amount = f"{formats.quantity(order.filled, group.step_size)} of "
        amount += formats.quantity(order.quantity, group.step_size)
        rest = QRect(left, inner.top(), inner.right() - left, inner.height())
        _draw(painter, rest, f"{amount} @ {at}", "text_primary", _RIGHT)


class FillList(Lines):
    """Fills of the group, the newest first."""

    def __init__(self, now: Callable[[], datetime]) -> None:
        super().__init__("Fills", "Nothing has filled yet.")
        self._now = now
        self._group: GroupSnapshot | None = None
        self._fills: tuple[Fill, ...] = ()

    def show_fills(self, group: GroupSnapshot, fills: Sequence[Fill]) -> None:
        self._group, self._fills = group, tuple(reversed(fills))
        self.changed()

    @property
    def count(self) -> int:
        return len(self._fills)

    def text_of(self, number: int) -> str:
        fill = self._fills[number]
        return (
            f"{formats.full_time(fill.at)}: {fill.side.value} {formats.plain(fill.quantity)} at "
            f"{formats.plain(fill.price)}, fee {formats.plain(fill.fee)} {fill.fee_asset}, {fill.liquidity.value}"
        )

    def paint_line(self, painter: QPainter, rect: QRect, number: int) -> None:
        fill, group = self._fills[number], self._group
        if group is None:
            return
        inner = rect.adjusted(16, 0, -16, 0)
        _draw(painter, inner, formats.clock_time(fill.at, self._now()), "text_tertiary")
        _draw(painter, inner.adjusted(76, 0, 0, 0), fill.side.value, "text_secondary")
        _draw(painter, inner.adjusted(120, 0, 0, 0), fill.liquidity.value, "text_tertiary")
        at = formats.price(fill.price, group.tick_size)
        text = f"{formats.quantity(fill.quantity, group.step_size)} @ {at}, fee {formats.money(fill.fee_quote)}"
        _draw(painter, inner, text, "text_primary", _RIGHT)
