"""Charts in the dark theme at 100 per cent, whatever the test before chose."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from PySide6.QtWidgets import QApplication

from app.gui.theme import theme


@pytest.fixture(autouse=True)
def dark(qapp: QApplication) -> Iterator[None]:
    if not qapp.styleSheet():
        theme.start(qapp, lambda _: "", "dark")
    yield
    theme.choose("dark")
    theme.zoom(100)
