"""Orders and the table of what may happen to them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.base.changing import changed, quick_dataclass
from app.base.errors import InvariantBroken
from app.domain.values import ZERO, OrderRole, OrderSide, OrderType, TimeInForce


class OrderStatus(StrEnum):
    PENDING = "pending"
    SUBMITTED = "submitted"
    OPEN = "open"
    PARTIALLY_FILLED = "partially_filled"
    PENDING_CANCEL = "pending_cancel"
    UNKNOWN = "unknown"
    FILLED = "filled"
    CANCELLED = "cancelled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    ABANDONED = "abandoned"
    LOST = "lost"


_S = OrderStatus

TRANSITIONS: dict[OrderStatus, frozenset[OrderStatus]] = {
    _S.PENDING: frozenset(
        # the mark `submitted` is lazy, so every answer may meet a pending order
        {_S.SUBMITTED, _S.OPEN, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.ABANDONED}
        | {_S.UNKNOWN, _S.LOST, _S.PENDING_CANCEL}
    ),
    _S.SUBMITTED: frozenset(
        {_S.OPEN, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.UNKNOWN, _S.PENDING_CANCEL}
        | {_S.PENDING, _S.LOST}  # pending: the request is known never to have left
    ),
    _S.OPEN: frozenset({_S.PARTIALLY_FILLED, _S.FILLED, _S.PENDING_CANCEL, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN})
    | {_S.REJECTED},  # venues drop accepted conditional orders and call it a rejection
    _S.PARTIALLY_FILLED: frozenset({_S.FILLED, _S.PENDING_CANCEL, _S.CANCELLED, _S.EXPIRED, _S.UNKNOWN}),
    _S.PENDING_CANCEL: frozenset({_S.CANCELLED, _S.FILLED, _S.EXPIRED, _S.REJECTED, _S.LOST})
    | {_S.OPEN, _S.PARTIALLY_FILLED},  # the venue refused the cancel and the order rests on
    _S.UNKNOWN: frozenset(set(_S) - {_S.PENDING, _S.SUBMITTED, _S.UNKNOWN, _S.ABANDONED}),
    _S.LOST: frozenset({_S.OPEN, _S.PARTIALLY_FILLED, _S.FILLED, _S.CANCELLED, _S.EXPIRED}),  # it turned up after all
    _S.CANCELLED: frozenset({_S.FILLED}),  # a fill can race our cancel on the wire
    _S.EXPIRED: frozenset({_S.FILLED}),
    _S.FILLED: frozenset(),
    _S.REJECTED: frozenset(),
    _S.ABANDONED: frozenset(),
}

TERMINAL = frozenset({_S.FILLED, _S.CANCELLED, _S.EXPIRED, _S.REJECTED, _S.ABANDONED, _S.LOST})
UNSETTLED = frozenset({_S.SUBMITTED, _S.UNKNOWN, _S.PENDING_CANCEL})
RESTING = frozenset({_S.OPEN, _S.PARTIALLY_FILLED})


def may_become(now: OrderStatus, then: OrderStatus) -> bool:
    """Whether the table allows the step; staying as one is counts as allowed."""
    return now is then or then in TRANSITIONS[now]


def refusal_reason(code: str, detail: str) -> str:
    """The reason that a refused order keeps; `Order.was_refused_for` finds the code in it."""
    return f"{code}: {detail}"


@quick_dataclass(frozen=True)
class Order:
    """What is sent to a venue.

    `leg` and `pyramid` are None for an order of a whole group (or pyramid). `number` counts the orders of one place and
    stands in the client order id; `attempt` counts tries of the same wish. `filled_value` is Σ price × quantity of the
    booked fills. `seen_filled` is the largest cumulative quantity the venue ever told, booked or not.

    `look_ups` counts, by status: look-ups that the venue answered (unknown, or a cancel of what it does not know),
    sends that never left (pending), amendments that failed (resting). `retry_at` is when the next of them is due; on a
    resting order that is not to be amended any more, since when; on one that is over, when its wish is tried again.

    `paired_with` is the id of the order with which it binds one quantity at the venue, which lets only one happen.
    """

    client_order_id: str
    account: str
    symbol: str
    group_id: str
    pyramid: int | None
    leg: int | None
    role: OrderRole
    side: OrderSide
    type: OrderType
    quantity: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    time_in_force: TimeInForce
    number: int
    attempt: int
    status: OrderStatus
    created_at: datetime
    updated_at: datetime
    venue_order_id: str | None = None
    filled: Decimal = ZERO
    filled_value: Decimal = ZERO
    seen_filled: Decimal = ZERO
    reason: str | None = None
    amend_price: Decimal | None = None
    amend_quantity: Decimal | None = None
    unknown_since: datetime | None = None
    look_ups: int = 0
    retry_at: datetime | None = None
    expected_price: Decimal | None = None
    paired_with: str | None = None

    @property
    def remaining(self) -> Decimal:
        return max(self.quantity - self.filled, ZERO)

    @property
    def owed(self) -> Decimal:
        """What of it has filled by the venue's count, and not by the trades that it has told."""
        return max(self.seen_filled - self.filled, ZERO)

    @property
    def is_live(self) -> bool:
        return self.status not in TERMINAL

    @property
    def is_unsettled(self) -> bool:
        return self.status in UNSETTLED or self.owed > 0

    @property
    def is_amending(self) -> bool:
        return self.amend_quantity is not None

    @property
    def waits_to_be_sent(self) -> bool:
        """It never left, and goes again at `retry_at`."""
        return self.status is OrderStatus.PENDING and self.retry_at is not None

    @property
    def is_present(self) -> bool:
        """Live, and not held up before it left: one on its way for the first time counts until its outcome is known."""
        is_held_up = self.status in {OrderStatus.PENDING, OrderStatus.SUBMITTED} and self.look_ups > 0
        return self.is_live and not is_held_up

    @property
    def average(self) -> Decimal | None:
        return self.filled_value / self.filled if self.filled else None

    def was_refused_for(self, code: str) -> bool:
        return (self.reason or "").startswith(refusal_reason(code, ""))

    def moved(self, status: OrderStatus, at: datetime, reason: str | None = None) -> Order:
        """The order in another status; a step that the table does not allow is a broken invariant."""
        if not may_become(self.status, status):
            raise InvariantBroken(f"order {self.client_order_id} is {self.status} and cannot become {status}")
        return changed(self, status=status, updated_at=at, reason=reason if reason is not None else self.reason)

    def without_amendment(self) -> Order:
        return changed(self, amend_price=None, amend_quantity=None)


def has_stop(orders: Iterable[Order]) -> bool:
    """Whether a stop among a group's orders protects it, or is about to."""
    return any(order.role is OrderRole.STOP_LOSS and order.is_present for order in orders)


def bound_by_exits(orders: Iterable[Order]) -> Decimal:
    """What the exits among a group's orders can still sell in all. A pair shares one quantity, so what the one has
    filled the other cannot, even where its end has not been told yet."""
    exits = {order.client_order_id: order for order in orders if order.role is not OrderRole.ENTRY}
    bound = ZERO
    for order in exits.values():
        partner = exits.get(order.paired_with or "")
        if not order.is_live or (partner is not None and partner.is_live and order.role is not OrderRole.STOP_LOSS):
            continue
        filled_by_partner = ZERO if partner is None else partner.filled
        bound += max(order.remaining - filled_by_partner, ZERO)
    return bound
