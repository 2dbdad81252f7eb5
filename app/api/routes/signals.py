"""Signals, what became of them, and how a message would be taken."""

from __future__ import annotations

from typing import Literal

from fastapi import Request, Response

from app.api.access import TRADER, VIEWER, Refused
from app.api.models.trading import Preview, Replayed, Signal
from app.api.models.values import FieldProblem, Page
from app.api.routes.common import CSV, JSON_OBJECT, Cursor, Id, Limit, Name, new_router, page_answer
from app.api.webhook import fields_of
from app.base.errors import InvalidSignal
from app.domain import signal as domain
from app.domain.alert import validate
from app.domain.alert_body import InvalidFields, NotAnObject, parse_body
from app.domain.placed import PLACED_BY, read_recorded
from app.messages.commands import AcceptSignal, PreviewSignal, SignalAnswer
from app.messages.records import SignalRecord
from app.ports.queries import Filter, PageRequest

router = new_router("signals")


@router.get(
    "/api/execution/signals",
    dependencies=[VIEWER],
    response_model=Page[Signal],
    responses=CSV,
)
async def signals(
    request: Request,
    outcome: Literal["pending", "executed", "queued", "ignored", "rejected"] | None = None,
    symbol: Name | None = None,
    account: Name | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Signal] | Response:
    where = Filter(account=account, symbol=symbol, status=outcome)
    page = await request.app.state.queries.signals(where, PageRequest(limit, cursor))
    return page_answer(request, Signal, page)


@router.get("/api/execution/signals/{signal_id}", dependencies=[VIEWER])
async def signal(request: Request, signal_id: Id) -> Signal:
    return Signal.model_validate(await recorded(request, signal_id))


@router.post(
    "/api/execution/signals/preview",
    dependencies=[VIEWER],
    openapi_extra=JSON_OBJECT,
)
async def preview(request: Request) -> Preview:
    """How a webhook message would be read, routed, sized and checked now; nothing is recorded or sent."""
    state = request.app.state
    try:
        parsed = validate(parse_body(await request.body()))
    except NotAnObject as error:
        raise Refused(400, "not_json", str(error)) from None
    except InvalidFields as error:
        return Preview(
            **dict.fromkeys(("account", "symbol", "timeframe", "side", "intent", "capital", "stop_price")),
            outcome="rejected",
            reason="invalid",
            detail="the message does not validate",
            legs=[],
            checks=[],
            errors=[FieldProblem(**item) for item in fields_of(error.errors)],
        )
    answer = await state.engine.ask(PreviewSignal(state.clock.now(), parsed))
    return Preview.model_validate(answer)


@router.post("/api/execution/signals/{signal_id}/replay", dependencies=[TRADER])
async def replay(request: Request, signal_id: Id) -> Replayed:
    """Take a recorded signal again, on purpose: as a new one, neither a duplicate nor stale."""
    state = request.app.state
    found = await recorded(request, signal_id)
    command = AcceptSignal(
        received_at=state.clock.now(),
        source=found.source if found.source in PLACED_BY else "replay",
        payload=found.payload,
        content_key=found.content_key,
        signal=_read_again(found),
        replay_of=found.id,
    )
    answer: SignalAnswer = await state.engine.ask(command)
    errors = [FieldProblem(**item) for item in fields_of(answer.errors)]
    return Replayed(signal_id=answer.signal_id, status=answer.status, replay_of=found.id, errors=errors)


async def recorded(request: Request, signal_id: str) -> SignalRecord:
    """Refused where there is none."""
    found: SignalRecord | None = await request.app.state.queries.signal(signal_id)
    if found is None:
        raise Refused(404, "unknown_signal", f"there is no signal {signal_id}")
    return found


def _read_again(record: SignalRecord) -> domain.Signal:
    try:
        return read_recorded(record.payload, record.source)
    except InvalidSignal as error:
        raise Refused(409, "not_replayable", f"signal {record.id} cannot be read again: {error}") from None
