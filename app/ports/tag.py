"""Where the instance's tag is kept beside the database."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from app.domain.client_order_id import Namespace


@dataclass(frozen=True, slots=True)
class Kept:
    """What is remembered of the database outside of it: whose ids it makes, and an event that it has."""

    namespace: Namespace
    sequence: int


class TagKeeper(Protocol):
    """Both calls may block: keep them off the event loop. Neither raises."""

    def read(self) -> Kept | None:
        """What was written last; None where there is nothing that can be read."""
        ...

    def write(self, kept: Kept) -> None: ...
