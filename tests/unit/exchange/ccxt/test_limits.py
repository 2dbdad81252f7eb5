"""Who may spend what is left of the limits, and when."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest

from app.exchange.ccxt.dialects.base import NEW_ORDERS, Budget, Dialect, Operation, Pool
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.dialects.bybit import BYBIT_LINEAR, BYBIT_SPOT
from app.exchange.ccxt.limits import Host, Limiter, Priority
from tests.support.clock import ManualClock, settle

WEIGHT = Budget(Pool.WEIGHT, 100, 60.0, "x-used")
ORDERS = Budget(Pool.ORDERS, 10, 10.0)
LEFT = Budget(Pool.ORDERS, 10, 10.0, "x-left", tells_rest=True)
ROLLING = Budget(Pool.ORDERS, 10, 1.0, "x-left", tells_rest=True, rolls=True)
CANCELS = replace(ROLLING, pool=Pool.CANCELS)


class Queue:
    """A limiter whose takers write their names down when it is their turn."""

    def __init__(self, clock: ManualClock, budgets: Sequence[Budget], host: Host | None = None) -> None:
        self.budgets = budgets
        self.host = host or Host(budgets, clock)
        self.limiter = Limiter(self.host, budgets, clock)
        self.passed: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}

    async def ask(self, name: str, priority: Priority, weight: int, orders: int = 0, cancels: int = 0) -> None:
        parts = {Pool.WEIGHT: weight, Pool.ORDERS: orders, Pool.CANCELS: cancels}

        async def take() -> None:
            await self.limiter.take(priority, {budget: parts[budget.pool] for budget in self.budgets})
            self.passed.append(name)

        self.tasks[name] = asyncio.create_task(take())
        await settle()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def queue(clock: ManualClock) -> Queue:
    return Queue(clock, (WEIGHT, ORDERS))


async def test_what_fits_passes_at_once(queue: Queue) -> None:
    await queue.ask("a", Priority.EXIT, 60)
    await queue.ask("b", Priority.EXIT, 40)
    assert queue.passed == ["a", "b"]


async def test_what_does_not_fit_waits_for_the_refill(queue: Queue, clock: ManualClock) -> None:
    await queue.ask("a", Priority.EXIT, 100)
    await queue.ask("b", Priority.EXIT, 10)
    await clock.advance(5.9)
    assert queue.passed == ["a"]
    await clock.advance(0.2)
    assert queue.passed == ["a", "b"]


async def test_h28_reads_leave_something_for_orders_and_entries_for_exits(queue: Queue) -> None:
    await queue.ask("read", Priority.READ, 75)
    await queue.ask("next read", Priority.READ, 1)
    await queue.ask("entry", Priority.ENTRY, 15)
    await queue.ask("next entry", Priority.ENTRY, 1)
    await queue.ask("exit", Priority.EXIT, 10)
    assert queue.passed == ["read", "entry", "exit"]


async def test_exits_go_before_entries_and_entries_before_reads(queue: Queue, clock: ManualClock) -> None:
    await queue.ask("first", Priority.EXIT, 100)
    await queue.ask("read", Priority.READ, 1)
    await queue.ask("entry", Priority.ENTRY, 1)
    await queue.ask("exit", Priority.EXIT, 1)
    await clock.advance(60)
    assert queue.passed == ["first", "exit", "entry", "read"]


async def test_a_request_heavier_than_its_share_passes_when_the_bucket_is_full(queue: Queue) -> None:
    await queue.ask("read", Priority.READ, 90)
    assert queue.passed == ["read"]


async def test_h27_orders_are_counted_by_themselves(queue: Queue, clock: ManualClock) -> None:
    await queue.ask("ten", Priority.EXIT, 0, orders=10)
    await queue.ask("one", Priority.EXIT, 0, orders=1)
    assert queue.passed == ["ten"]
    await clock.advance(1)
    assert queue.passed == ["ten", "one"]


async def test_used_weight_told_by_the_venue_corrects_our_count(queue: Queue) -> None:
    queue.limiter.over({WEIGHT: 1}, {"x-used": "95"})
    await queue.ask("a", Priority.EXIT, 10)
    assert queue.passed == []
    assert queue.limiter.used()[Pool.WEIGHT] == pytest.approx(0.95)


async def test_a_venue_that_counted_less_gives_nothing_back(queue: Queue) -> None:
    await queue.ask("a", Priority.EXIT, 100)
    queue.limiter.over({WEIGHT: 100}, {"x-used": "1", "x-other": "5"})
    await queue.ask("b", Priority.EXIT, 10)
    assert queue.passed == ["a"]


async def test_nonsense_in_a_header_is_passed_over(queue: Queue) -> None:
    queue.limiter.over({WEIGHT: 1}, {"x-used": "many"})
    await queue.ask("a", Priority.EXIT, 100)
    assert queue.passed == ["a"]


async def test_a_header_may_tell_what_is_left(clock: ManualClock) -> None:
    queue = Queue(clock, (LEFT,))
    queue.limiter.over({LEFT: 1}, {"x-left": "2"})
    await queue.ask("a", Priority.EXIT, 0, orders=3)
    assert queue.passed == []


async def test_h28_a_pause_stops_everybody_until_it_is_over(queue: Queue, clock: ManualClock) -> None:
    queue.host.pause(30)
    queue.host.pause(5)
    await queue.ask("exit", Priority.EXIT, 1)
    await clock.advance(29.9)
    assert queue.passed == []
    await clock.advance(0.2)
    assert queue.passed == ["exit"]


async def test_h28_accounts_at_one_venue_share_its_weight_and_its_bans(queue: Queue, clock: ManualClock) -> None:
    other = Queue(clock, (WEIGHT, ORDERS), queue.host)
    await queue.ask("a", Priority.EXIT, 100)
    await other.ask("b", Priority.EXIT, 10)
    assert other.passed == []
    queue.host.pause(30)
    await clock.advance(20)
    assert other.passed == []
    await clock.advance(11)
    assert other.passed == ["b"]


async def test_one_who_gave_up_costs_nothing(queue: Queue, clock: ManualClock) -> None:
    await queue.ask("a", Priority.EXIT, 100)
    await queue.ask("gone", Priority.EXIT, 50)
    queue.tasks["gone"].cancel()
    await queue.ask("b", Priority.ENTRY, 10)
    await clock.advance(12.5)
    assert queue.passed == ["a", "b"]


async def test_a_request_that_fits_need_not_wait_its_turn_but_none_overtakes_those_who_do(queue: Queue) -> None:
    assert queue.limiter.take_now(Priority.ENTRY, {WEIGHT: 80})
    assert not queue.limiter.take_now(Priority.ENTRY, {WEIGHT: 20})
    await queue.ask("entry", Priority.ENTRY, 20)
    assert queue.passed == []
    assert not queue.limiter.take_now(Priority.EXIT, {WEIGHT: 20})
    queue.tasks["entry"].cancel()


async def test_what_was_taken_at_once_is_counted(queue: Queue) -> None:
    assert queue.limiter.take_now(Priority.EXIT, {WEIGHT: 100, ORDERS: 10})
    assert not queue.limiter.take_now(Priority.EXIT, {WEIGHT: 1})
    assert queue.limiter.used() == {Pool.WEIGHT: 1.0, Pool.ORDERS: 1.0}


# ------------------------------------------------------------------------------------ windows that roll, and accounts


@pytest.fixture
def rolling(clock: ManualClock) -> Queue:
    return Queue(clock, (WEIGHT, ROLLING, CANCELS))


async def test_a_window_that_rolls_gives_nothing_back_before_its_time(rolling: Queue, clock: ManualClock) -> None:
    await rolling.ask("six", Priority.EXIT, 0, cancels=6)
    rolling.limiter.over({CANCELS: 6})
    await clock.advance(0.5)
    await rolling.ask("four", Priority.EXIT, 0, cancels=4)
    rolling.limiter.over({CANCELS: 4})
    await rolling.ask("one", Priority.EXIT, 0, cancels=1)
    await clock.advance(0.45)
    assert rolling.passed == ["six", "four"]
    await clock.advance(0.1)
    assert rolling.passed == ["six", "four", "one"]
    await rolling.ask("six more", Priority.EXIT, 0, cancels=6)
    await clock.advance(0.4)
    assert rolling.passed == ["six", "four", "one"]
    await clock.advance(0.1)
    assert rolling.passed == ["six", "four", "one", "six more"]


async def test_what_was_sent_may_count_as_late_as_it_is_answered(rolling: Queue, clock: ManualClock) -> None:
    await rolling.ask("ten", Priority.EXIT, 0, cancels=10)
    await rolling.ask("ten more", Priority.EXIT, 0, cancels=10)
    await clock.advance(5.5)
    rolling.limiter.over({CANCELS: 10})
    await clock.advance(0.9)
    assert rolling.passed == ["ten"]
    await clock.advance(0.2)
    assert rolling.passed == ["ten", "ten more"]


async def test_one_who_gave_up_as_it_was_his_turn_holds_nothing(rolling: Queue, clock: ManualClock) -> None:
    await rolling.ask("ten", Priority.EXIT, 0, cancels=10)
    rolling.limiter.over({CANCELS: 10})
    await rolling.ask("gone", Priority.EXIT, 0, cancels=10)
    clock.monotonic = lambda: 1.5  # type: ignore[method-assign]  # no timer runs, so that both happen in one turn
    rolling.limiter.over({})
    rolling.tasks["gone"].cancel()
    await settle()
    assert rolling.limiter.used()[Pool.CANCELS] == 1.0
    clock.monotonic = lambda: 3.0  # type: ignore[method-assign]  # as above
    assert rolling.limiter.used()[Pool.CANCELS] == 0.0
    assert rolling.passed == ["ten"]


async def test_an_answer_tells_what_is_left_of_the_budget_that_it_came_out_of_and_of_no_other(
    rolling: Queue, clock: ManualClock
) -> None:
    rolling.limiter.over({WEIGHT: 1, CANCELS: 1}, {"x-left": "2"})
    await rolling.ask("orders", Priority.EXIT, 0, orders=10)
    await rolling.ask("two", Priority.EXIT, 0, cancels=2)
    await rolling.ask("one", Priority.EXIT, 0, cancels=1)
    assert rolling.passed == ["orders", "two"]
    await clock.advance(1.1)
    assert rolling.passed == ["orders", "two", "one"]


async def test_an_order_need_not_wait_behind_cancels_of_which_there_were_too_many(rolling: Queue) -> None:
    await rolling.ask("ten", Priority.EXIT, 1, cancels=10)
    await rolling.ask("one more", Priority.EXIT, 1, cancels=1)
    await rolling.ask("exit", Priority.EXIT, 1, orders=1)
    assert rolling.limiter.take_now(Priority.EXIT, {WEIGHT: 1, ROLLING: 1})
    assert not rolling.limiter.take_now(Priority.EXIT, {WEIGHT: 1, CANCELS: 1})
    assert rolling.passed == ["ten", "exit"]
    rolling.tasks["one more"].cancel()


async def test_a_pause_of_one_account_stops_no_other(queue: Queue, clock: ManualClock) -> None:
    other = Queue(clock, (WEIGHT, ORDERS), queue.host)
    queue.limiter.pause(30)
    await queue.ask("own", Priority.EXIT, 1)
    await other.ask("other", Priority.EXIT, 1)
    assert (queue.passed, other.passed) == ([], ["other"])
    assert not queue.limiter.take_now(Priority.EXIT, {WEIGHT: 1})
    await clock.advance(30.1)
    assert queue.passed == ["own"]


# ---------------------------------------------------------------------------------------------- of which operations


def limiter_of(dialect: Dialect, clock: ManualClock) -> Limiter:
    return Limiter(Host(dialect.budgets, clock), dialect.budgets, clock)


@pytest.mark.parametrize("dialect", [BYBIT_LINEAR, BYBIT_SPOT])
@pytest.mark.parametrize("before", [Priority.ENTRY, Priority.EXIT])
async def test_h28_a_stop_at_bybit_does_not_wait_for_the_answer_to_a_batch(
    clock: ManualClock, dialect: Dialect, before: Priority
) -> None:
    limiter, most = limiter_of(dialect, clock), dialect.batch_size
    for _ in range(2):
        limiter.take_now(before, dialect.cost(Operation.CREATE_BATCH, most))
    assert limiter.take_now(Priority.EXIT, dialect.cost(Operation.CREATE, 1))


async def test_h28_each_of_bybits_changes_is_counted_by_itself(clock: ManualClock) -> None:
    costs = [BYBIT_SPOT.cost(operation, 10) for operation in (*NEW_ORDERS, Operation.CANCEL)]
    limiter = limiter_of(BYBIT_SPOT, clock)
    assert all(limiter.take_now(Priority.EXIT, cost) for cost in costs)
    amend = BYBIT_SPOT.cost(Operation.AMEND, 1)
    assert not limiter.take_now(Priority.EXIT, amend)
    limiter.over(amend, {"x-bapi-limit-status": "0"})
    others = (Operation.CREATE, Operation.CREATE_BATCH, Operation.CANCEL)
    assert all(limiter.take_now(Priority.EXIT, BYBIT_SPOT.cost(operation, 10)) for operation in others)


async def test_h27_binance_counts_new_orders_together(clock: ManualClock) -> None:
    limiter = limiter_of(BINANCE_USDM, clock)
    assert limiter.take_now(Priority.EXIT, BINANCE_USDM.cost(Operation.AMEND, 150))
    assert limiter.take_now(Priority.EXIT, BINANCE_USDM.cost(Operation.CREATE_BATCH, 150))
    assert not limiter.take_now(Priority.EXIT, BINANCE_USDM.cost(Operation.CREATE, 1))
    assert limiter.take_now(Priority.EXIT, BINANCE_USDM.cost(Operation.CANCEL, 1))


async def test_h28_what_waits_for_one_of_bybits_paths_holds_no_other_back(clock: ManualClock) -> None:
    limiter = limiter_of(BYBIT_LINEAR, clock)
    waiting = [
        asyncio.create_task(limiter.take(Priority.EXIT, BYBIT_LINEAR.cost(operation)))
        for operation in (Operation.SET_LEVERAGE, Operation.LOOK_UP)
        for _ in range(60)
    ]
    await settle()
    assert sum(task.done() for task in waiting) == 10 + 50
    assert limiter.take_now(Priority.EXIT, BYBIT_LINEAR.cost(Operation.CREATE, 1))
    assert limiter.take_now(Priority.EXIT, BYBIT_LINEAR.cost(Operation.CANCEL, 1))
    for task in waiting:
        task.cancel()
