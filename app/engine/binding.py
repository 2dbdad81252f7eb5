"""The money that entries bind before a balance tells of it, kept as sums: it is asked for at every entry."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

from app.domain.group import Group
from app.domain.order import Order, OrderStatus
from app.domain.risk.worth import fills_at_most
from app.domain.values import ZERO, OrderRole
from app.engine.state import Balance, Bound, EngineState

_ON_ITS_WAY = frozenset({OrderStatus.PENDING, OrderStatus.SUBMITTED, OrderStatus.UNKNOWN})


def note_entry(state: EngineState, order: Order) -> None:
    """Follow an order that is laid into the state."""
    if order.role is not OrderRole.ENTRY:
        return
    if order.status in _ON_ITS_WAY:
        state.on_their_way[order.client_order_id] = None
    else:
        state.on_their_way.pop(order.client_order_id, None)
    group = state.groups[order.group_id]
    balance = state.balances.get(order.account, {}).get(group.quote)
    if balance is None:
        return
    bound = state.bound[order.account, group.quote]
    if is_unknown_to(order, balance.at):
        bound.put(order.client_order_id, group.leverage, value_of(state, group, order))
    else:
        bound.drop(order.client_order_id)


def forget_entry(state: EngineState, order: Order, quote: str) -> None:
    """Its group is forgotten."""
    bound = state.bound.get((order.account, quote))
    if bound is not None:
        bound.drop(order.client_order_id)
    state.on_their_way.pop(order.client_order_id, None)


def put_balance(state: EngineState, account: str, asset: str, balance: Balance) -> None:
    """Take a balance, and count anew what it could not know of."""
    balances = state.balances.setdefault(account, {})
    before, balances[asset] = balances.get(asset), balance
    bound = state.bound.get((account, asset))
    if bound is None or before is None or balance.at < before.at:
        young = list(state.orders.values())
    else:
        young = [state.orders[order_id] for order_id in {**bound.values, **state.on_their_way}]
    state.bound[account, asset] = Bound()
    for order in young:
        if order.account == account and state.groups[order.group_id].quote == asset:
            note_entry(state, order)


def is_unknown_to(order: Order, at: datetime) -> bool:
    """Whether this entry has not been answered, or was made after a balance that was told at `at`."""
    return order.status in _ON_ITS_WAY or (order.created_at > at and (order.is_live or order.filled > 0))


def value_of(state: EngineState, group: Group, order: Order) -> Decimal:
    """Quote value, at most, of what an entry may still fill, once it is over of what it has filled."""
    planned = order.price or order.expected_price or ZERO
    if not order.is_live:
        return (order.average or planned) * order.filled * group.contract_size
    price = fills_at_most(order.side, order.type, planned, state.quote(*group.market_key))
    return price * order.quantity * group.contract_size
