"""How each kind of field of a webhook message is read: the value, or `ValueError` with a reason that names no value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import TypeVar, get_args

from app.base import timeframe as timeframes
from app.base.clock import from_microseconds
from app.domain import symbol as symbols
from app.domain.alert_body import PLACEHOLDER, read_number
from app.domain.plaintext import is_plain, plain_text, shown
from app.domain.signal import IntentType, PositionWord
from app.domain.sizing import SizeType
from app.domain.values import OrderSide

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?")


def _given(value: object) -> object:
    """`value`, texts stripped, when there is one."""
    if value is None:
        raise ValueError("is null")
    if not isinstance(value, str):
        return value
    text = value.strip()
    if not text:
        raise ValueError("is empty")
    if "{{" in text:
        _refuse_placeholder(text)
    return text


def _refuse_placeholder(text: str) -> None:
    if found := PLACEHOLDER.search(text):
        raise ValueError(f"still holds the placeholder {shown(found[0])}, which was not filled in")


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("is null" if value is None else "must be text")


def number(value: object) -> Decimal:
    given = _given(value)
    text = str(given) if isinstance(given, str | Decimal | int) else ""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("is not a number")
    return read_number(text)


def positive(value: object) -> Decimal:
    given = number(value)
    if given <= 0:
        raise ValueError("must be more than 0")
    return given


def leverage(value: object) -> Decimal:
    given = number(value)
    if given < 1:
        raise ValueError("must be 1 or more")
    return given


def not_negative(value: object) -> Decimal:
    given = number(value)
    if given < 0:
        raise ValueError("must not be negative")
    return given


def unsigned(value: object) -> Decimal:
    return number(value).copy_abs()


def name(value: object) -> str:
    text = _as_text(_given(value))
    if not is_plain(text):
        raise ValueError("holds control or invisible characters")
    return text


def strategy_id(value: object) -> str:
    return "" if isinstance(value, str) and not value.strip() else name(value)


def label(value: object) -> str:
    text = _as_text(value)
    if "{{" in text:
        _refuse_placeholder(text)
    return plain_text(text)


def alert_name(value: object) -> str:
    # `{{alert_name}}` stands in our own generated message, though TradingView's list of placeholders lacks it
    text = _as_text(value)
    return "" if PLACEHOLDER.fullmatch(text.strip()) else plain_text(text)


def exchange(value: object) -> str:
    return name(value).upper()


def symbol(value: object) -> str:
    text = name(value)
    symbols.unify(text)
    return text


def timeframe(value: object) -> str:
    return timeframes.canonical(name(value))


def moment(value: object) -> datetime:
    given = _given(value)
    if not isinstance(given, str) or _MOMENT.fullmatch(given) is None:
        raise ValueError("must be an ISO 8601 time such as 2026-01-05T00:00:00Z")
    try:
        told = datetime.fromisoformat(given)
        return told.replace(tzinfo=UTC) if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists") from None


def bar_moment(value: object) -> datetime:
    given = _given(value)
    counted = given.isdigit() if isinstance(given, str) else isinstance(given, Decimal | int)
    return _epoch_moment(number(given)) if counted else moment(given)


def _epoch_moment(milliseconds: Decimal) -> datetime:
    if milliseconds % 1 or not 10**11 <= milliseconds < 253_402_300_800_000:
        raise ValueError("is not a time in milliseconds since 1970")
    return from_microseconds(int(milliseconds) * 1000)


_Word = TypeVar("_Word")


def _one_of(words: Mapping[str, _Word]) -> Callable[[object], _Word]:
    def read(value: object) -> _Word:
        given = _given(value)
        word = words.get(given.lower()) if isinstance(given, str) else None
        if word is None:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return read


action = _one_of({"buy": OrderSide.BUY, "sell": OrderSide.SELL, "long": OrderSide.BUY, "short": OrderSide.SELL})
position = _one_of({word.value: word for word in PositionWord})
intent_type = _one_of({word: word for word in get_args(IntentType)})
size_type = _one_of({size.value: size for size in SizeType})
