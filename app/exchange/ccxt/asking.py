"""From our requests to the arguments of ccxt's methods."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from app.domain.values import OrderSide, OrderType, PositionMode, Side
from app.exchange.ccxt.dialects import CONDITIONAL_TYPES, Dialect, Family, HedgeStyle
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.mapping import LIMIT_TYPES
from app.ports.venue import OrderRef, OrderRequest

Params = dict[str, Any]


def spelled(value: Decimal) -> str:
    """A number as venues read it, never with an exponent."""
    return format(value, "f")


def priority_of(request: OrderRequest) -> Priority:
    """Exits go before entries."""
    is_exit = request.reduce_only or request.side is request.position_side.exit_order_side
    return Priority.EXIT if is_exit else Priority.ENTRY


def order_arguments(request: OrderRequest, dialect: Dialect, mode: PositionMode) -> dict[str, Any]:
    """What ccxt's `create_order` takes, by name; its `create_orders` takes a list of the same."""
    is_limit = request.type in LIMIT_TYPES
    params: Params = {_create_key(request.type, dialect): request.client_order_id}
    if is_limit:
        params["timeInForce"] = request.time_in_force.value.upper()
    params |= _trigger(request, dialect)
    params |= _position(request, dialect, mode)
    return {
        "symbol": request.symbol,
        "type": "limit" if is_limit else "market",
        "side": request.side.value,
        "amount": spelled(request.quantity),
        "price": spelled(request.price) if is_limit and request.price is not None else None,
        "params": params,
    }


def _create_key(order_type: OrderType, dialect: Dialect) -> str:
    apart = dialect.trigger_id_create if dialect.is_apart(order_type) else None
    return apart or dialect.client_id_create


def _trigger(request: OrderRequest, dialect: Dialect) -> Params:
    if request.type not in CONDITIONAL_TYPES or request.trigger_price is None:
        return {}
    price = spelled(request.trigger_price)
    is_profit = request.type is OrderType.TAKE_PROFIT_MARKET
    if dialect.family is not Family.BYBIT:
        return {"takeProfitPrice" if is_profit else "stopLossPrice": price}
    if not dialect.is_linear:
        return {"triggerPrice": price}
    is_rising = (request.side is OrderSide.BUY) != is_profit
    return {"triggerPrice": price, "triggerDirection": "ascending" if is_rising else "descending"}


def _position(request: OrderRequest, dialect: Dialect, mode: PositionMode) -> Params:
    if not dialect.is_linear:
        return {}
    is_hedged = mode is PositionMode.HEDGE
    params: Params = {}
    if dialect.hedge_style is HedgeStyle.POSITION_INDEX:
        params["positionIdx"] = (1 if request.position_side is Side.LONG else 2) if is_hedged else 0
    elif is_hedged:
        params["positionSide"] = request.position_side.value.upper()
    if request.reduce_only and (not is_hedged or dialect.reduce_only_in_hedge):
        params["reduceOnly"] = True
    return params


def reference(order: OrderRef, dialect: Dialect) -> tuple[str | None, Params]:
    """The id and the parameters by which ccxt finds an order: always by our own id."""
    is_apart = dialect.is_apart(order.type)
    key = (dialect.trigger_id_read if is_apart else None) or dialect.client_id_read
    params: Params = {key: order.client_order_id}
    if is_apart:
        params |= dialect.trigger_params
    elif dialect.family is Family.BYBIT and not dialect.is_linear and order.type in CONDITIONAL_TYPES:
        params["trigger"] = True
    return (order.venue_order_id or "") if dialect.id_beside_client_id else None, params


def batches(requests: list[OrderRequest], dialect: Dialect) -> list[list[OrderRequest]]:
    """The requests in groups that may travel together, in order; what no batch takes travels alone."""
    made: list[list[OrderRequest]] = []
    for request in requests:
        last = made[-1] if made else []
        fits = 0 < len(last) < dialect.batch_size and dialect.may_batch(last[0].type)
        if fits and dialect.may_batch(request.type) and priority_of(request) is priority_of(last[0]):
            last.append(request)
        else:
            made.append([request])
    return made
