"""Wishes: what people and other programs ask of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from app.base.config import Config
from app.domain.alert import FieldError
from app.domain.signal import Signal
from app.domain.values import CloseReason
from app.messages.records import CheckResult


@dataclass(frozen=True, slots=True)
class KeyGrant:
    """What the webhook key of a request may do; empty tuples mean everything."""

    name: str
    accounts: tuple[str, ...] = ()
    symbols: tuple[str, ...] = ()
    intents: tuple[str, ...] = ()
    max_quote: Decimal | None = None
    allows_live: bool = True


@dataclass(frozen=True, slots=True)
class AcceptSignal:
    """An authenticated message: `signal` where it validated, else `errors`. Answered by a SignalAnswer."""

    received_at: datetime
    source: str
    payload: str
    content_key: str
    signal: Signal | None
    errors: tuple[FieldError, ...] = ()
    grant: KeyGrant | None = None
    replay_of: str | None = None


@dataclass(frozen=True, slots=True)
class SignalAnswer:
    """How the webhook answers: `status` accepted, duplicate or rejected."""

    http_status: int
    signal_id: str
    status: str
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class PreviewSignal:
    """How a message would be read, routed, sized and checked now. Answered by a SignalPreview; nothing is kept."""

    received_at: datetime
    signal: Signal
    grant: KeyGrant | None = None


@dataclass(frozen=True, slots=True)
class PreviewLeg:
    pyramid: int
    index: int
    type: str
    price: Decimal
    quantity: Decimal
    take_profit: Decimal


@dataclass(frozen=True, slots=True)
class SignalPreview:
    """`outcome` and `reason` as a recorded signal would get them."""

    outcome: str
    reason: str | None
    detail: str | None
    account: str | None
    symbol: str | None
    timeframe: str | None
    side: str | None
    intent: str | None
    capital: Decimal | None = None
    stop_price: Decimal | None = None
    legs: tuple[PreviewLeg, ...] = ()
    checks: tuple[CheckResult, ...] = ()
    errors: tuple[FieldError, ...] = ()


@dataclass(frozen=True, slots=True)
class CloseGroup:
    group_id: str
    reason: CloseReason = CloseReason.MANUAL


@dataclass(frozen=True, slots=True)
class ReduceGroup:
    """Sell part of what is open at market: a `fraction` in (0, 1], or a `quantity` in contracts."""

    group_id: str
    fraction: Decimal | None = None
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True)
class CancelEntries:
    group_id: str


@dataclass(frozen=True, slots=True)
class Pause:
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    pass


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    config: Config


@dataclass(frozen=True, slots=True)
class SampleEquity:
    """Keep what every account is worth now, for the equity curve."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a person's command did: a sentence, and the groups it touched."""

    detail: str
    group_ids: tuple[str, ...] = field(default=())


Command = (
    AcceptSignal
    | PreviewSignal
    | CloseGroup
    | ReduceGroup
    | CancelEntries
    | Pause
    | Resume
    | ApplyConfig
    | SampleEquity
)
