"""Entries that did not reach the venue when they were decided: whether they may still be sent now."""

from __future__ import annotations

from app.domain.order import Order
from app.domain.stop_loss import stop_refusal
from app.domain.values import HUNDRED, OrderRole, OrderType
from app.engine import arming, emergency
from app.engine.turn import Turn


def not_wanted_any_more(turn: Turn, order: Order) -> str | None:
    """Why an entry is not sent again, None where it is."""
    return forbidden(turn, order.account) or has_missed_its_price(turn, order)


def forbidden(turn: Turn, account: str) -> str | None:
    """Why no entry is sent now, one that was accepted before included."""
    stopped = emergency.forbidden(turn)
    if stopped is not None:
        return stopped.detail
    return None if arming.may_enter(turn, account) else f"{account} is not armed"


def has_missed_its_price(turn: Turn, order: Order) -> str | None:
    """Why what the checks found when it was decided holds no more: at market it would be bought beyond the slippage
    bound, or at a price that the signal's stop or take-profit lies on the wrong side of."""
    quote = turn.state.quote(order.account, order.symbol)
    if order.role is not OrderRole.ENTRY or quote is None or order.pyramid is None or order.leg is None:
        return None
    group, price = turn.group(order.group_id), quote.executable(order.side)
    if order.type is not OrderType.MARKET and order.price is not None and group.side.is_better(price, order.price):
        return None  # it would rest
    refusal = stop_refusal(group.side, price, group.signal_stop, group.signal_take_profit, group.grid)
    if refusal is not None:
        return refusal.detail
    planned, bound = group.leg(order.pyramid, order.leg).price, turn.config.risk.max_slippage_percent
    worse = group.side.gain(planned, price) * HUNDRED / planned
    if order.type is not OrderType.MARKET or worse <= bound:
        return None
    return f"the price {price:f} is {worse:.2f} % worse than {planned:f}, the bound is {bound} %"
