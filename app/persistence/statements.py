"""SQL of the hot path, compiled once from the tables: text with positional parameters in the order of the columns."""

from __future__ import annotations

from sqlalchemy import Table, select
from sqlalchemy.dialects import sqlite

_DIALECT = sqlite.dialect(paramstyle="qmark")


def insert_sql(table: Table) -> str:
    """INSERT of a whole row; a row of the same key is an IntegrityError."""
    return str(sqlite.insert(table).compile(dialect=_DIALECT))


def upsert_sql(table: Table, fixed: frozenset[str] = frozenset()) -> str:
    """INSERT of a whole row, or an UPDATE of the one with its key, whose children stay.

    `fixed` columns never change once written; leaving them out spares their indices.
    """
    statement = sqlite.insert(table)
    changed = [column.name for column in table.columns if not column.primary_key and column.name not in fixed]
    statement = statement.on_conflict_do_update(
        index_elements=list(table.primary_key.columns), set_={name: statement.excluded[name] for name in changed}
    )
    return str(statement.compile(dialect=_DIALECT))


def select_sql(table: Table, rest: str) -> str:
    """SELECT of whole rows in the order of the columns; `rest` is our own WHERE and ORDER BY."""
    return f"{select(table).compile(dialect=_DIALECT)} {rest}"
