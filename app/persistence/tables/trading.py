"""Trading truth: signals, groups with their pyramids and legs, orders, fills, funding, the queue.

Columns carry the names of the dataclasses' fields (`app.domain`, `app.messages.records`). Nothing here is ever deleted
but queue entries, so a group with orders, fills or payments RESTRICTs its own removal.
"""

from __future__ import annotations

from sqlalchemy import Column, Index, Table
from sqlalchemy import text as sql

from app.domain.group import EntryState
from app.domain.order import OrderStatus
from app.domain.values import CloseReason, Liquidity, OrderRole, OrderSide, OrderType, Side, TimeInForce
from app.messages.records import QueueReason, SignalOutcome
from app.persistence.tables.base import decimal, flag, integer, metadata, moment, refers, text, word
from app.persistence.tables.types import ChecksText, GridText

groups = Table(
    "groups",
    metadata,
    text("id", key=True),
    text("account"),
    text("symbol"),
    text("timeframe"),
    word("side", Side),
    text("strategy_id"),
    text("quote"),
    text("base"),
    decimal("step_size"),
    decimal("contract_size"),
    Column("grid", GridText, nullable=False),
    decimal("leverage"),
    text("margin_mode"),
    moment("opened_at"),
    decimal("signal_stop", optional=True),
    decimal("signal_take_profit", optional=True),
    moment("first_fill_at", optional=True),
    word("closing", CloseReason, optional=True),
    moment("closing_at", optional=True),
    moment("closed_at", optional=True),
    word("close_reason", CloseReason, optional=True),
    flag("failed"),
    flag("sent"),
    integer("next_number"),
    integer("exit_fills"),
    decimal("best_price", optional=True),
    decimal("stop_price", optional=True),
    moment("trailed_at", optional=True),
    decimal("reduce_quantity"),
    decimal("realized_gross"),
    decimal("fees"),
    decimal("funding"),
    decimal("dust"),
    flag("estimated"),
    flag("forced"),
    moment("unprotected_since", optional=True),
    flag("hybrid_active"),
    flag("hybrid_armed"),
    integer("hybrid_tries"),
    Index(None, "opened_at", "id"),
    Index(None, "account", "opened_at"),
    Index(None, "symbol", "opened_at"),
    Index(None, "closed_at"),
)

signals = Table(
    "signals",
    metadata,
    text("id", key=True),
    moment("received_at"),
    text("source"),
    text("key_name", optional=True),
    text("payload"),
    text("content_key"),
    text("bar_key", optional=True),
    integer("http_status"),
    word("outcome", SignalOutcome),
    text("account", optional=True),
    text("symbol", optional=True),
    text("timeframe", optional=True),
    text("side", optional=True),
    text("strategy_id"),
    text("intent", optional=True),
    decimal("price", optional=True),
    decimal("size", optional=True),
    moment("signal_at", optional=True),
    text("reason", optional=True),
    text("detail", optional=True),
    text("group_id", refers("groups.id", "SET NULL"), optional=True),
    moment("decided_at", optional=True),
    Column("checks", ChecksText, nullable=False),
    text("replay_of", optional=True),
    Index(None, "received_at", "id"),
    Index(None, "account", "received_at"),
    Index(None, "symbol", "received_at"),
    Index(None, "group_id"),
    Index(None, "outcome", "received_at"),
)

pyramids = Table(
    "pyramids",
    metadata,
    text("group_id", refers("groups.id", "CASCADE"), key=True),
    integer("index", key=True),
    text("signal_id"),  # no foreign key: what was adopted from the venue came by no signal
    decimal("entry_price"),
    decimal("capital"),
    moment("created_at"),
)

legs = Table(
    "legs",
    metadata,
    text("group_id", refers("groups.id", "CASCADE"), key=True),
    integer("pyramid", key=True),
    integer("index", key=True),
    decimal("gap_percent"),
    decimal("weight_percent"),
    decimal("tp_percent"),
    word("order_type", OrderType),
    decimal("price"),
    decimal("quantity"),
    word("entry", EntryState),
    decimal("filled"),
    decimal("filled_value"),
    decimal("open_quantity"),
    decimal("open_value"),
    decimal("exited"),
    decimal("exit_value"),
    flag("take_profit_triggered"),
)

orders = Table(
    "orders",
    metadata,
    text("client_order_id", key=True),
    text("account"),
    text("symbol"),
    text("group_id", refers("groups.id", "RESTRICT")),
    integer("pyramid", optional=True),
    integer("leg", optional=True),
    word("role", OrderRole),
    word("side", OrderSide),
    word("type", OrderType),
    decimal("quantity"),
    decimal("price", optional=True),
    decimal("trigger_price", optional=True),
    flag("reduce_only"),
    word("time_in_force", TimeInForce),
    integer("number"),
    integer("attempt"),
    word("status", OrderStatus),
    moment("created_at"),
    moment("updated_at"),
    text("venue_order_id", optional=True),
    decimal("filled"),
    decimal("filled_value"),
    decimal("seen_filled"),
    text("reason", optional=True),
    decimal("amend_price", optional=True),
    decimal("amend_quantity", optional=True),
    moment("unknown_since", optional=True),
    integer("look_ups"),
    moment("retry_at", optional=True),
    decimal("expected_price", optional=True),
    Index(None, "created_at", "client_order_id"),
    Index(None, "account", "created_at"),
    Index(None, "symbol", "created_at"),
    Index(None, "group_id"),
    Index(None, "status", "created_at"),
)

fills = Table(
    "fills",
    metadata,
    text("account", key=True),
    text("symbol", key=True),
    text("trade_id", key=True),
    text("client_order_id"),  # no foreign key: a liquidation is ordered by nobody
    text("group_id", refers("groups.id", "RESTRICT")),
    word("side", OrderSide),
    decimal("price"),
    decimal("quantity"),
    decimal("fee"),
    text("fee_asset"),
    decimal("fee_quote"),
    word("liquidity", Liquidity),
    moment("at"),
    Index(None, "at", "trade_id"),
    Index(None, "account", "at"),
    Index(None, "symbol", "at"),
    Index(None, "group_id"),
)

funding_payments = Table(
    "funding_payments",
    metadata,
    text("account", key=True),
    text("symbol"),
    text("payment_id", key=True),
    text("group_id", refers("groups.id", "RESTRICT"), key=True),
    decimal("amount"),
    decimal("rate"),
    moment("at"),
    Index(None, "at"),
    Index(None, "group_id"),
)

queue = Table(
    "queue",
    metadata,
    text("signal_id", refers("signals.id", "CASCADE"), key=True),
    text("account"),
    text("symbol"),
    text("timeframe"),
    word("side", Side),
    text("strategy_id"),
    decimal("entry_price"),
    text("payload"),
    word("reason", QueueReason),
    moment("first_queued_at"),
    moment("last_replaced_at"),
    integer("replacement_count"),
    text("reserved_group", refers("groups.id", "SET NULL"), optional=True),
)

last_exits = Table(
    "last_exits",
    metadata,
    text("account", key=True),
    text("symbol", key=True),
    text("timeframe", key=True),
    word("side", Side, key=True),
    text("strategy_id", key=True),
    moment("at"),
)

open_groups = Index("ix_groups_open", groups.c.id, sqlite_where=sql("closed_at IS NULL"))
pending_signals = Index("ix_signals_pending", signals.c.id, sqlite_where=sql("outcome = 'pending'"))
