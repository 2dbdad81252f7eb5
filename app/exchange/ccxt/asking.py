"""From our requests to the arguments of ccxt's methods."""

from __future__ import annotations

from typing import Any

from app.domain.values import OrderType, PositionMode
from app.exchange.ccxt.dialects.base import CONDITIONAL_TYPES, Dialect, Params, spelled
from app.exchange.ccxt.limits import Priority
from app.exchange.ccxt.mapping import LIMIT_TYPES
from app.ports.venue import OrderRef, OrderRequest


def priority_of(request: OrderRequest) -> Priority:
    """Exits go before entries."""
    return Priority.EXIT if request.is_exit else Priority.ENTRY


def order_arguments(request: OrderRequest, dialect: Dialect, mode: PositionMode) -> dict[str, Any]:
    """What ccxt's `create_order` takes, by name; its `create_orders` takes a list of the same."""
    is_limit = request.type in LIMIT_TYPES
    params: Params = {_create_key(request.type, dialect): dialect.sent_id(request.client_order_id)}
    if is_limit:
        params["timeInForce"] = request.time_in_force.value.upper()
    if request.type in CONDITIONAL_TYPES and request.trigger_price is not None:
        params |= dialect.trigger_words(request, request.trigger_price)
    if dialect.is_linear:
        params |= dialect.position_words(request, mode)
    params |= dialect.order_words(request)
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


def reference(order: OrderRef, dialect: Dialect) -> tuple[str | None, Params]:
    """The id and the parameters by which ccxt finds an order: always by our own id."""
    is_apart = dialect.is_apart(order.type)
    key = (dialect.trigger_id_read if is_apart else None) or dialect.client_id_read
    params: Params = {key: dialect.sent_id(order.client_order_id)}
    if is_apart:
        params |= dialect.trigger_params
    params |= dialect.reference_words(order)
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
