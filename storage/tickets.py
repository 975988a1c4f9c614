"""Tickets, their entries, participants and Message-IDs. Only `apply` changes a ticket."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Table, and_, bindparam, case, delete, func, insert, or_, select, text, update

from gateway.core.clockwork import MISSED, Target
from gateway.core.decision import Act, Change, Decision, EntryDraft, Joined
from gateway.core.errors import UnknownTicket
from gateway.core.lifecycle import Status
from gateway.core.message import Address, Attachment, address_key
from gateway.core.notice import Notice
from gateway.core.say import say
from gateway.core.thread import Keys, Known, SentFacts
from gateway.core.ticket import Entry, EntryKind, Participant, Role, Ticket
from storage import tables
from storage.contacts import Contacts

TICKET: Table = tables.table(tables.Ticket)
ENTRY: Table = tables.table(tables.Entry)
PARTICIPANT: Table = tables.table(tables.Participant)
MESSAGE_ID: Table = tables.table(tables.MessageId)
LINK: Table = tables.table(tables.Link)
CONTACT: Table = tables.table(tables.Contact)
JOURNAL: Table = tables.table(tables.Journal)
OUTBOX: Table = tables.table(tables.Outbox)

MAX_NUMBER = 2**31 - 1
"""PostgreSQL's integer. People write longer numbers, and it would not even compare them."""
_ANSWERS = (Notice.REPLY.value, Notice.CLOSE_CONFIRMATION.value)

