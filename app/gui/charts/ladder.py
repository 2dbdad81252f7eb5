"""The ladder: a group's entries, fills, take-profits, average and stop on its candles.

Painted by hand: the labels' column, the elbows and the lines that begin when they began to exist are the chart.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from PySide6.QtCore import QEvent, QPointF, QRect, QRectF, QSize, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QPolygonF, QWheelEvent
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.charts.ladder_state import LadderLine, LadderState, folded, pushed_apart, round_steps
from app.gui.theme import theme

LABEL_GAP = 17
LABEL_WIDTH = 156
FEWEST_BARS = 8
COLORS = {"entry": "chart_entry", "tp": "chart_tp", "average": "chart_average", "stop": "chart_stop"}
DASHES: dict[str, tuple[float, ...]] = {"entry": (2, 3), "tp": (5, 3), "average": (), "stop": ()}


@dataclass(frozen=True, slots=True)
class _View:
    """Pixels of prices and bars; bars count from the first candle, and may be fractions."""

    plot: QRectF
    low: float
    high: float
    first: float
    bars: float

    def y(self, price: Decimal) -> float:
        return self.plot.bottom() - (float(price) - self.low) / (self.high - self.low) * self.plot.height()

    def x(self, bar: float) -> float:
        return self.plot.left() + (bar - self.first + 0.5) / self.bars * self.plot.width()

    def price_at(self, y: float) -> float:
        return self.low + (self.plot.bottom() - y) / self.plot.height() * (self.high - self.low)

    def bar_at(self, x: float) -> float:
        return self.first + (x - self.plot.left()) / self.plot.width() * self.bars - 0.5


class LadderChart(QWidget):
    """Wheel zooms time, drag pans, double click resets; a cross-hair follows the pointer."""

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.setMinimumSize(QSize(320, 160))
        self._state: LadderState | None = None
        self._message = "The market's rules and price are being read\u2026"
        self._shown_bars: float | None = None
        self._offset = 0.0
        self._pointer: QPointF | None = None
        self._dragged_from: tuple[float, float] | None = None
        theme.changed.connect(self.update)

    # ------------------------------------------------------------------ given

    def set_state(self, state: LadderState | None) -> None:
        if state == self._state:
            return
        if state is None or self._state is None or state.symbol != self._state.symbol:
            self._shown_bars, self._offset = None, 0.0
        self._state = state
        self.setAccessibleName(_summary(state) if state is not None else self._message)
        self.update()

    def set_message(self, message: str) -> None:
        """What stands where there is nothing to draw."""
        self._message = message
        self.update()

    @property
    def state(self) -> LadderState | None:
        return self._state

    # ------------------------------------------------------------------ the pointer

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        count = len(self._state.candles) if self._state is not None else 0
        if count <= FEWEST_BARS:
            return
        factor = 0.85 if event.angleDelta().y() > 0 else 1 / 0.85
        self._shown_bars = min(max((self._shown_bars or count) * factor, FEWEST_BARS), count)
        self._keep_inside()

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._dragged_from = (event.position().x(), self._offset)

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._dragged_from = None

    def mouseDoubleClickEvent(self, _: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._shown_bars, self._offset = None, 0.0
        self.update()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._pointer = event.position()
        if self._dragged_from is not None and self._state is not None:
            start, offset = self._dragged_from
            bars = self._shown_bars or len(self._state.candles)
            self._offset = offset + (event.position().x() - start) / max(self._plot().width(), 1) * bars
            self._keep_inside()
        self.update()

    def leaveEvent(self, _: QEvent) -> None:  # noqa: N802 - Qt's name
        self._pointer = None
        self.update()

    def _keep_inside(self) -> None:
        count = len(self._state.candles) if self._state is not None else 0
        self._offset = min(max(self._offset, 0.0), max(count - (self._shown_bars or count), 0.0))
        self.update()

    # ------------------------------------------------------------------ painting

    def _axis_width(self) -> int:
        return theme.metric("space.6") * 2

    def _plot(self) -> QRectF:
        right = self.width() - self._axis_width() - LABEL_WIDTH - 8
        bottom = self.height() - theme.line("caption") - 6
        return QRectF(14, 8, max(right - 14, 40), max(bottom - 8, 40))

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.fillRect(self.rect(), theme.color("bg_panel"))
        painter.setFont(theme.font("caption"))
        state = self._state
        if state is None or not (state.candles or state.lines):
            painter.setPen(theme.color("text_tertiary"))
            painter.drawText(self.rect(), Qt.AlignmentFlag.AlignCenter, self._message)
        else:
            self._paint(painter, state, self._view(state))
        painter.end()

    def _view(self, state: LadderState) -> _View:
        count = max(len(state.candles), FEWEST_BARS)
        bars = self._shown_bars or count
        first = len(state.candles) - bars - self._offset
        shown = [bar for place, bar in enumerate(state.candles) if first - 1 <= place <= first + bars]
        prices = [float(price) for bar in shown for price in (bar.low, bar.high)]
        prices += [float(line.price) for line in state.lines]
        prices += [float(state.mark)] if state.mark is not None else []
        low, high = min(prices), max(prices)
        margin = (high - low) * 0.06 or abs(high) * 0.01 or 1.0
        return _View(self._plot(), low - margin, high + margin, first, bars)

    def _paint(self, painter: QPainter, state: LadderState, view: _View) -> None:
        self._paint_grid(painter, state, view)
        painter.save()
        painter.setClipRect(view.plot.adjusted(-8, -8, 8, 8))
        self._paint_candles(painter, state, view)
        painter.restore()
        self._paint_mark(painter, state, view)
        self._paint_lines(painter, state, view)
        self._paint_fills(painter, state, view)
        self._paint_crosshair(painter, state, view)

    def _paint_grid(self, painter: QPainter, state: LadderState, view: _View) -> None:
        right = self.width() - self._axis_width() + 10
        places = formats.places_of(state.tick_size)
        for value in round_steps(view.low, view.high):
            y = view.y(Decimal(repr(value)))
            painter.setPen(theme.pen("chart_grid"))
            painter.drawLine(QPointF(view.plot.left(), y), QPointF(view.plot.right(), y))
            painter.setPen(theme.color("chart_axis"))
            text = formats.fixed(Decimal(repr(value)), places)
            painter.drawText(QRectF(right, y - 9, self._axis_width() - 12, 18), Qt.AlignmentFlag.AlignVCenter, text)
        self._paint_times(painter, state, view)

    def _paint_times(self, painter: QPainter, state: LadderState, view: _View) -> None:
        if not state.candles:
            return
        every = max(int(view.bars * 110 / max(view.plot.width(), 1)), 1)
        last_day = None
        for place in range(0, len(state.candles), every):
            x = view.x(place)
            if not view.plot.left() <= x <= view.plot.right() - 40:
                continue
            at = state.candles[place].at
            clock = f"{at:%H:%M:%S}" if state.timeframe.endswith("S") else f"{at:%H:%M}"
            text = clock if at.date() == last_day else f"{at.day} {at:%b} {clock}"
            last_day = at.date()
            painter.setPen(theme.pen("chart_grid"))
            painter.drawLine(QPointF(x, view.plot.top()), QPointF(x, view.plot.bottom()))
            painter.setPen(theme.color("chart_axis"))
            painter.drawText(QPointF(x, self.height() - 6), text)

    def _paint_candles(self, painter: QPainter, state: LadderState, view: _View) -> None:
        color = theme.color("chart_price")
        ground = theme.color("bg_panel")
        painter.setPen(theme.pen("chart_price"))
        width = max(min(view.plot.width() / view.bars * 0.62, 12.0), 1.0)
        for place, bar in enumerate(state.candles):
            x = view.x(place)
            if x < view.plot.left() - width or x > view.plot.right() + width:
                continue
            painter.drawLine(QPointF(x, view.y(bar.high)), QPointF(x, view.y(bar.low)))
            top, bottom = view.y(max(bar.open, bar.close)), view.y(min(bar.open, bar.close))
            body = QRectF(x - width / 2, top, width, max(bottom - top, 1.0))
            painter.fillRect(body, ground if bar.close > bar.open else color)
            if width > 2:
                painter.drawRect(body)

    def _start_x(self, state: LadderState, view: _View, since: datetime) -> float:
        """Where a line begins: at its bar, or at the edge where that is out of sight."""
        return min(max(view.x(_bar_of(state, since)), view.plot.left()), view.plot.right() - 24)

    def _paint_lines(self, painter: QPainter, state: LadderState, view: _View) -> None:
        labels = folded(state.lines)
        ys = [view.y(line.price) for line in labels]
        placed = pushed_apart(ys, LABEL_GAP, view.plot.top() + 8, view.plot.bottom() - 8)
        elbow, left = view.plot.right() + 6, view.plot.right() + 22
        for line in state.lines:
            self._pen(painter, line)
            y = view.y(line.price)
            painter.drawLine(QPointF(self._start_x(state, view, line.since), y), QPointF(elbow, y))
        for line, y, label_y in zip(labels, ys, placed, strict=True):
            self._pen(painter, line)
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawPolyline(QPolygonF([QPointF(elbow, y), QPointF(left, label_y)]))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
            self._paint_label(painter, state, line, QRectF(left, label_y - 8, LABEL_WIDTH - 14, 16))

    def _pen(self, painter: QPainter, line: LadderLine) -> None:
        width = theme.stroke("chart_strong") if line.role in {"stop", "average"} else theme.stroke("chart_line")
        painter.setPen(theme.pen(COLORS[line.role], width, DASHES[line.role]))

    def _paint_label(self, painter: QPainter, state: LadderState, line: LadderLine, box: QRectF) -> None:
        painter.setPen(theme.pen(COLORS[line.role]))
        painter.setBrush(theme.color("bg_panel"))
        painter.drawRect(box)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.color("text_primary"))
        inner = box.adjusted(6, 0, -6, 0)
        painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, line.label)
        if not line.label.endswith("entries"):
            text = formats.price(line.price, state.tick_size)
            painter.drawText(inner, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight, text)

    def _paint_fills(self, painter: QPainter, state: LadderState, view: _View) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(theme.pen("bg_panel", 1.5))
        painter.setBrush(theme.color("chart_entry"))
        for fill in state.fills:
            x = view.x(_bar_of(state, fill.at))
            if view.plot.left() <= x <= view.plot.right():
                painter.drawEllipse(QPointF(x, view.y(fill.price)), 5, 5)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _paint_mark(self, painter: QPainter, state: LadderState, view: _View) -> None:
        if state.mark is None:
            return
        y = view.y(state.mark)
        painter.setPen(theme.pen("text_tertiary" if state.stale else "text_primary", 1, (1, 2)))
        painter.drawLine(QPointF(view.plot.left(), y), QPointF(self.width() - self._axis_width(), y))
        box = QRectF(self.width() - self._axis_width() + 2, y - 9, self._axis_width() - 4, 18)
        text = formats.price(state.mark, state.tick_size)
        self._paint_box(painter, box, text, "text_tertiary" if state.stale else "text_primary")

    def _paint_box(self, painter: QPainter, box: QRectF, text: str, ground: str) -> None:
        painter.fillRect(box, theme.color(ground))
        font = theme.font("caption")
        font.setWeight(theme.font("strong").weight())
        painter.setFont(font)
        painter.setPen(theme.color("bg_panel"))
        painter.drawText(box.adjusted(6, 0, 0, 0), Qt.AlignmentFlag.AlignVCenter, text)
        painter.setFont(theme.font("caption"))

    def _paint_crosshair(self, painter: QPainter, state: LadderState, view: _View) -> None:
        if self._pointer is None or not view.plot.contains(self._pointer):
            return
        x, y = self._pointer.x(), self._pointer.y()
        painter.setPen(theme.pen("chart_crosshair"))
        painter.drawLine(QPointF(x, view.plot.top()), QPointF(x, view.plot.bottom()))
        painter.drawLine(QPointF(view.plot.left(), y), QPointF(self.width() - self._axis_width(), y))
        price = formats.fixed(Decimal(repr(view.price_at(y))), formats.places_of(state.tick_size))
        box = QRectF(self.width() - self._axis_width() + 2, y - 9, self._axis_width() - 4, 18)
        self._paint_box(painter, box, price, "chart_crosshair")
        bar = round(view.bar_at(x))
        if 0 <= bar < len(state.candles):
            at = state.candles[bar].at
            text = f"{at.day} {at:%b %H:%M}"
            width = painter.fontMetrics().horizontalAdvance(text) + 14
            foot = QRect(round(x - width / 2), self.height() - 20, width, 18)
            self._paint_box(painter, QRectF(foot), text, "chart_crosshair")


def _bar_of(state: LadderState, at: datetime) -> int:
    """The bar that a moment falls into, the first where it is older than all."""
    return max(bisect_left(state.candles, at, key=lambda bar: bar.at) - (0 if _opens(state, at) else 1), 0)


def _opens(state: LadderState, at: datetime) -> bool:
    place = bisect_left(state.candles, at, key=lambda bar: bar.at)
    return place < len(state.candles) and state.candles[place].at == at


def _summary(state: LadderState) -> str:
    mark = f", price {formats.price(state.mark, state.tick_size)}" if state.mark is not None else ""
    lines = "; ".join(f"{line.label} {formats.price(line.price, state.tick_size)}" for line in folded(state.lines))
    return f"Ladder of {state.symbol} {state.timeframe}{mark}. {lines}"
