"""Further addresses of people."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0021"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "secondaddress",
        sa.Column("key", AutoString(), primary_key=True),
        sa.Column("address", AutoString(), nullable=False),
        sa.Column("contact_id", sa.Integer(), sa.ForeignKey("contact.id"), nullable=False),
        sa.Column("by", AutoString(), nullable=False),
        sa.Column("at", UTCDateTime(), nullable=False),
        sa.Column("tickets", sa.JSON(), nullable=False),
    )
    op.create_index("ix_secondaddress_contact_id", "secondaddress", ["contact_id"])
