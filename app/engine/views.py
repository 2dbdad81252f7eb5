"""The state as others may read it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from decimal import Decimal

from app.base.clock import iso
from app.base.config.grid import TakeProfitMode
from app.domain.arming import leading_environment
from app.domain.exits import take_profit_place
from app.domain.group import Group, Leg, Pyramid
from app.domain.market import MarketRules
from app.domain.order import Order, OrderStatus
from app.domain.queue import deciding_rule
from app.domain.stop_loss import current_stop, needs_stop
from app.domain.take_profit import exit_target, leg_plan_target
from app.domain.values import HUNDRED, ZERO, OrderRole, Side
from app.domain.wanted import failed_exit, take_profit_rests
from app.domain.wishes import Place
from app.engine import close_all, emergency, offsetting
from app.engine.arming import armed_in
from app.engine.figures import accounts_of, environment_of
from app.engine.money import free_of, money_view, realized_on, reserved_by
from app.engine.pausing import waits_until
from app.engine.ranking import continues, expires_at, move_percent, ranked
from app.engine.state import AccountState, EngineState
from app.engine.turn import Turn
from app.engine.watching import prices_waited_for
from app.messages.records import QueueEntry
from app.messages.reports import OrderReport
from app.messages.snapshots import (
    AccountSnapshot,
    EmergencySnapshot,
    EngineSnapshot,
    ExternalOrderSnapshot,
    GroupSnapshot,
    LegSnapshot,
    MoneySnapshot,
    PyramidSnapshot,
    QueueSnapshot,
    RiskSnapshot,
    order_snapshot,
)


def group_view(state: EngineState, group: Group) -> GroupSnapshot:
    market = state.market(group.account, group.symbol)
    rules = market.rules if market else None
    quote = market.quote if market else None
    account = state.accounts.get(group.account)
    mark = quote.valuation(account.market_type) if quote and account else None
    orders = [state.orders[order_id] for order_id in state.orders_of.get(group.id, ()) if order_id in state.orders]
    stop = current_stop(group, rules) if rules and group.is_open else None
    waited_for = prices_waited_for(state, group)
    legs = tuple(
        replace(_leg_view(group, leg, rules, mark, waited_for), watched=_is_watched(group, leg, stop, account, orders))
        for leg in group.legs
    )
    next_tp = _nearest(group, legs)
    unrealized = group.unrealized_pnl(mark) if mark is not None else None
    return GroupSnapshot(
        id=group.id,
        account=group.account,
        symbol=group.symbol,
        timeframe=group.timeframe,
        side=group.side.value,
        strategy_id=group.strategy_id,
        status=group.status.value,
        close_reason=group.close_reason.value if group.close_reason else None,
        pyramids=len(group.pyramids),
        max_pyramids=group.grid.max_pyramids,
        legs_total=len(group.legs),
        legs_filled=sum(leg.is_whole for leg in group.legs),
        open_quantity=group.open_quantity,
        average_entry=group.average_entry or group.average_of_all_fills,
        invested=group.invested,
        realized_pnl=group.realized_pnl,
        unrealized_pnl=unrealized,
        unrealized_percent=_percent(unrealized, group.invested) if group.open_quantity > 0 else None,
        reserved=reserved_by(group),
        fees=group.fees,
        funding=group.funding,
        dust=group.dust,
        mark=mark,
        mark_at=quote.at if quote else None,
        tick_size=rules.tick_size if rules else None,
        step_size=group.step_size,
        quote_currency=group.quote,
        leverage=group.leverage,
        tp_mode=group.grid.tp_mode.value,
        tp_aggregate_percent=group.grid.tp_aggregate_percent,
        stop_price=stop,
        pnl_at_stop=group.unrealized_pnl(stop) if stop is not None else None,
        next_tp=next_tp,
        next_tp_distance_percent=_percent(abs(next_tp - mark), mark) if next_tp is not None and mark else None,
        protected=_is_protected(group, orders, account),
        unprotected_since=group.unprotected_since,
        estimated=group.estimated,
        forced=group.forced,
        blocked=group.blocked,
        opened_at=group.opened_at,
        closed_at=group.closed_at,
        legs=legs,
        entries=tuple(_pyramid_view(group, pyramid, legs) for pyramid in group.pyramids),
        orders=tuple(order_snapshot(order) for order in orders),
    )


def _percent(part: Decimal | None, whole: Decimal) -> Decimal | None:
    return part * HUNDRED / whole if part is not None and whole > 0 else None


def _nearest(group: Group, legs: Iterable[LegSnapshot]) -> Decimal | None:
    """The take-profit that the price meets first, of those that would sell something."""
    targets = [leg.tp_price for leg in legs if leg.tp_price is not None and leg.open_quantity > 0]
    if not targets:
        return None
    return min(targets) if group.side is Side.LONG else max(targets)


def _pyramid_view(group: Group, pyramid: Pyramid, legs: Iterable[LegSnapshot]) -> PyramidSnapshot:
    own = [leg for leg in legs if leg.pyramid == pyramid.index]
    bought = [leg for leg in group.legs if leg.pyramid == pyramid.index]
    quantity = sum((leg.open_quantity for leg in bought), ZERO)
    value = sum((leg.open_value for leg in bought), ZERO)
    gains = [leg.unrealized_pnl for leg in own if leg.unrealized_pnl is not None]
    gain = sum(gains, ZERO) if gains else None
    return PyramidSnapshot(
        index=pyramid.index,
        signal_id=pyramid.signal_id,
        entry_price=pyramid.entry_price,
        capital=pyramid.capital,
        created_at=pyramid.created_at,
        legs_total=len(bought),
        legs_filled=sum(leg.is_whole for leg in bought),
        open_quantity=quantity,
        average_entry=value / quantity if quantity > 0 else None,
        unrealized_pnl=gain,
        unrealized_percent=_percent(gain, value * group.contract_size),
        next_tp=_nearest(group, own),
    )


def _is_protected(group: Group, orders: list[Order], account: AccountState | None) -> bool | None:
    if not needs_stop(group):
        return None
    if account is None:
        return False  # a stop that rests there may be gone: nobody looks
    resting = sum(
        (order.remaining for order in orders if order.role is OrderRole.STOP_LOSS and order.is_present), Decimal(0)
    )
    return group.open_quantity - resting < group.step_size


def _leg_view(
    group: Group, leg: Leg, rules: MarketRules | None, mark: Decimal | None, waited_for: Mapping[Place, Decimal]
) -> LegSnapshot:
    is_open = mark is not None and leg.open_quantity > 0
    gain = group.side.gain(leg.open_value, mark * leg.open_quantity) * group.contract_size if is_open and mark else None
    return LegSnapshot(
        pyramid=leg.pyramid,
        index=leg.index,
        gap_percent=leg.gap_percent,
        weight_percent=leg.weight_percent,
        tp_percent=leg.tp_percent,
        type=leg.order_type.value,
        price=leg.price,
        quantity=leg.quantity,
        status=leg.status(group.step_size).value,
        filled=leg.filled,
        average_fill=leg.average_fill,
        open_quantity=leg.open_quantity,
        tp_price=_target(group, leg, rules) if rules else None,
        exit_price=leg.exit_price,
        unrealized_pnl=gain,
        unrealized_percent=_percent(gain, leg.open_value * group.contract_size),
        waits_for=waited_for.get(Place(OrderRole.ENTRY, leg.pyramid, leg.index)),
        tp_waits_for=_of_leg(waited_for, leg) if leg.open_quantity > 0 else None,
    )


def _is_watched(
    group: Group, leg: Leg, stop: Decimal | None, account: AccountState | None, orders: list[Order]
) -> bool:
    """Whether the engine must sell it, since no order at the venue does."""
    if leg.open_quantity <= 0 or account is None:
        return False
    if stop is None or account.capabilities.reduce_only:
        return failed_exit(take_profit_place(group, leg), orders) is not None
    return not take_profit_rests(leg, [order for order in orders if order.is_live])


def _of_leg(waited_for: Mapping[Place, Decimal], leg: Leg) -> Decimal | None:
    """The price that the leg's take-profit waits for, its own or the one it shares."""
    of_leg, of_pyramid, of_group = (leg.pyramid, leg.index), (leg.pyramid, None), (None, None)
    places = [Place(OrderRole.TAKE_PROFIT, *place) for place in (of_leg, of_pyramid, of_group)]
    return next((waited_for[place] for place in places if place in waited_for), None)


