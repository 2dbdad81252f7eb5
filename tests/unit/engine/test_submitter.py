"""What a venue adapter's own failure becomes: an outcome that is not known, never silence."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from app.base.config import parse_config
from app.domain.order import Order, OrderStatus
from app.domain.values import OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.engine.inbox import AmendAnswered, CancelAnswered, LookUpAnswered, SubmitAnswered
from app.engine.state import EngineState
from app.engine.submitter import Submitter
from app.messages.effects import AmendOrder, CancelOrder, Effect, LookUpOrder, SubmitOrders
from app.messages.reports import OutcomeUnknown
from app.ports.meter import NoMeter
from tests.support.examples import NOON
from tests.support.fakes import HandClock, until
from tests.support.memory_store import MemoryStore
from tests.support.strategies import filled_group

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

    def post(message: object, *, lazy: bool = False) -> None:
        if not lazy:
            told.append(message)

    venues: Any = {"paper": BrokenVenue()}
    submitter = Submitter(venues, state, MemoryStore(), HandClock(), post, lambda account, pause: None, NoMeter())
    submitter.perform(effect)
    await until(lambda: bool(told))
    assert {type(message) for message in told} == {answer}
    assert {type(message.outcome) for message in told} == {OutcomeUnknown}
    assert len(told) == len(getattr(effect, "client_order_ids", ("one",)))
