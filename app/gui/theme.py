"""The one place of colours, fonts, sizes and icons. Everything visible asks here and repaints on `changed`."""

from __future__ import annotations

from collections.abc import Callable
from typing import ClassVar

from PySide6.QtCore import QByteArray, QObject, QRectF, Qt, Signal
from PySide6.QtGui import (
    QColor,
    QFont,
    QFontDatabase,
    QFontMetrics,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPen,
    QPixmap,
)
from PySide6.QtSvg import QSvgRenderer
from PySide6.QtWidgets import QApplication

from app.gui.resources import resource
from app.gui.tokens import load_tokens

CHOICES = ("system", "light", "dark")
ADVANCES_KEPT = 4_000
ZOOM_STEPS = (90, 100, 110, 125, 150)
_UNSCALED = ("stroke.", "radius.", "motion.", "size.edge_padding")
_PALETTE: dict[QPalette.ColorRole, str] = {
    QPalette.ColorRole.Window: "bg_window",
    QPalette.ColorRole.Base: "bg_panel",
    QPalette.ColorRole.AlternateBase: "bg_raised",
    QPalette.ColorRole.Button: "bg_raised",
    QPalette.ColorRole.Text: "text_primary",
    QPalette.ColorRole.WindowText: "text_primary",
    QPalette.ColorRole.ButtonText: "text_primary",
    QPalette.ColorRole.BrightText: "text_primary",
    QPalette.ColorRole.PlaceholderText: "text_tertiary",
    QPalette.ColorRole.Highlight: "bg_selected",
    QPalette.ColorRole.HighlightedText: "text_primary",
    QPalette.ColorRole.Accent: "accent",
    QPalette.ColorRole.Link: "accent",
    QPalette.ColorRole.ToolTipBase: "bg_raised",
    QPalette.ColorRole.ToolTipText: "text_primary",
}


