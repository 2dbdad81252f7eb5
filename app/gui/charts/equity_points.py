"""What the equity chart draws. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class EquityPoint:
    """Worth of all accounts at a moment, in quote: without what is open, and with it."""

    at: datetime
    realised: Decimal
    total: Decimal
