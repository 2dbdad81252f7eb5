"""The webhook: bounded, authenticated, parsed, handed to the engine (signals.md). Plain ASGI: it is the hot path."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from datetime import UTC, datetime
from typing import Any

import structlog

from app.base.clock import Clock
from app.base.config import Config
from app.base.errors import AppError
from app.base.waiting import within
from app.domain.alert import validate
from app.domain.alert_body import FieldError, InvalidFields, NotAnObject, parse_body
from app.domain.alert_keys import content_key, stored_payload
from app.domain.signal import Signal
from app.messages.commands import AcceptSignal, KeyGrant, SignalAnswer
from app.ports.engine import CommandRefused, Engine, EngineUnavailable
from app.ports.secrets import WebhookKey, WebhookKeys

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

log = structlog.get_logger("signal")
MOST_BODY_BYTES = 65_536
MOST_AT_ONCE = 64
BODY_TIMEOUT_SEC = 3.0
SIGNATURE_AGE_SEC = 60
LOCKED_AFTER = 10
LOCK_WINDOW_SEC = 60.0
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
_BROWSER_HEADERS = frozenset({b"origin", b"sec-fetch-site"})
_json = json.JSONEncoder(ensure_ascii=False).encode


class _Answer(Exception):
    """Ends the handling with a status and a body."""

    def __init__(self, status: int, body: dict[str, Any], headers: Iterable[tuple[bytes, bytes]] = ()) -> None:
        super().__init__(status)
        self.status = status
        self.body = body
        self.headers = tuple(headers)


class FailedAttempts:
    """Counts failed authentication by known sender: ten in a minute lock it out for a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._failures: dict[str, deque[float]] = {}

    def note(self, address: str | None) -> None:
        if address is None:
            return
        now = self._clock.monotonic()
        recent = self._failures.setdefault(address, deque(maxlen=LOCKED_AFTER))
        recent.append(now)
        if len(self._failures) > 10_000:
            self._failures = {key: times for key, times in self._failures.items() if now - times[-1] < LOCK_WINDOW_SEC}

    def locked_for(self, address: str | None) -> int:
        """Seconds left of a lock-out, 0 where there is none."""
        recent = self._failures.get(address or "")
        if recent is None or len(recent) < LOCKED_AFTER:
            return 0
        now = self._clock.monotonic()
        if recent[-1] - recent[0] > LOCK_WINDOW_SEC or now - recent[-1] >= LOCK_WINDOW_SEC:
            return 0
        return int(LOCK_WINDOW_SEC - (now - recent[-1])) + 1


