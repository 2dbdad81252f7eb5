"""A view's header: title, one line of state, filters to the left; actions to the right."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QFrame, QHBoxLayout, QWidget

from app.gui.theme import theme
from app.gui.widgets.basics import Text, row


class ViewHeader(QFrame):
    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        edge = theme.metric("size.edge_padding")
        self._layout: QHBoxLayout = row(self, 12, (edge, 0, edge, 0))
        self.title = Text(title, "view_title")
        self._layout.addWidget(self.title)
        self._layout.addStretch(1)
        self._left = 1
        self._restyle()
        theme.changed.connect(self._restyle)

    def _restyle(self) -> None:
        self.setFixedHeight(theme.metric("size.view_header"))

    def add_left(self, widget: QWidget) -> None:
        self._layout.insertWidget(self._left, widget)
        self._left += 1

    def add_right(self, widget: QWidget) -> None:
        self._layout.addWidget(widget)