def _target(group: Group, leg: Leg, rules: MarketRules) -> Decimal | None:
    target = exit_target(leg, group, rules)
    is_shared = group.grid.tp_mode in {TakeProfitMode.AGGREGATE, TakeProfitMode.PYRAMID_AGGREGATE}
    return target if target is not None or is_shared else leg_plan_target(leg, group, rules)


def queue_views(state: EngineState) -> list[QueueSnapshot]:
    rules = state.config.queue.selection_priority
    order = ranked(state)
    keys = [key for key, _ in order]
    views = []
    for rank, (key, entry) in enumerate(order, start=1):
        rule = deciding_rule(key, keys[rank], rules) if rank < len(keys) else None
        views.append(_queue_view(state, entry, rank, rule))
    return views


def _queue_view(state: EngineState, entry: QueueEntry, rank: int, rule: str | None) -> QueueSnapshot:
    identity = entry.identity
    quote = state.quote(identity.account, identity.symbol)
    move = move_percent(state, entry)
    return QueueSnapshot(
        signal_id=entry.signal_id,
        account=identity.account,
        symbol=identity.symbol,
        side=identity.side.value,
        timeframe=identity.timeframe,
        strategy_id=identity.strategy_id,
        entry_price=entry.entry_price,
        replacement_count=entry.replacement_count,
        rank=rank,
        reason=entry.reason.value,
        first_queued_at=entry.first_queued_at,
        last_replaced_at=entry.last_replaced_at,
        expires_at=expires_at(state.config, entry),
        price=quote.last if quote else None,
        loss_percent=move,
        expected_profit=entry.expected_profit,
        is_continuation=continues(state, entry),
        is_reserved=entry.reserved_group is not None,
        decided_by=rule,
        decisive=_decisive(entry, rule, move),
    )