class Webhook:
    """Serves `POST` of one message on both listeners. `trusted_peers` are our own tunnel's addresses."""

    def __init__(
        self,
        engine: Engine,
        keys: WebhookKeys,
        clock: Clock,
        config: Callable[[], Config],
        trusted_peers: frozenset[str] = frozenset(),
    ) -> None:
        self._engine = engine
        self._keys = keys
        self._clock = clock
        self._config = config
        self._trusted = trusted_peers
        self._places = asyncio.Semaphore(MOST_AT_ONCE)
        self._failed = FailedAttempts(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        started = self._clock.monotonic()
        async with self._places:
            try:
                status, body, headers = await self._handle(scope, receive)
            except _Answer as answer:
                status, body, headers = answer.status, answer.body, answer.headers
        await respond(send, status, body, headers)
        log.info("webhook", status=status, ms=round((self._clock.monotonic() - started) * 1000, 2))

    async def _handle(
        self, scope: Scope, receive: Receive
    ) -> tuple[int, dict[str, Any], tuple[tuple[bytes, bytes], ...]]:
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if _BROWSER_HEADERS & headers.keys():
            raise _Answer(403, _error("browser", "web pages may not post signals"))
        sender = self._sender(scope, headers)
        webhook = self._config().webhook
        if webhook.allow_list_enabled and sender not in webhook.allow_list:
            log.info("a webhook was refused", sender=sender, reason="not on the allow-list")
            raise _Answer(403, _error("not_allowed", "the sender is not on the allow-list"))
        raw = await self._body(headers, receive)
        document = self._parsed(raw)
        if isinstance(document, NotAnObject):  # no secret can be in it, so its sender may know what is wrong
            raise _Answer(400, _error("not_json", str(document)))
        if isinstance(document, InvalidFields) and document.document is None:
            raise _Answer(
                422, _error("invalid_signal", "the signal was refused") | {"fields": fields_of(document.errors)}
            )
        key = self._authenticated(headers, raw, document, sender)
        answer = await self._ask(self._command(document, key))
        return _answered(answer)

    def _sender(self, scope: Scope, headers: dict[bytes, bytes]) -> str | None:
        """The peer's address, or what our own tunnel says: its last word, for all before that its sender can write."""
        peer = scope["client"][0] if scope.get("client") else None
        if peer not in self._trusted:
            return peer
        told = headers.get(b"x-forwarded-for", b"").rpartition(b",")[2] or headers.get(b"cf-connecting-ip", b"")
        return told.decode("latin-1").strip() or peer

    async def _body(self, headers: dict[bytes, bytes], receive: Receive) -> bytes:
        told = headers.get(b"content-length", b"0")
        if told.isdigit() and int(told) > MOST_BODY_BYTES:
            raise _Answer(413, _error("too_large", f"at most {MOST_BODY_BYTES} bytes are taken"))
        try:
            return await within(self._clock, BODY_TIMEOUT_SEC, _read(receive))
        except TimeoutError:
            raise _Answer(400, _error("too_slow", f"the body took longer than {BODY_TIMEOUT_SEC:g} s")) from None

    @staticmethod
    def _parsed(raw: bytes) -> dict[str, Any] | InvalidFields | NotAnObject:
        try:
            return parse_body(raw)
        except (InvalidFields, NotAnObject) as error:
            return error

    # ------------------------------------------------------------------ who it is

    def _authenticated(
        self,
        headers: dict[bytes, bytes],
        raw: bytes,
        document: dict[str, Any] | InvalidFields,
        sender: str | None,
    ) -> WebhookKey:
        key = self._by_signature(headers, raw) if b"x-signature" in headers else self._by_secret(document)
        if key is not None:
            return key
        counted = None if sender in LOOPBACK else sender
        locked = self._failed.locked_for(counted)
        if locked:
            raise _Answer(429, _error("too_many_attempts", "too many failed attempts"), [_retry_after(locked)])
        self._failed.note(counted)
        log.info("a webhook was refused", sender=sender, reason="signature" if b"x-signature" in headers else "key")
        raise _Answer(401, {"error": "unauthorized", "detail": "not authorised"})

    def _by_secret(self, document: dict[str, Any] | InvalidFields) -> WebhookKey | None:
        fields = document.document if isinstance(document, InvalidFields) else document
        secret = (fields or {}).get("secret")
        return self._keys.match(secret) if isinstance(secret, str) else None

    def _by_signature(self, headers: dict[bytes, bytes], raw: bytes) -> WebhookKey | None:
        name = headers.get(b"x-webhook-key", b"").decode("latin-1")
        stamp = headers.get(b"x-timestamp", b"")
        told = headers[b"x-signature"].decode("latin-1")
        if not self._is_recent(stamp):
            return None
        found: WebhookKey | None = None
        for key in self._keys.keys():  # noqa: SIM118 - the keys of the vault, not of a mapping
            wanted = hmac.new(key.secret.reveal().encode(), stamp + b"." + raw, hashlib.sha256).hexdigest()
            if hmac.compare_digest(f"sha256={wanted}".encode(), told.encode()) and key.name == name:
                found = key
        return found

    def _is_recent(self, stamp: bytes) -> bool:
        text = stamp.decode("latin-1")
        try:
            at = datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdigit() else _moment(text)
        except (ValueError, OverflowError, OSError):
            return False
        return abs((self._clock.now() - at).total_seconds()) <= SIGNATURE_AGE_SEC

    # ------------------------------------------------------------------ what it says

    def _command(self, document: dict[str, Any] | InvalidFields, key: WebhookKey) -> AcceptSignal:
        signal: Signal | None = None
        errors: tuple[FieldError, ...] = ()
        if isinstance(document, InvalidFields):
            errors, fields = document.errors, dict(document.document or {})
        else:
            fields = document
            try:
                signal = validate(document)
            except InvalidFields as error:
                errors = error.errors
        payload = stored_payload(fields)
        return AcceptSignal(
            received_at=self._clock.now(),
            source="webhook",
            payload=payload,
            content_key=content_key(payload),
            signal=signal,
            errors=errors,
            grant=grant_of(key),
        )

    async def _ask(self, command: AcceptSignal) -> SignalAnswer:
        try:
            return await self._engine.ask(command)
        except EngineUnavailable as error:
            raise _Answer(503, _error("unavailable", str(error)), [_retry_after(5)]) from None
        except CommandRefused as error:
            raise _Answer(503, _error(error.code, "the engine could not take the signal"), [_retry_after(5)]) from None
        except AppError as error:
            raise _Answer(503, _error("unavailable", str(error)), [_retry_after(5)]) from None


def grant_of(key: WebhookKey) -> KeyGrant:
    return KeyGrant(key.name, key.accounts, key.symbols, key.intents, key.max_quote, key.allows_live)


def _moment(text: str) -> datetime:
    at = datetime.fromisoformat(text)
    return at if at.tzinfo else at.replace(tzinfo=UTC)


async def _read(receive: Receive) -> bytes:
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise _Answer(400, _error("gone", "the sender went away"))
        part = message.get("body", b"")
        size += len(part)
        if size > MOST_BODY_BYTES:
            raise _Answer(413, _error("too_large", f"at most {MOST_BODY_BYTES} bytes are taken"))
        parts.append(part)
        if not message.get("more_body", False):
            return b"".join(parts)


def _answered(answer: SignalAnswer) -> tuple[int, dict[str, Any], tuple[tuple[bytes, bytes], ...]]:
    if answer.http_status < 400:
        return answer.http_status, {"signal_id": answer.signal_id, "status": answer.status}, ()
    body = _error("invalid_signal", "the signal was refused")
    body["signal_id"] = answer.signal_id
    body["fields"] = fields_of(answer.errors)
    return answer.http_status, body, ()


def fields_of(errors: Iterable[FieldError]) -> list[dict[str, str]]:
    return [{"field": error.field, "reason": error.reason} for error in errors]


def _error(code: str, detail: str) -> dict[str, Any]:
    return {"error": code, "detail": detail}


def _retry_after(seconds: int) -> tuple[bytes, bytes]:
    return b"retry-after", str(seconds).encode()


async def respond(
    send: Send, status: int, body: dict[str, Any] | None, headers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send one JSON answer; no body where None."""
    content = b"" if body is None else _json(body).encode()
    told = [(b"content-length", str(len(content)).encode()), *headers]
    if body is not None:
        told.append((b"content-type", b"application/json"))
    await send({"type": "http.response.start", "status": status, "headers": told})
    await send({"type": "http.response.body", "body": content})
