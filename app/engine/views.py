"""The state as others may read it."""

from __future__ import annotations

from decimal import Decimal

from app.base.config.grid import TakeProfitMode
from app.domain.group import Group, Leg
from app.domain.market import MarketRules
from app.domain.order import Order, OrderStatus
from app.domain.stop_loss import current_stop, needs_stop
from app.domain.take_profit import group_target, leg_plan_target, leg_target, pyramid_target
from app.domain.values import OrderRole
from app.engine.queueing import ranked
from app.engine.state import AccountState, EngineState
from app.messages.snapshots import (
    AccountSnapshot,
    EngineSnapshot,
    GroupSnapshot,
    LegSnapshot,
    PyramidSnapshot,
    QueueSnapshot,
    order_snapshot,
)


def group_view(state: EngineState, group: Group) -> GroupSnapshot:
    market = state.market(group.account, group.symbol)
    rules = market.rules if market else None
    quote = market.quote if market else None
    account = state.accounts.get(group.account)
    mark = quote.valuation(account.market_type) if quote and account else None
    orders = [state.orders[order_id] for order_id in state.orders_of.get(group.id, ()) if order_id in state.orders]
    fee = account.capabilities.fees[1] if account else Decimal(0)
    stop = current_stop(group, rules, fee) if rules and group.is_open else None
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
        unrealized_pnl=group.unrealized_pnl(mark) if mark is not None else None,
        fees=group.fees,
        funding=group.funding,
        dust=group.dust,
        mark=mark,
        quote_currency=group.quote,
        leverage=group.leverage,
        tp_mode=group.grid.tp_mode.value,
        stop_price=stop,
        protected=_is_protected(group, orders),
        unprotected_since=group.unprotected_since,
        estimated=group.estimated,
        opened_at=group.opened_at,
        closed_at=group.closed_at,
        legs=tuple(_leg_view(group, leg, rules) for leg in group.legs),
        entries=tuple(
            PyramidSnapshot(item.index, item.signal_id, item.entry_price, item.capital, item.created_at)
            for item in group.pyramids
        ),
        orders=tuple(order_snapshot(order) for order in orders),
    )


def _is_protected(group: Group, orders: list[Order]) -> bool | None:
    if not needs_stop(group):
        return None
    resting = sum(
        (order.remaining for order in orders if order.role is OrderRole.STOP_LOSS and order.is_live), Decimal(0)
    )
    return resting >= group.open_quantity


def _leg_view(group: Group, leg: Leg, rules: MarketRules | None) -> LegSnapshot:
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
    )


def _target(group: Group, leg: Leg, rules: MarketRules) -> Decimal | None:
    match group.grid.tp_mode:
        case TakeProfitMode.AGGREGATE:
            return group_target(group, rules)
        case TakeProfitMode.PYRAMID_AGGREGATE:
            return pyramid_target(group, leg.pyramid, rules)
        case _:
            return leg_target(leg, group, rules) or leg_plan_target(leg, group, rules)


def queue_views(state: EngineState) -> list[QueueSnapshot]:
    entries = ranked(state, list(state.queue.values()))
    return [
        QueueSnapshot(
            signal_id=entry.signal_id,
            account=entry.identity.account,
            symbol=entry.identity.symbol,
            side=entry.identity.side.value,
            timeframe=entry.identity.timeframe,
            strategy_id=entry.identity.strategy_id,
            entry_price=entry.entry_price,
            replacement_count=entry.replacement_count,
            rank=rank,
            reason=entry.reason.value,
            first_queued_at=entry.first_queued_at,
        )
        for rank, entry in enumerate(entries, start=1)
    ]


def engine_view(state: EngineState) -> EngineSnapshot:
    reconciled = [item.last_reconciled_at for item in state.accounts.values() if item.last_reconciled_at]
    return EngineSnapshot(
        revision=state.revision,
        state=_engine_state(state),
        paused_reason=state.paused,
        halted_reason=state.halted,
        open_groups=sum(group.is_open for group in state.groups.values()),
        max_open_groups=state.config.pool.max_open_groups,
        queued=len(state.queue),
        last_signal_at=state.last_signal_at,
        last_reconciled_at=max(reconciled, default=None),
        unknown_orders=sum(order.status is OrderStatus.UNKNOWN for order in state.orders.values()),
        last_sequence=state.sequence,
        accounts=tuple(_account_view(state, account) for account in state.accounts.values()),
    )


def _engine_state(state: EngineState) -> str:
    if state.stopping:
        return "stopping"
    if state.halted is not None:
        return "halted"
    if not state.recovered:
        return "starting"
    return "paused" if state.paused is not None else "running"


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
        balances={asset: total for asset, (total, _) in state.balances.get(account.id, {}).items()},
        external={
            name.removeprefix(prefix): Decimal(value)
            for name, value in state.facts.items()
            if name.startswith(prefix) and value not in {"", "0"}
        },
    )
