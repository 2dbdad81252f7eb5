"""The private API's routes (api.md)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from pydantic import BaseModel

from app.api import models
from app.api.access import ADMIN, TRADER, VIEWER, Refused, verified
from app.api.tables import csv_response, wants_csv
from app.api.webhook import fields_of
from app.domain.alert import InvalidFields, NotAnObject, parse_body, validate
from app.messages.commands import CancelEntries, CloseGroup, Pause, PreviewSignal, ReduceGroup, Resume
from app.ports.queries import Filter, Page, PageRequest

Item = TypeVar("Item", bound=BaseModel)
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": models.Error, "description": text}
    for status, text in {
        400: "The request cannot be understood",
        401: "No valid token",
        403: "Not with this token, host or sender",
        404: "There is no such thing",
        409: "The engine will not do it now",
        415: "The body is not application/json",
        422: "A field is wrong",
        503: "The engine is starting, stopping, or cannot write to disk",
    }.items()
}
router = APIRouter(responses=ERRORS)
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}

Name = Annotated[str, Query(min_length=1, max_length=40)]
Id = Annotated[str, Path(pattern=r"^[a-z0-9]{1,32}$")]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=200)]
When = Annotated[datetime | None, Query()]


def _page(request: Request, model: type[Item], page: Page[Any]) -> models.Page[Item] | Response:
    """JSON, or CSV where the request prefers it."""
    rows = [model.model_validate(row) for row in page.rows]
    if wants_csv(request):
        return csv_response(model, rows, page.next_cursor)
    return models.Page[model](items=rows, next_cursor=page.next_cursor)  # type: ignore[valid-type]  # made at run time


def _utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment


@router.get("/health", tags=["engine"], response_model_exclude_none=True)
async def health(request: Request) -> models.Health:
    """A stranger sees only the status."""
    state = request.app.state
    components, ok = await _components(request)
    if verified(state.tokens, request.headers.get("authorization")) is None:
        return models.Health(status=ok)
    return models.Health(status=ok, version=state.version, components=components)


async def _components(request: Request) -> tuple[dict[str, str], str]:
    state = request.app.state
    snapshot = state.engine.snapshot()
    components: dict[str, str] = {"engine": snapshot.state, "webhook": "ok", "queue": f"{snapshot.queued} waiting"}
    try:
        await state.queries.check()
        components["database"] = "ok"
    except Exception as error:  # noqa: BLE001 - whatever keeps the database from answering is its state
        components["database"] = f"error: {type(error).__name__}"
    for account in snapshot.accounts:
        components[f"account {account.id}"] = "stale" if account.stale else "ok"
    components["loop_lag_ms"] = f"{state.loop_lag_ms():.1f}"
    if snapshot.state == "halted" or components["database"] != "ok":
        return components, "error"
    degraded = snapshot.state == "starting" or any(account.stale for account in snapshot.accounts)
    return components, "degraded" if degraded else "ok"


# ---------------------------------------------------------------------------------------------- positions


@router.get("/api/execution/positions", dependencies=[VIEWER], tags=["positions"])
async def positions(request: Request) -> list[models.Position]:
    """Open groups, oldest first."""
    return [models.Position.model_validate(group) for group in request.app.state.engine.open_groups()]


@router.get("/api/execution/positions/{group_id}", dependencies=[VIEWER], tags=["positions"])
async def position(request: Request, group_id: Id) -> models.PositionDetail:
    """One group with its decision trace."""
    group = request.app.state.engine.group(group_id)
    if group is None:
        raise Refused(404, "unknown_group", f"there is no group {group_id}")
    signals = await request.app.state.queries.signals_of_group(group_id)
    document = models.Position.model_validate(group).model_dump()
    return models.PositionDetail(**document, signals=[models.Signal.model_validate(item) for item in signals])


@router.post("/api/execution/positions/{group_id}/close", dependencies=[TRADER], tags=["positions"])
async def close(request: Request, group_id: Id) -> models.Result:
    """Cancel its entries and exits and close what is open at market."""
    return models.Result.model_validate(await request.app.state.engine.ask(CloseGroup(group_id)))


@router.post("/api/execution/positions/{group_id}/reduce", dependencies=[TRADER], tags=["positions"])
async def reduce(request: Request, group_id: Id, body: models.Reduce) -> models.Result:
    """Sell a fraction or a quantity of what is open at market."""
    command = ReduceGroup(group_id, fraction=body.fraction, quantity=body.quantity)
    return models.Result.model_validate(await request.app.state.engine.ask(command))


@router.post("/api/execution/positions/{group_id}/cancel-entries", dependencies=[TRADER], tags=["positions"])
async def cancel_entries(request: Request, group_id: Id) -> models.Result:
    """Cancel what has not filled yet; what is open stays, with its exits."""
    return models.Result.model_validate(await request.app.state.engine.ask(CancelEntries(group_id)))


# ---------------------------------------------------------------------------------------------- history


@router.get(
    "/api/execution/trades",
    dependencies=[VIEWER],
    tags=["history"],
    response_model=models.Page[models.Trade],
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
) -> models.Page[models.Trade] | Response:
    where = Filter(account=account, symbol=symbol, status=status, since=_utc(since), until=_utc(until))
    page = await request.app.state.queries.trades(where, PageRequest(limit, cursor))
    return _page(request, models.Trade, page)


@router.get("/api/execution/trades/{trade_id}", dependencies=[VIEWER], tags=["history"])
async def trade(request: Request, trade_id: Id) -> models.Trade:
    found = await request.app.state.queries.trade(trade_id)
    if found is None:
        raise Refused(404, "unknown_trade", f"there is no trade {trade_id}")
    return models.Trade.model_validate(found)


@router.get(
    "/api/execution/orders",
    dependencies=[VIEWER],
    tags=["history"],
    response_model=models.Page[models.Order],
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
) -> models.Page[models.Order] | Response:
    where = Filter(account=account, symbol=symbol, group_id=group_id, status=status)
    page = await request.app.state.queries.orders(where, PageRequest(limit, cursor))
    return _page(request, models.Order, page)


@router.get(
    "/api/execution/fills",
    dependencies=[VIEWER],
    tags=["history"],
    response_model=models.Page[models.Fill],
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
) -> models.Page[models.Fill] | Response:
    where = Filter(account=account, symbol=symbol, group_id=group_id, since=_utc(since), until=_utc(until))
    page = await request.app.state.queries.fills(where, PageRequest(limit, cursor))
    return _page(request, models.Fill, page)


# ---------------------------------------------------------------------------------------------- signals


@router.get(
    "/api/execution/signals",
    dependencies=[VIEWER],
    tags=["signals"],
    response_model=models.Page[models.Signal],
    responses=CSV,
)
async def signals(
    request: Request,
    outcome: Literal["pending", "executed", "queued", "ignored", "rejected"] | None = None,
    symbol: Name | None = None,
    account: Name | None = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> models.Page[models.Signal] | Response:
    where = Filter(account=account, symbol=symbol, status=outcome)
    page = await request.app.state.queries.signals(where, PageRequest(limit, cursor))
    return _page(request, models.Signal, page)


@router.get("/api/execution/signals/{signal_id}", dependencies=[VIEWER], tags=["signals"])
async def signal(request: Request, signal_id: Id) -> models.Signal:
    found = await request.app.state.queries.signal(signal_id)
    if found is None:
        raise Refused(404, "unknown_signal", f"there is no signal {signal_id}")
    return models.Signal.model_validate(found)


@router.post(
    "/api/execution/signals/preview",
    dependencies=[VIEWER],
    tags=["signals"],
    openapi_extra={"requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}},
)
async def preview(request: Request) -> models.Preview:
    """How a webhook message would be read, routed, sized and checked now; nothing is recorded or sent."""
    state = request.app.state
    try:
        parsed = validate(parse_body(await request.body()))
    except NotAnObject as error:
        raise Refused(400, "not_json", str(error)) from None
    except InvalidFields as error:
        return models.Preview(
            **dict.fromkeys(("account", "symbol", "timeframe", "side", "intent", "capital", "stop_price")),
            outcome="rejected",
            reason="invalid",
            detail="the message does not validate",
            legs=[],
            checks=[],
            errors=[models.FieldProblem(**item) for item in fields_of(error.errors)],
        )
    answer = await state.engine.ask(PreviewSignal(state.clock.now(), parsed))
    return models.Preview.model_validate(answer)


@router.get("/api/execution/queue", dependencies=[VIEWER], tags=["signals"])
async def queue(request: Request) -> list[models.Queued]:
    """Waiting signals by rank."""
    return [models.Queued.model_validate(entry) for entry in request.app.state.engine.queue()]


# ---------------------------------------------------------------------------------------------- engine


@router.get("/api/execution/status", dependencies=[VIEWER], tags=["engine"])
async def status(request: Request) -> models.Status:
    return models.Status.model_validate(request.app.state.engine.snapshot())


@router.get("/api/accounts", dependencies=[VIEWER], tags=["engine"])
async def accounts(request: Request) -> list[models.Account]:
    return [models.Account.model_validate(item) for item in request.app.state.engine.snapshot().accounts]


@router.post("/api/execution/reconcile", dependencies=[TRADER], tags=["engine"])
async def reconcile(request: Request) -> models.Reconciliation:
    """Read every account now and make the books equal; what was found."""
    report = await request.app.state.engine.reconcile()
    document = asdict(report)
    return models.Reconciliation.model_validate(document)


@router.post("/api/execution/pause", dependencies=[TRADER], tags=["engine"])
async def pause(request: Request, body: models.Pausing | None = None) -> models.Result:
    """Refuse entries until resumed; exits, stops and reconciliation go on."""
    return models.Result.model_validate(await request.app.state.engine.ask(Pause((body or models.Pausing()).reason)))


@router.post("/api/execution/resume", dependencies=[TRADER], tags=["engine"])
async def resume(request: Request) -> models.Result:
    return models.Result.model_validate(await request.app.state.engine.ask(Resume()))


@router.put("/api/paper/price", dependencies=[ADMIN], tags=["paper"], status_code=204)
async def set_price(request: Request, body: models.PaperPrice) -> Response:
    """Hold a paper market at a price until it is released."""
    return _paper(lambda: request.app.state.paper.set_price(body.symbol, Decimal(body.price)))


@router.delete("/api/paper/price", dependencies=[ADMIN], tags=["paper"], status_code=204)
async def release_price(request: Request, symbol: Annotated[str, Query(min_length=3, max_length=40)]) -> Response:
    """Let the feed move a paper market again."""
    return _paper(lambda: request.app.state.paper.release(symbol))


def _paper(change: Callable[[], None]) -> Response:
    try:
        change()
    except LookupError:
        raise Refused(404, "unknown_market", "the paper exchange knows no such market") from None
    except ValueError as error:
        raise Refused(422, "bad_price", str(error)) from None
    return Response(status_code=204)
