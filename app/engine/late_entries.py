"""Entries that have not reached the venue since they were decided: whether they may still be sent now."""

from __future__ import annotations

from datetime import timedelta

from app.domain.group import Group
from app.domain.order import Order
from app.domain.stop_loss import stop_refusal
from app.domain.values import HUNDRED, OrderRole, OrderType
from app.domain.wishes import Place, Wanted, place_of
from app.engine import arming, emergency
from app.engine.blocking import hold_of
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


def waits(turn: Turn, group: Group, wish: Wanted) -> bool:
    """Whether an entry of an open group that has not left is kept from it: no group would be opened now either."""
    if wish.place.role is not OrderRole.ENTRY:
        return False
    is_held = hold_of(turn.state.accounts.get(group.account)) is not None
    return is_held or _is_closed(turn, group) or forbidden(turn, group.account) is not None


def came_to_nothing(turn: Turn, group: Group, wish: Wanted) -> str | None:
    """Why an entry that was lost before is not sent again, now that it might be; None where it is."""
    return _missed(turn, group, wish.place, wish) or _is_too_old(turn, group, wish)


def _is_too_old(turn: Turn, group: Group, wish: Wanted) -> str | None:
    """After its account was away: at market it buys whatever the price is by now."""
    if wish.place.role is not OrderRole.ENTRY or wish.type is not OrderType.MARKET or wish.place.pyramid is None:
        return None
    decided_at, account = group.pyramids[wish.place.pyramid].created_at, turn.state.accounts[group.account]
    was_away = account.ready_since is not None and account.ready_since > decided_at
    age, most = turn.now - decided_at, turn.config.webhook.max_age_sec
    if not was_away or age <= timedelta(seconds=most):
        return None
    return f"it was decided {age.total_seconds():.0f} s ago, at most {most:.0f} s are waited"


def _is_closed(turn: Turn, group: Group) -> bool:
    """Whether its market takes exits alone now (hazard 41); it is asked anew whether that is still so."""
    market = turn.state.market(group.account, group.symbol)
    return market is not None and market.rules.closed is not None


def has_missed_its_price(turn: Turn, order: Order) -> str | None:
    """Why what the checks found when it was decided holds no more: at market it would be bought beyond the slippage
    bound, or at a price that the signal's stop or take-profit lies on the wrong side of."""
    return _missed(turn, turn.group(order.group_id), place_of(order), order)


def _missed(turn: Turn, group: Group, place: Place, entry: Order | Wanted) -> str | None:
    role, pyramid, leg = place
    quote = turn.state.quote(group.account, group.symbol)
    if role is not OrderRole.ENTRY or quote is None or pyramid is None or leg is None:
        return None
    price = quote.executable(entry.side)
    if entry.type is not OrderType.MARKET and entry.price is not None and group.side.is_better(price, entry.price):
        return None  # it would rest
    refusal = stop_refusal(group.side, price, group.signal_stop, group.signal_take_profit, group.grid)
    if refusal is not None:
        return refusal.detail
    planned, bound = group.leg(pyramid, leg).price, turn.config.risk.max_slippage_percent
    worse = group.side.gain(planned, price) * HUNDRED / planned
    if entry.type is not OrderType.MARKET or worse <= bound:
        return None
    return f"the price {price:f} is {worse:.2f} % worse than {planned:f}, the bound is {bound} %"
