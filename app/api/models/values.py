"""How values are spelled: money as strings, moments as ISO 8601 UTC; numbers come in as strings or JSON numbers."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Final, Generic, Self, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from app.base.clock import iso
from app.domain.alert_body import MAX_DIGITS, MAX_MAGNITUDE
from app.domain.plaintext import plain_text

Item = TypeVar("Item")
LARGEST_SEQUENCE: Final = 2**53
"""The greatest whole number that every JSON reader keeps."""


class WrittenNumber(float):
    """A number of JSON whose `str` is what was written: money is read from that, for a float keeps 15 digits."""

    _written: str

    def __new__(cls, written: str) -> Self:
        made = super().__new__(cls, written)
        made._written = written
        return made

    def __str__(self) -> str:
        return self._written


def _from_text(value: Any) -> Any:
    """Numbers arrive as strings or JSON numbers; both are read from their text."""
    if isinstance(value, bool):
        raise ValueError("a number is wanted")  # noqa: TRY004 - pydantic turns only a ValueError into a field's error
    return str(value) if isinstance(value, int | float) else value


def _within_reach(value: Decimal) -> Decimal:
    if abs(value.adjusted()) > MAX_MAGNITUDE:
        raise ValueError(f"is outside 1e±{MAX_MAGNITUDE}")
    return value


def _visible(text: str) -> str:
    shown = plain_text(text)
    if not shown:
        raise ValueError("holds nothing that can be shown")
    return shown


def _places(value: Decimal) -> int:
    return len(value.as_tuple().digits)


Money = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    PlainSerializer(lambda value: f"{value:f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["0.00250"]}),
]
Percent = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    PlainSerializer(lambda value: f"{min(value, round(value, 4), key=_places):f}", return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "examples": ["-5.8400"]}),
]
"""A computed share, to four places: nobody acts on the fifth."""
Amount = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    Field(gt=0, max_digits=MAX_DIGITS, allow_inf_nan=False),
    AfterValidator(_within_reach),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\d{1,15}(\.\d{1,15})?$"},
                {"type": "number", "exclusiveMinimum": 0},
            ]
        }
    ),
]
Confidence = Annotated[
    Decimal,
    BeforeValidator(_from_text),
    Field(ge=0, le=1, max_digits=MAX_DIGITS, allow_inf_nan=False),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^[01](\.\d{1,15})?$"},
                {"type": "number", "minimum": 0, "maximum": 1},
            ]
        }
    ),
]
Moment = Annotated[
    datetime,
    PlainSerializer(iso, return_type=str),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Sentence = Annotated[str, Field(min_length=1, max_length=200), AfterValidator(_visible)]
Label = Annotated[str, Field(min_length=1, max_length=64), AfterValidator(_visible)]
Symbol = Annotated[str, Field(min_length=3, max_length=40, pattern=r"^[A-Za-z0-9/:._-]+$")]
AccountId = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,31}$")]
RequestId = Annotated[str, Field(pattern=r"^[A-Za-z0-9._:-]{1,64}$")]


class Answer(BaseModel):
    """Read from the engine's frozen snapshots by attribute."""

    model_config = ConfigDict(from_attributes=True)


class Asked(BaseModel):
    """A request body: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid")


class FieldProblem(Answer):
    field: str
    reason: str


class Error(Answer):
    error: str
    detail: str
    fields: list[FieldProblem] = Field(default_factory=list)


class Page(BaseModel, Generic[Item]):
    items: list[Item]
    next_cursor: str | None = None


class Result(Answer):
    detail: str
    group_ids: list[str] = Field(default_factory=list)
