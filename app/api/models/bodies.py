"""What requests carry."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, JsonValue

from app.api.models.values import AccountId, Amount, Asked, Confidence, Label, RequestId, Sentence, Symbol
from app.base.config.grid import TakeProfitMode
from app.domain.values import Side

SIDES = {"long": Side.LONG, "buy": Side.LONG, "short": Side.SHORT, "sell": Side.SHORT}


class Reduce(Asked):
    fraction: Annotated[Amount, Field(le=1)] | None = None
    quantity: Amount | None = None


class MoveStop(Asked):
    price: Amount


class AddFunds(Asked):
    quote: Amount


class TakeProfitModeChange(Asked):
    mode: TakeProfitMode
    percent: Annotated[Amount, Field(le=1000)] | None = None


class Reconciling(Asked):
    account: AccountId | None = None
    """All of them when not given."""


class Pausing(Asked):
    reason: Sentence = "paused by hand"


class Reason(Asked):
    reason: Sentence


class PaperPrice(Asked):
    symbol: Annotated[str, Field(min_length=3, max_length=40)]
    price: Amount


class _Order(Asked):
    account: AccountId | None = None
    symbol: Symbol
    leverage: Annotated[Amount, Field(ge=1, le=125)] | None = None
    stop_loss: Amount | None = None
    take_profit: Amount | None = None
    request_id: RequestId | None = None
    """Sent again within 24 hours, it makes the order a duplicate."""


class ManualOrder(_Order):
    """`quantity` in base units; without a `price` at market."""

    side: Literal["long", "short"]
    quantity: Amount
    price: Amount | None = None


class TradingDecision(_Order):
    """`size` in base units; the answer waits at most `wait_ms` for the first fill."""

    side: Literal["long", "short", "buy", "sell"]
    size: Amount
    confidence: Confidence
    label: Label | None = None
    wait_ms: Annotated[int, Field(ge=0, le=30_000)] = 2000


class EmergencyState(Asked):
    """Of another service's stop: only `critical` does something here."""

    state: Literal["normal", "warning", "critical"]
    reason: Sentence = "tripped by another service"


class PolicyChange(Asked):
    """A partial configuration, shown to the trader and never applied by itself."""

    source: Label
    changes: dict[str, JsonValue]


class ModelPromotion(Asked):
    """`model` labels later decisions that bring no label of their own."""

    model: Label


class DecisionMade(Asked):
    type: Literal["ai.decision.made"]
    data: TradingDecision


class SignalExecute(Asked):
    type: Literal["signal.execute"]
    data: ManualOrder


class StopTripped(Asked):
    type: Literal["ess.tripped"]
    data: EmergencyState


class PolicyUpdated(Asked):
    type: Literal["policy.updated"]
    data: PolicyChange


class ModelPromoted(Asked):
    type: Literal["model.promoted"]
    data: ModelPromotion


ServiceEvent = Annotated[
    DecisionMade | SignalExecute | StopTripped | PolicyUpdated | ModelPromoted, Field(discriminator="type")
]
