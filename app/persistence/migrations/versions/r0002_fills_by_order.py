"""A trade id that comes again for another order is another trade: exchanges that are reset begin theirs anew."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TEXTS = "account symbol trade_id client_order_id group_id side price quantity fee fee_asset fee_quote liquidity"
_INDEXES = (("account", "at"), ("at", "trade_id"), ("group_id",), ("symbol", "at"))


def _make_anew(*key: str) -> None:
    """The table of fills with another primary key."""
    for columns in _INDEXES:
        op.drop_index(op.f(f"ix_fills_{'_'.join(columns)}"), "fills")
    op.rename_table("fills", "fills_before")
    op.create_table(
        "fills",
        *(sa.Column(name, sa.Text(), nullable=False) for name in _TEXTS.split()),
        sa.Column("at", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint(*key, name=op.f("pk_fills")),
        sa.ForeignKeyConstraint(
            ["group_id"], ["groups.id"], name=op.f("fk_fills_group_id_groups"), ondelete="RESTRICT"
        ),
        sa.CheckConstraint(
            "liquidity = 'maker' OR liquidity = 'taker' OR liquidity = 'unknown'", op.f("ck_fills_liquidity")
        ),
        sa.CheckConstraint("side = 'buy' OR side = 'sell'", op.f("ck_fills_side")),
    )
    op.execute("INSERT INTO fills SELECT * FROM fills_before ORDER BY rowid")
    op.drop_table("fills_before")
    for columns in _INDEXES:
        op.create_index(op.f(f"ix_fills_{'_'.join(columns)}"), "fills", columns)


def upgrade() -> None:
    _make_anew("account", "symbol", "trade_id", "client_order_id")


def downgrade() -> None:
    _make_anew("account", "symbol", "trade_id")
