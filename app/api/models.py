"""What the private API takes and gives: money as strings, moments as ISO 8601 UTC."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.base.clock import iso

Item = TypeVar("Item")


def _from_text(value: Any) -> Any:
    """Numbers arrive as strings or JSON numbers; both are read from their text."""
    if isinstance(value, bool):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic turns only a ValueError into a field's error
    return str(value) if isinstance(value, int | float) else value


Money = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["0.00250"]}),
]
Amount = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    Field(gt=0, max_digits=38, allow_inf_nan=False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,15})?$"},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]


class Answer(BaseModel):
    """Read from the engine's frozen snapshots by attribute."""

    model_config = ConfigDict(from_attributes=True)


class FieldProblem(Answer):
    field: str
    reason: str


class Error(Answer):
    error: str
    detail: str
    fields: list[FieldProblem] = Field(default_factory=list)


class Leg(Answer):
    pyramid: int
    index: int
    gap_percent: Money
    weight_percent: Money
    tp_percent: Money
    type: str
    price: Money
    quantity: Money
    status: str
    filled: Money
    average_fill: Money | None
    open_quantity: Money
    tp_price: Money | None
    exit_price: Money | None
    unrealized_pnl: Money | None
    unrealized_percent: Money | None


class Pyramid(Answer):
    index: int
    signal_id: str
    entry_price: Money
    capital: Money
    created_at: Moment
    legs_total: int
    legs_filled: int
    open_quantity: Money
    average_entry: Money | None
    unrealized_pnl: Money | None
    unrealized_percent: Money | None
    next_tp: Money | None


class Order(Answer):
    client_order_id: str
    group: str
    account: str
    symbol: str
    pyramid: int | None
    leg: int | None
    role: str
    side: str
    type: str
    price: Money | None
    trigger_price: Money | None
    quantity: Money
    filled: Money
    average: Money | None
    status: str
    reduce_only: bool
    attempts: int
    reason: str | None
    created_at: Moment
    updated_at: Moment


class Position(Answer):
    id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    strategy_id: str
    status: str
    close_reason: str | None
    pyramids: int
    max_pyramids: int
    legs_total: int
    legs_filled: int
    open_quantity: Money
    average_entry: Money | None
    invested: Money
    realized_pnl: Money
    unrealized_pnl: Money | None
    unrealized_percent: Money | None
    reserved: Money
    fees: Money
    funding: Money
    dust: Money
    mark: Money | None
    mark_at: Moment | None
    tick_size: Money | None
    step_size: Money
    quote_currency: str
    leverage: Money
    tp_mode: str
    stop_price: Money | None
    pnl_at_stop: Money | None
    next_tp: Money | None
    next_tp_distance_percent: Money | None
    protected: bool | None
    unprotected_since: Moment | None
    estimated: bool
    opened_at: Moment
    closed_at: Moment | None
    legs: list[Leg]
    entries: list[Pyramid]
    orders: list[Order]


class Check(Answer):
    check: str
    result: str
    detail: str


class Signal(Answer):
    id: str
    received_at: Moment
    source: str
    key_name: str | None
    http_status: int
    outcome: str
    account: str | None
    symbol: str | None
    timeframe: str | None
    side: str | None
    strategy_id: str
    intent: str | None
    price: Money | None
    size: Money | None
    signal_at: Moment | None
    reason: str | None
    detail: str | None
    group_id: str | None
    decided_at: Moment | None
    checks: list[Check]
    replay_of: str | None
    payload: str


class PositionDetail(Position):
    signals: list[Signal] = Field(default_factory=list)
    """The decision trace: each signal of the group with its checks, oldest first."""


class Trade(Answer):
    id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    strategy_id: str
    status: str
    close_reason: str | None
    quantity: Money
    average_entry: Money
    average_exit: Money | None
    invested: Money
    realized_pnl: Money
    realized_percent: Money | None
    fees: Money
    funding: Money
    quote_currency: str
    pyramids: int
    estimated: bool
    opened_at: Moment
    closed_at: Moment | None


class Fill(Answer):
    account: str
    symbol: str
    trade_id: str
    client_order_id: str
    group_id: str
    side: str
    price: Money
    quantity: Money
    fee: Money
    fee_asset: str
    fee_quote: Money
    liquidity: str
    at: Moment


class Queued(Answer):
    signal_id: str
    account: str
    symbol: str
    side: str
    timeframe: str
    strategy_id: str
    entry_price: Money
    replacement_count: int
    rank: int
    reason: str
    first_queued_at: Moment


class Account(Answer):
    id: str
    venue: str
    market_type: str
    environment: str
    connected: bool
    stale: bool
    stale_since: Moment | None
    reason: str | None
    last_reconciled_at: Moment | None
    balances: dict[str, Money]
    external: dict[str, Money]


class Totals(Answer):
    """All accounts together; days are UTC."""

    currency: str
    equity: Money | None
    started_with: Money | None
    realized_today: Money
    realized_total: Money
    trades_today: int
    unrealized: Money
    invested: Money
    deployed: Money
    reserved: Money
    free: Money


class Status(Answer):
    revision: int
    state: str
    paused_reason: str | None
    halted_reason: str | None
    open_groups: int
    max_open_groups: int
    queued: int
    last_signal_at: Moment | None
    last_reconciled_at: Moment | None
    unknown_orders: int
    last_sequence: int
    accounts: list[Account]
    money: Totals


class Finding(Answer):
    account: str
    symbol: str | None
    kind: str
    before: str
    after: str
    action: str
    at: Moment
    group_id: str | None
    order_id: str | None


class Reconciliation(Answer):
    accounts: list[str]
    failed: dict[str, str]
    findings: list[Finding]
    finished_at: Moment


class Result(Answer):
    detail: str
    group_ids: list[str] = Field(default_factory=list)


class PreviewLeg(Answer):
    pyramid: int
    index: int
    type: str
    price: Money
    quantity: Money
    take_profit: Money


class Preview(Answer):
    outcome: str
    reason: str | None
    detail: str | None
    account: str | None
    symbol: str | None
    timeframe: str | None
    side: str | None
    intent: str | None
    capital: Money | None
    stop_price: Money | None
    legs: list[PreviewLeg]
    checks: list[Check]
    errors: list[FieldProblem]


class Health(Answer):
    status: str
    version: str | None = None
    components: dict[str, str] | None = None


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


class Asked(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class Reduce(Asked):
    fraction: Annotated[Amount, Field(le=1)] | None = None
    quantity: Amount | None = None


class Pausing(Asked):
    reason: Annotated[str, Field(max_length=200)] = "paused by hand"


class PaperPrice(Asked):
    symbol: Annotated[str, Field(min_length=3, max_length=40)]
    price: Amount
