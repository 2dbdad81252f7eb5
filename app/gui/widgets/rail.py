"""The rail of views: icon over word when narrow, icon beside word when wide; counts as badges."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import QPoint, QRect, QSize, Qt, Signal
from PySide6.QtGui import QKeyEvent, QPainter, QPaintEvent, QPixmap
from PySide6.QtWidgets import QAbstractButton, QFrame, QSizePolicy, QWidget

from app.gui.theme import theme
from app.gui.widgets.basics import column
from app.gui.widgets.focus import is_enter

VIEWS = (
    ("dashboard", "Dashboard", "layout-dashboard"),
    ("positions", "Positions", "layers"),
    ("queue", "Queue", "list-ordered"),
    ("risk", "Risk", "shield-alert"),
    ("signals", "Signals", "radio"),
)
"""The views in the rail's order: name, word, icon."""


class RailButton(QAbstractButton):
    """One view, or one of the small tools at the rail's foot."""

    def __init__(self, text: str, icon: str, tip: str, *, is_tool: bool = False) -> None:
        super().__init__()
        self.setText(text)
        self.setToolTip(tip)
        self.setAccessibleName(text)
        self.setCheckable(not is_tool)
        self.setAutoExclusive(not is_tool)
        self.setFocusPolicy(Qt.FocusPolicy.TabFocus)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.setAttribute(Qt.WidgetAttribute.WA_Hover)
        self._icon_name = icon
        self._is_tool = is_tool
        self._wide = False
        self._badge = ""
        self._badge_warns = False
        theme.changed.connect(self.updateGeometry)

    def set_wide(self, wide: bool) -> None:
        self._wide = wide
        self.updateGeometry()
        self.update()

    def set_badge(self, text: str, *, warns: bool = False) -> None:
        if (text, warns) != (self._badge, self._badge_warns):
            self._badge, self._badge_warns = text, warns
            self.setAccessibleName(f"{self.text()}, {text}" if text else self.text())
            self.update()

    def show_icon(self, name: str, text: str) -> None:
        self._icon_name = name
        self.setText(text)
        self.update()

    def sizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        narrow = theme.metric("size.rail_item_wide") if self._is_tool else theme.metric("size.rail_item_narrow")
        return QSize(40, theme.metric("size.rail_item_wide") if self._wide else narrow)

    def keyPressEvent(self, event: QKeyEvent) -> None:  # noqa: N802 - Qt's name
        if is_enter(event):
            self.click()
        else:
            super().keyPressEvent(event)

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        bounds = self.rect()
        if self.isChecked():
            painter.fillRect(bounds, theme.color("bg_raised"))
            painter.fillRect(0, 0, theme.metric("stroke.selection_bar"), self.height(), theme.color("accent"))
        elif self.underMouse():
            painter.fillRect(bounds, theme.color("bg_hover"))
        strong = self.isChecked() or self.underMouse()
        color = "text_primary" if strong else "text_secondary"
        if self._wide:
            self._paint_wide(painter, color)
        else:
            self._paint_narrow(painter, color)
        if self.hasFocus():
            painter.setPen(theme.pen("focus", 2))
            painter.drawRect(bounds.adjusted(2, 2, -2, -2))
        painter.end()

    def _paint_wide(self, painter: QPainter, color: str) -> None:
        pixmap = theme.pixmap(self._icon_name, color, 18)
        side = theme.metric("icon.rail")
        painter.drawPixmap(18, (self.height() - side) // 2, pixmap)
        painter.setFont(theme.font("strong" if self.isChecked() else "body"))
        painter.setPen(theme.color(color))
        text = self.rect().adjusted(18 + side + 12, 0, -10, 0)
        painter.drawText(text, Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft, self.text())
        self._paint_badge(painter, self.rect().center().y(), self.width() - 14)

    def _paint_narrow(self, painter: QPainter, color: str) -> None:
        side = theme.metric("icon.rail")
        if self._is_tool:
            painter.drawPixmap((self.width() - side) // 2, (self.height() - side) // 2, self._pixmap(color))
            return
        line = theme.line("caption")
        top = (self.height() - side - 4 - line) // 2
        painter.drawPixmap((self.width() - side) // 2, top, self._pixmap(color))
        painter.setFont(theme.font("caption"))
        if self.isChecked():
            painter.setFont(theme.font("caption", "strong"))
        painter.setPen(theme.color(color))
        painter.drawText(QRect(0, top + side + 4, self.width(), line), Qt.AlignmentFlag.AlignCenter, self.text())
        self._paint_badge(painter, top + 2, self.width() // 2 + side)

    def _pixmap(self, color: str) -> QPixmap:
        return theme.pixmap(self._icon_name, color, 18)

    def _paint_badge(self, painter: QPainter, middle: int, right: int) -> None:
        if not self._badge:
            return
        painter.setFont(theme.font("header"))
        width = max(painter.fontMetrics().horizontalAdvance(self._badge) + 10, 16)
        box = QRect(QPoint(right - width + 6, middle - 8), QSize(width, 16))
        painter.setPen(Qt.PenStyle.NoPen)
        painter.setBrush(theme.color("warning" if self._badge_warns else "border_strong"))
        painter.drawRoundedRect(box, 8, 8)
        painter.setPen(theme.color("bg_window" if self._badge_warns else "text_primary"))
        painter.drawText(box, Qt.AlignmentFlag.AlignCenter, self._badge)


class Rail(QFrame):
    """`chosen` names the view."""

    chosen = Signal(str)

    def __init__(self, views: list[tuple[str, str, str]]) -> None:
        """Views as (name, text, icon), in order."""
        super().__init__()
        self.setObjectName("rail")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        self._layout = column(self, 0, (0, 6, 0, 6))
        self._buttons: dict[str, RailButton] = {}
        self._tools: list[RailButton] = []
        self._wide = False
        for number, (name, text, icon) in enumerate(views, start=1):
            button = RailButton(text, icon, f"{text} (Ctrl+{number})")
            button.clicked.connect(self._teller(name))
            self._buttons[name] = button
            self._layout.addWidget(button)
        self._layout.addStretch(1)
        theme.changed.connect(self._resize)

    def _teller(self, name: str) -> Callable[[], None]:
        return lambda: self.chosen.emit(name)

    def add_tool(self, text: str, icon: str, tip: str, act: Callable[[], None]) -> RailButton:
        button = RailButton(text, icon, tip, is_tool=True)
        button.clicked.connect(act)
        self._tools.append(button)
        self._layout.addWidget(button)
        return button

    def select(self, name: str) -> None:
        self._buttons[name].setChecked(True)

    def badge(self, name: str, text: str, *, warns: bool = False) -> None:
        self._buttons[name].set_badge(text, warns=warns)

    def set_wide(self, wide: bool) -> None:
        self._wide = wide
        for button in (*self._buttons.values(), *self._tools):
            button.set_wide(wide)
        self._resize()

    def _resize(self) -> None:
        self.setFixedWidth(theme.metric("size.rail_wide" if self._wide else "size.rail_narrow"))

    def widgets(self) -> list[QWidget]:
        return [*self._buttons.values(), *self._tools]
