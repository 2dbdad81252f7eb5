"""Dataclass ⇄ row, worked out once a class from the table's column types."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar, cast

from sqlalchemy import Table

from app.persistence.tables.types import Stored

Item = TypeVar("Item")
Row = Sequence[Any]


class Codec(Generic[Item]):
    """Rows of `table`, in the order of its columns, from items of `kind`, and back.

    A column is the field of the same name. `owners` are the first columns, which the item does not know and which are
    given with it; `paths` names the dotted attribute for a column that is no field of `kind` itself.
    """

    def __init__(
        self, kind: type[Item], table: Table, owners: Sequence[str] = (), paths: Mapping[str, str] | None = None
    ) -> None:
        columns = list(table.columns)
        names = [column.name for column in columns]
        if names[: len(owners)] != list(owners):
            raise ValueError(f"{table.name} does not begin with {owners}")
        self.names = tuple(names)
        self.kind = kind
        self.table = table
        self._owners = len(owners)
        self._read: Callable[[Any], tuple[Any, ...]] = attrgetter(
            *((paths or {}).get(name, name) for name in names[len(owners) :])
        )
        stored = {at: column.type for at, column in enumerate(columns) if isinstance(column.type, Stored)}
        self._texts = tuple(at for at, kept in stored.items() if kept.encode is str)
        self._others = tuple((at, kept.encode) for at, kept in stored.items() if kept.encode is not str)
        self._decoders = tuple((at, kept.decode) for at, kept in stored.items())
        self._places = tuple(
            (item.name, names.index(item.name)) for item in fields(cast(Any, kind)) if item.name in names
        )

    def encode(self, item: Item, *owners: Any) -> Row:
        """The row of `item`."""
        row = [*owners, *self._read(item)]
        for at in self._texts:
            value = row[at]
            if value is not None:
                row[at] = str(value)
        for at, encode in self._others:
            value = row[at]
            if value is not None:
                row[at] = encode(value)
        return row

    def encode_all(self, items: Iterable[Item]) -> list[Row]:
        return [self.encode(item) for item in items]

    def values(self, row: Row) -> dict[str, Any]:
        """The decoded columns by name."""
        return dict(zip(self.names, self._decoded(row), strict=True))

    def decode(self, row: Row, **more: Any) -> Item:
        """The item that `row` was made of; `more` are the fields that the row does not hold."""
        return self.build(self._decoded(row), **more)

    def build(self, decoded: Row, **more: Any) -> Item:
        """As `decode`, from values that SQLAlchemy has decoded already."""
        return self.kind(**{name: decoded[at] for name, at in self._places}, **more)

    def _decoded(self, row: Row) -> list[Any]:
        decoded = list(row)
        for at, decode in self._decoders:
            value = decoded[at]
            if value is not None:
                decoded[at] = decode(value)
        return decoded
