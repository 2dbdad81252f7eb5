"""Labels, buttons and rows as the whole window uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPaintEvent
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QLineEdit, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from app.gui.theme import theme
from app.gui.widgets.focus import is_enter, paint_ring, paint_underline


class Text(QLabel):
    """A label of one type role and tone (`primary`, `secondary`, `tertiary`, `positive`, `negative`, `warning`, …)."""

    def __init__(self, text: str = "", role: str = "body", tone: str = "primary") -> None:
        super().__init__(text)
        self._role = role
        self.setProperty("tone", tone)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setFont(theme.font(self._role))

    def set_tone(self, tone: str) -> None:
        if self.property("tone") != tone:
            self.setProperty("tone", tone)
            repolish(self)

    def show_text(self, text: str, tone: str | None = None) -> None:
        if self.text() != text:
            self.setText(text)
        if tone is not None:
            self.set_tone(tone)


class Icon(QLabel):
    """A bundled icon in a token's colour."""

    def __init__(self, name: str, color: str = "text_secondary", size: int = 14) -> None:
        super().__init__()
        self._icon = (name, color, size)
        self._restyle()
        theme.changed.connect(self._restyle)

    def show_icon(self, name: str, color: str) -> None:
        wanted = (name, color, self._icon[2])
        if wanted != self._icon:
            self._icon = wanted
            self._restyle()

    def _restyle(self) -> None:
        self.setPixmap(theme.pixmap(*self._icon))


class Button(QPushButton):
    """A push button, by Enter too; `kind` is default, emphasis, primary, danger, armed, quiet, link or segment."""

    def __init__(self, text: str, icon: str | None = None, kind: str = "default", tip: str = "") -> None:
        super().__init__(_spaced(text, icon))
        self._icon = icon
        self._kind = kind
        self._tip = tip
        self.setProperty("kind", kind)
        self.setCursor(Qt.CursorShape.PointingHandCursor if kind == "link" else Qt.CursorShape.ArrowCursor)
        self.setToolTip(tip)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setAccessibleName(text or tip)
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        if self._icon is not None:
            colors = {"primary": "text_on_accent", "danger": "critical", "link": "accent"}
            self.setIcon(theme.icon(self._icon, colors.get(self._kind, "text_primary")))
            self.setIconSize(QSize(theme.metric("icon.button"), theme.metric("icon.button")))

    def allow(self, allowed: bool, reason: str = "") -> None:
        """Enable, or disable with the reason in the tooltip."""
        self.setEnabled(allowed)
        self.setToolTip(self._tip if allowed else reason)

    def show_as(self, text: str, icon: str) -> None:
        if (self.text(), self._icon) != (_spaced(text, icon), icon):
            self._icon = icon
            self.setText(_spaced(text, icon))
            self.setAccessibleName(text)
            self._restyle()

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if is_enter(event):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, event: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        super().paintEvent(event)
        if self.hasFocus():
            (paint_underline if self._kind == "link" else paint_ring)(self)


def _spaced(text: str, icon: str | None) -> str:
    """Qt sets the text close to the icon."""
    return f" {text}" if icon is not None and text else text


class Segments(QWidget):
    """One choice of a few, as pressed segments."""

    chosen = Signal(str)

    def __init__(self, choices: Sequence[tuple[str, str]], current: str) -> None:
        super().__init__()
        layout = row(self, spacing=0)
        self._buttons: dict[str, Button] = {}
        for index, (name, text) in enumerate(choices):
            button = Button(text, kind="segment")
            button.setCheckable(True)
            button.setAutoExclusive(True)
            place = "first" if index == 0 else "last" if index == len(choices) - 1 else "middle"
            button.setProperty("place", place)
            button.clicked.connect(_emitter(self.chosen, name))
            self._buttons[name] = button
            layout.addWidget(button)
        self._buttons[current].setChecked(True)
        self.setSizePolicy(QSizePolicy.Policy.Fixed, QSizePolicy.Policy.Fixed)

    @property
    def current(self) -> str:
        return next(name for name, button in self._buttons.items() if button.isChecked())

    def choose(self, name: str) -> None:
        self._buttons[name].setChecked(True)
        self.chosen.emit(name)

    def allow(self, name: str, allowed: bool, reason: str = "") -> None:
        self._buttons[name].allow(allowed, reason)

    def label(self, name: str, text: str) -> None:
        if self._buttons[name].text() != text:
            self._buttons[name].setText(text)


class FilterField(QLineEdit):
    """Narrows a view's table by words."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.setPlaceholderText(words)
        self.setAccessibleName(words)
        self.setClearButtonEnabled(True)
        self.setFixedWidth(theme.scaled(195))

    def take_focus(self) -> None:
        self.setFocus()
        self.selectAll()


def _emitter(signal: Any, value: str) -> Callable[[], None]:
    return lambda: signal.emit(value)


def repolish(widget: QWidget) -> None:
    """Have the style sheet read the widget's properties again."""
    widget.style().unpolish(widget)
    widget.style().polish(widget)


def row(parent: QWidget, spacing: int = 8, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QHBoxLayout:
    layout = QHBoxLayout(parent)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    return layout


def column(parent: QWidget, spacing: int = 0, margins: tuple[int, int, int, int] = (0, 0, 0, 0)) -> QVBoxLayout:
    layout = QVBoxLayout(parent)
    layout.setContentsMargins(*margins)
    layout.setSpacing(spacing)
    return layout


def area(name: str) -> QFrame:
    """A plain region that the style sheet knows by `name`."""
    frame = QFrame()
    frame.setObjectName(name)
    frame.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
    return frame


class Hairline(QFrame):
    """One pixel of `border_subtle`."""

    def __init__(self, vertical: bool = False) -> None:
        super().__init__()
        if vertical:
            self.setFixedWidth(1)
        else:
            self.setFixedHeight(1)
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setAutoFillBackground(True)
        palette = self.palette()
        palette.setColor(self.backgroundRole(), theme.color("border_subtle"))
        self.setPalette(palette)
