"""Keeps a group's live orders equal to the wanted ones. Every change, timer, restart and reconciliation ends here."""

from __future__ import annotations

from collections.abc import Sequence, Set
from datetime import timedelta

from app.base.changing import changed
from app.base.config.grid import TakeProfitMode
from app.domain.booking import write_off_dust
from app.domain.churn import next_move_at
from app.domain.exits import is_sold_out, take_profit_place
from app.domain.group import Group, Leg, end_entry
from app.domain.offset import timer_may_start
from app.domain.order import Order, OrderStatus, has_stop
from app.domain.spot_exits import sold_together, stop_locks_coins
from app.domain.stop_loss import legs_beyond_stop, secured_stop, trailed_stop, with_price
from app.domain.take_profit import exit_target
from app.domain.values import ZERO, CloseReason, MarketType, OrderRole
from app.domain.wanted import (
    HYBRID_TRIES,
    beyond_last_leg,
    closed_by,
    hybrid_target_reached,
    leftover_cannot_be_sold,
    leftover_must_be_sold,
    reached_though_refused,
    take_profit_rests,
    watched_stop_is_hit,
)
from app.domain.wishes import Place, Terrain, place_of
from app.engine import external_fills
from app.engine.closing import begin_close
from app.engine.mending import live_ones, look_up_unknown, mend_orders
from app.engine.pairs import pairs_left
from app.engine.pausing import note_stop
from app.engine.protecting import guard_protection
from app.engine.state import external_fact
from app.engine.terrain import must_spare_others, room_made_by, terrain_of
from app.engine.turn import Turn
from app.messages.effects import LoadMarket

TRAIL_EVERY = timedelta(seconds=1)


def care_for(turn: Turn, group_id: str) -> None:
    """Move the group on as far as its state, prices and time allow, and emit what must be sent for it."""
    group = turn.group(group_id)
    if not group.is_open:
        return
    market = turn.state.market(group.account, group.symbol)
    account = turn.state.accounts.get(group.account)
    if market is None or account is None:
        _care_without_market(turn, group)
        return
    orders = turn.orders_of(group.id)
    pairs = pairs_left(turn, group, account, market.rules)
    terrain = terrain_of(
        turn.config,
        account,
        market,
        turn.now,
        stop_rests=has_stop(orders),
        is_shared=must_spare_others(turn, group, orders, market.rules),
        pairs=pairs,
    )
    group = _advanced(turn, group, orders, terrain)
    group = _settle_leftovers(turn, group, orders, terrain)
    if _is_over(turn, group):
        _close(turn, group)
        return
    turn.keep_group(group)
    wishes = mend_orders(turn, group, orders, terrain, account)
    guard_protection(turn, turn.group(group_id), wishes, terrain)
    look_up_unknown(turn, group)
    _wake_for_holding(turn, group)


def _care_without_market(turn: Turn, group: Group) -> None:
    """What needs no rules: a market that is gone must not keep its groups open (hazard 41)."""
    if _is_over(turn, group):
        _close(turn, group)
        return
    if group.account not in turn.state.accounts:
        return  # there is nobody to ask: told at the start, `ownerless`
    turn.effect(LoadMarket(group.account, group.symbol, group.average_entry or group.legs[0].price))
    look_up_unknown(turn, group)


# ---------------------------------------------------------------------------------------------- moving on by itself


