"""Equity samples of all accounts as one curve. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from decimal import Decimal

from app.gui.charts.equity_points import EquityPoint
from app.messages.records import EquitySample
from app.messages.snapshots import EngineSnapshot, MoneySnapshot


def counted(samples: Iterable[EquitySample], engine: EngineSnapshot) -> tuple[EquitySample, ...]:
    """Those of the accounts that the engine's money is of."""
    ids = {account.id for account in engine.accounts if account.environment == engine.money.environment}
    return tuple(sample for sample in samples if sample.account in ids)


def equity_points(samples: Iterable[EquitySample]) -> tuple[EquityPoint, ...]:
    """Oldest first. Realised is what the accounts would be worth without what is open; an account that has no sample
    at a moment counts with its last one."""
    last: dict[str, EquitySample] = {}
    points: dict[datetime, EquityPoint] = {}
    realised = total = Decimal(0)
    for sample in samples:
        before = last.get(sample.account)
        total += sample.equity - (before.equity if before else 0)
        realised += sample.realized - before.realized if before else sample.equity
        last[sample.account] = sample
        points[sample.at] = EquityPoint(sample.at, realised, total)
    return tuple(points.values())


def realised_until(samples: Iterable[EquitySample]) -> Decimal:
    """All that was ever realised, as the last sample of each account says."""
    return sum({sample.account: sample.realized for sample in samples}.values(), Decimal(0))


def live_point(
    points: Sequence[EquityPoint], realised: Decimal, money: MoneySnapshot, now: datetime
) -> EquityPoint | None:
    """The curve's end at this moment; `realised` is what was realised until its last sample."""
    if not points or money.equity is None or now < points[-1].at:
        return None
    return EquityPoint(now, points[-1].realised + money.realized_total - realised, money.equity)
