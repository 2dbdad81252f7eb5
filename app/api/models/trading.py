"""Positions, orders, signals and history as they are answered."""

from __future__ import annotations

from pydantic import Field

from app.api.models.values import Answer, FieldProblem, Moment, Money, Percent


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
    unrealized_percent: Percent | None
    watched: bool
    waits_for: Money | None
    tp_waits_for: Money | None


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
    unrealized_percent: Percent | None
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
    unrealized_percent: Percent | None
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
    next_tp_distance_percent: Percent | None
    protected: bool | None
    unprotected_since: Moment | None
    estimated: bool
    forced: bool
    blocked: bool
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
    realized_percent: Percent | None
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
    last_replaced_at: Moment
    expires_at: Moment
    price: Money | None
    loss_percent: Percent | None
    expected_profit: Money | None
    is_continuation: bool
    is_reserved: bool
    decided_by: str | None
    decisive: str | None


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


class Replayed(Answer):
    signal_id: str
    """The new signal's."""
    status: str
    replay_of: str
    errors: list[FieldProblem] = Field(default_factory=list)


class ExecutionResult(Answer):
    """What became of a decision or a manual order; `success` where it was executed."""

    success: bool
    outcome: str
    reason: str | None
    detail: str | None
    signal_id: str
    decision_id: str | None
    """The signal's id again, for a decision."""
    group_id: str | None
    is_duplicate: bool
    fill_price: Money | None
    """Average of what its entries filled; None where nothing filled within `wait_ms`."""
    orders: list[Order]


class Decision(Answer):
    account: str | None
    symbol: str
    side: str
    size: Money
    confidence: Money | None
    leverage: Money | None
    stop_loss: Money | None
    take_profit: Money | None
    label: str


class DecisionRecord(Answer):
    id: str
    received_at: Moment
    decision: Decision
    result: ExecutionResult
    checks: list[Check]
    trade_status: str | None
    """open or closed; None where it opened nothing."""
    realized_pnl: Money | None
    """Of its group until now; final where `trade_status` is closed."""
