"""The webhook message: its fields, checked together and made a `Signal`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain import symbol as symbols
from app.domain.alert_body import FieldError, InvalidFields
from app.domain.alert_fields import (
    Action,
    AlertName,
    BarTime,
    ExchangeName,
    Forgotten,
    IntentWord,
    Label,
    LeverageWish,
    Moment,
    Name,
    NotNegative,
    Number,
    OptionalAction,
    OptionalName,
    Position,
    Positive,
    Price,
    SizeWord,
    StrategyId,
    SymbolName,
    Timeframe,
    Unsigned,
)
from app.domain.signal import Signal
from app.domain.sizing import SizeType


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

    exchange: ExchangeName = Field(description="`{{exchange}}`: BINANCE, BYBIT …")
    symbol: SymbolName = Field(
        description="`{{ticker}}`: BTCUSDT, BTCUSDT.P (perpetual), BTC/USDT, BTC/USDT:USDT or BINANCE:BTCUSDT"
    )
    timeframe: Timeframe = Field(
        description="`{{interval}}`: 15, 60, 240, D, 1W, 1M, 30S; case-sensitive (1m is a minute, 1M a month)"
    )
    bar_time: BarTime = Field(
        default=None, description="`{{time}}`: the bar the alert belongs to, ISO 8601 in UTC or epoch milliseconds"
    )
    action: Action = Field(description="`{{strategy.order.action}}`")
    market_position: Position = Field(
        default=None, description="`{{strategy.market_position}}`: the strategy's position after this order"
    )
    market_position_size: Unsigned = Field(default=None, description="`{{strategy.market_position_size}}`: its size")
    prev_market_position: Position = Field(
        default=None, description="`{{strategy.prev_market_position}}`: the strategy's position before this order"
    )
    prev_market_position_size: Unsigned = Field(
        default=None, description="`{{strategy.prev_market_position_size}}`: its size"
    )
    entry_price: Number = Field(
        default=None, description="`{{strategy.order.price}}`: the reference price, when more than 0"
    )
    close_price: Price = Field(description="`{{close}}`: the reference price when there is no entry_price")
    order_size: NotNegative = Field(
        default=None, description="`{{strategy.order.contracts}}`: needed where the size is taken from the signal"
    )


class StrategyInfo(_Part):
    """Labels; only `strategy_id` has a meaning of its own."""

    strategy_id: StrategyId = Field(default="", description="keeps two strategies on one pair and timeframe apart")
    trade_id: Label = Field(default="", description="`{{strategy.order.id}}`; repeats between orders")
    alert_name: AlertName = Field(default="", description="`{{alert_name}}`")
    alert_message: Label = Field(default="", description="`{{strategy.order.comment}}`")


class ExecutionIntent(_Part):
    """What is to be done."""

    type: IntentWord = Field(
        description="`signal` is read from the position fields; `exit`, `reduce` and `reverse` stand as typed"
    )
    side: OptionalAction = Field(default=None, description="mirrors tv.action, which counts when this is missing")
    position_size_type: SizeWord = Field(
        default=SizeType.CONTRACTS,
        description="the unit of the sizes; `contracts` is TradingView's: base currency on crypto charts",
    )
    leverage: LeverageWish = Field(
        default=None, description="requested leverage, 1 or more; the risk settings cap it, and it is rounded down"
    )


class RiskPrices(_Part):
    """Limits that the sender asks for."""

    stop_loss: Positive = Field(default=None, description="absolute price")
    take_profit: Positive = Field(default=None, description="absolute price")
    max_slippage_percent: NotNegative = Field(
        default=None, description="may tighten the setting of the same name, never loosen it"
    )


class TradingViewAlert(_Part):
    """An alert. Numbers may be JSON numbers or text; fields that are not listed are kept and ignored."""

    secret: Forgotten = Field(
        default=None, exclude=True, repr=False, description="a webhook key; needed unless the request is signed"
    )
    source: Name = Field(default="tradingview", description="origin")
    timestamp: Moment = Field(description="`{{timenow}}`: ISO 8601; UTC when no offset is given")
    account: OptionalName = Field(
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
