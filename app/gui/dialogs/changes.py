"""Moving the stop, adding funds, another take-profit mode: a field, and what it does in numbers while one types."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import QLineEdit, QWidget

from app.gui import formats
from app.gui.models import changes
from app.gui.theme import theme
from app.gui.widgets.basics import Button, Segments, Text, repolish, row
from app.gui.widgets.facts import Facts
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import GroupSnapshot

FAST = 10
"""Ticks of one press with Shift."""


class _FieldSheet(Sheet):
    """One field; its fault stands below it, and the button waits until it is mended."""

    def __init__(self, parent: QWidget, title: str, unit: str, text: str, *, do: str, keep: str) -> None:
        super().__init__(parent, title, width=560)
        self.repeat_mode()
        line = QWidget()
        self.line = row(line, 12)
        self.field = QLineEdit(text)
        self.field.setFixedWidth(theme.scaled(140))
        self.field.setAccessibleName(title)
        self.line.addWidget(self.field)
        self.unit = Text(unit, "body", "secondary")
        self.line.addWidget(self.unit)
        self.line.addStretch(1)
        self.body.addWidget(line)
        self.fault = Text("", "body", "critical")
        self.fault.setWordWrap(True)
        self.body.addWidget(self.fault)
        self.facts = Facts()
        self.body.addWidget(self.facts)
        self.stay = Button(keep, kind="emphasis")
        self.stay.clicked.connect(self.dismiss)
        self.go = Button(do, kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(self.stay, self.go)
        self.field.textChanged.connect(lambda _: self.restate())
        self.field.returnPressed.connect(self.go.click)

    def start(self) -> None:
        self.restate()
        self.open()
        self.field.setFocus(Qt.FocusReason.PopupFocusReason)
        self.field.selectAll()

    def restate(self) -> None:
        reading = self.read()
        self.field.setProperty("state", "error" if reading.is_wrong and self.field.isEnabled() else "")
        repolish(self.field)
        self.fault.setVisible(bool(reading.fault))
        self.fault.show_text(reading.fault, "critical" if reading.is_wrong else "secondary")
        self.facts.setVisible(not reading.is_wrong)
        if not reading.is_wrong:
            self.facts.show_facts(self.tell(reading.value))
        self.go.allow(not reading.fault, reading.fault)

    def read(self) -> changes.Reading:
        raise NotImplementedError

    def tell(self, value: Decimal | None) -> list[tuple[str, str]]:
        raise NotImplementedError

    def act(self, value: Decimal | None) -> None:
        raise NotImplementedError

    def _done(self) -> None:
        reading = self.read()
        if not reading.fault:
            self.dismiss()
            self.act(reading.value)


class MoveStopSheet(_FieldSheet):
    """The arrow keys move the stop by one tick, with Shift by ten. `wanted` stands in it where the line was dragged."""

    def __init__(
        self, parent: QWidget, group: GroupSnapshot, act: Callable[[Decimal], None], wanted: Decimal | None = None
    ) -> None:
        self._group = group
        self._act = act
        start = wanted or (group.stop_price if group.stop_price is not None else first_stop(group))
        title = f"Move the stop of {_name(group)}?"
        text = formats.price(start, group.tick_size).replace(",", "") if start is not None else ""
        super().__init__(parent, title, group.quote_currency, text, do="Move the stop", keep="Keep the stop")
        self.unit.show_text(f"{group.quote_currency}; \u2191 \u2193 one tick, with Shift ten")
        self.field.installEventFilter(self)
        self.start()

    def read(self) -> changes.Reading:
        return changes.read_stop(self._group, self.field.text())

    def tell(self, value: Decimal | None) -> list[tuple[str, str]]:
        return changes.stop_facts(self._group, value) if value is not None else []

    def act(self, value: Decimal | None) -> None:
        if value is not None:
            self._act(value)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if watched is self.field and isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            step = {Qt.Key.Key_Up: 1, Qt.Key.Key_Down: -1}.get(Qt.Key(event.key()))
            if step is not None:
                fast = bool(event.modifiers() & Qt.KeyboardModifier.ShiftModifier)
                self._step(step * (FAST if fast else 1))
                return True
        return super().eventFilter(watched, event)

    def _step(self, steps: int) -> None:
        price = changes.read_number(self.field.text())
        if price is not None:
            moved = changes.stepped(self._group, price, steps)
            self.field.setText(formats.price(moved, self._group.tick_size).replace(",", ""))


def first_stop(group: GroupSnapshot) -> Decimal | None:
    """Where there is none yet: five per cent from the price, on the tick."""
    if group.mark is None:
        return None
    away = group.mark * Decimal("0.05")
    return changes.stepped(group, group.mark - away if group.side == "long" else group.mark + away, 0)


class AddFundsSheet(_FieldSheet):
    def __init__(self, parent: QWidget, group: GroupSnapshot, free: Decimal, act: Callable[[Decimal], None]) -> None:
        self._group = group
        self._free = free
        self._act = act
        title = f"Add funds to {_name(group)}?"
        super().__init__(parent, title, group.quote_currency, "100", do="Add at market", keep="Keep it as it is")
        self.start()

    def read(self) -> changes.Reading:
        return changes.read_quote(self._group, self.field.text(), self._free)

    def tell(self, value: Decimal | None) -> list[tuple[str, str]]:
        return changes.funds_facts(self._group, value, self._free) if value is not None else []

    def act(self, value: Decimal | None) -> None:
        if value is not None:
            self._act(value)


class TakeProfitSheet(_FieldSheet):
    """Modes as segments; the distance counts only where the mode has one."""

    def __init__(self, parent: QWidget, group: GroupSnapshot, act: Callable[[str, Decimal | None], None]) -> None:
        self._group = group
        self._act = act
        title = f"Another TP mode for {_name(group)}?"
        super().__init__(parent, title, "% from the average entry", formats.plain(group.tp_aggregate_percent),
                         do="Change the TP mode", keep="Keep the TP mode")  # fmt: skip
        self.modes = Segments(changes.TP_MODES, group.tp_mode)
        self.modes.chosen.connect(lambda _: self.restate())
        self.body.insertWidget(1, self.modes)
        self.sentence = Text("", "body", "secondary")
        self.sentence.setWordWrap(True)
        self.body.insertWidget(2, self.sentence)
        self.start()

    @property
    def mode(self) -> str:
        return self.modes.current

    def restate(self) -> None:
        needed = changes.needs_percent(self.mode)
        self.field.setEnabled(needed)
        self.field.setToolTip("" if needed else "Each leg has a target of its own.")
        self.sentence.show_text(changes.TP_SENTENCES[self.mode])
        super().restate()

    def read(self) -> changes.Reading:
        return changes.read_mode(self._group, self.mode, self.field.text())

    def tell(self, value: Decimal | None) -> list[tuple[str, str]]:
        return changes.mode_facts(self._group, self.mode, value)

    def act(self, value: Decimal | None) -> None:
        self._act(self.mode, value)


def _name(group: GroupSnapshot) -> str:
    return f"{formats.pair(group.symbol)[0]} {group.timeframe}"
