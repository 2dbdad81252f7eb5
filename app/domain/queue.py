"""Which queued signal goes first (pool-queue.md, Rank)."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from app.domain.values import HUNDRED, ZERO, Identity

RankKey = tuple[Decimal, int, datetime, str]


def loss_percent(identity: Identity, entry_price: Decimal, price: Decimal | None) -> Decimal:
    """How far the price has moved in favour of `identity` since the signal: negative is a loss; 0 without a price."""
    if price is None or entry_price <= 0:
        return ZERO
    return identity.side.gain(entry_price, price) * HUNDRED / entry_price


def rank_key(loss: Decimal, replacement_count: int, first_queued_at: datetime, signal_id: str) -> RankKey:
    """Sorts the best entry first: deepest loss, most replaced, first come."""
    return loss, -replacement_count, first_queued_at, signal_id
