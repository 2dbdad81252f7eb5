"""The paper exchange's own books, as `app.ports.paper_store` names them; no row of the trader's refers to them."""

from __future__ import annotations

from sqlalchemy import Table

from app.domain.order import OrderStatus
from app.domain.values import Liquidity, OrderSide, OrderType, Side, TimeInForce
from app.messages.reports import FillKind
from app.persistence.tables.base import decimal, flag, integer, metadata, moment, text, word

paper_orders = Table(
    "paper_orders",
    metadata,
    text("account", key=True),
    integer("number", key=True),
    text("client_order_id", optional=True),
    text("symbol"),
    word("side", OrderSide),
    word("position_side", Side),
    word("type", OrderType),
    word("status", OrderStatus),
    decimal("quantity"),
    decimal("filled"),
    decimal("filled_value"),
    decimal("price", optional=True),
    decimal("trigger_price", optional=True),
    flag("reduce_only"),
    word("time_in_force", TimeInForce),
    flag("triggered"),
    moment("created_at"),
    moment("updated_at"),
    text("reason", optional=True),
    integer("paired_with", optional=True),
)

paper_fills = Table(
    "paper_fills",
    metadata,
    text("account", key=True),
    integer("number", key=True),
    integer("order_number", optional=True),
    text("client_order_id", optional=True),
    text("symbol"),
    word("side", OrderSide),
    word("position_side", Side),
    decimal("price"),
    decimal("quantity"),
    decimal("fee"),
    text("fee_asset"),
    word("liquidity", Liquidity),
    word("kind", FillKind),
    moment("at"),
)

paper_positions = Table(
    "paper_positions",
    metadata,
    text("account", key=True),
    text("symbol", key=True),
    word("side", Side, key=True),
    decimal("quantity"),
    decimal("entry_value"),
)

paper_leverages = Table(
    "paper_leverages",
    metadata,
    text("account", key=True),
    text("symbol", key=True),
    decimal("leverage"),
    text("margin_mode"),
)

paper_balances = Table(
    "paper_balances",
    metadata,
    text("account", key=True),
    text("asset", key=True),
    decimal("total"),
)

paper_funding = Table(
    "paper_funding",
    metadata,
    text("account", key=True),
    integer("number", key=True),
    text("symbol"),
    word("position_side", Side),
    decimal("amount"),
    decimal("rate"),
    moment("at"),
)

paper_prices = Table(
    "paper_prices",
    metadata,
    text("account", key=True),
    text("symbol", key=True),
    decimal("price"),
)