def _decisive(entry: QueueEntry, rule: str | None, move: Decimal | None) -> str | None:
    """The value by which `rule` put the entry before the next."""
    match rule:
        case "deepest_loss_percent":
            return f"{move or ZERO:.2f} %"
        case "highest_replacement_count":
            return str(entry.replacement_count)
        case "highest_expected_profit":
            return f"{entry.expected_profit or ZERO:.2f}"
        case "fifo":
            return iso(entry.first_queued_at)
        case "pyramid_continuation":
            return "its group is open"
        case "reserved":
            return "the slot of the group it reverses is kept"
        case _:
            return None


def engine_view(turn: Turn) -> EngineSnapshot:
    """By a turn that changes nothing."""
    state = turn.state
    reconciled = [item.last_reconciled_at for item in state.accounts.values() if item.last_reconciled_at]
    return EngineSnapshot(
        revision=state.revision,
        state=_engine_state(state),
        paused_reason=state.paused,
        halted_reason=state.halted,
        open_groups=len(state.open_ids),
        max_open_groups=state.config.pool.max_open_groups,
        queued=len(state.queue),
        last_signal_at=state.last_signal_at,
        last_reconciled_at=max(reconciled, default=None),
        unknown_orders=sum(state.orders[order_id].status is OrderStatus.UNKNOWN for order_id in state.live),
        last_sequence=state.sequence,
        emergency=emergency_view(turn),
        slots_used=turn.slots_used(),
        promotions_wait_until=waits_until(turn),
        offset_mode=state.config.offset.mode,
        last_action=next(reversed(state.actions.values()), None),
        accounts=tuple(_account_view(state, account) for account in state.accounts.values()),
        money=_money(state, turn.now),
    )


