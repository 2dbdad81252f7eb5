"""How well closed trades did: plain sums over their realised results (docs/api.md, Performance)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from app.domain.values import HUNDRED, ZERO


@dataclass(frozen=True, slots=True)
class Outcome:
    """One closed trade; `realized_pnl` in quote, after fees and funding."""

    id: str
    closed_at: datetime
    realized_pnl: Decimal


@dataclass(frozen=True, slots=True)
class Day:
    """A UTC day."""

    day: date
    realized: Decimal
    trades: int


@dataclass(frozen=True, slots=True)
class Performance:
    """Money in quote. A trade that realised exactly 0 is neither a win nor a loss, but counts in the rate.

    `win_rate_percent` needs a trade, `average_win` a win, `average_loss` (negative) and `profit_factor` a loss.
    `max_drawdown` is the deepest fall of the realised sum from its peak, which begins at 0; never negative.
    """

    trades: int
    wins: int
    losses: int
    win_rate_percent: Decimal | None
    average_win: Decimal | None
    average_loss: Decimal | None
    profit_factor: Decimal | None
    realized: Decimal
    max_drawdown: Decimal
    best: Outcome | None
    worst: Outcome | None
    days: tuple[Day, ...]
    """Those on which a trade was closed, oldest first."""


def performance(outcomes: Iterable[Outcome]) -> Performance:
    """The figures of `outcomes`, which may come in any order."""
    ordered = sorted(outcomes, key=lambda outcome: (outcome.closed_at, outcome.id))
    results = [outcome.realized_pnl for outcome in ordered]
    wins = [result for result in results if result > 0]
    losses = [result for result in results if result < 0]
    return Performance(
        trades=len(results),
        wins=len(wins),
        losses=len(losses),
        win_rate_percent=len(wins) * HUNDRED / len(results) if results else None,
        average_win=_average(wins),
        average_loss=_average(losses),
        profit_factor=sum(wins, ZERO) / -sum(losses, ZERO) if losses else None,
        realized=sum(results, ZERO),
        max_drawdown=max_drawdown(results),
        best=max(ordered, key=lambda outcome: outcome.realized_pnl, default=None),
        worst=min(ordered, key=lambda outcome: outcome.realized_pnl, default=None),
        days=_by_day(ordered),
    )


def max_drawdown(results: Iterable[Decimal]) -> Decimal:
    """The deepest fall of the running sum of `results` below its highest value so far, which begins at 0."""
    total = peak = deepest = ZERO
    for result in results:
        total += result
        peak = max(peak, total)
        deepest = max(deepest, peak - total)
    return deepest


def _average(results: Sequence[Decimal]) -> Decimal | None:
    return sum(results, ZERO) / len(results) if results else None


def _by_day(ordered: Iterable[Outcome]) -> tuple[Day, ...]:
    found: defaultdict[date, list[Decimal]] = defaultdict(list)
    for outcome in ordered:
        found[outcome.closed_at.astimezone(UTC).date()].append(outcome.realized_pnl)
    return tuple(Day(day, sum(results, ZERO), len(results)) for day, results in sorted(found.items()))
