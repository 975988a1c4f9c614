"""Advisers: people an agent asked about a ticket, who are no customers of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("participant", sa.Column("adviser", sa.Boolean(), server_default=sa.false(), nullable=False))
