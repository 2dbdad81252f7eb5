"""Orders by hand, and decisions of a decision engine."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from fastapi import Request

from app.api.access import TRADER, VIEWER, Refused
from app.api.models.bodies import SIDES, ManualOrder, TradingDecision
from app.api.models.trading import Check, Decision, DecisionRecord, ExecutionResult
from app.api.placing import entries_of, place, result_of_record
from app.api.routes.common import Id, new_router
from app.domain.placed import read_placed
from app.domain.values import OrderRole
from app.messages.commands import PlaceOrder
from app.messages.records import SignalRecord
from app.messages.snapshots import OrderSnapshot
from app.ports.queries import Filter, PageRequest

router = new_router("orders")
DECISION: Final = "decision"
MANUAL_WAIT_MS: Final = 2_000
"""How long an order by hand may take to be answered: until it filled or rests, as a rule within milliseconds."""


@router.post("/api/execution/order", dependencies=[TRADER])
async def order(request: Request, body: ManualOrder) -> ExecutionResult:
    """An order by hand; it passes the same checks as a signal and becomes a group like any other."""
    return await execute(request, body)


@router.post("/api/execution/decision", dependencies=[TRADER])
async def decision(request: Request, body: TradingDecision) -> ExecutionResult:
    """A decision, answered once its entry filled or `wait_ms` have passed."""
    return await decide(request, body)


@router.get("/api/execution/decisions/{signal_id}", dependencies=[VIEWER])
async def decided(request: Request, signal_id: Id) -> DecisionRecord:
    """The decision, its result, and what its group realised."""
    state = request.app.state
    record = await state.queries.signal(signal_id)
    placed = read_placed(record.payload) if record is not None and record.source == DECISION else None
    if record is None or placed is None:
        raise Refused(404, "unknown_decision", f"there is no decision {signal_id}")
    trade = await state.queries.trade(record.group_id) if record.group_id is not None else None
    return DecisionRecord(
        id=record.id,
        received_at=record.received_at,
        decision=Decision.model_validate(placed),
        result=result_of_record(record, await _orders(request, record)),
        checks=[Check.model_validate(check) for check in record.checks],
        trade_status=trade.status if trade is not None else None,
        realized_pnl=trade.realized_pnl if trade is not None else None,
    )


async def _orders(request: Request, record: SignalRecord) -> Sequence[OrderSnapshot]:
    """From memory where its group is there, else as stored."""
    if record.group_id is None:
        return ()
    group = request.app.state.engine.group(record.group_id)
    if group is not None:
        return entries_of(group, record.id)
    page = await request.app.state.queries.orders(Filter(group_id=record.group_id), PageRequest(500))
    return [order for order in page.rows if order.role == OrderRole.ENTRY]


async def execute(request: Request, body: ManualOrder) -> ExecutionResult:
    state = request.app.state
    command = PlaceOrder(
        received_at=state.clock.now(),
        source="manual",
        quantity=body.quantity,
        price=body.price,
        **_shared(body),
    )
    return await place(state.engine, state.queries, state.clock, command, MANUAL_WAIT_MS, until_resting=True)


async def decide(request: Request, body: TradingDecision) -> ExecutionResult:
    state = request.app.state
    command = PlaceOrder(
        received_at=state.clock.now(),
        source=DECISION,
        quantity=body.size,
        confidence=body.confidence,
        label=body.label or state.model_label,
        **_shared(body),
    )
    return await place(state.engine, state.queries, state.clock, command, body.wait_ms)


def _shared(body: ManualOrder | TradingDecision) -> dict[str, Any]:
    return {
        "symbol": body.symbol,
        "side": SIDES[body.side],
        "account": body.account,
        "leverage": body.leverage,
        "stop_loss": body.stop_loss,
        "take_profit": body.take_profit,
        "request_id": body.request_id,
    }
