"""Trades, orders and fills as they are stored; newest first."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Query, Request, Response

from app.api.access import VIEWER, Refused
from app.api.models.trading import Fill, Order, Trade
from app.api.models.values import Page
from app.api.routes.common import CSV, Cursor, Id, Limit, Name, When, new_router, page_answer, utc
from app.ports.queries import Filter, PageRequest

router = new_router("history")


@router.get(
    "/api/execution/trades",
    dependencies=[VIEWER],
    response_model=Page[Trade],
    responses=CSV,
)
async def trades(
    request: Request,
    status: Literal["open", "closed"] | None = None,
    symbol: Name | None = None,
    account: Name | None = None,
    since: When = None,
    until: When = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Trade] | Response:
    where = Filter(account=account, symbol=symbol, status=status, since=utc(since), until=utc(until))
    page = await request.app.state.queries.trades(where, PageRequest(limit, cursor))
    return page_answer(request, Trade, page)


@router.get("/api/execution/trades/{trade_id}", dependencies=[VIEWER])
async def trade(request: Request, trade_id: Id) -> Trade:
    found = await request.app.state.queries.trade(trade_id)
    if found is None:
        raise Refused(404, "unknown_trade", f"there is no trade {trade_id}")
    return Trade.model_validate(found)


@router.get(
    "/api/execution/orders",
    dependencies=[VIEWER],
    response_model=Page[Order],
    responses=CSV,
)
async def orders(
    request: Request,
    group_id: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,32}$")] = None,
    status: Annotated[str | None, Query(pattern=r"^[a-z_]{1,20}$")] = None,
    symbol: Name | None = None,
    account: Name | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Order] | Response:
    where = Filter(account=account, symbol=symbol, group_id=group_id, status=status)
    page = await request.app.state.queries.orders(where, PageRequest(limit, cursor))
    return page_answer(request, Order, page)


@router.get(
    "/api/execution/fills",
    dependencies=[VIEWER],
    response_model=Page[Fill],
    responses=CSV,
)
async def fills(
    request: Request,
    group_id: Annotated[str | None, Query(pattern=r"^[a-z0-9]{1,32}$")] = None,
    symbol: Name | None = None,
    account: Name | None = None,
    since: When = None,
    until: When = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[Fill] | Response:
    where = Filter(account=account, symbol=symbol, group_id=group_id, since=utc(since), until=utc(until))
    page = await request.app.state.queries.fills(where, PageRequest(limit, cursor))
    return page_answer(request, Fill, page)
