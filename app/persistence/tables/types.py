"""Column types: how each kind of value is stored.

Every type carries `encode` and `decode`, used alike by SQLAlchemy (reads) and by the codec of the hot path (writes). A
None passes by both.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import fields
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from typing import Any, Final

from sqlalchemy import Dialect, Integer, Text
from sqlalchemy.types import TypeDecorator, TypeEngine

from app.base.clock import from_microseconds, to_microseconds
from app.base.config.grid import GridSettings
from app.messages.records import CheckResult, Payer

_MANY_GRIDS: Final = 512

dump_json: Final[Callable[[Any], str]] = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=dict).encode
"""Compact JSON in ASCII, so that lone surrogates in strangers' texts are stored too; any mapping is an object."""


class Stored(TypeDecorator[Any]):
    """A column type with its two directions."""

    impl: TypeEngine[Any] | type[TypeEngine[Any]] = Text
    encode: Callable[[Any], Any]
    decode: Callable[[Any], Any]

    def process_bind_param(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else self.encode(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> Any:  # noqa: ARG002 - SQLAlchemy's signature
        return None if value is None else self.decode(value)


class DecimalText(Stored):
    """A Decimal as its own text: value, exponent and trailing zeros are kept."""

    cache_ok = True
    encode = staticmethod(str)
    decode = staticmethod(Decimal)


class EnumText(Stored):
    """A member of a StrEnum as its value."""

    cache_ok = True
    encode = staticmethod(str)

    def __init__(self, kind: type[StrEnum]) -> None:
        super().__init__()
        self.kind = kind
        self.decode = {member.value: member for member in kind}.__getitem__


class Moment(Stored):
    """A moment as whole microseconds since 1970 UTC."""

    cache_ok = True
    impl = Integer
    encode = staticmethod(lru_cache(maxsize=4096)(to_microseconds))
    """Cached, for one turn stamps all its rows with one moment."""
    decode = staticmethod(from_microseconds)


class Flag(Stored):
    """A bool as 0 or 1."""

    cache_ok = True
    impl = Integer
    encode = staticmethod(int)
    decode = staticmethod(bool)


class JsonText(Stored):
    """A JSON value as compact text."""

    cache_ok = True
    encode = staticmethod(dump_json)
    decode = staticmethod(json.loads)


def _dump_checks(checks: tuple[CheckResult, ...]) -> str:
    return dump_json([(item.check, item.result, item.detail) for item in checks]) if checks else "[]"


def _parse_checks(text: str) -> tuple[CheckResult, ...]:
    return tuple(CheckResult(*item) for item in json.loads(text))


class ChecksText(Stored):
    """A decision trace as a JSON list of [check, result, detail]."""

    cache_ok = True
    encode = staticmethod(_dump_checks)
    decode = staticmethod(_parse_checks)


def _dump_payers(payers: tuple[Payer, ...]) -> str:
    return dump_json(
        [
            [f"{value}" if isinstance(value, Decimal) else value for value in (getattr(item, name) for name in _PAYER)]
            for item in payers
        ]
    )


def _parse_payers(text: str) -> tuple[Payer, ...]:
    return tuple(_payer(dict(zip(_PAYER, item, strict=True))) for item in json.loads(text))


def _payer(facts: dict[str, Any]) -> Payer:
    facts |= {name: Decimal(facts[name]) for name in _PAYER_MONEY}
    return Payer(**facts)


_PAYER = tuple(item.name for item in fields(Payer))
_PAYER_MONEY = frozenset(item.name for item in fields(Payer) if item.type == "Decimal")


class PayersText(Stored):
    """The winners of an offset action as a JSON list of their fields; decimals are strings."""

    cache_ok = True
    encode = staticmethod(_dump_payers)
    decode = staticmethod(_parse_payers)


class IdsText(Stored):
    """A tuple of ids as one text, a space between them."""

    cache_ok = True
    encode = staticmethod(" ".join)

    @staticmethod
    def decode(text: str) -> tuple[str, ...]:
        return tuple(text.split())


class _Grids:
    """Grid settings as JSON and back, each made once: thousands of groups share a few."""

    def __init__(self) -> None:
        self._texts: dict[int, tuple[GridSettings, str]] = {}
        self._parsed: dict[str, GridSettings] = {}

    def dump(self, grid: GridSettings) -> str:
        known = self._texts.get(id(grid))  # holding the settings keeps their id from being used again
        return known[1] if known is not None else self._remember(grid, grid.model_dump_json())

    def parse(self, text: str) -> GridSettings:
        known = self._parsed.get(text)
        if known is None:
            known = GridSettings.model_validate_json(text)
            self._remember(known, text)
        return known

    def _remember(self, grid: GridSettings, text: str) -> str:
        if len(self._texts) >= _MANY_GRIDS:
            self._texts.clear()
            self._parsed.clear()
        self._texts[id(grid)] = (grid, text)
        self._parsed.setdefault(text, grid)
        return text


_grids = _Grids()


class GridText(Stored):
    """Grid settings as JSON; decimals are strings in it and keep their text."""

    cache_ok = True
    encode = staticmethod(_grids.dump)
    decode = staticmethod(_grids.parse)
