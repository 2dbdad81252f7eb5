"""What an alert says, and what its sender wants done."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from typing import Literal

from app.base.config.grid import GridSettings, StopLoss
from app.domain.sizing import SizeType
from app.domain.values import HUNDRED, ONE, ZERO, Identity, MarketType, OrderSide, Side


class Intent(StrEnum):
    """What is to be done with a position."""

    ENTRY = "entry"
    EXIT = "exit"
    REDUCE = "reduce"
    REVERSE = "reverse"


class PositionWord(StrEnum):
    """A strategy's position, in TradingView's words."""

    LONG = "long"
    SHORT = "short"
    FLAT = "flat"

    @property
    def side(self) -> Side | None:
        return None if self is PositionWord.FLAT else Side(self.value)


IntentType = Literal["signal", "exit", "reduce", "reverse"]


@dataclass(frozen=True, slots=True)
class Form:
    """How an order by hand or a decision is entered: `price` None for at market, `is_single` as one leg.

    `has_stop` tells that it brings its own stop, which then counts instead of the grid's.
    """

    price: Decimal | None
    is_single: bool
    has_stop: bool = False

    def grid_of(self, usual: GridSettings) -> GridSettings:
        changes: dict[str, object] = {"size_from": "signal", "size_value": None}
        if self.is_single:
            first = usual.levels_of(0)[0]
            level = first.model_copy(update={"gap_percent": ZERO, "weight_percent": HUNDRED})
            changes |= {"levels": (level,), "pyramid_levels": {}}
        if self.has_stop:
            changes["stop_loss"] = StopLoss(mode="signal")
        kind = "market" if self.price is None else "limit"
        return usual.model_copy(update={**changes, "entry_order_type": kind})


@dataclass(frozen=True, slots=True)
class Signal:
    """A validated alert: prices in quote currency, sizes in the unit `size_type` names and never negative, UTC moments.

    Its labels (`trade_id`, `alert_name`, `alert_message`) are plain text, safe to show.
    """

    timestamp: datetime
    account: str | None
    exchange: str
    symbol: str
    market_type: MarketType
    timeframe: str
    action: OrderSide
    close_price: Decimal
    bar_time: datetime | None = None
    market_position: PositionWord | None = None
    market_position_size: Decimal | None = None
    prev_market_position: PositionWord | None = None
    prev_market_position_size: Decimal | None = None
    entry_price: Decimal | None = None
    order_size: Decimal | None = None
    size_type: SizeType = SizeType.CONTRACTS
    strategy_id: str = ""
    trade_id: str = ""
    alert_name: str = ""
    alert_message: str = ""
    intent_type: IntentType = "signal"
    intent_side: OrderSide | None = None
    leverage: Decimal | None = None
    stop_loss: Decimal | None = None
    take_profit: Decimal | None = None
    max_slippage_percent: Decimal | None = None
    max_quote: Decimal | None = None
    """The most that the key it came by may spend."""
    form: Form | None = None
    """Set where a person or a program placed an order instead of a strategy sending an alert."""

    @property
    def is_at_market(self) -> bool:
        """Whether it brings no price of its own: the market's counts."""
        return self.form is not None and self.form.price is None

    @property
    def hint(self) -> Decimal | None:
        """A recent price of the market, where the signal brings one."""
        return self.reference_price if self.reference_price > 0 else None

    def grid_of(self, usual: GridSettings) -> GridSettings:
        """The grid it is entered by: the `usual` one, or a single leg where it brings its own prices."""
        return usual if self.form is None else self.form.grid_of(usual)

    @property
    def reference_price(self) -> Decimal:
        """The price that size, gaps and slippage are counted from."""
        return self.entry_price if self.entry_price is not None and self.entry_price > 0 else self.close_price

    @property
    def direction(self) -> OrderSide:
        """The side that a typed intent acts by."""
        return self.intent_side or self.action

    def identity(self, account: str, side: Side) -> Identity:
        return Identity(account, self.symbol, self.timeframe, side, self.strategy_id)


@dataclass(frozen=True, slots=True)
class WhatIsWanted:
    """A signal's meaning.

    `side` is the position acted on, of a reverse the new one. `size`, in the signal's unit, is that of an entry, of a
    reverse, and of a reduction whose `fraction` is not known; None where the signal does not tell. A fraction ≤ 0
    reduces nothing. `told_previous`: whether the previous position came; `previous_side`: which, None if flat.
    """

    intent: Intent
    side: Side
    size: Decimal | None = None
    fraction: Decimal | None = None
    told_previous: bool = False
    previous_side: Side | None = None

    @property
    def is_addon(self) -> bool:
        """An entry that adds to a position the strategy says it has."""
        return self.intent is Intent.ENTRY and self.previous_side is self.side


