"""What is chosen at the left, what can be done with it at the right; what does not fit is behind *More*."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from PySide6.QtCore import QEvent, QPoint, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QFrame, QLayout, QMenu, QWidget

from app.gui.theme import theme
from app.gui.widgets.basics import Button, row

SPACE = 8


class ActionBar(QFrame):
    """`actions` by their keys, the most wanted first: the last ones give way."""

    def __init__(self, facts: Sequence[QWidget], actions: Mapping[str, Button]) -> None:
        super().__init__()
        self.setObjectName("ruled")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        self.setFixedHeight(theme.metric("size.detail_bar"))
        self._facts = facts
        self._actions = actions
        self._edge = theme.metric("size.edge_padding")
        self.more = Button("", "ellipsis", tip="More actions")
        self.more.clicked.connect(lambda: self.open_menu(self.more.mapToGlobal(self.more.rect().bottomLeft())))
        self.more.hide()
        line = row(self, SPACE, (self._edge, 0, self._edge, 0))
        line.setSizeConstraint(QLayout.SizeConstraint.SetNoConstraint)
        for fact in facts:
            line.addWidget(fact)
        line.addStretch(1)
        for button in (*actions.values(), self.more):
            line.addWidget(button)

    def minimumSizeHint(self) -> QSize:  # noqa: N802 - Qt's name
        return QSize(0, self.height())

    def event(self, event: QEvent) -> bool:
        if event.type() == QEvent.Type.LayoutRequest:
            self._fit()
        return super().event(event)

    def resizeEvent(self, event: QResizeEvent) -> None:  # noqa: N802 - Qt's name
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        facts = sum(_room(fact) for fact in self._facts if not fact.isHidden())
        room = self.width() - 2 * self._edge - facts
        buttons = list(self._actions.values())
        all_fit = sum(map(_room, buttons)) <= room
        left = room if all_fit else room - _room(self.more)
        for button in buttons:
            left -= _room(button)
            _show(button, all_fit or left >= 0)
        _show(self.more, not all_fit)

    def open_menu(self, at: QPoint) -> None:
        """Every action, with its key, and why it cannot be had."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.setToolTipsVisible(True)
        for key, button in self._actions.items():
            action = menu.addAction(f"{button.text().strip()}\t{key}")
            action.setEnabled(button.isEnabled())
            action.setToolTip(button.toolTip())
            action.triggered.connect(button.click)
        menu.popup(at)


def _room(widget: QWidget) -> int:
    return widget.sizeHint().width() + SPACE


def _show(widget: QWidget, wanted: bool) -> None:
    if widget.isHidden() == wanted:
        widget.setVisible(wanted)
