"""Where the keyboard is: the ring around a button, Enter that presses it, and the regions that it goes through."""

from __future__ import annotations

from collections.abc import Sequence

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeyEvent, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from app.gui.theme import theme


def is_enter(event: QKeyEvent) -> bool:
    """A key held down counts once: what it opened is not answered by it."""
    return event.key() in {Qt.Key.Key_Return, Qt.Key.Key_Enter} and not event.isAutoRepeat()


def paint_ring(widget: QWidget) -> None:
    """2 px at the edge, and one of the ground inside it: seen on a filled button too."""
    painter = QPainter(widget)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    edge = widget.rect().toRectF()
    radius = theme.metric("radius.control")
    painter.setPen(theme.pen("bg_panel", 1))
    painter.drawRoundedRect(edge.adjusted(2.5, 2.5, -2.5, -2.5), radius - 2, radius - 2)
    painter.setPen(theme.pen("focus", 2))
    painter.drawRoundedRect(edge.adjusted(1, 1, -1, -1), radius, radius)
    painter.end()


def paint_underline(widget: QWidget) -> None:
    """Where a ring would cut the words."""
    painter = QPainter(widget)
    painter.fillRect(0, widget.height() - 2, widget.width(), 2, theme.color("focus"))
    painter.end()


def holds(region: QWidget, focused: QWidget | None) -> bool:
    return focused is not None and (focused is region or region.isAncestorOf(focused))


def region_after(regions: Sequence[QWidget], focused: QWidget | None) -> QWidget:
    """The one that follows where the keyboard is, around and around."""
    now = next((place for place, region in enumerate(regions) if holds(region, focused)), -1)
    return regions[(now + 1) % len(regions)]


def tab_stops(region: QWidget) -> list[QWidget]:
    """What Tab reaches in `region`, in its order."""
    found: list[QWidget] = []
    widget = region.nextInFocusChain()
    while widget is not None and widget is not region:
        if region.isAncestorOf(widget) and _takes_tab(widget):
            found.append(widget)
        widget = widget.nextInFocusChain()
    return found


def _takes_tab(widget: QWidget) -> bool:
    return widget.isVisible() and widget.isEnabled() and bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus)


def tab_within(region: QWidget, *, forward: bool) -> bool:
    """One stop on, around and around; answers whether there is any."""
    stops = tab_stops(region)
    if not stops:
        return False
    focused = QApplication.focusWidget()
    before = stops.index(focused) if focused in stops else -1 if forward else 0
    reason = Qt.FocusReason.TabFocusReason if forward else Qt.FocusReason.BacktabFocusReason
    stops[(before + (1 if forward else -1)) % len(stops)].setFocus(reason)
    return True
