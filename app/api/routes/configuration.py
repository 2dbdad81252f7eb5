"""The running configuration, and changes to it as far as a token may make them."""

from __future__ import annotations

import json
from typing import Any, Final

from fastapi import Request
from pydantic import ValidationError

from app.api.access import ADMIN, Refused
from app.api.models.reports import ConfigChange
from app.api.models.values import Page, Result
from app.api.routes.common import JSON_OBJECT, Cursor, Limit, done, new_router
from app.base.config import Config, ConfigError, parse_config
from app.base.config.file import NotKept
from app.base.config.groups import PAPER_ONLY
from app.base.config.tree import deep_merged
from app.domain.arming import LIMITS
from app.messages.commands import ApplyConfig
from app.ports.queries import PageRequest

router = new_router("configuration")
LOCKED: Final = (
    ("schema_version",),
    ("api", "host"),
    ("api", "port"),
    ("webhook", "host"),
    ("webhook", "port"),
    ("webhook", "allow_list"),
    ("webhook", "allow_list_enabled"),
    ("paper", "feed_file"),
    ("notify",),
    ("tunnel",),
    ("updates",),
    ("live",),
)
"""What no token may change, an admin's included: addresses, what is opened to others, what is told to whom."""
HARD_CAPS: Final = tuple(("risk", name) for name in LIMITS)
"""What no token may change while there is a live account: arming rests on it."""
ACCOUNT_FREE: Final = frozenset({*PAPER_ONLY, "allowed_symbols"} - {"balances"})
"""What a token may change of an account; of a live one nothing."""


@router.get("/api/config", dependencies=[ADMIN])
async def configuration(request: Request) -> dict[str, Any]:
    """All settings as they run; secrets are kept elsewhere."""
    return document_of(request.app.state.config())


@router.put("/api/config", dependencies=[ADMIN], openapi_extra=JSON_OBJECT)
async def change(request: Request) -> Result:
    """Lay a partial document over the running one; lists are replaced whole."""
    state, changes = request.app.state, _read(await request.body())
    try:
        async with state.config_file.change(state.config, lambda running: _changed(running, changes)) as wanted:
            result = await done(request, ApplyConfig(wanted, who=request.state.asked_by))
    except NotKept as error:
        raise Refused(503, "not_kept", str(error)) from None
    return result


@router.get("/api/config/history", dependencies=[ADMIN])
async def history(request: Request, limit: Limit = 100, cursor: Cursor = None) -> Page[ConfigChange]:
    """What was changed by whom, newest first."""
    page = await request.app.state.queries.newest_events(frozenset({"policy.updated"}), PageRequest(limit, cursor))
    return Page(items=[ConfigChange.model_validate(event) for event in page.rows], next_cursor=page.next_cursor)


def _changed(running: Config, changes: dict[str, Any]) -> Config:
    """`running` with `changes` laid over it, as far as a token may make them."""
    wanted = _parsed(deep_merged(document_of(running), changes))
    locked = locked_changes(running, wanted)
    if locked:
        raise Refused(403, "hard_cap", f"no token may change {', '.join(locked)}; use the window or the command line")
    return wanted


def document_of(config: Config) -> dict[str, Any]:
    return config.model_dump(mode="json")


def locked_changes(running: Config, wanted: Config) -> list[str]:
    """The names of the settings that differ and that a token may not change."""
    old, new = document_of(running), document_of(wanted)
    has_live = any(account.environment == "live" for account in running.accounts)
    locked = (*LOCKED, *HARD_CAPS) if has_live else LOCKED
    found = [".".join(path) for path in locked if _at(old, path) != _at(new, path)]
    return found if _fixed_accounts(old) == _fixed_accounts(new) else ["accounts", *found]


def _fixed_accounts(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        account if account["environment"] == "live" else {k: v for k, v in account.items() if k not in ACCOUNT_FREE}
        for account in document["accounts"]
    ]


def _at(document: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        document = document.get(name) if isinstance(document, dict) else None
    return document


def _read(body: bytes) -> dict[str, Any]:
    try:
        document = json.loads(body, parse_float=str, parse_constant=str)
    except (ValueError, RecursionError):
        raise Refused(400, "not_json", "the body is not JSON") from None
    if not isinstance(document, dict):
        raise Refused(400, "not_json", "the body is not a JSON object")
    return document


def _parsed(document: dict[str, Any]) -> Config:
    try:
        return parse_config(document)
    except ConfigError as error:
        raise Refused(422, "invalid_config", str(error), _fields(error)) from None


def _fields(error: ConfigError) -> list[tuple[str, str]]:
    cause = error.__cause__
    if not isinstance(cause, ValidationError):
        return []
    return [(".".join(map(str, item["loc"])), item["msg"]) for item in cause.errors(include_url=False)]
