"""The emergency stop, the limits and the offset engine as they are answered."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator

from app.api.models.engine import Emergency
from app.api.models.values import Answer, Moment, Money, Percent

Ids = Annotated[list[str], BeforeValidator(sorted)]


class Limit(Answer):
    name: str
    used: Money
    limit: Money
    unit: str
    share: Percent
    """Used part, in percent."""


class Condition(Answer):
    name: str
    met: bool
    detail: str


class Assessment(Answer):
    group_id: str
    account: str
    symbol: str
    timeframe: str
    loss_percent: Percent
    profit: Money
    timer_left_sec: int | None
    eligible: bool
    conditions: list[Condition]


class Payment(Answer):
    group_id: str
    symbol: str
    timeframe: str
    quantity: Money
    open_quantity: Money
    profit: Money
    pays: Money
    fee: Money
    whole: bool


class Plan(Answer):
    loser_id: str
    account: str
    symbol: str
    timeframe: str
    loss: Money
    required: Money
    covered: Money
    loser_quantity: Money
    whole: bool
    winners: list[Payment]
    due: bool
    refusal: str | None


class Payer(Answer):
    group_id: str
    symbol: str
    timeframe: str
    quantity: Money
    expected: Money
    realized: Money
    fees: Money
    done: bool


class RiskAction(Answer):
    id: str
    at: Moment
    status: str
    started_by: str
    loser_id: str
    account: str
    loser: str
    timeframe: str
    loser_quantity: Money
    loss: Money
    required: Money
    expected: Money
    winners: list[Payer]
    realized: Money
    loser_realized: Money
    orders: list[str]
    finished_at: Moment | None
    detail: str | None


class Closing(Answer):
    group_id: str
    account: str
    symbol: str
    timeframe: str
    side: str
    status: str
    detail: str | None
    realized_pnl: Money


class CloseAllProgress(Answer):
    started_at: Moment
    groups: list[Closing]
    verified: dict[str, bool | None]
    """By account: whether a reading after the last close found it flat; null before it was read."""
    finished_at: Moment | None


class Risk(Answer):
    emergency: Emergency
    limits: list[Limit]
    mode: str
    held_by: str | None
    groups: list[Assessment]
    blocked: Ids
    skipped: Ids
    plan: Plan | None
    actions: list[RiskAction]
    actions_today: int
    max_actions_per_day: int
    close_all: CloseAllProgress | None


class ClosingAll(Answer):
    detail: str
    group_ids: list[str]
    progress: CloseAllProgress | None
