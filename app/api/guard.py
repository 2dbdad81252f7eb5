"""What every request to the private API passes before it reaches a route."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import structlog

from app.api.webhook import Receive, Scope, Send, respond
from app.base.clock import Clock

log = structlog.get_logger("system")
audit = structlog.get_logger("audit")
MOST_BODY_BYTES = 262_144
_READING = frozenset({"GET", "HEAD", "OPTIONS"})
_REFUSED = frozenset(
    {b"origin", b"sec-fetch-site", b"forwarded", b"via", b"x-real-ip", b"cf-connecting-ip", b"true-client-ip"}
)
_FORWARDED = b"x-forwarded-"
_NAMES = ("127.0.0.1", "localhost", "[::1]")
WEBHOOK_PATH = "/webhook/tradingview"


class Guard:
    """Refuses what a web page or a proxy could have sent: foreign host names, origins, forwarding headers."""

    def __init__(self, app: Any, clock: Clock, port: Callable[[], int], extra_host: str | None = None) -> None:
        self._app = app
        self._clock = clock
        self._port = port
        self._names = (*_NAMES, extra_host) if extra_host else _NAMES

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        refusal = self._refusal(scope)
        if refusal is not None:
            await self._refuse(scope, send, *refusal)
            return
        if scope["type"] == "http" and scope["path"] != WEBHOOK_PATH:
            await self._logged(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    def _refusal(self, scope: Scope) -> tuple[int, str, str] | None:
        headers = dict(scope["headers"])
        name, _, port = headers.get(b"host", b"").decode("latin-1").lower().rpartition(":")
        if name not in self._names or port != str(self._port()):
            return 403, "wrong_host", "the API answers to this machine's own name and port only"
        if _REFUSED & headers.keys() or any(name.startswith(_FORWARDED) for name in headers):
            return 403, "not_local", "requests of web pages and proxies are refused"
        if scope["type"] == "http" and scope["path"] != WEBHOOK_PATH:
            return _body_refusal(headers)
        return None

    async def _refuse(self, scope: Scope, send: Send, status: int, code: str, detail: str) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": code})
            return
        await respond(send, status, {"error": code, "detail": detail, "fields": []})

    async def _logged(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, status = self._clock.monotonic(), 0

        async def noting(message: Any) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        await self._app(scope, receive, noting)
        route = getattr(scope.get("route"), "path", "unknown")
        ms = round((self._clock.monotonic() - started) * 1000, 2)
        who = scope.get("state", {}).get("asked_by")
        log.info("request", method=scope["method"], route=route, who=who, status=status, ms=ms)
        _note_action(scope, route, status)


def _note_action(scope: Scope, route: str, status: int) -> None:
    """Who asked for what, and how it was answered; bodies are not kept."""
    who = scope.get("state", {}).get("asked_by")
    if who is not None and scope["method"] not in _READING:
        action = f"{scope['method']} {route}"
        audit.info("asked to act", who=who, action=action, target=scope.get("path_params") or None, status=status)


def _body_refusal(headers: dict[bytes, bytes]) -> tuple[int, str, str] | None:
    """The webhook bounds its own bodies."""
    if b"transfer-encoding" in headers:
        return 411, "length_required", "a body is sent with its Content-Length"
    length = headers.get(b"content-length", b"0")
    if length.isdigit() and int(length) > MOST_BODY_BYTES:
        return 413, "too_large", f"at most {MOST_BODY_BYTES} bytes are taken"
    media = headers.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if length != b"0" and media != b"application/json":
        return 415, "not_json", "bodies are application/json"
    return None
