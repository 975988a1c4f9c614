"""What the audit asks: promise number one, sentence by sentence, each with what looks for rows that break it."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from string import Formatter
from typing import Any

import zstandard
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    Table,
    and_,
    exists,
    func,
    or_,
    select,
    text,
    union_all,
)

from gateway.core.lifecycle import Status
from gateway.core.reason import Reason
from gateway.mail.message import KindName
from storage import audit_shape, seals
from storage.audit_since import Since
from storage.conditions import OUTBOX_WAITING
from storage.journal import HELD, PENDING, SETTLED
from storage.outbox import OPEN, State
from storage.statement import STREAM
from storage.tables import CHAIN, CONTACT, ENTRY, JOURNAL, MESSAGE_ID, OUTBOX, RAW, TICKET, metadata

CHUNK = 1 << 20

DROPPED = frozenset({"dropped-by-operator", "dropped-by-retention", "dropped-by-erasure"})
UNHEARD_BY_RIGHT = frozenset(
    {
        Reason.ECHO,
        Reason.ROBOT,
        Reason.RULE_FOLDS,
        Reason.BLOCKED,
        Reason.SPAM_MARKED,
        Reason.SPAM_REPLY,
        Reason.DUPLICATE,
        Reason.PROBE,
        Reason.SENT_BY_US,
        Reason.SENT_ELSEWHERE,
        # Asked without end: an agent's mails are kept, and the operator heard of it.
        Reason.STATUS_ASKED,
        Reason.AGENT_HELD_BACK,
        Reason.AGENT_UNPROVEN,
        *DROPPED,
    }
)
"""Reasons by which nobody need hear of a mail that reads like a person's: it was ordered, or says nothing new."""
NEEDS_NO_TICKET = frozenset(
    {
        Reason.AUTOMATIC_NO_TICKET,
        Reason.RULE_FOLDS,
        Reason.REPORT_NO_TICKET,
        Reason.LOOP,
        Reason.DUPLICATE,
        Reason.STATUS_ASKED,
        Reason.PROBE,
        Reason.BLOCKED,
        Reason.SPAM_MARKED,
        Reason.AGENT_BLOCKS,
        Reason.AGENT_MISUNDERSTOOD,
        Reason.AGENT_HELD_BACK,
        Reason.AGENT_DRAFTS,
        Reason.AGENT_LOOKS,
        Reason.AGENT_AWAY,
        Reason.DRAFT_DROPPED,
        Reason.LOST_MARK,
        Reason.SENT_BY_US,
        Reason.SENT_ELSEWHERE,
        *DROPPED,
    }
)
"""Reasons by which a mail is settled without a ticket."""
NEEDS_NO_ENTRY = NEEDS_NO_TICKET | {Reason.AGENT_COMMAND, Reason.AGENT_EMPTY, Reason.AGENT_UNDOES, Reason.DRAFT_SENT}
"""Reasons by which a mail concerns a ticket and is not kept on it: there is nothing in it to keep."""


Find = Callable[[Connection, Since], Iterator[str]]


@dataclass(frozen=True, slots=True)
class AuditRule:
    name: str
    """Stable."""
    promise: str
    find: Find
    """One sentence for each row that breaks the promise."""


def _rows(table: Table, sentence: str, *where: ColumnElement[bool], waiting: bool = False) -> Find:
    """The rows a condition picks, each put into a sentence that names some of its columns.

    `waiting`: of mails that are not settled. They are few, and all are looked at each time.
    """
    names = [name for _, name, _, _ in Formatter().parse(sentence) if name]
    statement = select(*(table.c[name] for name in names)).where(*where)

    def find(connection: Connection, since: Since) -> Iterator[str]:
        some = statement.where(_UNSETTLED if waiting else since.rows(table))
        for row in connection.execute(some, execution_options=STREAM):
            yield sentence.format_map(row._mapping)

    return find


def _unheard(connection: Connection, since: Since) -> Iterator[str]:
    """Mail of people that is neither shown on a ticket nor told to anybody."""
    shown = exists().where(ENTRY.c.journal_id == JOURNAL.c.id, ~ENTRY.c.collapsed)
    told = exists().where(OUTBOX.c.journal_id == JOURNAL.c.id)
    by_right = JOURNAL.c.reason.in_(sorted(UNHEARD_BY_RIGHT))
    statement = select(JOURNAL.c.id, JOURNAL.c.reason, JOURNAL.c.why).where(
        _SETTLED, _NOT_ERASED, JOURNAL.c.source != "import", ~by_right, ~shown, ~told, since.rows(JOURNAL)
    )
    for id, reason, why in connection.execute(statement, execution_options=STREAM):
        # Its first line is the kind, as the flow wrote it down.
        if why and str(why[0]).startswith(KindName.CORRESPONDENCE.value):
            yield f"journal entry {id} ({reason}) reads like a person's and reached nobody"


