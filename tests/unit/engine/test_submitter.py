"""What a venue adapter's own failure becomes: an outcome that is not known, never silence."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest

from app.base.config import parse_config
from app.base.errors import LimitsUsedUp
from app.domain.order import Order, OrderStatus
from app.domain.values import CloseReason, MarketType, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.engine.inbox import AmendAnswered, CancelAnswered, LeverageSet, LookUpAnswered, MarketLoaded, SubmitAnswered
from app.engine.indexing import index_group
from app.engine.markets import MARKET_TIMEOUT_SEC
from app.engine.state import AccountState, EngineState, external_fact
from app.engine.submitter import Submitter
from app.messages.effects import AmendOrder, CancelOrder, Effect, LoadMarket, LookUpOrder, SubmitOrders
from app.messages.reports import NotSent, OutcomeUnknown, RefusalCode, Refused
from app.ports.meter import NoMeter
from tests.support.examples import NOON, signal_record
from tests.support.fakes import HandClock, until
from tests.support.memory_store import MemoryStore
from tests.support.strategies import filled_group
from tests.unit.engine.test_reconciling import CAN

D = Decimal


class BrokenVenue:
    """Every call fails in a way that nobody foresaw."""

    class capabilities:  # noqa: N801 - stands for the port's property
        market_type = "spot"
        batch_orders = True

    def __getattr__(self, name: str) -> Any:
        async def broken(*_: Any) -> Any:
            raise KeyError(name)

        return broken


def order(number: int, group_id: str) -> Order:
    return Order(
        client_order_id=f"zg{number}", account="paper", symbol="BTC/USDT:USDT", group_id=group_id, pyramid=0, leg=0,
        role=OrderRole.CLOSE, side=OrderSide.SELL, type=OrderType.MARKET, quantity=D(1), price=None, trigger_price=None,
        reduce_only=True, time_in_force=TimeInForce.GTC, number=number, attempt=1, status=OrderStatus.PENDING,
        created_at=NOON, updated_at=NOON + timedelta(0),
    )  # fmt: skip


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(
    ("effect", "answer"),
    [
        (SubmitOrders("paper", ("zg1",)), SubmitAnswered),
        (SubmitOrders("paper", ("zg1", "zg2")), SubmitAnswered),
        (CancelOrder("paper", "zg1"), CancelAnswered),
        (AmendOrder("paper", "zg3"), AmendAnswered),
        (LookUpOrder("paper", "zg1"), LookUpAnswered),
    ],
)
async def test_a_call_that_breaks_is_an_outcome_that_is_not_known(effect: Effect, answer: type) -> None:
    group = replace(filled_group(Side.LONG, ("100", "1")), account="paper", symbol="BTC/USDT:USDT")
    state = EngineState(parse_config({}))
    state.groups[group.id] = group
    state.orders = {item.client_order_id: item for item in (order(1, group.id), order(2, group.id))}
    state.orders["zg3"] = replace(order(3, group.id), amend_quantity=D(2))
    told: list[Any] = []

    def post(message: object, *, lazy: bool = False, prompt: bool = False) -> None:
        if not lazy:
            told.append(message)

    venues: Any = {"paper": BrokenVenue()}
    submitter = Submitter(venues, state, MemoryStore(), HandClock(), post, lambda account, pause: None, NoMeter())
    submitter.perform(effect)
    await until(lambda: bool(told))
    assert {type(message) for message in told} == {answer}
    assert {type(message.outcome) for message in told} == {OutcomeUnknown}
    assert len(told) == len(getattr(effect, "client_order_ids", ("one",)))


@pytest.mark.expects_log_warnings
@pytest.mark.parametrize(
    ("effect", "answer", "outcome"),
    [
        (SubmitOrders("gone", ("zg1",)), SubmitAnswered, NotSent),
        (CancelOrder("gone", "zg1"), CancelAnswered, OutcomeUnknown),
        (AmendOrder("gone", "zg1"), AmendAnswered, OutcomeUnknown),
        (LookUpOrder("gone", "zg1"), LookUpAnswered, OutcomeUnknown),
        (CancelOrder("paper", "forgotten"), CancelAnswered, OutcomeUnknown),
        (AmendOrder("paper", "forgotten"), AmendAnswered, OutcomeUnknown),
        (LookUpOrder("paper", "forgotten"), LookUpAnswered, OutcomeUnknown),
        (LoadMarket("gone", "BTC/USDT:USDT", None), MarketLoaded, None),
    ],
)
async def test_a_request_that_cannot_even_be_formed_has_an_answer(effect: Effect, answer: type, outcome: Any) -> None:
    desk = Desk(Side.LONG)
    desk.state.orders["zg1"] = replace(order(1, desk.group.id), amend_quantity=D(2))
    desk.submitter.perform(effect)
    await until(lambda: bool(desk.told))
    assert [type(told) for told in desk.told] == [answer]
    assert outcome is None or [type(told.outcome) for told in desk.told] == [outcome]


@pytest.mark.expects_log_warnings
async def test_an_order_whose_group_is_not_known_is_in_doubt_and_not_forgotten() -> None:
    desk = Desk(Side.LONG)
    desk.state.orders["zg1"] = order(1, "g0009999")
    desk.submitter.perform(SubmitOrders("paper", ("zg1",)))
    await until(lambda: bool(desk.told))
    assert (type(desk.told[0].outcome), desk.venue.asked) == (OutcomeUnknown, [])


# ---------------------------------------------------------------------------------------------- leverage and markets


class SettingVenue:
    """Has a leverage that a person may change, and never tells of its markets."""

    def __init__(self) -> None:
        self.capabilities = SimpleNamespace(market_type=MarketType.LINEAR, batch_orders=False)
        self.setting = asyncio.Event()
        self.setting.set()
        self.leverages = {Side.LONG: D(1), Side.SHORT: D(1)}
        self.asked: list[str] = []

    async def set_leverage(self, symbol: str, leverage: Decimal, margin_mode: str) -> None:
        await self.setting.wait()
        self.asked.append("set")

    async def leverage(self, symbol: str, side: Side) -> tuple[Decimal, str]:
        self.asked.append("read")
        return self.leverages[side], "isolated"

    async def create_order(self, request: Any) -> Any:
        self.asked.append("create")
        return OutcomeUnknown("no matter")

    async def create_orders(self, requests: Any) -> Any:
        self.asked.append(f"batch of {len(requests)}")
        return [OutcomeUnknown("no matter") for _ in requests]

    async def load_market(self, symbol: str, hint: Decimal | None, *, fresh: bool) -> None:
        await asyncio.Event().wait()


class Desk:
    """A submitter over one venue; `told` is what it posted."""

    def __init__(self, side: Side) -> None:
        self.group = replace(filled_group(side, ("100", "1")), account="paper", symbol="BTC/USDT:USDT")
        self.state = EngineState(parse_config({}))
        self.state.accounts["paper"] = AccountState("paper", CAN)
        index_group(self.state, self.group, NOON)
        self.venue, self.clock, self.told = SettingVenue(), HandClock(), list[Any]()
        venues: Any = {"paper": self.venue}
        self.submitter = Submitter(
            venues, self.state, MemoryStore(), self.clock, self._post, lambda account, pause: None, NoMeter()
        )

    def _post(self, message: object, *, lazy: bool = False, prompt: bool = False) -> None:
        if isinstance(message, LeverageSet):  # nothing was decided meanwhile
            self.submitter.perform(SubmitOrders("paper", message.client_order_ids, leverage_is_set=True))
        elif not lazy:
            self.told.append(message)

    async def enter(self, number: int) -> Any:
        """The outcome of one more entry."""
        entry = replace(order(number, self.group.id), role=OrderRole.ENTRY, reduce_only=False, leg=1)
        self.state.orders[entry.client_order_id] = entry
        told = len(self.told)
        self.submitter.perform(SubmitOrders("paper", (entry.client_order_id,)))
        await until(lambda: len(self.told) > told)
        return self.told[-1].outcome

    def submit_entry_and_stop(self) -> None:
        """In one effect, the entry as `zg1`, the stop as `zg2`."""
        entry = replace(order(1, self.group.id), role=OrderRole.ENTRY, reduce_only=False, leg=1)
        stop = replace(order(2, self.group.id), role=OrderRole.STOP_LOSS)
        self.state.orders |= {item.client_order_id: item for item in (entry, stop)}
        self.submitter.perform(SubmitOrders("paper", ("zg1", "zg2")))

    def open_next_group(self) -> None:
        """The open group ends, and another of its market comes at once."""
        ended = replace(self.group, closing=CloseReason.MANUAL, closed_at=NOON)
        self.group = replace(self.group, id="g0000002")
        for group in (ended, self.group):
            index_group(self.state, group, NOON)

    def hold_by_hand(self, side: Side) -> None:
        self.state.facts[external_fact(("paper", self.group.symbol, side))] = "1"


async def test_leverage_is_set_once_while_a_market_has_something_open() -> None:
    desk = Desk(Side.LONG)
    await desk.enter(1)
    await desk.enter(2)
    assert desk.venue.asked == ["set", "create", "create"]


async def test_leverage_is_set_anew_once_nothing_was_open_for_a_person_may_have_changed_it() -> None:
    desk = Desk(Side.LONG)
    await desk.enter(1)
    desk.open_next_group()
    await desk.enter(2)
    await desk.enter(3)
    assert desk.venue.asked == ["set", "create", "set", "create", "create"]


async def test_leverage_is_set_anew_where_the_position_was_found_at_another() -> None:
    desk = Desk(Side.LONG)
    await desk.enter(1)
    desk.state.other_leverages["paper", desk.group.symbol, Side.LONG] = D(20)
    await desk.enter(2)
    assert desk.venue.asked == ["set", "create", "set", "create"]


async def test_leverage_in_a_market_of_the_traders_own_is_asked_for_before_every_entry() -> None:
    desk = Desk(Side.LONG)
    await desk.enter(1)
    desk.hold_by_hand(Side.LONG)
    await desk.enter(2)
    desk.venue.leverages[Side.LONG] = D(20)
    refused = await desk.enter(3)
    assert (refused.code, desk.venue.asked[2:]) == (RefusalCode.LEVERAGE, ["read", "create", "read"])
    desk.state.facts.clear()
    await desk.enter(4)
    assert desk.venue.asked[5:] == ["set", "create"]


@pytest.mark.parametrize(("side", "refused"), [(Side.LONG, False), (Side.SHORT, True)])
async def test_an_entry_is_judged_by_the_leverage_of_its_own_side(side: Side, refused: bool) -> None:
    desk = Desk(side)
    desk.hold_by_hand(Side.LONG)
    desk.venue.leverages[Side.SHORT] = D(20)
    assert isinstance(await desk.enter(1), Refused) is refused


@pytest.mark.expects_log_warnings
async def test_a_leverage_reading_that_breaks_is_an_entry_that_was_not_sent() -> None:
    desk = Desk(Side.LONG)
    desk.hold_by_hand(Side.LONG)
    desk.venue.leverages.clear()
    outcome = await desk.enter(1)
    assert isinstance(outcome, NotSent)
    assert desk.venue.asked == ["read"]


async def test_an_entry_whose_leverage_stands_in_line_for_our_own_limits_has_not_been_tried(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def full(*_: Any) -> None:
        raise LimitsUsedUp("the exchange's limits are used up")

    desk = Desk(Side.LONG)
    monkeypatch.setattr(desk.venue, "set_leverage", full)
    outcome = await desk.enter(1)
    assert isinstance(outcome, NotSent)
    assert not outcome.tried


async def test_exits_do_not_share_the_fate_of_an_entry_that_travels_with_them() -> None:
    desk = Desk(Side.LONG)
    desk.hold_by_hand(Side.LONG)
    desk.venue.leverages[Side.LONG] = D(20)
    desk.submit_entry_and_stop()
    await until(lambda: len(desk.told) == 2)
    outcomes = {told.client_order_id: type(told.outcome) for told in desk.told}
    assert outcomes == {"zg1": Refused, "zg2": OutcomeUnknown}
    assert sorted(desk.venue.asked) == ["create", "read"]


async def test_exits_do_not_wait_for_the_leverage_of_an_entry() -> None:
    desk = Desk(Side.LONG)
    desk.venue.setting.clear()
    desk.submit_entry_and_stop()
    await until(lambda: [told.client_order_id for told in desk.told] == ["zg2"])
    desk.venue.setting.set()
    await until(lambda: len(desk.told) == 2)
    assert desk.venue.asked == ["create", "set", "create"]


async def test_where_the_leverage_is_known_entry_and_exit_travel_in_one_batch() -> None:
    desk = Desk(Side.LONG)
    await desk.enter(1)
    desk.venue.capabilities.batch_orders = True
    desk.submit_entry_and_stop()
    await until(lambda: len(desk.told) == 3)
    assert desk.venue.asked == ["set", "create", "batch of 2"]


async def test_a_market_that_is_not_told_in_time_counts_as_not_fetched() -> None:
    desk = Desk(Side.LONG)
    desk.submitter.perform(LoadMarket("paper", "BTC/USDT:USDT", None))
    await until(lambda: bool(desk.clock._timers))
    desk.clock.advance(MARKET_TIMEOUT_SEC)
    await until(lambda: bool(desk.told))
    assert (desk.told[0].report, desk.told[0].failure) == (None, "no answer within 20 s")


async def test_signals_that_waited_are_known_to_have_waited_as_long_as_they_are_remembered() -> None:
    desk = Desk(Side.LONG)
    desk.state.recent_signals = {"s1": signal_record(1)}
    desk.submitter.note_waited(["s1"])
    desk.state.recent_signals = {"s2": signal_record(2)}
    desk.submitter.note_waited(["s2"])
    assert desk.submitter.waited == {"s2"}