def emergency_view(turn: Turn) -> EmergencySnapshot:
    """A disk that cannot be written is as critical as what was tripped."""
    state, stop = turn.state, emergency.critical(turn)
    if stop is not None:
        return EmergencySnapshot("critical", stop.code, stop.reason, stop.since, state.warnings)
    if state.halted is not None:
        return EmergencySnapshot("critical", "disk", state.halted, None, state.warnings)
    return EmergencySnapshot("warning" if state.warnings else "normal", None, None, None, state.warnings)


def risk_view(turn: Turn) -> RiskSnapshot:
    """By a turn that changes nothing."""
    state, evaluation = turn.state, offsetting.look(turn)
    return RiskSnapshot(
        emergency=emergency_view(turn),
        limits=tuple(emergency.limits(turn)),
        mode=state.config.offset.mode,
        held_by=offsetting.held_by(turn),
        groups=evaluation.assessments,
        blocked=frozenset(group.id for group in turn.open_groups() if group.blocked),
        skipped=frozenset(group.id for group in turn.open_groups() if group.offset_skipped),
        plan=evaluation.plan,
        actions=tuple(reversed(state.actions.values())),
        actions_today=offsetting.actions_today(turn),
        max_actions_per_day=state.config.offset.max_actions_per_day,
        close_all=close_all.view(state),
    )


def _engine_state(state: EngineState) -> str:
    if state.stopping:
        return "stopping"
    if state.halted is not None:
        return "halted"
    if not state.recovered:
        return "starting"
    return "paused" if state.paused is not None else "running"


def _money(state: EngineState, now: datetime) -> MoneySnapshot:
    held = {state.groups[group_id].account for group_id in state.open_ids}
    earned = {account for account in state.accounts if realized_on(state, account, now)}
    environment = leading_environment(
        (environment_of(state, account), account in held | earned or bool(armed_in(state, account)))
        for account in state.accounts
    )
    return money_view(state, now, environment, accounts_of(state, environment))


def _account_view(state: EngineState, account: AccountState) -> AccountSnapshot:
    config = state.config.account(account.id)
    prefix = f"external/{account.id}/"
    return AccountSnapshot(
        id=account.id,
        venue=config.venue if config else "",
        market_type=account.market_type.value,
        environment=config.environment if config else "",
        connected=account.connected,
        stale=not account.reconciled,
        stale_since=account.stale_since,
        reason=account.hold or account.reason,
        last_reconciled_at=account.last_reconciled_at,
        balances={asset: balance.total for asset, balance in state.balances.get(account.id, {}).items()},
        external={
            name.removeprefix(prefix): Decimal(value)
            for name, value in state.facts.items()
            if name.startswith(prefix) and value not in {"", "0"}
        },
        position_mode=account.capabilities.position_mode.value,
        taker_fee=account.capabilities.fees[1],
        armed=armed_in(state, account.id),
        free=free_of(state, account.id),
        breaker_since=account.breaker_since,
        clock_skew_ms=account.clock_skew_ms,
        external_orders=tuple(_external_order(report) for report in account.external_orders),
        conditional_refused=account.conditional_refused,
        hold="foreign" if account.foreign else "difference" if account.mass_difference else None,
    )


def _external_order(report: OrderReport) -> ExternalOrderSnapshot:
    return ExternalOrderSnapshot(
        report.symbol,
        report.side.value,
        report.type.value,
        report.quantity,
        report.price,
        report.trigger_price,
    )
