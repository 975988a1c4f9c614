"""How often somebody signed in by a link, so that each acts once."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0018"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contact", sa.Column("links_used", sa.Integer(), nullable=False, server_default="0"))
