"""A lock where orders by hand are made: the account is read-only, and this leads out of it."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Signal

from app.gui.models.accounts import read_only_reason
from app.gui.widgets.basics import Button
from app.messages.snapshots import AccountSnapshot


class ReadOnlySign(Button):
    """`wanted(account)` asks for the accounts."""

    wanted = Signal(str)

    def __init__(self, words: str = "Read-only") -> None:
        super().__init__(words, "lock", kind="quiet")
        self.setAccessibleName("Read-only")
        self._account_id = ""
        self.clicked.connect(lambda: self.wanted.emit(self._account_id))
        self.hide()

    def show_account(self, accounts: Sequence[AccountSnapshot], account_id: str) -> None:
        """Seen only where the account is read-only."""
        reason = read_only_reason(accounts, account_id)
        self._account_id = account_id
        self.setToolTip(reason or "")
        self.setVisible(reason is not None)
