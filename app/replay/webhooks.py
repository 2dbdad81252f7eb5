"""A scenario's signals as the webhook bodies they stand for."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Any

from app.base.clock import iso
from app.replay.parts import ShortSignal, WholeSignal

_POSITION = ("market_position", "market_position_size", "prev_market_position", "prev_market_position_size")
_RISK = ("stop_loss", "take_profit", "max_slippage_percent")


def body_of(
    signal: ShortSignal | WholeSignal | dict[str, Any], now: datetime, exchange: str = "PAPER"
) -> dict[str, Any]:
    """The whole body: as given under `webhook`, or the short form stamped with `now`, from a chart of `exchange`."""
    if isinstance(signal, dict):
        kind = WholeSignal if "webhook" in signal else ShortSignal
        return body_of(kind.model_validate(signal), now, exchange)
    if isinstance(signal, WholeSignal):
        return dict(signal.webhook)
    short = signal
    body: dict[str, Any] = {
        "source": "tradingview",
        "timestamp": iso(now),
        "tv": {
            "exchange": exchange,
            "symbol": short.symbol,
            "timeframe": short.timeframe,
            "action": short.action,
            "close_price": _number(short.price),
            "order_size": _number(short.size),
            **_given(short, _POSITION),
        },
        "execution_intent": {
            "type": short.intent,
            "position_size_type": short.size_type,
            **_given(short, ("leverage",)),
        },
    }
    risk = _given(short, _RISK)
    if risk:
        body["risk"] = risk
    if short.account is not None:
        body["account"] = short.account
    if short.strategy_id is not None:
        body["strategy_info"] = {"strategy_id": short.strategy_id}
    return body


def _given(short: ShortSignal, names: tuple[str, ...]) -> dict[str, Any]:
    values = {name: getattr(short, name) for name in names}
    return {
        name: _number(value) if isinstance(value, Decimal) else value
        for name, value in values.items()
        if value is not None
    }


def _number(value: Decimal) -> str:
    return f"{value:f}"
