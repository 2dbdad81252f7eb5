"""What venues tell: answers to our requests, and what their streams push."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum

from app.domain.market import MarketRules, Quote
from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType, Side


class RefusalCode(StrEnum):
    """Why a venue definitely refused, by what the engine must do."""

    INSUFFICIENT_BALANCE = "insufficient_balance"
    INVALID_ORDER = "invalid_order"
    PRECISION = "precision"
    MIN_NOTIONAL = "min_notional"
    REDUCE_ONLY = "reduce_only"
    WOULD_TRIGGER = "would_trigger"
    PERMISSION = "permission"
    HALTED = "halted"
    DUPLICATE_ID = "duplicate_id"
    NOT_FOUND = "not_found"
    """For cancels and amends: the venue has no such live order."""
    LEVERAGE = "leverage"
    UNSUPPORTED = "unsupported"
    """The venue does not take orders of this type, at least not this way."""


class FillKind(StrEnum):
    TRADE = "trade"
    LIQUIDATION = "liquidation"
    ADL = "adl"


@dataclass(frozen=True, slots=True)
class FillReport:
    """One execution as the venue tells it; `client_order_id` is None for what was not ordered by a client."""

    account: str
    symbol: str
    trade_id: str
    client_order_id: str | None
    side: OrderSide
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_asset: str
    liquidity: Liquidity
    at: datetime
    position_side: Side | None = None
    """Which position it changed, in hedge mode."""
    kind: FillKind = FillKind.TRADE


@dataclass(frozen=True, slots=True)
class OrderReport:
    """An order as the venue has it. `filled` is cumulative, `average` its average price."""

    account: str
    symbol: str
    client_order_id: str | None
    venue_order_id: str
    side: OrderSide
    type: OrderType
    status: OrderStatus
    quantity: Decimal
    filled: Decimal
    average: Decimal | None
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    at: datetime
    fills: tuple[FillReport, ...] = ()
    """The order's executions, where the answer carries them."""
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class PositionReport:
    """A position; `quantity` is in contracts and never negative, `side` None where flat, `leverage` where not told."""

    account: str
    symbol: str
    side: Side | None
    quantity: Decimal
    entry_price: Decimal | None
    leverage: Decimal | None
    liquidation_price: Decimal | None
    at: datetime


@dataclass(frozen=True, slots=True)
class BalanceReport:
    """One asset of an account: `total` includes what is `locked` in orders or margin."""

    account: str
    asset: str
    total: Decimal
    free: Decimal
    at: datetime

    @property
    def locked(self) -> Decimal:
        return self.total - self.free


@dataclass(frozen=True, slots=True)
class FundingReport:
    """A funding payment on one market; negative `amount` was paid by us, in quote."""

    account: str
    symbol: str
    payment_id: str
    amount: Decimal
    rate: Decimal
    at: datetime
    position_side: Side | None = None


@dataclass(frozen=True, slots=True)
class PriceReport:
    account: str
    symbol: str
    quote: Quote


@dataclass(frozen=True, slots=True)
class ConnectionReport:
    """The private stream came up (`connected`) or went down; `reason` is a sentence.

    With `again_after` nothing more comes of the session: the account is to be connected anew after so many seconds.
    `needs_person` says that only a person can mend it.
    """

    account: str
    connected: bool
    at: datetime
    reason: str | None = None
    again_after: float | None = None
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class BreakerReport:
    """The venue's breaker opened, requests fail at once, or closed again."""

    account: str
    is_open: bool
    at: datetime
    reason: str | None = None


NOTABLE_SKEW_MS = 1000
"""So far off the venue's a clock is told of: requests are about to be refused for their time stamp."""


@dataclass(frozen=True, slots=True)
class ClockReport:
    """By how many milliseconds this machine's clock is ahead of the venue's."""

    account: str
    skew_ms: int
    at: datetime


@dataclass(frozen=True, slots=True)
class ConditionalReport:
    """Whether the venue takes this account's conditional orders: what it said where it does not, None where it does."""

    account: str
    refused: str | None


VenueReport = (
    OrderReport
    | FillReport
    | PositionReport
    | BalanceReport
    | FundingReport
    | PriceReport
    | ConnectionReport
    | BreakerReport
    | ClockReport
    | ConditionalReport
)


@dataclass(frozen=True, slots=True)
class MarketReport:
    """Rules of a market with its present price."""

    rules: MarketRules
    quote: Quote | None


@dataclass(frozen=True, slots=True)
class Candle:
    """One bar; `at` is its opening time, `volume` in base units."""

    at: datetime
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


# Answers to requests. The wire has more than two: match on the outcome.


@dataclass(frozen=True, slots=True)
class Accepted:
    """The venue has it; the report says how it stands now (a market order may be filled already)."""

    order: OrderReport


@dataclass(frozen=True, slots=True)
class Refused:
    """The venue definitely did not take it. `detail` is the venue's own code and text."""

    code: RefusalCode
    detail: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """It was sent and no answer came."""

    detail: str


@dataclass(frozen=True, slots=True)
class NotSent:
    """It never left, so that it may be sent again; not before `retry_after` seconds where given.

    It was not even `tried` where our own limits had no room for it.
    """

    detail: str
    retry_after: float | None = None
    tried: bool = True


@dataclass(frozen=True, slots=True)
class Found:
    order: OrderReport


@dataclass(frozen=True, slots=True)
class NotFound:
    """The venue answered that it has never seen the order."""


SubmitOutcome = Accepted | Refused | OutcomeUnknown | NotSent
CancelOutcome = Accepted | Refused | OutcomeUnknown | NotSent
AmendOutcome = Accepted | Refused | OutcomeUnknown | NotSent
LookUpOutcome = Found | NotFound | OutcomeUnknown | NotSent
