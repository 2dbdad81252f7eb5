"""Faults that a venue can be told to show; used by replay, simulation and tests."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from app.domain.values import OrderRole
from app.messages.reports import RefusalCode


class FaultKind(StrEnum):
    TIMEOUT_BEFORE = "timeout_before"
    TIMEOUT_AFTER_ACCEPT = "timeout_after_accept"
    REJECT = "reject"
    RATE_LIMIT = "rate_limit"
    UNAVAILABLE = "unavailable"
    DUPLICATE_EVENTS = "duplicate_events"
    REORDER_EVENTS = "reorder_events"
    DROP_EVENTS = "drop_events"
    DISCONNECT = "disconnect"
    SLOW = "slow"


@dataclass(frozen=True, slots=True)
class Fault:
    """Shown by the next `times` requests (or stream events) of `op` that fit `symbol` and `role`.

    `op` is `create_order`, `cancel_order`, `amend_order`, `look_up` (or `fetch_order`), `fetch_<what>`, `fetch_*` or
    `stream`.
    """

    op: str
    kind: FaultKind
    times: int = 1
    code: RefusalCode | None = None
    symbol: str | None = None
    role: OrderRole | None = None
    seconds: float | None = None
