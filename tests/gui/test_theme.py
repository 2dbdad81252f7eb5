"""The theme: fonts with figures of one width, icons that are there, colours that follow."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from PySide6.QtGui import QFontInfo, QFontMetricsF

from app.gui.resources import resource
from app.gui.theme import theme
from app.gui.tokens import load_tokens

GUI = Path(__file__).parents[2] / "app" / "gui"


@pytest.fixture(autouse=True)
def dark_again() -> object:
    yield
    theme.zoom(100)
    theme.choose("dark")
    return None


@pytest.mark.parametrize("role", sorted(load_tokens().roles))
def test_ten_zeros_are_as_wide_as_ten_ones(role: str) -> None:
    metrics = QFontMetricsF(theme.font(role))
    assert metrics.horizontalAdvance("0" * 10) == metrics.horizontalAdvance("1" * 10)


def test_the_bundled_fonts_are_used_though_the_machine_has_none() -> None:
    assert QFontInfo(theme.font("body")).family() == "Inter"
    assert QFontInfo(theme.font("code")).family() == "JetBrains Mono"


def test_every_icon_that_is_named_is_bundled() -> None:
    bundled = {file.stem for file in resource("icons").glob("*.svg")}
    called = re.compile(r'(?:Icon|Button|icon|pixmap|show_icon|Entry)\([^()"]*"([a-z0-9]+(?:-[a-z0-9]+)+)"')
    for file in GUI.rglob("*.py"):
        for name in called.findall(file.read_text(encoding="utf-8")):
            assert name in bundled, f"{file.name} names {name}"


def test_both_themes_have_every_colour() -> None:
    colors = load_tokens().colors
    assert colors["dark"].keys() == colors["light"].keys()


def test_choosing_a_theme_changes_colours_at_once_and_tells() -> None:
    told: list[str] = []
    theme.changed.connect(lambda: told.append(theme.name))
    before = theme.color("bg_panel").name()
    theme.choose("light")
    assert told == ["light"]
    assert theme.color("bg_panel").name() != before
    with pytest.raises(ValueError, match="no theme"):
        theme.choose("pink")


def test_text_grows_to_a_half_more_and_no_further() -> None:
    usual = theme.font("body").pixelSize()
    theme.zoom(150)
    assert theme.font("body").pixelSize() == round(usual * 1.5)
    theme.zoom_by(1)
    assert theme.zoom_percent == 150
    assert theme.metric("stroke.hairline") == 1


def test_an_icon_is_drawn_in_its_colour() -> None:
    image = theme.pixmap("check", "positive", 24).toImage()
    pixels = [image.pixelColor(x, y) for x in range(24) for y in range(24)]
    assert theme.color("positive").name() in {pixel.name() for pixel in pixels if pixel.alpha() == 255}
