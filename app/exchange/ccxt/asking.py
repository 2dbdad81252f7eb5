"""From our requests to the arguments of ccxt's methods."""

from __future__ import annotations

from typing import Any

from app.domain.values import PositionMode
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
    is_conditional = request.type in CONDITIONAL_TYPES
    apart = dialect.trigger_id_create if is_conditional and dialect.triggers_apart else None
    params: Params = {apart or dialect.client_id_create: dialect.sent_id(request.client_order_id)}
    if is_limit:
        params["timeInForce"] = request.time_in_force.upper()
    if is_conditional and request.trigger_price is not None:
        params |= dialect.trigger_words(request, request.trigger_price)
    if dialect.is_linear:
        params |= dialect.position_words(request, mode)
    params |= dialect.order_words(request)
    return {
        "symbol": request.symbol,
        "type": "limit" if is_limit else "market",
        "side": str(request.side),
        "amount": spelled(request.quantity),
        "price": spelled(request.price) if is_limit and request.price is not None else None,
        "params": params,
    }


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
    before: Priority | None = None
    for request in requests:
        together = priority_of(request) if dialect.may_batch(request.type) else None
        if together is not None and together is before and len(made[-1]) < dialect.batch_size:
            made[-1].append(request)
        else:
            made.append([request])
        before = together
    return made
