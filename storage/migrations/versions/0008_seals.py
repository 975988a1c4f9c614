"""A chain through the journal and a sum for each ticket, so that the audit sees what was removed or altered."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("journal", sa.Column("lane", sa.Text(), server_default="", nullable=False))
    op.add_column("journal", sa.Column("place", sa.Integer(), server_default="0", nullable=False))
    op.add_column("journal", sa.Column("link", sa.Text(), server_default="", nullable=False))
    op.add_column("journal", sa.Column("seal", sa.Text(), nullable=True))
    op.add_column("ticket", sa.Column("sum", sa.BigInteger(), server_default="0", nullable=False))
    op.create_table(
        "chain",
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("number", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.Text(), server_default="", nullable=False),
        sa.PrimaryKeyConstraint("name"),
    )