_TICKET = select(TICKET, CONTACT.c.address.label("requester_address"), CONTACT.c.name.label("requester_name")).join(
    CONTACT, CONTACT.c.id == TICKET.c.requester_id
)
_TICKETS = _TICKET.where(TICKET.c.number.in_(bindparam("numbers", expanding=True)))
_PEOPLE = (
    select(PARTICIPANT)
    .where(PARTICIPANT.c.ticket.in_(bindparam("numbers", expanding=True)))
    .order_by(PARTICIPANT.c.added_at)
)
_LOCK = select(TICKET.c.number).where(TICKET.c.number == bindparam("number")).with_for_update()
_KNOWN = (
    select(MESSAGE_ID.c.message_id, MESSAGE_ID.c.ticket, MESSAGE_ID.c.sha256, MESSAGE_ID.c.outbox_id)
    .where(MESSAGE_ID.c.message_id.in_(bindparam("ids", expanding=True)), MESSAGE_ID.c.ticket.is_not(None))
    .order_by(MESSAGE_ID.c.id)
)
_SEEN = (
    select(MESSAGE_ID.c.sha256, MESSAGE_ID.c.ticket, MESSAGE_ID.c.journal_id)
    .where(MESSAGE_ID.c.message_id == bindparam("id"), MESSAGE_ID.c.sha256 != "")
    .order_by(MESSAGE_ID.c.id)
    .limit(50)
)
_OPENED = (
    select(TICKET.c.created_at)
    .where(TICKET.c.requester_key == bindparam("key"), TICKET.c.created_at > bindparam("since"))
    .order_by(TICKET.c.created_at.desc())
    .limit(bindparam("most"))
)
_REOPENED = (
    select(ENTRY.c.created_at)
    .where(ENTRY.c.ticket == bindparam("number"), ENTRY.c.created_at > bindparam("since"), ENTRY.c.reason == "reopened")
    .order_by(ENTRY.c.created_at.desc())
    .limit(bindparam("most"))
)
_CUSTOMERS_IDS = (
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
_NEWEST = (
    select(ENTRY).where(ENTRY.c.ticket == bindparam("number")).order_by(ENTRY.c.id.desc()).limit(bindparam("most"))
)
_ADD_TICKET = insert(TICKET).returning(TICKET.c.number)
_ADD_ENTRY = insert(ENTRY).returning(ENTRY.c.id)
_ADD_ID = insert(MESSAGE_ID)


@dataclass(frozen=True, slots=True)
class Applied:
    """What became of a decision."""

    ticket: Ticket
    entry: Entry | None
    created: bool
    moved: tuple[int, ...] = ()
    """Entries that came from another ticket."""


@dataclass(frozen=True, slots=True)
class Seen:
    """A mail that came under the same Message-ID before."""

    journal_id: int
    ticket: int
    same_content: bool


class Tickets:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    # --- what a decision needs to know --------------------------------------------------

    def serialise(self, names: Iterable[str]) -> None:
        """Let no other transaction decide about the same things until this one ends.

        SQLite has one writer anyway. On PostgreSQL two mails of one conversation may arrive at two
        daemons at once: locks are taken in one order, so nobody waits in a circle.
        """
        if self._connection.dialect.name != "postgresql":
            return
        lock = text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))")
        for name in sorted(set(names)):
            self._connection.execute(lock, {"name": name})

    def known(self, keys: Keys) -> Known:
        """Everything the store has about the keys of one mail."""
        messages: dict[str, int] = {}
        expected: dict[str, int] = {}
        ids = keys.message_ids
        if ids:
            for row in self._connection.execute(_KNOWN, {"ids": list(ids)}):
                there = messages if row.sha256 or row.outbox_id else expected
                there[str(row.message_id)] = row.ticket
        sent = self._sent(keys)
        numbers = {*keys.numbers, *messages.values(), *expected.values()} | (
            {sent.ticket} if sent and sent.ticket else set()
        )
        tickets = {t.number: t for t in self._tickets(numbers)}
        # A merged ticket leads to another one, which must be known too.
        while missing := {t.merged_into for t in tickets.values() if t.merged_into} - tickets.keys():
            tickets |= {t.number: t for t in self._tickets(missing)}
        return Known(tickets, messages, sent, expected)

    def seen(self, message_id: str, content: str) -> Seen | None:
        """Whether a mail with this Message-ID came before; one with the same content is preferred."""
        rows = self._connection.execute(_SEEN, {"id": message_id}).all()
        found = next((r for r in rows if r.sha256 == content), rows[0] if rows else None)
        if found is None:
            return None
        return Seen(found.journal_id or 0, found.ticket or 0, found.sha256 == content)

    def remember(self, message_id: str, content: str, ticket: int | None, entry: int | None, journal_id: int) -> None:
        """Store a Message-ID we saw, so that a reply to that mail, or the same mail again, is recognised."""
        self._connection.execute(
            _ADD_ID,
            {
                "message_id": message_id,
                "sha256": content,
                "ticket": ticket,
                "entry_id": entry,
                "outbox_id": None,
                "journal_id": journal_id,
            },
        )

    def expect(self, message_ids: Sequence[str], ticket: int, journal_id: int) -> None:
        """Ids a mail refers to lead to its ticket, unless they lead somewhere already."""
        if not message_ids:
            return
        rows = self._connection.execute(
            select(MESSAGE_ID.c.message_id).where(MESSAGE_ID.c.message_id.in_(list(message_ids)))
        )
        there = {row[0] for row in rows}
        for message_id in message_ids:
            if message_id not in there:
                self.remember(message_id, "", ticket, None, journal_id)

    def opened_lately(self, address: str, since: datetime, limit: int = 200) -> tuple[datetime, ...]:
        """When the author opened tickets, newest first: what the budget counts."""
        rows = self._connection.execute(_OPENED, {"key": address_key(address), "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def reopened_lately(self, number: int, since: datetime, limit: int = 200) -> tuple[datetime, ...]:
        """When a ticket was reopened, newest first."""
        rows = self._connection.execute(_REOPENED, {"number": number, "since": since, "most": limit})
        return tuple(row[0] for row in rows)

    def _sent(self, keys: Keys) -> SentFacts | None:
        """The first mail of ours a report names."""
        for key in keys.reported:
            column = OUTBOX.c.id == key.outbox if key.outbox else OUTBOX.c.message_id == key.message_id
            row = self._connection.execute(
                select(OUTBOX.c.id, OUTBOX.c.message_id, OUTBOX.c.ticket, OUTBOX.c.notice, OUTBOX.c.recipient).where(
                    column
                )
            ).first()
            if row:
                newest = self._connection.execute(
                    select(func.max(OUTBOX.c.id)).where(
                        OUTBOX.c.ticket == row.ticket,
                        OUTBOX.c.notice.in_(_ANSWERS),
                        OUTBOX.c.recipient == row.recipient,
                    )
                ).scalar_one_or_none()
                return SentFacts(row.message_id, row.ticket or 0, row.notice, row.recipient, newest == row.id)
        return None

    # --- applying -----------------------------------------------------------------------

    def apply(self, decision: Decision, journal_id: int | None, now: datetime) -> Applied | None:
        """Store what was decided. None when it concerns no ticket.

        The ticket row stays locked until the transaction ends.
        """
        created = decision.new is not None
        # The waiting for an answer begins now even when the mail is old: nobody is reminded of an archive.
        since, now = now, decision.happened_at or now
        if decision.new is not None:
            number = self._open(decision, now, since)
        elif decision.ticket:
            number = decision.ticket
            self._lock(number)
            self._change(number, decision.change, now, since, touched=decision.entry is not None)
        else:
            return None
        moved = self._move(number, decision, now)
        entry = self._add_entry(number, decision.entry, journal_id, now) if decision.entry else None
        self._people(number, decision.change, now)
        for kind, other in decision.change.links:
            self._link(number, other, kind, now)
        for sentence in decision.events:
            self.add_event(number, sentence, now)
        if moved:
            first = self.entry(moved[0])
            entry = entry or first
        return Applied(self.get(number), entry, created, moved)

    def _move(self, number: int, decision: Decision, now: datetime) -> tuple[int, ...]:
        """Entries from another ticket, and with them the Message-IDs that lead to them."""
        moved = decision.moved
        if moved is None:
            return ()
        self._lock(moved.source)
        mine = ENTRY.c.ticket == moved.source
        chosen = ENTRY.c.id.in_(moved.entries) if moved.entries else ENTRY.c.kind != EntryKind.EVENT.value
        ids = tuple(self._connection.execute(select(ENTRY.c.id).where(mine, chosen).order_by(ENTRY.c.id)).scalars())
        self.place(ids, number)
        if not moved.entries:
            self._connection.execute(
                update(TICKET)
                .where(TICKET.c.number == moved.source)
                .values(merged_into=number, status=Status.CLOSED.value, closed_by="merge", closed_at=now)
            )
        for sentence in decision.source_events:
            self.add_event(moved.source, sentence.replace("{new}", str(number)), now)
        return ids

    def place(self, entries: Sequence[int], number: int) -> None:
        """Put entries and the Message-IDs of their mails onto a ticket."""
        for table, column in ((ENTRY, ENTRY.c.id), (MESSAGE_ID, MESSAGE_ID.c.entry_id)):
            self._connection.execute(update(table).where(column.in_(list(entries))).values(ticket=number))

    def take_back(self, act: Act, now: datetime) -> None:
        """Undo what an order did to entries: moved ones return, a recalled answer becomes a comment."""
        before = act.undo
        if before.moved:
            self.place(before.moved, before.moved_from)
        if before.merged:
            self._connection.execute(
                update(TICKET)
                .where(TICKET.c.number == before.moved_from)
                .values(merged_into=None, status=before.source_status, closed_by="", closed_at=None)
            )
        if before.opened:
            self._connection.execute(
                update(TICKET).where(TICKET.c.number == act.ticket).values(merged_into=before.moved_from)
            )
        if before.answered and act.entry:
            self._connection.execute(
                update(ENTRY)
                .where(ENTRY.c.id == act.entry)
                .values(kind=EntryKind.COMMENT.value, remarks=[say("recalled")])
            )

    def add_event(self, number: int, sentence: str, now: datetime) -> None:
        """A line of history about the ticket itself. Reopens are marked, for the budget counts them."""
        reason = "reopened" if sentence.startswith(say("reopened", "")) else ""
        draft = EntryDraft(EntryKind.EVENT, Address(""), Role.SYSTEM, sentence, sentence, reason=reason)
        self._add_entry(number, draft, None, now)

    def _open(self, decision: Decision, now: datetime, since: datetime) -> int:
        new = decision.new
        assert new is not None
        contact = Contacts(self._connection).ensure(new.requester, now)
        began = new.created_at or now
        row = {
            "status": (decision.change.status or Status.NEW).value,
            "sub_status": "",
            "subject": new.subject,
            "mailbox": new.mailbox,
            "language": new.language,
            "requester_id": contact.id,
            "requester_key": contact.key,
            "assignee": decision.change.assignee or "",
            "created_at": began,
            "last_activity_at": now,
            "status_at": since,
            "target": "",
            "closed_by": decision.change.closed_by,
            "closed_at": now if decision.change.status is Status.CLOSED else None,
            "spam": False,
        }
        return int(self._connection.execute(_ADD_TICKET, row).scalar_one())

    def _lock(self, number: int) -> None:
        if self._connection.execute(_LOCK, {"number": number}).first() is None:
            raise UnknownTicket(f"there is no ticket {number}")

    def _change(self, number: int, change: Change, now: datetime, since: datetime, *, touched: bool) -> None:
        values: dict[str, Any] = {}
        latest: Any = now
        if since != now:
            # A mail from an archive may be older than what happened last.
            latest = case((TICKET.c.last_activity_at > now, TICKET.c.last_activity_at), else_=now)
        if touched:
            values["last_activity_at"] = latest
        if change.status is not None:
            values |= {"status": change.status.value, "sub_status": change.sub_status or ""}
            values["last_activity_at"] = latest
            # An agent's further answer starts the waiting anew, and with it the reminders.
            values |= {"status_at": since, "reminded_at": None}
            if change.status is Status.SOLVED:
                values["solved_at"] = now
            elif change.status is not Status.CLOSED:
                values["solved_at"] = None
            if change.status is Status.CLOSED:
                if change.closed_by:
                    values |= {"closed_at": now, "closed_by": change.closed_by}
            else:
                values |= {"closed_at": None, "closed_by": ""}
        if change.reminded:
            values["reminded_at"] = now
        if change.target is not None:
            values["target"] = change.target
        if change.assignee is not None:
            values["assignee"] = change.assignee
        if change.language is not None:
            values["language"] = change.language
        if change.spam is not None:
            values["spam"] = change.spam
        if change.requester is not None:
            contact = Contacts(self._connection).ensure(change.requester, now)
            values |= {"requester_id": contact.id, "requester_key": contact.key}
        if values:
            self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(**values))

    def _people(self, number: int, change: Change, now: datetime) -> None:
        for joined in change.joined:
            self._join(number, joined, now)
        if change.confirmed:
            self._connection.execute(
                update(PARTICIPANT)
                .where(PARTICIPANT.c.ticket == number, PARTICIPANT.c.key.in_(change.confirmed))
                .values(confirmed=True)
            )
        if change.left:
            self._connection.execute(
                delete(PARTICIPANT).where(PARTICIPANT.c.ticket == number, PARTICIPANT.c.key.in_(change.left))
            )

    def _join(self, number: int, joined: Joined, now: datetime) -> None:
        key = joined.address.key
        where = (PARTICIPANT.c.ticket == number, PARTICIPANT.c.key == key)
        found = self._connection.execute(select(PARTICIPANT.c.confirmed).where(*where)).first()
        if found is None:
            self._connection.execute(
                insert(PARTICIPANT).values(
                    ticket=number,
                    key=key,
                    address=joined.address.address,
                    name=joined.address.name[:200],
                    confirmed=joined.confirmed,
                    follower=joined.follower,
                    added_at=now,
                )
            )
        elif joined.confirmed and not found.confirmed:
            self._connection.execute(update(PARTICIPANT).where(*where).values(confirmed=True))

    def _link(self, number: int, other: int, kind: str, now: datetime) -> None:
        where = (LINK.c.ticket == number, LINK.c.other == other, LINK.c.kind == kind)
        if self._connection.execute(select(LINK.c.kind).where(*where)).first() is None:
            self._connection.execute(insert(LINK).values(ticket=number, other=other, kind=kind, created_at=now))
        if kind == "follows":
            self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(follows=other))

    def _add_entry(self, number: int, draft: EntryDraft, journal_id: int | None, now: datetime) -> Entry:
        row = {
            "ticket": number,
            "kind": draft.kind.value,
            "author_address": draft.author.address,
            "author_name": draft.author.name,
            "author_role": draft.role.value,
            "body_text": draft.body_text,
            # Most mails hold nothing but new text: it is not written twice.
            "reply_text": "" if draft.reply_text == draft.body_text else draft.reply_text,
            "attachments": [_attachment_json(a) for a in draft.attachments],
            "sha256": draft.sha256 or None,
            "journal_id": journal_id,
            "message_id": draft.message_id,
            "created_at": draft.created_at or now,
            "reason": draft.reason,
            "evidence": draft.evidence.value if draft.evidence else "",
            "collapsed": draft.collapsed,
            "remarks": list(draft.remarks),
        }
        id = int(self._connection.execute(_ADD_ENTRY, row).scalar_one())
        return _entry_of(id, row)

    # --- reading ------------------------------------------------------------------------

    def get(self, number: int) -> Ticket:
        found = self._tickets({number})
        if not found:
            raise UnknownTicket(f"there is no ticket {number}")
        return found[0]

    def entries(self, number: int, kinds: Sequence[EntryKind] = (), limit: int = 0) -> list[Entry]:
        """The history, oldest first; with a limit only the newest of it."""
        if limit and not kinds:
            newest = self._connection.execute(_NEWEST, {"number": number, "most": limit}).all()
            return [_entry_of(row.id, row._mapping) for row in reversed(newest)]
        statement = select(ENTRY).where(ENTRY.c.ticket == number).order_by(ENTRY.c.id.desc())
        if kinds:
            statement = statement.where(ENTRY.c.kind.in_([k.value for k in kinds]))
        if limit:
            statement = statement.limit(limit)
        rows = self._connection.execute(statement).all()
        return [_entry_of(row.id, row._mapping) for row in reversed(rows)]

    def entry(self, id: int) -> Entry | None:
        row = self._connection.execute(select(ENTRY).where(ENTRY.c.id == id)).one_or_none()
        return None if row is None else _entry_of(row.id, row._mapping)

    def search(
        self,
        status: str = "",
        text: str = "",
        requester: str = "",
        mailbox: str = "",
        assignee: str = "",
        limit: int = 100,
        offset: int = 0,
    ) -> list[Ticket]:
        """Latest activity first. `status` may be `open`; `text` is looked for in subject and own messages."""
        statement = _TICKET.order_by(TICKET.c.last_activity_at.desc(), TICKET.c.number.desc())
        if status == "open":
            statement = statement.where(TICKET.c.status != Status.CLOSED.value)
        elif status:
            statement = statement.where(TICKET.c.status == status)
        if requester:
            statement = statement.where(TICKET.c.requester_key == address_key(requester))
        if mailbox:
            statement = statement.where(TICKET.c.mailbox == mailbox)
        if assignee:
            statement = statement.where(TICKET.c.assignee == assignee)
        if text:
            pattern = "%" + text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_") + "%"
            in_entry = (
                select(ENTRY.c.id)
                .where(
                    ENTRY.c.ticket == TICKET.c.number,
                    ENTRY.c.kind == EntryKind.CORRESPONDENCE.value,
                    ENTRY.c.body_text.ilike(pattern, escape="\\"),
                )
                .exists()
            )
            statement = statement.where(or_(TICKET.c.subject.ilike(pattern, escape="\\"), in_entry))
        rows = self._connection.execute(statement.limit(limit).offset(offset)).all()
        return self._with_people(rows)

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute(select(TICKET.c.status, func.count()).group_by(TICKET.c.status))
        return {status.value: 0 for status in Status} | {str(name): n for name, n in rows}

    def customer_ids(self, number: int, limit: int = 20) -> list[str]:
        """Message-IDs of correspondence from the customer's side, oldest first: what an answer refers to."""
        rows = self._connection.execute(_CUSTOMERS_IDS, {"number": number, "most": limit})
        return [row[0] for row in rows][::-1]

    def set_target(self, number: int, target: Target | None) -> None:
        """Until when a ticket is to be answered, or that nothing is due."""
        values = {"warn_at": target and target.warn_at, "due_at": target and target.due_at, "target": ""}
        self._connection.execute(update(TICKET).where(TICKET.c.number == number).values(**values))

    def clock_candidates(self, solved_before: datetime, waiting_before: datetime, now: datetime) -> list[int]:
        """Numbers of tickets the clock may want something of; `clockwork.due` says what, if anything."""
        old = or_(
            and_(TICKET.c.status == Status.SOLVED.value, TICKET.c.solved_at <= solved_before),
            and_(TICKET.c.status == Status.WAITING_ON_CONTACT.value, TICKET.c.status_at <= waiting_before),
            and_(TICKET.c.due_at.is_not(None), TICKET.c.warn_at <= now, TICKET.c.target != MISSED),
        )
        rows = self._connection.execute(select(TICKET.c.number).where(old).order_by(TICKET.c.number).limit(5000))
        return [row[0] for row in rows]

    def closed_unproposed(self, since: datetime, until: datetime) -> list[Ticket]:
        """Tickets their requesters closed although nobody had said that they were solved."""
        statement = _TICKET.where(
            TICKET.c.status == Status.CLOSED.value,
            TICKET.c.closed_by == "requester",
            TICKET.c.solved_at.is_(None),
            TICKET.c.closed_at > since,
            TICKET.c.closed_at <= until,
        )
        return self._with_people(self._connection.execute(statement.order_by(TICKET.c.number)).all())

    def links(self, number: int) -> list[tuple[str, int, int]]:
        """(kind, ticket, other) of every link from or to a ticket."""
        rows = self._connection.execute(
            select(LINK.c.kind, LINK.c.ticket, LINK.c.other).where(or_(LINK.c.ticket == number, LINK.c.other == number))
        )
        return [(row[0], row[1], row[2]) for row in rows]

    def _tickets(self, numbers: Iterable[int]) -> list[Ticket]:
        wanted = sorted({n for n in numbers if 0 < n <= MAX_NUMBER})
        if not wanted:
            return []
        return self._with_people(self._connection.execute(_TICKETS, {"numbers": wanted}).all())

    def _with_people(self, rows: Sequence[Row[Any]]) -> list[Ticket]:
        numbers = [row.number for row in rows]
        people: dict[int, list[Participant]] = {}
        if numbers:
            found = self._connection.execute(_PEOPLE, {"numbers": numbers})
            for p in found:
                people.setdefault(p.ticket, []).append(
                    Participant(Address(p.address, p.name), bool(p.confirmed), bool(p.follower))
                )
        return [_ticket_of(row, tuple(people.get(row.number, ()))) for row in rows]


