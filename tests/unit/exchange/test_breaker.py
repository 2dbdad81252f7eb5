"""When the breaker opens, what passes it, and how it closes."""

from __future__ import annotations

import asyncio

import pytest

from app.exchange.breaker import Breaker
from app.messages.reports import BreakerReport
from tests.support.clock import ManualClock, settle


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def told() -> list[BreakerReport]:
    return []


@pytest.fixture
def breaker(clock: ManualClock, told: list[BreakerReport]) -> Breaker:
    return Breaker("main", clock, told.append)


def fail(breaker: Breaker, times: int = 5) -> None:
    for _ in range(times):
        breaker.failed("time-out")


@pytest.fixture
async def probing(breaker: Breaker, clock: ManualClock) -> Breaker:
    """Its time is over, and a probe is under way."""
    fail(breaker)
    await clock.advance(10)
    breaker.allows()
    return breaker


def test_four_failures_leave_it_closed(breaker: Breaker) -> None:
    fail(breaker, 4)
    assert breaker.allows()


def test_the_fifth_failure_in_a_row_opens_it(breaker: Breaker, clock: ManualClock, told: list[BreakerReport]) -> None:
    fail(breaker)
    assert breaker.is_open
    assert not breaker.allows()
    assert breaker.retry_after() == 10.0
    assert told == [BreakerReport("main", True, clock.now(), "time-out")]


def test_exits_are_still_tried(breaker: Breaker) -> None:
    fail(breaker)
    assert breaker.allows(is_exit=True)


def test_a_success_between_starts_the_count_again(breaker: Breaker) -> None:
    fail(breaker, 4)
    breaker.succeeded()
    fail(breaker, 4)
    assert not breaker.is_open


async def test_failures_spread_over_more_than_a_minute_do_not_open_it(breaker: Breaker, clock: ManualClock) -> None:
    for _ in range(8):
        breaker.failed("time-out")
        await clock.advance(16)
    assert not breaker.is_open


async def test_after_ten_seconds_one_probe_may_try(breaker: Breaker, clock: ManualClock) -> None:
    fail(breaker)
    await clock.advance(10)
    assert breaker.allows()
    assert not breaker.allows()


async def test_a_probe_that_never_reports_is_followed_by_another(probing: Breaker, clock: ManualClock) -> None:
    await clock.advance(10)
    assert probing.allows()


async def test_the_probes_success_closes_it(probing: Breaker, clock: ManualClock, told: list[BreakerReport]) -> None:
    probing.succeeded()
    assert probing.allows()
    assert told[-1] == BreakerReport("main", False, clock.now())


async def test_each_failed_probe_doubles_the_time_up_to_five_minutes(breaker: Breaker, clock: ManualClock) -> None:
    fail(breaker)
    periods = []
    for _ in range(6):
        await clock.advance(breaker.retry_after())
        assert breaker.allows()
        breaker.failed("time-out")
        periods.append(breaker.retry_after())
    assert periods == [20, 40, 80, 160, 300, 300]


async def test_once_closed_it_opens_for_ten_seconds_again(probing: Breaker, clock: ManualClock) -> None:
    probing.failed("time-out")
    await clock.advance(20)
    probing.allows()
    probing.succeeded()
    fail(probing)
    assert probing.retry_after() == 10.0


def test_an_exit_that_gets_through_closes_it(breaker: Breaker) -> None:
    fail(breaker)
    breaker.succeeded()
    assert not breaker.is_open


def test_failures_while_open_are_told_once(breaker: Breaker, told: list[BreakerReport]) -> None:
    fail(breaker, 12)
    assert len(told) == 1


async def test_a_sign_of_the_venue_lets_a_probe_try_at_once(breaker: Breaker) -> None:
    fail(breaker)
    breaker.may_probe_now()
    assert breaker.allows()
    assert not breaker.allows()
    breaker.failed("time-out")
    assert breaker.retry_after() == 20.0


async def test_a_sign_of_the_venue_does_not_wait_for_a_probe_that_hangs(probing: Breaker) -> None:
    probing.may_probe_now()
    await probing.probed()
    assert probing.allows()


async def test_who_waits_for_the_probe_goes_on_with_its_success(probing: Breaker) -> None:
    waiting = asyncio.ensure_future(probing.probed())
    await settle()
    assert not waiting.done()
    probing.succeeded()
    await waiting
    assert probing.allows()


async def test_who_waits_for_the_probe_is_held_after_its_failure(probing: Breaker) -> None:
    waiting = asyncio.ensure_future(probing.probed())
    probing.failed("time-out")
    await waiting
    assert not probing.allows()


async def test_a_probe_that_was_given_up_is_followed_by_the_next(probing: Breaker) -> None:
    probing.over()
    await probing.probed()
    assert probing.allows()
    assert not probing.allows()


async def test_the_end_of_a_probe_that_failed_lets_nothing_through(probing: Breaker) -> None:
    probing.failed("time-out")
    probing.over()
    assert not probing.allows()


def test_a_sign_of_life_does_not_open_a_closed_breaker(breaker: Breaker) -> None:
    breaker.may_probe_now()
    assert not breaker.is_open
