"""The first tables.

Each is written as its columns, runs of one type together, and its keys; then its indexes.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.types import TypeEngine
from sqlmodel.sql.sqltypes import AutoString, UTCDateTime

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alarm",
        *_columns(AutoString(), "key"),
        *_columns(sa.Text(), "text", server_default=""),
        *_columns(UTCDateTime(), "raised_at"),
        *_columns(UTCDateTime(), "cleared_at", nullable=True),
        sa.PrimaryKeyConstraint("key"),
    )

    op.create_table(
        "contact",
        *_columns(sa.Integer(), "id"),
        *_columns(AutoString(), "key", "address", "name", "language"),
        *_columns(UTCDateTime(), "created_at"),
        *_columns(UTCDateTime(), "invited_at", "registered_at", nullable=True),
        *_columns(AutoString(), "password_hash"),
        *_columns(UTCDateTime(), "undeliverable_since", nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("key"),
    )

    op.create_table(
        "job",
        *_columns(AutoString(), "name"),
        *_columns(UTCDateTime(), "due_at"),
        *_columns(UTCDateTime(), "ran_at", nullable=True),
        *_columns(sa.Text(), "outcome", server_default=""),
        *_columns(UTCDateTime(), "outcome_at", "failing_since", nullable=True),
        sa.PrimaryKeyConstraint("name"),
    )

    op.create_table(
        "place",
        *_columns(AutoString(), "source"),
        *_columns(sa.Text(), "folder", server_default=""),
        *_columns(sa.BigInteger(), "uidvalidity", "uid", "older_below"),
        *_columns(sa.Text(), "older_only", server_default=""),
        *_columns(sa.BigInteger(), "tidied_uid"),
        *_columns(UTCDateTime(), "looked_at", "mail_at", "failing_since", "alarmed_at", nullable=True),
        *_columns(sa.Text(), "cause", server_default=""),
        sa.PrimaryKeyConstraint("source"),
    )

    op.create_table(
        "probe",
        *_columns(sa.Integer(), "id"),
        *_columns(AutoString(), "mailbox"),
        *_columns(UTCDateTime(), "sent_at"),
        *_columns(sa.Integer(), "outbox_id", nullable=True),
        *_columns(UTCDateTime(), "returned_at", nullable=True),
        *_columns(sa.Integer(), "journal_id", nullable=True),
        *_columns(sa.JSON(), "faults"),
        *_columns(AutoString(), "outcome"),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _index("ix_probe_sent_at", "probe", "sent_at")

    op.create_table(
        "raw",
        *_columns(AutoString(), "sha256"),
        *_columns(sa.LargeBinary(), "data", nullable=True),
        *_columns(sa.Integer(), "size"),
        *_columns(UTCDateTime(), "created_at"),
        *_columns(UTCDateTime(), "deleted_at", nullable=True),
        sa.PrimaryKeyConstraint("sha256"),
    )
    _index("ix_raw_kept", "raw", "created_at", where="data IS NOT NULL")

    op.create_table(
        "unfetched",
        *_columns(AutoString(), "source"),
        *_columns(sa.BigInteger(), "uidvalidity", "uid", autoincrement=False),
        *_columns(sa.BigInteger(), "size"),
        *_columns(sa.Text(), "cause", server_default=""),
        *_columns(sa.Integer(), "attempts"),
        *_columns(UTCDateTime(), "first_at", "tried_at"),
        sa.PrimaryKeyConstraint("source", "uidvalidity", "uid"),
    )

    op.create_table(
        "session",
        *_columns(AutoString(), "token_hash"),
        *_columns(sa.Integer(), "contact_id"),
        *_columns(UTCDateTime(), "created_at", "seen_at", "expires_at"),
        sa.ForeignKeyConstraint(["contact_id"], ["contact.id"]),
        sa.PrimaryKeyConstraint("token_hash"),
    )
    _index("ix_session_contact_id", "session", "contact_id")

    op.create_table(
        "ticket",
        *_columns(sa.Integer(), "number"),
        *_columns(AutoString(), "status", "sub_status"),
        *_columns(sa.Text(), "subject", server_default=""),
        *_columns(AutoString(), "mailbox", "language"),
        *_columns(sa.Integer(), "requester_id"),
        *_columns(AutoString(), "requester_key", "assignee"),
        *_columns(UTCDateTime(), "created_at", "last_activity_at", "status_at"),
        *_columns(UTCDateTime(), "reminded_at", "warn_at", "due_at", nullable=True),
        *_columns(AutoString(), "target"),
        *_columns(UTCDateTime(), "solved_at", "closed_at", nullable=True),
        *_columns(AutoString(), "closed_by"),
        *_columns(sa.Integer(), "merged_into", "follows", nullable=True),
        *_columns(sa.Boolean(), "spam"),
        *_columns(UTCDateTime(), "anonymised_at", nullable=True),
        sa.ForeignKeyConstraint(["follows"], ["ticket.number"]),
        sa.ForeignKeyConstraint(["merged_into"], ["ticket.number"]),
        sa.ForeignKeyConstraint(["requester_id"], ["contact.id"]),
        sa.PrimaryKeyConstraint("number"),
        sqlite_autoincrement=True,
    )
    _index("ix_ticket_closed", "ticket", "closed_at", where="closed_at IS NOT NULL")
    _index("ix_ticket_due", "ticket", "due_at", where="due_at IS NOT NULL")
    _index("ix_ticket_follows", "ticket", "follows", where="follows IS NOT NULL")
    _index("ix_ticket_merged", "ticket", "merged_into", where="merged_into IS NOT NULL")
    _index("ix_ticket_requester", "ticket", "requester_key", "last_activity_at")
    _index("ix_ticket_requester_id", "ticket", "requester_id")
    _index("ix_ticket_status", "ticket", "status", "last_activity_at")

    op.create_table(
        "journal",
        *_columns(sa.Integer(), "id"),
        *_columns(AutoString(), "state", "source"),
        *_columns(sa.Text(), "reverse_path", server_default=""),
        *_columns(sa.JSON(), "recipients"),
        *_columns(AutoString(), "remote", "authenticated_as"),
        *_columns(AutoString(), "sha256", nullable=True),
        *_columns(sa.Integer(), "size"),
        *_columns(UTCDateTime(), "received_at"),
        *_columns(sa.Integer(), "attempts"),
        *_columns(sa.Text(), "reason", "cause", server_default=""),
        *_columns(sa.JSON(), "why"),
        *_columns(sa.Text(), "message_id", server_default=""),
        *_columns(sa.Integer(), "ticket", nullable=True),
        *_columns(UTCDateTime(), "settled_at", "erased_at", nullable=True),
        sa.ForeignKeyConstraint(["sha256"], ["raw.sha256"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("id"),
        sqlite_autoincrement=True,
    )
    _index("ix_journal_sha256", "journal", "sha256")
    _index("ix_journal_ticket", "journal", "ticket")
    _index("ix_journal_waiting", "journal", "state", "id", where="state <> 'settled'")

    op.create_table(
        "link",
        *_columns(sa.Integer(), "ticket", "other"),
        *_columns(AutoString(), "kind"),
        *_columns(UTCDateTime(), "created_at"),
        sa.ForeignKeyConstraint(["other"], ["ticket.number"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("ticket", "other", "kind"),
    )
    _index("ix_link_other", "link", "other")

    op.create_table(
        "participant",
        *_columns(sa.Integer(), "ticket"),
        *_columns(AutoString(), "key", "address", "name"),
        *_columns(sa.Boolean(), "confirmed", "follower"),
        *_columns(UTCDateTime(), "added_at"),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("ticket", "key"),
    )

    op.create_table(
        "rating",
        *_columns(sa.Integer(), "ticket", autoincrement=False),
        *_columns(AutoString(), "scale"),
        *_columns(sa.Integer(), "value", nullable=True),
        *_columns(sa.Text(), "comment", server_default=""),
        *_columns(UTCDateTime(), "asked_at"),
        *_columns(UTCDateTime(), "rated_at", "changed_at", nullable=True),
        *_columns(sa.Integer(), "told"),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("ticket"),
    )
    _index("ix_rating_rated_at", "rating", "rated_at")

    op.create_table(
        "entry",
        *_columns(sa.Integer(), "id", "ticket"),
        *_columns(AutoString(), "kind", "author_address", "author_name", "author_role"),
        *_columns(sa.Text(), "body_text", "reply_text", server_default=""),
        *_columns(sa.JSON(), "attachments"),
        *_columns(AutoString(), "sha256", nullable=True),
        *_columns(sa.Integer(), "journal_id", nullable=True),
        *_columns(sa.Text(), "message_id", server_default=""),
        *_columns(UTCDateTime(), "created_at"),
        *_columns(sa.Text(), "reason", server_default=""),
        *_columns(AutoString(), "evidence"),
        *_columns(sa.Boolean(), "collapsed"),
        *_columns(sa.JSON(), "remarks"),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.ForeignKeyConstraint(["sha256"], ["raw.sha256"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_entry_journal_id", "entry", "journal_id")
    _index("ix_entry_sha256", "entry", "sha256")
    _index("ix_entry_ticket", "entry", "ticket")

    op.create_table(
        "act",
        *_columns(sa.Integer(), "id", "ticket"),
        *_columns(AutoString(), "agent"),
        *_columns(UTCDateTime(), "at"),
        *_columns(sa.Integer(), "journal_id", "entry_id", nullable=True),
        *_columns(sa.JSON(), "before"),
        *_columns(UTCDateTime(), "undone_at", nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"]),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_act_entry", "act", "entry_id", where="entry_id IS NOT NULL")
    _index("ix_act_journal_id", "act", "journal_id")
    _index("ix_act_ticket", "act", "ticket")

    op.create_table(
        "outbox",
        *_columns(sa.Integer(), "id"),
        *_columns(AutoString(), "state", "notice", "audience", "recipient", "recipient_key"),
        *_columns(sa.Text(), "reverse_path", server_default=""),
        *_columns(sa.Integer(), "ticket", "entry_id", "journal_id", nullable=True),
        *_columns(AutoString(), "message_id"),
        *_columns(sa.Boolean(), "automatic"),
        *_columns(sa.LargeBinary(), "data", nullable=True),
        *_columns(sa.JSON(), "files"),
        *_columns(sa.Integer(), "attempts", "doubts"),
        *_columns(UTCDateTime(), "first_attempt_at", nullable=True),
        *_columns(sa.Text(), "last_reply", server_default=""),
        *_columns(UTCDateTime(), "created_at", "not_before"),
        *_columns(AutoString(), "claimed_by"),
        *_columns(UTCDateTime(), "claimed_until", "begun_at", "sent_at", nullable=True),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"]),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("id"),
        sa.UniqueConstraint("message_id"),
        sqlite_autoincrement=True,
    )
    _index("ix_outbox_claimed", "outbox", "recipient_key", where="claimed_until IS NOT NULL")
    _index("ix_outbox_entry_id", "outbox", "entry_id")
    _index("ix_outbox_journal_id", "outbox", "journal_id")
    _index(
        "ix_outbox_kept", "outbox", "created_at", where="data IS NOT NULL AND state IN ('sent', 'failed', 'recalled')"
    )
    _index("ix_outbox_recipient", "outbox", "recipient_key", "created_at")
    _index("ix_outbox_ticket", "outbox", "ticket", "id")
    _index(
        "ix_outbox_waiting", "outbox", "not_before", "id", "state", where="state NOT IN ('sent', 'failed', 'recalled')"
    )

    op.create_table(
        "messageid",
        *_columns(sa.Integer(), "id"),
        *_columns(AutoString(), "message_id"),
        *_columns(sa.Integer(), "ticket", "entry_id", "outbox_id", "journal_id", nullable=True),
        *_columns(AutoString(), "sha256"),
        sa.ForeignKeyConstraint(["entry_id"], ["entry.id"]),
        sa.ForeignKeyConstraint(["journal_id"], ["journal.id"]),
        sa.ForeignKeyConstraint(["outbox_id"], ["outbox.id"]),
        sa.ForeignKeyConstraint(["ticket"], ["ticket.number"]),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_messageid_entry_id", "messageid", "entry_id")
    _index("ix_messageid_message_id", "messageid", "message_id")
    _index("ix_messageid_outbox", "messageid", "outbox_id", where="outbox_id IS NOT NULL")
    _index("ix_messageid_ticket", "messageid", "ticket")


def _columns(type: TypeEngine[Any], *names: str, nullable: bool = False, **more: Any) -> list[sa.Column[Any]]:
    return [sa.Column(name, type, nullable=nullable, **more) for name in names]


def _index(name: str, table: str, *columns: str, where: str = "") -> None:
    """Over all rows, or over the few that a condition names."""
    condition = sa.text(where) if where else None
    op.create_index(op.f(name), table, columns, unique=False, sqlite_where=condition, postgresql_where=condition)
