"""Made-up candles and ladders for the charts' tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QWidget

from app.gui.charts.ladder_state import LadderFill, LadderLine, LadderState
from app.messages.reports import Candle

D = Decimal
ONE, FIFTY, BELOW = D(1), D(50), D(49)
START = datetime(2026, 11, 19, 13, 0, tzinfo=UTC)


def candle(place: int, opened: Decimal, closed: Decimal, minutes: int = 30) -> Candle:
    at = START + timedelta(minutes=minutes * place)
    return Candle(at, opened, max(opened, closed), min(opened, closed), closed, D(1))


def candles(count: int, price: Decimal = FIFTY, swing: Decimal = ONE, minutes: int = 30) -> tuple[Candle, ...]:
    """A saw of four bars: up three, down three."""
    prices = [price + swing * (place % 4) for place in range(count + 1)]
    return tuple(candle(place, prices[place], prices[place + 1], minutes) for place in range(count))


def entries(count: int, pyramid: int = 0, top: Decimal = BELOW) -> tuple[LadderLine, ...]:
    return tuple(
        LadderLine("entry", f"Entry P{pyramid} L{leg}", top - leg * D("0.1"), START, pyramid) for leg in range(count)
    )


def ladder(**changes: Any) -> LadderState:
    facts: dict[str, Any] = {
        "symbol": "AVAX/USDT:USDT",
        "timeframe": "4h",
        "tick_size": D("0.01"),
        "candles": candles(58),
        "lines": (
            LadderLine("tp", "TP P0 L0", D("50.50"), START + timedelta(hours=6), 0),
            LadderLine("average", "Average", D("49.4333"), START + timedelta(hours=6)),
            *entries(2),
            LadderLine("stop", "Stop", D("46.47"), START + timedelta(hours=6)),
        ),
        "fills": (LadderFill(START + timedelta(hours=6), D("50.00")),),
        "mark": D("49.62"),
    }
    return LadderState(**{**facts, **changes})


def painted(chart: QWidget, width: int = 690, height: int = 246) -> QImage:
    chart.resize(width, height)
    return chart.grab().toImage()


def holds(image: QImage, color: QColor) -> bool:
    """Whether some pixel has exactly this colour."""
    return any(image.pixelColor(x, y) == color for y in range(image.height()) for x in range(image.width()))
