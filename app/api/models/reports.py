"""What happened, added up: alerts, performance, metrics, the configuration's history."""

from __future__ import annotations

from datetime import date
from typing import Any

from app.api.models.trading import ExecutionResult
from app.api.models.values import Answer, Moment, Money, Percent


class Alert(Answer):
    sequence: int
    at: Moment
    severity: str
    detail: str
    account: str | None
    symbol: str | None
    group_id: str | None
    acknowledged: bool
    acknowledged_at: Moment | None


class Day(Answer):
    day: date
    realized: Money
    trades: int


class Outcome(Answer):
    id: str
    closed_at: Moment
    realized_pnl: Money


class Performance(Answer):
    """Of closed trades; percentages of 100, money in quote, days in UTC. null where too few trades tell."""

    trades: int
    wins: int
    losses: int
    win_rate_percent: Percent | None
    average_win: Money | None
    average_loss: Money | None
    profit_factor: Money | None
    realized: Money
    max_drawdown: Money
    """The deepest fall of the realised sum from its peak, which begins at 0."""
    best: Outcome | None
    worst: Outcome | None
    days: list[Day]


class Latency(Answer):
    count: int
    p50_ms: float | None
    p99_ms: float | None


class Slippage(Answer):
    count: int
    average_percent: float | None
    worst_percent: float | None


class ErrorRates(Answer):
    """Shares between 0 and 1 since the start; null before there was anything to count."""

    signals_rejected: float | None
    orders_rejected: float | None
    orders_failed: float | None
    orders_unknown: float | None


class Profit(Answer):
    currency: str
    equity: Money | None
    realized_today: Money
    realized_total: Money
    unrealized: Money


class Metrics(Answer):
    """Since the start of the process; a latency's percentiles are over its last 4,096 observations."""

    events: dict[str, int]
    orders: dict[str, int]
    rejections: dict[str, int]
    latencies: dict[str, Latency]
    queue_wait: Latency
    entry_slippage: Slippage
    exit_slippage: Slippage
    errors: ErrorRates
    open_groups: int
    queued: int
    loop_lag_ms: float
    profit: Profit


class Received(Answer):
    """What an event from another service led to."""

    type: str
    detail: str
    result: ExecutionResult | None = None


class ConfigChange(Answer):
    sequence: int
    at: Moment
    data: dict[str, Any]
