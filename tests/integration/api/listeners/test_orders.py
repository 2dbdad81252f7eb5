"""Orders by hand, decisions, and events from other services."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
import pytest_asyncio

from app.domain.values import Side
from app.messages.commands import EmergencyStop, NoteProposal, OrderAnswer, PlaceOrder
from app.messages.records import EventRecord, SignalOutcome
from app.messages.snapshots import PyramidSnapshot
from app.ports.engine import CommandRefused
from app.ports.tokens import Role
from tests.integration.api.listeners.conftest import Front, decision_record, filled, serving, trade_of
from tests.support.examples import NOON, event_of, group_snapshot, order_snapshot
from tests.support.fakes import until

GROUP = "g0000009"
MANUAL: dict[str, Any] = {"symbol": "BTC/USDT:USDT", "side": "short", "quantity": "0.1"}
DECISION: dict[str, Any] = {"symbol": "BTC/USDT:USDT", "side": "buy", "confidence": 0.7, "size": 0.1}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Front]:
    async with serving(Front()) as front:
        yield front


@pytest.fixture
def front(served: Front) -> Front:
    served.forget()
    served.engine.order_answer = OrderAnswer("d0000000000009", "executed", None, "group opened", GROUP)
    return served


def entry_filled(price: str = "50010.5", **changes: Any) -> EventRecord:
    event = event_of(1, "order.filled", role="entry", price=price)
    return replace(event, **{"group_id": GROUP, **changes})


async def rested(front: Front, asking: asyncio.Task[Any]) -> Any:
    """The answer to an order by hand, once its entry rests at the venue."""
    await until(lambda: front.clock.waiting > 0)
    front.engine.publish(replace(event_of(1, "order.placed", role="entry"), group_id=GROUP))
    return await asking


def pyramid(index: int, signal_id: str) -> PyramidSnapshot:
    one = Decimal(1)
    return PyramidSnapshot(index, signal_id, one, one, NOON, 1, 1, one, None, None, None, None)


# -------------------------------------------------------------------------------------------------------------- orders


async def test_a_manual_order_is_asked_of_the_engine_whole(front: Front) -> None:
    told = {"price": 50000.5, "leverage": "2", "stop_loss": "51000", "take_profit": 48000, "account": "paper"}
    body = {**MANUAL, **told, "request_id": "r-1"}
    asking = asyncio.create_task(front.ask("POST", "/api/execution/order", Role.TRADER, json=body))
    answer = await rested(front, asking)
    assert front.engine.asked == [
        PlaceOrder(
            received_at=NOON,
            source="manual",
            symbol="BTC/USDT:USDT",
            side=Side.SHORT,
            quantity=Decimal("0.1"),
            account="paper",
            price=Decimal("50000.5"),
            leverage=Decimal(2),
            stop_loss=Decimal(51000),
            take_profit=Decimal(48000),
            request_id="r-1",
        )
    ]
    assert answer.json() == {
        "success": True,
        "outcome": "executed",
        "reason": None,
        "detail": "group opened",
        "signal_id": "d0000000000009",
        "decision_id": None,
        "group_id": GROUP,
        "is_duplicate": False,
        "fill_price": None,
        "orders": [],
    }


async def test_an_order_that_the_checks_refuse_is_an_answer_with_its_reason(front: Front) -> None:
    front.engine.order_answer = OrderAnswer("d0000000000009", "rejected", "paused", "the engine is paused", None)
    answer = (await front.ask("POST", "/api/execution/order", json=MANUAL)).json()
    assert (answer["success"], answer["reason"], answer["detail"]) == (False, "paused", "the engine is paused")


async def test_an_order_for_an_account_that_is_not_there_is_answered_404(front: Front) -> None:
    front.engine.failure = CommandRefused("unknown_account", "there is no account other")
    answer = await front.ask("POST", "/api/execution/order", json={**MANUAL, "account": "other"})
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_account")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("quantity", "0"),
        ("quantity", "-1"),
        ("quantity", "NaN"),
        ("quantity", "Infinity"),
        ("quantity", "1e19"),
        ("quantity", "1e-19"),
        ("quantity", "1." + "1" * 38),
        ("quantity", "1e999999999"),
        ("quantity", True),
        ("quantity", None),
        ("price", 0),
        ("side", "sideways"),
        ("side", "buy"),
        ("symbol", "B"),
        ("symbol", "BTC\u0000USDT"),
        ("symbol", "B" * 41),
        ("account", "NOT AN ID"),
        ("leverage", "0.5"),
        ("request_id", "r" * 65),
        ("request_id", ""),
        ("surprise", 1),
    ],
)
async def test_a_field_out_of_bounds_is_named_and_nothing_is_asked(front: Front, field: str, value: Any) -> None:
    answer = await front.ask("POST", "/api/execution/order", json={**MANUAL, field: value})
    assert answer.status_code == 422
    assert [item["field"] for item in answer.json()["fields"]] == [f"body.{field}"]
    assert front.engine.asked == []


@pytest.mark.parametrize("confidence", ["-0.1", "1.01", "NaN", True])
async def test_confidence_lies_between_nothing_and_one(front: Front, confidence: Any) -> None:
    answer = await front.ask("POST", "/api/execution/decision", json={**DECISION, "confidence": confidence})
    assert answer.status_code == 422


async def test_an_order_that_came_before_the_last_start_is_answered_from_the_disk(front: Front) -> None:
    front.queries.signal_rows = [replace(decision_record(), outcome=SignalOutcome.EXECUTED, group_id=GROUP)]
    front.engine.order_answer = OrderAnswer(
        "d0000000000001", "unknown", None, "it came before", None, is_duplicate=True
    )
    answer = (await front.ask("POST", "/api/execution/decision", Role.TRADER, json=DECISION | {"wait_ms": 0})).json()
    told = [answer[name] for name in ("success", "outcome", "group_id", "is_duplicate")]
    assert told == [True, "executed", GROUP, True]


async def test_an_unknown_field_of_strange_letters_is_refused_in_plain_ones(front: Front) -> None:
    body = b'{"symbol": "BTC/USDT", "side": "long", "quantity": 1, "\\ud800\\u001b[31m": 1}'
    answer = await front.ask("POST", "/api/execution/order", headers={"Content-Type": "application/json"}, content=body)
    assert answer.status_code == 422
    assert "\x1b" not in answer.json()["fields"][0]["field"]


async def test_a_body_of_unknown_length_is_refused(front: Front) -> None:
    async def parts() -> AsyncIterator[bytes]:
        yield b"{}"

    headers = {"Content-Type": "application/json"}
    answer = await front.ask("POST", "/api/execution/order", headers=headers, content=parts())
    assert (answer.status_code, answer.json()["error"]) == (411, "length_required")


async def test_a_body_without_end_is_not_read(front: Front) -> None:
    answer = await front.ask("POST", "/api/execution/order", json={**MANUAL, "symbol": "B" * 300_000})
    assert (answer.status_code, answer.json()["error"]) == (413, "too_large")


# ----------------------------------------------------------------------------------------------------------- decisions


@pytest.mark.parametrize(
    ("word", "side"), [("buy", Side.LONG), ("long", Side.LONG), ("sell", Side.SHORT), ("short", Side.SHORT)]
)
async def test_a_decision_names_its_side_either_way(front: Front, word: str, side: Side) -> None:
    await front.ask("POST", "/api/execution/decision", json={**DECISION, "side": word, "wait_ms": 0, "label": "m-1"})
    (asked,) = front.engine.asked
    assert (asked.side, asked.source, asked.quantity) == (side, "decision", Decimal("0.1"))
    assert (asked.confidence, asked.label) == (Decimal("0.7"), "m-1")


async def test_a_decision_is_answered_as_soon_as_its_entry_fills(front: Front) -> None:
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 30_000}))
    await until(lambda: front.clock.waiting > 0)
    front.engine.publish(
        entry_filled(group_id="g0000001"), entry_filled(data={"role": "take_profit", "price": "1"}), entry_filled()
    )
    answer = (await asking).json()
    assert (answer["success"], answer["fill_price"]) == (True, "50010.5")
    assert answer["decision_id"] == answer["signal_id"]
    assert (front.engine.listeners, front.clock.waiting) == ([], 0)


async def test_a_fill_that_comes_before_the_engines_answer_is_not_missed(front: Front) -> None:
    front.engine.gate = asyncio.Event()
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 30_000}))
    await until(lambda: bool(front.engine.asked))
    front.engine.publish(entry_filled())
    front.engine.gate.set()
    assert (await asking).json()["fill_price"] == "50010.5"


async def test_a_decision_that_does_not_fill_in_time_is_answered_without_a_price(front: Front) -> None:
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json=DECISION))
    await until(lambda: front.clock.waiting > 0)
    front.clock.advance(1.9)
    assert not asking.done()
    front.clock.advance(0.2)
    answer = (await asking).json()
    assert (answer["success"], answer["fill_price"]) == (True, None)
    assert front.engine.listeners == []


async def test_a_group_that_ends_unfilled_is_not_waited_for(front: Front) -> None:
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 30_000}))
    await until(lambda: front.clock.waiting > 0)
    front.engine.publish(replace(event_of(1, "trade.closed"), group_id=GROUP))
    assert (await asking).json()["fill_price"] is None


async def test_a_decision_that_waits_for_the_markets_rules_is_followed_to_its_fill(front: Front) -> None:
    front.engine.order_answer = OrderAnswer("d0000000000009", "queued", "missing_market_rules", None, None)
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 30_000}))
    await until(lambda: front.clock.waiting > 0)
    front.engine.recent["d0000000000009"] = replace(decision_record(), id="d0000000000009", group_id=GROUP)
    front.engine.publish(
        replace(event_of(1, "signal.promoted"), signal_id="d0000000000009", group_id=GROUP), entry_filled()
    )
    answer = (await asking).json()
    assert (answer["success"], answer["group_id"], answer["fill_price"]) == (True, GROUP, "50010.5")


async def test_a_decision_that_is_refused_while_it_waits_is_answered_at_once(front: Front) -> None:
    front.engine.order_answer = OrderAnswer("d0000000000009", "queued", "missing_market_rules", None, None)
    asking = asyncio.create_task(front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 30_000}))
    await until(lambda: front.clock.waiting > 0)
    refused = replace(decision_record(), outcome=SignalOutcome.REJECTED, reason="minimum", group_id=None)
    front.engine.recent["d0000000000009"] = refused
    front.engine.publish(replace(event_of(1, "signal.rejected"), signal_id="d0000000000009"))
    answer = (await asking).json()
    assert (answer["success"], answer["reason"], answer["group_id"]) == (False, "minimum", None)


async def test_only_the_orders_of_the_decisions_own_pyramid_are_told(front: Front) -> None:
    orders = [
        replace(order_snapshot(number), pyramid=number, filled=Decimal(2), average=Decimal(100 + number))
        for number in (0, 1)
    ]
    entries = (pyramid(0, "s0000000000001"), pyramid(1, "d0000000000009"))
    front.engine.groups = [replace(group_snapshot(9), entries=entries, orders=tuple(orders))]
    answer = (await front.ask("POST", "/api/execution/decision", json=DECISION)).json()
    assert [order["client_order_id"] for order in answer["orders"]] == ["zg-1"]
    assert answer["fill_price"] == "101"


async def test_a_decision_is_kept_with_its_final_result(front: Front) -> None:
    filled(front)
    front.engine.groups = []
    answer = (await front.ask("GET", "/api/execution/decisions/d0000000000001")).json()
    told = {name: value for name, value in answer["decision"].items() if value is not None}
    assert told == {"confidence": "0.7", "side": "long", "size": "0.10", "symbol": "BTC/USDT:USDT", "label": "m-1"}
    assert (answer["trade_status"], answer["realized_pnl"]) == ("closed", "100")
    assert answer["result"]["success"] is True
    assert answer["result"]["orders"]
    assert answer["checks"]


async def test_a_decisions_result_so_far_is_told_while_its_group_is_open(front: Front) -> None:
    filled(front)
    front.queries.trade_rows = [trade_of(1, status="open", closed_at=None, realized_pnl=Decimal("-1.50"))]
    answer = (await front.ask("GET", "/api/execution/decisions/d0000000000001")).json()
    assert (answer["trade_status"], answer["realized_pnl"]) == ("open", "-1.50")


@pytest.mark.parametrize("signal_id", ["s0000000000001", "d9999999999999"])
async def test_what_is_no_decision_is_not_told_as_one(front: Front, signal_id: str) -> None:
    filled(front)
    answer = await front.ask("GET", f"/api/execution/decisions/{signal_id}")
    assert (answer.status_code, answer.json()["error"]) == (404, "unknown_decision")


# ------------------------------------------------------------------------------------------------ events from services


async def send(front: Front, type_: str, data: Any) -> Any:
    answer = await front.ask("POST", "/api/execution/events", Role.TRADER, json={"type": type_, "data": data})
    return answer.json() if answer.status_code == 200 else answer


async def test_a_decision_made_elsewhere_is_a_decision(front: Front) -> None:
    answer = await send(front, "ai.decision.made", {**DECISION, "wait_ms": 0})
    assert (answer["type"], answer["result"]["group_id"]) == ("ai.decision.made", GROUP)
    assert front.engine.asked[0].source == "decision"


async def test_a_signal_to_execute_is_a_manual_order(front: Front) -> None:
    answer = await rested(front, asyncio.create_task(send(front, "signal.execute", MANUAL)))
    assert answer["result"]["success"] is True
    assert front.engine.asked[0].source == "manual"


async def test_a_critical_stop_elsewhere_trips_ours_and_a_lesser_one_does_not(front: Front) -> None:
    await send(front, "ess.tripped", {"state": "warning"})
    assert front.engine.asked == []
    await send(front, "ess.tripped", {"state": "critical", "reason": "the risk desk says so"})
    assert front.engine.asked == [EmergencyStop("the risk desk says so")]


async def test_a_policy_is_proposed_and_never_applied(front: Front) -> None:
    await send(front, "policy.updated", {"source": "risk desk", "changes": {"pool": {"max_open_groups": 1}}})
    assert front.engine.asked == [NoteProposal("risk desk", '{"pool": {"max_open_groups": 1}}')]


async def test_a_proposal_without_end_is_refused(front: Front) -> None:
    answer = await send(front, "policy.updated", {"source": "risk desk", "changes": {"note": "x" * 20_000}})
    assert (answer.status_code, answer.json()["error"]) == (422, "too_long")


async def test_a_promoted_model_labels_later_decisions_that_bring_no_label(front: Front) -> None:
    await send(front, "model.promoted", {"model": "m-7"})
    for label in ({}, {"label": "m-8"}):
        await front.ask("POST", "/api/execution/decision", json={**DECISION, "wait_ms": 0, **label})
    assert [command.label for command in front.engine.asked] == ["m-7", "m-8"]


async def test_an_unknown_event_is_answered_with_those_that_are_known(front: Front) -> None:
    answer = await send(front, "weather.changed", {})
    assert answer.status_code == 422
    told = answer.json()["fields"][0]["reason"]
    for known in ("ai.decision.made", "signal.execute", "ess.tripped", "policy.updated", "model.promoted"):
        assert known in told
    assert front.engine.asked == []
