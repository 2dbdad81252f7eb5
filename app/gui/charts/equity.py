"""The equity curve: realised as grey steps, total as an accent line (design.md, Charts)."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.charts.equity_points import EquityPoint
from app.gui.charts.ladder_state import round_steps
from app.gui.theme import theme
from app.gui.widgets.basics import column

TOO_FEW = "The curve begins with the second sample; one is taken every five minutes."
MOST_POINTS = 1500


class _Axis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """Round numbers at the right, at most six."""

    def tickValues(self, low: float, high: float, _size: float) -> list[Any]:  # noqa: N802 - pyqtgraph's name
        return [(1.0, round_steps(low, high))]

    def tickStrings(self, values: list[float], _scale: float, spacing: float) -> list[str]:  # noqa: N802, ARG002 - its names
        gap = abs(values[1] - values[0]) if len(values) > 1 else 1.0
        places = 0 if gap >= 1 else 2
        return [formats.fixed(Decimal(repr(value)), places) for value in values]


class _TimeAxis(pg.AxisItem):  # type: ignore[misc]  # pyqtgraph has no types
    """UTC days, or hours where the curve is short."""

    def tickValues(self, low: float, high: float, size: float) -> list[Any]:  # noqa: N802 - pyqtgraph's name
        count = max(min(int(size / 150), 5), 1)
        step = (high - low) / count
        return [(step, [low + step * (place + 0.5) for place in range(count)])]

    def tickStrings(self, values: list[float], _scale: float, spacing: float) -> list[str]:  # noqa: N802 - its name
        moments = [_EPOCH + timedelta(seconds=value) for value in values]
        return [f"{at.day} {at:%b}" if spacing > 43_200 else f"{at:%H:%M}" for at in moments]


_EPOCH = datetime.fromisoformat("1970-01-01T00:00:00+00:00")


class EquityChart(QWidget):
    def __init__(self) -> None:
        super().__init__()
        layout = column(self, 0, (10, 4, 10, 4))
        self._values = _Axis("right")
        self._times = _TimeAxis("bottom")
        self._plot = pg.PlotWidget(axisItems={"right": self._values, "bottom": self._times})
        self._plot.hideAxis("left")
        self._plot.showAxis("right")
        self._plot.setMenuEnabled(False)
        self._plot.setMouseEnabled(x=False, y=False)
        self._plot.hideButtons()
        self._plot.setFrameShape(self._plot.Shape.NoFrame)
        self._plot.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self._realised = self._plot.plot(stepMode="left", antialias=False)
        self._total = self._plot.plot(antialias=True)
        self._plot.showGrid(x=False, y=True, alpha=1.0)
        layout.addWidget(self._plot)
        self._points: tuple[EquityPoint, ...] = ()
        self._message = _Message(self)
        self._restyle()
        theme.changed.connect(self._restyle)

    @property
    def points(self) -> tuple[EquityPoint, ...]:
        return self._points

    def set_points(self, points: tuple[EquityPoint, ...]) -> None:
        """Oldest first; beyond some 1,500 every n-th is drawn, the last one always."""
        if points == self._points and points:
            return
        self._points = points
        every = max(len(points) // MOST_POINTS, 1)
        shown = (*points[::every], points[-1]) if points and every > 1 else points
        xs = [point.at.timestamp() for point in shown]
        self._total.setData(xs, [float(point.total) for point in shown])
        self._realised.setData(xs, [float(point.realised) for point in shown])
        self._message.say("" if len(points) > 1 else TOO_FEW, formats.money(points[-1].total) if points else "")
        last = f"now {formats.money(points[-1].total)}" if points else "no sample yet"
        self.setAccessibleName(f"Equity curve, {len(points)} samples, {last}")

    def _restyle(self) -> None:
        self._plot.setBackground(theme.color("bg_panel"))
        self._realised.setPen(theme.pen("chart_axis", theme.stroke("chart_line")))
        self._total.setPen(theme.pen("accent", theme.stroke("chart_strong")))
        for axis in (self._values, self._times):
            axis.setPen(theme.pen("chart_grid"))
            axis.setTextPen(theme.color("chart_axis"))
            axis.setTickFont(theme.font("caption"))
            axis.setStyle(tickLength=0)
        self._values.setWidth(theme.metric("space.6") * 2)

    def resizeEvent(self, event: Any) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._message.setGeometry(self.rect())


class _Message(QWidget):
    """The words over an empty plot."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.setAttribute(Qt.WidgetAttribute.WA_TransparentForMouseEvents)
        self._text = ""
        self._now = ""

    def say(self, text: str, now: str) -> None:
        self._text, self._now = text, now
        self.setVisible(bool(text))
        self.update()

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setFont(theme.font("body"))
        painter.setPen(theme.color("text_tertiary"))
        painter.drawText(QRectF(self.rect()), Qt.AlignmentFlag.AlignCenter, self._text)
        painter.end()
