from datetime import UTC, datetime, timedelta
from itertools import accumulate

from hypothesis import given
from hypothesis import strategies as st

from app.domain.churn import BUDGETS, MOST_MOVES, next_move_at

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)


def second(number: float) -> datetime:
    return NOON + timedelta(seconds=number)


def test_h20_a_stop_is_moved_at_once_while_there_is_room() -> None:
    assert next_move_at([], NOON) == NOON
    assert next_move_at([NOON] * 19, NOON) == NOON


def test_h20_the_twenty_first_move_waits_until_the_first_is_ten_seconds_old() -> None:
    moves = [second(number / 10) for number in range(20)]
    assert next_move_at(moves, second(3)) == second(10)
    assert next_move_at(moves, second(10)) == second(10)


def test_h20_the_sixty_first_waits_until_the_first_is_a_minute_old() -> None:
    moves = [second(number * 0.9) for number in range(60)]
    assert next_move_at(moves, second(55)) == second(60)


@given(st.lists(st.floats(0, 30), max_size=200))
def test_h20_who_asks_each_time_never_goes_beyond_a_budget(pauses: list[float]) -> None:
    moves: list[datetime] = []
    for asked in accumulate(pauses):
        moves.append(next_move_at(moves[-MOST_MOVES:], max([second(asked), *moves])))
    for most, span in BUDGETS:
        assert all(later - first >= span for first, later in zip(moves, moves[most:], strict=False))
