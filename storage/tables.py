"""The tables, as SQLModel classes: the one place where columns are named.

Migrations in `storage/migrations` are held equal to this by a test. Times are aware UTC.
Addresses are stored as written beside their folded key, which is what is looked up.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, BigInteger, Boolean, Column, ForeignKey, Index, LargeBinary, Text, false
from sqlmodel import Field, SQLModel

from storage import conditions as of
from storage.columns import NEVER_AGAIN, TableRow, index_of_some, json_column, reference, table_of, text_column


class RawRow(TableRow, table=True):
    """Bytes of mails exactly as received, compressed, once per content."""

    sha256: str = Field(primary_key=True)
    data: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    """None once retention took them: hash and size stay, as proof of what was received."""
    size: int
    created_at: datetime
    """When they came last."""
    deleted_at: datetime | None = None

    __table_args__ = (index_of_some("ix_raw_kept", of.RAW_KEPT, "created_at"),)


class JournalRow(TableRow, table=True):
    """One accepted mail. Promise number one lives here."""

    id: int | None = Field(default=None, primary_key=True)
    state: str = "pending"
    """pending, settled, held"""
    source: str
    reverse_path: str = text_column()
    recipients: list[str] = json_column()
    remote: str = ""
    authenticated_as: str = ""
    sha256: str | None = reference("raw.sha256", optional=True)
    """None once the mail was erased."""
    size: int
    received_at: datetime
    attempts: int = 0
    """How often it was taken up after a start; a mail that kills us is held, not tried for ever."""
    reason: str = text_column()
    cause: str = text_column()
    why: list[str] = json_column()
    """The decision in sentences, as `explain` prints it."""
    message_id: str = text_column()
    ticket: int | None = reference("ticket.number", optional=True)
    settled_at: datetime | None = None
    lane: str = text_column()
    """Which chain it is in (`storage.seals`), at which place, and its link."""
    place: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    link: str = text_column()
    seal: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """Hash of what was erased or changed later."""
    erased_at: datetime | None = None
    """Since then the row says that a mail came and was handled, and nothing of the people in it."""

    __table_args__ = (
        index_of_some("ix_journal_waiting", "state <> 'settled'", "state", "id"),
        index_of_some("ix_journal_duplicate", of.JOURNAL_DUPLICATE, "message_id"),
        index_of_some("ix_journal_settled", "settled_at IS NOT NULL", "settled_at", "reason"),
        NEVER_AGAIN,
    )


class ContactRow(TableRow, table=True):
    """Someone who wrote to us, or whom an agent wrote to."""

    id: int | None = Field(default=None, primary_key=True)
    key: str = Field(unique=True)
    address: str
    name: str = ""
    language: str = ""
    created_at: datetime
    invited_at: datetime | None = None
    registered_at: datetime | None = None
    password_hash: str = ""
    links_used: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    undeliverable_since: datetime | None = None

    __table_args__ = (index_of_some("ix_contact_undeliverable", of.BOUNCES, "undeliverable_since"),)


class SessionRow(TableRow, table=True):
    """A signed-in browser. Only the hash of its cookie is kept."""

    token_hash: str = Field(primary_key=True)
    contact_id: int = reference("contact.id")
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


class TicketRow(TableRow, table=True):
    """A request and its state."""

    number: int | None = Field(default=None, primary_key=True)
    status: str = "new"
    sub_status: str = ""
    """Name of a site's in-between status, empty without."""
    subject: str = text_column()
    mailbox: str
    written_to: str = text_column()
    """The alias of the mailbox the requester wrote to last; empty: the mailbox itself."""
    language: str = ""
    requester_id: int = reference("contact.id")
    requester_key: str
    assignee: str = ""
    created_at: datetime
    last_activity_at: datetime
    status_at: datetime
    reminded_at: datetime | None = None
    warn_at: datetime | None = None
    due_at: datetime | None = None
    target: str = ""
    solved_at: datetime | None = None
    closed_at: datetime | None = None
    closed_by: str = ""
    """requester, agent, time, merge, import; empty while open."""
    merged_into: int | None = reference("ticket.number", optional=True, index=False)
    follows: int | None = reference("ticket.number", optional=True, index=False)
    spam: bool = False
    birth: str = text_column()
    """Random; part of every mark that names the ticket."""
    old_marks: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    """Opened before tickets had a birth: marks of its number alone lead to it as well."""
    snoozed_until: datetime | None = None
    snoozed_by: str = text_column()
    """Address of the agent it comes back to; empty: whoever has it."""
    snooze_note: str = text_column()
    tags: list[str] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))
    anonymised_at: datetime | None = None
    sum: int = Field(default=0, sa_column=Column(BigInteger, nullable=False, server_default="0"))
    """Over hashes of whatever hangs on it (`storage.seals`)."""

    __table_args__ = (
        Index("ix_ticket_requester", "requester_key", "last_activity_at"),
        Index("ix_ticket_status", "status", "last_activity_at"),
        Index("ix_ticket_activity", "last_activity_at", "number"),
        index_of_some("ix_ticket_assignee", "assignee <> ''", "assignee", "last_activity_at"),
        index_of_some("ix_ticket_due", "due_at IS NOT NULL", "due_at"),
        index_of_some("ix_ticket_snoozed", "snoozed_until IS NOT NULL", "snoozed_until"),
        index_of_some("ix_ticket_closed", "closed_at IS NOT NULL", "closed_at"),
        index_of_some("ix_ticket_merged", "merged_into IS NOT NULL", "merged_into"),
        index_of_some("ix_ticket_follows", "follows IS NOT NULL", "follows"),
        NEVER_AGAIN,
    )


