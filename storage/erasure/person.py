"""Where one person is in the store: the survey that comes before they are erased. Reads everything, changes nothing.

Elsewhere a person is recognised by address and full name, on their own tickets also by single names and
by their own words. A name that somebody else bears too, or that stands in so many texts of others that it
is no name ("Kind Regards"), is looked for on their own tickets only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, LargeBinary, Table, func, select
from sqlalchemy.sql.elements import ColumnElement

from gateway.core.lifecycle import Status
from gateway.core.person_traces import Traces, parts_of
from gateway.core.ticket import EntryKind, Role
from gateway.mail.message import address_key
from storage import raw
from storage.journal import SETTLED
from storage.outbox import OPEN
from storage.reads import contains
from storage.search import MARGIN
from storage.search_index import SEARCH
from storage.statement import STREAM
from storage.tables import CONTACT, ENTRY, JOURNAL, OUTBOX, PARTICIPANT, RAW, TICKET, metadata

COMMON = 20
"""A name that stands on more tickets of others than this is none."""
_OTHER_SIDE = (Role.AGENT.value, Role.SYSTEM.value, Role.ADVISER.value)

Progress = Callable[[int, int], None]
"""Told how many of how many raw mails are looked at."""


@dataclass(frozen=True, slots=True)
class Marks:
    """How far a survey came, by the ids of what only grows."""

    journal: int = 0
    entry: int = 0
    outbox: int = 0


@dataclass(slots=True)
class Survey:
    """All that concerns a person, as row ids."""

    key: str
    names: set[str] = field(default_factory=set)
    ambiguous: set[str] = field(default_factory=set)
    """Names that do not tell this person from others."""
    contact: int = 0
    whole: set[int] = field(default_factory=set)
    """Tickets nobody else on the customer's side wrote on."""
    part: set[int] = field(default_factory=set)
    """Tickets others take part in."""
    open: set[int] = field(default_factory=set)
    entries: set[int] = field(default_factory=set)
    """What the person wrote, on all their tickets."""
    journal: set[int] = field(default_factory=set)
    """Settled mails of the person's own."""
    undecided: set[int] = field(default_factory=set)
    """Mails of the person's own that are pending or held."""
    others_undecided: set[int] = field(default_factory=set)
    """Somebody else's that are pending or held and name the person."""
    raws: set[str] = field(default_factory=set)
    """Raw mails that hold something of the person."""
    outbox: set[int] = field(default_factory=set)
    """Mails of ours to the person."""
    naming: set[int] = field(default_factory=set)
    """Mails of ours to others that hold something of the person."""
    waiting: set[int] = field(default_factory=set)
    """Those of them that are not sent yet."""
    touched: dict[str, set[Any]] = field(default_factory=dict)
    """Table → primary keys of other rows that hold something of the person."""
    marks: Marks = Marks()

    @property
    def empty(self) -> bool:
        found = (self.whole, self.part, self.entries, self.journal, self.undecided, self.others_undecided)
        return not self.contact and not any((*found, self.raws, self.outbox, self.naming, *self.touched.values()))


@dataclass(frozen=True, slots=True)
class Recognised:
    """How the person is told: everywhere, and where they are near, on tickets they share with others."""

    everywhere: Traces
    near: Traces


def survey(
    connection: Connection, address: str, ours: Collection[str], progress: Progress, before: Survey | None = None
) -> tuple[Survey, Recognised]:
    """Look at every row; with an earlier survey only at what is new since, and its finds are kept.

    `ours` are the names of our mailboxes and agents: whoever calls themselves so does not make them theirs.
    """
    found = before or Survey(address_key(address))
    since = _less(found.marks, MARGIN[connection.dialect.name])
    found.marks = _marks(connection)
    _names(connection, found, ours)
    _tickets(connection, found)
    found.ambiguous |= {n for n in found.names - found.ambiguous if _common(connection, found, n)}
    known = _recognised(connection, found, ours)
    _mails(connection, found, known, since, progress)
    _outbox(connection, found, known, since)
    _texts(connection, found, known, since)
    return found, known


def _marks(connection: Connection) -> Marks:
    newest = (connection.execute(select(func.max(t.c.id))).scalar_one() or 0 for t in (JOURNAL, ENTRY, OUTBOX))
    return Marks(*newest)


def _less(marks: Marks, margin: int) -> Marks:
    return Marks(*(max(0, m - margin) for m in (marks.journal, marks.entry, marks.outbox)))


# --- who it is, and on which tickets ---------------------------------------------------------