def _altered_bytes(connection: Connection, since: Since) -> Iterator[str]:
    kept = select(RAW.c.sha256, RAW.c.size).where(RAW.c.data.is_not(None))
    if new := since.after(JOURNAL):
        kept = kept.where(RAW.c.sha256.in_(select(JOURNAL.c.sha256).where(JOURNAL.c.id > new)))
    for sha256, size in connection.execute(kept, execution_options=STREAM):
        # One mail at a time, in pieces: neither many nor one that was tampered with fills the memory.
        packed = connection.execute(select(RAW.c.data).where(RAW.c.sha256 == sha256)).scalar_one()
        digest, length = hashlib.sha256(), 0
        try:
            for piece in _unpacked(packed):
                digest.update(piece)
                length += len(piece)
        except zstandard.ZstdError as error:
            yield f"the mail {sha256} cannot be unpacked: {error}"
            continue
        if digest.hexdigest() != sha256 or length != size:
            yield f"the mail {sha256} ({size} bytes) is kept as {length} other bytes"


def _unreadable_mails(connection: Connection, since: Since) -> Iterator[str]:
    # Two questions, for each has an index of its own.
    new = and_(OUTBOX.c.id > since.after(OUTBOX), OUTBOX.c.data.is_not(None), OUTBOX.c.state.not_in(OPEN))
    ids = union_all(select(OUTBOX.c.id).where(_WAITS), select(OUTBOX.c.id).where(new))
    for (id,) in connection.execute(ids, execution_options=STREAM):
        packed = connection.execute(select(OUTBOX.c.data).where(OUTBOX.c.id == id)).scalar_one()
        if packed is None:
            yield f"outbox entry {id} waits and has no text"
            continue
        try:
            for _ in _unpacked(packed):
                pass
        except zstandard.ZstdError as error:
            yield f"outbox entry {id} cannot be unpacked: {error}"


def _missing_files(connection: Connection, since: Since) -> Iterator[str]:
    statement = select(OUTBOX.c.id, OUTBOX.c.files).where(_WAITS)
    for id, files in connection.execute(statement, execution_options=STREAM):
        for file in files:
            there = select(RAW.c.size).where(RAW.c.sha256 == file["raw"], RAW.c.data.is_not(None))
            if connection.execute(there).first() is None:
                yield f"outbox entry {id} is to carry {file['filename']} of mail {file['raw']}, which is not there"


def _unpacked(packed: bytes) -> Iterator[bytes]:
    with zstandard.ZstdDecompressor().stream_reader(io.BytesIO(packed), read_across_frames=False) as reader:
        while piece := reader.read(CHUNK):
            yield piece


def _shared_message_ids(connection: Connection, since: Since) -> Iterator[str]:
    twice = select(OUTBOX.c.message_id).group_by(OUTBOX.c.message_id).having(func.count() > 1)
    if since.newest:
        twice = twice.where(OUTBOX.c.message_id.in_(select(OUTBOX.c.message_id).where(since.rows(OUTBOX))))
    for (message_id,) in connection.execute(twice, execution_options=STREAM):
        yield f"more than one mail of ours is <{message_id}>"


@cache
def _references() -> list[tuple[Table, str, Select[Any]]]:
    """Table, column, and the rows of it that name one which is not there."""
    found = []
    for table in metadata.sorted_tables:
        (key, *_) = table.primary_key.columns
        for foreign in (f for column in table.columns for f in column.foreign_keys):
            # A table may name rows of its own kind.
            other = foreign.column.table.alias("other")
            target = other.c[foreign.column.name]
            missing = and_(foreign.parent.is_not(None), ~exists().where(target == foreign.parent))
            found.append((table, foreign.parent.name, select(key, foreign.parent).where(missing)))
    return found


def _broken_references(connection: Connection, since: Since) -> Iterator[str]:
    for table, column, statement in _references():
        for id, value in connection.execute(statement.where(since.rows(table)), execution_options=STREAM):
            yield f"{table.name} {id}: its {column} is {value}, and there is none such"


def _broken_chain(connection: Connection, since: Since) -> Iterator[str]:
    yield from seals.walk(connection, since.after(JOURNAL))


def _wrong_sums(connection: Connection, since: Since) -> Iterator[str]:
    rows = select(TICKET.c.number, TICKET.c.sum).order_by(TICKET.c.number).limit(seals.BATCH)
    if since.newest:
        lately = [
            select(table.c.ticket).where(table.c.id > since.after(table), table.c.ticket.is_not(None))
            for table in (ENTRY, OUTBOX)
        ]
        rows = rows.where(TICKET.c.number.in_(lately[0].union(lately[1])))
    after = 0
    while batch := connection.execute(rows.where(TICKET.c.number > after)).all():
        numbers = [row.number for row in batch]
        found = seals.sums(connection, numbers)
        for number, kept in batch:
            if found[number] != kept:
                yield f"of ticket {number} an entry, a participant, an id, a link, an order or a mail is not as it was"
        after = numbers[-1]


