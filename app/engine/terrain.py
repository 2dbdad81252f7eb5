"""What the rules are told of the market and the venue around a group."""

from __future__ import annotations

from datetime import datetime

from app.base.config import Config
from app.domain.group import Group
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


def shares_its_book(turn: Turn, group: Group) -> bool:
    """Whether one exit of the group too many could sell others' there: another group's, which may hold more than it has
    been told, or what is not ours."""
    others = turn.groups_on(group.account, group.symbol)
    is_others = any(other.id != group.id and other.side is group.side for other in others)
    return is_others or turn.external((group.account, group.symbol, group.side)) > 0