class ParticipantRow(TableRow, table=True):
    """Someone besides the requester who takes part in a ticket."""

    ticket: int = Field(sa_column=Column(ForeignKey("ticket.number"), primary_key=True))
    key: str = Field(primary_key=True, index=True)
    address: str
    name: str = ""
    confirmed: bool = True
    follower: bool = False
    """An agent who follows, rather than a person on the customer's side."""
    added_at: datetime
    sees: list[int] = Field(default_factory=list, sa_column=Column(JSON, nullable=False, server_default="[]"))
    """Sides of the conversation (`core.sides`); empty: the ticket's own."""
    adviser: bool = Field(default=False, sa_column=Column(Boolean, nullable=False, server_default=false()))
    """Asked by an agent (`core.advisers`); not confirmed, unless they are a customer as well."""


class EntryRow(TableRow, table=True):
    """One line of a ticket's history."""

    id: int | None = Field(default=None, primary_key=True)
    ticket: int = reference("ticket.number")
    kind: str
    """correspondence, comment, automatic, report, event"""
    author_address: str = ""
    author_name: str = ""
    author_role: str = ""
    """requester, participant, stranger, agent, system"""
    body_text: str = text_column()
    reply_text: str = text_column()
    attachments: list[dict[str, Any]] = json_column()
    sha256: str | None = reference("raw.sha256", optional=True)
    """The raw mail it came in, if it came by mail."""
    journal_id: int | None = reference("journal.id", optional=True)
    message_id: str = text_column()
    created_at: datetime
    reason: str = text_column()
    evidence: str = ""
    collapsed: bool = False
    remarks: list[str] = json_column()
    event: str = text_column()
    """`reopened`, where a line tells that: what the budget for reopening counts."""
    side: int = Field(default=0, sa_column_kwargs={"server_default": "0"})
    """Which customers of a merged ticket may read it (`core.sides`)."""


class ActRow(TableRow, table=True):
    """An agent's order that was carried out, and how it was before: what `#undo` needs."""

    id: int | None = Field(default=None, primary_key=True)
    ticket: int = reference("ticket.number")
    agent: str
    at: datetime
    journal_id: int | None = reference("journal.id", optional=True)
    entry_id: int | None = reference("entry.id", optional=True, index=False)
    before: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    undone_at: datetime | None = None

    __table_args__ = (index_of_some("ix_act_entry", "entry_id IS NOT NULL", "entry_id"),)


