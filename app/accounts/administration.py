"""What the command line changes: tokens, keys and accounts."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from app.accounts.office import AccountOffice
from app.base.clock import iso
from app.persistence.tokens import SqliteTokens
from app.ports.engine import CommandRefused
from app.ports.tokens import Role
from app.vault.webhook_keys import WebhookKeyring

if TYPE_CHECKING:
    from app.api.server import Listeners


class Administration:
    """Tokens, keys and accounts, for the command line: beside a running instance or alone."""

    def __init__(
        self, tokens: SqliteTokens, keys: WebhookKeyring, accounts: AccountOffice, listeners: Listeners | None
    ) -> None:
        self._tokens = tokens
        self._keys = keys
        self.accounts = accounts
        self._listeners = listeners

    async def create_token(self, name: str, role: str) -> str:
        try:
            return await self._tokens.create(name, Role(role))
        except ValueError as error:
            raise CommandRefused("bad_token", str(error)) from error

    async def list_tokens(self) -> list[dict[str, str | None]]:
        return [
            {
                "name": item.name,
                "role": item.role.value,
                "created_at": iso(item.created_at),
                "last_used_at": iso(item.last_used_at) if item.last_used_at else None,
            }
            for item in await self._tokens.list()
        ]

    async def revoke_token(self, name: str) -> str:
        if not await self._tokens.revoke(name):
            raise CommandRefused("unknown_token", f"there is no token {name}")
        return f"{name} was revoked"

    async def show_secret(self, name: str | None, *, path_token: bool) -> str:
        key, token = await asyncio.to_thread(self._keys.ensure_first)
        if path_token:
            return token.reveal()
        if name is not None:
            found = self._keys.by_name(name)
            if found is None:
                raise CommandRefused("unknown_key", f"there is no webhook key {name}")
            key = found
        return key.secret.reveal()

    async def rotate_secret(self, name: str | None, *, path_token: bool, grace_hours: float) -> str:
        grace = timedelta(hours=grace_hours)
        if path_token:
            return (await asyncio.to_thread(self._keys.rotate_path_token, grace)).reveal()
        first, _ = await asyncio.to_thread(self._keys.ensure_first)
        try:
            key = await asyncio.to_thread(self._keys.rotate, name or first.name, grace)
        except LookupError as error:
            raise CommandRefused("unknown_key", f"there is no webhook key {name}") from error
        return key.secret.reveal()

    async def ports(self) -> dict[str, int]:
        if self._listeners is None:
            raise CommandRefused("not_running", "no instance runs")
        return {"api": self._listeners.api_port, "webhook": self._listeners.webhook_port}