def _names(connection: Connection, found: Survey, ours: Collection[str]) -> None:
    """What the person is called, and which of that others are called as well."""
    theirs = {_fold(name) for name in ours}
    for id, key, name in connection.execute(select(CONTACT.c.id, CONTACT.c.key, CONTACT.c.name)):
        if key == found.key:
            found.contact = id
            found.names.add(name)
        else:
            theirs.add(_fold(name))
    called = select(PARTICIPANT.c.key, PARTICIPANT.c.name).distinct()
    for key, name in connection.execute(called):
        (found.names.add(name) if key == found.key else theirs.add(_fold(name)))
    authors = select(ENTRY.c.author_address, ENTRY.c.author_name, ENTRY.c.author_role).distinct()
    for author, name, _ in connection.execute(authors, execution_options=STREAM):
        (found.names.add(name) if address_key(author) == found.key else theirs.add(_fold(name)))
    found.names = {" ".join(n.split()) for n in found.names if n.strip()}
    found.ambiguous = {n for n in found.names if _fold(n) in theirs}


def _common(connection: Connection, found: Survey, name: str) -> bool:
    elsewhere = ENTRY.c.ticket.not_in(found.whole | found.part)
    holds = contains(ENTRY.c.body_text, name)
    return (
        connection.execute(select(func.count(ENTRY.c.ticket.distinct())).where(holds, elsewhere)).scalar_one() > COMMON
    )


def _fold(name: str) -> str:
    return " ".join(name.split()).casefold()


def _tickets(connection: Connection, found: Survey) -> None:
    """The person's tickets and entries, and which of the tickets are theirs alone."""
    requester: dict[int, str] = {}
    into: dict[int, int] = {}
    is_open: set[int] = set()
    rows = select(TICKET.c.number, TICKET.c.requester_key, TICKET.c.merged_into, TICKET.c.status)
    for number, key, merged, status in connection.execute(rows, execution_options=STREAM):
        requester[number] = key
        if merged:
            into[number] = merged
        if status != Status.CLOSED.value:
            is_open.add(number)
    mine = {n for n, key in requester.items() if key == found.key}
    taking_part = select(PARTICIPANT.c.ticket).where(PARTICIPANT.c.key == found.key)
    concerned = mine | set(connection.execute(taking_part).scalars())
    written: set[int] = set()
    others_on: set[int] = set()
    columns = (
        ENTRY.c.id,
        ENTRY.c.ticket,
        ENTRY.c.author_address,
        ENTRY.c.author_role,
        ENTRY.c.kind,
        ENTRY.c.journal_id,
    )
    for id, ticket, author, role, kind, journal_id in connection.execute(select(*columns), execution_options=STREAM):
        if address_key(author) == found.key:
            found.entries.add(id)
            concerned.add(ticket)
            written.add(ticket)
            if journal_id:
                found.journal.add(journal_id)
        elif role not in _OTHER_SIDE and kind != EntryKind.EVENT.value:
            others_on.add(ticket)
    groups = _groups(into)
    shared = {n for n in requester if n not in mine or n in others_on}
    for number in concerned:
        alone = not shared & groups.get(number, {number})
        (found.whole if alone else found.part).add(number)
    found.whole -= found.part
    found.open = (found.whole | found.part) & is_open


def _groups(into: dict[int, int]) -> dict[int, set[int]]:
    """Tickets that were merged stand and fall together: number → all of its group, for those in one."""
    root: dict[int, int] = {}
    for number in into:
        seen, at = {number}, number
        while at in into and into[at] not in seen:
            at = into[at]
            seen.add(at)
        root[number] = at
    groups: dict[int, set[int]] = {}
    for number, top in root.items():
        groups.setdefault(top, {top}).add(number)
    return {member: group for group in groups.values() for member in group}


def _recognised(connection: Connection, found: Survey, ours: Collection[str]) -> Recognised:
    whole_names = [n for n in found.names if " " in n and n not in found.ambiguous]
    around = select(ENTRY.c.author_name).where(ENTRY.c.ticket.in_(found.part)).distinct()
    beside = select(PARTICIPANT.c.name).where(PARTICIPANT.c.ticket.in_(found.part), PARTICIPANT.c.key != found.key)
    others = {*connection.execute(around).scalars(), *connection.execute(beside).scalars(), *ours} - found.names
    names = [n for n in found.names if _fold(n) not in {_fold(o) for o in ours}]
    mails = select(ENTRY.c.reply_text, ENTRY.c.body_text, ENTRY.c.message_id).where(ENTRY.c.id.in_(found.entries))
    written = connection.execute(mails).all()
    subjects = select(TICKET.c.subject).where(TICKET.c.requester_key == found.key)
    texts = [*(row.reply_text or row.body_text for row in written), *connection.execute(subjects).scalars()]
    marks = [row.message_id for row in written]
    parts = (*(own := parts_of(names, others)), *_tags(connection, found, {_fold(part) for part in own}))
    return Recognised(Traces(found.key, whole_names), Traces(found.key, names, parts, texts, marks))


