"""What people do in a scenario: commands to the engine, and deeds at the venue behind its back."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, model_validator

from app.base.timeframe import of_group
from app.domain.values import OrderRole, OrderSide, OrderType
from app.replay.parts import NotNegative, OneOf, OrNothing, Part, Positive, Text


class Empty(Part):
    """A command that needs no word more."""


class Reason(Part):
    reason: Text | None = None


class Selection(Part):
    """Which groups, or which waiting entries: all that have what is given."""

    symbol: str | None = None
    timeframe: Annotated[Text, AfterValidator(of_group)] | None = None
    side: Literal["long", "short"] | None = None
    account: Text | None = None

    @property
    def wanted(self) -> dict[str, str]:
        values = {name: getattr(self, name) for name in Selection.model_fields}
        return {name: value for name, value in values.items() if value is not None}


class Reduction(Selection):
    fraction: Decimal | None = None
    quantity: Decimal | None = None


class NewStop(Selection):
    price: Decimal


class Funds(Selection):
    quote: Decimal


class TakeProfitMode(Selection):
    mode: str
    percent: Decimal | None = None


class Placed(Part):
    """An order by hand or a decision: the API's fields; `size` is a decision's word for the quantity, in base units."""

    symbol: str
    side: Literal["long", "short", "buy", "sell"]
    quantity: Decimal | None = None
    size: Decimal | None = None
    account: Text | None = None
    price: Decimal | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    confidence: Decimal | None = None
    request_id: Text | None = None
    label: Text | None = None
    wait_ms: int | None = None
    """The API's; a replay waits for nothing."""

    @model_validator(mode="after")
    def _has_a_quantity(self) -> Placed:
        if (self.quantity is None) == (self.size is None):
            raise ValueError("give its quantity (a decision's may be called size)")
        return self

    @property
    def amount(self) -> Decimal:
        return self.quantity or self.size or Decimal(0)


class Command(OneOf):
    """Anything a person can do."""

    close_group: OrNothing[Selection] = None
    cancel_entries: OrNothing[Selection] = None
    reduce_group: OrNothing[Reduction] = None
    move_stop: OrNothing[NewStop] = None
    add_funds: OrNothing[Funds] = None
    tp_mode: OrNothing[TakeProfitMode] = None
    skip: OrNothing[Selection] = None
    block: OrNothing[Selection] = None
    unblock: OrNothing[Selection] = None
    promote: OrNothing[Selection] = None
    force: OrNothing[Selection] = None
    remove: OrNothing[Selection] = None
    order: Placed | None = None
    decision: Placed | None = None
    close_all: OrNothing[Reason] = None
    risk_run: OrNothing[Empty] = None
    pause: OrNothing[Reason] = None
    resume: OrNothing[Reason] = None
    emergency_stop: OrNothing[Reason] = None
    emergency_reset: OrNothing[Reason] = None
    reconcile: OrNothing[Empty] = None
    config: OrNothing[dict[str, Any]] = None

    @property
    def what(self) -> Any:
        return getattr(self, self.kind)

    def symbols(self) -> Iterator[tuple[str, str]]:
        """The markets it selects by, each with the name of its command."""
        if isinstance(self.what, Selection) and self.what.symbol is not None:
            yield self.kind, self.what.symbol


class AtMarket(Part):
    """`account` is left out where all accounts of the market's type are meant."""

    symbol: str
    account: Text | None = None


class PlacedByHand(AtMarket):
    """`price` is a limit's price or a stop's trigger."""

    side: OrderSide
    type: OrderType = OrderType.MARKET
    quantity: Positive
    price: Positive | None = None

    @model_validator(mode="after")
    def _has_a_price(self) -> PlacedByHand:
        if self.price is None and self.type is not OrderType.MARKET:
            raise ValueError(f"a {self.type.value} order needs a price")
        return self


class CancelledByHand(AtMarket):
    role: OrderRole | None = None
    client_order_id: str | None = None


class ClosedByHand(AtMarket):
    """The whole position, where no quantity is given."""

    quantity: NotNegative | None = None


class FundingPaid(AtMarket):
    rate: Decimal


class VenueDeed(OneOf):
    """Something that happens at the venue without us."""

    place_order: PlacedByHand | None = None
    cancel_order: CancelledByHand | None = None
    close_position: ClosedByHand | None = None
    liquidate: ClosedByHand | None = None
    adl: ClosedByHand | None = None
    funding: FundingPaid | None = None

    @property
    def what(self) -> Any:
        return getattr(self, self.kind)
