"""A stop on its way to another price."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

StopReader = Callable[[Decimal], str | None]
"""What a stop at a price would mean, in words; None where it may not lie."""

GRIP = 6
"""Logical pixels from the line within which it is taken hold of."""


class StopDrag:
    """Follows in ticks, and stays at the last price where a stop may lie."""

    def __init__(self, start: Decimal, tick: Decimal, read: StopReader) -> None:
        self._tick = tick
        self._read = read
        self.start = start
        self.price = start
        self.text = read(start) or ""

    @property
    def has_moved(self) -> bool:
        return self.price != self.start

    def to(self, price: Decimal) -> None:
        text = self._read(price)
        if text is not None:
            self.price, self.text = price, text

    def by(self, ticks: int) -> None:
        self.to(self.price + ticks * self._tick)
