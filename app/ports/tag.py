"""Where the instance's tag is kept beside the database."""

from __future__ import annotations

from typing import Protocol

from app.domain.client_order_id import Namespace


class TagKeeper(Protocol):
    """Both calls may block: keep them off the event loop. Neither raises."""

    def read(self) -> Namespace | None:
        """What was written last; None where there is nothing that can be read."""
        ...

    def write(self, namespace: Namespace) -> None: ...
