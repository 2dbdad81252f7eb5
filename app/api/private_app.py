"""The private API as one application."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import structlog
from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from app.api import events
from app.api.access import VIEWER, Refused, verified
from app.api.routes import ROUTERS
from app.api.webhook import Webhook, respond
from app.base.clock import Clock
from app.base.config import Config
from app.base.config.file import ConfigFile
from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.plaintext import plain_text
from app.ports.accounts import Accounts
from app.ports.engine import CommandRefused, Engine, EngineUnavailable
from app.ports.metrics import MetricsExport
from app.ports.paper import PaperPrices
from app.ports.queries import BadCursor, Queries
from app.ports.tokens import Tokens

log = structlog.get_logger("system")
OPEN_PATH = "/health"
MOST_FIELDS = 64
LONGEST_SHOWN = 300
_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed"}


class PrivateApp:
    """FastAPI for everything but the webhook, which goes its own, shorter way."""

    def __init__(
        self,
        *,
        engine: Engine,
        accounts: Accounts,
        queries: Queries,
        tokens: Tokens,
        paper: PaperPrices,
        webhook: Webhook,
        clock: Clock,
        version: str,
        loop_lag_ms: Callable[[], float],
        metrics: MetricsExport,
        config: Callable[[], Config],
        config_file: ConfigFile,
        sleep_held: Callable[[], bool],
        disk: Callable[[], str],
    ) -> None:
        self.api = FastAPI(title="Ziggurat", version=version, docs_url=None, redoc_url=None, openapi_url=None)
        state = self.api.state
        state.engine, state.queries, state.tokens, state.paper = engine, queries, tokens, paper
        state.clock, state.version, state.loop_lag_ms = clock, version, loop_lag_ms
        state.metrics, state.config, state.model_label = metrics, config, ""
        state.config_file, state.accounts = config_file, accounts
        state.sleep_held = sleep_held
        state.disk = disk
        state.readers = set[events.Reader]()
        for router in ROUTERS:
            self.api.include_router(router)
        self.api.include_router(events.router)
        self.api.add_api_route("/openapi.json", self._openapi, dependencies=[VIEWER], include_in_schema=False)
        _shape_errors(self.api)
        self._webhook = webhook

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http" and scope["path"] == "/webhook/tradingview" and scope["method"] == "POST":
            await self._webhook(scope, receive, send)
        elif scope["type"] == "http" and scope["path"] != OPEN_PATH and not self._is_known(scope):
            await respond(send, 401, {"error": "unauthorized", "detail": "a valid token is needed", "fields": []})
        else:
            await self.api(scope, receive, send)

    def _is_known(self, scope: Any) -> bool:
        """Strangers are turned away before their bodies are read; the route asks for its role, the log for the name."""
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        token = verified(self.api.state.tokens, given)
        if token is not None:
            scope.setdefault("state", {})["asked_by"] = token.name
        return token is not None

    async def _openapi(self) -> dict[str, Any]:
        return self.api.openapi()


def _shape_errors(api: FastAPI) -> None:
    @api.exception_handler(Refused)
    async def refused(_: Request, error: Refused) -> JSONResponse:
        return _error(error.status, error.code, error.detail, error.fields)

    @api.exception_handler(CommandRefused)
    async def command_refused(_: Request, error: CommandRefused) -> JSONResponse:
        return _error(_status_of(error.code), error.code, error.detail)

    @api.exception_handler(EngineUnavailable)
    async def unavailable(_: Request, error: EngineUnavailable) -> JSONResponse:
        return _error(503, "unavailable", str(error))

    @api.exception_handler(OperatorActionNeeded)
    async def operator_needed(_: Request, error: OperatorActionNeeded) -> JSONResponse:
        return _error(409, "action_needed", str(error))

    @api.exception_handler(Retryable)
    async def retryable(_: Request, error: Retryable) -> JSONResponse:
        return _error(503, "busy", str(error))

    @api.exception_handler(BadCursor)
    async def bad_cursor(_: Request, error: BadCursor) -> JSONResponse:
        return _error(422, "bad_cursor", str(error), [("cursor", str(error))])

    @api.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        return _invalid(error)

    @api.exception_handler(HTTPException)
    async def http(_: Request, error: HTTPException) -> JSONResponse:
        code = _CODES.get(error.status_code, "http_error")
        return _error(error.status_code, code, str(error.detail))

    @api.exception_handler(Exception)
    async def broken(_: Request, error: Exception) -> JSONResponse:
        log.error("a request broke", error=repr(error))
        return _error(500, "internal_error", "something went wrong here; the log has it")


def _invalid(error: RequestValidationError) -> JSONResponse:
    if any(item["type"] == "json_invalid" for item in error.errors()):
        return _error(400, "not_json", "the body is no JSON")
    fields = [(".".join(str(part) for part in item["loc"]), str(item["msg"])) for item in error.errors()]
    return _error(422, "invalid_request", "a field is missing or wrong", fields)


def _status_of(code: str) -> int:
    """Of the engine's refusals."""
    if code.startswith("unknown_"):
        return 404
    return 422 if code == "bad_request" else 409


def _error(status: int, code: str, detail: str, fields: Iterable[tuple[str, str]] = ()) -> JSONResponse:
    named = [{"field": _shown(field), "reason": _shown(reason)} for field, reason in fields]
    return JSONResponse({"error": code, "detail": _shown(detail), "fields": named[:MOST_FIELDS]}, status_code=status)


def _shown(text: str) -> str:
    """What a stranger wrote, short and without what cannot be shown."""
    return plain_text(text[:LONGEST_SHOWN])
