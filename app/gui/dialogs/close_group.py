"""Closing a group at market: what it comes to, live."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.models.closing import Closing, closing_facts, takers_of
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button
from app.gui.widgets.facts import Facts
from app.gui.widgets.hold import Hold
from app.gui.widgets.sheet import Sheet
from app.messages.snapshots import GroupSnapshot


class CloseGroupSheet(Sheet):
    """It ends with its group."""

    def __init__(self, parent: QWidget, store: ViewStore, group: GroupSnapshot, act: Callable[[], None]) -> None:
        name = f"{formats.pair(group.symbol)[0]} {group.timeframe}"
        super().__init__(parent, f"Close {name} at market?", width=520)
        self.repeat_mode()
        self._store = store
        self._group_id = group.id
        self._act = act
        self._read = Decimal(0)
        """The result that was told when the button was last free."""
        self._hold = Hold(self, self._allow)
        self.facts = Facts(10)
        self.body.addWidget(self.facts)
        keep = Button("Keep position", kind="emphasis")
        keep.clicked.connect(self.dismiss)
        self.go = Button("Close at market", kind="danger")
        self.go.setObjectName("do")
        self.go.clicked.connect(self._done)
        self.add_buttons(keep, self.go)
        self._read = self._tell(group).result or Decimal(0)
        store.changed.connect(self._follow)
        self.open()
        keep.setFocus(Qt.FocusReason.PopupFocusReason)

    def _tell(self, group: GroupSnapshot) -> Closing:
        taker = takers_of(self._store.engine.accounts).get(group.account)
        closing = Closing(group, group.open_quantity, taker)
        self.facts.show_facts(closing_facts(closing))
        return closing

    def _follow(self, _: object) -> None:
        group = self._store.groups.get(self._group_id)
        if group is None:
            self.dismiss()
            return
        closing = self._tell(group)
        if closing.moved_from(self._read):
            self._read = closing.result or Decimal(0)
            self._hold.start()
            self._allow()

    def _allow(self) -> None:
        self.go.allow(not self._hold.reason, self._hold.reason)

    def _done(self) -> None:
        self.dismiss()
        self._act()

    def dismiss(self) -> None:
        self._store.changed.disconnect(self._follow)
        super().dismiss()
