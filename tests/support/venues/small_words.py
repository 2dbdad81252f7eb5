"""Words that the small fakes share."""

from __future__ import annotations

import base64
import hashlib
import hmac
from decimal import Decimal

from app.ports.paper_store import PaperFill, PaperOrder

FIRST_ID = 5_000_000


def order_id(order: PaperOrder) -> str:
    return str(FIRST_ID + order.number)


def fill_order_id(fill: PaperFill) -> str:
    return str(FIRST_ID + (fill.order_number or 0))


def older_than(fills: list[PaperFill], number: str | None) -> list[PaperFill]:
    """Those before the one with this number, all of them without one."""
    return [fill for fill in fills if number is None or fill.number < int(number)]


def text(value: Decimal | None) -> str:
    """A number as venues write it; "0" for none."""
    return "0" if value is None else format(value, "f")


def average(order: PaperOrder) -> Decimal | None:
    return order.filled_value / order.filled if order.filled else None


def decimals(step: Decimal) -> str:
    """Places after the point."""
    return str(max(-int(step.normalize().as_tuple().exponent), 0))


def signed(secret: str, payload: str) -> str:
    """HMAC-SHA256 in base64."""
    return base64.b64encode(hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()).decode()
