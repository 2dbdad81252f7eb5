"""What is over for a day leaves memory, which is then as a start would fill it."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from app.base.clock import iso
from app.base.config import parse_config
from app.base.ids import CountedIds
from app.domain.client_order_id import Namespace
from app.domain.group import Group
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, Side
from app.engine.figures import exposure
from app.engine.forgetting import MOST_AT_ONCE, forget, watermark_fact
from app.engine.indexing import index_group, index_order, index_queued, note_seen
from app.engine.recovery import Recovery
from app.engine.state import REMEMBERED, AccountState, EngineState
from app.engine.turn import Turn
from app.messages.commands import CloseGroup
from app.messages.records import ActionStatus, QueueEntry, QueueReason, RiskAction, SeenSignal
from app.ports.store import ACTIONS_REMEMBERED
from app.ports.venue import OVERLAP
from tests.support.examples import NOON
from tests.support.strategies import filled_group
from tests.unit.engine.test_free_funds import order_of
from tests.unit.engine.test_reconciling import CAN
from tests.unit.engine.worlds import Stage, scenario

D = Decimal
SOL, LTC = "SOL/USDT:USDT", "LTC/USDT:USDT"
QUIET = {
    "protection": {"monitor_interval_sec": 3600},
    "reconcile": {"interval_sec": 3600},
    "offset": {"mode": "off"},
    "risk": {"cooldown_sec": 0},
}
DAY = 24 * 3600
"""Seconds."""


def buy(stage: Stage, coin: str, timeframe: str = "60") -> str:
    price = str(stage.world.board.quotes[f"{coin}/USDT:USDT"].last)
    stage.signal(action="buy", symbol=f"{coin}USDT.P", timeframe=timeframe, price=price, size="500", size_type="quote")
    return stage.groups()[-1].id


def bought_and_sold(stage: Stage, coin: str) -> str:
    group_id = buy(stage, coin)
    assert stage.ask(CloseGroup(group_id)) is None or group_id not in stage.world.engine.state.open_ids
    stage.wait(1)
    return group_id


def pay_funding(stage: Stage, symbol: str) -> None:
    stage.run(stage.world.venues["paper"].pay_funding(symbol, D("0.01")))
    stage.wait(1)


def forgotten(stage: Stage) -> EngineState:
    """What the running engine knows once the next ticks have passed."""
    stage.wait(20)
    return stage.world.engine.state


def loaded(stage: Stage) -> EngineState:
    """What an engine that starts now would know."""
    engine = stage.world.engine
    state = EngineState(engine.state.config)
    for account in engine.state.accounts.values():
        state.accounts[account.id] = AccountState(account.id, account.capabilities)
    recovery = Recovery(state, {}, stage.world.clock, lambda _: None)
    stage.run(recovery.load(engine._store, CountedIds()))
    return state


REMEMBERED_THINGS = (
    "groups", "open_ids", "open_on", "closed", "closed_on", "orders", "orders_of", "live", "trade_ids", "trades_of",
    "fills_of", "queue", "queued_of", "reserving", "last_exits", "funding_ids", "facts", "planning", "sequence",
)  # fmt: skip


def known(state: EngineState) -> dict[str, Any]:
    """In the order in which it is kept, too."""
    plain = {name: getattr(state, name) for name in REMEMBERED_THINGS}
    seen = {name: [item.signal_id for item in getattr(state, name).values()] for name in ("seen_content", "seen_bars")}
    return {
        name: list(value.items()) if isinstance(value, dict) else value for name, value in {**plain, **seen}.items()
    }


def test_what_is_forgotten_is_what_a_start_does_not_load() -> None:
    with Stage(scenario("SOL", "LTC", **QUIET)) as stage:
        old, kept = bought_and_sold(stage, "SOL"), buy(stage, "LTC")
        pay_funding(stage, LTC)
        stage.wait(DAY // 2)
        young = bought_and_sold(stage, "SOL")
        pay_funding(stage, LTC)
        stage.wait(DAY // 2 + 60)
        state = forgotten(stage)
        assert list(state.groups) == [kept, young]
        assert old not in state.orders_of
        assert len(state.funding_ids) == len(state.seen_content) == 1
        assert known(state) == known(loaded(stage))


def test_a_fill_of_a_forgotten_group_is_not_booked_twice() -> None:
    with Stage(scenario("SOL", **QUIET)) as stage:
        group_id = bought_and_sold(stage, "SOL")
        venue = stage.world.venues["paper"]
        told = venue._core.report.fills_since(stage.world.scenario.start)
        before = stage.world.engine.group(group_id)
        stage.wait(DAY + 60)
        engine = stage.world.engine
        assert forgotten(stage).groups == {}

        async def again() -> None:
            for fill in told:
                engine._deliver(fill)

        stage.run(again())
        stage.wait(30)  # it is back, and the next ticks leave it
        after = engine.group(group_id)
        assert before is not None
        assert after is not None
        assert (after.open_quantity, after.realized_pnl, after.status) == (D(0), before.realized_pnl, "closed")
        assert len(engine.state.fills_of[group_id]) == len(told)
        assert len(engine.state.trade_ids) == len(told)
        stage.wait(DAY + 60)
        assert forgotten(stage).groups == {}
        assert not engine.state.trade_ids


def test_a_payment_that_is_told_again_after_days_away_is_booked_once() -> None:
    with Stage(scenario("SOL", **QUIET)) as stage:
        buy(stage, "SOL")
        pay_funding(stage, SOL)
        (before,) = stage.groups()
        stage.world.engine.kill()
        stage.wait(2 * DAY)
        stage.crash()
        stage.wait(10)
        (after,) = stage.groups()
        assert after.funding == before.funding < 0
        assert stage.world.engine.state.halted is None
        assert stage.world.engine.state.accounts["paper"].reconciled


# ---------------------------------------------------------------------------------------------- by itself


def closed(number: int, at: datetime, **changes: Any) -> Group:
    return replace(
        filled_group(Side.LONG, ("100", "1")), id=f"g{number:07d}", closed_at=at, closing=CloseReason.MANUAL, **changes
    )


def state_with(*groups: Group) -> EngineState:
    """A state to which each was known to be over when it closed."""
    state = EngineState(parse_config({}))
    state.accounts["paper"] = AccountState("paper", CAN)
    for group in groups:
        index_group(state, group, group.closed_at or NOON)
    return state


def left(state: EngineState, now: datetime) -> list[str]:
    forget(state, now)
    return list(state.groups)


def test_much_is_forgotten_little_by_little() -> None:
    state = state_with(*(closed(number, NOON) for number in range(MOST_AT_ONCE + 1)))
    assert len(left(state, NOON + REMEMBERED)) == MOST_AT_ONCE + 1
    later = NOON + REMEMBERED + timedelta(seconds=1)
    assert left(state, later) == [f"g{MOST_AT_ONCE:07d}"]
    assert left(state, later) == []
    assert state.closed_on == {}


def test_what_a_late_reading_may_tell_of_again_stays() -> None:
    group = closed(1, NOON)
    state = state_with(group)
    state.facts[watermark_fact("paper")] = iso(NOON + OVERLAP)
    later = NOON + 2 * REMEMBERED
    assert left(state, later) == [group.id]
    state.facts[watermark_fact("paper")] = iso(NOON + OVERLAP + timedelta(seconds=1))
    assert left(state, later + REMEMBERED + timedelta(seconds=1)) == []


def test_a_payment_that_a_late_reading_tells_of_again_stays_known() -> None:
    state = state_with()
    state.accounts["other"] = AccountState("other", CAN)
    state.facts[watermark_fact("paper")] = iso(NOON + OVERLAP)
    state.facts[watermark_fact("other")] = iso(NOON + 2 * REMEMBERED)
    state.funding_ids = {("paper", "f1"): NOON, ("other", "f1"): NOON, ("gone", "f1"): NOON}
    forget(state, NOON + 2 * REMEMBERED)
    assert list(state.funding_ids) == [("paper", "f1")]


def test_a_group_stays_while_an_order_of_it_is_in_doubt() -> None:
    group = closed(1, NOON)
    state = state_with(group)
    order = replace(order_of(1, OrderStatus.UNKNOWN, D(0)), group_id=group.id)
    index_order(state, order)
    state.orders_of[group.id] = [order.client_order_id]
    later = NOON + REMEMBERED + timedelta(seconds=1)
    assert left(state, later) == [group.id]
    index_order(state, replace(order, status=OrderStatus.CANCELLED))
    assert left(state, later + REMEMBERED + timedelta(seconds=1)) == []
    assert not state.orders


def test_a_group_stays_whose_place_is_kept() -> None:
    group = closed(1, NOON, forced=True)
    state = state_with(group)
    identity = group.identity.opposite
    entry = QueueEntry("s1", identity, D(1), "{}", QueueReason.POOL_FULL, NOON, NOON, reserved_group=group.id)
    index_queued(state, "s1", entry)
    later = NOON + REMEMBERED + timedelta(seconds=1)
    assert left(state, later) == [group.id]
    index_queued(state, "s1", None)
    assert left(state, later + REMEMBERED + timedelta(seconds=1)) == []


def test_a_signal_that_came_again_is_known_for_a_day_from_then_on() -> None:
    state = state_with()
    for number, hours in enumerate((0, 1, 25)):
        note_seen(
            state, SeenSignal(f"s{number}", NOON + timedelta(hours=hours), "other" if number == 1 else "key", None)
        )
    forget(state, NOON + timedelta(hours=26))
    assert {key: item.signal_id for key, item in state.seen_content.items()} == {"key": "s2"}


class Unread(dict[str, Group]):
    """Groups, of which none that is over may be asked for."""

    def __getitem__(self, key: str) -> Group:
        return self._open(super().__getitem__(key))

    def get(self, key: str, default: Any = None) -> Any:
        return self._open(super().__getitem__(key)) if key in self else default

    @staticmethod
    def _open(group: Group) -> Group:
        assert group.is_open
        return group


def test_open_groups_are_found_without_a_look_at_those_that_are_over() -> None:
    mine = replace(filled_group(Side.LONG, ("100", "1")), id="g9999999")
    state = state_with(closed(1, NOON), mine, closed(2, NOON))
    state.groups = Unread(state.groups)
    turn = Turn(state, NOON + timedelta(hours=1), CountedIds(), lambda: 0.0, Namespace("00000", 0))
    assert turn.group_of(mine.identity) is mine
    assert turn.groups_on(*mine.market_key) == turn.open_groups() == [mine]
    assert list(turn.closed_since(turn.now - timedelta(minutes=59), mine.market_key)) == []
    assert exposure(turn, mine.identity).total == 100


def test_as_many_offset_actions_are_known_as_a_start_loads() -> None:
    state = state_with()
    for number in range(ACTIONS_REMEMBERED + 1):
        state.actions[f"a{number}"] = action(number)
    forget(state, NOON)
    assert len(state.actions) == ACTIONS_REMEMBERED
    assert next(iter(state.actions)) == "a1"


def action(number: int) -> RiskAction:
    return RiskAction(
        id=f"a{number}",
        at=NOON,
        status=ActionStatus.DONE,
        started_by="auto",
        loser_id="g0000001",
        account="paper",
        loser=SOL,
        timeframe="60",
        loser_quantity=D(1),
        loss=D(1),
        required=D(1),
        expected=D(1),
        winners=(),
        loser_before=D(0),
    )
