"""The ladder: a group's entries, fills, take-profits, average and stop on its candles.

Painted by hand: the labels' column, the elbows and the lines that begin when they began to exist are the chart.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from PySide6.QtCore import QEvent, QLineF, QPointF, QRectF, QSize, Qt, Signal
from PySide6.QtGui import QFontMetricsF, QKeyEvent, QMouseEvent, QPainter, QPen, QPolygonF, QWheelEvent

from app.gui import formats
from app.gui.charts.axes import (
    MOST_GRID_LINES,
    TimeWindow,
    bar_seconds,
    finer,
    moment_text,
    multiples,
    round_step,
    time_ticks,
)
from app.gui.charts.canvas import (
    BOX_PADDING,
    CENTRE,
    LEFT,
    RIGHT,
    Canvas,
    box_height,
    paint_box,
    paint_level,
    paint_sentence,
    pen,
    text_width,
)
from app.gui.charts.ladder_state import LadderFill, LadderLabel, LadderLine, LadderState, chosen, pushed_apart, summary
from app.gui.charts.ladder_view import LadderView, price_range
from app.gui.charts.stop_drag import GRIP, StopDrag, StopReader
from app.gui.theme import theme

__all__ = ["LadderChart", "LadderFill", "LadderLine", "LadderState", "on_tick"]

LABEL_GAP = 17
TIME_GAP = 16
LABEL_WIDTH = 154
ELBOW = 16
EDGE = 12
FILL_RADIUS = 5
WHEEL_STEP = 120
FAST_TICKS = 10
ZOOM_PER_STEP = 0.85
PAN_PARTS = 8
"""An arrow key moves by this part of what is in sight."""
COLORS = {"entry": "chart_entry", "tp": "chart_tp", "average": "chart_average", "stop": "chart_stop"}
DASHES: dict[str, tuple[float, ...]] = {"entry": (2, 3), "tp": (5, 3), "average": (), "stop": ()}
STRONG = frozenset({"average", "stop"})


@dataclass(frozen=True, slots=True)
class _Columns:
    """Left edges and widths right of the plot, in logical pixels."""

    elbow: float
    labels: float
    label_width: float
    axis: float
    axis_width: float


class LadderChart(Canvas):
    """Wheel zooms time, drag pans, double click resets; a cross-hair follows the pointer.

    The stop's line can be dragged where it may be moved; `stop_moved(price)` asks for it. With the keyboard: + and −
    zoom, left and right pan, Home resets; up and down take the stop along, Shift ten ticks, Enter asks, Esc restores.
    """

    stop_moved = Signal(object)

    def __init__(self) -> None:
        super().__init__()
        self.setMouseTracking(True)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMinimumSize(QSize(320, 160))
        self._state: LadderState | None = None
        self._message = "The market's rules and price are being read\u2026"
        self._window = TimeWindow()
        self._view: LadderView | None = None
        self._columns = _Columns(0, 0, 0, 0, 0)
        self._pointer: QPointF | None = None
        self._dragged_from: tuple[float, TimeWindow] | None = None
        self._stop_reader: StopReader | None = None
        self._stop_drag: StopDrag | None = None
        self._say()

    # ------------------------------------------------------------------ given

    def set_state(self, state: LadderState | None) -> None:
        """What to draw; None, or a state without candles and lines, leaves the message. Zoom and place in time stay
        while the symbol and the timeframe do."""
        if state == self._state:
            return
        old, self._state = self._state, state
        if state is None or old is None or (state.symbol, state.timeframe) != (old.symbol, old.timeframe):
            self._window, self._dragged_from = TimeWindow(), None
        self._window = self._window.inside(self._count)
        self._say()
        self.redraw()

    def set_message(self, message: str) -> None:
        """What stands where there is nothing to draw."""
        if message == self._message:
            return
        self._message = message
        self._say()
        self.redraw()

    def let_stop_move(self, read: StopReader | None) -> None:
        """Give the stop's line its grip; None takes it, and what is being dragged stays where it was."""
        had_grip, self._stop_reader = self._stop_reader is not None, read
        if read is None:
            self._stop_drag = None
        if had_grip is not (read is not None):
            self.redraw()

    @property
    def state(self) -> LadderState | None:
        return self._state

    @property
    def window_shown(self) -> TimeWindow:
        """Which bars are in sight."""
        return self._window

    @property
    def _count(self) -> int:
        return len(self._state.candles) if self._state is not None else 0

    @property
    def _shown(self) -> LadderState | None:
        """The state, where it holds something to draw."""
        state = self._state
        return state if state is not None and (state.candles or state.lines) else None

    def _say(self) -> None:
        state = self._shown
        self.setAccessibleName("Ladder" if state is None else f"Ladder of {state.symbol}, {state.timeframe}")
        self.setAccessibleDescription(self._message if state is None else summary(state))

    # ------------------------------------------------------------------ the pointer

    def _show_window(self, window: TimeWindow) -> None:
        if window != self._window:
            self._window = window
            self.redraw()

    def wheelEvent(self, event: QWheelEvent) -> None:  # noqa: N802 - Qt's name
        view, turned = self._view, event.angleDelta()
        if view is None or turned.isNull():
            event.ignore()
            return
        if abs(turned.x()) > abs(turned.y()):
            bars = turned.x() / WHEEL_STEP * view.bars * (1 - ZOOM_PER_STEP)
            self._show_window(self._window.panned(bars, self._count))
        else:
            anchor = (event.position().x() - view.left) / (view.right - view.left)
            factor = ZOOM_PER_STEP ** (turned.y() / WHEEL_STEP)
            self._show_window(self._window.zoomed(factor, min(max(anchor, 0.0), 1.0), self._count))
        event.accept()

    def _stop_line(self) -> LadderLine | None:
        """The stop, where it may be moved."""
        state = self._shown
        if state is None or self._stop_reader is None:
            return None
        return next((line for line in state.lines if line.role == "stop"), None)

    def _take_stop(self) -> StopDrag | None:
        """What is being dragged, or the stop taken hold of now."""
        line, state = self._stop_line(), self._shown
        if self._stop_drag is None and line is not None and state is not None and self._stop_reader is not None:
            self._stop_drag = StopDrag(line.price, state.tick_size, self._stop_reader)
        return self._stop_drag

    def _is_on_stop(self, at: QPointF) -> bool:
        line, view = self._stop_line(), self._view
        return line is not None and view is not None and abs(at.y() - view.y(line.price)) <= theme.scaled(GRIP)

    def _drop_stop(self, *, ask: bool) -> None:
        drag, self._stop_drag = self._stop_drag, None
        self.update()
        if ask and drag is not None and drag.has_moved:
            self.stop_moved.emit(drag.price)

    def mousePressEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        if event.button() is not Qt.MouseButton.LeftButton:
            return
        if self._is_on_stop(event.position()):
            self._take_stop()
        else:
            self._dragged_from = (event.position().x(), self._window)

    def mouseReleaseEvent(self, _: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._dragged_from = None
        self._drop_stop(ask=True)

    def mouseDoubleClickEvent(self, _: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._show_window(TimeWindow())

    def mouseMoveEvent(self, event: QMouseEvent) -> None:  # noqa: N802 - Qt's name
        self._pointer = event.position()
        self.setCursor(
            Qt.CursorShape.SizeVerCursor if self._is_on_stop(event.position()) else Qt.CursorShape.ArrowCursor
        )
        if self._stop_drag is not None and self._view is not None and self._shown is not None:
            self._stop_drag.to(on_tick(self._view.price_at(event.position().y()), self._shown.tick_size))
        if self._dragged_from is not None and self._view is not None:
            start, window = self._dragged_from
            bars = (event.position().x() - start) / self._view.spacing
            self._show_window(window.panned(bars, self._count))
        self.update()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        window, count = self._window, self._count
        step = self._view.bars / PAN_PARTS if self._view is not None else 0.0
        match event.key():
            case Qt.Key.Key_Plus | Qt.Key.Key_Equal:
                self._show_window(window.zoomed(ZOOM_PER_STEP, 1.0, count))
            case Qt.Key.Key_Minus:
                self._show_window(window.zoomed(1 / ZOOM_PER_STEP, 1.0, count))
            case Qt.Key.Key_Left:
                self._show_window(window.panned(step, count))
            case Qt.Key.Key_Right:
                self._show_window(window.panned(-step, count))
            case Qt.Key.Key_Home:
                self._show_window(TimeWindow())
            case _ if not self._stop_key(event):
                super().keyPressEvent(event)

    def _stop_key(self, event: QKeyEvent) -> bool:
        """Whether the key was for the stop."""
        step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
        drag = self._take_stop() if step is not None else self._stop_drag
        if drag is None:
            return False
        if step is not None:
            drag.by(step * (FAST_TICKS if event.modifiers() & Qt.KeyboardModifier.ShiftModifier else 1))
            self.update()
        elif event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter, Qt.Key.Key_Escape}:
            self._drop_stop(ask=event.key() != Qt.Key.Key_Escape)
        else:
            return False
        return True

    def leaveEvent(self, event: QEvent) -> None:  # noqa: N802 - Qt's name
        self._pointer = None
        self.update()
        super().leaveEvent(event)

    # ------------------------------------------------------------------ where things are

    def _measure(self, state: LadderState) -> LadderView:
        low, high = price_range(state, self._window)
        places = formats.places_of(state.tick_size)
        texts = [formats.fixed(_decimal(price), places) for price in (low, high)]
        axis = max(max(text_width(text, in_box=True) for text in texts) + 2 * BOX_PADDING, theme.scaled(60))
        labels = min(theme.scaled(LABEL_WIDTH), self.width() * 0.4)
        left = self.width() - axis - 8 - labels
        self._columns = _Columns(left - ELBOW, left, labels, left + labels + 4, axis)
        count = self._count
        return LadderView(
            left=EDGE,
            top=8,
            right=max(left - ELBOW - 4, EDGE + 40),
            bottom=max(self.height() - theme.line("caption") - 4, 48),
            low=low,
            high=high,
            first=self._window.first(count),
            bars=self._window.width(count),
            times=[bar.at for bar in state.candles],
        )

    # ------------------------------------------------------------------ painting

    def paint_picture(self, painter: QPainter) -> None:
        state = self._shown
        if state is None:
            self._view = None
            paint_sentence(painter, QRectF(self.rect()), self._message)
            return
        self._view = view = self._measure(state)
        self._paint_prices(painter, state, view)
        self._paint_times(painter, view)
        painter.save()
        painter.setClipRect(QRectF(view.left - 1, 0, view.right - view.left + 2, self.height()))
        self._paint_candles(painter, state, view)
        painter.restore()
        self._paint_mark(painter, state, view)
        self._paint_lines(painter, state, view)
        self._paint_fills(painter, state, view)

    def _paint_prices(self, painter: QPainter, state: LadderState, view: LadderView) -> None:
        places = formats.places_of(state.tick_size)
        least = Decimal(1).scaleb(-places)
        rows = int((view.bottom - view.top) / theme.scaled(22))
        step = round_step(view.low, view.high, min(MOST_GRID_LINES, rows), least)
        if step is None:
            return
        painter.setPen(pen("chart_grid"))
        for value in multiples(step, view.low, view.high):
            paint_level(painter, view.left, self._columns.labels, self.crisp(view.y(value)))
        painter.setPen(theme.color("chart_axis"))
        half = box_height() / 2
        mark = view.y(state.mark) if state.mark is not None else None
        for value in multiples(finer(step, view.low, view.high, rows, least), view.low, view.high):
            y = view.y(value)
            if mark is None or abs(y - mark) >= half + theme.scaled(5):
                box = QRectF(self._columns.axis + BOX_PADDING, y - half, self._columns.axis_width, 2 * half)
                painter.drawText(box, LEFT, formats.fixed(value, places))

    def _paint_times(self, painter: QPainter, view: LadderView) -> None:
        shown = view.visible()
        apart = theme.scaled(90) / view.spacing
        ticks = time_ticks(
            view.times, shown.start, shown.stop - 1, apart, lambda text: (text_width(text) + TIME_GAP) / view.spacing
        )
        for tick in ticks:
            x = self.crisp(view.x(tick.place))
            width = text_width(tick.text) + 2
            if not view.left <= x <= self._columns.labels - width:
                continue
            painter.setPen(pen("border_control"))
            painter.drawLine(QPointF(x, view.bottom), QPointF(x, view.bottom + 4))
            painter.setPen(theme.color("chart_axis"))
            painter.drawText(QRectF(x + 5, self._foot(view), width, box_height()), LEFT, tick.text)

    def _foot(self, view: LadderView) -> float:
        """Where the time axis' texts begin."""
        return min(view.bottom + 1, self.height() - box_height())

    def _paint_candles(self, painter: QPainter, state: LadderState, view: LadderView) -> None:
        """Thin wicks, bodies of an odd number of pixels so that the wick is their middle."""
        width = min(2 * int(view.spacing * 0.36) + 1, 11)
        scale = (view.bottom - view.top) / (view.high - view.low)
        wicks: list[QLineF] = []
        hollow: list[QRectF] = []
        filled: list[QRectF] = []
        for place in view.visible():
            bar = state.candles[place]
            x = self.crisp(view.x(place))
            prices = (bar.high, bar.low, bar.open, bar.close)
            high, low, opened, closed = (view.bottom - (float(price) - view.low) * scale for price in prices)
            wicks.append(QLineF(x, high, x, low))
            if width > 1:
                body = QRectF(x - width // 2, min(opened, closed), width - 1, abs(opened - closed))
                (hollow if closed < opened else filled).append(body)
        painter.setPen(pen("chart_price"))
        painter.drawLines(wicks)
        painter.setBrush(theme.color("chart_price"))
        painter.drawRects(filled)
        painter.setBrush(theme.color("bg_panel"))
        painter.drawRects(hollow)
        painter.setBrush(Qt.BrushStyle.NoBrush)

    def _paint_mark(self, painter: QPainter, state: LadderState, view: LadderView) -> None:
        if state.mark is None:
            return
        y = self.crisp(view.y(state.mark))
        color = "text_tertiary" if state.stale else "text_primary"
        painter.setPen(pen(color, 1, (1, 2)))
        paint_level(painter, view.left, self._columns.axis, y)
        height = box_height()
        box = QRectF(self._columns.axis, round(y - height / 2), self._columns.axis_width, height)
        text = formats.price(state.mark, state.tick_size)
        paint_box(painter, box, text, theme.color(color))
        if state.stale:
            self._paint_clock(painter, box, text_width(text, in_box=True))

    @staticmethod
    def _paint_clock(painter: QPainter, box: QRectF, text: float) -> None:
        """Beside an old price, where there is room."""
        clock = theme.pixmap("clock", "bg_panel", 11)
        size = clock.deviceIndependentSize()
        left = box.left() + BOX_PADDING + text + 4
        if left + size.width() <= box.right():
            painter.drawPixmap(QPointF(left, box.center().y() - size.height() / 2), clock)

    def _paint_lines(self, painter: QPainter, state: LadderState, view: LadderView) -> None:
        gap = theme.scaled(LABEL_GAP)
        low, high = view.top + gap / 2, view.bottom - gap / 2
        labels, hidden = chosen(state.lines, int((high - low) // gap) + 1, state.mark)
        wanted = [view.y(label.line.price) for label in labels] + ([high] if hidden else [])
        placed = pushed_apart(wanted, gap, low, high)
        labelled = {label.line: y for label, y in zip(labels, placed, strict=False)}
        pens = {role: _role_pen(role) for role in COLORS}
        for line in state.lines:
            painter.setPen(pens[line.role])
            self._paint_line(painter, view, line, labelled.get(line))
        for label, y in zip(labels, placed, strict=False):
            self._paint_label(painter, state, label, self._label_box(y, gap))
        if hidden:
            painter.setPen(theme.color("text_tertiary"))
            painter.drawText(self._label_box(placed[-1], gap), CENTRE, f"and {hidden} more")

    def _label_box(self, y: float, gap: int) -> QRectF:
        """Its frame lies on whole pixels; two that are `gap` apart touch."""
        columns = self._columns
        top = self.crisp(y - (gap - 1) / 2)
        return QRectF(self.crisp(columns.labels), top, round(columns.label_width) - 1, gap - 1)

    def _paint_line(self, painter: QPainter, view: LadderView, line: LadderLine, label_y: float | None) -> None:
        """From where it began to its elbow, and on to its label where it has one."""
        y = self.crisp(view.y(line.price), painter.pen().widthF())
        start, elbow, end = view.start_x(line.since), self._columns.elbow, self._columns.labels
        if label_y is None or abs(label_y - y) < 1:
            paint_level(painter, start, elbow if label_y is None else end, y)
        else:
            points = ((start, y), (elbow, y), (end - 3, label_y), (end, label_y))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing)
            painter.drawPolyline(QPolygonF([QPointF(*point) for point in points]))
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        if line.role == "stop" and self._stop_reader is not None:
            for across in (y - 4, y + 4):
                paint_level(painter, elbow - 18, elbow - 10, across)

    @staticmethod
    def _paint_label(painter: QPainter, state: LadderState, label: LadderLabel, box: QRectF) -> None:
        line = label.line
        painter.setPen(pen(COLORS[line.role]))
        painter.setBrush(theme.color("bg_panel"))
        painter.drawRect(box)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setPen(theme.color("text_primary"))
        inner = box.adjusted(BOX_PADDING, 0, -BOX_PADDING, 0)
        right = formats.price(line.price, state.tick_size)
        if label.legs > 1:
            right = f"P{line.pyramid}" if line.pyramid is not None else ""
        painter.drawText(inner, RIGHT, right)
        room = inner.width() - text_width(right) - BOX_PADDING
        text = QFontMetricsF(painter.font()).elidedText(label.text, Qt.TextElideMode.ElideRight, room)
        painter.drawText(inner, LEFT, text)

    def _paint_fills(self, painter: QPainter, state: LadderState, view: LadderView) -> None:
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen("bg_panel", 1.5))
        painter.setBrush(theme.color("chart_entry"))
        radius = theme.scaled(FILL_RADIUS) + 0.5
        for fill in state.fills:
            bar = view.bar_of(fill.at)
            if bar is not None and view.holds(view.x(bar), view.y(fill.price)):
                painter.drawEllipse(QPointF(view.x(bar), view.y(fill.price)), radius, radius)
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    # ------------------------------------------------------------------ the cross-hair

    def paint_pointer(self, painter: QPainter) -> None:
        state, view, pointer = self._shown, self._view, self._pointer
        if state is not None and view is not None and self._stop_drag is not None:
            self._paint_dragged(painter, state, view, self._stop_drag)
            return
        if state is None or view is None or pointer is None or not view.holds(pointer.x(), pointer.y()):
            return
        painter.setPen(pen("chart_crosshair"))
        y = self.crisp(pointer.y())
        paint_level(painter, view.left, self._columns.elbow, y)
        price = formats.price(on_tick(view.price_at(pointer.y()), state.tick_size), state.tick_size)
        height = box_height()
        box = QRectF(self._columns.axis, round(y - height / 2), self._columns.axis_width, height)
        self._paint_moment(painter, view, pointer.x())
        paint_box(painter, box, price, theme.color("chart_crosshair"))

    def _paint_dragged(self, painter: QPainter, state: LadderState, view: LadderView, drag: StopDrag) -> None:
        """The line where the stop would lie, with what it would mean."""
        painter.setPen(_role_pen("stop"))
        y = self.crisp(min(max(view.y(drag.price), view.top), view.bottom), painter.pen().widthF())
        paint_level(painter, view.left, self._columns.axis, y)
        height, color = box_height(), theme.color(COLORS["stop"])
        price = formats.price(drag.price, state.tick_size)
        paint_box(
            painter, QRectF(self._columns.axis, round(y - height / 2), self._columns.axis_width, height), price, color
        )
        width = text_width(drag.text, in_box=True) + 2 * BOX_PADDING
        paint_box(painter, QRectF(view.left + 8, round(y - height - 4), width, height), drag.text, color)

    def _paint_moment(self, painter: QPainter, view: LadderView, x: float) -> None:
        """The upright line stands on a candle where there is one."""
        bar = view.bar_at(x)
        known = 0 <= bar < len(view.times)
        x = self.crisp(view.x(bar) if known else x)
        painter.drawLine(QPointF(x, view.top), QPointF(x, view.bottom))
        if known:
            text = moment_text(view.times[bar], None, min(bar_seconds(view.times), 60))
            width = text_width(text, in_box=True) + 2 * BOX_PADDING
            left = min(max(x - width / 2, 2), self.width() - width - 2)
            box = QRectF(round(left), self._foot(view), width, box_height())
            paint_box(painter, box, text, theme.color("chart_crosshair"))


def _role_pen(role: str) -> QPen:
    return pen(COLORS[role], theme.stroke("chart_strong" if role in STRONG else "chart_line"), DASHES[role])


def _decimal(value: float) -> Decimal:
    return Decimal(repr(value))


def on_tick(price: float, tick: Decimal) -> Decimal:
    """The multiple of `tick` nearest to `price`."""
    return (_decimal(price) / tick).to_integral_value() * tick if tick > 0 else _decimal(price)
