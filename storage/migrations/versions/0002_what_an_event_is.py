"""What an event tells of stands in a column: until now the budget for reopening read it out of `reason`."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("entry", sa.Column("event", sa.Text(), server_default="", nullable=False))
    op.execute("UPDATE entry SET event = 'reopened' WHERE kind = 'event' AND reason = 'reopened'")
