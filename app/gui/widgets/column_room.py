"""Columns hide in the order of their importance where a table has no room for all: in large text, in a small window."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QObject, QSettings

from app.gui.models.tree import Column
from app.gui.theme import theme
from app.gui.widgets.table import Table


class ColumnRoom(QObject):
    """Of the columns that can be spared; what the trader has hidden stays hidden."""

    def __init__(self, table: Table) -> None:
        super().__init__(table)
        self._table = table
        self._header = table.header()
        self._squeezed: dict[int, int] = {}
        """Columns that are hidden for want of room, with the width that they had."""
        self._zoom = theme.zoom_percent
        table.installEventFilter(self)
        theme.changed.connect(self._rescale)

    def eventFilter(self, _: QObject, event: QEvent) -> bool:  # noqa: N802 - Qt's name
        if event.type() == QEvent.Type.Resize:
            self.fit()
        return False

    def fit(self) -> None:
        """Hide what there is no room for, and show again what there is."""
        sizes = {place: self._size(place, column) for place, column in enumerate(self._table.rows.columns)}
        places = [place for place in sizes if place in self._squeezed or not self._header.isSectionHidden(place)]
        missing = sum(sizes[place] for place in places) - self._table.width() + theme.metric("size.scroll_bar")
        self._squeezed = {}
        for place in self._first_to_go(places):
            if missing > 0:
                self._squeezed[place] = sizes[place]
                missing -= sizes[place]
        for place in places:
            self._header.setSectionHidden(place, place in self._squeezed)

    def _first_to_go(self, places: list[int]) -> list[int]:
        spare = {place: self._table.rows.columns[place].spare for place in places}
        return sorted((place for place in places if spare[place]), key=lambda place: spare[place], reverse=True)

    def _size(self, place: int, column: Column) -> int:
        """What it takes, or needs at least."""
        if column.stretches:
            return theme.scaled(column.width)
        return self._squeezed.get(place, self._header.sectionSize(place))

    def want(self, place: int, wanted: bool) -> None:
        """Have a column only where it says something."""
        self._squeezed.pop(place, None)
        self._header.setSectionHidden(place, not wanted)
        self.fit()

    def set_wide(self, wide: bool) -> None:
        self._release()
        self._table.set_wide(wide)
        self.fit()

    def save(self, settings: QSettings) -> None:
        self._release()
        self._table.save(settings)
        self.fit()

    def restore(self, settings: QSettings) -> None:
        self._release()
        self._table.restore(settings)
        self.fit()

    def _release(self) -> None:
        for place in self._squeezed:
            self._header.setSectionHidden(place, False)
        self._squeezed = {}

    def _rescale(self) -> None:
        """Columns grow with the text."""
        if self._zoom != theme.zoom_percent:
            self._zoom = theme.zoom_percent
            self.set_wide(not self._table.rows.short_titles)
