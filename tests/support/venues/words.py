"""Words that the fakes of several venues share."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from app.domain.market import MarketRules


def text(value: Decimal | None) -> str:
    """Plain digits without zeros at the end; "0" for none."""
    if value is None or not value:
        return "0"
    return format(value.normalize(), "f")


def market_id(rules: MarketRules) -> str:
    return f"{rules.base}{rules.quote}"


def milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
