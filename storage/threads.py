"""Which ticket a mail leads to: every Message-ID sent or seen, and what the budgets count."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, bindparam, func, insert, or_, select, text

from gateway.core import sides
from gateway.core.notice import Notice
from gateway.core.thread import Known, SentFacts, ThreadKeys
from gateway.core.ticket import EntryKind, Role
from gateway.core.token import Named, names_outbox
from gateway.mail.message import address_key
from storage.reads import MAX_NUMBER, TicketReads
from storage.seals import added
from storage.statement import Statement
from storage.tables import ENTRY, MESSAGE_ID, OUTBOX, TICKET

REOPENED = "reopened"
OF_TICKET, OF_PERSON = "ticket:", "author:"
"""Begin the names of tickets and people among those by which whoever decides about the same things is told to wait."""
LOCK = Statement(
    select(TICKET.c.number, TICKET.c.merged_into).where(TICKET.c.number == bindparam("number")).with_for_update()
)
_MERGED = Statement(
    select(TICKET.c.number, TICKET.c.merged_into).where(
        or_(
            TICKET.c.number.in_(bindparam("numbers", expanding=True)),
            TICKET.c.merged_into.in_(bindparam("numbers", expanding=True)),
        )
    )
)
_ANSWERS = (Notice.REPLY.value, Notice.CLOSE_CONFIRMATION.value)
_KNOWN = Statement(
    select(
        MESSAGE_ID.c.message_id,
        MESSAGE_ID.c.ticket,
        MESSAGE_ID.c.sha256,
        MESSAGE_ID.c.outbox_id,
        ENTRY.c.kind,
        ENTRY.c.side,
    )
    .select_from(
        MESSAGE_ID.outerjoin(OUTBOX, OUTBOX.c.id == MESSAGE_ID.c.outbox_id).outerjoin(
            ENTRY, ENTRY.c.id == func.coalesce(MESSAGE_ID.c.entry_id, OUTBOX.c.entry_id)
        )
    )
    .where(MESSAGE_ID.c.message_id.in_(bindparam("ids", expanding=True)), MESSAGE_ID.c.ticket.is_not(None))
    .order_by(MESSAGE_ID.c.id)
)
_SEEN = Statement(
    select(MESSAGE_ID.c.sha256, MESSAGE_ID.c.ticket, MESSAGE_ID.c.journal_id)
    .where(MESSAGE_ID.c.message_id == bindparam("id"), MESSAGE_ID.c.sha256 != "")
    .order_by(MESSAGE_ID.c.id.desc())
    .limit(50)
)
_OPENED = Statement(
    select(TICKET.c.created_at)
    .where(TICKET.c.requester_key == bindparam("key"), TICKET.c.created_at > bindparam("since"))
    .order_by(TICKET.c.created_at.desc())
    .limit(bindparam("most"))
)
_REOPENED = Statement(
    select(ENTRY.c.created_at)
    .where(ENTRY.c.ticket == bindparam("number"), ENTRY.c.created_at > bindparam("since"), ENTRY.c.event == REOPENED)
    .order_by(ENTRY.c.created_at.desc())
    .limit(bindparam("most"))
)
_CUSTOMERS_IDS = Statement(
    select(ENTRY.c.message_id)
    .where(
        ENTRY.c.ticket == bindparam("number"),
        ENTRY.c.kind == EntryKind.CORRESPONDENCE.value,
        ENTRY.c.author_role != Role.AGENT.value,
        ENTRY.c.message_id != "",
    )
    .order_by(ENTRY.c.id.desc())
    .limit(bindparam("most"))
)
_SENT = select(OUTBOX.c.id, OUTBOX.c.message_id, OUTBOX.c.ticket, OUTBOX.c.notice, OUTBOX.c.recipient)
_WROTE = Statement(
    select(ENTRY.c.created_at)
    .where(
        ENTRY.c.ticket == bindparam("number"),
        ENTRY.c.created_at > bindparam("since"),
        ENTRY.c.author_role != Role.AGENT.value,
        ENTRY.c.kind == EntryKind.CORRESPONDENCE.value,
    )
    .order_by(ENTRY.c.created_at.desc())
    .limit(bindparam("most"))
)
_ADD_ID = Statement(insert(MESSAGE_ID))
_THERE = Statement(select(MESSAGE_ID.c.message_id).where(MESSAGE_ID.c.message_id.in_(bindparam("ids", expanding=True))))


@dataclass(frozen=True, slots=True)
class Seen:
    """A mail that came under the same Message-ID before."""

    journal_id: int
    ticket: int
    same_content: bool


class Threads:
    """What a decision about a mail needs to know."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._reads = TicketReads(connection)
        self._names: set[str] = set()
        self._rows: set[int] = set()
        """Names and tickets that are ours alone until the transaction ends."""

    def serialise(self, names: Iterable[str]) -> None:
        """Let no other transaction decide about the same things until this one ends.

        SQLite has one writer anyway. On PostgreSQL two mails of one conversation may arrive at two
        daemons at once: locks are taken in one order, so nobody waits in a circle.
        """
        if self._connection.dialect.name != "postgresql":
            return
        lock, wanted = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"), set(names) - self._names
        for name in sorted(wanted):
            self._connection.execute(lock, {"name": name})
        self._names |= wanted
        # A mail that names no ticket, but one of its mails, holds the row alone.
        self._lock({int(name.removeprefix(OF_TICKET)) for name in wanted if name.startswith(OF_TICKET)})

    def hold(self, tickets: Collection[int], people: Collection[str]) -> bool:
        """Also of these tickets and people nobody else decides until the transaction ends. True: somebody may have, a
        moment ago, so they must be looked at again."""
        names = {OF_PERSON + key for key in people}
        if self._connection.dialect.name != "postgresql" or (names <= self._names and self._rows.issuperset(tickets)):
            return False
        self.serialise(names)
        self._lock(tickets)
        return True

    def _lock(self, numbers: Collection[int]) -> None:
        """The rows of tickets, and of all they were merged with: whoever takes a merge back needs each of them, so they
        are taken in one order as well."""
        while wanted := self._merged_with({n for n in numbers if n <= MAX_NUMBER}) - self._rows:
            for number in sorted(wanted):
                LOCK.rows(self._connection, {"number": number})
            self._rows |= wanted

    def _merged_with(self, numbers: set[int]) -> set[int]:
        found = new = set(numbers)
        while new:
            rows = _MERGED.rows(self._connection, {"numbers": sorted(new)})
            new = {n for row in rows for n in row if n} - found
            found = found | new
        return found

    def known(self, keys: ThreadKeys) -> Known:
        """Everything the store has about the keys of one mail."""
        messages: dict[str, int] = {}
        expected: dict[str, int] = {}
        inner: set[str] = set()
        alone: dict[str, int] = {}
        ids = keys.message_ids
        if ids:
            for row in _KNOWN.rows(self._connection, {"ids": list(ids)}):
                there = messages if row.sha256 or row.outbox_id else expected
                there[str(row.message_id)] = row.ticket
                if row.sha256 and row.kind == EntryKind.COMMENT.value:
                    inner.add(str(row.message_id))
                if row.side is not None and sides.is_for_one(row.side):
                    alone[str(row.message_id)] = row.side
        sent = self._sent(keys)
        numbers = {*keys.numbers, *messages.values(), *expected.values()} | (
            {sent.ticket} if sent and sent.ticket else set()
        )
        tickets = {t.number: t for t in self._reads.numbered(numbers)}
        # A merged ticket leads to another one, which must be known too.
        while missing := {t.merged_into for t in tickets.values() if t.merged_into} - tickets.keys():
            tickets |= {t.number: t for t in self._reads.numbered(missing)}
        return Known(tickets, messages, sent, expected, frozenset(inner), alone)

    def seen(self, message_id: str, content: str) -> Seen | None:
        """Whether a mail with this Message-ID came before: the newest, one with the same content preferred."""
        rows = _SEEN.rows(self._connection, {"id": message_id})
        found = next((r for r in rows if r.sha256 == content), rows[0] if rows else None)
        if found is None:
            return None
        return Seen(found.journal_id or 0, found.ticket or 0, found.sha256 == content)

    def remember(self, message_id: str, content: str, ticket: int | None, entry: int | None, journal_id: int) -> None:
        """Store a Message-ID we saw, so that a reply to that mail, or the same mail again, is recognised."""
        row = {
            "message_id": message_id,
            "sha256": content,
            "ticket": ticket,
            "entry_id": entry,
            "outbox_id": None,
            "journal_id": journal_id,
        }
        _ADD_ID.run(self._connection, row)
        added(self._connection, MESSAGE_ID, row)

    def expect(self, message_ids: Sequence[str], ticket: int, journal_id: int) -> None:
        """Ids a mail refers to lead to its ticket, unless they lead somewhere already."""
        if not message_ids:
            return
        there = {row[0] for row in _THERE.rows(self._connection, {"ids": list(message_ids)})}
        for message_id in message_ids:
            if message_id not in there:
                self.remember(message_id, "", ticket, None, journal_id)

    def opened_lately(self, address: str, since: datetime, limit: int) -> tuple[datetime, ...]:
        """When the author opened tickets, newest first: what the budget counts."""
        rows = _OPENED.rows(self._connection, {"key": address_key(address), "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def reopened_lately(self, number: int, since: datetime, limit: int) -> tuple[datetime, ...]:
        """When a ticket was reopened, newest first."""
        rows = _REOPENED.rows(self._connection, {"number": number, "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def _sent(self, keys: ThreadKeys) -> SentFacts | None:
        """The first mail of ours a report names."""
        for key in keys.reported:
            if not (key.outbox or key.message_id):
                continue
            column = OUTBOX.c.id == key.outbox if key.outbox else OUTBOX.c.message_id == key.message_id
            row = self._connection.execute(_SENT.where(column)).first()
            if row and (not key.outbox or names_outbox(Named(key.outbox, key.birth), row.id, row.message_id)):
                return self._facts(row, guessed=False)
        return None

    def sent_lately(self, recipients: Iterable[str], tickets: Collection[int], since: datetime) -> SentFacts | None:
        """The newest mail to one of these address keys; about one of the tickets, where any is named."""
        mine = (OUTBOX.c.recipient_key.in_(sorted(recipients)), OUTBOX.c.created_at > since, OUTBOX.c.ticket > 0)
        about = (OUTBOX.c.ticket.in_(sorted(tickets)),) if tickets else ()
        row = self._connection.execute(_SENT.where(*mine, *about).order_by(OUTBOX.c.id.desc()).limit(1)).first()
        return self._facts(row, guessed=True) if row else None

    def _facts(self, row: Row[Any, Any, Any, Any, Any], *, guessed: bool) -> SentFacts:
        newest = self._connection.execute(
            select(func.max(OUTBOX.c.id)).where(
                OUTBOX.c.ticket == row.ticket,
                OUTBOX.c.notice.in_(_ANSWERS),
                OUTBOX.c.recipient == row.recipient,
            )
        ).scalar_one_or_none()
        return SentFacts(row.ticket or 0, row.notice, row.recipient, newest == row.id, guessed)

    def wrote_lately(self, number: int, since: datetime, limit: int) -> tuple[datetime, ...]:
        """When customers wrote on a ticket, newest first: what the budget for machines counts."""
        rows = _WROTE.rows(self._connection, {"number": number, "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def customer_ids(self, number: int, limit: int = 20) -> list[str]:
        """Message-IDs of correspondence from the customer's side, oldest first: what an answer refers to."""
        rows = _CUSTOMERS_IDS.rows(self._connection, {"number": number, "most": limit})
        return [row[0] for row in rows][::-1]
