"""What the engine's own tasks put into its mailbox."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from app.messages.records import StoredGroup
from app.messages.reports import (
    AmendOutcome,
    BalanceReport,
    CancelOutcome,
    FillReport,
    FundingReport,
    LookUpOutcome,
    MarketReport,
    OrderReport,
    PositionReport,
    SubmitOutcome,
)


@dataclass(frozen=True, slots=True)
class AccountLeft:
    """The last that is heard of an account that was removed."""

    account: str


@dataclass(frozen=True, slots=True)
class AccountReplaced:
    """The last that is heard of an account the way it was reached before: what follows comes another way."""

    account: str


@dataclass(frozen=True, slots=True)
class ClockStepped:
    """The wall's clock shows another time than it would have by itself."""


@dataclass(frozen=True, slots=True)
class OrdersSent:
    """Requests are on their way; nobody waits for this mark."""

    client_order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LeverageSet:
    """Entries may be sent now that their market's leverage is as it should be, if they are wanted still."""

    account: str
    client_order_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class SubmitAnswered:
    client_order_id: str
    outcome: SubmitOutcome


@dataclass(frozen=True, slots=True)
class CancelAnswered:
    client_order_id: str
    outcome: CancelOutcome


@dataclass(frozen=True, slots=True)
class AmendAnswered:
    client_order_id: str
    outcome: AmendOutcome


@dataclass(frozen=True, slots=True)
class LookUpAnswered:
    client_order_id: str
    outcome: LookUpOutcome


@dataclass(frozen=True, slots=True)
class MarketLoaded:
    """`report` is None where the venue does not have the market; `failure` where it could not be asked."""

    account: str
    symbol: str
    report: MarketReport | None
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class GroupLoaded:
    group_id: str
    stored: StoredGroup | None


@dataclass(frozen=True, slots=True)
class TimerDue:
    """`key` is queue, offset, or kind/<id> of a group or an order."""

    key: str


@dataclass(frozen=True, slots=True)
class PriceTouched:
    """The price of a market reached what groups on it watch for."""

    group_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AccountRead:
    """Everything a reconciliation fetched from one account; reading began at `started_at` with `activity` actions by
    market."""

    account: str
    started_at: datetime
    activity: Mapping[str, int]
    open_orders: tuple[OrderReport, ...]
    positions: tuple[PositionReport, ...]
    balances: tuple[BalanceReport, ...]
    fills: tuple[FillReport, ...]
    funding: tuple[FundingReport, ...]


@dataclass(frozen=True, slots=True)
class AccountUnreachable:
    """`needs_person` where trying again does not help by itself."""

    account: str
    reason: str
    needs_person: bool = False


@dataclass(frozen=True, slots=True)
class DiskAnswered:
    """The disk takes writes again, after `reason` had halted all."""

    reason: str


@dataclass(frozen=True, slots=True)
class Broke:
    """The turn of the mailbox broke, and all is halted."""

    reason: str


@dataclass(frozen=True, slots=True)
class Unwritable:
    """The database refused what follows from `message`: it is told, and left out."""

    message: object
    error: Exception


@dataclass(frozen=True, slots=True)
class Stopping:
    """The process is about to end on purpose."""


@dataclass(frozen=True, slots=True)
class Recovered:
    """Every account has been read or found unreachable: recorded signals may be acted on."""
