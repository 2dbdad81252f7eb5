"""Where trading truth is kept."""

from __future__ import annotations

from datetime import datetime
from typing import Protocol

from app.base.errors import OperatorActionNeeded
from app.messages.records import Changes, StoredGroup, StoredState

ACTIONS_REMEMBERED = 1_000
"""How many offset actions the engine goes on with, the last ones: more than a day can hold."""


class StoreFailed(OperatorActionNeeded):
    """The disk could not be written or read; nothing of the unit of work was kept."""


class ChangeRefused(StoreFailed):
    """It contradicts what the database holds, or has no place there: the disk is not to blame."""


class Store(Protocol):
    """The engine's side of the database: one writer, one transaction a unit of work."""

    async def load(self, recent_since: datetime) -> StoredState:
        """What the engine goes on with. `recent_since` bounds what is no longer open."""
        ...

    async def commit(self, changes: Changes) -> None:
        """Write all of it durably, or nothing: StoreFailed, which a ChangeRefused is too."""
        ...

    async def load_group(self, group_id: str) -> StoredGroup | None:
        """One group, however old."""
        ...