def _more_gone(connection: Connection, since: Since) -> Iterator[str]:
    # By indexes: to look at each mail reads the file from end to end.
    kept = connection.execute(select(func.count()).select_from(RAW).where(RAW.c.data.is_not(None))).scalar_one()
    there = connection.execute(select(func.count()).select_from(RAW)).scalar_one() - kept
    known = connection.execute(select(CHAIN.c.number).where(CHAIN.c.name == seals.GONE)).scalar() or 0
    if there > known:
        yield f"{there} mails have no bytes, and retention and erasure took those of {known}"


_SETTLED = JOURNAL.c.state == SETTLED
_UNSETTLED = text("journal.state <> 'settled'")
"""As the index over them says it."""
_WAITS = and_(OUTBOX.c.state.in_(OPEN), text(f"outbox.{OUTBOX_WAITING}"))
_NOT_ERASED = JOURNAL.c.erased_at.is_(None)
_HAS_BYTES = exists().where(RAW.c.sha256 == JOURNAL.c.sha256, RAW.c.data.is_not(None))
_OF_ERASED_MAIL = exists().where(JOURNAL.c.id == ENTRY.c.journal_id, JOURNAL.c.erased_at.is_not(None))
_ON_TICKET = exists().where(ENTRY.c.journal_id == JOURNAL.c.id)
_TWIN = exists().where(
    MESSAGE_ID.c.message_id == JOURNAL.c.message_id,
    MESSAGE_ID.c.sha256 != "",
    MESSAGE_ID.c.journal_id != JOURNAL.c.id,
)
_RECOGNISED = exists().where(MESSAGE_ID.c.message_id == OUTBOX.c.message_id, MESSAGE_ID.c.outbox_id == OUTBOX.c.id)

