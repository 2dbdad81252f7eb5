"""What every view is: it takes changes while it is seen, and a fault in it stays in it."""

from __future__ import annotations

import structlog
from PySide6.QtCore import QSettings, Qt, Signal
from PySide6.QtWidgets import QStackedLayout, QWidget

from app.gui.theme import theme
from app.gui.view_store import Change, ViewStore
from app.gui.widgets.basics import Button, Icon, Text, area, column, row

log = structlog.get_logger("window")


class Panel(QWidget):
    """A view. `refresh` takes what changed; None means that everything is to be shown anew."""

    failed = Signal(str)

    def __init__(self, store: ViewStore) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        self.store = store

    def refresh(self, change: Change | None) -> None:
        raise NotImplementedError

    def set_wide(self, wide: bool) -> None:
        """From 1600 px on there is room for more."""

    def focus_filter(self) -> None:
        """Where the view has a filter, the keyboard goes there."""

    def regions(self) -> list[QWidget]:
        """Where F6 takes the keyboard, in reading order."""
        return []

    def save(self, settings: QSettings) -> None:
        """Keep what the trader arranged."""

    def restore(self, settings: QSettings) -> None:
        """Arrange it so again."""


class PanelHost(QWidget):
    """Holds a panel; an exception in it becomes the view's error state while the rest goes on."""

    def __init__(self, name: str, panel: Panel) -> None:
        super().__init__()
        self.name = name
        self.panel = panel
        self.error: str | None = None
        self._stack = QStackedLayout(self)
        self._stack.addWidget(panel)
        self._fault = _Fault(self._try_again)
        self._stack.addWidget(self._fault)
        panel.failed.connect(self._show_fault)

    def refresh(self, change: Change | None) -> None:
        if self.error is not None:
            return
        try:
            self.panel.refresh(change)
        except Exception as error:
            log.exception("a view failed", view=self.name)
            self._show_fault(f"{type(error).__name__}: {error}")

    def _show_fault(self, error: str) -> None:
        self.error = error
        self._fault.tell(error)
        self._stack.setCurrentWidget(self._fault)

    def _try_again(self) -> None:
        self.error = None
        self._stack.setCurrentWidget(self.panel)
        self.refresh(None)


class _Fault(QWidget):
    def __init__(self, again: object) -> None:
        super().__init__()
        self.setObjectName("panel")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground, on=True)
        layout = column(self, 10, (40, 40, 40, 40))
        head = QWidget()
        line = row(head, 10)
        line.addWidget(Icon("triangle-alert", "warning", 20))
        line.addWidget(Text("This view cannot be shown", "sheet_title"))
        line.addStretch(1)
        layout.addWidget(head)
        layout.addWidget(Text("The engine and the other views go on. The log holds the lines behind it.", "body"))
        self._detail = Text("", "code", "secondary")
        self._detail.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        layout.addWidget(self._detail)
        button = Button("Try again", "refresh-cw", kind="primary")
        button.clicked.connect(again)
        layout.addWidget(button, 0, Qt.AlignmentFlag.AlignLeft)
        layout.addStretch(1)

    def tell(self, error: str) -> None:
        self._detail.setText(error)


class EmptyState(QWidget):
    """What would be here, why it is not, the one next action, up to three facts with ticks."""

    acted = Signal()

    def __init__(self, title: str, reason: str, action: str | None, icon: str | None) -> None:
        super().__init__()
        layout = column(self, 10, (40, 56, 40, 40))
        layout.addWidget(Text(title, "sheet_title"), 0, Qt.AlignmentFlag.AlignHCenter)
        why = Text(reason, "body", "secondary")
        why.setWordWrap(True)
        why.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        why.setFixedWidth(theme.scaled(560))
        why.setMinimumHeight(why.heightForWidth(theme.scaled(560)))
        layout.addWidget(why, 0, Qt.AlignmentFlag.AlignHCenter)
        if action is not None:
            button = Button(action, icon, kind="primary")
            button.clicked.connect(self.acted)
            layout.addSpacing(8)
            layout.addWidget(button, 0, Qt.AlignmentFlag.AlignHCenter)
        self._facts = QWidget()
        column(self._facts, 6, (0, 12, 0, 0))
        layout.addWidget(self._facts, 0, Qt.AlignmentFlag.AlignHCenter)
        layout.addStretch(1)

    def show_facts(self, facts: list[tuple[bool, str]]) -> None:
        holder = self._facts.layout()
        if holder is None:
            return
        while (item := holder.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for good, text in facts:
            line = QWidget()
            layout = row(line, 8)
            layout.addWidget(Icon("check" if good else "circle-dashed", "positive" if good else "text_tertiary", 14))
            layout.addWidget(Text(text, "body", "secondary"))
            layout.addStretch(1)
            holder.addWidget(line)


def section_head(title: str) -> QWidget:
    """A section's title line, with room at the right."""
    head = area("plain")
    layout = row(head, 10, (theme.metric("size.edge_padding"), 0, theme.metric("size.edge_padding"), 0))
    layout.addWidget(Text(title, "section"))
    head.setFixedHeight(theme.metric("size.row.form"))
    return head
