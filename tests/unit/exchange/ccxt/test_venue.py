"""The venue's promises, with ccxt's answers written by hand."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from importlib import import_module
from typing import Any

import pytest

from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.order import OrderStatus
from app.domain.values import OrderSide, OrderType, Side, TimeInForce
from app.exchange.ccxt.dialects.base import Operation
from app.exchange.ccxt.dialects.binance import BINANCE_USDM
from app.exchange.ccxt.errors import Answer
from app.exchange.ccxt.limits import Host, Priority
from app.exchange.ccxt.venue import CcxtVenue
from app.exchange.ccxt.wire import TRACE, Access
from app.messages.reports import Accepted, Found, NotFound, OutcomeUnknown, RefusalCode, Refused
from app.ports.venue import OrderRef, OrderRequest
from tests.support.clock import ManualClock

ccxt = import_module("ccxt")
SOL = "SOL/USDT:USDT"
STOP = OrderRef("zg4", None, SOL, OrderType.STOP_MARKET)
PLAIN = OrderRef("zg1", None, SOL, OrderType.LIMIT)


def refusal(code: int) -> tuple[Exception, Answer]:
    text = json.dumps({"code": code, "msg": "words"})
    return ccxt.ExchangeError(text), Answer(400, text, {})


def row(**others: Any) -> dict[str, Any]:
    told = {"id": "77", "clientOrderId": "zg1", "symbol": SOL, "type": "limit", "side": "buy", "price": "150"}
    return {**told, "amount": "2", "filled": "0", "status": "open", "info": {}, **others}


def answered(**others: Any) -> dict[str, Any]:
    """An order as Binance answers for it."""
    told = {"orderId": "77", "clientOrderId": "zg1", "symbol": "SOLUSDT", "type": "LIMIT", "side": "BUY"}
    return {**told, "price": "150", "origQty": "2", "executedQty": "0", "avgPrice": "0", "status": "NEW", **others}


def request(client_order_id: str) -> OrderRequest:
    return OrderRequest(
        client_order_id=client_order_id,
        symbol=SOL,
        side=OrderSide.BUY,
        position_side=Side.LONG,
        type=OrderType.LIMIT,
        quantity=Decimal(2),
        price=Decimal(150),
        trigger_price=None,
        reduce_only=False,
        time_in_force=TimeInForce.GTC,
    )


class Scripted:
    """Each method answers what the script says next for it."""

    def __init__(self) -> None:
        self.options: dict[str, Any] = {}
        self.markets: dict[str, Any] = {SOL: {}}
        self.script: dict[str, list[Any]] = {}
        self.calls: list[tuple[str, Any, Any]] = []

    def milliseconds(self) -> int:
        return 0

    @staticmethod
    def market(symbol: str) -> dict[str, Any]:
        return {"id": symbol.partition(":")[0].replace("/", "")}

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **kwargs: Any) -> Any:
            self.calls.append((name, args, kwargs))
            trace = TRACE.get()
            assert trace is not None
            trace.begin()
            step = self.script[name].pop(0)
            if isinstance(step, tuple):
                trace.answer = step[1]
                raise step[0]
            if isinstance(step, Exception):
                raise step
            trace.is_done = True
            return step

        return call


@pytest.fixture
def api() -> Scripted:
    return Scripted()


@pytest.fixture
def venue(api: Scripted) -> CcxtVenue:
    clock = ManualClock()
    host = Host(BINANCE_USDM.budgets, clock)
    return CcxtVenue("main", BINANCE_USDM, Access(), clock, host, lambda *_: api)


async def test_an_accepted_order_is_reported_under_our_id(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fapiPrivatePostOrder"] = [answered()]
    answer = await venue.create_order(request("zg1"))
    assert isinstance(answer, Accepted)
    assert (answer.order.client_order_id, answer.order.status) == ("zg1", OrderStatus.OPEN)


async def test_h01_an_accepted_order_whose_answer_cannot_be_read_is_unknown(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fapiPrivatePostOrder"] = [{}]
    assert isinstance(await venue.create_order(request("zg1")), OutcomeUnknown)


async def test_each_order_of_a_batch_has_its_own_outcome(venue: CcxtVenue, api: Scripted) -> None:
    refused = {"code": -2019, "msg": "Margin is insufficient."}
    api.script["fapiPrivatePostBatchOrders"] = [[answered(), refused]]
    first, second = await venue.create_orders([request("zg1"), request("zg2")])
    assert isinstance(first, Accepted)
    assert second == Refused(RefusalCode.INSUFFICIENT_BALANCE, "-2019: Margin is insufficient.")


async def test_h01_a_batch_without_an_answer_is_unknown_for_all(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fapiPrivatePostBatchOrders"] = [ccxt.RequestTimeout("x")]
    answers = await venue.create_orders([request("zg1"), request("zg2")])
    assert [type(answer) for answer in answers] == [OutcomeUnknown, OutcomeUnknown]


async def test_h04_only_the_venues_word_counts_as_not_found(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fetch_order"] = [refusal(-2013), ccxt.RequestTimeout("x"), refusal(-2015)]
    assert await venue.look_up(PLAIN) == NotFound()
    assert isinstance(await venue.look_up(PLAIN), OutcomeUnknown)
    assert isinstance(await venue.look_up(PLAIN), OutcomeUnknown)


async def test_a_triggered_stop_stands_as_the_order_it_became(venue: CcxtVenue, api: Scripted) -> None:
    stop = row(id="3000", clientOrderId="zg4", status="closed", side="sell")
    stop["info"] = {"algoStatus": "FINISHED", "actualOrderId": "900"}
    child = row(id="900", clientOrderId="x", status="closed", side="sell", filled="2", average="139")
    own = {"id": "t1", "order": "900", "symbol": SOL, "side": "sell", "price": "139", "amount": "2", "info": {}}
    api.script["fetch_order"] = [stop, child]
    api.script["fetch_my_trades"] = [[own, {**own, "id": "t2", "order": "901"}]]
    answer = await venue.look_up(STOP)
    assert isinstance(answer, Found)
    order = answer.order
    assert (order.client_order_id, order.venue_order_id, order.status) == ("zg4", "3000", OrderStatus.FILLED)
    assert (order.filled, order.average) == (Decimal(2), Decimal(139))
    assert [(fill.trade_id, fill.client_order_id) for fill in order.fills] == [("t1", "zg4")]


async def test_a_triggered_stop_that_was_found_over_is_looked_after_no_more(venue: CcxtVenue, api: Scripted) -> None:
    stop = row(id="3000", clientOrderId="zg4", status="closed", side="sell", filled=None)
    stop["info"] = {"algoStatus": "FINISHED", "actualOrderId": "900"}
    child = row(id="900", side="sell", filled="0.5", status="expired", info={"status": "EXPIRED"})
    api.script["fetch_order"] = [stop, child]
    api.script["fetch_my_trades"] = [[]]
    answer = await venue.look_up(STOP)
    assert isinstance(answer, Found)
    assert (answer.order.status, answer.order.filled) == (OrderStatus.EXPIRED, Decimal("0.5"))
    assert venue._known.live == {}


async def test_h05_a_cancel_of_an_order_that_is_gone_is_not_found(venue: CcxtVenue, api: Scripted) -> None:
    api.script["cancel_order"] = [refusal(-2011)]
    assert await venue.cancel_order(PLAIN) == Refused(RefusalCode.NOT_FOUND, "-2011: words")


async def test_a_cancelled_order_is_read_back(venue: CcxtVenue, api: Scripted) -> None:
    api.script["cancel_order"] = [{"id": "3000", "info": {"code": "200"}}]
    api.script["fetch_order"] = [row(status="canceled", info={"status": "CANCELED"})]
    answer = await venue.cancel_order(PLAIN)
    assert isinstance(answer, Accepted)
    assert answer.order.status is OrderStatus.CANCELLED


async def test_stops_cannot_be_amended_on_binance(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fetch_order"] = [row(id="3000", clientOrderId="zg4", triggerPrice="140")]
    answer = await venue.amend_order(STOP, Decimal(2), Decimal(141))
    assert isinstance(answer, Refused)
    assert [name for name, _, _ in api.calls] == ["fetch_order"]


async def test_h10_open_orders_are_both_lists(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fetch_open_orders"] = [[row()], [row(id="3000", clientOrderId="zg4", triggerPrice="140")]]
    assert [order.client_order_id for order in await venue.fetch_open_orders()] == ["zg1", "zg4"]


async def test_h04_open_orders_without_the_stops_are_no_answer(venue: CcxtVenue, api: Scripted) -> None:
    api.script["fetch_open_orders"] = [[row()], ccxt.RequestTimeout("x")]
    with pytest.raises(Retryable):
        await venue.fetch_open_orders()


async def test_h06_fills_find_their_owner_by_the_orders_id(venue: CcxtVenue, api: Scripted) -> None:
    trade = {"id": "t1", "order": "77", "symbol": SOL, "side": "buy", "price": "150", "amount": "1", "info": {}}
    position = {"symbol": SOL, "side": "long", "contracts": "1", "info": {}}
    api.script["fetch_positions"] = [[position]]
    api.script["fetch_my_trades"] = [[trade, {**trade, "id": "t2"}]]
    api.script["fetch_order"] = [row()]
    fills = await venue.fetch_fills(ManualClock().now() - timedelta(days=1))
    assert [(fill.trade_id, fill.client_order_id) for fill in fills] == [("t1", "zg1"), ("t2", "zg1")]


async def test_a_margin_mode_that_needs_no_change_is_success(venue: CcxtVenue, api: Scripted) -> None:
    api.script["set_margin_mode"] = [refusal(-4046)]
    api.script["set_leverage"] = [{}]
    await venue.set_leverage(SOL, Decimal(10), "isolated")
    assert [name for name, _, _ in api.calls] == ["set_margin_mode", "set_leverage"]


@pytest.mark.parametrize(
    ("told", "long", "short"), [({"longLeverage": 3, "shortLeverage": 7}, 3, 7), ({"shortLeverage": 7}, 7, 7)]
)
async def test_leverage_is_told_for_the_side_that_is_asked_for(
    venue: CcxtVenue, api: Scripted, told: dict[str, int], long: int, short: int
) -> None:
    api.script["fetch_leverage"] = [{**told, "marginMode": "cross"}] * 2
    assert await venue.leverage(SOL, Side.LONG) == (Decimal(long), "cross")
    assert await venue.leverage(SOL, Side.SHORT) == (Decimal(short), "cross")


async def test_leverage_that_is_refused_needs_a_person(venue: CcxtVenue, api: Scripted) -> None:
    api.script["set_margin_mode"] = [{}]
    api.script["set_leverage"] = [refusal(-4028)]
    with pytest.raises(OperatorActionNeeded):
        await venue.set_leverage(SOL, Decimal(500), "cross")


def open_the_breaker(venue: CcxtVenue) -> None:
    while not venue._breaker.is_open:
        venue._breaker.failed("words")


def use_up_what_reads_and_entries_may(venue: CcxtVenue) -> None:
    (weight, *_) = venue._session._limiter.host.buckets
    weight.spend(round(weight.budget.amount * 0.95))


@pytest.mark.parametrize("held_back", [open_the_breaker, use_up_what_reads_and_entries_may])
async def test_a_cancel_goes_where_reads_and_entries_are_held_back(
    venue: CcxtVenue, api: Scripted, held_back: Callable[[CcxtVenue], None]
) -> None:
    held_back(venue)
    api.script["cancel_order"] = [{"id": "3000", "info": {"code": "200"}}]
    api.script["fetch_order"] = [row(status="canceled", info={"status": "CANCELED"})]
    assert isinstance(await venue.cancel_order(PLAIN), Accepted)


async def test_with_the_breaker_open_exits_are_still_amended(venue: CcxtVenue, api: Scripted) -> None:
    open_the_breaker(venue)
    api.script["fetch_order"] = [row(), row(price="151")]
    api.script["edit_order"] = [row()]
    assert isinstance(await venue.amend_order(replace(PLAIN, is_exit=True), Decimal(2), Decimal(151)), Accepted)


@pytest.mark.parametrize(("is_exit", "priority"), [(True, Priority.EXIT), (False, Priority.ENTRY)])
async def test_exits_are_amended_before_entries(
    venue: CcxtVenue, api: Scripted, monkeypatch: pytest.MonkeyPatch, *, is_exit: bool, priority: Priority
) -> None:
    asked = {}
    call = venue._session.call

    async def noted(operation: Operation, priority: Priority, ask: Any, orders: int = 0) -> Any:
        asked[operation] = priority
        return await call(operation, priority, ask, orders)

    monkeypatch.setattr(venue._session, "call", noted)
    api.script["fetch_order"] = [row(), row(price="151")]
    api.script["edit_order"] = [row()]
    await venue.amend_order(replace(PLAIN, is_exit=is_exit), Decimal(2), Decimal(151))
    assert asked == {Operation.LOOK_UP: Priority.EXIT, Operation.AMEND: priority}
