"""The webhook message: its fields, checked together and made a `Signal`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from app.domain import alert_fields as fields
from app.domain import symbol as symbols
from app.domain.alert_body import FieldError, InvalidFields
from app.domain.signal import Signal


class _Field(NamedTuple):
    """Read by `read`; `to` is the signal's attribute it becomes."""

    name: str
    to: str
    read: Callable[[object], Any]
    is_needed: bool


def _needed(name: str, read: Callable[[object], Any], to: str | None = None) -> _Field:
    return _Field(name, to or name, read, is_needed=True)


def _optional(name: str, read: Callable[[object], Any], to: str | None = None) -> _Field:
    return _Field(name, to or name, read, is_needed=False)


# Numbers may be JSON numbers or text; fields that are not listed are kept with the message and ignored (signals.md).
_MESSAGE = (
    _optional("source", fields.name),  # checked, but no part of the signal
    _needed("timestamp", fields.moment),
    _optional("account", fields.name),
)
_ORDER = (
    _needed("exchange", fields.exchange),
    _needed("symbol", fields.symbol),
    _needed("timeframe", fields.timeframe),
    _optional("bar_time", fields.bar_moment),
    _needed("action", fields.action),
    _optional("market_position", fields.position),
    _optional("market_position_size", fields.unsigned),
    _optional("prev_market_position", fields.position),
    _optional("prev_market_position_size", fields.unsigned),
    _optional("entry_price", fields.number),
    _needed("close_price", fields.positive),
    _optional("order_size", fields.not_negative),
)
_LABELS = (
    _optional("strategy_id", fields.strategy_id),
    _optional("trade_id", fields.label),
    _optional("alert_name", fields.alert_name),
    _optional("alert_message", fields.label),
)
_INTENT = (
    _needed("type", fields.intent_type, to="intent_type"),
    _optional("side", fields.action, to="intent_side"),
    _optional("position_size_type", fields.size_type, to="size_type"),
    _optional("leverage", fields.leverage),
)
_RISK = (
    _optional("stop_loss", fields.positive),
    _optional("take_profit", fields.positive),
    _optional("max_slippage_percent", fields.not_negative),
)
_PARTS = (
    ("tv", _ORDER, True),
    ("strategy_info", _LABELS, False),
    ("execution_intent", _INTENT, True),
    ("risk", _RISK, False),
)


def validate(document: Mapping[str, Any]) -> Signal:
    """The signal in a parsed body; `InvalidFields` names every field that is wrong."""
    found: dict[str, Any] = {"account": None}
    errors: list[FieldError] = []
    _read(document, _MESSAGE, "", found, errors)
    for part, wanted, is_needed in _PARTS:
        if part not in document:
            if is_needed:
                errors.append(FieldError(part, "is missing"))
        elif isinstance(document[part], dict):
            _read(document[part], wanted, f"{part}.", found, errors)
        else:
            errors.append(FieldError(part, "must be an object"))
    if errors:
        raise InvalidFields(tuple(errors), dict(document))
    signal = _signal(found)
    if contradiction := _contradiction(signal):
        raise InvalidFields((contradiction,), dict(document))
    return signal


def _read(
    given: Mapping[str, Any], wanted: tuple[_Field, ...], path: str, found: dict[str, Any], errors: list[FieldError]
) -> None:
    """Adds the values in `given` to `found`, and what is wrong with them to `errors`."""
    for name, to, read, is_needed in wanted:
        if name in given:
            try:
                found[to] = read(given[name])
            except ValueError as error:
                errors.append(FieldError(path + name, str(error)))
        elif is_needed:
            errors.append(FieldError(path + name, "is missing"))


def _signal(found: dict[str, Any]) -> Signal:
    found.pop("source", None)
    symbol, market_type = symbols.unify(found.pop("symbol"))
    return Signal(symbol=symbol, market_type=market_type, **found)


def _contradiction(signal: Signal) -> FieldError | None:
    """A message that may open a position must not name two directions; positions, when told, decide instead."""
    intent = signal.intent_type
    decided_by_side = intent == "reverse" or (intent == "signal" and signal.market_position is None)
    if not decided_by_side or signal.intent_side in {None, signal.action}:
        return None
    return FieldError("execution_intent.side", f"says {signal.intent_side}, but tv.action says {signal.action}")