class Theme(QObject):
    """`start` once, before the first widget; then `choose` and `zoom` at any time."""

    changed = Signal()
    ICON_STROKE: ClassVar[str] = "1.75"

    def __init__(self) -> None:
        super().__init__()
        self._tokens = load_tokens()
        self._choice = "dark"
        self._name = "dark"
        self._zoom = 100
        self._density = "default"
        self._colors: dict[str, QColor] = {}
        self._fonts: dict[tuple[str, str], QFont] = {}
        self._advances: dict[tuple[str, str, str | None], int] = {}
        self._pixmaps: dict[tuple[str, str, int, float], QPixmap] = {}
        self._styles: Callable[[Theme], str] = lambda _: ""

    def start(self, app: QApplication, styles: Callable[[Theme], str], choice: str = "system") -> None:
        """Load the fonts, then style `app`; `styles` makes its style sheet."""
        for file in sorted(resource("fonts").iterdir()):
            if file.suffix in {".otf", ".ttf"} and QFontDatabase.addApplicationFont(str(file)) < 0:
                raise FileNotFoundError(f"the font {file.name} cannot be loaded")
        self._styles = styles
        app.setStyle("Fusion")
        app.styleHints().colorSchemeChanged.connect(self._follow_system)
        self._choice = choice
        self._apply()

    # ------------------------------------------------------------------ what the trader chose

    @property
    def choice(self) -> str:
        return self._choice

    @property
    def name(self) -> str:
        """`light` or `dark`, whatever was chosen."""
        return self._name

    @property
    def zoom_percent(self) -> int:
        return self._zoom

    def choose(self, choice: str) -> None:
        """`system`, `light` or `dark`."""
        if choice not in CHOICES:
            raise ValueError(f"there is no theme {choice}")
        if choice != self._choice:
            self._choice = choice
            self._apply()

    def zoom(self, percent: int) -> None:
        """Text and what it stands in, from 90 to 150 per cent."""
        wanted = min(max(percent, ZOOM_STEPS[0]), ZOOM_STEPS[-1])
        if wanted != self._zoom:
            self._zoom = wanted
            self._apply()

    def zoom_by(self, steps: int) -> None:
        nearest = min(range(len(ZOOM_STEPS)), key=lambda index: abs(ZOOM_STEPS[index] - self._zoom))
        self.zoom(ZOOM_STEPS[min(max(nearest + steps, 0), len(ZOOM_STEPS) - 1)])

    def _follow_system(self) -> None:
        if self._choice == "system":
            self._apply()

    def _apply(self) -> None:
        self._name = self._system() if self._choice == "system" else self._choice
        self._colors = {name: QColor(value) for name, value in self._tokens.colors[self._name].items()}
        self._fonts = {}
        self._advances = {}
        self._pixmaps = {}
        app = QApplication.instance()
        if not isinstance(app, QApplication):
            return
        app.setFont(self.font("body"))
        app.setPalette(self._palette())
        app.setStyleSheet(self._styles(self))
        self.changed.emit()

    @staticmethod
    def _system() -> str:
        return "light" if QGuiApplication.styleHints().colorScheme() is Qt.ColorScheme.Light else "dark"

    def _palette(self) -> QPalette:
        palette = QPalette()
        for role, name in _PALETTE.items():
            palette.setColor(role, self.color(name))
        for role in (QPalette.ColorRole.Text, QPalette.ColorRole.WindowText, QPalette.ColorRole.ButtonText):
            palette.setColor(QPalette.ColorGroup.Disabled, role, self.color("text_disabled"))
        return palette

    # ------------------------------------------------------------------ what everybody asks

    def color(self, name: str, alpha: float = 1.0) -> QColor:
        """A token's colour in the present theme; KeyError for a name that the tokens do not have."""
        found = self._colors[name]
        if alpha >= 1:
            return found
        faded = QColor(found)
        faded.setAlphaF(alpha)
        return faded

    def pen(self, name: str, width: float = 1.0, dash: tuple[float, ...] = ()) -> QPen:
        pen = QPen(self.color(name), width)
        pen.setCosmetic(True)
        if dash:
            pen.setDashPattern([part / width for part in dash])
            pen.setCapStyle(Qt.PenCapStyle.FlatCap)
        return pen

    def font(self, role: str, weight_of: str | None = None) -> QFont:
        """A role of the type scale, with tabular figures, in the weight of `weight_of`. Shared: not to be changed."""
        key = (role, weight_of or role)
        known = self._fonts.get(key)
        if known is None:
            known = self._fonts[key] = self._font(role)
            known.setWeight(QFont.Weight(self._tokens.roles[key[1]].weight))
        return known

    def advance(self, text: str, role: str, weight_of: str | None = None) -> int:
        """How wide `text` is, in pixels."""
        key = (text, role, weight_of)
        known = self._advances.get(key)
        if known is None:
            if len(self._advances) >= ADVANCES_KEPT:
                self._advances.clear()
            known = self._advances[key] = QFontMetrics(self.font(role, weight_of)).horizontalAdvance(text)
        return known

    def _font(self, role: str) -> QFont:
        entry = self._tokens.roles[role]
        font = QFont(entry.family)
        font.setPixelSize(self.scaled(entry.size))
        font.setWeight(QFont.Weight(entry.weight))
        font.setFeature(QFont.Tag("tnum"), 1)
        if entry.is_mono:
            font.setFeature(QFont.Tag("calt"), 0)
        if entry.spacing:
            font.setLetterSpacing(QFont.SpacingType.PercentageSpacing, 100 + entry.spacing * 100)
        return font

    def line(self, role: str) -> int:
        """The line height of a role, in pixels."""
        return self.scaled(self._tokens.roles[role].line)

    def scaled(self, size: float) -> int:
        """A size in pixels that grows with the text."""
        return round(size * self._zoom / 100)

    def metric(self, name: str) -> int:
        """A size by its dotted name, such as `size.status_strip` or `space.4`, scaled with the text."""
        value = self._tokens.metrics[name]
        return round(value) if name.startswith(_UNSCALED) else self.scaled(value)

    def stroke(self, name: str) -> float:
        return self._tokens.metrics[f"stroke.{name}"]

    @property
    def row_height(self) -> int:
        return self.scaled(self._tokens.row_heights[self._density])

    def set_density(self, density: str) -> None:
        """`compact`, `default` or `comfortable`."""
        self._density = density if density in self._tokens.row_heights else "default"
        self._apply()

    def icon(self, name: str, color: str = "text_secondary", size: int = 14) -> QIcon:
        icon = QIcon(self.pixmap(name, color, size))
        icon.addPixmap(self.pixmap(name, "text_disabled", size), QIcon.Mode.Disabled)
        return icon

    def pixmap(self, name: str, color: str = "text_secondary", size: int = 14) -> QPixmap:
        """An icon of the bundled set; `size` before zooming."""
        screen = QGuiApplication.primaryScreen()
        ratio = screen.devicePixelRatio() if QGuiApplication.screens() else 1.0
        key = (name, color, size, ratio)
        known = self._pixmaps.get(key)
        if known is None:
            known = self._pixmaps[key] = self._drawn(name, self.color(color), self.scaled(size), ratio)
        return known

    def _drawn(self, name: str, color: QColor, size: int, ratio: float) -> QPixmap:
        svg = resource("icons", f"{name}.svg").read_text(encoding="utf-8")
        svg = svg.replace("currentColor", color.name()).replace(
            'stroke-width="2"', f'stroke-width="{self.ICON_STROKE}"'
        )
        pixmap = QPixmap(round(size * ratio), round(size * ratio))
        pixmap.setDevicePixelRatio(ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        QSvgRenderer(QByteArray(svg.encode())).render(painter, QRectF(0, 0, size, size))
        painter.end()
        return pixmap


theme = Theme()
"""The application's theme."""
