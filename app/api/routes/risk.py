"""The emergency stop, the limits and the offset engine."""

from __future__ import annotations

from fastapi import Request

from app.api.access import TRADER, VIEWER
from app.api.models.risk import Risk
from app.api.models.values import Result
from app.api.routes.common import Id, done, new_router
from app.messages.commands import BlockGroup, RunOffset, SkipOffset

router = new_router("risk")


@router.get("/api/execution/risk", dependencies=[VIEWER])
async def risk(request: Request) -> Risk:
    return Risk.model_validate(request.app.state.engine.risk())


@router.post("/api/execution/risk/run", dependencies=[TRADER])
async def run(request: Request) -> Result:
    """Carry out the offset plan now: timer and threshold are skipped, not the arithmetic."""
    return await done(request, RunOffset())


@router.post("/api/execution/risk/{group_id}/skip", dependencies=[TRADER])
async def skip(request: Request, group_id: Id) -> Result:
    """Leave it out of the next offset action, once."""
    return await done(request, SkipOffset(group_id))


@router.post("/api/execution/risk/{group_id}/block", dependencies=[TRADER])
async def block(request: Request, group_id: Id) -> Result:
    """Keep it out of the offset engine, as loser and as winner."""
    return await done(request, BlockGroup(group_id, blocked=True))


@router.post("/api/execution/risk/{group_id}/unblock", dependencies=[TRADER])
async def unblock(request: Request, group_id: Id) -> Result:
    return await done(request, BlockGroup(group_id, blocked=False))
