"""The projected plan as two bars on one scale: what the loser costs, over what the winners pay."""

from __future__ import annotations

from decimal import Decimal

from PySide6.QtCore import QRect, Qt
from PySide6.QtGui import QBrush, QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

from app.domain.offset import Plan
from app.gui import formats
from app.gui.models.risk import balance, name_of
from app.gui.theme import theme

SERIES = ("series_2", "series_4", "series_5", "series_6", "series_7", "series_1", "series_3", "series_8")
LABEL = 120
SUM = 116
BAR = 22
STEP = 28
_LEFT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignLeft
_RIGHT = Qt.AlignmentFlag.AlignVCenter | Qt.AlignmentFlag.AlignRight


def series_of(place: int) -> str:
    """The colour of a winner, by its place in the plan."""
    return SERIES[place % len(SERIES)]


class PlanBars(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self._plan: Plan | None = None
        self._currency = ""
        theme.changed.connect(self._restyle)
        self._restyle()

    def _restyle(self) -> None:
        self.setFixedHeight(theme.scaled(2 * STEP + 22))
        self.update()

    def show_plan(self, plan: Plan, currency: str) -> None:
        if (plan, currency) == (self._plan, self._currency):
            return
        self._plan, self._currency = plan, currency
        paid = "; ".join(f"{name_of(item.symbol, item.timeframe)} pays {formats.money(item.pays)}"
                         for item in plan.winners)  # fmt: skip
        rest = balance(plan)
        gap = f"{formats.money(abs(rest))} {'missing' if rest < 0 else 'left over'}"
        self.setAccessibleName(
            f"{name_of(plan.symbol, plan.timeframe)} loses {formats.money(plan.loss)}, "
            f"required {formats.money(plan.required)}; {paid or 'nobody pays'}; {gap}"
        )
        self.update()

    @property
    def _room(self) -> int:
        return max(self.width() - theme.scaled(LABEL + SUM), 40)

    def _wide(self, value: Decimal, most: Decimal) -> int:
        return round(float(value / most) * self._room) if most > 0 else 0

    def paintEvent(self, _: QPaintEvent) -> None:  # noqa: N802 - Qt's name
        plan = self._plan
        if plan is None:
            return
        painter = QPainter(self)
        most = max(plan.required, plan.covered)
        left, height = theme.scaled(LABEL), theme.scaled(BAR)
        first = QRect(left, 2, self._room, height)
        second = first.translated(0, theme.scaled(STEP))
        self._paint_head(painter, first, name_of(plan.symbol, plan.timeframe), "loss + fees", plan.required)
        self._paint_head(painter, second, "Winners", "pay", plan.covered)
        self._paint_loser(painter, first, plan, most)
        self._paint_winners(painter, second, plan, most)
        self._paint_required(painter, second, plan, most)
        painter.end()

    def _paint_head(self, painter: QPainter, bar: QRect, strong: str, quiet: str, total: Decimal) -> None:
        label = QRect(0, bar.top(), bar.left() - 8, bar.height())
        painter.setFont(theme.font("table", "strong"))
        _draw(painter, label, strong, "text_primary", _LEFT)
        used = theme.advance(f"{strong} ", "table", "strong")
        painter.setFont(theme.font("table"))
        _draw(painter, label.adjusted(used, 0, 0, 0), quiet, "text_tertiary", _LEFT)
        right = QRect(bar.right(), bar.top(), self.width() - bar.right(), bar.height())
        unit = f" {self._currency}"
        _draw(painter, right, unit, "text_tertiary", _RIGHT)
        _draw(painter, right.adjusted(0, 0, -theme.advance(unit, "table"), 0), formats.money(total),
              "text_primary", _RIGHT)  # fmt: skip

    def _paint_loser(self, painter: QPainter, bar: QRect, plan: Plan, most: Decimal) -> None:
        """The loss solid, fees and buffer hatched."""
        loss = min(plan.loss, plan.required)
        solid = QRect(bar.left(), bar.top(), self._wide(loss, most), bar.height())
        painter.fillRect(solid, theme.color("negative"))
        self._label(painter, solid, f"loss {formats.money(loss)}")
        extra = QRect(solid.right() + 1, bar.top(), self._wide(plan.required, most) - solid.width(), bar.height())
        if extra.width() > 1:
            painter.fillRect(extra, QBrush(theme.color("text_secondary"), Qt.BrushStyle.BDiagPattern))
            painter.setPen(theme.pen("border_control"))
            painter.drawRect(extra.adjusted(0, 0, -1, -1))

    def _paint_winners(self, painter: QPainter, bar: QRect, plan: Plan, most: Decimal) -> None:
        """What each winner pays, stacked; dashed what nobody pays."""
        paid = Decimal(0)
        for place, item in enumerate(plan.winners):
            left = bar.left() + self._wide(paid, most)
            paid += item.pays
            box = QRect(left, bar.top(), bar.left() + self._wide(paid, most) - left, bar.height())
            painter.fillRect(box, theme.color(series_of(place)))
            if place:
                painter.fillRect(box.left(), box.top(), 1, box.height(), theme.color("bg_panel"))
            self._label(painter, box, f"{formats.pair(item.symbol)[0]} {formats.money(item.pays)}")
        if balance(plan) < 0:
            left = bar.left() + self._wide(paid, most)
            gap = QRect(left, bar.top(), bar.left() + self._wide(plan.required, most) - left, bar.height())
            painter.setPen(theme.pen("warning", 1, (3, 3)))
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(gap.adjusted(0, 0, -1, -1))
            painter.setFont(theme.font("header"))
            _draw(painter, gap.adjusted(8, 0, -4, 0), f"{formats.money(-balance(plan))} missing", "warning", _LEFT)

    def _paint_required(self, painter: QPainter, bar: QRect, plan: Plan, most: Decimal) -> None:
        at = bar.left() + self._wide(plan.required, most)
        painter.fillRect(at - 1, 2, 1, bar.bottom() + 3, theme.color("text_primary"))
        painter.setFont(theme.font("caption"))
        text = f"required {formats.money(plan.required)}"
        rest = balance(plan)
        if rest > 0:
            text += f", {formats.money(rest)} left over"
        wide = theme.advance(text, "caption")
        left = min(max(at - wide, 0), self.width() - wide)
        painter.setPen(theme.color("text_secondary"))
        painter.drawText(QRect(left, bar.bottom() + 4, wide + 2, theme.line("caption")), _LEFT, text)

    @staticmethod
    def _label(painter: QPainter, box: QRect, text: str) -> None:
        """Written on the bar where it fits."""
        if theme.advance(text, "header", "strong") + 14 > box.width():
            return
        painter.setFont(theme.font("header", "strong"))
        painter.setPen(theme.color("bg_panel"))
        painter.drawText(box.adjusted(8, 0, -4, 0), _LEFT, text)


def _draw(painter: QPainter, rect: QRect, text: str, color: str, align: Qt.AlignmentFlag) -> None:
    painter.setPen(theme.color(color))
    fitted = painter.fontMetrics().elidedText(text, Qt.TextElideMode.ElideRight, max(rect.width(), 0))
    painter.drawText(rect, align, fitted)
