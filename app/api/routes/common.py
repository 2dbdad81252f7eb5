"""What the routes share: errors as they are described, parameters, pages."""

from __future__ import annotations

import json
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import Annotated, Any, Literal, TypeVar

from fastapi import APIRouter, Path, Query, Request, Response
from fastapi.routing import APIRoute
from pydantic import BaseModel

from app.api.models.values import LARGEST_SEQUENCE, Error, Result, WrittenNumber
from app.api.models.values import Page as PageAnswer
from app.api.tables import csv_response, wants_csv
from app.messages.commands import Deed
from app.ports.queries import Page

Item = TypeVar("Item", bound=BaseModel)
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {"model": Error, "description": text}
    for status, text in {
        400: "The request cannot be understood",
        401: "No valid token",
        403: "Not with this token, host or sender",
        404: "There is no such thing",
        409: "The engine will not do it now",
        411: "The body came without its length",
        413: "The body is too large",
        415: "The body is not application/json",
        422: "A field is wrong",
        503: "The engine is starting, stopping, or cannot write to disk",
    }.items()
}
CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}
JSON_OBJECT: dict[str, Any] = {
    "requestBody": {"required": True, "content": {"application/json": {"schema": {"type": "object"}}}}
}

Name = Annotated[str, Query(min_length=1, max_length=40)]
Id = Annotated[str, Path(pattern=r"^[a-z0-9]{1,32}$")]
Sequence = Annotated[int, Path(ge=1, le=LARGEST_SEQUENCE)]
Limit = Annotated[int, Query(ge=1, le=500)]
Cursor = Annotated[str | None, Query(max_length=200)]
When = Annotated[datetime | None, Query()]
SideName = Literal["long", "short"]


class _ExactRequest(Request):
    async def json(self) -> Any:
        return json.loads(await self.body(), parse_float=WrittenNumber)


class _ExactRoute(APIRoute):
    """The numbers of its body keep the text that they were written as."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_exactly(request: Request) -> Response:
            return await handle(_ExactRequest(request.scope, request.receive))

        return handle_exactly


def new_router(tag: str) -> APIRouter:
    return APIRouter(responses=ERRORS, tags=[tag], route_class=_ExactRoute)


async def done(request: Request, deed: Deed) -> Result:
    """Ask the engine to do it, and tell what it did."""
    return Result.model_validate(await request.app.state.engine.ask(deed))


def page_answer(request: Request, model: type[Item], page: Page[Any]) -> PageAnswer[Item] | Response:
    """JSON, or CSV where the request prefers it."""
    rows = [model.model_validate(row) for row in page.rows]
    if wants_csv(request):
        return csv_response(model, rows, page.next_cursor)
    return PageAnswer[model](items=rows, next_cursor=page.next_cursor)  # type: ignore[valid-type]  # made at run time


def utc(moment: datetime | None) -> datetime | None:
    return moment.replace(tzinfo=UTC) if moment is not None and moment.tzinfo is None else moment
