"""Dashboard: what it is worth, what is open, what came in, what needs a look. Nothing scrolls."""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import Decimal

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtWidgets import QFrame, QGridLayout, QHBoxLayout, QSizePolicy, QVBoxLayout, QWidget

from app.domain.values import ZERO
from app.gui import formats
from app.gui.charts.equity import EquityChart
from app.gui.desk import Desk
from app.gui.models.equity import equity_points
from app.gui.panels.dashboard_lists import AlertLines, GroupBars, SignalLines
from app.gui.panels.panel import Panel
from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Hairline, Segments, Text, column, row
from app.gui.widgets.header import ViewHeader
from app.gui.widgets.money import MoneyText
from app.gui.widgets.pool import CapitalBar, SlotBar
from app.messages.snapshots import EngineSnapshot, MoneySnapshot

SPANS = (("7", "7 d"), ("30", "30 d"), ("60", "60 d"), ("all", "All"))


class DashboardPanel(Panel):
    signals_wanted = Signal()
    positions_wanted = Signal()
    group_wanted = Signal(str)
    signal_wanted = Signal(str)

    def __init__(self, desk: Desk, store: ViewStore) -> None:
        super().__init__(store)
        self._desk = desk
        layout = column(self)
        self.header = ViewHeader("Dashboard")
        self._when = Text("", "body", "secondary")
        self.header.add_left(self._when)
        layout.addWidget(self.header)
        layout.addWidget(self._figures())
        layout.addWidget(Hairline())
        layout.addWidget(self._lower(), 1)

    # ------------------------------------------------------------------ the row of figures

    def _figures(self) -> QWidget:
        line = QWidget()
        layout = row(line, 0)
        self.equity = Figure("Equity")
        self.realised = Figure("Realised today (UTC)")
        self.unrealised = Figure("Unrealised, open groups")
        for figure, stretch in ((self.equity, 4), (self.realised, 3), (self.unrealised, 3)):
            layout.addWidget(figure, stretch)
            layout.addWidget(Hairline(vertical=True))
        layout.addWidget(self._pool(), 10)
        line.setFixedHeight(106)
        return line

    def _pool(self) -> QWidget:
        box = QWidget()
        edge = theme.metric("size.edge_padding")
        inner = column(box, 7, (edge, 12, edge, 10))
        head = QWidget()
        head_row = row(head, 8)
        self._pool_text = Text("", "body", "secondary")
        self._queued = Text("", "body", "secondary")
        head_row.addWidget(self._pool_text)
        head_row.addStretch(1)
        head_row.addWidget(self._queued)
        inner.addWidget(head)
        self.slots = SlotBar()
        self.slots.chosen.connect(self.group_wanted)
        inner.addWidget(self.slots)
        self.capital = CapitalBar()
        inner.addWidget(self.capital)
        self._capital_text = Text("", "table", "secondary")
        inner.addWidget(self._capital_text)
        inner.addStretch(1)
        return box

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
        field, head, inner = _field("Equity")
        head.addWidget(_Legend())
        head.addStretch(1)
        self.span = Segments(SPANS, "60")
        self.span.chosen.connect(lambda _: self._show_equity())
        head.addWidget(self.span)
        self.chart = EquityChart()
        inner.addWidget(self.chart, 1)
        return field

    def _groups_field(self) -> QWidget:
        field, head, inner = _field("Open groups by profit")
        head.addStretch(1)
        head.addWidget(Text("legs filled \u00b7 unrealised USDT", "caption", "tertiary"))
        self.groups = GroupBars()
        self.groups.chosen.connect(self.group_wanted)
        inner.addWidget(self.groups, 1)
        return field

    def _signals_field(self) -> QWidget:
        field, head, inner = _field("Last signals")
        head.addStretch(1)
        more = Button("All signals", kind="link")
        more.clicked.connect(self.signals_wanted)
        head.addWidget(more)
        self.signals = SignalLines(self._desk.clock.now)
        self.signals.chosen.connect(self.signal_wanted)
        inner.addWidget(self.signals, 1)
        return field

    def _alerts_field(self) -> QWidget:
        field, head, inner = _field("Last alerts")
        head.addStretch(1)
        self.offset = Text("", "caption", "tertiary")
        head.addWidget(self.offset)
        self.alerts = AlertLines(self._desk.clock.now)
        inner.addWidget(self.alerts, 1)
        return field

    # ------------------------------------------------------------------ showing

    def refresh(self, change: Change | None) -> None:
        now = self._desk.clock.now()
        self._when.show_text(f"{now.day} {now:%b %Y, %H:%M} UTC")
        self._show_money(self.store.engine.money)
        self._show_pool()
        self.offset.show_text(offset_line(self.store.engine, now))
        if change is None or change.groups or change.gone:
            self.groups.show_groups(self.store.groups.values())
        if change is None or change.signals:
            self.signals.show_records(list(self.store.signals.values())[:30])
        if change is None or change.alerts:
            self.alerts.show_alerts(list(self.store.alerts)[:30])
        if change is None or change.equity:
            self._show_equity()

    def _show_money(self, money: MoneySnapshot) -> None:
        self.equity.tell(formats.money(money.equity), money.currency)
        known = money.equity is not None and money.started_with is not None
        gained = (money.equity or ZERO) - (money.started_with or ZERO) if known else None
        self.equity.explain("since start", gained, _share(gained, money.started_with))
        self.realised.tell_signed(money.realized_today)
        before = money.equity - money.realized_today - money.unrealized if money.equity is not None else None
        trades = f"{money.trades_today} trade{'' if money.trades_today == 1 else 's'}"
        self.realised.explain_percent(_share(money.realized_today, before), f"\u00b7 {trades}")
        self.unrealised.tell_signed(money.unrealized if money.invested > 0 else None)
        invested = f"of {formats.fixed(money.invested, 0)} invested" if money.invested > 0 else "nothing is open"
        self.unrealised.explain_percent(_share(money.unrealized, money.invested), invested)

    def _show_pool(self) -> None:
        engine = self.store.engine
        money = engine.money
        self._pool_text.show_text(f"Pool: {engine.open_groups} of {engine.max_open_groups} slots taken")
        self._queued.show_text(f"{engine.queued} queued" if engine.queued else "none queued")
        self.slots.show_slots(list(self.store.groups.values()), engine.max_open_groups)
        self.capital.show_capital(money.deployed, money.reserved, money.free)
        self._capital_text.show_text(
            f"{formats.fixed(money.deployed, 0)} deployed   {formats.fixed(money.reserved, 0)} reserved by resting "
            f"legs   {formats.fixed(money.free, 0)} free"
        )

    def _show_equity(self) -> None:
        chosen = self.span.current
        samples = self.store.equity
        if chosen != "all":
            since = self._desk.clock.now() - timedelta(days=int(chosen))
            samples = tuple(sample for sample in samples if sample.at >= since)
        self.chart.set_points(equity_points(samples))


