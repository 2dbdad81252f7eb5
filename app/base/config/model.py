"""What every configuration group shares."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal
from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

_MOST_DIGITS = 38
_MOST_MAGNITUDE = 18


class Settings(BaseModel):
    """A group of settings: immutable, unknown keys are refused, and every number is one that can be reckoned with."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, use_attribute_docstrings=True)

    @field_validator("*")
    @classmethod
    def _numbers_are_in_range(cls, value: Any) -> Any:
        if not all(map(_is_in_range, _decimals(value))):
            raise ValueError(f"a number is 0 or between 1e-18 and 1e18, with at most {_MOST_DIGITS} digits")
        return value


def _decimals(value: object) -> Iterable[Decimal]:
    if isinstance(value, Decimal):
        return (value,)
    if isinstance(value, Mapping):
        return (item for item in value.values() if isinstance(item, Decimal))
    return ()


def _is_in_range(number: Decimal) -> bool:
    if abs(number.adjusted()) > _MOST_MAGNITUDE or abs(number) > 10**_MOST_MAGNITUDE:
        return False
    return len(number.as_tuple().digits) <= _MOST_DIGITS
