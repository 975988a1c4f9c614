"""Customers whose tickets were merged read their own side only: entries have a side, people the sides they read."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entry", sa.Column("side", sa.Integer(), server_default="0", nullable=False))
    op.add_column("participant", sa.Column("sees", sa.JSON(), server_default="[]", nullable=False))