def _advanced(turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    """The group after what prices, time and its own fills decide; its `orders` stay as they are meanwhile."""
    group = _start_timer(turn, group)
    group = _trail(turn, group, terrain)
    group = _end_entries_beyond_stop(group, terrain)
    if group.closing is None:
        group = _decide_exit(turn, group, orders, terrain)
    if group.closing is None:
        group = _watch_hybrid(turn, group, terrain)
        group = _watch_take_profits(turn, group, orders, terrain)
        group = _give_up_entries(group, terrain)
        group = _end_flat_pyramids(group, orders, terrain)
    return group


def _start_timer(turn: Turn, group: Group) -> Group:
    """The offset engine's, once."""
    if group.offset_timer_at is not None or not timer_may_start(group, turn.config.offset):
        return group
    return changed(group, offset_timer_at=turn.now)


def _end_entries_beyond_stop(group: Group, terrain: Terrain) -> Group:
    beyond = legs_beyond_stop(group, terrain.rules)
    return group.with_legs(lambda leg: end_entry(leg) if leg.key in beyond else leg) if beyond else group


def _trail(turn: Turn, group: Group, terrain: Terrain) -> Group:
    if group.grid.stop_loss is None or group.open_quantity <= 0 or group.closing is not None:
        return group
    if terrain.quote is not None:
        group = with_price(group, terrain.quote.executable(group.side.exit_order_side))
    group = changed(group, stop_price=secured_stop(group, terrain.rules, terrain.taker_fee, terrain.quote))
    trailed = trailed_stop(group, terrain.rules)
    if trailed is None:
        return group
    moves = turn.state.accounts[group.account].stop_moves
    due = next_move_at(moves, turn.now)
    if group.trailed_at is not None:
        due = max(due, group.trailed_at + TRAIL_EVERY)
    if turn.now < due:
        turn.wake(f"group/{group.id}", due)
        return group
    moves.append(turn.now)
    return changed(group, stop_price=trailed, trailed_at=turn.now)


def _decide_exit(turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    stopped = any(order.role is OrderRole.STOP_LOSS and order.filled > 0 for order in orders)
    if stopped or _watched_stop_hit(group, orders, terrain):
        return begin_close(turn, group, CloseReason.STOP_LOSS)
    if _held_too_long(turn, group):
        return begin_close(turn, group, CloseReason.MANUAL)
    if not group.wants_entries or not is_sold_out(group.legs, terrain.rules):
        return group
    reason = closed_by(orders)
    if reason is not None and _ends_when_flat(group):
        return begin_close(turn, group, reason)
    return group


def _watched_stop_hit(group: Group, orders: Sequence[Order], terrain: Terrain) -> bool:
    """Only where no stop rests at the venue: one that does triggers there."""
    return group.open_quantity > 0 and not has_stop(orders) and watched_stop_is_hit(group, terrain)


def _held_too_long(turn: Turn, group: Group) -> bool:
    minutes = group.grid.max_holding_minutes
    return minutes is not None and turn.now >= group.opened_at + timedelta(minutes=minutes)


def _watch_hybrid(turn: Turn, group: Group, terrain: Terrain) -> Group:
    if group.grid.tp_mode is not TakeProfitMode.HYBRID:
        return group
    if group.hybrid_active:
        return _count_hybrid_tries(turn, group)
    reached = hybrid_target_reached(group, terrain)
    if reached is None:
        return group
    if not reached:
        return group if group.hybrid_armed else changed(group, hybrid_armed=True)
    if not group.hybrid_armed:
        return group
    turn.emit("position.updated", group=group, detail="the aggregate take-profit was reached")
    if stop_locks_coins(group, terrain):
        group = changed(group, hybrid_armed=False)
        return group.with_legs(lambda leg: changed(end_entry(leg), take_profit_triggered=leg.open_quantity > 0))
    return changed(group.with_legs(end_entry), hybrid_active=True, hybrid_armed=False, hybrid_tries=0)


def _count_hybrid_tries(turn: Turn, group: Group) -> Group:
    tries = [order for order in turn.orders_of(group.id) if place_of(order) == Place(OrderRole.TAKE_PROFIT)]
    done = [order for order in tries if not order.is_live]
    since = [order for order in done if order.remaining > 0 and order.number >= _hybrid_start(turn, group)]
    if len(since) < HYBRID_TRIES:
        return changed(group, hybrid_tries=len(since)) if group.hybrid_tries != len(since) else group
    turn.alert("warning", "the aggregate take-profit did not fill; the legs' own take-profits are back", group=group)
    return changed(group, hybrid_active=False, hybrid_armed=False, hybrid_tries=0)


def _hybrid_start(turn: Turn, group: Group) -> int:
    """Number of the first order of the running hybrid close: after the last per-leg exit."""
    per_leg = [
        order.number
        for order in turn.orders_of(group.id)
        if order.role is OrderRole.TAKE_PROFIT and order.leg is not None
    ]
    return max(per_leg, default=0) + 1


def _watch_take_profits(turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    if terrain.quote is None:
        return group
    if not stop_locks_coins(group, terrain):
        return _watch_refused(turn, group, orders, terrain)
    price, live = terrain.quote.executable(group.side.exit_order_side), live_ones(orders)

    def is_reached(leg: Leg) -> bool:
        target = exit_target(leg, group, terrain.rules)
        return target is not None and not group.side.is_better(target, price) and not take_profit_rests(leg, live)

    return _triggered(group, {leg.key for _, legs in sold_together(group, is_reached, terrain) for leg in legs})


def _watch_refused(turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    """What the venue does not take is sold at market while its price is there, the last of it by closing the group."""
    reached = reached_though_refused(group, orders, terrain)
    if not reached:
        return _triggered(group, frozenset())
    left = group.open_quantity - sum((wish.quantity for wish in reached), ZERO)
    if terrain.rules.quantize_quantity(left) == 0 and _ends_when_flat(group):
        return begin_close(turn, group, CloseReason.TAKE_PROFIT)
    places = {wish.place for wish in reached}
    return _triggered(group, {leg.key for leg in group.legs if take_profit_place(group, leg) in places})


def _triggered(group: Group, sold: Set[tuple[int, int]]) -> Group:
    if sold == {leg.key for leg in group.legs if leg.take_profit_triggered}:
        return group
    return group.with_legs(lambda leg: changed(leg, take_profit_triggered=leg.key in sold))


def _ends_when_flat(group: Group) -> bool:
    """Hybrid's legs' exits close only their legs; its aggregate exit takes the unfilled entries when it is reached."""
    is_aggregate = group.grid.tp_mode is TakeProfitMode.AGGREGATE
    return is_aggregate or group.grid.cancel_entries_when_flat or not group.wants_entries


def _give_up_entries(group: Group, terrain: Terrain) -> Group:
    """Those too far gone, and all in a market that will not be there any more; a halt passes."""
    if terrain.rules.delisted_at is not None and group.wants_entries:
        return group.with_legs(end_entry)
    bound = beyond_last_leg(group)
    if bound is None or terrain.quote is None or not group.wants_entries:
        return group
    return group if group.side.is_better(terrain.quote.last, bound) else group.with_legs(end_entry)


def _end_flat_pyramids(group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    """pyramid_aggregate: a pyramid whose exit filled takes its unfilled entries with it."""
    if group.grid.tp_mode is not TakeProfitMode.PYRAMID_AGGREGATE:
        return group
    over = {pyramid.index for pyramid in group.pyramids if _exited_flat(group, pyramid.index, orders, terrain)}
    return group.with_legs(lambda leg: end_entry(leg) if leg.pyramid in over else leg) if over else group


def _exited_flat(group: Group, pyramid: int, orders: Sequence[Order], terrain: Terrain) -> bool:
    legs = [leg for leg in group.legs if leg.pyramid == pyramid]
    if not is_sold_out(legs, terrain.rules) or not any(leg.exited for leg in legs):
        return False
    return any(order.pyramid == pyramid and order.role is OrderRole.TAKE_PROFIT and order.filled for order in orders)


def _settle_leftovers(turn: Turn, group: Group, orders: Sequence[Order], terrain: Terrain) -> Group:
    """Sell or write off what is open and can wait for nothing any more."""
    live = live_ones(orders)
    if leftover_cannot_be_sold(group, live, terrain):
        if external_fills.explained(turn, (group.account, group.symbol, group.side)) > 0:
            return group  # it was sold there by others, or liquidated: the next reading books that
        turn.emit("position.updated", group=group, detail="dust", quantity=group.open_quantity)
        if group.closing is None:
            reason = closed_by(orders) or CloseReason.DUST
            group = begin_close(turn, group, reason)
        return _written_off(turn, group)
    if leftover_must_be_sold(group, live, terrain):
        return begin_close(turn, group, closed_by(orders) or CloseReason.DUST)
    return group


def _written_off(turn: Turn, group: Group) -> Group:
    """The group with what is open booked as dust. On a perpetual it stays in the position, and is not ours there."""
    if turn.state.accounts[group.account].market_type is MarketType.LINEAR:
        book = (group.account, group.symbol, group.side)
        turn.facts.put(external_fact(book), f"{turn.external(book) + group.open_quantity:f}")
    return write_off_dust(group)


# ---------------------------------------------------------------------------------------------- ending


def _is_over(turn: Turn, group: Group) -> bool:
    if group.open_quantity > 0 or (group.wants_entries and group.closing is None):
        return False
    orders = turn.orders_of(group.id)
    if group.oversold > 0 or any(order.is_live or order.is_unsettled for order in orders):
        return False
    return group.closing is not None or bool(orders) or not group.wants_entries


def _close(turn: Turn, group: Group) -> None:
    orders = turn.orders_of(group.id)
    purpose = {OrderStatus.CANCELLED, OrderStatus.EXPIRED, OrderStatus.ABANDONED}
    failed = not group.was_filled and group.closing is None and not any(order.status in purpose for order in orders)
    reason = group.closing or closed_by(orders) or CloseReason.CANCELLED
    if not group.was_filled:
        reason = CloseReason.CANCELLED
    closed = changed(
        group,
        closed_at=turn.now,
        close_reason=None if failed else reason,
        failed=failed,
        unprotected_since=None,
    )
    turn.keep_group(closed)
    turn.wants_promotion = True
    if closed.close_reason is CloseReason.STOP_LOSS:
        note_stop(turn)
    turn.emit(
        "trade.closed",
        group=closed,
        status=closed.status,
        reason=closed.close_reason,
        realized_pnl=closed.realized_pnl,
        side=closed.side,
        timeframe=closed.timeframe,
    )
    if failed:
        turn.alert("error", f"no entry of {group.symbol} {group.timeframe} reached the market", group=closed)


def _wake_for_holding(turn: Turn, group: Group) -> None:
    if group.grid.max_holding_minutes is not None and group.closing is None:
        turn.wake(f"group/{group.id}", group.opened_at + timedelta(minutes=group.grid.max_holding_minutes))
    if group.closing_at is not None and group.is_selling and group.open_quantity > 0:
        waited = group.closing_at + timedelta(seconds=turn.config.order.timeout_sec)
        for due in sorted({waited, room_made_by(turn, group)}):
            if due > turn.now:
                turn.wake(f"group/{group.id}", due)
                return
