"""The alias of a mailbox that a requester wrote to last: answers leave from it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("ticket", sa.Column("written_to", sa.Text(), nullable=False, server_default=""))
