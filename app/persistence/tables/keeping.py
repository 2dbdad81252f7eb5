"""What is kept beside the trading truth: events, findings, named facts, API tokens, configuration versions."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, Table

from app.persistence.tables.base import decimal, integer, metadata, moment, text, word
from app.persistence.tables.types import JsonText, Moment
from app.ports.tokens import Role

events = Table(
    "events",
    metadata,
    integer("sequence", key=True),  # pruning by age keeps the newest row, from which the count goes on
    moment("at"),
    text("type"),
    text("account", optional=True),
    text("symbol", optional=True),
    text("group_id", optional=True),
    text("signal_id", optional=True),
    text("order_id", optional=True),
    Column("data", JsonText, nullable=False),
    Index(None, "type"),  # ends in the sequence, as every index does in the row's own number
)

findings = Table(
    "findings",
    metadata,
    Column("id", Integer, primary_key=True),
    text("account"),
    text("symbol", optional=True),
    text("kind"),
    text("before"),
    text("after"),
    text("action"),
    moment("at"),
    text("group_id", optional=True),
    text("order_id", optional=True),
    Index(None, "at"),
)

equity_samples = Table(
    "equity_samples",
    metadata,
    Column("at", Moment, nullable=False, primary_key=True, autoincrement=False),
    text("account", key=True),
    decimal("equity"),
    decimal("realized"),
)

facts = Table("facts", metadata, text("name", key=True), text("value"))

api_tokens = Table(
    "api_tokens",
    metadata,
    text("name", key=True),
    word("role", Role),
    text("digest"),
    moment("created_at"),
    moment("last_used_at", optional=True),
    Index(None, "digest", unique=True),
)

config_versions = Table(
    "config_versions",
    metadata,
    Column("id", Integer, primary_key=True),
    moment("at"),
    text("who"),
    text("document"),
    Index(None, "at"),
)
