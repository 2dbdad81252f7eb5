"""What is drawn from the one source of randomness of a seed."""

from __future__ import annotations

import random
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

Document = dict[str, Any]
"""A scenario, or a part of one, as plain data: what its YAML would hold."""


class Chance(random.Random):
    """`random.Random` with percents and Decimals; no float is drawn, so that all platforms draw the same."""

    def happens(self, percent: int) -> bool:
        return self.randrange(100) < percent

    def moved(self, price: Decimal, volatility: Decimal) -> Decimal:
        """`price` moved up or down by some `volatility` (a fraction), seldom by more than twice that."""
        swing = sum(self.randint(-1000, 1000) for _ in range(3))
        return price * (1 + volatility * swing / 1000)


def on_grid(value: Decimal, unit: Decimal) -> Decimal:
    """The multiple of `unit` nearest to `value`, at least one unit."""
    return max((value / unit).to_integral_value(ROUND_HALF_EVEN), Decimal(1)) * unit


def short(value: Decimal) -> Decimal:
    """Three significant digits of it."""
    return Decimal(f"{value:.3g}")


def text(value: Decimal) -> str:
    """As a scenario spells it: no exponent, no idle zeros."""
    return f"{value.normalize():f}"
