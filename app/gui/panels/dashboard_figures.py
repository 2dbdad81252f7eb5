"""The dashboard's upper row: large figures with their evidence, and the pool with its capital."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.domain.values import ZERO
from app.gui import formats
from app.gui.models.accounts import money_unit
from app.gui.theme import theme
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Hairline, Text, column, row
from app.gui.widgets.money import MoneyText
from app.gui.widgets.pool import CapitalBar, SlotBar
from app.messages.snapshots import EngineSnapshot, MoneySnapshot

LINES = 64
PADDING = 42
TERSE_BELOW = 1100
"""Where text is so large that less than this is there for it, the figures leave words out."""


class FigureRow(QWidget):
    """Equity, realised and unrealised, and the pool; it grows with the text."""

    def __init__(self) -> None:
        super().__init__()
        layout = row(self, 0)
        self.equity = Figure("Equity", "Equity")
        self.realised = Figure("Realised today (UTC)", "Realised today")
        self.unrealised = Figure("Unrealised, open groups", "Unrealised")
        self._figures = (self.equity, self.realised, self.unrealised)
        for figure, stretch in zip(self._figures, (4, 3, 3), strict=True):
            layout.addWidget(figure, stretch)
            layout.addWidget(Hairline(vertical=True))
        self.pool = Pool()
        layout.addWidget(self.pool, 10)
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self.setFixedHeight(theme.scaled(LINES) + PADDING)
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        terse = self.width() < theme.scaled(TERSE_BELOW)
        for figure in self._figures:
            figure.set_terse(terse)

    def show_engine(self, store: ViewStore) -> None:
        self._show_money(store.engine.money, money_unit(store.engine))
        self.pool.show_pool(store)

    def _show_money(self, money: MoneySnapshot, unit: str) -> None:
        self.equity.tell(formats.money(money.equity), unit)
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


def _share(part: Decimal | None, whole: Decimal | None) -> Decimal | None:
    return part * 100 / whole if part is not None and whole is not None and whole > 0 else None


class Figure(QWidget):
    """A large figure with its name above and a line of evidence below."""

    def __init__(self, name: str, short_name: str) -> None:
        super().__init__()
        self._names = {False: name, True: short_name}
        self._terse = False
        edge = theme.metric("size.edge_padding")
        inner = column(self, 3, (edge, 12, 8, 10))
        self._name = Text(name, "body", "secondary")
        inner.addWidget(self._name)
        line = QWidget()
        layout = row(line, 6)
        self.figure = Text("", "figure")
        self.signed = MoneyText("figure", arrow=True)
        self.unit = Text("", "body", "tertiary")
        layout.addWidget(self.figure)
        layout.addWidget(self.signed)
        layout.addWidget(self.unit, 0, Qt.AlignmentFlag.AlignBottom)
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

    def set_terse(self, terse: bool) -> None:
        """Without the words beside its evidence, which its tooltip says then."""
        self._terse = terse
        self._name.show_text(self._names[terse])
        self._show_words()

    def _show_words(self) -> None:
        words = [text for text in (self._before, self._after) if text.text()]
        for text in words:
            text.setVisible(not self._terse)
        said = " ".join(part for part in (self._before.text(), self._gain.text, self._percent.text) if part)
        self.setToolTip(f"{self._names[False]}: {said} {self._after.text()}".strip() if self._terse and words else "")

    def tell(self, figure: str, unit: str) -> None:
        self.figure.show_text(figure)
        self.unit.show_text(unit)

    def tell_signed(self, value: Decimal | None) -> None:
        self.figure.hide()
        self.signed.show()
        self.signed.show_money(value)

    def explain(self, before: str, gain: Decimal | None, percent: Decimal | None) -> None:
        self._before.show_text(before if gain is not None else "")
        self._gain.setVisible(gain is not None)
        self._gain.show_money(gain)
        self._percent.setVisible(percent is not None)
        self._percent.show_percent(percent)
        self._show_words()

    def explain_percent(self, percent: Decimal | None, after: str) -> None:
        self._percent.setVisible(percent is not None)
        self._percent.show_percent(percent)
        self._after.show_text(after)
        self._show_words()


class Pool(QWidget):
    """Slots as blocks, below them one bar of capital in the same width."""

    def __init__(self) -> None:
        super().__init__()
        edge = theme.metric("size.edge_padding")
        inner = column(self, 7, (edge, 12, edge, 10))
        head = QWidget()
        head_row = row(head, 8)
        self._taken = FittingText("body", "secondary")
        self._queued = Text("", "body", "secondary")
        head_row.addWidget(self._taken, 1)
        head_row.addWidget(self._queued)
        inner.addWidget(head)
        self.slots = SlotBar()
        inner.addWidget(self.slots)
        self._capital = CapitalBar()
        inner.addWidget(self._capital)
        self._money = FittingText("table", "secondary")
        inner.addWidget(self._money)
        inner.addStretch(1)

    def show_pool(self, store: ViewStore) -> None:
        engine: EngineSnapshot = store.engine
        money = engine.money
        taken = f"{engine.open_groups} of {engine.max_open_groups} slots taken"
        self._taken.show_longest(f"Pool: {taken}", taken)
        self._queued.show_text(f"{engine.queued} queued" if engine.queued else "none queued")
        self.slots.show_slots(list(store.groups.values()), engine.max_open_groups)
        self._capital.show_capital(money.deployed, money.reserved, money.free)
        deployed, reserved, free = (formats.fixed(part, 0) for part in (money.deployed, money.reserved, money.free))
        self._money.show_longest(
            f"{deployed} deployed   {reserved} reserved by resting legs   {free} free",
            f"{deployed} deployed   {reserved} reserved   {free} free",
            f"{deployed} in   {reserved} reserved   {free} free",
        )


class FittingText(Text):
    """Says the first of its sayings that fits; the whole one is its tooltip where it says another."""

    def __init__(self, role: str, tone: str) -> None:
        super().__init__("", role, tone)
        self._sayings: tuple[str, ...] = ("",)
        self.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        theme.changed.connect(self._fit)

    def show_longest(self, *sayings: str) -> None:
        """The longest first."""
        if sayings != self._sayings:
            self._sayings = sayings
            self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        room = self.fontMetrics().horizontalAdvance
        said = next((text for text in self._sayings if room(text) <= self.width()), self._sayings[-1])
        self.show_text(said)
        self.setToolTip("" if said == self._sayings[0] else self._sayings[0])
