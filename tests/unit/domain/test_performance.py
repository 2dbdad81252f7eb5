"""What is said of closed trades."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from app.domain.performance import Day, Outcome, max_drawdown, performance

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
CENTS = st.integers(-1_000_000, 1_000_000).map(lambda cents: Decimal(cents) / 100)


def outcomes_of(results: Sequence[Decimal | int | str], apart: timedelta = timedelta(hours=1)) -> list[Outcome]:
    return [Outcome(f"g{number:07d}", NOON + apart * number, Decimal(item)) for number, item in enumerate(results)]


def told(*figures: object) -> tuple[object, ...]:
    """Compared by value, whatever kind of number each is."""
    return figures


def test_without_trades_nothing_is_claimed() -> None:
    found = performance([])
    assert told(found.trades, found.realized, found.max_drawdown, found.days) == (0, 0, 0, ())
    assert {found.win_rate_percent, found.average_win, found.average_loss, found.profit_factor} == {None}
    assert told(found.best, found.worst) == (None, None)


def test_only_wins_have_no_profit_factor() -> None:
    found = performance(outcomes_of([1, 2]))
    assert told(found.win_rate_percent, found.average_win) == (100, Decimal("1.5"))
    assert told(found.average_loss, found.profit_factor) == (None, None)


def test_only_losses_have_a_profit_factor_of_zero() -> None:
    found = performance(outcomes_of([-1, -3]))
    assert told(found.win_rate_percent, found.average_win, found.average_loss) == (0, None, -2)
    assert told(found.profit_factor, found.max_drawdown) == (0, 4)


def test_wins_and_losses_are_weighed_against_each_other() -> None:
    found = performance(outcomes_of([10, -4, 0, 6]))
    assert told(found.trades, found.wins, found.losses) == (4, 2, 1)
    assert told(found.win_rate_percent, found.average_win, found.average_loss) == (50, 8, -4)
    assert told(found.profit_factor, found.realized) == (4, 12)
    assert found.best is not None
    assert found.worst is not None
    assert told(found.best.realized_pnl, found.worst.realized_pnl) == (10, -4)


def test_the_drawdown_is_the_deepest_fall_from_a_peak() -> None:
    assert max_drawdown(map(Decimal, (10, -4, 8, -9, -1, 3))) == 10
    assert max_drawdown(map(Decimal, (-5, 2))) == 5
    assert max_drawdown([]) == 0


def test_days_are_those_of_utc() -> None:
    eastern = timezone(timedelta(hours=5))
    early = Outcome("g0000001", datetime(2026, 1, 6, 2, tzinfo=eastern), Decimal(3))
    late = Outcome("g0000002", datetime(2026, 1, 6, 6, tzinfo=eastern), Decimal(-1))
    days = performance([late, early]).days
    assert days == (Day(date(2026, 1, 5), Decimal(3), 1), Day(date(2026, 1, 6), Decimal(-1), 1))


@given(st.lists(CENTS, max_size=40).flatmap(lambda results: st.tuples(st.just(results), st.permutations(results))))
def test_the_figures_agree_with_each_other(given_and_mixed: tuple[list[Decimal], list[Decimal]]) -> None:
    results, mixed = given_and_mixed
    found, other = performance(outcomes_of(results, timedelta(hours=7))), performance(outcomes_of(mixed))
    assert found.realized == sum(results) == sum(day.realized for day in found.days)
    assert found.trades == len(results) == sum(day.trades for day in found.days)
    assert told(found.realized, found.profit_factor, found.wins) == (other.realized, other.profit_factor, other.wins)
    assert found.max_drawdown >= max([Decimal(0), -found.realized, *(-result for result in results)])
    assert found.max_drawdown <= -sum(result for result in results if result < 0)
    if found.best is not None and found.worst is not None:
        assert found.worst.realized_pnl <= found.best.realized_pnl


@given(st.lists(CENTS, max_size=40).flatmap(lambda results: st.permutations(outcomes_of(results))))
def test_the_order_in_which_trades_come_does_not_matter(mixed: list[Outcome]) -> None:
    assert performance(mixed) == performance(sorted(mixed, key=lambda outcome: outcome.closed_at))
