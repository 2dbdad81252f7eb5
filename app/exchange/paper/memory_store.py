"""The paper exchange's books in memory, for tests and replays."""

from __future__ import annotations

from typing import Any

from app.ports.paper_store import PaperChanges
from app.ports.store import StoreFailed


class MemoryPaperStore:
    """Implements `app.ports.paper_store.PaperStore`. Set `failing` to have every save refused."""

    def __init__(self) -> None:
        self._rows: dict[str, dict[tuple[Any, ...], Any]] = {}
        self.saves = 0
        self.failing: str | None = None

    async def load(self, account: str) -> PaperChanges | None:
        rows = self._rows.get(account)
        if rows is None:
            return None
        loaded = PaperChanges()
        for (kind, *_), row in rows.items():
            getattr(loaded, kind).append(row)
        return loaded

    async def save(self, account: str, changes: PaperChanges) -> None:
        if self.failing is not None:
            raise StoreFailed(self.failing)
        self.saves += 1
        rows = self._rows.setdefault(account, {})
        rows.update({("orders", item.number): item for item in changes.orders})
        rows.update({("fills", item.number): item for item in changes.fills})
        rows.update({("positions", item.symbol, item.side): item for item in changes.positions})
        rows.update({("leverages", item.symbol): item for item in changes.leverages})
        rows.update({("balances", item.asset): item for item in changes.balances})
        rows.update({("funding", item.number): item for item in changes.funding})
        rows.update({("prices", item.symbol): item for item in changes.prices})
