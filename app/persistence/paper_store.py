"""The paper exchange's books in the same file, through the same writer, in transactions of their own."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from app.persistence.codec import Codec, Row
from app.persistence.statements import select_sql, upsert_sql
from app.persistence.tables import paper
from app.persistence.writer import Writer
from app.ports.paper_store import (
    PaperBalance,
    PaperChanges,
    PaperFill,
    PaperFunding,
    PaperLeverage,
    PaperOrder,
    PaperPosition,
    PaperPrice,
)

_CODECS: Final[dict[str, tuple[Codec[Any], str, str]]] = {
    name: (Codec(kind, table), upsert_sql(table), select_sql(table, f"WHERE account = ? ORDER BY {table.name}.rowid"))
    for name, kind, table in (
        ("orders", PaperOrder, paper.paper_orders),
        ("fills", PaperFill, paper.paper_fills),
        ("positions", PaperPosition, paper.paper_positions),
        ("leverages", PaperLeverage, paper.paper_leverages),
        ("balances", PaperBalance, paper.paper_balances),
        ("funding", PaperFunding, paper.paper_funding),
        ("prices", PaperPrice, paper.paper_prices),
    )
}
"""By the field of PaperChanges: codec, upsert, select of one account in the order the rows were first written."""


class SqlitePaperStore:
    """`app.ports.paper_store.PaperStore` in SQLite."""

    def __init__(self, writer: Writer) -> None:
        self._writer = writer

    async def load(self, account: str) -> PaperChanges | None:
        return await self._writer.run(lambda connection: _load(connection, account))

    async def save(self, account: str, changes: PaperChanges) -> None:
        """Every row of `changes` must be of `account`; ValueError else. The lists are read before this first yields."""
        rows = _encoded(account, changes)
        if rows:
            await self._writer.run(lambda connection: _write(connection, rows))


def _encoded(account: str, changes: PaperChanges) -> list[tuple[str, list[Row]]]:
    encoded: list[tuple[str, list[Row]]] = []
    for name, (codec, upsert, _) in _CODECS.items():
        items = getattr(changes, name)
        if any(item.account != account for item in items):
            raise ValueError(f"{name} of another account than {account}")
        if items:
            encoded.append((upsert, codec.encode_all(items)))
    return encoded


def _write(connection: sqlite3.Connection, rows: list[tuple[str, list[Row]]]) -> None:
    for upsert, encoded in rows:
        connection.executemany(upsert, encoded)


def _load(connection: sqlite3.Connection, account: str) -> PaperChanges | None:
    kept = {
        name: [codec.decode(row) for row in connection.execute(select, (account,))]
        for name, (codec, _, select) in _CODECS.items()
    }
    return PaperChanges(**kept) if any(kept.values()) else None
