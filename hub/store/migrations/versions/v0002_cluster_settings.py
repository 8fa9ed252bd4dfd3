"""Clusters have rules of their own for fetching, and a switch for maintenance.

Revision 0002.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Adds the columns."""
    op.add_column("cluster", sa.Column("download_windows_json", sa.Text(), nullable=True))
    op.add_column("cluster", sa.Column("monthly_mib", sa.Integer(), nullable=True))
    op.add_column(
        "cluster",
        sa.Column("maintenance", sa.Boolean(), server_default=sa.false(), nullable=False),
    )
