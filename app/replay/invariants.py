"""README.md's invariants, held against the paper exchange's own books after every step.

The second is held where requests leave (`trap`), the fifth from step to step (`protection`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal

from app.domain.group import Group
from app.domain.order import Order, OrderStatus, bound_by_exits
from app.domain.values import ZERO, MarketType, OrderRole, Side
from app.domain.wanted import REDUCE_ONLY
from app.engine.state import EngineState
from app.exchange.paper.venue import PaperVenue


def violations(
    state: EngineState, venues: Mapping[str, PaperVenue], excused: frozenset[str] = frozenset()
) -> Iterator[str]:
    """What does not hold now. Books are compared only where nothing is in doubt or on its way.

    `excused` are the groups that were open when the pool's limit was lowered.
    """
    yield from _exits_exceed(state)
    yield from _slots(state, excused)
    for account, venue in venues.items():
        if state.recovered and state.accounts[account].ready and not _in_doubt(state, account):
            yield from _orders_differ(state, account, venue)


def books_differ(state: EngineState, venues: Mapping[str, PaperVenue], since: datetime) -> Iterator[str]:
    """Invariant 1 on accounts that were reconciled after `since`, when the world last moved."""
    if state.suspicions:
        return
    for account, venue in venues.items():
        known = state.accounts[account]
        at = known.last_reconciled_at
        if state.recovered and known.ready and at is not None and at > since and not _in_doubt(state, account):
            yield from _orders_missing(state, account, venue, at)
            yield from _coins_missing(state, account, venue)
            yield from _books_differ(state, account, venue)


def _in_doubt(state: EngineState, account: str) -> bool:
    doubtful = {OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN, OrderStatus.PENDING_CANCEL}
    return any(
        order.account == account and (order.status in doubtful or order.is_unsettled or order.is_amending)
        for order in state.orders.values()
    )


_UNANSWERED = frozenset({OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})


def _exits_exceed(state: EngineState) -> Iterator[str]:
    """Invariant 4, on accounts that have been read since the start: what was open before may be gone by then.

    Reduce-only orders count beside the close of a group that has others in its book: the venue guards that, not them.
    They do not once the sale was refused, or the group has waited for room as long as it may be without its stop.
    Of a group that ends as all was sold at the venue, exits without an answer are looked up; those that rest count.
    """
    for group in state.groups.values():
        account = state.accounts.get(group.account)
        if not group.is_open or account is None or account.last_reconciled_at is None:
            continue
        is_sold = group.closing is not None and group.open_quantity <= 0
        orders = [state.orders[order_id] for order_id in state.orders_of.get(group.id, ())]
        counted = [order for order in orders if not (is_sold and order.status in _UNANSWERED)]
        is_guarded = not _closes_beside_others(state, group, counted)
        live = bound_by_exits(order for order in counted if not (order.reduce_only and is_guarded))
        if live > group.open_quantity:
            yield f"exits of {group.id} sell {live:f}, {group.open_quantity:f} are open"


def _closes_beside_others(state: EngineState, group: Group, orders: Iterable[Order]) -> bool:
    """Whether a close is at the venue, or on its way, that was decided while other groups were in its book."""
    closes = [order for order in orders if order.role is OrderRole.CLOSE and order.is_live]
    if group.closing is None or not closes or _counts_more(state, group, orders):
        return False
    decided = min(order.created_at for order in closes)
    others = (state.groups[group_id] for group_id in state.open_on.get(group.market_key, ()))
    return any(other.id != group.id and other.side is group.side and other.opened_at < decided for other in others)


def _counts_more(state: EngineState, group: Group, orders: Iterable[Order]) -> bool:
    """Whether the closing group spares the others of its book no longer: its stop rests beside its close."""
    since = group.closing_at or group.opened_at
    spared_until = since + timedelta(seconds=state.config.protection.grace_sec)
    exits = [order for order in orders if order.role is not OrderRole.ENTRY and order.created_at >= since]
    return any(order.is_live and order.created_at >= spared_until for order in exits) or any(
        order.role is OrderRole.CLOSE
        and order.status is OrderStatus.REJECTED
        and not order.was_refused_for(REDUCE_ONLY)
        for order in exits
    )


def _slots(state: EngineState, excused: frozenset[str]) -> Iterator[str]:
    counted = [group for group in state.groups.values() if group.is_open and not group.forced]
    limit = state.config.pool.max_open_groups
    if len(counted) > limit and any(group.id not in excused for group in counted):
        yield f"{len(counted)} groups hold {limit} slots"


def is_ours(client_id: str | None) -> bool:
    """Whether an order bears our mark."""
    return client_id is not None and client_id.startswith("zg")


def _orders_differ(state: EngineState, account: str, venue: PaperVenue) -> Iterator[str]:
    ours = {order.client_order_id for order in state.orders.values() if order.account == account and order.is_live}
    for missing in sorted(_resting(venue) - ours):
        yield f"{missing} is live at {account} and not here"


def _orders_missing(state: EngineState, account: str, venue: PaperVenue, at: datetime) -> Iterator[str]:
    """Of the orders that were known when the account was read."""
    ours = {
        order.client_order_id
        for order in state.orders.values()
        if order.account == account and order.is_live and order.updated_at < at
    }
    for missing in sorted(ours - _resting(venue)):
        yield f"{missing} is live here and not at {account}"


def _resting(venue: PaperVenue) -> set[str]:
    """The client ids of our live orders there."""
    return {
        order.client_order_id
        for book in venue.ledger.resting.values()
        for order in book.values()
        if order.client_order_id is not None and is_ours(order.client_order_id)
    }


def _coins_missing(state: EngineState, account: str, venue: PaperVenue) -> Iterator[str]:
    """On spot, the groups hold no more of a coin than the account does."""
    if state.accounts[account].market_type is not MarketType.SPOT:
        return
    held: dict[str, Decimal] = {}
    for group in state.groups.values():
        if group.account == account and group.is_open:
            held[group.base] = held.get(group.base, ZERO) + group.open_quantity
    for base, quantity in held.items():
        owned = venue.ledger.balances.get(base, ZERO)
        if quantity > owned:
            yield f"{base} on {account}: {quantity:f} here, {owned:f} at the venue"


def _books_differ(state: EngineState, account: str, venue: PaperVenue) -> Iterator[str]:
    """Invariant 1 for quantities: a book a side in hedge mode, else net, as entries net the other side's dust."""
    if state.accounts[account].market_type is not MarketType.LINEAR:
        return
    is_hedged = venue.ledger.is_hedged
    here: defaultdict[str, Decimal] = defaultdict(Decimal)
    theirs: defaultdict[str, Decimal] = defaultdict(Decimal)
    groups = [group for group in state.groups.values() if group.account == account]
    for group in groups:
        book = f"{group.symbol} {group.side}" if is_hedged else group.symbol
        here[book] += group.open_quantity if is_hedged else group.open_quantity * group.side.sign
    for symbol in {group.symbol for group in groups} | {symbol for symbol, _ in venue.ledger.positions}:
        for side in Side:
            held = venue.ledger.positions.get((symbol, side))
            quantity = (held.quantity if held else ZERO) - state.external((account, symbol, side))
            theirs[f"{symbol} {side}" if is_hedged else symbol] += quantity if is_hedged else quantity * side.sign
    for book in sorted(theirs):
        if here[book] != theirs[book]:
            yield f"{book} on {account}: {here[book]:f} here, {theirs[book]:f} at the venue"
