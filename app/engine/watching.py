"""Between which prices a group can be left alone."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

from app.base.config.grid import TakeProfitMode
from app.domain.booking import exit_average
from app.domain.exits import take_profit_place
from app.domain.group import Group
from app.domain.market import MarketRules
from app.domain.order import Order, has_stop
from app.domain.stop_loss import awaited_break_even, current_stop, needs_stop
from app.domain.take_profit import exit_target, group_target
from app.domain.values import HUNDRED, OrderRole
from app.domain.wanted import beyond_last_leg, failed_exit, held_back
from app.domain.wishes import Place
from app.engine.state import NO_WATCH, AccountState, EngineState, Watch
from app.engine.terrain import terrain_of


def watch_of(state: EngineState, group: Group) -> Watch:
    """The nearest prices, on either side, that decide something the engine must do itself."""
    market = state.market(group.account, group.symbol)
    account = state.accounts.get(group.account)
    if market is None or account is None or group.closing is not None:
        return Watch()
    orders = [state.orders[order_id] for order_id in state.orders_of.get(group.id, ())]
    against = [price for price in _against(group, orders, market.rules) if price is not None]
    favour = [price for price in _in_favour(group, orders, market.rules, account) if price is not None]
    for place, opens in prices_waited_for(state, group).items():
        (against if place.role is OrderRole.ENTRY else favour).append(opens)
    down, up = (against, favour) if group.side.sign > 0 else (favour, against)
    return Watch(low=max(down, default=None), high=min(up, default=None))


def reached(state: EngineState, account: str, symbol: str) -> list[str]:
    """The groups that wait for what the market's price is now."""
    quote = state.quote(account, symbol)
    if quote is None:
        return []
    lowest, highest, found = quote.lowest, quote.highest, []
    for group_id in state.open_on.get((account, symbol), ()):
        watch = state.watches.get(group_id, NO_WATCH)
        if (watch.low is not None and lowest <= watch.low) or (watch.high is not None and highest >= watch.high):
            found.append(group_id)
    return found


def _against(group: Group, orders: Sequence[Order], rules: MarketRules) -> Iterator[Decimal | None]:
    if group.wants_entries:
        yield beyond_last_leg(group)
    if _waits_for_target(group) and not group.hybrid_armed:
        yield group_target(group, rules)
    if needs_stop(group) and not has_stop(orders):
        yield current_stop(group, rules)


def prices_waited_for(state: EngineState, group: Group) -> dict[Place, Decimal]:
    """Entries and take-profits that are kept back from the venue, with the price from which on it takes them."""
    market, account = state.market(group.account, group.symbol), state.accounts.get(group.account)
    if account is None or market is None or market.rules.band is None or market.quote is None:
        return {}
    orders = (state.orders[order_id] for order_id in state.orders_of.get(group.id, ()))
    live = [order for order in orders if order.is_live]
    return held_back(group, live, terrain_of(state.config, account, market, market.quote.at, stop_rests=has_stop(live)))


def _in_favour(
    group: Group, orders: Sequence[Order], rules: MarketRules, account: AccountState
) -> Iterator[Decimal | None]:
    if _waits_for_target(group) and group.hybrid_armed:
        yield group_target(group, rules)
    reduce_only = account.capabilities.reduce_only
    for leg in group.legs:
        if leg.open_quantity > 0 and (not reduce_only or failed_exit(take_profit_place(group, leg), orders)):
            yield exit_target(leg, group, rules)
    yield _trailing_from(group)
    yield awaited_break_even(group, rules, account.capabilities.fees[1])


def _waits_for_target(group: Group) -> bool:
    """Whether the aggregate take-profit is watched: for the price that reaches it, or after failed tries leaves it."""
    return group.grid.tp_mode is TakeProfitMode.HYBRID and not group.hybrid_active


def _trailing_from(group: Group) -> Decimal | None:
    stop_loss = group.grid.stop_loss
    if stop_loss is None or stop_loss.trailing is None or group.best_price is None:
        return None
    average = exit_average(group)
    if average is None:
        return None
    activation = average * (HUNDRED + stop_loss.trailing.activation_percent * group.side.sign) / HUNDRED
    return max(activation, group.best_price) if group.side.sign > 0 else min(activation, group.best_price)
