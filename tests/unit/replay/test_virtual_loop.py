import asyncio
import heapq
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.replay.virtual_loop import Deadlock, Livelock, VirtualLoop, run, virtual_clock

START = datetime(2026, 1, 5, tzinfo=UTC)

Seen = list[tuple[int, int]]
"""The microsecond at which each numbered timer ran."""


async def pause(seconds: float) -> None:
    loop = asyncio.get_running_loop()
    over = loop.create_future()
    loop.call_later(seconds, over.set_result, None)
    await over


def test_time_stands_still_while_the_loop_settles() -> None:
    async def main(loop: VirtualLoop) -> tuple[list[str], float]:
        seen: list[str] = []
        loop.call_later(1, seen.append, "timer")
        loop.call_soon(lambda: loop.call_soon(seen.append, "what a callback scheduled"))
        await loop.settle()
        return seen, loop.time()

    assert run(main) == (["what a callback scheduled"], 0.0)


def test_a_timer_without_delay_belongs_to_the_present_instant() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        seen: list[int] = []
        loop.call_later(0, lambda: loop.call_at(-5, seen.append, 1))
        await loop.settle()
        return seen

    assert run(main) == [1]


def test_a_sleeping_task_waits_until_the_time_is_advanced() -> None:
    async def main(loop: VirtualLoop) -> list[float]:
        woken: list[float] = []

        async def sleeper() -> None:
            await pause(2)
            woken.append(loop.time())

        task = asyncio.create_task(sleeper())
        await loop.settle()
        assert woken == []
        await loop.advance_to(1.9)
        assert woken == []
        await loop.advance_to(5)
        await task
        return woken

    assert run(main) == [2.0]


def test_timers_due_at_the_target_run_and_later_ones_wait() -> None:
    async def main(loop: VirtualLoop) -> tuple[list[str], float]:
        seen: list[str] = []
        loop.call_at(10, seen.append, "at the target")
        loop.call_at(10.000001, seen.append, "after it")
        await loop.advance_to(10)
        return seen, loop.time()

    assert run(main) == (["at the target"], 10.0)


def test_everything_settles_between_two_instants() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        seen: list[str] = []
        loop.call_at(1, lambda: loop.call_soon(lambda: loop.call_soon(seen.append, "consequence of the first")))
        loop.call_at(1.000001, seen.append, "second")
        await loop.advance_to(2)
        return seen

    assert run(main) == ["consequence of the first", "second"]


def test_a_sum_of_floats_falls_into_the_microsecond_it_means() -> None:
    async def main(loop: VirtualLoop) -> list[int]:
        seen: list[int] = []
        loop.call_at(0.1 + 0.2, lambda: seen.append(loop.microseconds))
        await loop.advance_to(0.3)
        return seen

    assert run(main) == [300_000]


def test_the_clock_fires_its_timers_at_their_own_microseconds() -> None:
    async def main(loop: VirtualLoop) -> list[datetime]:
        clock = virtual_clock(START, loop)
        seen: list[datetime] = []

        async def ticker() -> None:
            for _ in range(30):
                await clock.sleep(0.1)
                seen.append(clock.now())

        clock.call_later(0.3, lambda: seen.append(clock.now()))
        task = asyncio.create_task(ticker())
        await loop.advance_to(Decimal("3.0"))
        assert task.done()
        return seen

    ticks = [START + timedelta(milliseconds=100 * n) for n in range(1, 31)]
    assert run(main) == sorted([*ticks, START + timedelta(milliseconds=300)])


def test_the_clock_does_not_drift_over_a_million_seconds() -> None:
    async def main(loop: VirtualLoop) -> datetime:
        clock = virtual_clock(START, loop)
        for step in range(1, 1_001):
            await loop.advance_to(Decimal(step) * Decimal("1000.000001"))
        return clock.now()

    assert run(main) == START + timedelta(seconds=1_000_000, microseconds=1_000)


def test_a_cancelled_timer_does_not_run_even_in_its_own_instant() -> None:
    async def main(loop: VirtualLoop) -> list[str]:
        seen: list[str] = []
        same_instant: list[asyncio.TimerHandle] = []
        loop.call_at(1, lambda: same_instant[0].cancel())  # noqa: PLW0108 - there is nothing in the list yet
        same_instant.append(loop.call_at(1, seen.append, "cancelled by the one before"))
        loop.call_at(2, seen.append, "cancelled in time").cancel()
        await loop.advance_to(3)
        return seen

    assert run(main) == []


def test_cancelled_timers_are_forgotten() -> None:
    async def main(loop: VirtualLoop) -> int:
        kept = [loop.call_later(3600, print) for _ in range(10)]
        for _ in range(10_000):
            loop.call_later(3600, print).cancel()
        assert not any(timer.cancelled() for timer in kept)
        return len(loop._timers)

    assert run(main) < 300


def test_time_limits_work() -> None:
    async def main(loop: VirtualLoop) -> float:
        never = loop.create_future()
        task = asyncio.create_task(asyncio.wait_for(never, 5))
        await loop.advance_to(60)
        assert isinstance(task.exception(), TimeoutError)
        return loop.time()

    assert run(main) == 60.0


def test_advance_until_stops_at_the_instant_of_the_answer() -> None:
    async def main(loop: VirtualLoop) -> tuple[bool, float, bool, float]:
        answer = asyncio.create_task(pause(3))
        late = asyncio.create_task(pause(30))
        came = await loop.advance_until(answer, 10)
        at = loop.time()
        return came, at, await loop.advance_until(late, 10), loop.time()

    assert run(main) == (True, 3.0, False, 10.0)