RULES: tuple[AuditRule, ...] = (
    AuditRule(
        "journal-state",
        "Every accepted mail is pending, settled or held.",
        _rows(JOURNAL, "journal entry {id} is {state!r}", JOURNAL.c.state.not_in((PENDING, SETTLED, HELD))),
    ),
    AuditRule(
        "settled-reason",
        "Every settled mail has a reason.",
        _rows(JOURNAL, "journal entry {id} has none", _SETTLED, JOURNAL.c.reason == ""),
    ),
    AuditRule(
        "held-cause",
        "Every held mail has a cause.",
        _rows(JOURNAL, "journal entry {id} has none", JOURNAL.c.state == HELD, JOURNAL.c.cause == "", waiting=True),
    ),
    AuditRule("heard", "Every mail that reads like a person's reached somebody.", _unheard),
    AuditRule(
        "settled-ticket",
        "Every settled mail has its ticket, or a reason that needs none.",
        _rows(
            JOURNAL,
            "journal entry {id} is settled as {reason}, without a ticket",
            _SETTLED,
            _NOT_ERASED,
            JOURNAL.c.ticket.is_(None),
            JOURNAL.c.reason.not_in(sorted(NEEDS_NO_TICKET)),
        ),
    ),
    AuditRule(
        "settled-entry",
        "Every settled mail is kept on its ticket, or has a reason that needs no entry.",
        _rows(
            JOURNAL,
            "journal entry {id} is settled as {reason} on ticket {ticket}, without an entry",
            _SETTLED,
            _NOT_ERASED,
            JOURNAL.c.ticket.is_not(None),
            JOURNAL.c.reason.not_in(sorted(NEEDS_NO_ENTRY)),
            ~_ON_TICKET,
        ),
    ),
    AuditRule(
        "duplicate-twin",
        "Every mail settled as a duplicate has its twin, which was handled.",
        _rows(
            JOURNAL,
            "journal entry {id} is a duplicate of a mail <{message_id}> that nobody remembers",
            _SETTLED,
            _NOT_ERASED,
            JOURNAL.c.reason == Reason.DUPLICATE,
            ~_TWIN,
        ),
    ),
    AuditRule(
        "waiting-bytes",
        "Every mail that is pending or held has its bytes.",
        _rows(JOURNAL, "journal entry {id} is {state} and has none", ~_HAS_BYTES, waiting=True),
    ),
    AuditRule(
        "settled-bytes",
        "Every settled mail names its bytes, or was erased.",
        _rows(JOURNAL, "journal entry {id} names none", _SETTLED, _NOT_ERASED, JOURNAL.c.sha256.is_(None)),
    ),
    AuditRule(
        "deleted-bytes",
        "Bytes that are gone were deleted by retention, or on request.",
        _rows(
            RAW,
            "the mail {sha256} ({size} bytes) has none, and nothing says that they were deleted",
            RAW.c.data.is_(None),
            RAW.c.deleted_at.is_(None),
        ),
    ),
    AuditRule("raw-bytes", "The bytes of every mail are those that were received.", _altered_bytes),
    AuditRule(
        "raw-owner",
        "All bytes kept are those of an accepted mail.",
        _rows(
            RAW,
            "the mail {sha256} ({size} bytes) has neither a journal entry nor an entry on a ticket",
            ~exists().where(JOURNAL.c.sha256 == RAW.c.sha256),
            ~exists().where(ENTRY.c.sha256 == RAW.c.sha256),
        ),
    ),
    AuditRule(
        "entry-raw",
        "Every entry that came by mail names the bytes of its mail.",
        _rows(
            ENTRY,
            "entry {id} of ticket {ticket} came with journal entry {journal_id} and names none",
            ENTRY.c.journal_id.is_not(None),
            ENTRY.c.sha256.is_(None),
            ~_OF_ERASED_MAIL,
        ),
    ),
    AuditRule(
        "ticket-entry",
        "Every ticket that was not merged has an entry.",
        _rows(
            TICKET,
            "ticket {number} has none",
            TICKET.c.merged_into.is_(None),
            ~exists().where(ENTRY.c.ticket == TICKET.c.number),
        ),
    ),
    AuditRule(
        "ticket-status",
        "Every ticket has a status.",
        _rows(TICKET, "ticket {number} is {status!r}", TICKET.c.status.not_in([s.value for s in Status])),
    ),
    AuditRule(
        "outbox-state",
        "Every mail of ours has a state.",
        _rows(OUTBOX, "outbox entry {id} is {state!r}", OUTBOX.c.state.not_in([s.value for s in State])),
    ),
    AuditRule(
        "sent-time",
        "Every mail that was sent has a time.",
        _rows(OUTBOX, "outbox entry {id} has none", OUTBOX.c.state == State.SENT, OUTBOX.c.sent_at.is_(None)),
    ),
    AuditRule(
        "failed-reply",
        "Every mail that failed says why.",
        _rows(OUTBOX, "outbox entry {id} does not", OUTBOX.c.state == State.FAILED, OUTBOX.c.last_reply == ""),
    ),
    AuditRule("outbox-bytes", "Every mail that waits can be read.", _unreadable_mails),
    AuditRule("outbox-files", "Every file that is to go along is there.", _missing_files),
    AuditRule("message-id", "No two mails of ours share a Message-ID.", _shared_message_ids),
    AuditRule(
        "message-id-kept",
        "The Message-ID of every mail of ours is kept, so that a reply to it is recognised.",
        _rows(OUTBOX, "outbox entry {id}: <{message_id}> is not", ~_RECOGNISED),
    ),
    AuditRule(
        "journal-chain", "No accepted mail was removed, doubled or altered after it was written down.", _broken_chain
    ),
    AuditRule("ticket-sum", "Nothing on a ticket was removed, doubled or altered.", _wrong_sums),
    AuditRule("gone-bytes", "No more bytes are gone than were deleted by us.", _more_gone),
    AuditRule(
        "pending-new",
        "What waits to be decided about was not decided about before.",
        _rows(
            JOURNAL,
            "journal entry {id} is pending and was settled at {settled_at}",
            JOURNAL.c.state == PENDING,
            or_(JOURNAL.c.settled_at.is_not(None), JOURNAL.c.reason != ""),
            waiting=True,
        ),
    ),
    AuditRule(
        "sent-once",
        "What was sent does not wait to be sent again.",
        _rows(
            OUTBOX,
            "outbox entry {id} was sent at {sent_at} and is {state}",
            OUTBOX.c.sent_at.is_not(None),
            OUTBOX.c.state != State.SENT,
        ),
    ),
    AuditRule(
        "requester",
        "Every ticket belongs to the contact its key names.",
        _rows(
            TICKET,
            "ticket {number} is of {requester_key}, and its contact {requester_id} is another one",
            ~exists().where(CONTACT.c.id == TICKET.c.requester_id, CONTACT.c.key == TICKET.c.requester_key),
        ),
    ),
    AuditRule("references", "Whatever a row names is there: ticket, entry, mail, contact.", _broken_references),
    AuditRule("search", "Whatever was written is found by its words.", audit_shape.unsearchable),
    AuditRule("shape", "Every table and index is there.", audit_shape.other_shape),
    AuditRule("pages", "The database file is whole.", audit_shape.damaged_pages),
)
