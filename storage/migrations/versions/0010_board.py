"""The board: what its cards told, and which daemon keeps it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "card",
        sa.Column("message_id", AutoString(), primary_key=True),
        sa.Column("ticket", sa.Integer(), sa.ForeignKey("ticket.number"), nullable=False),
        sa.Column("version", AutoString(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=False),
        sa.Column("news", sa.Integer(), nullable=False),
        sa.Column("view", sa.JSON(), nullable=False),
        sa.Column("written_at", UTCDateTime(), nullable=False),
    )
    op.create_index("ix_card_ticket", "card", ["ticket"])
    op.create_table(
        "board",
        sa.Column("name", AutoString(), primary_key=True),
        sa.Column("holder", AutoString(), nullable=False),
        sa.Column("until", UTCDateTime(), nullable=False),
        sa.Column("folders", sa.JSON(), nullable=False),
        sa.Column("rebuild", sa.Boolean(), nullable=False),
        sa.Column("looked_at", UTCDateTime(), nullable=True),
        sa.Column("said", sa.Text(), server_default="", nullable=False),
    )
