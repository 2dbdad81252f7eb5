"""By what a message is known again: its text as it is kept, and its keys."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from hashlib import sha256
from json.encoder import encode_basestring_ascii as _quoted
from typing import Any

from app.base.clock import iso
from app.domain.signal import Signal
from app.domain.values import Side


def stored_payload(document: Mapping[str, Any]) -> str:
    """What is kept of a message: all but `secret`, as ASCII JSON, keys sorted, no spaces, every number as it came.

    `1` and `1.0` stay different, as do `1` and `"1"`: a message sent again is the same text, and two messages that
    differ in a digit are two messages.
    """
    return _written({key: value for key, value in document.items() if key != "secret"})


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
    if isinstance(value, dict):
        return "{" + ",".join([f"{_quoted(key)}:{_written(value[key])}" for key in sorted(value)]) + "}"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, Decimal | int):
        return str(value)
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_written, value)) + "]"
    raise TypeError(f"{type(value).__name__} has no place in a message")


def _value_text(number: Decimal | None) -> str | None:
    """The same text for the same value, however it was written."""
    if number is None:
        return None
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text
