"""What the command palette finds: views, actions, groups and queued signals."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from app.gui import formats
from app.gui.actions import Actions
from app.gui.dialogs.palette import Entry
from app.gui.models.risk import run_refusal
from app.gui.view_store import ViewStore
from app.gui.widgets.rail import VIEWS

if TYPE_CHECKING:
    from app.gui.window import MainWindow


def entries(window: MainWindow, store: ViewStore, actions: Actions) -> list[Entry]:
    """All that can be found now."""
    return [
        *_views(window),
        *_chosen(window, store),
        *_urgent(window, store),
        *_queued(window, store),
        _pausing(window, store),
        Entry("Reconcile with the exchange", "Ctrl+Shift+R", "refresh-cw", actions.reconcile),
        Entry("Accounts\u2026", "Ctrl+Shift+A", "key-round", window.list_accounts),
        Entry("Change theme: light, dark or system", "Ctrl+T", "sun", window.next_theme),
        Entry("Send a test signal", "", "send", window.show_first_start),
        Entry("List of shortcuts", "?", "circle-help", window.show_shortcuts),
        *_groups(window, store),
    ]


def _views(window: MainWindow) -> list[Entry]:
    return [
        Entry(f"Go to {text}", f"Ctrl+{number}", icon, partial(window.show_view, name))
        for number, (name, text, icon) in enumerate(VIEWS, start=1)
    ]


def _urgent(window: MainWindow, store: ViewStore) -> list[Entry]:
    if store.engine.emergency.level == "critical":
        found = [Entry("Reset the emergency stop\u2026", "", "shield-check", window.show_reset)]
    else:
        found = [Entry("Emergency stop", "Ctrl+Shift+E", "octagon-x", window.stop_by_key)]
    if store.groups:
        found.append(Entry("Close all groups\u2026", "", "x", window.show_close_all))
    if store.risk is not None and run_refusal(store.risk) is None:
        found.append(Entry("Run the offset plan now\u2026", "", "play", window.ask_run))
    return found


def _chosen(window: MainWindow, store: ViewStore) -> list[Entry]:
    """What can be done with the group that is chosen in Positions."""
    detail = window.positions.detail
    group = detail.group
    if group is None or group.id in store.pending or group.status == "closing":
        return []

    def ask(question: Callable[[], None]) -> None:
        window.show_view("positions")
        question()

    name = f"{formats.pair(group.symbol)[0]} {group.timeframe}"
    block = "Unblock" if group.blocked else "Block"
    asks = (
        (detail.close_button, f"Close {name}\u2026", "C", "x", detail.ask_close),
        (detail.percent_button, f"Close a part of {name}\u2026", "Shift+C", "scissors", detail.ask_close_percent),
        (detail.cancel_button, f"Cancel the entries of {name}\u2026", "X", "ban", detail.ask_cancel_entries),
        (detail.stop_button, f"Move the stop of {name}\u2026", "S", "move-vertical", detail.ask_move_stop),
        (detail.funds_button, f"Add funds to {name}\u2026", "A", "plus", detail.ask_add_funds),
        (detail.mode_button, f"TP mode of {name}\u2026", "T", "target", detail.ask_tp_mode),
        (detail.block_button, f"{block} {name} from risk\u2026", "B", "shield-off", detail.ask_block),
    )
    return [
        Entry(text, key, icon, partial(ask, question))
        for button, text, key, icon, question in asks
        if button.isEnabled()
    ]


def _queued(window: MainWindow, store: ViewStore) -> list[Entry]:
    return [
        Entry(
            f"Queued: {entry.symbol} {entry.timeframe} {entry.side}",
            "promote, remove, force",
            "list-ordered",
            partial(window.show_queued, entry.signal_id),
        )
        for entry in store.queue
    ]


def _pausing(window: MainWindow, store: ViewStore) -> Entry:
    if store.engine.state == "paused":
        return Entry("Resume", "Ctrl+Shift+P", "play", window.toggle_pause)
    return Entry("Pause", "Ctrl+Shift+P", "pause", window.toggle_pause)


def _groups(window: MainWindow, store: ViewStore) -> list[Entry]:
    return [
        Entry(
            f"{group.symbol} {group.timeframe} {group.side}",
            f"{formats.signed_money(group.unrealized_pnl)} {group.quote_currency}",
            "layers",
            partial(window.show_group, group.id),
        )
        for group in store.groups.values()
    ]
