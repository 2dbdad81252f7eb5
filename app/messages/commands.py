"""Wishes: what people and other programs ask of the engine."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Literal

from app.base.config import Config
from app.domain.alert_body import FieldError
from app.domain.signal import Signal
from app.domain.values import CloseReason, Side
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
class EmergencyStop:
    """Enter `critical`: no entries, pyramids, promotions or offsets until it is reset."""

    reason: str


@dataclass(frozen=True, slots=True)
class EmergencyReset:
    """Back to normal; `reason` is kept with the event."""

    reason: str


@dataclass(frozen=True, slots=True)
class CloseAll:
    """Enter `critical` and close every group of every account at market; asked again, it repeats what failed."""


@dataclass(frozen=True, slots=True)
class Promote:
    """Take a queued entry out of its turn and open it, into a free slot only."""

    signal_id: str


@dataclass(frozen=True, slots=True)
class Force:
    """Open a queued entry despite the limits on open groups; the group is marked as forced."""

    signal_id: str


@dataclass(frozen=True, slots=True)
class Remove:
    """Take a queued entry out for good."""

    signal_id: str


@dataclass(frozen=True, slots=True)
class RunOffset:
    """Carry out the offset plan now: timer and threshold are skipped, not the arithmetic."""


@dataclass(frozen=True, slots=True)
class SkipOffset:
    """Leave a group out of the next offset action, once."""

    group_id: str


@dataclass(frozen=True, slots=True)
class BlockGroup:
    """Keep a group out of the offset engine, as loser and as winner (`blocked` false lets it in again)."""

    group_id: str
    blocked: bool


@dataclass(frozen=True, slots=True)
class MoveStop:
    """Set a group's stop by hand; it counts instead of the configured one, whichever way it lies."""

    group_id: str
    price: Decimal


@dataclass(frozen=True, slots=True)
class AddFunds:
    """Add a pyramid of one leg at market, worth `quote`, to an open group."""

    group_id: str
    quote: Decimal


@dataclass(frozen=True, slots=True)
class SetTakeProfitMode:
    """Exit a group another way from now on; `percent` is the distance of the aggregate modes."""

    group_id: str
    mode: str
    percent: Decimal | None = None


@dataclass(frozen=True, slots=True)
class PlaceOrder:
    """An order by hand (`source` manual) or of a decision engine (`source` decision).

    `quantity` is in base units, `price` None for one at market. `label` and `confidence` are kept with it; a
    `request_id` that was seen within 24 hours makes it a duplicate. Answered by an OrderAnswer.
    """

    received_at: datetime
    source: Literal["manual", "decision"]
    symbol: str
    side: Side
    quantity: Decimal
    account: str | None = None
    price: Decimal | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    confidence: Decimal | None = None
    label: str = ""
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class OrderAnswer:
    """What became of it at once: `outcome` is the signal's, `group_id` the group that was opened or added to."""

    signal_id: str
    outcome: str
    reason: str | None
    detail: str | None
    group_id: str | None
    is_duplicate: bool = False


@dataclass(frozen=True, slots=True)
class AcknowledgeAlert:
    """`sequence` is that of the alert's event."""

    sequence: int


@dataclass(frozen=True, slots=True)
class NoteProposal:
    """A change of the configuration that another service proposes: shown to the trader, never applied by itself."""

    source: str
    changes: str


@dataclass(frozen=True, slots=True)
class RaiseAlert:
    """Tell the trader what the engine itself does not see."""

    severity: Literal["info", "warning", "error", "critical"]
    detail: str


@dataclass(frozen=True, slots=True)
class ApplyConfig:
    """From now on; `who` is told with the change. `keys` come with it, or neither does."""

    config: Config
    who: str = ""
    keys: ChangeKeys | None = None


@dataclass(frozen=True, slots=True)
class ArmAccount:
    """Let a live account take entries: what was typed is its name, and `none` where a grid of it has no stop.

    From the window or the command line only, never over HTTP.
    """

    account: str
    typed_name: str
    typed_stop: str = ""


@dataclass(frozen=True, slots=True)
class DisarmAccount:
    account: str
    reason: str = "disarmed by hand"


@dataclass(frozen=True, slots=True)
class ChangeKeys:
    """Reach an account with other keys from now on; `key_print` is their fingerprint. It is disarmed.

    Part of what is applied as configuration. Refused while groups are open on it, unless the keys are said to be of the
    same account at the exchange.
    """

    account: str
    key_print: str
    same_account: bool = False


@dataclass(frozen=True, slots=True)
class SettleForeign:
    """What becomes of another instance's orders: never touched, or taken for ours. Entries go on after it."""

    account: str
    choice: Literal["ignore", "adopt"]


@dataclass(frozen=True, slots=True)
class AcceptDifference:
    """What seems to be gone is gone: the groups that are held for it shrink to what the venue has."""

    account: str


@dataclass(frozen=True, slots=True)
class SampleEquity:
    """Keep what every account is worth now, for the equity curve."""


@dataclass(frozen=True, slots=True)
class CommandResult:
    """What a person's command did: a sentence, and the groups it touched."""

    detail: str
    group_ids: tuple[str, ...] = field(default=())


Deed = (
    CloseGroup
    | ReduceGroup
    | CancelEntries
    | Pause
    | Resume
    | EmergencyStop
    | EmergencyReset
    | CloseAll
    | Promote
    | Force
    | Remove
    | RunOffset
    | SkipOffset
    | BlockGroup
    | MoveStop
    | AddFunds
    | SetTakeProfitMode
    | AcknowledgeAlert
    | NoteProposal
    | RaiseAlert
    | ApplyConfig
    | ArmAccount
    | DisarmAccount
    | SettleForeign
    | AcceptDifference
    | SampleEquity
)
"""What is answered by a CommandResult."""

Command = AcceptSignal | PreviewSignal | PlaceOrder | Deed
