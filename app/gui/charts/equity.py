"""The equity curve: realised as grey steps, total as an accent line (design.md, Charts).

The samples are the picture; what leads from the last of them to this moment, the axis' texts and the box are painted
over it, for they move with every price.
"""

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

TOO_FEW = "Equity is drawn from the second sample on; a sample is taken every minute."
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

    def holds(self, point: EquityPoint) -> bool:
        is_inside = self.x(point.at.timestamp()) <= self.plot.right() + 1
        return is_inside and all(self.low <= value <= self.high for value in (point.realised, point.total))

    @property
    def places(self) -> int:
        return 2 if self.step is not None and self.step < 1 else 0


class EquityChart(Canvas):
    """Worth over time, in quote; the last total stands in a box on the axis."""

    def __init__(self) -> None:
        super().__init__()
        self.setMinimumSize(QSize(200, 80))
        self._samples: tuple[EquityPoint, ...] = ()
        self._live: EquityPoint | None = None
        self._drawn: _View | None = None
        """What the picture was made with."""
        self._say()

    @property
    def points(self) -> tuple[EquityPoint, ...]:
        """The samples, and what it is worth now."""
        return self._samples if self._live is None else (*self._samples, self._live)

    def set_points(self, points: tuple[EquityPoint, ...]) -> None:
        """Oldest first, in quote."""
        if points == self._samples:
            return
        self._samples = points
        self._say()
        self.redraw()

    def set_live(self, point: EquityPoint | None) -> None:
        """What it is worth now, behind the last sample."""
        if point == self._live:
            return
        had_one, self._live = self._live is not None, point
        if point is not None and had_one and self._drawn is not None and self._drawn.holds(point):
            self.update()
        else:
            self._say()
            self.redraw()

    def _say(self) -> None:
        self.setAccessibleName("Equity curve")
        points = self.points
        if len(points) < 2:
            self.setAccessibleDescription(TOO_FEW)
            return
        first, last = points[0], points[-1]
        span = f"{moment_text(first.at, None, 60)} to {moment_text(last.at, None, 60)} UTC"
        worth = f"total from {formats.money(first.total)} to {formats.money(last.total)}"
        self.setAccessibleDescription(f"{span}: {worth}, realised {formats.money(last.realised)}.")

    # ------------------------------------------------------------------ where things are

    def _plot(self, axis: float) -> QRectF:
        edge = theme.metric("space.4")
        bottom = self.height() - theme.line("caption") - 16
        return QRectF(edge, 8, max(self.width() - 2 * edge - axis - 2, 40), max(bottom - 8, 30))

    def _view(self) -> _View:
        points = self.points
        values = [float(value) for point in points for value in (point.realised, point.total)]
        low, high = min(values, default=0.0), max(values, default=1.0)
        is_flat = high - low <= max(abs(high), abs(low)) * 1e-12
        margin = (abs(high) * 0.01 or 1.0) if is_flat else (high - low) * MARGIN
        low, high = low - margin, high + margin
        most = min(MOST_GRID_LINES, int(self._plot(0).height() / theme.scaled(26)))
        step = round_step(low, high, most, Decimal("0.01"))
        start, end = (points[place].at.timestamp() if points else 0.0 for place in (0, -1))
        sized = _View(QRectF(), low, high, start, end, step)
        texts = [formats.fixed(Decimal(repr(value)), sized.places) for value in (low, high)]
        axis = max(max(text_width(text, in_box=True) for text in texts) + 2 * BOX_PADDING, theme.scaled(60))
        return _View(self._plot(axis), low, high, start, end, step)

    # ------------------------------------------------------------------ painting

    def paint_picture(self, painter: QPainter) -> None:
        view = self._drawn = self._view()
        self._paint_grid(painter, view)
        if len(self.points) > 1:
            self._paint_times(painter, view)
            self._paint_lines(painter, view, self._samples)
        else:
            painter.setPen(pen("chart_grid"))
            paint_level(painter, view.plot.left(), view.plot.right(), self.crisp(view.plot.bottom()))
            paint_sentence(painter, view.plot, TOO_FEW)

    def paint_pointer(self, painter: QPainter) -> None:
        view = self._drawn
        if view is None or not self._samples:
            return
        last = self.points[-1]
        if last is self._live:
            self._paint_lines(painter, view, (self._samples[-1], self._halfway(last), last))
        self._paint_values(painter, view, last)
        self._paint_last(painter, view, last)

    def _halfway(self, last: EquityPoint) -> EquityPoint:
        """Where what was realised since the last sample is drawn, for nobody knows when it was."""
        before = self._samples[-1]
        return EquityPoint(before.at + (last.at - before.at) / 2, last.realised, (before.total + last.total) / 2)

    @staticmethod
    def _values(view: _View) -> list[Decimal]:
        return multiples(view.step, view.low, view.high) if view.step is not None else []

    def _paint_grid(self, painter: QPainter, view: _View) -> None:
        for value in self._values(view):
            painter.setPen(pen("border_control" if value == 0 and self._samples else "chart_grid"))
            paint_level(painter, view.plot.left(), view.plot.right(), self.crisp(view.y(value)))

    def _paint_values(self, painter: QPainter, view: _View, last: EquityPoint) -> None:
        """Those that the box leaves free."""
        half, taken = box_height() / 2, view.y(last.total)
        painter.setPen(theme.color("chart_axis"))
        for value in self._values(view):
            y = self.crisp(view.y(value))
            if abs(taken - y) >= half + theme.scaled(5):
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
        start, end = self.points[0].at, self.points[-1].at
        span = end - start
        moments = [start + span * (place / (count - 1)) for place in range(count - 1)] + [end]
        if span.days > LONG_DAYS:
            return [f"{at.day} {at:%b %Y}" for at in moments]
        step = DAY if span.days >= count else 60 if span.total_seconds() >= 60 * count else 1
        before = [None, *moments]
        return [moment_text(at, said, step) for at, said in zip(moments, before, strict=False)]

    def _paint_lines(self, painter: QPainter, view: _View, points: Sequence[EquityPoint]) -> None:
        xs = [min(view.x(point.at.timestamp()), view.plot.right()) for point in points]
        realised = thinned([(x, view.y(point.realised)) for x, point in zip(xs, points, strict=True)])
        total = thinned([(x, view.y(point.total)) for x, point in zip(xs, points, strict=True)])
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

    def _paint_last(self, painter: QPainter, view: _View, last: EquityPoint) -> None:
        height = box_height()
        y = round(view.y(last.total) - height / 2)
        right = self.width() - theme.metric("space.4")
        left = view.plot.right() + 2
        text = formats.fixed(last.total, view.places)
        paint_box(painter, QRectF(left, y, right - left, height), text, theme.color("accent"), "text_on_accent")