def test_time_does_not_go_back() -> None:
    async def main(loop: VirtualLoop) -> None:
        await loop.advance_to(5)
        await loop.advance_to(4)

    with pytest.raises(ValueError, match="does not go back"):
        run(main)


def test_waiting_for_what_never_comes_is_an_error_that_names_the_place() -> None:
    async def forever(loop: VirtualLoop) -> None:
        await loop.create_future()

    async def main(loop: VirtualLoop) -> None:
        await forever(loop)

    with pytest.raises(Deadlock, match=r"no timer is set; waiting: .*main:\d+ > .*forever:\d+"):
        run(main)


def test_waiting_for_a_timer_that_nobody_advances_to_is_an_error() -> None:
    async def main(loop: VirtualLoop) -> None:
        await pause(7)

    with pytest.raises(Deadlock, match=r"before 7\.0 s and nobody advances"):
        run(main)


def test_leftovers_are_cancelled_and_given_time_to_end() -> None:
    ended: list[float] = []

    async def stubborn(loop: VirtualLoop) -> None:
        try:
            await loop.create_future()
        finally:
            await pause(60)
            ended.append(loop.time())

    async def main(loop: VirtualLoop) -> str:
        asyncio.create_task(stubborn(loop))  # noqa: RUF006 - is to be left over
        await loop.settle()
        return "done"

    assert run(main) == "done"
    assert ended == [60.0]


def test_an_error_of_main_comes_out_as_it_is() -> None:
    async def main(loop: VirtualLoop) -> None:
        asyncio.create_task(pause(5))  # noqa: RUF006 - is to be left over
        await loop.settle()
        raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        run(main)


def test_threads_are_refused() -> None:
    async def main(loop: VirtualLoop) -> str:
        with pytest.raises(RuntimeError, match="another thread"):
            await asyncio.to_thread(print)
        errors: list[str] = []

        def elsewhere() -> None:
            try:
                loop.call_soon_threadsafe(print)
            except RuntimeError as error:
                errors.append(str(error))

        thread = threading.Thread(target=elsewhere)
        thread.start()
        thread.join()
        return errors[0]

    assert "nothing from other threads" in run(main)


def test_sockets_are_refused() -> None:
    async def main(loop: VirtualLoop) -> None:
        loop.add_reader(0, print)

    with pytest.raises(RuntimeError, match="no files and sockets"):
        run(main)


delays = st.one_of(
    st.integers(0, 20).map(lambda tenths: tenths / 10), st.floats(0, 3, allow_nan=False), st.just(0.000001)
)
timers = st.lists(st.tuples(delays, st.integers(0, 2), st.booleans()), min_size=1, max_size=30)
"""Delay, how many timers it sets when it fires, and whether it cancels the last timer set."""
targets = st.lists(st.integers(0, 9_000_000), min_size=1, max_size=6).map(sorted)


def by_the_loop(plan: list[tuple[float, int, bool]], stops: list[int]) -> tuple[Seen, list[int]]:
    async def main(loop: VirtualLoop) -> tuple[Seen, list[int]]:
        seen: Seen = []
        handles: list[asyncio.TimerHandle] = []
        queue: Iterator[tuple[int, tuple[float, int, bool]]] = iter(enumerate(plan))

        def start(amount: int) -> None:
            for _ in range(amount):
                if (entry := next(queue, None)) is not None:
                    number, (delay, children, cancels) = entry
                    due = loop.microseconds / 1_000_000 + delay
                    handles.append(loop.call_at(due, fire, number, children, cancels))

        def fire(number: int, children: int, cancels: bool) -> None:
            seen.append((loop.microseconds, number))
            if cancels:
                handles[-1].cancel()
            loop.call_soon(start, children)

        start(4)
        counts: list[int] = []
        for stop in stops:
            await loop.advance_to(Decimal(stop) / 1_000_000)
            counts.append(len(seen))
        return seen, counts

    return run(main)


def by_the_model(plan: list[tuple[float, int, bool]], stops: list[int]) -> tuple[Seen, list[int]]:
    seen: Seen = []
    counts: list[int] = []
    heap: list[tuple[int, int]] = []
    cancelled: set[int] = set()
    numbers = count()
    now = last = 0

    def start(amount: int) -> None:
        nonlocal last
        for _ in range(amount):
            if (number := next(numbers)) < len(plan):
                due = max(round((now / 1_000_000 + plan[number][0]) * 1_000_000), now)
                heapq.heappush(heap, (due, number))
                last = number

    start(4)
    for stop in stops:
        while heap and heap[0][0] <= stop:
            now = heap[0][0]
            together = []
            while heap and heap[0][0] == now:
                together.append(heapq.heappop(heap)[1])
            children = 0
            for number in together:
                if number not in cancelled:
                    seen.append((now, number))
                    if plan[number][2]:
                        cancelled.add(last)
                    children += plan[number][1]
            start(children)
        now = max(now, stop)
        counts.append(len(seen))
    return seen, counts


@given(timers, targets)
def test_random_timers_run_in_the_order_and_at_the_instants_of_a_simple_model(
    plan: list[tuple[float, int, bool]], stops: list[int]
) -> None:
    assert by_the_loop(plan, stops) == by_the_model(plan, stops)


@given(timers, targets)
def test_two_runs_are_equal(plan: list[tuple[float, int, bool]], stops: list[int]) -> None:
    assert by_the_loop(plan, stops) == by_the_loop(plan, stops)


def test_an_instant_that_does_not_end_is_an_error() -> None:
    async def main(loop: VirtualLoop) -> None:
        def turn_again() -> None:
            loop.call_soon(turn_again)

        turn_again()
        await loop.advance_to(3)

    with pytest.raises(Livelock, match=r"^at 0\.0 s there is no end"):
        run(main)
