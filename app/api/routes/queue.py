"""Signals that wait for a slot."""

from __future__ import annotations

from fastapi import Request

from app.api.access import TRADER, VIEWER
from app.api.models.trading import Queued
from app.api.models.values import Page, Result
from app.api.paging import page_of, queue_key
from app.api.routes.common import Cursor, Id, Limit, Name, SideName, done, new_router
from app.messages.commands import Force, Promote, Remove
from app.ports.queries import PageRequest

router = new_router("queue")


@router.get("/api/execution/queue", dependencies=[VIEWER])
async def queue(
    request: Request,
    symbol: Name | None = None,
    account: Name | None = None,
    side: SideName | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Queued]:
    """By rank, from 1."""
    wanted = [
        entry
        for entry in request.app.state.engine.queue()
        if symbol in {None, entry.symbol} and account in {None, entry.account} and side in {None, entry.side}
    ]
    page = page_of(wanted, queue_key, PageRequest(limit, cursor))
    return Page(items=[Queued.model_validate(entry) for entry in page.rows], next_cursor=page.next_cursor)


@router.post("/api/execution/queue/{signal_id}/promote", dependencies=[TRADER])
async def promote(request: Request, signal_id: Id) -> Result:
    """Open it out of its turn, into a free slot only."""
    return await done(request, Promote(signal_id))


@router.post("/api/execution/queue/{signal_id}/remove", dependencies=[TRADER])
async def remove(request: Request, signal_id: Id) -> Result:
    """Take it out for good."""
    return await done(request, Remove(signal_id))


@router.post("/api/execution/queue/{signal_id}/force", dependencies=[TRADER])
async def force(request: Request, signal_id: Id) -> Result:
    """Open it despite the limits on open groups; the group is marked as forced."""
    return await done(request, Force(signal_id))
