"""The webhook message: a body read under limits, checked field by field, made a `Signal`."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import Annotated, Any, Final, Literal, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from app.base.clock import from_microseconds, iso
from app.base.errors import InvalidSignal
from app.domain import symbol as symbols
from app.domain import timeframe as timeframes
from app.domain.signal import IntentType, PositionWord, Signal
from app.domain.sizing import SizeType
from app.domain.values import ZERO, OrderSide, Side

MAX_DEPTH: Final = 8
MAX_TEXT_BYTES: Final = 1024
MAX_DIGITS: Final = 38
MAX_MAGNITUDE: Final = 18

_LARGEST = Decimal(10) ** MAX_MAGNITUDE
_LONGEST_NUMBER = 256
_LONGEST_SHOWN = 64
_MOST_ERRORS = 64
_TOO_DEEP = f"is nested deeper than {MAX_DEPTH}"
_TOO_LONG = f"is longer than {MAX_TEXT_BYTES} bytes"
_TOO_MANY_DIGITS = f"has more than {MAX_DIGITS} digits"
_OUT_OF_RANGE = f"is outside 1e±{MAX_MAGNITUDE}"

_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_PLACEHOLDER = re.compile(r"\{\{[^{}]*\}\}")
_MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9:]{5,8}(?:[.,][0-9]+)?(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)?")
_SURROGATE = re.compile("[\ud800-\udfff]")
_ESCAPE_SEQUENCE = re.compile(
    r"(?:\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?"  # colours and cursor movements
    r"|(?:\x1b[]PX^_]|[\x90\x98\x9d-\x9f])[^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?"  # titles, links
    r"|\x1b[ -/]*[0-~]?"
)
_LINE_BREAK = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
_UNSHOWABLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff"
    "\U000e0000-\U000e007f]"
)


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


def plain_text(text: str) -> str:
    """`text` as it may be shown: one line, without terminal escapes, control, direction and invisible characters."""
    if text.isprintable():
        return text.strip()
    return _UNSHOWABLE.sub("", _LINE_BREAK.sub(" ", _ESCAPE_SEQUENCE.sub("", text))).strip()


def _shown(text: str) -> str:
    return plain_text(text[:_LONGEST_SHOWN]) + ("…" if len(text) > _LONGEST_SHOWN else "")


# ------------------------------------------------------------------------------------------------------- reading a body


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
    if number.adjusted() < -MAX_MAGNITUDE or not -_LARGEST <= number <= _LARGEST:
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
        return _DECODER.decode(raw.decode("utf-8-sig"))
    except UnicodeDecodeError:
        raise NotAnObject("the body is not UTF-8 text") from None
    except json.JSONDecodeError as error:
        raise NotAnObject(_why_not_json(error)) from None
    except RecursionError:
        raise InvalidFields((FieldError("", _TOO_DEEP),)) from None


def _why_not_json(error: json.JSONDecodeError) -> str:
    reason = f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})"
    unfilled = _PLACEHOLDER.search(error.doc, max(error.pos - 1, 0), error.pos + _LONGEST_SHOWN)
    return f"{reason}; {_shown(unfilled[0])} was not filled in" if unfilled else reason


def _number_or_refusal(text: str) -> Decimal | _Refused:
    try:
        return read_number(text)
    except ValueError as error:
        return _Refused(_shown(text), str(error))


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
                container[key] = _shown(value)
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
    name = _shown(str(key))
    return f"{path}.{name}" if path else name


# ------------------------------------------------------------------------------------------------------ reading a field


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
    if "{{" in text and (found := _PLACEHOLDER.search(text)):
        raise ValueError(f"still holds the placeholder {_shown(found[0])}, which was not filled in")


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


def _not_negative(value: object) -> Decimal:
    number = _number(value)
    if number < 0:
        raise ValueError("must not be negative")
    return number


def _unsigned(value: object) -> Decimal:
    return _number(value).copy_abs()


def _name(value: object) -> str:
    text = _as_text(_given(value))
    if _UNSHOWABLE.search(text) or _LINE_BREAK.search(text):
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
    return "" if _PLACEHOLDER.fullmatch(text.strip()) else plain_text(text)


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
_Name = Annotated[str, BeforeValidator(_name)]
_Number = Annotated[Decimal | None, BeforeValidator(_number, json_schema_input_type=Decimal)]
_Positive = Annotated[Decimal | None, BeforeValidator(_positive, json_schema_input_type=Decimal)]
_NotNegative = Annotated[Decimal | None, BeforeValidator(_not_negative, json_schema_input_type=Decimal)]
_Unsigned = Annotated[Decimal | None, BeforeValidator(_unsigned, json_schema_input_type=Decimal)]
_Label = Annotated[str, BeforeValidator(_label)]
_Action = Annotated[OrderSide, BeforeValidator(_one_of(_ACTIONS), json_schema_input_type=_ActionWords)]
_Position = Annotated[
    PositionWord | None,
    BeforeValidator(_one_of({word.value: word for word in PositionWord}), json_schema_input_type=PositionWord),
]


# ---------------------------------------------------------------------------------------------------------- the message


def _without_null_defaults(schema: dict[str, Any]) -> None:
    """A field that may be missing may still not be null."""
    for field in schema["properties"].values():
        if field.get("default", "") is None:
            del field["default"]


class _Part(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="allow", hide_input_in_errors=True, json_schema_extra=_without_null_defaults
    )


class TradingViewOrder(_Part):
    """What TradingView fills in."""

    exchange: Annotated[str, BeforeValidator(_exchange)] = Field(description="`{{exchange}}`: BINANCE, BYBIT …")
    symbol: Annotated[str, BeforeValidator(_symbol)] = Field(
        description="`{{ticker}}`: BTCUSDT, BTCUSDT.P (perpetual), BTC/USDT, BTC/USDT:USDT or BINANCE:BTCUSDT"
    )
    timeframe: Annotated[str, BeforeValidator(_timeframe)] = Field(
        description="`{{interval}}`: 15, 60, 240, D, 1W, 1M, 30S; case-sensitive (1m is a minute, 1M a month)"
    )
    bar_time: Annotated[datetime | None, BeforeValidator(_bar_moment, json_schema_input_type=datetime | int)] = Field(
        default=None, description="`{{time}}`: the bar the alert belongs to, ISO 8601 in UTC or epoch milliseconds"
    )
    action: _Action = Field(description="`{{strategy.order.action}}`")
    market_position: _Position = Field(
        default=None, description="`{{strategy.market_position}}`: the strategy's position after this order"
    )
    market_position_size: _Unsigned = Field(default=None, description="`{{strategy.market_position_size}}`: its size")
    prev_market_position: _Position = Field(
        default=None, description="`{{strategy.prev_market_position}}`: the strategy's position before this order"
    )
    prev_market_position_size: _Unsigned = Field(
        default=None, description="`{{strategy.prev_market_position_size}}`: its size"
    )
    entry_price: _Number = Field(
        default=None, description="`{{strategy.order.price}}`: the reference price, when more than 0"
    )
    close_price: Annotated[Decimal, BeforeValidator(_positive)] = Field(
        description="`{{close}}`: the reference price when there is no entry_price"
    )
    order_size: _NotNegative = Field(
        default=None, description="`{{strategy.order.contracts}}`: needed where the size is taken from the signal"
    )


class StrategyInfo(_Part):
    """Labels; only `strategy_id` has a meaning of its own."""

    strategy_id: Annotated[str, BeforeValidator(_strategy_id)] = Field(
        default="", description="keeps two strategies on one pair and timeframe apart"
    )
    trade_id: _Label = Field(default="", description="`{{strategy.order.id}}`; repeats between orders")
    alert_name: Annotated[str, BeforeValidator(_alert_name)] = Field(default="", description="`{{alert_name}}`")
    alert_message: _Label = Field(default="", description="`{{strategy.order.comment}}`")


class ExecutionIntent(_Part):
    """What is to be done."""

    type: Annotated[IntentType, BeforeValidator(_one_of(_INTENTS), json_schema_input_type=IntentType)] = Field(
        description="`signal` is read from the position fields; `exit`, `reduce` and `reverse` stand as typed"
    )
    side: Annotated[OrderSide | None, BeforeValidator(_one_of(_ACTIONS), json_schema_input_type=_ActionWords)] = Field(
        default=None, description="mirrors tv.action, which counts when this is missing"
    )
    position_size_type: Annotated[
        SizeType, BeforeValidator(_one_of({size.value: size for size in SizeType}), json_schema_input_type=SizeType)
    ] = Field(
        default=SizeType.CONTRACTS,
        description="the unit of the sizes; `contracts` is TradingView's: base currency on crypto charts",
    )
    leverage: _Positive = Field(default=None, description="requested leverage; the risk settings cap it")


class RiskPrices(_Part):
    """Limits that the sender asks for."""

    stop_loss: _Positive = Field(default=None, description="absolute price")
    take_profit: _Positive = Field(default=None, description="absolute price")
    max_slippage_percent: _NotNegative = Field(
        default=None, description="may tighten the setting of the same name, never loosen it"
    )


class TradingViewAlert(_Part):
    """An alert. Numbers may be JSON numbers or text; fields that are not listed are kept and ignored."""

    secret: Annotated[None, BeforeValidator(_forgotten, json_schema_input_type=str)] = Field(
        default=None, exclude=True, repr=False, description="a webhook key; needed unless the request is signed"
    )
    source: _Name = Field(default="tradingview", description="origin")
    timestamp: Annotated[datetime, BeforeValidator(_moment)] = Field(
        description="`{{timenow}}`: ISO 8601; UTC when no offset is given"
    )
    account: Annotated[str | None, BeforeValidator(_name, json_schema_input_type=str)] = Field(
        default=None, description="account id; else the one account of that venue and market type"
    )
    tv: TradingViewOrder
    strategy_info: StrategyInfo = Field(default_factory=StrategyInfo)
    execution_intent: ExecutionIntent
    risk: RiskPrices = Field(default_factory=RiskPrices)


def validate(document: Mapping[str, Any]) -> Signal:
    """The signal in a parsed body; `InvalidFields` names every field that is wrong."""
    try:
        alert = TradingViewAlert.model_validate(dict(document))
    except ValidationError as error:
        raise InvalidFields(_field_errors(error), dict(document)) from None
    if contradiction := _contradiction(alert):
        raise InvalidFields((contradiction,), dict(document))
    return _signal(alert)


_REASONS = {"missing": "is missing", "model_type": "must be an object", "model_attributes_type": "must be an object"}


def _field_errors(error: ValidationError) -> tuple[FieldError, ...]:
    found = error.errors(include_url=False, include_input=False)
    return tuple(
        FieldError(
            ".".join(map(str, item["loc"])),
            _REASONS.get(item["type"]) or str(item.get("ctx", {}).get("error", item["msg"])),
        )
        for item in found
    )


def _contradiction(alert: TradingViewAlert) -> FieldError | None:
    """A message that may open a position must not name two directions; positions, when told, decide instead."""
    intent, tv = alert.execution_intent, alert.tv
    decided_by_side = intent.type == "reverse" or (intent.type == "signal" and tv.market_position is None)
    if not decided_by_side or intent.side in {None, tv.action}:
        return None
    return FieldError("execution_intent.side", f"says {intent.side}, but tv.action says {tv.action}")


def _signal(alert: TradingViewAlert) -> Signal:
    tv, info, intent, risk = alert.tv, alert.strategy_info, alert.execution_intent, alert.risk
    symbol, market_type = symbols.unify(tv.symbol)
    return Signal(
        timestamp=alert.timestamp,
        account=alert.account,
        exchange=tv.exchange,
        symbol=symbol,
        market_type=market_type,
        timeframe=tv.timeframe,
        action=tv.action,
        close_price=tv.close_price,
        bar_time=tv.bar_time,
        market_position=tv.market_position,
        market_position_size=tv.market_position_size,
        prev_market_position=tv.prev_market_position,
        prev_market_position_size=tv.prev_market_position_size,
        entry_price=tv.entry_price,
        order_size=tv.order_size,
        size_type=intent.position_size_type,
        strategy_id=info.strategy_id,
        trade_id=info.trade_id,
        alert_name=info.alert_name,
        alert_message=info.alert_message,
        intent_type=intent.type,
        intent_side=intent.side,
        leverage=intent.leverage,
        stop_loss=risk.stop_loss,
        take_profit=risk.take_profit,
        max_slippage_percent=risk.max_slippage_percent,
    )


# ----------------------------------------------------------------------------------------------------------------- keys


def canonical_json(document: Mapping[str, Any]) -> str:
    """The document as ASCII JSON without `secret`: keys sorted, no spaces, every number as the text it came as.

    `1` and `1.0` stay different, as do `1` and `"1"`: a message sent again is the same text, and two messages that
    differ in a digit are two messages.
    """
    return _written({key: value for key, value in document.items() if key != "secret"})


def stored_payload(document: Mapping[str, Any]) -> str:
    """What is kept of a message: all of it but the secret."""
    return canonical_json(document)


def content_key(payload: str) -> str:
    """Of a stored payload: equal for the same message with any secret, in any order of keys."""
    return sha256(payload.encode("ascii")).hexdigest()


def bar_key(signal: Signal, account: str, side: Side) -> str | None:
    """Equal for signals of one identity, bar, trade id, action and resulting position; None when no bar time came.

    The intent is part of it: an exit after a reduction in the same bar must not be lost as its repetition.
    """
    if signal.bar_time is None:
        return None
    parts = (
        account, signal.symbol, signal.timeframe, side, signal.strategy_id,
        iso(signal.bar_time), signal.trade_id, signal.action, signal.intent_type,
        signal.market_position, _value_text(signal.market_position_size),
    )  # fmt: skip
    return sha256(json.dumps(parts).encode("ascii")).hexdigest()


def _written(value: object) -> str:
    if isinstance(value, str):
        return _quoted(value)
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return str(value)
    if isinstance(value, Mapping):
        return "{" + ",".join(f"{_quoted(key)}:{_written(value[key])}" for key in sorted(value)) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _value_text(number: Decimal | None) -> str | None:
    """The same text for the same value, however it was written."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