def _share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return part * 100 / whole if part is not None and whole is not None and whole > 0 else None


def _field(title: str) -> tuple[QFrame, QHBoxLayout, QVBoxLayout]:
    """A region with a title line: the frame, its head and its body."""
    field = QFrame()
    edge = theme.metric("size.edge_padding")
    inner = column(field, 0, (0, 4, 0, 0))
    head = QWidget()
    head_row = row(head, 12, (edge, 0, edge, 0))
    head.setFixedHeight(theme.metric("size.row.form") - 4)
    head_row.addWidget(Text(title, "section"))
    inner.addWidget(head)
    field.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Ignored)
    field.setMinimumSize(QSize(200, 120))
    return field, head_row, inner


class Figure(QWidget):
    """A large figure with its name above and a line of evidence below."""

    def __init__(self, name: str) -> None:
        super().__init__()
        edge = theme.metric("size.edge_padding")
        inner = column(self, 3, (edge, 12, 8, 10))
        inner.addWidget(Text(name, "body", "secondary"))
        line = QWidget()
        layout = row(line, 6)
        self.figure = Text("", "figure")
        self.signed = MoneyText("figure", arrow=True)
        self._unit = Text("", "body", "tertiary")
        layout.addWidget(self.figure)
        layout.addWidget(self.signed)
        layout.addWidget(self._unit, 0, Qt.AlignmentFlag.AlignBottom)
        layout.addStretch(1)
        inner.addWidget(line)
        below = QWidget()
        evidence = row(below, 5)
        self._before = Text("", "body", "secondary")
        self._gain = MoneyText("body", arrow=True)
        self._percent = MoneyText("body")
        self._after = Text("", "body", "secondary")
        for widget in (self._before, self._gain, self._percent, self._after):
            evidence.addWidget(widget)
        evidence.addStretch(1)
        inner.addWidget(below)
        inner.addStretch(1)
        self.signed.hide()
        self._gain.hide()
        self._before.hide()

    def tell(self, figure: str, unit: str) -> None:
        self.figure.show_text(figure)
        self._unit.show_text(unit)

    def tell_signed(self, value: Decimal | None) -> None:
        self.figure.hide()
        self.signed.show()
        self.signed.show_money(value)

    def explain(self, before: str, gain: Decimal | None, percent: Decimal | None) -> None:
        self._before.show_text(before if gain is not None else "")
        self._before.setVisible(gain is not None)
        self._gain.setVisible(gain is not None)
        self._gain.show_money(gain)
        self._percent.setVisible(percent is not None)
        self._percent.show_percent(percent)

    def explain_percent(self, percent: Decimal | None, after: str) -> None:
        self._percent.setVisible(percent is not None)
        self._percent.show_percent(percent)
        self._after.show_text(after)


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
