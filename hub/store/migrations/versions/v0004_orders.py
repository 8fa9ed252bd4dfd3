"""Orders to the clusters with what came of them, the emergency pack, and people's second factor.

Revision 0004.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes both tables, and the column."""
    op.create_table(
        "cluster_order",
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("mode", sa.String(length=16), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.Column("meant_json", sa.Text(), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_cluster_order")),
        sa.UniqueConstraint("id", name=op.f("uq_cluster_order_id")),
    )
    op.create_table(
        "cluster_order_answer",
        sa.Column("seq", sa.BigInteger(), nullable=False),
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.Column("stage", sa.String(length=16), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("heard_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster"],
            ["cluster.name"],
            name=op.f("fk_cluster_order_answer_cluster"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["seq"],
            ["cluster_order.seq"],
            name=op.f("fk_cluster_order_answer_seq"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("seq", "cluster", name=op.f("pk_cluster_order_answer")),
    )
    op.add_column("bulletin", sa.Column("pack", sa.String(length=32), nullable=True))
    op.add_column("user_account", sa.Column("totp_secret", sa.String(length=64), nullable=True))
    op.add_column(
        "user_account",
        sa.Column("totp_step", sa.BigInteger(), server_default="0", nullable=False),
    )