class DraftRow(TableRow, table=True):
    """A mail of an agent that was not carried out: it waits for `#send`."""

    journal_id: int = Field(sa_column=Column(ForeignKey("journal.id"), primary_key=True, autoincrement=False))
    ticket: int | None = reference("ticket.number", optional=True)
    agent: str = Field(index=True)
    doubt: str
    at: datetime
    until: datetime
    view: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    """As `outbox.view`: what the receipt told."""
    state: str = "open"
    """open, sent, dropped"""
    ended_at: datetime | None = None


class MessageIdRow(TableRow, table=True):
    """Every Message-ID sent or seen, and the ticket it leads to."""

    id: int | None = Field(default=None, primary_key=True)
    message_id: str = Field(index=True)
    ticket: int | None = reference("ticket.number", optional=True)
    entry_id: int | None = reference("entry.id", optional=True)
    outbox_id: int | None = reference("outbox.id", optional=True, index=False)
    journal_id: int | None = reference("journal.id", optional=True, index=False)
    sha256: str = ""
    """Content of the mail seen under this id; empty for our own."""

    __table_args__ = (index_of_some("ix_messageid_outbox", "outbox_id IS NOT NULL", "outbox_id"),)


class OutboxRow(TableRow, table=True):
    """One mail to one recipient, and how its delivery stands."""

    id: int | None = Field(default=None, primary_key=True)
    state: str = "pending"
    """pending, claimed, sent, deferred, uncertain, failed, recalled"""
    notice: str
    audience: str
    recipient: str
    recipient_key: str
    reverse_path: str = text_column()
    ticket: int | None = reference("ticket.number", optional=True, index=False)
    entry_id: int | None = reference("entry.id", optional=True)
    journal_id: int | None = reference("journal.id", optional=True)
    message_id: str = Field(unique=True)
    automatic: bool = False
    view: dict[str, Any] | None = Field(default=None, sa_column=Column(JSON(none_as_null=True), nullable=True))
    """For an agent's mail on a ticket: the newest entry it knows of, and marks of whom an answer would reach."""
    data: bytes | None = Field(sa_column=Column(LargeBinary, nullable=True))
    """The message without its files, compressed; None once retention took it."""
    files: list[dict[str, Any]] = json_column()
    attempts: int = 0
    doubts: int = 0
    """How many of them ended without our knowing whether the mail arrived."""
    first_attempt_at: datetime | None = None
    """When the time until we give up began."""
    last_reply: str = text_column()
    created_at: datetime
    not_before: datetime
    claimed_by: str = ""
    claimed_until: datetime | None = None
    begun_at: datetime | None = None
    """When this holder began to send the mail itself; until then a crash leaves no doubt."""
    sent_at: datetime | None = None

    __table_args__ = (
        index_of_some("ix_outbox_waiting", of.OUTBOX_WAITING, "not_before", "id", "state"),
        index_of_some("ix_outbox_ended", of.OUTBOX_ENDED, "state", "not_before"),
        index_of_some("ix_outbox_claimed", of.OUTBOX_CLAIMED, "recipient_key"),
        Index("ix_outbox_recipient", "recipient_key", "created_at"),
        Index("ix_outbox_ticket", "ticket", "id"),
        index_of_some("ix_outbox_kept", of.OUTBOX_KEPT, "created_at"),
        NEVER_AGAIN,
    )


class RatingRow(TableRow, table=True):
    """What a customer said of how a ticket went: asked once per closing, and the newest answer."""

    ticket: int = Field(sa_column=Column(ForeignKey("ticket.number"), primary_key=True, autoincrement=False))
    scale: str
    """five, two"""
    value: int | None = None
    """1 (worst) to 5 (best); of two 1 and 5."""
    comment: str = text_column()
    asked_at: datetime
    rated_at: datetime | None = Field(default=None, index=True)
    """Of the first answer to this question."""
    changed_at: datetime | None = None
    told: int = 0
    """How often the leads heard of a bad answer to this question."""


