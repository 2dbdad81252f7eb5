"""Candles from the prices seen."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from app.domain.market import Quote
from app.exchange.paper.candles import CandleTape
from tests.unit.exchange.paper.bench import SOL

MONDAY = datetime(2026, 1, 5, tzinfo=UTC)


def tape_of(*points: tuple[float, str], start: datetime = MONDAY) -> CandleTape:
    """A tape that saw (seconds after the start, price)."""
    tape = CandleTape()
    for seconds, price in points:
        tape.add(SOL, Quote.flat(Decimal(price), start + timedelta(seconds=seconds)))
    return tape


def test_a_bar_has_the_first_highest_lowest_and_last_price() -> None:
    bars = tape_of((0, "10"), (20, "12"), (40, "9"), (59, "11"), (60, "20")).bars(SOL, "1m", 10)

    assert [(bar.at, bar.open, bar.high, bar.low, bar.close) for bar in bars] == [
        (MONDAY, Decimal(10), Decimal(12), Decimal(9), Decimal(11)),
        (MONDAY + timedelta(minutes=1), Decimal(20), Decimal(20), Decimal(20), Decimal(20)),
    ]


@pytest.mark.parametrize("timeframe", ["30S", "1m", "15", "90", "60", "4h", "D", "W", "1M"])
def test_every_timeframe_is_put_together(timeframe: str) -> None:
    bars = tape_of((0, "10"), (5, "12"), (10, "9")).bars(SOL, timeframe, 10)

    assert [(bar.open, bar.high, bar.low, bar.close) for bar in bars] == [
        (Decimal(10), Decimal(12), Decimal(9), Decimal(9))
    ]


def test_weeks_begin_on_monday_and_months_on_the_first() -> None:
    sunday = datetime(2026, 2, 1, 23, tzinfo=UTC)
    tape = tape_of((0, "1"), (7_200, "2"), start=sunday)

    assert [bar.at for bar in tape.bars(SOL, "W", 5)] == [
        datetime(2026, 1, 26, tzinfo=UTC),
        datetime(2026, 2, 2, tzinfo=UTC),
    ]
    assert [bar.at for bar in tape.bars(SOL, "1M", 5)] == [datetime(2026, 2, 1, tzinfo=UTC)]
    assert [bar.at for bar in tape.bars(SOL, "3M", 5)] == [datetime(2026, 1, 1, tzinfo=UTC)]


def test_only_the_last_are_given_and_only_so_many_kept() -> None:
    tape = tape_of(*((minute * 60, str(minute + 1)) for minute in range(3_000)))

    assert [bar.close for bar in tape.bars(SOL, "1m", 2)] == [Decimal(2_999), Decimal(3_000)]
    assert len(tape.bars(SOL, "1m", 10_000)) == 2_000
    assert len(tape.bars(SOL, "1h", 10_000)) == 50


def test_nothing_seen_is_nothing_told() -> None:
    tape = CandleTape()

    assert tape.bars(SOL, "1m", 5) == []
    with pytest.raises(ValueError, match="timeframe"):
        tape.bars(SOL, "soon", 5)
