"""Tickets that are put aside until a time, tags, and agents who are away."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("snoozed_until", sa.DateTime(timezone=True), nullable=True))
    op.add_column("ticket", sa.Column("snoozed_by", sa.Text(), server_default="", nullable=False))
    op.add_column("ticket", sa.Column("snooze_note", sa.Text(), server_default="", nullable=False))
    op.add_column("ticket", sa.Column("tags", sa.JSON(), server_default="[]", nullable=False))
    where = sa.text("snoozed_until IS NOT NULL")
    op.create_index("ix_ticket_snoozed", "ticket", ["snoozed_until"], sqlite_where=where, postgresql_where=where)
    op.create_table(
        "away",
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("since", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("deputy", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("agent"),
    )