class ProbeRow(TableRow, table=True):
    """A mail we sent to ourselves, to see whether mail gets out and back in."""

    id: int | None = Field(default=None, primary_key=True)
    birth: str = text_column()
    """Random; part of its mark. Empty in probes from before there were births."""
    mailbox: str
    sent_at: datetime = Field(index=True)
    """When it was put in line."""
    outbox_id: int | None = None
    returned_at: datetime | None = None
    journal_id: int | None = None
    """The mail it came back as."""
    faults: list[str] = json_column()
    """What was altered on its way."""
    outcome: str = ""
    """well, altered, late, missing; empty while that is not settled"""

    __table_args__ = (NEVER_AGAIN,)


class LinkRow(TableRow, table=True):
    """Two tickets that have to do with each other."""

    ticket: int = Field(sa_column=Column(ForeignKey("ticket.number"), primary_key=True))
    other: int = Field(sa_column=Column(ForeignKey("ticket.number"), primary_key=True, index=True))
    kind: str = Field(primary_key=True)
    """claims, follows, split, merged, moved"""
    created_at: datetime


class PlaceRow(TableRow, table=True):
    """How far a polled folder was read, and how that goes. UIDs mean something only under their UIDVALIDITY."""

    source: str = Field(primary_key=True)
    """As in the journal: `imap:<mailbox>`, `imap-sent:<mailbox>`."""
    folder: str = text_column()
    """Account and folder the UIDs are of; another one begins anew."""
    uidvalidity: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    uid: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Every mail up to this one was seen to: it is in the journal, in `unfetched`, or was none of ours to take."""
    older_below: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Mails below were there before we opened the folder …"""
    older_only: str = text_column()
    """… and of them only these are taken, as an IMAP search key."""
    tidied_uid: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    """Up to this one the mails we took were moved or flagged."""
    looked_at: datetime | None = None
    """The newest look that found nothing left to take."""
    mail_at: datetime | None = None
    failing_since: datetime | None = None
    alarmed_at: datetime | None = None
    cause: str = text_column()


class UnfetchedRow(TableRow, table=True):
    """A mail that could not be taken out of its folder; it is tried again, and stops none of those behind it."""

    source: str = Field(primary_key=True)
    uidvalidity: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    uid: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    size: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    cause: str = text_column()
    attempts: int = 0
    first_at: datetime
    tried_at: datetime


class JobRow(TableRow, table=True):
    """When a job of the clock ran last, so that two daemons do it once."""

    name: str = Field(primary_key=True)
    due_at: datetime
    ran_at: datetime | None = None
    outcome: str = text_column()
    outcome_at: datetime | None = None
    failing_since: datetime | None = None


class AlarmRow(TableRow, table=True):
    """What the operator was told, once per cause until it clears."""

    key: str = Field(primary_key=True)
    text: str = text_column()
    raised_at: datetime
    cleared_at: datetime | None = None


class ChainRow(TableRow, table=True):
    """The ends of the chains through the journal, and what else the audit compares with (`storage.seals`)."""

    name: str = Field(primary_key=True)
    number: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    digest: str = text_column()


class BlockRow(TableRow, table=True):
    """A sender nobody wants to hear: an address key, or a domain."""

    sender: str = Field(primary_key=True)
    by: str = ""
    """Agent's address; empty: the operator."""
    at: datetime


class AwayRow(TableRow, table=True):
    """An agent who is not there."""

    agent: str = Field(primary_key=True)
    """Key of the configured address."""
    since: datetime
    until: datetime | None = None
    """Empty: until they say that they are back."""
    deputy: str = ""
    """Address of the agent who is told instead; empty: the team."""


metadata = SQLModel.metadata

ACT, ALARM, AWAY, BLOCK, CHAIN = map(table_of, (ActRow, AlarmRow, AwayRow, BlockRow, ChainRow))
CONTACT, DRAFT, ENTRY, JOB = map(table_of, (ContactRow, DraftRow, EntryRow, JobRow))
JOURNAL, LINK, MESSAGE_ID, OUTBOX = map(table_of, (JournalRow, LinkRow, MessageIdRow, OutboxRow))
PARTICIPANT, PLACE, PROBE, RATING = map(table_of, (ParticipantRow, PlaceRow, ProbeRow, RatingRow))
RAW, SESSION, TICKET, UNFETCHED = map(table_of, (RawRow, SessionRow, TicketRow, UnfetchedRow))
