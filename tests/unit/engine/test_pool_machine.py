"""Pool and queue under random signals, commands, prices and crashes: the limits hold after every step.

The real engine runs on the replay's virtual loop. ZIGGURAT_LONG=1 tries many more and longer sequences.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Coroutine
from dataclasses import asdict
from decimal import Decimal
from typing import Any, TypeVar

import pytest
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from app.base.config import parse_config
from app.base.config.tree import deep_merged
from app.messages.commands import (
    ApplyConfig,
    CloseGroup,
    EmergencyReset,
    EmergencyStop,
    Force,
    Pause,
    Promote,
    Remove,
    Resume,
)
from app.messages.snapshots import QueueSnapshot
from app.ports.engine import EngineUnavailable
from app.replay.invariants import books_differ, violations
from app.replay.model import Scenario
from app.replay.virtual_loop import VirtualLoop
from app.replay.world import World, new_store

T = TypeVar("T")
D = Decimal
LONG = os.environ.get("ZIGGURAT_LONG") == "1"
START = {"SOL": D(200), "LTC": D(100), "DOT": D(8)}
FINE = {"tick_size": "0.001", "step_size": "0.001", "min_qty": "0.001", "min_notional": "5"}
SCENARIO: dict[str, Any] = {
    "accounts": [
        {
            "id": "paper",
            "balances": {"USDT": "1000000"},
            "fees": {"maker": "0", "taker": "0"},
        }
    ],
    "markets": {f"{coin}/USDT:USDT": {**FINE, "price": str(price)} for coin, price in START.items()},
    "config": {
        "pool": {"max_open_groups": 2},
        "queue": {"max_size": 4},
        "risk": {"cooldown_sec": 0},
        "grid": {
            "default": {
                "tp_mode": "aggregate",
                "tp_aggregate_percent": 4,
                "levels": [
                    {"gap_percent": 0, "weight_percent": 60, "tp_percent": 4},
                    {"gap_percent": -2, "weight_percent": 40, "tp_percent": 4},
                ],
                "stop_loss": {"mode": "percent", "percent": 5},
                "max_pyramids": 2,
            }
        },
    },
}
COINS = st.sampled_from(sorted(START))
TIMEFRAMES = st.sampled_from(["60", "240"])
ACTIONS = st.sampled_from(["buy", "buy", "sell"])
FIRST = st.integers(0, 3)
KEPT: tuple[str, ...] = ("signal_id", "symbol", "side", "timeframe", "entry_price", "replacement_count", "reason")
KEPT += ("first_queued_at", "last_replaced_at")
PASSING = {"paused", "emergency_stop", "cooldown", "account_stale"}
"""Reasons that take nothing out of the queue."""

Identity = tuple[str, str, str, str, str]


def identity_of(item: Any) -> Identity:
    return str(item.account), str(item.symbol), str(item.timeframe), str(item.side), str(item.strategy_id)


def kept(entry: QueueSnapshot) -> dict[str, Any]:
    facts = asdict(entry)
    return {name: facts[name] for name in KEPT}


class Pool(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.loop = VirtualLoop()
        self.runner = asyncio.Runner(loop_factory=lambda: self.loop)
        self.world = self.do(self.opened())
        self.asked: list[asyncio.Task[Any]] = []
        self.open_before: set[str] = set()
        self.pyramids_before: dict[str, int] = {}
        self.size_before = 0
        self.waiting_before: dict[str, str] = {}
        self.shut_before = False
        self.excused: set[str] = set()
        self.forced_now = False

    async def opened(self) -> World:
        world = World(Scenario.model_validate(SCENARIO), self.loop, new_store())
        await world.boot()
        await self.loop.settle()
        return world

    def do(self, work: Coroutine[Any, Any, T]) -> T:
        return self.runner.run(work)

    def teardown(self) -> None:
        self.do(self.world.engine.stop(0))
        self.loop.allow_time_to_cancel()
        self.runner.close()

    # ------------------------------------------------------------------ the world moves

    def begin(self) -> None:
        """Remember what the step is held against."""
        engine = self.world.engine
        groups = engine.open_groups()
        self.open_before = {group.id for group in groups}
        self.pyramids_before = {group.id: group.pyramids for group in groups}
        self.size_before = len(engine.queue())
        self.waiting_before = {entry.signal_id: entry.reason for entry in engine.queue()}
        self.shut_before = self.is_shut()
        self.forced_now = False

    def is_shut(self) -> bool:
        state = self.world.engine.snapshot()
        return state.paused_reason is not None or state.emergency.level == "critical"

    async def settled(self, work: Coroutine[Any, Any, Any]) -> None:
        """Something done, to its end; what a crash cuts off is not waited for."""
        self.asked.append(self.loop.create_task(work))
        await self.loop.settle()
        for task in [task for task in self.asked if task.done()]:
            self.asked.remove(task)
            error = None if task.cancelled() else task.exception()
            if error is not None and not isinstance(error, EngineUnavailable):
                raise error

    async def passed(self, seconds: int) -> None:
        moved_at = self.world.clock.now()
        await self.loop.advance_to(D(self.loop.microseconds) / 1_000_000 + seconds)
        assert list(books_differ(self.world.engine.state, self.world.venues, moved_at)) == []

    def ask(self, command: Any) -> None:
        self.begin()
        self.do(self.settled(self.world.ask(command)))

    def configure(self, changes: dict[str, Any]) -> None:
        self.world.document = deep_merged(self.world.document, changes)
        self.world.config = parse_config(self.world.document)
        self.ask(ApplyConfig(self.world.config))

    async def quoted(self, coin: str, price: Decimal) -> None:
        self.world.set_quote(f"{coin}/USDT:USDT", price, None, None, None)

    def excuse(self) -> None:
        """What is open when a limit is lowered may stay."""
        self.excused |= {group.id for group in self.world.engine.open_groups()}

    def price_of(self, coin: str) -> Decimal:
        return self.world.board.quotes[f"{coin}/USDT:USDT"].last

    # ------------------------------------------------------------------ signals and prices

    @initialize(limit=st.integers(1, 3), counts=st.booleans())
    def choose(self, limit: int, counts: bool) -> None:
        self.configure({"pool": {"max_open_groups": limit, "count_pyramids": counts}})

    def send(self, coin: str, timeframe: str, action: str, intent: str, away: int) -> None:
        self.begin()
        self.do(self.passed(1))
        price = self.price_of(coin) * (1000 + away) / 1000
        body = {"action": action, "symbol": f"{coin}USDT.P", "timeframe": timeframe, "price": price}
        wish = {**body, "intent": intent, "size": 100, "size_type": "quote"}
        self.do(self.settled(self.world.send(self.world.body_of(wish))))

    @rule(coin=COINS, timeframe=TIMEFRAMES, action=ACTIONS, away=st.sampled_from([0, 0, -5, 5, -30, 30]))
    def enter(self, coin: str, timeframe: str, action: str, away: int) -> None:
        self.send(coin, timeframe, action, "signal", away)

    @rule(timeframe=TIMEFRAMES, action=ACTIONS)
    def enter_everywhere(self, timeframe: str, action: str) -> None:
        for coin in sorted(START):
            self.send(coin, timeframe, action, "signal", 0)
            self.hold()

    @precondition(lambda self: len(self.world.engine.queue()) > 0)
    @rule(number=FIRST)
    def signal_again(self, number: int) -> None:
        entry = self.world.engine.queue()[number % len(self.world.engine.queue())]
        action, timeframe = "buy" if entry.side == "long" else "sell", {"1h": "60", "4h": "240"}[entry.timeframe]
        self.send(entry.symbol.partition("/")[0], timeframe, action, "signal", 0)

    @precondition(lambda self: len(self.world.engine.queue()) > 0 and len(self.world.engine.open_groups()) > 0)
    @rule(number=FIRST)
    def free_a_slot(self, number: int) -> None:
        groups = self.world.engine.open_groups()
        self.ask(CloseGroup(groups[number % len(groups)].id))

    @rule(coin=COINS, timeframe=TIMEFRAMES, action=ACTIONS)
    def leave(self, coin: str, timeframe: str, action: str) -> None:
        self.send(coin, timeframe, action, "exit", 0)

    @rule(coin=COINS, timeframe=TIMEFRAMES, action=ACTIONS)
    def turn_round(self, coin: str, timeframe: str, action: str) -> None:
        self.send(coin, timeframe, action, "reverse", 0)

    @rule(coin=COINS, percent=st.sampled_from([-6, -3, -1, 1, 3, 5]))
    def move(self, coin: str, percent: int) -> None:
        self.begin()
        price = (self.price_of(coin) * (100 + percent) / 100).quantize(D("0.001"))
        if START[coin] / 2 < price < START[coin] * 2:
            self.do(self.settled(self.quoted(coin, price)))

    @rule(seconds=st.sampled_from([1, 5, 65, 320]))
    def wait(self, seconds: int) -> None:
        self.begin()
        self.do(self.passed(seconds))

    @rule()
    def wait_for_a_tick(self) -> None:
        """A slot that is free, with nothing in the way, is not left empty while something waits for it."""
        self.begin()
        self.do(self.passed(21))
        state = self.world.engine.snapshot()
        may_go = not self.is_shut() and state.promotions_wait_until is None and self.world.engine.state.recovered
        is_quick = self.world.config.risk.max_entries_per_minute == 60
        if may_go and is_quick and state.slots_used < state.max_open_groups:
            assert [entry for entry in self.world.engine.queue() if entry.reason == "pool_full"] == []

    # ------------------------------------------------------------------ a person

    @rule(number=FIRST)
    def close(self, number: int) -> None:
        groups = self.world.engine.open_groups()
        if number < len(groups):
            self.ask(CloseGroup(groups[number].id))

    @rule(number=FIRST)
    def promote(self, number: int) -> None:
        queue = self.world.engine.queue()
        if number < len(queue):
            self.ask(Promote(queue[number].signal_id))

    @rule(number=FIRST)
    def force(self, number: int) -> None:
        queue = self.world.engine.queue()
        if number < len(queue):
            self.begin()
            self.forced_now = True
            self.do(self.settled(self.world.ask(Force(queue[number].signal_id))))

    @rule(number=FIRST)
    def remove(self, number: int) -> None:
        queue = self.world.engine.queue()
        if number < len(queue):
            self.ask(Remove(queue[number].signal_id))
            assert queue[number].signal_id not in {entry.signal_id for entry in self.world.engine.queue()}

    @precondition(lambda self: not self.is_shut())
    @rule(command=st.sampled_from([Pause("a test"), EmergencyStop("a test")]))
    def shut(self, command: Pause | EmergencyStop) -> None:
        self.ask(command)

    @precondition(lambda self: self.is_shut())
    @rule()
    def open_again(self) -> None:
        self.ask(Resume())
        self.hold()
        self.ask(EmergencyReset("a test is over"))

    @rule(limit=st.integers(1, 4))
    def limit_groups(self, limit: int) -> None:
        if limit < self.world.config.pool.max_open_groups:
            self.excuse()
        self.configure({"pool": {"max_open_groups": limit}})

    @rule(size=st.integers(1, 5))
    def limit_queue(self, size: int) -> None:
        self.configure({"queue": {"max_size": size}})

    @rule(counts=st.booleans())
    def count_pyramids(self, counts: bool) -> None:
        if counts:
            self.excuse()
        self.configure({"pool": {"count_pyramids": counts}})

    @rule(limit=st.sampled_from([None, 1, 2]))
    def limit_groups_of_a_symbol(self, limit: int | None) -> None:
        self.configure({"risk": {"max_open_groups_per_symbol": limit}})

    @rule(most=st.sampled_from([1, 3, 60]))
    def limit_the_rate(self, most: int) -> None:
        self.configure({"risk": {"max_entries_per_minute": most}})

    # ------------------------------------------------------------------ crashes

    @rule()
    def crash(self) -> None:
        self.begin()
        before, was_shut = self.world.engine.queue(), self.is_shut()
        level = self.world.engine.snapshot().emergency.level

        async def restarted() -> None:
            self.world.crash()
            stored = await self.world._store.load(self.world.clock.now())
            assert {entry.signal_id for entry in stored.queue} == {entry.signal_id for entry in before}
            await self.loop.settle()

        self.do(restarted())
        known = {entry.signal_id: kept(entry) for entry in before}
        after = self.world.engine.queue()
        assert all(kept(entry) == known[entry.signal_id] for entry in after)
        assert not was_shut or len(after) == len(before)
        assert self.is_shut() == was_shut
        assert self.world.engine.snapshot().emergency.level == level

    @rule(commits=st.integers(1, 4))
    def crash_soon(self, commits: int) -> None:
        self.world.trap.commits_left = commits

    @rule(sends=st.integers(1, 3), after=st.booleans())
    def crash_at_a_request(self, sends: int, after: bool) -> None:
        self.world.trap.sends_left = sends
        self.world.trap.after_send = after

    # ------------------------------------------------------------------ what always holds

    @invariant()
    def hold(self) -> None:
        engine = self.world.engine
        assert engine.defects == []
        if not engine.state.recovered:
            return
        self.hold_the_pool()
        self.hold_the_queue()
        self.hold_the_disk()
        assert list(violations(engine.state, self.world.venues, frozenset(self.excused))) == []

    def hold_the_pool(self) -> None:
        state, groups = self.world.engine.snapshot(), self.world.engine.open_groups()
        free = [group for group in groups if not group.forced]
        fresh = [group for group in free if group.id not in self.open_before]
        if self.shut_before and self.is_shut():
            assert fresh == []
            assert all(group.pyramids <= self.pyramids_before.get(group.id, 0) for group in groups)
        if fresh and not self.forced_now:
            assert state.slots_used <= state.max_open_groups
            assert len(groups) <= state.max_open_groups
        assert len(free) <= state.max_open_groups or self.excused.issuperset(group.id for group in free)
        held = [identity_of(group) for group in groups]
        assert len(held) == len(set(held))

    def hold_the_queue(self) -> None:
        engine = self.world.engine
        queue = engine.queue()
        names = [identity_of(entry) for entry in queue]
        assert len(names) == len(set(names))
        assert [entry.rank for entry in queue] == list(range(1, len(queue) + 1))
        taking_a_place = [entry for entry in queue if not entry.is_reserved]
        assert len(taking_a_place) <= max(engine.state.config.queue.max_size, self.size_before)
        ranks = [self.rank_of(entry) for entry in queue]
        assert ranks == sorted(ranks), queue
        for signal_id, waited_for in self.waiting_before.items():
            record = self.world.signals[signal_id]
            assert record.outcome != "rejected" or record.reason not in PASSING
            assert record.outcome != "rejected" or record.reason != "order_rate" or waited_for == "order_rate"
        for entry in queue:
            assert self.world.signals[entry.signal_id].outcome == "queued"
            assert engine.state.config.pool.count_pyramids or entry.is_continuation == any(
                identity_of(group) == identity_of(entry) for group in engine.open_groups()
            )

    def rank_of(self, entry: QueueSnapshot) -> tuple[Any, ...]:
        price = self.world.board.quotes[entry.symbol].last
        sign = 1 if entry.side == "long" else -1
        move = (price - entry.entry_price) / entry.entry_price * sign * 100
        first = (not entry.is_reserved, not entry.is_continuation)
        return first, move.quantize(D("1e-12")), -entry.replacement_count, entry.first_queued_at, entry.signal_id

    def hold_the_disk(self) -> None:
        """What waits in memory waits on disk, and nothing else does."""
        stored = self.do(self.world._store.load(self.world.clock.now()))
        known = {entry.signal_id: entry for entry in stored.queue}
        queue = self.world.engine.queue()
        assert sorted(known) == sorted(entry.signal_id for entry in queue)
        for entry in queue:
            row = known[entry.signal_id]
            assert (row.entry_price, row.replacement_count, row.reason, row.first_queued_at) == (
                entry.entry_price,
                entry.replacement_count,
                entry.reason,
                entry.first_queued_at,
            )


PoolTest = Pool.TestCase
PoolTest.settings = settings(
    max_examples=3000 if LONG else 40,
    stateful_step_count=60 if LONG else 30,
    phases=(Phase.explicit, Phase.reuse, Phase.generate, Phase.shrink),
    deadline=None,
    print_blob=True,
)
PoolTest = pytest.mark.expects_log_warnings(pytest.mark.timeout(20_000 if LONG else 120)(PoolTest))
