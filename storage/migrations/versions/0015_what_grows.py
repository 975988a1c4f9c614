"""Indexes for what is asked again and again of tables that grow."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0012"
branch_labels = None
depends_on = None

SOME = (
    ("ix_journal_duplicate", "journal", ["message_id"], "reason = 'duplicate'"),
    ("ix_journal_settled", "journal", ["settled_at", "reason"], "settled_at IS NOT NULL"),
    ("ix_ticket_assignee", "ticket", ["assignee", "last_activity_at"], "assignee <> ''"),
    ("ix_outbox_ended", "outbox", ["state", "not_before"], "state IN ('failed', 'recalled')"),
    ("ix_contact_undeliverable", "contact", ["undeliverable_since"], "undeliverable_since IS NOT NULL"),
)


def upgrade() -> None:
    for name, table, columns, where in SOME:
        op.create_index(name, table, columns, sqlite_where=sa.text(where), postgresql_where=sa.text(where))
    op.create_index("ix_ticket_activity", "ticket", ["last_activity_at", "number"])
    op.create_index("ix_participant_key", "participant", ["key"])
