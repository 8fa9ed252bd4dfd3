"""First tables.

Revision 0001.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Makes every table."""
    op.create_table(
        "audit",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("who", sa.String(length=64), nullable=False),
        sa.Column("what", sa.String(length=64), nullable=False),
        sa.Column("detail", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit")),
    )
    op.create_table(
        "bulletin",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("sha256", sa.String(length=64), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("duration_ms", sa.BigInteger(), nullable=False),
        sa.Column("priority", sa.String(length=16), nullable=False),
        sa.Column("loudness_lufs", sa.Float(), nullable=True),
        sa.Column("true_peak_dbtp", sa.Float(), nullable=True),
        sa.Column("source_name", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bulletin")),
    )
    op.create_table(
        "cluster",
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("hamlet", sa.Text(), nullable=False),
        sa.Column("board", sa.String(length=32), nullable=False),
        sa.Column("volume_pct", sa.Integer(), nullable=False),
        sa.Column("secret_sha256", sa.String(length=64), nullable=False),
        sa.Column("mosquitto_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_cluster")),
    )
    op.create_table(
        "user_account",
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("password_hash", sa.String(length=255), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_user_account")),
    )
    op.create_table(
        "cluster_group",
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.Column("name", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_cluster_group_cluster"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster", "name", name=op.f("pk_cluster_group")),
    )
    op.create_table(
        "journal",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("row_json", sa.Text(), nullable=False),
        sa.Column("stored_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("slot", sa.Text(), nullable=True),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("outcome", sa.String(length=16), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_journal_cluster"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_journal")),
        sa.UniqueConstraint("cluster", "epoch", "number", name=op.f("uq_journal_cluster")),
    )
    op.create_index("ix_journal_planned_at", "journal", ["planned_at"], unique=False)
    op.create_table(
        "journal_mark",
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.Column("epoch", sa.Text(), nullable=False),
        sa.Column("up_to", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_journal_mark_cluster"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster", "epoch", name=op.f("pk_journal_mark")),
    )
    op.create_table(
        "login_session",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("user", sa.String(length=64), nullable=False),
        sa.Column("csrf", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["user"], ["user_account.name"], name=op.f("fk_login_session_user"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_login_session")),
    )
    op.create_table(
        "plan",
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.Column("version", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("body_hash", sa.String(length=64), nullable=False),
        sa.Column("note", sa.LargeBinary(), nullable=False),
        sa.Column("issued_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_plan_cluster"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("cluster", "version", name=op.f("pk_plan")),
    )
    op.create_table(
        "slot",
        sa.Column("id", sa.String(length=32), nullable=False),
        sa.Column("bulletin", sa.String(length=32), nullable=False),
        sa.Column("when_json", sa.Text(), nullable=False),
        sa.Column("all_clusters", sa.Boolean(), nullable=False),
        sa.Column("owed_from", sa.DateTime(timezone=True), nullable=False),
        sa.Column("approved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("late_limit_s", sa.Integer(), nullable=False),
        sa.Column("in_quiet_hours", sa.Boolean(), nullable=False),
        sa.Column("volume_pct", sa.Integer(), nullable=True),
        sa.Column("cancelled_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_by", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["bulletin"], ["bulletin.id"], name=op.f("fk_slot_bulletin")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_slot")),
    )
    op.create_table(
        "slot_cluster",
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("cluster", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster"], ["cluster.name"], name=op.f("fk_slot_cluster_cluster"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["slot"], ["slot.id"], name=op.f("fk_slot_cluster_slot"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("slot", "cluster", name=op.f("pk_slot_cluster")),
    )
    op.create_table(
        "stop",
        sa.Column("slot", sa.String(length=32), nullable=False),
        sa.Column("planned_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["slot"], ["slot.id"], name=op.f("fk_stop_slot"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("slot", "planned_at", name=op.f("pk_stop")),
    )
