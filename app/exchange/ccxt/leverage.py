"""Leverage and margin mode of a market."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from app.base.errors import OperatorActionNeeded, Retryable
from app.domain.values import Side
from app.exchange.ccxt import mapping
from app.exchange.ccxt.dialects.base import Operation
from app.exchange.ccxt.errors import setting_error
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.session import RequestFailed, Session


async def set_leverage(session: Session, symbol: str, leverage: Decimal, margin_mode: str) -> None:
    """Raises OperatorActionNeeded or Retryable; what already is so is no error."""
    if not session.dialect.is_linear:
        return
    if session.dialect.margin_mode_by_symbol:
        await _set(session, lambda api: api.set_margin_mode(margin_mode, symbol))
    else:
        await _check_margin_mode(session, symbol, margin_mode)
    await _set(session, lambda api: api.set_leverage(int(leverage), symbol))


async def leverage_of(session: Session, symbol: str, side: Side) -> tuple[Decimal, str]:
    """Leverage and margin mode, read. Raises Retryable."""
    told = await session.read(Operation.LEVERAGE, lambda api: api.fetch_leverage(symbol))
    if told is None:
        raise Retryable(f"the exchange's list of leverages lacks {symbol}")
    # where one holds for both sides, some venues tell it with one of them only
    known = (mapping.positive(told.get(f"{each}Leverage")) for each in (side, side.opposite))
    leverage = next(filter(None, known), None)
    mode = told.get("marginMode") if session.dialect.margin_mode_by_symbol else await _margin_mode(session, symbol)
    if leverage is None or mode is None:
        raise Retryable(f"the exchange does not tell the leverage of {symbol}")
    return leverage, str(mode)


async def _margin_mode(session: Session, symbol: str) -> Any:
    """Of the account, where all its markets share one."""
    told = await session.read(Operation.SETTING, lambda api: api.fetch_margin_mode(symbol))
    return told.get("marginMode")


async def _check_margin_mode(session: Session, symbol: str, wanted: str) -> None:
    present = await _margin_mode(session, symbol)
    if present != wanted:
        raise OperatorActionNeeded(
            f"the account's margin mode is {present}, {symbol} wants {wanted}; it holds for the whole account: "
            "change it at the exchange, or the settings here"
        )


async def _set(session: Session, ask: Callable[[Any], Any]) -> None:
    try:
        await session.call(Operation.SET_LEVERAGE, Priority.ENTRY, ask)
    except RequestFailed as failed:
        error = setting_error(failed.failure, session.dialect.codes)
        if error is not None:
            raise error from failed
