"""How much quote capital a pyramid gets (grid.md, Size)."""

from __future__ import annotations

from decimal import Decimal
from enum import StrEnum

from app.base.config.grid import GridSettings
from app.domain.grid import leg_price
from app.domain.refusal import Refusal
from app.domain.stop_loss import asked_stop, stop_level, stop_refusal
from app.domain.values import HUNDRED, SETTLED, ZERO, Side


class SizeType(StrEnum):
    """What a signal's order size counts; TradingView's contracts are base units."""

    CONTRACTS = "contracts"
    BASE = "base"
    QUOTE = "quote"


def pyramid_capital(
    settings: GridSettings,
    size: Decimal | None,
    size_type: SizeType,
    price: Decimal,
    equity: Decimal | None,
    side: Side,
    pyramid: int,
    signal_stop: Decimal | None,
) -> Decimal | Refusal:
    """Quote capital of a pyramid entered at `price`; `equity` is the account's in quote, None where unknown."""
    if settings.size_from == "signal" or settings.size_value is None:
        return _by_signal(size, size_type, price)
    if settings.size_from == "quote":
        return settings.size_value
    if equity is None or equity <= 0:
        told = "not known" if equity is None else f"{equity:f}"
        return Refusal("equity_unknown", f"the size is a percentage of the account's equity, which is {told}")
    amount = equity * settings.size_value / HUNDRED
    if settings.size_from == "equity_percent":
        return amount
    lost = _lost_share(settings, side, pyramid, price, signal_stop)
    return lost if isinstance(lost, Refusal) else SETTLED.plus(amount / lost)


def _by_signal(size: Decimal | None, size_type: SizeType, price: Decimal) -> Decimal | Refusal:
    if size is None or size <= 0:
        return Refusal("size_missing", "the signal carries no order size, and the grid takes its size from the signal")
    return size if size_type is SizeType.QUOTE else size * price


def _lost_share(
    settings: GridSettings, side: Side, pyramid: int, entry_price: Decimal, signal_stop: Decimal | None
) -> Decimal | Refusal:
    """What of a unit of capital is lost when every leg short of the stop fills and the stop is hit, fees aside."""
    refusal = stop_refusal(side, entry_price, signal_stop, None, settings)
    if refusal is not None:
        return refusal
    spent = units = ZERO
    for level in settings.levels_of(pyramid):
        price = leg_price(level, side, entry_price)
        stop = asked_stop(settings, side, spent / units if units else price, signal_stop)
        if stop is not None and not side.is_better(price, stop):
            break
        share = level.weight_percent / HUNDRED
        spent, units = spent + share, units + share / price
    stop = stop_level(settings, side, spent / units, signal_stop) if units else None
    if stop is None:
        return Refusal("stop_sanity", "the size is a share of equity at risk, and no leg has a stop beyond it")
    return side.gain(stop * units, spent)
