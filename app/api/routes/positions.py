"""Open groups, and what can be done to them by hand."""

from __future__ import annotations

from typing import Literal

from fastapi import Request

from app.api.access import TRADER, VIEWER, Refused
from app.api.models.bodies import AddFunds as AddFundsBody
from app.api.models.bodies import MoveStop as MoveStopBody
from app.api.models.bodies import Reduce, TakeProfitModeChange
from app.api.models.trading import Position, PositionDetail, Signal
from app.api.models.values import Page, Result
from app.api.paging import page_of, position_key
from app.api.routes.common import Cursor, Id, Limit, Name, SideName, done, new_router
from app.messages.commands import AddFunds, CancelEntries, CloseGroup, MoveStop, ReduceGroup, SetTakeProfitMode
from app.ports.queries import PageRequest

router = new_router("positions")


@router.get("/api/execution/positions", dependencies=[VIEWER])
async def positions(
    request: Request,
    symbol: Name | None = None,
    account: Name | None = None,
    side: SideName | None = None,
    sort: Literal["opened_at", "-opened_at"] = "opened_at",
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Position]:
    """Open groups, oldest first unless sorted by `-opened_at`."""
    wanted = [
        group
        for group in request.app.state.engine.open_groups()
        if symbol in {None, group.symbol} and account in {None, group.account} and side in {None, group.side}
    ]
    page = page_of(wanted, position_key, PageRequest(limit, cursor), descending=sort.startswith("-"))
    return Page(items=[Position.model_validate(group) for group in page.rows], next_cursor=page.next_cursor)


@router.get("/api/execution/positions/{group_id}", dependencies=[VIEWER])
async def position(request: Request, group_id: Id) -> PositionDetail:
    """One group with its decision trace."""
    group = request.app.state.engine.group(group_id)
    if group is None:
        raise Refused(404, "unknown_group", f"there is no group {group_id}")
    signals = await request.app.state.queries.signals_of_group(group_id)
    document = Position.model_validate(group).model_dump()
    return PositionDetail(**document, signals=[Signal.model_validate(item) for item in signals])


@router.post("/api/execution/positions/{group_id}/close", dependencies=[TRADER])
async def close(request: Request, group_id: Id) -> Result:
    """Cancel its entries and exits and close what is open at market."""
    return await done(request, CloseGroup(group_id))


@router.post("/api/execution/positions/{group_id}/reduce", dependencies=[TRADER])
async def reduce(request: Request, group_id: Id, body: Reduce) -> Result:
    """Sell a fraction or a quantity of what is open at market."""
    return await done(request, ReduceGroup(group_id, fraction=body.fraction, quantity=body.quantity))


@router.post("/api/execution/positions/{group_id}/cancel-entries", dependencies=[TRADER])
async def cancel_entries(request: Request, group_id: Id) -> Result:
    """Cancel what has not filled yet; what is open stays, with its exits."""
    return await done(request, CancelEntries(group_id))


@router.post("/api/execution/positions/{group_id}/move-stop", dependencies=[TRADER])
async def move_stop(request: Request, group_id: Id, body: MoveStopBody) -> Result:
    """Set the stop by hand; it counts instead of the configured one."""
    return await done(request, MoveStop(group_id, body.price))


@router.post("/api/execution/positions/{group_id}/add-funds", dependencies=[TRADER])
async def add_funds(request: Request, group_id: Id, body: AddFundsBody) -> Result:
    """Add a pyramid of one leg at market, worth `quote`."""
    return await done(request, AddFunds(group_id, body.quote))


@router.post("/api/execution/positions/{group_id}/tp-mode", dependencies=[TRADER])
async def tp_mode(request: Request, group_id: Id, body: TakeProfitModeChange) -> Result:
    """Exit another way from now on; `percent` is the distance of the aggregate modes."""
    return await done(request, SetTakeProfitMode(group_id, body.mode.value, body.percent))
