"""What an entry has to wait for."""

from __future__ import annotations

from decimal import Decimal

from app.domain.group import Group
from app.domain.market import CLOSED_KEPT_SEC
from app.domain.risk.results import Held
from app.domain.values import Identity
from app.engine.state import AccountState, BookKey, Market, external_fact
from app.engine.turn import Turn
from app.messages.records import QueueReason


def blocked_by(
    turn: Turn, identity: Identity, group: Group | None, *, keeps_place: bool = False, is_forced: bool = False
) -> QueueReason | None:
    """What an entry of this identity has to wait for. One that keeps its place takes the slot that is kept for it."""
    if group is not None and group.closing is not None:
        return QueueReason.GROUP_CLOSING
    account = turn.state.accounts.get(identity.account)
    hold = hold_of(account)
    if account is None or hold is not None:
        return QueueReason(hold.code) if hold is not None else QueueReason.ACCOUNT_STALE
    if _opposite_is_open(turn, identity, account):
        return QueueReason.OPPOSITE_SIDE_OPEN
    market = turn.state.market(identity.account, identity.symbol)
    if market is None or market.quote is None or _is_outdated(turn, market):
        return QueueReason.MISSING_MARKET_RULES
    if is_forced or not needs_slot(turn, group) or has_room(turn, keeps_place=keeps_place):
        return None
    return QueueReason.POOL_FULL


def needs_slot(turn: Turn, group: Group | None) -> bool:
    """Whether an entry takes one of the pool's slots: a pyramid of an open `group` may not."""
    return group is None or turn.config.pool.count_pyramids


def has_room(turn: Turn, *, keeps_place: bool = False) -> bool:
    """Whether a slot is free; of those that are taken one may be kept for who asks."""
    return turn.slots_used() - keeps_place < turn.config.pool.max_open_groups


def hold_of(account: AccountState | None) -> Held | None:
    """Why an account takes no entries now."""
    if account is None:
        return Held("account_stale", "there is no such account")
    if not account.ready:
        return Held("account_stale", account.hold or account.reason or f"{account.id} has not been reconciled yet")
    if account.breaker_since is not None:
        return Held("breaker_open", f"the breaker of {account.id} is open")
    return None


def _is_outdated(turn: Turn, market: Market) -> bool:
    is_closed = market.rules.closed is not None
    kept = CLOSED_KEPT_SEC if is_closed else turn.config.precision.refresh_seconds
    return (turn.now - market.loaded_at).total_seconds() > kept


def waits_for(account: AccountState, identity: Identity, group: Group) -> bool:
    """Whether an entry of this identity waits until an open group of its market has ended."""
    is_against = group.side is identity.side.opposite
    return is_against and (account.one_way or group.timeframe == identity.timeframe)


def _opposite_is_open(turn: Turn, identity: Identity, account: AccountState) -> bool:
    if any(waits_for(account, identity, group) for group in turn.groups_on(identity.account, identity.symbol)):
        return True
    return account.one_way and _is_tradable(turn, (identity.account, identity.symbol, identity.side.opposite), account)


def _is_tradable(turn: Turn, book: BookKey, account: AccountState) -> bool:
    """Whether a position that is not ours is more than dust: the venue would net an entry against it."""
    told = turn.fact(external_fact(book))
    if told is None:
        return False
    theirs, market = Decimal(told), turn.state.market(book[0], book[1])
    if market is None:
        return theirs > 0
    if theirs < max(market.rules.min_qty, market.rules.step_size):
        return False
    if account.capabilities.exits_below_minimum or market.quote is None:
        return True
    return market.rules.meets_minimum(market.quote.last, theirs)
