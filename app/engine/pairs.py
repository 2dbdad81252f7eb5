"""Pairs of a take-profit and a stop over the same coins, where the venue has them (ADR 4)."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from app.base.changing import changed
from app.domain.group import Group
from app.domain.market import MarketRules
from app.domain.order import Order, OrderStatus
from app.domain.spot_exits import PAIR_STAYS
from app.domain.values import OrderRole
from app.domain.wishes import Wanted, place_of
from app.engine.conditional import conditional_orders
from app.engine.state import AccountState
from app.engine.turn import Turn

USUAL_MOST = 5
"""How many conditional orders a venue with pairs takes on one market where it does not tell (Binance spot's number)."""
ALONE_AFTER_REFUSAL = timedelta(hours=1)


def pairs_left(turn: Turn, group: Group, account: AccountState, rules: MarketRules) -> int:
    """How many pairs the group may have: every other group of the market that has a stop keeps room for one at least.

    None for an hour after a refusal, which does not tell which of the two orders was at fault: the stop goes alone.
    """
    if not account.capabilities.oco or _was_refused(turn, group):
        return 0
    taken = conditional_orders(turn, group.account, group.symbol, without=group.id)
    most = USUAL_MOST if rules.max_conditional_orders is None else rules.max_conditional_orders
    return (most - taken) // (2 if group.grid.tp_order == "trigger" else 1)


def _was_refused(turn: Turn, group: Group) -> bool:
    """Whether a pair of the group was refused of late; it is looked at again when that is no longer so."""
    last = max((order.updated_at for order in _refused(turn, group.id)), default=None)
    if last is None or turn.now >= last + ALONE_AFTER_REFUSAL:
        return False
    turn.wake(f"pairs/{group.id}", last + ALONE_AFTER_REFUSAL)
    return True


def _refused(turn: Turn, group_id: str) -> list[Order]:
    orders = turn.orders_of(group_id)
    return [order for order in orders if order.status is OrderStatus.REJECTED and order.paired_with is not None]


def tell_refused_pair(turn: Turn, refused: Order, detail: str) -> None:
    """Once a group: what is over its other coins, or placed later, is refused for the same."""
    if [order.client_order_id for order in _refused(turn, refused.group_id)] == [refused.client_order_id]:
        what = f"a take-profit of {refused.symbol} could not be placed beside its stop, and is watched: {detail}"
        turn.alert("warning", what, group=turn.group(refused.group_id))


def _conditional(turn: Turn, group: Group) -> int:
    return sum(order.type.is_conditional for order in turn.live_orders(group.id))


def make_room(turn: Turn, group: Group, placed: Sequence[Order]) -> None:
    """Have the market's other groups give up pairs before what was entered here needs its stop."""
    has_pairs = turn.state.accounts[group.account].capabilities.oco
    if has_pairs and any(order.role is OrderRole.ENTRY for order in placed):
        for other in turn.groups_on(group.account, group.symbol):
            if _conditional(turn, other) > 1:
                turn.touch(other.id)


def tie(turn: Turn, wishes: Sequence[Wanted], placed: Sequence[Order]) -> None:
    """The orders of wishes that are paired know each other, and may be moved after a while."""
    paired = [wish for wish in wishes if wish.paired_with is not None]
    made = {place_of(order): order for order in placed} if paired else {}
    for wish in paired:
        if wish.paired_with in made:
            order, partner = made[wish.place], made[wish.paired_with].client_order_id
            turn.put_order(changed(order, paired_with=partner))
            turn.wake(f"pairs/{order.group_id}", turn.now + PAIR_STAYS)


def partner_of(turn: Turn, order: Order) -> Order | None:
    return None if order.paired_with is None else turn.orders.get(order.paired_with)