_SPELLINGS = {"gateio": "gate", "asterdex": "aster"}
"""Exchanges that charts call otherwise."""


def venue_of(exchange: str) -> str | None:
    """The venue that a chart's exchange is; None where a person or a program placed an order and named none."""
    name = exchange.lower()
    return _SPELLINGS.get(name, name) or None


def interpret(signal: Signal) -> WhatIsWanted:
    """What the signal wants: a typed intent stands as typed, `signal` is read from the position fields."""
    match signal.intent_type:
        case "exit":
            return _wanted(signal, Intent.EXIT, _closed_by(signal.direction))
        case "reduce":
            return _reduction(signal, _closed_by(signal.direction))
        case "reverse":
            return _wanted(signal, Intent.REVERSE, _opened_by(signal.direction), signal.order_size)
        case _:
            return _from_positions(signal)


def _from_positions(signal: Signal) -> WhatIsWanted:
    now, previous = signal.market_position, signal.prev_market_position
    if now is None:
        return _without_position(signal)
    side = now.side
    if side is None:
        was = previous.side if previous is not None else None
        return _wanted(signal, Intent.EXIT, was or _closed_by(signal.action))
    if _is_incomplete(signal) and _opened_by(signal.action) is not side:
        return _reduction(signal, side)
    if previous is None or previous.side is None:
        return _wanted(signal, Intent.ENTRY, side, _entry_size(signal))
    if previous.side is not side:
        return _wanted(signal, Intent.REVERSE, side, _reverse_size(signal))
    return _same_side(signal, side)


def _without_position(signal: Signal) -> WhatIsWanted:
    """The action decides, but an order against the position held before only takes from it."""
    side, previous = _opened_by(signal.action), signal.prev_market_position
    if previous is not None and previous.side is side.opposite:
        return _reduction(signal, side.opposite)
    return _wanted(signal, Intent.ENTRY, side, signal.order_size)


def _same_side(signal: Signal, side: Side) -> WhatIsWanted:
    now, previous = signal.market_position_size, signal.prev_market_position_size
    if now is None or previous is None:
        return _wanted(signal, Intent.ENTRY, side, signal.order_size)
    if now > previous:
        return _wanted(signal, Intent.ENTRY, side, now - previous)
    return _reduction(signal, side)


def _reduction(signal: Signal, side: Side) -> WhatIsWanted:
    fraction = _fraction_closed(signal, side)
    if fraction is None:
        return _wanted(signal, Intent.REDUCE, side, signal.order_size)
    if fraction >= ONE:
        return _wanted(signal, Intent.EXIT, side)
    return _wanted(signal, Intent.REDUCE, side, None, fraction)


def _fraction_closed(signal: Signal, side: Side) -> Decimal | None:
    """How much of the position on `side` went, None where the sizes do not tell; nothing changed is 0."""
    size, was, now = signal.prev_market_position_size, signal.prev_market_position, signal.market_position
    if size is None or (was is not None and was.side is not side):
        return None
    left = ZERO if now is not None and now.side is not side else signal.market_position_size
    if left is None:
        return None
    return (size - left) / size if size else ZERO


def _entry_size(signal: Signal) -> Decimal | None:
    """The order's; from flat the whole position is the order's."""
    if signal.order_size is None and signal.prev_market_position is PositionWord.FLAT:
        return signal.market_position_size
    return signal.order_size


def _reverse_size(signal: Signal) -> Decimal | None:
    """The new position's; an order that turns a position round holds the old size and the new one."""
    if signal.market_position_size is not None:
        return signal.market_position_size
    if signal.order_size is None or signal.prev_market_position_size is None:
        return signal.order_size
    opened = signal.order_size - signal.prev_market_position_size
    return opened if opened > 0 else signal.order_size


def _is_incomplete(signal: Signal) -> bool:
    told = (signal.prev_market_position, signal.market_position_size, signal.prev_market_position_size)
    return any(field is None for field in told)


def _wanted(
    signal: Signal, intent: Intent, side: Side, size: Decimal | None = None, fraction: Decimal | None = None
) -> WhatIsWanted:
    previous = signal.prev_market_position
    return WhatIsWanted(intent, side, size, fraction, previous is not None, previous.side if previous else None)


def _opened_by(action: OrderSide) -> Side:
    return Side.LONG if action is OrderSide.BUY else Side.SHORT


def _closed_by(action: OrderSide) -> Side:
    return _opened_by(action).opposite
