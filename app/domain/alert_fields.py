"""The fields of a webhook message, each a type that reads and checks its value; errors name no value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Literal, TypeVar

from pydantic import BeforeValidator

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
    _refuse_placeholder(text)
    return text


def _refuse_placeholder(text: str) -> None:
    if "{{" in text and (found := PLACEHOLDER.search(text)):
        raise ValueError(f"still holds the placeholder {shown(found[0])}, which was not filled in")


def _as_text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, Decimal | int) and not isinstance(value, bool):
        return str(value)
    raise ValueError("is null" if value is None else "must be text")


def _number(value: object) -> Decimal:
    given = _given(value)
    text = str(given) if isinstance(given, str | Decimal | int) else ""
    if _NUMBER.fullmatch(text) is None:
        raise ValueError("is not a number")
    return read_number(text)


def _positive(value: object) -> Decimal:
    number = _number(value)
    if number <= 0:
        raise ValueError("must be more than 0")
    return number


def _leverage(value: object) -> Decimal:
    number = _number(value)
    if number < 1:
        raise ValueError("must be 1 or more")
    return number


def _not_negative(value: object) -> Decimal:
    number = _number(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _unsigned(value: object) -> Decimal:
    return _number(value).copy_abs()


def _name(value: object) -> str:
    text = _as_text(_given(value))
    if not is_plain(text):
        raise ValueError("holds control or invisible characters")
    return text


def _strategy_id(value: object) -> str:
    return "" if isinstance(value, str) and not value.strip() else _name(value)


def _label(value: object) -> str:
    text = _as_text(value)
    _refuse_placeholder(text)
    return plain_text(text)


def _alert_name(value: object) -> str:
    # `{{alert_name}}` stands in our own generated message, though TradingView's list of placeholders lacks it
    text = _as_text(value)
    return "" if PLACEHOLDER.fullmatch(text.strip()) else plain_text(text)


def _exchange(value: object) -> str:
    return _name(value).upper()


def _symbol(value: object) -> str:
    text = _name(value)
    symbols.unify(text)
    return text


def _timeframe(value: object) -> str:
    return timeframes.canonical(_name(value))


def _moment(value: object) -> datetime:
    given = _given(value)
    if not isinstance(given, str) or _MOMENT.fullmatch(given) is None:
        raise ValueError("must be an ISO 8601 time such as 2026-01-05T00:00:00Z")
    try:
        moment = datetime.fromisoformat(given)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("is not a time that exists") from None


def _bar_moment(value: object) -> datetime:
    given = _given(value)
    counted = given.isdigit() if isinstance(given, str) else isinstance(given, Decimal | int)
    return _epoch_moment(_number(given)) if counted else _moment(given)


def _epoch_moment(milliseconds: Decimal) -> datetime:
    if milliseconds % 1 or not 10**11 <= milliseconds < 253_402_300_800_000:
        raise ValueError("is not a time in milliseconds since 1970")
    return from_microseconds(int(milliseconds) * 1000)


def _forgotten(_: object) -> None:
    """What comes in as the secret goes no further."""


_Word = TypeVar("_Word")


def _one_of(words: Mapping[str, _Word]) -> Callable[[object], _Word]:
    def read(value: object) -> _Word:
        given = _given(value)
        word = words.get(given.lower()) if isinstance(given, str) else None
        if word is None:
            raise ValueError(f"must be one of {', '.join(words)}")
        return word

    return read


_ACTIONS = {"buy": OrderSide.BUY, "sell": OrderSide.SELL, "long": OrderSide.BUY, "short": OrderSide.SELL}
_INTENTS: dict[str, IntentType] = {"signal": "signal", "exit": "exit", "reduce": "reduce", "reverse": "reverse"}

_ActionWords = Literal["buy", "sell", "long", "short"]
Name = Annotated[str, BeforeValidator(_name)]
Number = Annotated[Decimal | None, BeforeValidator(_number, json_schema_input_type=Decimal)]
Positive = Annotated[Decimal | None, BeforeValidator(_positive, json_schema_input_type=Decimal)]
LeverageWish = Annotated[Decimal | None, BeforeValidator(_leverage, json_schema_input_type=Decimal)]
NotNegative = Annotated[Decimal | None, BeforeValidator(_not_negative, json_schema_input_type=Decimal)]
Unsigned = Annotated[Decimal | None, BeforeValidator(_unsigned, json_schema_input_type=Decimal)]
Label = Annotated[str, BeforeValidator(_label)]
Action = Annotated[OrderSide, BeforeValidator(_one_of(_ACTIONS), json_schema_input_type=_ActionWords)]
Position = Annotated[
    PositionWord | None,
    BeforeValidator(_one_of({word.value: word for word in PositionWord}), json_schema_input_type=PositionWord),
]
ExchangeName = Annotated[str, BeforeValidator(_exchange)]
SymbolName = Annotated[str, BeforeValidator(_symbol)]
Timeframe = Annotated[str, BeforeValidator(_timeframe)]
BarTime = Annotated[datetime | None, BeforeValidator(_bar_moment, json_schema_input_type=datetime | int)]
Price = Annotated[Decimal, BeforeValidator(_positive)]
StrategyId = Annotated[str, BeforeValidator(_strategy_id)]
AlertName = Annotated[str, BeforeValidator(_alert_name)]
IntentWord = Annotated[IntentType, BeforeValidator(_one_of(_INTENTS), json_schema_input_type=IntentType)]
OptionalAction = Annotated[OrderSide | None, BeforeValidator(_one_of(_ACTIONS), json_schema_input_type=_ActionWords)]
SizeWord = Annotated[
    SizeType, BeforeValidator(_one_of({size.value: size for size in SizeType}), json_schema_input_type=SizeType)
]
Forgotten = Annotated[None, BeforeValidator(_forgotten, json_schema_input_type=str)]
Moment = Annotated[datetime, BeforeValidator(_moment)]
OptionalName = Annotated[str | None, BeforeValidator(_name, json_schema_input_type=str)]