def _tags(connection: Connection, found: Survey, parts: Collection[str]) -> set[str]:
    """Words of the name as tags of their tickets write them: in small letters."""
    tags = select(TICKET.c.tags).where(TICKET.c.number.in_(found.part))
    words = (w for rows in connection.execute(tags).scalars() for tag in rows for w in re.findall(r"\w+", tag))
    return {word for word in words if _fold(word) in parts}


# --- mails ------------------------------------------------------------------------------------


def _mails(connection: Connection, found: Survey, known: Recognised, since: Marks, progress: Progress) -> None:
    """Raw mails that hold something of the person, and whose they are."""
    envelope = (JOURNAL.c.reverse_path, JOURNAL.c.authenticated_as)
    rows = select(JOURNAL.c.id, JOURNAL.c.state, JOURNAL.c.sha256, JOURNAL.c.ticket, *envelope)
    by_bytes: dict[str, list[tuple[int, str, bool]]] = {}
    near: set[str] = set()
    for id, state, sha256, ticket, *paths in connection.execute(rows.where(JOURNAL.c.id > since.journal)):
        own = id in found.journal or any(p and address_key(p) == found.key for p in paths)
        if own:
            (found.journal if state == SETTLED else found.undecided).add(id)
        if sha256:
            by_bytes.setdefault(sha256, []).append((id, state, own))
            if ticket in found.part:
                near.add(sha256)
    on_tickets = select(ENTRY.c.sha256, ENTRY.c.ticket).where(ENTRY.c.sha256.is_not(None), ENTRY.c.id > since.entry)
    for sha256, ticket in connection.execute(on_tickets, execution_options=STREAM):
        by_bytes.setdefault(sha256, [])
        if ticket in found.part:
            near.add(sha256)
    total = len(by_bytes)
    for number, (sha256, mails) in enumerate(by_bytes.items(), 1):
        data = raw.load(connection, sha256)
        progress(number, total)
        if data is None or not (known.near if sha256 in near else known.everywhere).in_mail(data):
            continue
        found.raws.add(sha256)
        author = None
        for id, state, own in mails:
            author = _author(data) if author is None else author
            if own or author == found.key:
                (found.journal if state == SETTLED else found.undecided).add(id)
            elif state != SETTLED:
                found.others_undecided.add(id)


def _author(data: bytes) -> str:
    # Its libraries take a third of a second to load, and few need them.
    from gateway.mail.parse import parse

    author = parse(data).author
    return author.key if author else ""


def _outbox(connection: Connection, found: Survey, known: Recognised, since: Marks) -> None:
    columns = (OUTBOX.c.id, OUTBOX.c.recipient_key, OUTBOX.c.ticket, OUTBOX.c.state, OUTBOX.c.data)
    rows = select(*columns).where(OUTBOX.c.id > since.outbox)
    for id, recipient, ticket, state, data in connection.execute(rows, execution_options=STREAM | {"yield_per": 50}):
        if recipient == found.key:
            found.outbox.add(id)
        elif ticket in found.whole or data is None:
            continue
        # What belongs to no ticket is for agents: a digest names tickets by their subjects.
        elif (known.near if ticket in found.part or not ticket else known.everywhere).in_mail(raw.decompress(data)):
            found.naming.add(id)
            if state in OPEN:
                found.waiting.add(id)


# --- every other text -------------------------------------------------------------------------


def _texts(connection: Connection, found: Survey, known: Recognised, since: Marks) -> None:
    """Rows of any table with a text that holds something of the person."""
    grown = {JOURNAL: since.journal, ENTRY: since.entry, OUTBOX: since.outbox}
    for table in metadata.sorted_tables:
        if table in (RAW, SEARCH):  # words follow what they index
            continue
        newer = table.c.id > grown[table] if table in grown else None
        for key, row in texts_of(connection, table, newer):
            ticket = row.get("ticket")
            traces = known.near if ticket in found.part and table is ENTRY else known.everywhere
            if any(traces.in_text(text) for value in row.values() for text in strings(value)):
                found.touched.setdefault(table.name, set()).add(key)


def texts_of(
    connection: Connection, table: Table, where: ColumnElement[bool] | None = None
) -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    """(primary key, every column that is not bytes) of each row."""
    keys = list(table.primary_key.columns)
    columns = {c.name: c for c in table.columns if not isinstance(c.type, LargeBinary)}
    statement = select(*keys, *(c.label(f"_{name}") for name, c in columns.items()))
    if where is not None:
        statement = statement.where(where)
    for row in connection.execute(statement, execution_options=STREAM):
        yield tuple(row[: len(keys)]), dict(zip(columns, row[len(keys) :], strict=True))


def strings(value: Any) -> Iterator[str]:
    """Every text inside a value of a column."""
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)
