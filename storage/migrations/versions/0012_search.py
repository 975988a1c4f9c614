"""Full-text search: the words of subjects and entries, and the index each database finds them by.

Rows for what is there already are written by the daemon while it runs, in slices (`storage.search.fill`).
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from storage.search_index import statements

revision = "0012"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "search",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("ticket", sa.Integer(), nullable=False),
        sa.Column("entry_id", sa.Integer(), nullable=True),
        sa.Column("words", sa.Text(), server_default="", nullable=False),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"], ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"], ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("entry_id"),
    )
    op.create_index("ix_search_ticket", "search", ["ticket", "entry_id"])
    for statement in statements(op.get_bind().dialect.name):
        op.execute(statement)
    op.execute(
        "INSERT INTO chain (name, number, digest) "
        "SELECT 'search-before', max(id), '' FROM entry HAVING max(id) IS NOT NULL"
    )
