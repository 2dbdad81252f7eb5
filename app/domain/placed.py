"""Orders by hand and decisions: kept like alerts, read back as the signals they are (signals.md, Decisions)."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.base.clock import iso
from app.domain.alert import validate
from app.domain.alert_body import FieldError, InvalidFields, parse_body
from app.domain.signal import Form, Signal
from app.domain.sizing import SizeType
from app.domain.symbol import unify
from app.domain.values import ZERO, Side

PLACED_BY = frozenset({"manual", "decision"})
"""The sources of records that hold an order or a decision; all others hold alerts."""
_KEY = "placed"
_WORDS = ("source", "account", "symbol", "timeframe", "strategy_id", "label")
_DECIMALS = ("size", "price", "leverage", "stop_loss", "take_profit", "confidence")


@dataclass(frozen=True, slots=True)
class Placed:
    """What was asked for: `size` in the unit of `size_type`, `price` None for at market."""

    at: datetime
    source: str
    account: str | None
    symbol: str
    timeframe: str
    side: Side
    size: Decimal
    size_type: SizeType = SizeType.BASE
    strategy_id: str = ""
    price: Decimal | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    confidence: Decimal | None = None
    label: str = ""
    is_single: bool = False

    @property
    def has_own_prices(self) -> bool:
        """Whether it brings a stop or a take-profit: it becomes a group of one leg, protected at them."""
        return self.stop_loss is not None or self.take_profit is not None

    def payload(self) -> str:
        """As it is kept: decimals as strings."""
        document = {
            "at": iso(self.at),
            **{
                name: getattr(self, name)
                for name in ("source", "account", "symbol", "timeframe", "strategy_id", "label")
            },
            "side": self.side.value,
            "size_type": self.size_type.value,
            "is_single": self.is_single,
            **{name: _text(getattr(self, name)) for name in _DECIMALS},
        }
        return json.dumps({_KEY: document}, sort_keys=True)

    def signal(self) -> Signal:
        """An entry on its side; ValueError where the symbol cannot be traded."""
        symbol, market_type = unify(self.symbol)
        return Signal(
            timestamp=self.at,
            account=self.account,
            exchange="",
            symbol=symbol,
            market_type=market_type,
            timeframe=self.timeframe,
            action=self.side.entry_order_side,
            close_price=self.price or ZERO,
            order_size=self.size,
            size_type=self.size_type,
            strategy_id=self.strategy_id,
            leverage=self.leverage,
            stop_loss=self.stop_loss,
            take_profit=self.take_profit,
            form=Form(self.price, is_single=self.has_own_prices or self.is_single, has_stop=self.stop_loss is not None),
        )


def _text(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:f}"


def read_recorded(payload: str, source: str) -> Signal:
    """The signal that a kept payload tells of. InvalidSignal where it tells of none.

    By its `source` alone it is an order or an alert: what an alert holds is its sender's choice.
    """
    if source in PLACED_BY:
        return _signal_of(read_placed(payload))
    return validate(parse_body(payload.encode()))


def read_placed(payload: str) -> Placed:
    """The order or decision in a payload. InvalidSignal where it holds none."""
    document = parse_body(payload.encode())
    try:
        placed = document[_KEY]
        facts: dict[str, Any] = {name: placed[name] for name in _WORDS}
        facts |= {name: Decimal(placed[name]) for name in _DECIMALS if placed[name] is not None}
        return Placed(
            **facts,
            at=datetime.fromisoformat(placed["at"]),
            side=Side(placed["side"]),
            size_type=SizeType(placed["size_type"]),
            is_single=placed["is_single"],
        )
    except (KeyError, TypeError, ArithmeticError, ValueError) as error:
        raise _unreadable(_KEY, "is not an order or a decision as it is kept") from error


def _signal_of(placed: Placed) -> Signal:
    try:
        return placed.signal()
    except ValueError as error:
        raise _unreadable(f"{_KEY}.symbol", str(error)) from error


def _unreadable(field: str, reason: str) -> InvalidFields:
    return InvalidFields((FieldError(field, reason),))
