"""The private API as one application."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.api import events, routes
from app.api.access import VIEWER, Refused
from app.api.webhook import Webhook
from app.base.clock import Clock
from app.ports.engine import CommandRefused, Engine, EngineUnavailable
from app.ports.paper import PaperPrices
from app.ports.queries import BadCursor, Queries
from app.ports.tokens import Tokens

log = structlog.get_logger("system")
_NOT_FOUND = frozenset({"unknown_group"})
_UNPROCESSABLE = frozenset({"bad_request"})


class PrivateApp:
    """FastAPI for everything but the webhook, which goes its own, shorter way."""

    def __init__(
        self,
        engine: Engine,
        queries: Queries,
        tokens: Tokens,
        paper: PaperPrices,
        webhook: Webhook,
        clock: Clock,
        version: str,
        loop_lag_ms: Callable[[], float],
    ) -> None:
        self.api = FastAPI(title="Ziggurat", version=version, docs_url=None, redoc_url=None, openapi_url=None)
        state = self.api.state
        state.engine, state.queries, state.tokens, state.paper = engine, queries, tokens, paper
        state.clock, state.version, state.loop_lag_ms = clock, version, loop_lag_ms
        self.api.include_router(routes.router)
        self.api.include_router(events.router)
        self.api.add_api_route("/openapi.json", self._openapi, dependencies=[VIEWER], include_in_schema=False)
        _shape_errors(self.api)
        self._webhook = webhook

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/webhook/tradingview" and scope["method"] == "POST":
            await self._webhook(scope, receive, send)
        else:
            await self.api(scope, receive, send)

    async def _openapi(self) -> dict[str, Any]:
        return self.api.openapi()


def _shape_errors(api: FastAPI) -> None:
    @api.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return _error(error.status, error.code, error.detail)

    @api.exception_handler(CommandRefused)
    async def command_refused(_: Request, error: CommandRefused) -> JSONResponse:
        status = 404 if error.code in _NOT_FOUND else 422 if error.code in _UNPROCESSABLE else 409
        return _error(status, error.code, error.detail)

    @api.exception_handler(EngineUnavailable)
    async def unavailable(_: Request, error: EngineUnavailable) -> JSONResponse:
        return _error(503, "unavailable", str(error))

    @api.exception_handler(BadCursor)
    async def bad_cursor(_: Request, error: BadCursor) -> JSONResponse:
        return _error(422, "bad_cursor", str(error), [{"field": "cursor", "reason": str(error)}])

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [
            {"field": ".".join(str(part) for part in item["loc"]), "reason": str(item["msg"])}
            for item in error.errors()
        ]
        return _error(422, "invalid_request", "a field is missing or wrong", fields)

    @api.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "http_error")
        return _error(error.status_code, code, str(error.detail))

    @api.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        log.error("a request broke", error=repr(error))
        return _error(500, "internal_error", "something went wrong here; the log has it")


def _error(status: int, code: str, detail: str, fields: list[dict[str, str]] | None = None) -> JSONResponse:
    return JSONResponse({"error": code, "detail": detail, "fields": fields or []}, status_code=status)
