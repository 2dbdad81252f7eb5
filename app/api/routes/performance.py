"""How well closed trades did."""

from __future__ import annotations

from fastapi import Request

from app.api.access import VIEWER
from app.api.models.reports import Performance
from app.api.routes.common import Name, When, new_router, utc
from app.domain import performance as figures
from app.ports.queries import Filter

router = new_router("history")


@router.get("/api/performance", dependencies=[VIEWER])
async def performance(
    request: Request,
    since: When = None,
    until: When = None,
    account: Name | None = None,
    symbol: Name | None = None,
) -> Performance:
    """Of the trades that were closed from `since` on and before `until`."""
    where = Filter(account=account, symbol=symbol, since=utc(since), until=utc(until))
    outcomes = await request.app.state.queries.outcomes(where)
    return Performance.model_validate(figures.performance(outcomes))
