"""The first schema."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_TABLES = (
    "groups last_exits fills funding_payments legs orders pyramids signals queue risk_actions api_tokens "
    "equity_samples config_versions events facts findings paper_balances paper_fills paper_funding paper_leverages "
    "paper_orders paper_positions paper_prices"
)


def _columns(
    kind: type[sa.types.TypeEngine[str]] | type[sa.types.TypeEngine[int]], names: str
) -> list[sa.Column[object]]:
    """Columns of one type; a question mark makes one optional."""
    return [sa.Column(name.rstrip("?"), kind(), nullable=name.endswith("?")) for name in names.split()]


def _texts(names: str) -> list[sa.Column[object]]:
    return _columns(sa.Text, names)


def _integers(names: str) -> list[sa.Column[object]]:
    return _columns(sa.Integer, names)


def _key(table: str, names: str) -> sa.PrimaryKeyConstraint:
    return sa.PrimaryKeyConstraint(*names.split(), name=op.f(f"pk_{table}"))


def _refers(table: str, column: str, target: str, key: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        [column], [f"{target}.{key}"], name=op.f(f"fk_{table}_{column}_{target}"), ondelete=ondelete
    )


def _words(table: str, column: str, words: str) -> sa.CheckConstraint:
    """`column` holds one of `words`."""
    return sa.CheckConstraint(
        " OR ".join(f"{column} = '{word}'" for word in words.split()), op.f(f"ck_{table}_{column}")
    )


def _flags(table: str, columns: str) -> list[sa.CheckConstraint]:
    return [sa.CheckConstraint(f"{name} IN (0, 1)", op.f(f"ck_{table}_{name}")) for name in columns.split()]


def _index(table: str, columns: str, *, unique: bool = False) -> None:
    names = columns.split()
    op.create_index(op.f(f"ix_{table}_{'_'.join(names)}"), table, names, unique=unique)


def upgrade() -> None:
    _create_trading()
    _create_keeping()
    _create_paper()


def downgrade() -> None:
    for table in _TABLES.split()[::-1]:
        op.drop_table(table)


def _create_trading() -> None:
    op.create_table(
        "groups",
        *_texts(
            "id account symbol timeframe side strategy_id quote base step_size contract_size grid leverage margin_mode"
        ),
        *_integers("opened_at"),
        *_texts("signal_stop? signal_take_profit?"),
        *_integers("first_fill_at?"),
        *_texts("closing?"),
        *_integers("closing_at? closed_at?"),
        *_texts("close_reason?"),
        *_integers("failed sent next_number exit_fills"),
        *_texts("best_price? stop_price?"),
        *_integers("trailed_at?"),
        *_texts("reduce_quantity realized_gross fees funding dust"),
        *_integers("estimated forced unprotected_since?"),
        *_texts("manual_stop? open_costs closed_costs exit_fees"),
        *_integers("offset_timer_at? offset_skipped blocked hybrid_active hybrid_armed hybrid_tries"),
        *_texts("oversold oversold_value"),
        _key("groups", "id"),
        _words("groups", "side", "long short"),
        _words(
            "groups",
            "close_reason",
            "take_profit stop_loss exit_signal reverse manual close_all offset reconciled liquidated adl "
            "protection_failed dust cancelled",
        ),
        _words(
            "groups",
            "closing",
            "take_profit stop_loss exit_signal reverse manual close_all offset reconciled liquidated adl "
            "protection_failed dust cancelled",
        ),
        *_flags("groups", "failed sent estimated forced offset_skipped blocked hybrid_active hybrid_armed"),
    )
    _index("groups", "closed_at")
    _index("groups", "opened_at id")
    _index("groups", "symbol opened_at")
    op.create_table(
        "last_exits",
        *_texts("account symbol timeframe side strategy_id"),
        *_integers("at"),
        _key("last_exits", "account symbol timeframe side strategy_id"),
        _words("last_exits", "side", "long short"),
    )
    op.create_table(
        "fills",
        *_texts(
            "account symbol trade_id client_order_id group_id side price quantity fee fee_asset fee_quote liquidity"
        ),
        *_integers("at"),
        _key("fills", "account symbol trade_id"),
        _refers("fills", "group_id", "groups", "id", "RESTRICT"),
        _words("fills", "liquidity", "maker taker unknown"),
        _words("fills", "side", "buy sell"),
    )
    _index("fills", "account at")
    _index("fills", "at trade_id")
    _index("fills", "group_id")
    _index("fills", "symbol at")
    op.create_table(
        "funding_payments",
        *_texts("account symbol payment_id group_id amount rate"),
        *_integers("at"),
        _key("funding_payments", "account payment_id group_id"),
        _refers("funding_payments", "group_id", "groups", "id", "RESTRICT"),
    )
    _index("funding_payments", "at")
    _index("funding_payments", "group_id")
    op.create_table(
        "legs",
        *_texts("group_id"),
        *_integers("pyramid index"),
        *_texts(
            "gap_percent weight_percent tp_percent order_type price quantity entry filled filled_value "
            "open_quantity open_value exited exit_value begun_quantity begun_value"
        ),
        *_integers("take_profit_triggered"),
        _key("legs", "group_id pyramid index"),
        _refers("legs", "group_id", "groups", "id", "CASCADE"),
        _words("legs", "entry", "planned working ended"),
        _words("legs", "order_type", "market limit stop_market stop_limit take_profit_market"),
        *_flags("legs", "take_profit_triggered"),
    )
    op.create_table(
        "orders",
        *_texts("client_order_id account symbol group_id"),
        *_integers("pyramid? leg?"),
        *_texts("role side type quantity price? trigger_price?"),
        *_integers("reduce_only"),
        *_texts("time_in_force"),
        *_integers("number attempt"),
        *_texts("status"),
        *_integers("created_at updated_at"),
        *_texts("venue_order_id? filled filled_value seen_filled reason? amend_price? amend_quantity?"),
        *_integers("unknown_since? look_ups retry_at?"),
        *_texts("expected_price? paired_with?"),
        _key("orders", "client_order_id"),
        _refers("orders", "group_id", "groups", "id", "RESTRICT"),
        _words("orders", "type", "market limit stop_market stop_limit take_profit_market"),
        _words("orders", "role", "entry take_profit stop_loss close"),
        _words("orders", "time_in_force", "gtc ioc"),
        _words(
            "orders",
            "status",
            "pending submitted open partially_filled pending_cancel unknown filled cancelled expired "
            "rejected abandoned lost",
        ),
        _words("orders", "side", "buy sell"),
        *_flags("orders", "reduce_only"),
    )
    _index("orders", "created_at client_order_id")
    _index("orders", "group_id")
    _index("orders", "status created_at")
    _index("orders", "symbol created_at")
    op.create_table(
        "pyramids",
        *_texts("group_id"),
        *_integers("index"),
        *_texts("signal_id entry_price capital"),
        *_integers("created_at"),
        _key("pyramids", "group_id index"),
        _refers("pyramids", "group_id", "groups", "id", "CASCADE"),
    )
    op.create_table(
        "signals",
        *_texts("id"),
        *_integers("received_at"),
        *_texts("source key_name? payload content_key bar_key?"),
        *_integers("http_status"),
        *_texts("outcome account? symbol? timeframe? side? strategy_id intent? price? size?"),
        *_integers("signal_at?"),
        *_texts("reason? detail? group_id?"),
        *_integers("decided_at?"),
        *_texts("checks replay_of?"),
        _key("signals", "id"),
        _refers("signals", "group_id", "groups", "id", "SET NULL"),
        _words("signals", "outcome", "pending executed queued ignored rejected"),
    )
    _index("signals", "group_id")
    _index("signals", "outcome received_at")
    _index("signals", "received_at id")
    _index("signals", "symbol received_at")
    op.create_table(
        "queue",
        *_texts("signal_id account symbol timeframe side strategy_id entry_price payload reason"),
        *_integers("first_queued_at last_replaced_at replacement_count"),
        *_texts("reserved_group? expected_profit?"),
        _key("queue", "signal_id"),
        _refers("queue", "reserved_group", "groups", "id", "SET NULL"),
        _refers("queue", "signal_id", "signals", "id", "CASCADE"),
        _words(
            "queue",
            "reason",
            "pool_full opposite_side_open missing_market_rules account_stale group_closing symbol_limit breaker_open "
            "order_rate",
        ),
        _words("queue", "side", "long short"),
    )
    op.create_table(
        "risk_actions",
        *_texts("id"),
        *_integers("at"),
        *_texts(
            "status started_by loser_id account loser timeframe loser_quantity loss required expected winners "
            "loser_before realized loser_realized orders"
        ),
        *_integers("finished_at?"),
        *_texts("detail?"),
        _key("risk_actions", "id"),
        _refers("risk_actions", "loser_id", "groups", "id", "RESTRICT"),
        _words("risk_actions", "status", "winners loser done"),
    )
    _index("risk_actions", "at")


def _create_keeping() -> None:
    op.create_table(
        "api_tokens",
        *_texts("name role digest"),
        *_integers("created_at last_used_at?"),
        _key("api_tokens", "name"),
        _words("api_tokens", "role", "viewer trader admin"),
    )
    _index("api_tokens", "digest", unique=True)
    op.create_table(
        "config_versions",
        *_integers("id at"),
        *_texts("who document"),
        _key("config_versions", "id"),
    )
    _index("config_versions", "at")
    op.create_table(
        "equity_samples",
        *_integers("at"),
        *_texts("account equity realized"),
        _key("equity_samples", "at account"),
    )
    op.create_table(
        "events",
        *_integers("sequence at"),
        *_texts("type account? symbol? group_id? signal_id? order_id? data"),
        _key("events", "sequence"),
    )
    _index("events", "type")
    op.create_table(
        "facts",
        *_texts("name value"),
        _key("facts", "name"),
    )
    op.create_table(
        "findings",
        *_integers("id"),
        *_texts("account symbol? kind before after action"),
        *_integers("at"),
        *_texts("group_id? order_id?"),
        _key("findings", "id"),
    )
    _index("findings", "at")


def _create_paper() -> None:
    op.create_table(
        "paper_balances",
        *_texts("account asset total"),
        _key("paper_balances", "account asset"),
    )
    op.create_table(
        "paper_fills",
        *_texts("account"),
        *_integers("number order_number?"),
        *_texts("client_order_id? symbol side position_side price quantity fee fee_asset liquidity kind"),
        *_integers("at"),
        _key("paper_fills", "account number"),
        _words("paper_fills", "liquidity", "maker taker unknown"),
        _words("paper_fills", "position_side", "long short"),
        _words("paper_fills", "side", "buy sell"),
        _words("paper_fills", "kind", "trade liquidation adl"),
    )
    op.create_table(
        "paper_funding",
        *_texts("account"),
        *_integers("number"),
        *_texts("symbol position_side amount rate"),
        *_integers("at"),
        _key("paper_funding", "account number"),
        _words("paper_funding", "position_side", "long short"),
    )
    op.create_table(
        "paper_leverages",
        *_texts("account symbol leverage margin_mode"),
        _key("paper_leverages", "account symbol"),
    )
    op.create_table(
        "paper_orders",
        *_texts("account"),
        *_integers("number"),
        *_texts(
            "client_order_id? symbol side position_side type status quantity filled filled_value price? trigger_price?"
        ),
        *_integers("reduce_only"),
        *_texts("time_in_force"),
        *_integers("triggered created_at updated_at"),
        *_texts("reason?"),
        *_integers("paired_with?"),
        _key("paper_orders", "account number"),
        _words("paper_orders", "time_in_force", "gtc ioc"),
        _words("paper_orders", "side", "buy sell"),
        _words("paper_orders", "type", "market limit stop_market stop_limit take_profit_market"),
        _words(
            "paper_orders",
            "status",
            "pending submitted open partially_filled pending_cancel unknown filled cancelled expired "
            "rejected abandoned lost",
        ),
        _words("paper_orders", "position_side", "long short"),
        *_flags("paper_orders", "reduce_only triggered"),
    )
    op.create_table(
        "paper_positions",
        *_texts("account symbol side quantity entry_value"),
        _key("paper_positions", "account symbol side"),
        _words("paper_positions", "side", "long short"),
    )
    op.create_table(
        "paper_prices",
        *_texts("account symbol price"),
        _key("paper_prices", "account symbol"),
    )
