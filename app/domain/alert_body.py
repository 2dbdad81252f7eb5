"""A webhook message's body read under limits: bytes in, a JSON object with exact numbers out."""

from __future__ import annotations

import json
import re
from codecs import BOM_UTF8
from collections import Counter
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from app.base.errors import InvalidSignal
from app.domain.plaintext import LONGEST_SHOWN, shown
from app.domain.values import ZERO

MAX_DEPTH: Final = 8
MAX_TEXT_BYTES: Final = 1024
MAX_DIGITS: Final = 38
MAX_MAGNITUDE: Final = 18

_LARGEST = Decimal(10) ** MAX_MAGNITUDE
_LONGEST_NUMBER = 256
_MOST_ERRORS = 64
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH}"
_TOO_LONG = f"is longer than {MAX_TEXT_BYTES} bytes"
_TOO_MANY_DIGITS = f"has more than {MAX_DIGITS} digits"
_OUT_OF_RANGE = f"is outside 1e±{MAX_MAGNITUDE}"

PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_SURROGATE = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True)
class FieldError:
    """Why a field is refused. `field` is its dotted path, empty for the whole message; no value is repeated."""

    field: str
    reason: str


class NotAnObject(InvalidSignal):
    """The body is not JSON, or not a JSON object."""


class InvalidFields(InvalidSignal):
    """Fields are missing, malformed or over a limit; `errors` names each.

    `document` is what could be read, made harmless (over-long texts cut, refused numbers as text), so that its sender
    can be told apart and the refusal recorded; None where nothing could.
    """

    def __init__(self, errors: tuple[FieldError, ...], document: dict[str, Any] | None = None) -> None:
        super().__init__("; ".join(f"{error.field or 'the message'} {error.reason}" for error in errors))
        self.errors = errors
        self.document = document


def parse_body(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, its numbers as `Decimal` of their text.

    Raises `NotAnObject`, or `InvalidFields` for repeated keys, NaN and infinities, and whatever exceeds the limits.
    """
    document = _loads(raw)
    if not isinstance(document, dict):
        raise NotAnObject("the body is not a JSON object")
    errors: list[FieldError] = []
    _check(document, "", 1, errors)
    if errors:
        raise InvalidFields(tuple(errors), document)
    return document


def read_number(text: str) -> Decimal:
    """The exact value of a decimal text; `ValueError` says which limit it breaks."""
    if len(text) > _LONGEST_NUMBER:
        raise ValueError(_TOO_MANY_DIGITS)
    try:
        number = Decimal(text)
    except InvalidOperation:
        raise ValueError(_OUT_OF_RANGE) from None
    if len(text) > MAX_DIGITS and len(number.as_tuple().digits) > MAX_DIGITS:
        raise ValueError(_TOO_MANY_DIGITS)
    if not number:
        return number if abs(number.adjusted()) <= MAX_MAGNITUDE else ZERO
    if number.adjusted() < -MAX_MAGNITUDE or number.copy_abs() > _LARGEST:
        raise ValueError(_OUT_OF_RANGE)
    return number


@dataclass(frozen=True, slots=True)
class _Refused:
    """Stands for a number until its path is known."""

    text: str
    reason: str


class _Repeating(dict[str, Any]):
    """An object that gives a key more than once."""

    repeated: tuple[str, ...] = ()


def _loads(raw: bytes) -> object:
    try:
        return _DECODER.decode(raw.removeprefix(BOM_UTF8).decode())
    except UnicodeDecodeError:
        raise NotAnObject("the body is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise NotAnObject(_why_not_json(error)) from None
    except RecursionError:
        raise InvalidFields((FieldError("", _TOO_DEEP),)) from None


def _why_not_json(error: json.JSONDecodeError) -> str:
    reason = f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    unfilled = PLACEHOLDER.search(error.doc, max(error.pos - 1, 0), error.pos + LONGEST_SHOWN)
    return f"{reason}; {shown(unfilled[0])} was not filled in" if unfilled else reason


def _number_or_refusal(text: str) -> Decimal | _Refused:
    try:
        return read_number(text)
    except ValueError as error:
        return _Refused(shown(text), str(error))


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) == len(pairs):
        return fields
    repeating = _Repeating(fields)
    repeating.repeated = tuple(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
    return repeating


_DECODER = json.JSONDecoder(
    parse_float=_number_or_refusal,
    parse_int=_number_or_refusal,
    parse_constant=lambda text: _Refused(text, f"is {text}, not a number"),
    object_pairs_hook=_object,
)


def _check(container: Any, path: str, depth: int, errors: list[FieldError]) -> None:
    """Adds what is wrong anywhere in `container`, and puts something harmless in its place."""
    if isinstance(container, _Repeating):
        for repeated in container.repeated:
            _note(errors, path, repeated, "is given more than once")
    for key, value in container.items() if isinstance(container, dict) else enumerate(container):
        if isinstance(key, str) and (reason := _text_problem(key)):
            _note(errors, path, key, f"has a name that {reason}")
        if isinstance(value, str):
            if reason := _text_problem(value):
                _note(errors, path, key, reason)
                container[key] = shown(value)
        elif isinstance(value, _Refused):
            _note(errors, path, key, value.reason)
            container[key] = value.text
        elif isinstance(value, dict | list):
            if depth < MAX_DEPTH:
                _check(value, _join(path, key), depth + 1, errors)
            else:
                _note(errors, path, key, _TOO_DEEP)
                container[key] = None


def _note(errors: list[FieldError], path: str, key: object, reason: str) -> None:
    if len(errors) < _MOST_ERRORS:
        errors.append(FieldError(_join(path, key), reason))


def _text_problem(text: str) -> str | None:
    if text.isascii():
        return _TOO_LONG if len(text) > MAX_TEXT_BYTES else None
    if _SURROGATE.search(text):
        return "is not valid Unicode"
    return _TOO_LONG if len(text.encode()) > MAX_TEXT_BYTES else None


def _join(path: str, key: object) -> str:
    name = shown(str(key))
    return f"{path}.{name}" if path else name
