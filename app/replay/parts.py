"""What a scenario is made of: markets, signals, prices, faults and crashes, each a validated model."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    model_validator,
)

from app.base.errors import OperatorActionNeeded
from app.domain.market import MarketRules, PriceBand
from app.domain.symbol import base_of, market_type_of, quote_of
from app.domain.values import OrderRole
from app.messages.reports import RefusalCode
from app.ports.faults import FaultKind

T = TypeVar("T")


class ScenarioError(OperatorActionNeeded):
    """The file cannot be replayed; the text names line and field."""

    exit_status = 2


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class OneOf(Part):
    """Exactly one of its fields is given, beside those that are `common`."""

    common: ClassVar[frozenset[str]] = frozenset()

    @property
    def given(self) -> list[str]:
        names = type(self).model_fields
        return [name for name in names if name not in self.common and getattr(self, name) is not None]

    @property
    def kind(self) -> str:
        return self.given[0]

    @model_validator(mode="after")
    def _one_kind(self) -> OneOf:
        if len(self.given) != 1:
            kinds = ", ".join(name for name in type(self).model_fields if name not in self.common)
            raise ValueError(f"give one of {kinds}; found {', '.join(self.given) or 'none'}")
        return self


def _text(value: Any) -> Any:
    """Numbers become text, as a webhook's placeholders do."""
    return value if isinstance(value, str | bool) or value is None else f"{value}"


def _zoned(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


Text = Annotated[str, BeforeValidator(_text)]
Moment = Annotated[datetime, AfterValidator(_zoned)]
"""A moment without a zone is in UTC."""
Positive = Annotated[Decimal, Field(gt=0)]
NotNegative = Annotated[Decimal, Field(ge=0)]
Count = Annotated[int, Field(ge=1)]
OrNothing = Annotated[T | None, BeforeValidator(lambda value: {} if value is None else value)]
"""A word that stands alone (`pause:`) says no more than `pause: {}`."""


class ShortSignal(Part):
    """A signal in short form; it is stamped with the virtual now."""

    action: Literal["buy", "sell", "long", "short"]
    symbol: str
    timeframe: Text = "60"
    price: Decimal
    size: Decimal = Decimal(0)
    size_type: Literal["contracts", "base", "quote"] = "contracts"
    intent: Literal["signal", "exit", "reduce", "reverse"] = "signal"
    account: str | None = None
    market_position: str | None = None
    market_position_size: Decimal | None = None
    prev_market_position: str | None = None
    prev_market_position_size: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    max_slippage_percent: Decimal | None = None
    leverage: Decimal | None = None
    strategy_id: Text | None = None


class WholeSignal(Part):
    """A webhook body as it came."""

    webhook: dict[str, Any]

    @property
    def symbol(self) -> str:
        chart = self.webhook.get("tv")
        return str(chart.get("symbol", "")) if isinstance(chart, Mapping) else ""


def _form(signal: Any) -> str:
    is_whole = isinstance(signal, WholeSignal) or (isinstance(signal, Mapping) and "webhook" in signal)
    return "whole" if is_whole else "short"


SignalStep = Annotated[
    Annotated[ShortSignal, Tag("short")] | Annotated[WholeSignal, Tag("whole")], Discriminator(_form)
]


class QuoteStep(Part):
    last: Positive
    bid: Positive | None = None
    ask: Positive | None = None
    mark: Positive | None = None


Price = Annotated[
    Annotated[Positive, Tag("number")] | Annotated[QuoteStep, Tag("quote")],
    Discriminator(lambda price: "quote" if isinstance(price, Mapping | QuoteStep) else "number"),
]


class RandomWalkStep(Part):
    steps: Count
    volatility: NotNegative
    every: Positive = Decimal(1)


class PricesStep(Part):
    """A path of prices: `values` or a CSV `file`, a point each `every` seconds, or a seeded random walk."""

    market: str
    values: tuple[Positive, ...] = ()
    file: str | None = None
    random_walk: RandomWalkStep | None = None
    every: Positive = Decimal(1)

    @model_validator(mode="after")
    def _one_source(self) -> PricesStep:
        if bool(self.values) + (self.file is not None) + (self.random_walk is not None) != 1:
            raise ValueError("give one of values, file and random_walk")
        return self


class BookStep(Part):
    market: str
    fill_size: NotNegative | None = None


class FaultStep(Part):
    """`op` as `app.ports.faults` names them; a batch counts as its orders, a pair as its take-profit."""

    op: Annotated[
        str,
        Field(
            pattern=r"^(create_order|cancel_order|amend_order|look_up|connect|leverage|set_leverage|stream"
            r"|fetch_\*|fetch_[a-z_]+)$"
        ),
    ]
    kind: FaultKind
    times: Count = 1
    code: RefusalCode | None = None
    symbol: str | None = None
    role: OrderRole | None = None
    seconds: NotNegative | None = None


class CrashStep(Part):
    at_commit: Count | None = None
    at_send: Count | None = None
    when: Literal["before", "after"] = "before"

    @model_validator(mode="after")
    def _one_trap(self) -> CrashStep:
        if self.at_commit is not None and self.at_send is not None:
            raise ValueError("give at_commit or at_send, not both")
        if self.at_send is None and "when" in self.model_fields_set:
            raise ValueError("when goes with at_send")
        return self


class BandModel(Part):
    """How far from the price limits may rest, as factors of it."""

    lowest_buy: Decimal | None = None
    highest_sell: Decimal | None = None


class MarketModel(Part):
    tick_size: Positive
    step_size: Positive
    min_qty: NotNegative | None = None
    min_notional: NotNegative = Decimal(5)
    max_qty: Positive | None = None
    contract_size: Positive = Decimal(1)
    max_conditional_orders: int | None = None
    band: BandModel | None = None
    price: Positive

    def rules(self, symbol: str) -> MarketRules:
        return MarketRules(
            symbol=symbol,
            market_type=market_type_of(symbol),
            base=base_of(symbol),
            quote=quote_of(symbol),
            tick_size=self.tick_size,
            step_size=self.step_size,
            min_qty=self.min_qty if self.min_qty is not None else self.step_size,
            min_notional=self.min_notional,
            max_qty=self.max_qty,
            contract_size=self.contract_size,
            max_conditional_orders=self.max_conditional_orders,
            band=None if self.band is None else PriceBand(self.band.lowest_buy, self.band.highest_sell),
        )
