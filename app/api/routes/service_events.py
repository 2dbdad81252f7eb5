"""Events from other services, each turned into the one thing it may cause."""

from __future__ import annotations

import json
from typing import assert_never

from fastapi import Request

from app.api.access import TRADER, Refused
from app.api.models.bodies import (
    DecisionMade,
    EmergencyState,
    ModelPromoted,
    PolicyChange,
    PolicyUpdated,
    ServiceEvent,
    SignalExecute,
    StopTripped,
)
from app.api.models.reports import Received
from app.api.models.trading import ExecutionResult
from app.api.routes.common import done, new_router
from app.api.routes.orders import decide, execute
from app.messages.commands import EmergencyStop, NoteProposal

router = new_router("orders")
LONGEST_PROPOSAL = 20_000


@router.post("/api/execution/events", dependencies=[TRADER])
async def receive(request: Request, event: ServiceEvent) -> Received:
    """A decision, a manual order, a stop, a proposal, or a label for later decisions."""
    match event:
        case DecisionMade():
            return _executed(event.type, await decide(request, event.data))
        case SignalExecute():
            return _executed(event.type, await execute(request, event.data))
        case StopTripped():
            return Received(type=event.type, detail=await _stop(request, event.data))
        case PolicyUpdated():
            return Received(type=event.type, detail=await _propose(request, event.data))
        case ModelPromoted():
            request.app.state.model_label = event.data.model
            return Received(type=event.type, detail=f"later decisions are labelled {event.data.model}")
        case _:
            assert_never(event)


def _executed(type_: str, result: ExecutionResult) -> Received:
    return Received(type=type_, detail=result.detail or result.outcome, result=result)


async def _stop(request: Request, told: EmergencyState) -> str:
    if told.state != "critical":
        return f"{told.state} trips nothing here"
    return (await done(request, EmergencyStop(told.reason))).detail


async def _propose(request: Request, change: PolicyChange) -> str:
    changes = json.dumps(change.changes, sort_keys=True)
    if len(changes) > LONGEST_PROPOSAL:
        raise Refused(422, "too_long", f"a proposal has at most {LONGEST_PROPOSAL} characters")
    return (await done(request, NoteProposal(change.source, changes))).detail
