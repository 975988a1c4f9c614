"""Agents' mails that were not carried out wait as drafts, and a mail to an agent remembers what it told."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "draft",
        sa.Column("journal_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=True),
        sa.Column("agent", sa.String(), nullable=False),
        sa.Column("doubt", sa.String(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("view", sa.JSON(), nullable=True),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("journal_id"),
    )
    op.create_index(op.f("ix_draft_ticket"), "draft", ["ticket"])
    op.create_index(op.f("ix_draft_agent"), "draft", ["agent"])
    op.add_column("outbox", sa.Column("view", sa.JSON(), nullable=True))