def _ticket_of(row: Row[Any], people: tuple[Participant, ...]) -> Ticket:
    return Ticket(
        number=row.number,
        status=Status(row.status),
        subject=row.subject,
        requester=Address(row.requester_address, row.requester_name),
        mailbox=row.mailbox,
        created_at=row.created_at,
        last_activity_at=row.last_activity_at,
        people=people,
        language=row.language,
        sub_status=row.sub_status,
        assignee=row.assignee,
        solved_at=row.solved_at,
        closed_at=row.closed_at,
        closed_by=row.closed_by,
        merged_into=row.merged_into or 0,
        follows=row.follows or 0,
        status_at=row.status_at,
        reminded_at=row.reminded_at,
        warn_at=row.warn_at,
        due_at=row.due_at,
        target=row.target,
        proposed=row.solved_at is not None,
        spam=bool(row.spam),
    )


def _entry_of(id: int, row: Any) -> Entry:
    return Entry(
        id,
        row["ticket"],
        EntryKind(row["kind"]),
        Address(row["author_address"], row["author_name"]),
        Role(row["author_role"]),
        row["body_text"],
        row["reply_text"],
        row["created_at"],
        tuple(Attachment(**a) for a in row["attachments"]),
        row["message_id"],
        row["reason"],
        row["evidence"],
        bool(row["collapsed"]),
        tuple(row["remarks"]),
        row["sha256"] or "",
    )


def _attachment_json(a: Attachment) -> dict[str, Any]:
    return {name: getattr(a, name) for name in a.__dataclass_fields__}
