"""The one MetaData, and short words for columns and checks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, Table, Text, event

from app.persistence.tables.types import DecimalText, EnumText, Flag, Moment

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
    }
)


def text(name: str, *rest: Any, optional: bool = False, key: bool = False) -> Column[Any]:
    return Column(name, Text, *rest, nullable=optional, primary_key=key)


def integer(name: str, *, optional: bool = False, key: bool = False) -> Column[Any]:
    return Column(name, Integer, nullable=optional, primary_key=key, autoincrement=False)


def decimal(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, DecimalText, nullable=optional)


def moment(name: str, *, optional: bool = False) -> Column[Any]:
    return Column(name, Moment, nullable=optional)


def flag(name: str) -> Column[Any]:
    return _checked(Column(name, Flag, nullable=False), f"{name} IN (0, 1)")


def word(name: str, kind: type[StrEnum], *, optional: bool = False, key: bool = False) -> Column[Any]:
    """A column of one of `kind`'s values, which a CHECK holds it to.

    Spelled with OR: for an IN of three or more SQLite makes a temporary table for every row it writes (measured).
    """
    column: Column[Any] = Column(name, EnumText(kind), nullable=optional, primary_key=key)
    return _checked(column, " OR ".join(f"{name} = '{member.value}'" for member in kind))


def _checked(column: Column[Any], condition: str) -> Column[Any]:
    """The column, which brings its CHECK along into the table it becomes part of."""

    def add(column: Column[Any], table: Table) -> None:
        table.append_constraint(CheckConstraint(condition, name=column.name))

    event.listen(column, "after_parent_attach", add)
    return column


def refers(target: str, ondelete: str) -> ForeignKey:
    return ForeignKey(target, ondelete=ondelete)
