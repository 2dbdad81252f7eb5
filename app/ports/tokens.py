"""API tokens: made once, shown once, kept hashed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol


class Role(StrEnum):
    """`viewer` reads, `trader` also acts, `admin` also configures."""

    VIEWER = "viewer"
    TRADER = "trader"
    ADMIN = "admin"

    def allows(self, needed: Role) -> bool:
        order = (Role.VIEWER, Role.TRADER, Role.ADMIN)
        return order.index(self) >= order.index(needed)


@dataclass(frozen=True, slots=True)
class TokenInfo:
    name: str
    role: Role
    created_at: datetime
    last_used_at: datetime | None


class Tokens(Protocol):
    """`verify` is called on every request: it answers from memory and notes the use lazily."""

    async def create(self, name: str, role: Role) -> str:
        """The new token's text, shown this once. ValueError where the name is taken or empty."""
        ...

    async def revoke(self, name: str) -> bool:
        """Whether there was one."""
        ...

    async def list(self) -> Sequence[TokenInfo]: ...

    async def load(self) -> None:
        """Read the tokens into memory."""
        ...

    def verify(self, token: str) -> TokenInfo | None: ...
