"""Reading tickets: one, many, their entries and people. Nothing here changes anything."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ColumnElement,
    Connection,
    Row,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    false,
    func,
    or_,
    select,
    text,
)

from gateway.core import second_address, sides
from gateway.core.clock import MISSED, Steps
from gateway.core.lifecycle import Status
from gateway.core.ticket import Entry, EntryKind, Participant, Role, Ticket
from gateway.core.token import Named
from gateway.errors import UnknownTicket
from gateway.mail.message import Address, Attachment, address_key
from storage.address_tables import SECOND_ADDRESS
from storage.search import mails_of_others, mails_on_sides, tickets_with
from storage.search_shown import Reader
from storage.statement import Statement
from storage.tables import CONTACT, ENTRY, LINK, PARTICIPANT, TICKET

MAX_NUMBER = 2**31 - 1
"""PostgreSQL's integer. People write longer numbers, and it would not even compare them."""
OPEN = tuple(status.value for status in Status if status is not Status.CLOSED)
"""Named one by one, for what is not closed is found by no index."""

COUNTED = 10_000
_NAMED_IN_MAIL = (
    select(ENTRY.c.author_name)
    .where(
        ENTRY.c.ticket == TICKET.c.number,
        func.lower(ENTRY.c.author_address) == TICKET.c.requester_key,
        ENTRY.c.author_name != "",
    )
    .order_by(ENTRY.c.id.desc())
    .limit(1)
    .correlate(TICKET)
    .scalar_subquery()
)
"""A name belongs to a mail: one address may be many people's, of a form or a telephone system."""
_NAMES = Statement(
    select(TICKET.c.number, _NAMED_IN_MAIL.label("name")).where(
        TICKET.c.number.in_(bindparam("numbers", expanding=True))
    )
)
"""Apart from the tickets: where many are sorted, only those that are shown need it."""
_TICKET = select(TICKET, CONTACT.c.address.label("requester_address"), CONTACT.c.name.label("requester_name")).join(
    CONTACT, CONTACT.c.id == TICKET.c.requester_id
)
_OPEN_OF = Statement(
    select(TICKET.c.number)
    .where(TICKET.c.requester_key == bindparam("key"), TICKET.c.status != Status.CLOSED.value)
    .order_by(TICKET.c.number.desc())
    .limit(bindparam("most"))
)
_MERGED_OF = Statement(
    select(TICKET.c.number)
    .where(TICKET.c.requester_key == bindparam("key"), TICKET.c.merged_into.is_not(None))
    .order_by(TICKET.c.number.desc())
    .limit(bindparam("most"))
)
_TARGET = TICKET.alias()
_ELSEWHERE_OF = Statement(
    select(TICKET.c.number)
    .join(_TARGET, TICKET.c.merged_into == _TARGET.c.number)
    .where(
        TICKET.c.requester_key == bindparam("key"),
        TICKET.c.requester_key != _TARGET.c.requester_key,
        or_(_TARGET.c.status.in_(OPEN), _TARGET.c.merged_into.is_not(None)),
    )
    .order_by(TICKET.c.number.desc())
    .limit(bindparam("most"))
)
_TICKETS = Statement(
    _TICKET.add_columns(_NAMED_IN_MAIL.label("name_in_mail")).where(
        TICKET.c.number.in_(bindparam("numbers", expanding=True))
    )
)
_PEOPLE = Statement(
    select(PARTICIPANT, CONTACT.c.address.label("main"))
    .outerjoin(SECOND_ADDRESS, SECOND_ADDRESS.c.key == PARTICIPANT.c.key)
    .outerjoin(CONTACT, CONTACT.c.id == SECOND_ADDRESS.c.contact_id)
    .where(PARTICIPANT.c.ticket.in_(bindparam("numbers", expanding=True)))
    .order_by(PARTICIPANT.c.added_at, PARTICIPANT.c.key)
)
"""`main`: where somebody is written to who takes part under a further address."""
_NEWEST_ID = Statement(select(func.max(ENTRY.c.id)).where(ENTRY.c.ticket == bindparam("number")))
_NEWEST = Statement(
    select(ENTRY).where(ENTRY.c.ticket == bindparam("number")).order_by(ENTRY.c.id.desc()).limit(bindparam("most"))
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tickets are looked for; empty: any."""

    status: str = ""
    """One of ours, or `open`."""
    text: str = ""
    """Words of subject, messages and names of files (`storage.search`)."""
    requester: str = ""
    by_requester: bool = False
    """As the requester knows them: `text` is looked for in what they may read, and what was merged has the state of
    the ticket it goes on in."""
    given_by: datetime | None = None
    """With that: answers of agents from after this can still be taken back, and are not there yet."""
    mailbox: str = ""
    assignee: str = ""
    number: int = 0
    """Found as well, whatever `text` finds."""
    mailboxes: tuple[str, ...] = ()
    """Any of these."""
    unassigned: bool = False
    agents: frozenset[str] = frozenset()
    """Keys of all who are agents: what somebody else has is unassigned, too."""
    snoozed: bool = False
    tag: str = ""


ANY = Wanted()
MERGED = 200
"""So many merged tickets of a person have the state of the ones they go on in; older ones count as closed."""
Order = Literal["activity", "waiting", "newest", "oldest"]
_LATEST = (TICKET.c.last_activity_at.desc(), TICKET.c.number.desc())
_WAITS = (Status.WAITING_ON_CONTACT.value, Status.SOLVED.value)
_ORDERS: dict[Order, tuple[Any, ...]] = {
    "activity": _LATEST,
    "waiting": _LATEST,
    "newest": (TICKET.c.number.desc(),),
    "oldest": (TICKET.c.number,),
}
"""Latest activity first; after those that wait for their requester; as they were opened."""


class TicketReads:
    """Tickets as they are stored."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, number: int) -> Ticket:
        found = self.numbered({number})
        if not found:
            raise UnknownTicket(f"there is no ticket {number}")
        return found[0]

    def open_of(self, address: str, most: int) -> list[Ticket]:
        """The newest open tickets of an address as it knows them, the newest first; what was merged into another one of
        its own is that one."""
        wanted = {"key": address_key(address), "most": most}
        rows = _OPEN_OF.rows(self._connection, wanted)
        elsewhere = self.numbered(row[0] for row in _ELSEWHERE_OF.rows(self._connection, wanted))
        known = (self.as_known(ticket) for ticket in elsewhere)
        apart = (t for t in known if t.status is not Status.CLOSED and self._is_apart(t))
        found = sorted((*self.numbered(row[0] for row in rows), *apart), key=lambda t: t.number, reverse=True)
        return found[:most]

    def merged_of(self, address: str) -> list[Ticket]:
        """The newest tickets of an address that were merged into others, as it knows them."""
        rows = _MERGED_OF.rows(self._connection, {"key": address_key(address), "most": MERGED})
        return [self.as_known(t) for t in self.numbered(row[0] for row in rows)]

    def as_known(self, ticket: Ticket) -> Ticket:
        """A ticket as its requester knows it: what was merged has the state of the one it goes on in, as long as they
        take part there."""
        if not ticket.merged_into:
            return ticket
        key, target = ticket.requester.key, self.current(ticket.number)
        return sides.of_reader(target, ticket) if target.knows(key) else ticket

    def _is_apart(self, merged: Ticket) -> bool:
        """It went into somebody else's."""
        return self.current(merged.number).requester.key != merged.requester.key

    def marked(self, named: Named) -> Ticket:
        """The ticket a mark was made for, or the one it was merged into. Raises `UnknownTicket` for any other."""
        if not self.get(named.number).is_named(named):
            raise UnknownTicket(f"ticket {named.number} is not the one the mark was made for")
        return self.current(named.number)

    def current(self, number: int) -> Ticket:
        """A ticket, or the one it was merged into."""
        ticket = self.get(number)
        seen = {number}
        while ticket.merged_into and ticket.merged_into not in seen:
            seen.add(ticket.merged_into)
            ticket = self.get(ticket.merged_into)
        return ticket

    def entries(self, number: int, kinds: Sequence[EntryKind] = (), limit: int = 0) -> list[Entry]:
        """The history, oldest first; with a limit only the newest of it."""
        if limit and not kinds:
            newest = _NEWEST.rows(self._connection, {"number": number, "most": limit})
            return [entry_of(row.id, row._mapping) for row in reversed(newest)]
        statement = select(ENTRY).where(ENTRY.c.ticket == number).order_by(ENTRY.c.id.desc())
        if kinds:
            statement = statement.where(ENTRY.c.kind.in_([k.value for k in kinds]))
        if limit:
            statement = statement.limit(limit)
        rows = self._connection.execute(statement).all()
        return [entry_of(row.id, row._mapping) for row in reversed(rows)]

    def newest_entry(self, number: int) -> int:
        """Id of the newest entry of a ticket; 0 without one."""
        return _NEWEST_ID.scalar(self._connection, {"number": number}) or 0

    def entry(self, id: int) -> Entry | None:
        row = self._connection.execute(select(ENTRY).where(ENTRY.c.id == id)).one_or_none()
        return None if row is None else entry_of(row.id, row._mapping)

    def search(
        self, wanted: Wanted = ANY, *, order: Order = "activity", limit: int = 100, offset: int = 0
    ) -> list[Ticket]:
        by = _ORDERS[order]
        if order == "waiting":
            by = (case((self._has_status(wanted, _WAITS), 0), else_=1), *by)
        # An index has what most are sorted by, and of thousands of tickets only those that are shown are read whole.
        numbers = select(TICKET.c.number).where(*self._conditions(wanted)).order_by(*by).limit(limit).offset(offset)
        found = _TICKET.where(TICKET.c.number.in_(numbers)).order_by(*by)
        return self._with_people(self._connection.execute(found).all())

    def count(self, wanted: Wanted) -> int:
        """How many tickets `search` finds; it counts no further than `COUNTED`."""
        some = select(TICKET.c.number).where(*self._conditions(wanted)).limit(COUNTED).subquery()
        return int(self._connection.execute(select(func.count()).select_from(some)).scalar_one())

    def _conditions(self, wanted: Wanted) -> Iterator[ColumnElement[bool]]:
        if wanted.status:
            yield self._has_status(wanted, OPEN if wanted.status == "open" else (wanted.status,))
        if wanted.requester:
            yield TICKET.c.requester_key == address_key(wanted.requester)
        if wanted.mailbox:
            yield TICKET.c.mailbox == wanted.mailbox
        if wanted.assignee:
            yield and_(TICKET.c.assignee == wanted.assignee, text("assignee <> ''"))
        if wanted.mailboxes:
            yield TICKET.c.mailbox.in_(wanted.mailboxes)
        if wanted.unassigned:
            free = TICKET.c.assignee == ""
            yield or_(free, func.lower(TICKET.c.assignee).not_in(sorted(wanted.agents))) if wanted.agents else free
        if wanted.snoozed:
            yield TICKET.c.snoozed_until.is_not(None)
        if wanted.tag:
            # The list is kept as JSON, in which a tag stands between quotes.
            yield cast(TICKET.c.tags, Text).contains(json.dumps(wanted.tag), autoescape=True)
        if wanted.text:
            # Of few tickets all are looked at, however many others have the same words.
            few = wanted.requester or wanted.snoozed or wanted.status not in ("", Status.CLOSED.value)
            others = list(self._conditions(replace(wanted, text="")))
            among = select(TICKET.c.number).where(*others) if few else None
            requester = address_key(wanted.requester) if wanted.by_requester else ""
            found = tickets_with(self._connection, wanted.text, among, requester=requester)
            besides = [*self._found_by(Reader(requester, wanted.text, wanted.given_by), among)] if requester else []
            besides += [wanted.number] if wanted.number else []
            here = TICKET.c.number.in_(found)
            yield or_(here, TICKET.c.number.in_(besides)) if besides else here

    def _found_by(self, reader: Reader, among: Select[Any] | None) -> Iterator[int]:
        """Their tickets with the words in what they are shown of others' mails, or of somebody else's ticket."""
        mails = self._entries(mails_of_others(self._connection, reader.wanted, among, reader.key))
        for own in map(self.get, dict.fromkeys(mail.ticket for mail in mails)):
            if reader.finds((m for m in mails if m.ticket == own.number), own, own.subject, self.entries):
                yield own.number
        for row in _MERGED_OF.rows(self._connection, {"key": reader.key, "most": MERGED}):
            target, own = self.current(row.number), self.get(row.number)
            if target.requester.key != reader.key and sides.given(target, reader.key):
                seen = sides.sees(target, reader.key)
                ids = mails_on_sides(self._connection, reader.wanted, target.number, seen, own.subject)
                if reader.finds(self._entries(ids), target, own.subject, self.entries):
                    yield own.number

    def _entries(self, ids: Iterable[int]) -> list[Entry]:
        return [entry for id in ids if (entry := self.entry(id))]

    def _has_status(self, wanted: Wanted, some: Sequence[str]) -> ColumnElement[bool]:
        stored = TICKET.c.status.in_(some) if len(some) > 1 else TICKET.c.status == some[0]
        merged = self.merged_of(wanted.requester) if wanted.by_requester else ()
        if not merged:
            return stored
        others = TICKET.c.number.not_in([t.number for t in merged])
        return or_(and_(others, stored), TICKET.c.number.in_([t.number for t in merged if t.status in some]))

    def counts(self) -> dict[str, int]:
        rows = self._connection.execute(select(TICKET.c.status, func.count()).group_by(TICKET.c.status))
        return {status.value: 0 for status in Status} | {str(name): n for name, n in rows}

    def open_mailboxes(self) -> dict[str, int]:
        """How many open tickets each mailbox has, one that is in the settings no more too."""
        some = select(TICKET.c.mailbox, func.count()).where(TICKET.c.status.in_(OPEN)).group_by(TICKET.c.mailbox)
        return {row.mailbox: row[1] for row in self._connection.execute(some.order_by(TICKET.c.mailbox))}

    def open_tags(self) -> dict[str, int]:
        """Tag → open tickets with it, the most frequent first."""
        rows = self._connection.execute(select(TICKET.c.tags).where(TICKET.c.status != Status.CLOSED.value)).scalars()
        return dict(Counter(tag for tags in rows for tag in tags).most_common())

    def clock_candidates(self, after: int, now: datetime, solved: Steps, waiting: Steps) -> list[int]:
        """Some numbers above `after` the clock may want something of; `core.clock.due` says what, if anything."""
        may = or_(
            _may(solved, TICKET.c.solved_at),
            _may(waiting, TICKET.c.status_at),
            and_(TICKET.c.due_at.is_not(None), TICKET.c.warn_at <= now, TICKET.c.target != MISSED),
            TICKET.c.snoozed_until <= now,
        )
        here = and_(
            TICKET.c.number > after, TICKET.c.merged_into.is_(None), or_(TICKET.c.spam.is_(None), ~TICKET.c.spam)
        )
        rows = self._connection.execute(select(TICKET.c.number).where(may, here).order_by(TICKET.c.number).limit(500))
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

    def numbered(self, numbers: Iterable[int]) -> list[Ticket]:
        """The tickets with these numbers, as far as there are any."""
        wanted = sorted({n for n in numbers if 0 < n <= MAX_NUMBER})
        if not wanted:
            return []
        rows = _TICKETS.rows(self._connection, {"numbers": wanted})
        return self._with_people(rows, {row.number: row.name_in_mail for row in rows if row.name_in_mail})

    def _with_people(self, rows: Sequence[Row[Any]], named: dict[int, str] | None = None) -> list[Ticket]:
        """`named`: what requesters are called in their mails, by ticket, where that is read already."""
        numbers = [row.number for row in rows]
        people: dict[int, list[Participant]] = {}
        further: set[int] = set()
        names = named or {}
        if numbers:
            if named is None:
                names = {row[0]: row[1] for row in _NAMES.rows(self._connection, {"numbers": numbers}) if row[1]}
            found = _PEOPLE.rows(self._connection, {"numbers": numbers})
            for p in found:
                address = Address(p.main or p.address, p.name)
                people.setdefault(p.ticket, []).append(
                    Participant(address, bool(p.confirmed), bool(p.follower), tuple(p.sees), bool(p.adviser))
                )
                further |= {p.ticket} if p.main else set()
        tickets = [ticket_of(row, tuple(people.get(row.number, ())), names.get(row.number, "")) for row in rows]
        return [second_address.each_once(t) if t.number in further else t for t in tickets]


def ticket_of(row: Row[Any], people: tuple[Participant, ...], name: str) -> Ticket:
    return Ticket(
        number=row.number,
        status=Status(row.status),
        subject=row.subject,
        requester=Address(row.requester_address, name or row.requester_name),
        mailbox=row.mailbox,
        written_to=row.written_to,
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
        spam=bool(row.spam),
        snoozed_until=row.snoozed_until,
        snoozed_by=row.snoozed_by,
        snooze_note=row.snooze_note,
        tags=tuple(row.tags),
        birth=row.birth,
        old_marks=bool(row.old_marks),
    )


def _may(steps: Steps, since: ColumnElement[datetime]) -> ColumnElement[bool]:
    """In the status for long enough; what follows a reminder only after it."""
    due: list[ColumnElement[bool]] = [false()]
    if steps.remind_before is not None:
        due.append(and_(TICKET.c.reminded_at.is_(None), since <= steps.remind_before))
    if steps.last_before is not None:
        reminded = [TICKET.c.reminded_at.is_not(None)] if steps.remind_before is not None else []
        due.append(and_(*reminded, since <= steps.last_before))
    return and_(TICKET.c.status == steps.status.value, or_(*due))


def entry_of(id: int, row: Any) -> Entry:
    return Entry(
        id=id,
        ticket=row["ticket"],
        kind=EntryKind(row["kind"]),
        author=Address(row["author_address"], row["author_name"]),
        role=Role(row["author_role"]),
        body_text=row["body_text"],
        reply_text=row["reply_text"],
        created_at=row["created_at"],
        attachments=tuple(Attachment(**a) for a in row["attachments"]),
        message_id=row["message_id"],
        reason=row["reason"],
        evidence=row["evidence"],
        collapsed=bool(row["collapsed"]),
        remarks=tuple(row["remarks"]),
        sha256=row["sha256"] or "",
        side=row["side"],
    )


def contains(column: Any, text: str) -> ColumnElement[bool]:
    """The column holds `text`, upper or lower case, ß or ss, on both databases.

    SQLite's `lower` is ours (see `database`); PostgreSQL's knows letters but not that ß is written SS in capitals.
    """
    wanted = text.casefold().replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")
    found: ColumnElement[bool] = func.replace(func.lower(column), "ß", "ss").like(f"%{wanted}%", escape="\\")
    return found
