"""Equity samples of all accounts as one curve. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal

from app.gui.charts.equity_points import EquityPoint
from app.messages.records import EquitySample


def equity_points(samples: Iterable[EquitySample]) -> tuple[EquityPoint, ...]:
    """Oldest first. Realised is what the accounts would be worth without what is open; an account that has no sample
    at a moment counts with its last one."""
    last: dict[str, EquitySample] = {}
    start: dict[str, Decimal] = {}
    points: dict[datetime, EquityPoint] = {}
    for sample in samples:
        last[sample.account] = sample
        start.setdefault(sample.account, sample.equity - sample.realized)
        total = sum((item.equity for item in last.values()), Decimal(0))
        realised = sum((start[item.account] + item.realized for item in last.values()), Decimal(0))
        points[sample.at] = EquityPoint(sample.at, realised, total)
    return tuple(points.values())
