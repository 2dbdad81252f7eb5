"""Dashboard: what it is worth, what is open, what came in, what needs a look. Nothing scrolls."""

from __future__ import annotations

from datetime import datetime, timedelta

from PySide6.QtCore import QSize, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QSizePolicy, QWidget

from app.domain.values import ZERO
from app.gui import formats
from app.gui.charts.equity import EquityChart, EquityPoint
from app.gui.desk import Desk
from app.gui.models.equity import counted, equity_points, live_point, realised_until
from app.gui.panels.dashboard_figures import FigureRow
from app.gui.panels.dashboard_lists import AlertLines, GroupBars, SignalLines
from app.gui.panels.panel import Panel
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Hairline, Segments, Text, column, row
from app.gui.widgets.header import ViewHeader
from app.messages.snapshots import EngineSnapshot

SPANS = (("7", "7 d"), ("30", "30 d"), ("60", "60 d"), ("all", "All"))
RESULT = "unrealised USDT"
LEGS_AND_RESULT = f"legs filled \u00b7 {RESULT}"


class DashboardPanel(Panel):
    signals_wanted = Signal()
    positions_wanted = Signal()
    group_wanted = Signal(str)
    signal_wanted = Signal(str)

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__(store)
        self._desk = desk
        self._points: tuple[EquityPoint, ...] = ()
        self._of = ""
        """The environment whose equity is shown."""
        self._realised = ZERO
        layout = column(self)
        self.header = ViewHeader("Dashboard")
        self._when = Text("", "body", "secondary")
        self.header.add_left(self._when)
        layout.addWidget(self.header)
        self.figures = FigureRow()
        self.figures.pool.slots.chosen.connect(self.group_wanted)
        layout.addWidget(self.figures)
        layout.addWidget(Hairline())
        layout.addWidget(self._lower(), 1)

    # ------------------------------------------------------------------ the four fields below

    def _lower(self) -> QWidget:
        body = QWidget()
        grid = QGridLayout(body)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setSpacing(0)
        grid.addWidget(self._equity_field(), 0, 0)
        grid.addWidget(Hairline(vertical=True), 0, 1)
        grid.addWidget(self._groups_field(), 0, 2)
        grid.addWidget(Hairline(), 1, 0, 1, 3)
        grid.addWidget(self._signals_field(), 2, 0)
        grid.addWidget(Hairline(vertical=True), 2, 1)
        grid.addWidget(self._alerts_field(), 2, 2)
        grid.setColumnStretch(0, 60)
        grid.setColumnStretch(2, 40)
        grid.setRowStretch(0, 1)
        grid.setRowStretch(2, 1)
        return body

    def _equity_field(self) -> QWidget:
        field = _Field("Equity")
        field.head.addWidget(_Legend())
        field.head.addStretch(1)
        self.span = Segments(SPANS, "60")
        self.span.chosen.connect(self._show_span)
        field.head.addWidget(self.span)
        self.chart = EquityChart()
        field.body.addWidget(self.chart, 1)
        return field

    def _groups_field(self) -> QWidget:
        field = _Field("Open groups by profit")
        field.head.addStretch(1)
        self._bars_are = Text("", "caption", "tertiary")
        field.head.addWidget(self._bars_are)
        self.groups = GroupBars()
        self.groups.chosen.connect(self.group_wanted)
        field.body.addWidget(self.groups, 1)
        return field

    def _signals_field(self) -> QWidget:
        field = _Field("Last signals")
        field.head.addStretch(1)
        more = Button("All signals", kind="link")
        more.clicked.connect(self.signals_wanted)
        field.head.addWidget(more)
        self.signals = SignalLines(self._desk.clock.now)
        self.signals.chosen.connect(self.signal_wanted)
        field.body.addWidget(self.signals, 1)
        return field

    def _alerts_field(self) -> QWidget:
        field = _Field("Last alerts")
        field.head.addStretch(1)
        self.offset = Text("", "caption", "tertiary")
        field.head.addWidget(self.offset)
        self.alerts = AlertLines(self._desk.clock.now)
        field.body.addWidget(self.alerts, 1)
        return field

    # ------------------------------------------------------------------ showing

    def refresh(self, change: Change | None) -> None:
        now = self._desk.clock.now()
        self._when.show_text(f"{now.day} {now:%b %Y, %H:%M} UTC")
        self.figures.show_engine(self.store)
        self.offset.show_text(offset_line(self.store.engine, now))
        if change is None or change.groups or change.gone:
            self.groups.show_groups(self.store.groups.values())
        self._bars_are.show_text(LEGS_AND_RESULT if self.groups.shows_legs else RESULT)
        if change is None or change.signals:
            self.signals.show_records(list(self.store.signals.values())[:30])
        if change is None or change.alerts:
            self.alerts.show_alerts(list(self.store.alerts)[:30])
        if change is None or change.equity or self._of != self.store.engine.money.environment:
            self._show_equity()
        if change is None or change.equity or change.engine:
            self._show_now()

    def _show_span(self, _: str) -> None:
        self._show_equity()
        self._show_now()

    def _show_equity(self) -> None:
        chosen = self.span.current
        self._of = self.store.engine.money.environment
        samples = counted(self.store.equity, self.store.engine)
        if chosen != "all":
            since = self._desk.clock.now() - timedelta(days=int(chosen))
            samples = tuple(sample for sample in samples if sample.at >= since)
        self._realised = realised_until(samples)
        self._points = equity_points(samples)
        self.chart.set_points(self._points)

    def _show_now(self) -> None:
        money, now = self.store.engine.money, self._desk.clock.now()
        self.chart.set_live(live_point(self._points, self._realised, money, now))


class _Field(QFrame):
    """A region with a title line, which grows with the text."""

    def __init__(self, title: str) -> None:
        super().__init__()
        edge = theme.metric("size.edge_padding")
        self.body = column(self, 0, (0, 4, 0, 0))
        self._head = QWidget()
        self.head = row(self._head, 12, (edge, 0, edge, 0))
        self.head.addWidget(Text(title, "section"))
        self.body.addWidget(self._head)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
        self.setMinimumSize(QSize(200, 120))
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self._head.setFixedHeight(theme.metric("size.row.form") - 4)


class _Legend(QWidget):
    """What the two lines of the equity chart are."""

    def __init__(self) -> None:
        super().__init__()
        layout = row(self, 6)
        for name, color in (("Realised", "chart_axis"), ("Total", "accent")):
            layout.addWidget(_Stroke(color))
            layout.addWidget(Text(name, "table", "secondary"))
            layout.addSpacing(6)


class _Stroke(QFrame):
    def __init__(self, color: str) -> None:
        super().__init__()
        self._color = color
        self.setFixedSize(14, 2)
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setAutoFillBackground(True)
        palette = self.palette()
        palette.setColor(self.backgroundRole(), theme.color(self._color))
        self.setPalette(palette)


def offset_line(engine: EngineSnapshot, now: datetime) -> str:
    """What the offset engine may do, and what it did last."""
    said = {"off": "offsets are off", "auto": "offsets by itself"}.get(engine.offset_mode, "suggests offsets")
    action = engine.last_action
    if action is None:
        return f"{said} \u00b7 none yet"
    pair = formats.pair(action.loser)[0]
    if action.finished_at is None:
        return f"{said} \u00b7 closing {pair} {action.timeframe} now"
    at, result = formats.clock_time(action.finished_at, now), formats.signed_money(action.loser_realized)
    return f"{said} \u00b7 last {at}: {pair} {action.timeframe} {result}"
