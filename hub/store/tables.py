"""The tables. Migrations make them; a test holds both together."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
    false,
)


class Moment(TypeDecorator[datetime]):
    """An aware UTC instant; SQLite, which knows no zones, keeps it as UTC text."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuses naive instants."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a naive instant")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Makes what comes back aware."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "uq": "uq_%(table_name)s_%(column_0_name)s",
        "ix": "ix_%(table_name)s_%(column_0_name)s",
    }
)

user = Table(
    "user_account",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("password_hash", String(255), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("totp_secret", String(64)),
    Column("totp_step", BigInteger, nullable=False, server_default="0"),
)

login_session = Table(
    "login_session",
    metadata,
    Column("token_hash", String(64), primary_key=True),
    Column("user", ForeignKey("user_account.name", ondelete="CASCADE"), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("expires_at", Moment, nullable=False),
)

cluster = Table(
    "cluster",
    metadata,
    Column("name", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("hamlet", Text, nullable=False),
    Column("board", String(32), nullable=False),
    Column("volume_pct", Integer, nullable=False),
    Column("secret_sha256", String(64), nullable=False),
    Column("mosquitto_hash", String(255), nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("download_windows_json", Text),
    Column("monthly_mib", Integer),
    Column("maintenance", Boolean, nullable=False, server_default=false()),
)

cluster_group = Table(
    "cluster_group",
    metadata,
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
    Column("name", String(32), primary_key=True),
)

bulletin = Table(
    "bulletin",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("title", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("duration_ms", BigInteger, nullable=False),
    Column("priority", String(16), nullable=False),
    Column("loudness_lufs", Float),
    Column("true_peak_dbtp", Float),
    Column("source_name", Text, nullable=False),
    Column("created_at", Moment, nullable=False),
    Column("created_by", String(64), nullable=False),
    Column("pack", String(32)),
)

slot = Table(
    "slot",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("bulletin", ForeignKey("bulletin.id"), nullable=False),
    Column("when_json", Text, nullable=False),
    Column("all_clusters", Boolean, nullable=False),
    Column("owed_from", Moment, nullable=False),
    Column("approved_at", Moment, nullable=False),
    Column("late_limit_s", Integer, nullable=False),
    Column("in_quiet_hours", Boolean, nullable=False),
    Column("volume_pct", Integer),
    Column("cancelled_at", Moment),
    Column("created_by", String(64), nullable=False),
)

slot_cluster = Table(
    "slot_cluster",
    metadata,
    Column("slot", ForeignKey("slot.id", ondelete="CASCADE"), primary_key=True),
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
)

stop = Table(
    "stop",
    metadata,
    Column("slot", ForeignKey("slot.id", ondelete="CASCADE"), primary_key=True),
    Column("planned_at", Moment, primary_key=True),
)

plan = Table(
    "plan",
    metadata,
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
    Column("version", BigInteger, primary_key=True, autoincrement=False),
    Column("body_hash", String(64), nullable=False),
    Column("note", LargeBinary, nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("published_at", Moment),
)

journal = Table(
    "journal",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), nullable=False),
    Column("epoch", Text, nullable=False),
    Column("number", BigInteger, nullable=False),
    Column("row_json", Text, nullable=False),
    Column("stored_at", Moment, nullable=False),
    Column("slot", Text),
    Column("planned_at", Moment),
    Column("outcome", String(16)),
    UniqueConstraint("cluster", "epoch", "number"),
    Index("ix_journal_planned_at", "planned_at"),
)

journal_mark = Table(
    "journal_mark",
    metadata,
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
    Column("epoch", Text, primary_key=True),
    Column("up_to", BigInteger, nullable=False),
)

journal_gap = Table(
    "journal_gap",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), nullable=False),
    Column("epoch", Text, nullable=False),
    Column("first", BigInteger, nullable=False),
    Column("last", BigInteger, nullable=False),
    Column("noted_at", Moment, nullable=False),
)

hub_fact = Table(
    "hub_fact",
    metadata,
    Column("name", String(64), primary_key=True),
    Column("value", Text, nullable=False),
)

order = Table(
    "cluster_order",
    metadata,
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("id", String(32), nullable=False),
    Column("what", String(16), nullable=False),
    Column("title", Text, nullable=False),
    Column("mode", String(16), nullable=False),
    Column("issued_at", Moment, nullable=False),
    Column("expires_at", Moment, nullable=False),
    Column("ended_at", Moment),
    Column("created_by", String(64), nullable=False),
    Column("meant_json", Text, nullable=False),
    Column("note", LargeBinary, nullable=False),
    UniqueConstraint("id"),
)

order_answer = Table(
    "cluster_order_answer",
    metadata,
    Column("seq", ForeignKey("cluster_order.seq", ondelete="CASCADE"), primary_key=True),
    Column("cluster", ForeignKey("cluster.name", ondelete="CASCADE"), primary_key=True),
    Column("stage", String(16), nullable=False),
    Column("at", Moment, nullable=False),
    Column("heard_at", Moment, nullable=False),
    Column("reason", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("at", Moment, nullable=False),
    Column("who", String(64), nullable=False),
    Column("what", String(64), nullable=False),
    Column("detail", Text, nullable=False),
)
