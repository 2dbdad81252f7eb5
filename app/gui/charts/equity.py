"""The equity curve: realised as grey steps, total as an accent line (design.md, Charts)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from PySide6.QtCore import QPointF, QRectF, QSize
from PySide6.QtGui import QPainter, QPolygonF

from app.gui import formats
from app.gui.charts.axes import DAY, MOST_GRID_LINES, moment_text, multiples, round_step
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
from app.gui.charts.equity_points import EquityPoint, thinned
from app.gui.theme import theme

__all__ = ["TOO_FEW", "EquityChart", "EquityPoint"]

TOO_FEW = "Equity is drawn from the second sample on; a sample is taken every five minutes."
MARGIN = 0.04
MOST_TIMES = 5
LONG_DAYS = 300


@dataclass(frozen=True, slots=True)
class _View:
    """The plot in logical pixels; values in quote, times in seconds since 1970."""

    plot: QRectF
    low: float
    high: float
    start: float
    end: float
    step: Decimal | None

    def y(self, value: Decimal | float) -> float:
        return self.plot.bottom() - (float(value) - self.low) / (self.high - self.low) * self.plot.height()

    def x(self, seconds: float) -> float:
        span = self.end - self.start
        return self.plot.left() + ((seconds - self.start) / span * self.plot.width() if span > 0 else 0.0)

    @property
    def places(self) -> int:
        return 2 if self.step is not None and self.step < 1 else 0


class EquityChart(Canvas):
    """Worth over time, in quote; the last total stands in a box on the axis."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(QSize(200, 80))
        self._points: tuple[EquityPoint, ...] = ()
        self._say()

    @property
    def points(self) -> tuple[EquityPoint, ...]:
        return self._points

    def set_points(self, points: tuple[EquityPoint, ...]) -> None:
        """Oldest first, in quote."""
        if points == self._points:
            return
        self._points = points
        self._say()
        self.redraw()

    def _say(self) -> None:
        self.setAccessibleName("Equity curve")
        if len(self._points) < 2:
            self.setAccessibleDescription(TOO_FEW)
            return
        first, last = self._points[0], self._points[-1]
        span = f"{moment_text(first.at, None, 60)} to {moment_text(last.at, None, 60)} UTC"
        worth = f"total from {formats.money(first.total)} to {formats.money(last.total)}"
        self.setAccessibleDescription(f"{span}: {worth}, realised {formats.money(last.realised)}.")

    # ------------------------------------------------------------------ where things are

    def _plot(self, axis: float) -> QRectF:
        edge = theme.metric("space.4")
        bottom = self.height() - theme.line("caption") - 16
        return QRectF(edge, 8, max(self.width() - 2 * edge - axis - 2, 40), max(bottom - 8, 30))

    def _view(self) -> _View:
        values = [float(value) for point in self._points for value in (point.realised, point.total)]
        low, high = min(values, default=0.0), max(values, default=1.0)
        is_flat = high - low <= max(abs(high), abs(low)) * 1e-12
        margin = (abs(high) * 0.01 or 1.0) if is_flat else (high - low) * MARGIN
        low, high = low - margin, high + margin
        most = min(MOST_GRID_LINES, int(self._plot(0).height() / theme.scaled(26)))
        step = round_step(low, high, most, Decimal("0.01"))
        start, end = (self._points[place].at.timestamp() if self._points else 0.0 for place in (0, -1))
        sized = _View(QRectF(), low, high, start, end, step)
        texts = [formats.fixed(Decimal(repr(value)), sized.places) for value in (low, high)]
        axis = max(max(text_width(text, in_box=True) for text in texts) + 2 * BOX_PADDING, theme.scaled(60))
        return _View(self._plot(axis), low, high, start, end, step)

    # ------------------------------------------------------------------ painting

    def paint_picture(self, painter: QPainter) -> None:
        view = self._view()
        self._paint_values(painter, view)
        if len(self._points) > 1:
            self._paint_times(painter, view)
            self._paint_lines(painter, view)
        else:
            painter.setPen(pen("chart_grid"))
            paint_level(painter, view.plot.left(), view.plot.right(), self.crisp(view.plot.bottom()))
            paint_sentence(painter, view.plot, TOO_FEW)
        if self._points:
            self._paint_last(painter, view)

    def _paint_values(self, painter: QPainter, view: _View) -> None:
        half = box_height() / 2
        taken = view.y(self._points[-1].total) if self._points else None
        for value in multiples(view.step, view.low, view.high) if view.step is not None else ():
            y = self.crisp(view.y(value))
            painter.setPen(pen("border_control" if value == 0 and self._points else "chart_grid"))
            paint_level(painter, view.plot.left(), view.plot.right(), y)
            if taken is not None and abs(taken - y) >= half + theme.scaled(5):
                painter.setPen(theme.color("chart_axis"))
                box = QRectF(view.plot.right() + 2 + BOX_PADDING, y - half, self.width(), 2 * half)
                painter.drawText(box, LEFT, formats.fixed(value, view.places))

    def _paint_times(self, painter: QPainter, view: _View) -> None:
        """Evenly over the width, the first and the last at its ends."""
        count = min(max(int(view.plot.width() / theme.scaled(110)), 2), MOST_TIMES)
        painter.setPen(theme.color("chart_axis"))
        top, half = view.plot.bottom() + 8, theme.scaled(60)
        for place, text in enumerate(self._times(count)):
            flags = LEFT if place == 0 else RIGHT if place == count - 1 else CENTRE
            x = view.plot.left() + view.plot.width() * place / (count - 1)
            shift = {LEFT: 0, CENTRE: half, RIGHT: 2 * half}[flags]
            painter.drawText(QRectF(x - shift, top, 2 * half, box_height()), flags, text)

    def _times(self, count: int) -> list[str]:
        """Days, with the year where they span more than one; hours where the curve is short."""
        start, end = self._points[0].at, self._points[-1].at
        span = end - start
        moments = [start + span * (place / (count - 1)) for place in range(count - 1)] + [end]
        if span.days > LONG_DAYS:
            return [f"{at.day} {at:%b %Y}" for at in moments]
        step = DAY if span.days >= count else 60 if span.total_seconds() >= 60 * count else 1
        before = [None, *moments]
        return [moment_text(at, said, step) for at, said in zip(moments, before, strict=False)]

    def _paint_lines(self, painter: QPainter, view: _View) -> None:
        xs = [view.x(point.at.timestamp()) for point in self._points]
        realised = thinned([(x, view.y(point.realised)) for x, point in zip(xs, self._points, strict=True)])
        total = thinned([(x, view.y(point.total)) for x, point in zip(xs, self._points, strict=True)])
        painter.setPen(pen("chart_axis", theme.stroke("chart_line")))
        painter.drawPolyline(self._steps(realised))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(pen("accent", theme.stroke("chart_strong")))
        painter.drawPolyline(QPolygonF([QPointF(x, y) for x, y in total]))
        painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)

    def _steps(self, pixels: Sequence[tuple[float, float]]) -> QPolygonF:
        """A value holds until the next one."""
        corners: list[QPointF] = []
        for x, y in pixels:
            across, down = self.crisp(x), self.crisp(y)
            if corners:
                corners.append(QPointF(across, corners[-1].y()))
            corners.append(QPointF(across, down))
        return QPolygonF(corners)

    def _paint_last(self, painter: QPainter, view: _View) -> None:
        last = self._points[-1].total
        height = box_height()
        y = round(view.y(last) - height / 2)
        right = self.width() - theme.metric("space.4")
        left = view.plot.right() + 2
        text = formats.fixed(last, view.places)
        paint_box(painter, QRectF(left, y, right - left, height), text, theme.color("accent"), "text_on_accent")
