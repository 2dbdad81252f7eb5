"""The one MetaData, and short words for columns and checks."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Integer, MetaData, Text

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
    return Column(name, Flag, CheckConstraint(f"{name} IN (0, 1)", name=name), nullable=False)


def word(name: str, kind: type[StrEnum], *, optional: bool = False, key: bool = False) -> Column[Any]:
    """A column of one of `kind`'s values, which a CHECK holds it to."""
    return Column(name, EnumText(kind), one_of(name, kind), nullable=optional, primary_key=key)


def one_of(name: str, kind: type[StrEnum]) -> CheckConstraint:
    """Spelled with OR: for an IN of three or more SQLite makes a temporary table for every row it writes (measured)."""
    return CheckConstraint(" OR ".join(f"{name} = '{member.value}'" for member in kind), name=name)


def refers(target: str, ondelete: str) -> ForeignKey:
    return ForeignKey(target, ondelete=ondelete)
