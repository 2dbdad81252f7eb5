"""Closing the window: keep running, or stop; and what stays at the exchange either way."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QWidget

from app.gui import formats
from app.gui.models.closing import waiting_entries
from app.gui.view_store import ViewStore
from app.gui.widgets.basics import Button, Text
from app.gui.widgets.sheet import Sheet

RESTING = frozenset({"open", "partially_filled"})
ENTRIES = {
    "cancel_unprotected": "Waiting entries that no stop would follow are cancelled; a group without a fill ends so.",
    "cancel_all": "Waiting entries are cancelled; a group without a fill ends so.",
    "keep": "Waiting entries stay; what fills meanwhile gets its stop when Ziggurat runs again.",
}


def leave_sheet(
    parent: QWidget, store: ViewStore, policy: str, *, tray: bool, hide: Callable[[], None], stop: Callable[[], None]
) -> Sheet:
    """`policy` is `protection.on_suspend`, `tray` tells whether there is a place to keep running without a window."""
    sheet = Sheet(parent, "Close the window?", width=560)
    for sentence in what_stays(store, policy):
        text = Text(sentence, "body", "secondary")
        text.setWordWrap(True)
        sheet.body.addWidget(text)
    stay = Button("Keep running in the tray" if tray else "Keep the window", kind="emphasis")
    go = Button("Stop Ziggurat", kind="danger")

    def end(act: Callable[[], None] | None) -> None:
        sheet.dismiss()
        if act is not None:
            act()

    stay.clicked.connect(lambda: end(hide if tray else None))
    go.clicked.connect(lambda: end(stop))
    sheet.add_buttons(go, stay)
    sheet.open()
    stay.setFocus(Qt.FocusReason.PopupFocusReason)
    return sheet


def what_stays(store: ViewStore, policy: str) -> list[str]:
    """What rests at the venues once nothing runs here, and what no longer happens."""
    groups = list(store.groups.values())
    if not groups:
        return ["No group is open. Alerts that arrive while Ziggurat is stopped are lost."]
    orders = [order for group in groups for order in group.orders if order.status in RESTING]
    without = sum(group.stop_price is None or not group.protected for group in groups if group.open_quantity > 0)
    invested = sum((group.invested for group in groups if group.open_quantity > 0), start=groups[0].invested * 0)
    count = "1 group stays open" if len(groups) == 1 else f"{len(groups)} groups stay open"
    currency = store.engine.money.currency
    sentences = [
        f"{count} with {formats.money(invested)} {currency} invested; {len(orders)} orders rest at the exchange.",
        "While Ziggurat is stopped no alert is taken, no exit is moved and no stop is watched here.",
    ]
    alone = {account.id for account in store.engine.accounts if account.venue != "paper" or policy == "cancel_all"}
    if any(waiting_entries(group) for group in groups if group.account in alone):
        sentences.append(ENTRIES[policy])
    if without:
        sentences.append(f"{without} of them have no stop at the exchange.")
    return sentences
