"""Keeping a group out of the offset engine, or letting it in again."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from app.gui.widgets.sheet import Sheet, confirm


def ask_block(parent: QWidget, name: str, *, blocked: bool, act: Callable[[], None]) -> Sheet:
    """`blocked` tells how it is now."""
    if blocked:
        lines = [("As loser", "it may be closed again, paid by winners"), ("As winner", "it may be sold again to pay")]
        return confirm(parent, f"Unblock {name}?", lines, do="Unblock", keep="Keep it blocked", act=act)
    lines = [("As loser", "winners no longer pay for it"), ("As winner", "it is no longer sold to pay for a loser"),
             ("Stays", "its entries, take-profits and stop")]  # fmt: skip
    return confirm(parent, f"Block {name} from the offset engine?", lines, do="Block", keep="Keep it in", act=act)
