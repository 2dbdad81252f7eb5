"""What the rules are told of the market and the venue around a group."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from app.base.config import Config
from app.domain.group import Group
from app.domain.market import MarketRules
from app.domain.order import RESTING, Order, OrderStatus
from app.domain.values import OrderRole
from app.domain.wanted import REDUCE_ONLY
from app.domain.wishes import Terrain
from app.engine.state import AccountState, Market
from app.engine.turn import Turn


def terrain_of(
    config: Config,
    account: AccountState,
    market: Market,
    now: datetime,
    *,
    stop_rests: bool = False,
    is_shared: bool = False,
    pairs: int = 0,
) -> Terrain:
    """The terrain at `now`. With `stop_rests` a stop is at the venue, which therefore takes stops."""
    can = account.capabilities
    takes_stops = account.conditional_refused is None or stop_rests
    return Terrain(
        rules=market.rules,
        quote=market.quote,
        now=now,
        taker_fee=can.fees[1],
        reduce_only=can.reduce_only,
        exits_below_minimum=can.exits_below_minimum,
        stop_type=can.stop_type if takes_stops else None,
        take_profit_trigger=can.take_profit_market and takes_stops,
        close_without_waiting_sec=config.order.timeout_sec,
        is_shared=is_shared,
        pairs=pairs,
    )


def must_spare_others(turn: Turn, group: Group, orders: Sequence[Order], rules: MarketRules) -> bool:
    """Whether the group's exits make room for each other, lest one too many sells what others hold in its book.

    What is its own counts more where a sale was refused, or has waited for room as long as a position may be without a
    stop: until it is at the venue the stop rests beside, whatever else of the group does.
    """
    if group.open_quantity <= 0 or not _shares_its_book(turn, group, rules):
        return False
    if not group.is_selling or any(order.role is OrderRole.CLOSE and order.status in RESTING for order in orders):
        return True
    return turn.now < room_made_by(turn, group) and not _was_refused(group, orders)


def room_made_by(turn: Turn, group: Group) -> datetime:
    """Until when a sale at market waits for the group's other exits in a book that it shares."""
    return (group.closing_at or group.opened_at) + timedelta(seconds=turn.config.protection.grace_sec)


def _was_refused(group: Group, orders: Iterable[Order]) -> bool:
    """Whether the venue refused a sale of this closing for another reason than that there is nothing to sell."""
    began_at = group.closing_at or group.opened_at
    return any(
        order.role is OrderRole.CLOSE
        and order.status is OrderStatus.REJECTED
        and order.created_at >= began_at
        and not order.was_refused_for(REDUCE_ONLY)
        for order in orders
    )


def _shares_its_book(turn: Turn, group: Group, rules: MarketRules) -> bool:
    """Whether others hold there, or may hold before it has been told, what the market would take an order over."""
    others = turn.groups_on(group.account, group.symbol)
    is_others = any(other.id != group.id and other.side is group.side for other in others)
    least = max(rules.min_qty, rules.step_size)
    return is_others or turn.external((group.account, group.symbol, group.side)) >= least
